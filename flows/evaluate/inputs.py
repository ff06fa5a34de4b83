"""A network and its images as one file, which workers read instead of having all of it sent with each task."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from golden.network import Network

from ..networks.data import Data, read_arrays
from ..networks.plain import network_of_arrays, plain_arrays, write_arrays

__all__ = ["Inputs", "load_inputs", "save_inputs"]

_IMAGES = ("images.calibration", "images.test", "images.labels")


@dataclass(frozen=True, eq=False)
class Inputs:
    """What is evaluated, and on what.

    Attributes:
        network: the network.
        calibration: (images, height, width, channels) uint8, for grids and columns.
        images: (images, height, width, channels) uint8, which nothing was chosen by.
        labels: (images,) int64.
    """

    network: Network
    calibration: NDArray[np.uint8]
    images: NDArray[np.uint8]
    labels: NDArray[np.int64]

    @classmethod
    def of(cls, network: Network, data: Data, images: int | None, calibration: int) -> Inputs:
        """The first ``images`` of the test images (None: all), and as many for calibration, spread over the others.

        Raises:
            ValueError: more images than there are, or none; images of another shape than the network takes.
        """
        there = len(data.x_test)
        wanted = there if images is None else images
        if not 1 <= wanted <= there:
            raise ValueError(f"images = {wanted} is outside 1..{there}, the test images that there are")
        if calibration < 1:
            raise ValueError(f"calibration images = {calibration}; 1 or more would do, a few hundred are usual")
        if data.shape != network.shape:
            raise ValueError(
                f"images of {data.shape} are not the {network.shape} that the network {network.name} takes"
            )
        every = np.linspace(0, len(data.x_train) - 1, min(calibration, len(data.x_train))).astype(np.int64)
        return cls(network, data.x_train[every], data.x_test[:wanted], data.y_test[:wanted])

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything by name."""
        arrays = dict(plain_arrays(self.network))
        arrays |= zip(_IMAGES, (self.calibration, self.images, self.labels), strict=True)
        return arrays

    def digest(self) -> str:
        """Of all of it."""
        found = hashlib.sha256()
        for name, array in sorted(self.arrays().items()):
            found.update(f"{name} {array.dtype} {array.shape}\n".encode())
            found.update(np.ascontiguousarray(array).tobytes())
        return found.hexdigest()


def save_inputs(inputs: Inputs, folder: Path) -> Path:
    """Write it as ``inputs-<digest>.npz``, unless it is there; the file's path.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"inputs-{inputs.digest()[:16]}.npz"
    try:
        intact = load_inputs(file).digest() == inputs.digest()
    except (OSError, ValueError, KeyError):
        intact = False
    if not intact:
        write_arrays(file, inputs.arrays())
    return file


def load_inputs(file: Path) -> Inputs:
    """What :func:`save_inputs` has written.

    Raises:
        ValueError, KeyError, OSError: it is damaged, or not there.
    """
    arrays = read_arrays(file)
    calibration, images, labels = (arrays[name] for name in _IMAGES)
    return Inputs(network_of_arrays(arrays), calibration, images, labels)
