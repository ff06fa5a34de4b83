"""Images and their labels: what a network is calibrated and judged with."""

from __future__ import annotations

import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Data", "load_data", "read_arrays"]

_NAMES = (("x_train", "x_calib"), ("y_train", "y_calib"), ("x_test",), ("y_test",))
"""Keys of a file of data: the first is the usual one, and any will do."""


_DAMAGED = (
    *(ValueError, EOFError, OSError, AttributeError, TypeError, MemoryError, RuntimeError),
    *(zipfile.BadZipFile, zlib.error, tokenize.TokenError),
)
"""What NumPy and its archives raise of files that are none."""


@dataclass(frozen=True, eq=False)
class Data:
    """Images (images, height, width, channels), uint8, and labels (images,), int64.

    Args:
        x_train, y_train: what may be used to choose numbers: ranges, calibration, search.
        x_test, y_test: what results are reported of, and nothing else.

    Raises:
        ValueError: naming the array, what is wrong with it and what would do.
    """

    x_train: NDArray[np.uint8]
    y_train: NDArray[np.int64]
    x_test: NDArray[np.uint8]
    y_test: NDArray[np.int64]

    def __post_init__(self) -> None:
        for images, labels in (("x_train", "y_train"), ("x_test", "y_test")):
            _check_images(images, getattr(self, images))
            object.__setattr__(self, labels, _labels(labels, getattr(self, labels), len(getattr(self, images))))
        if self.x_train.shape[1:] != self.x_test.shape[1:]:
            raise ValueError(
                f"x_train has images of {self.x_train.shape[1:]}, x_test of {self.x_test.shape[1:]}; one shape would do"
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of an image."""
        high, wide, channels = self.x_test.shape[1:]
        return high, wide, channels

    @property
    def classes(self) -> int:
        """One more than the largest label."""
        return int(max(self.y_train.max(), self.y_test.max())) + 1


def load_data(file: Path) -> Data:
    """Images and labels of an .npz file: x_train and y_train, or x_calib and y_calib; x_test and y_test.

    Raises:
        ValueError: a file that is no .npz, a key that is absent, or an array that is not what it should be.
        OSError: the file cannot be read.
    """
    arrays = read_arrays(file)
    found: dict[str, Any] = {}
    for names in _NAMES:
        here = next((name for name in names if name in arrays), None)
        if here is None:
            raise ValueError(f"{file} has no {' or '.join(names)}; it has {', '.join(arrays) or 'nothing'}")
        found[names[0]] = arrays[here]
    try:
        return Data(**found)
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from None


def read_arrays(file: Path) -> Mapping[str, NDArray[Any]]:
    """All arrays of an .npz file, none of which may be of Python objects.

    Raises:
        ValueError: a file that is no .npz, or is damaged.
        OSError: the file cannot be read.
    """
    with file.open("rb") as stream:
        try:
            stored = np.load(stream, allow_pickle=False)
            if not isinstance(stored, np.lib.npyio.NpzFile):
                raise ValueError("it is one array")
            return {name: stored[name] for name in stored.files}
        except _DAMAGED as error:
            raise ValueError(f"{file} is no .npz of plain arrays ({_first(error)}); numpy.savez writes one") from None


def _first(error: Exception) -> str:
    """The first line of what an error says; not of NumPy's, where it goes on to tell how to load pickles."""
    said = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
    return "it holds Python objects, or is no archive" if "pickle" in said else said


def _check_images(name: str, images: NDArray[Any]) -> None:
    if images.ndim != 4 or images.dtype != np.uint8 or 0 in images.shape:
        raise ValueError(
            f"{name} is {images.dtype} {images.shape}; uint8 (images, height, width, channels), none 0, would do"
        )


def _labels(name: str, labels: NDArray[Any], images: int) -> NDArray[np.int64]:
    if labels.shape != (images,) or labels.dtype.kind not in "iu":
        raise ValueError(f"{name} is {labels.dtype} {labels.shape}; integers ({images},), one an image, would do")
    if labels.min() < 0 or labels.max() > 1 << 20:
        worst = int(labels.min() if labels.min() < 0 else labels.max())
        raise ValueError(f"{name} has the label {worst}; labels from 0 would do")
    return labels.astype(np.int64)
