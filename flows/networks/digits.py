"""The network that comes with this project: a small ResNet on scikit-learn's digits, trained where it is wanted.

The images are the UCI "Optical Recognition of Handwritten Digits" of E. Alpaydin and C. Kaynak (CC BY 4.0), 1797 of
8 x 8 pixels, as scikit-learn has them; 1198 are for training and 599 are held out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from golden.network import INPUT, Add, Clip, Conv, Flatten, Network, Node, Pool

from .data import Data
from .extras import extra
from .plain import load_plain, save_plain
from .train import Schedule, train

__all__ = ["SCHEDULE", "Digits", "digits", "digits_data", "untrained"]

SCHEDULE = Schedule()
"""How the network is trained."""

_SPLIT_SEED = 1
_PIXEL = 16.0
"""The largest pixel."""


class Digits(NamedTuple):
    """The trained network and its images."""

    network: Network
    data: Data


def digits(folder: Path, schedule: Schedule = SCHEDULE, say: Callable[[str], None] = lambda _: None) -> Digits:
    """The network, trained unless ``folder`` has it from the same data, schedule and program.

    Args:
        folder: where it is kept, as ``digits-<digest>.npz``; made if absent.
        schedule: of the training.
        say: told when training begins.

    Raises:
        ValueError: scikit-learn or threadpoolctl is not installed.
        OSError: the folder cannot be written.
    """
    data = digits_data()
    file = folder / f"digits-{_digest(data, schedule)}.npz"
    if not file.exists():
        say("train the network on digits")
        limits = extra("threadpoolctl", "networks").threadpool_limits
        with limits(1):  # the order in which a BLAS adds, and so the last bits, changes with its threads
            network = train(untrained(), data.x_train, data.y_train, schedule)
        folder.mkdir(parents=True, exist_ok=True)
        save_plain(network, file)
    return Digits(load_plain(file), data)


def digits_data() -> Data:
    """The images, (images, 8, 8, 1), pixels of 0 to 16; a third, always the same, is held out.

    Raises:
        ValueError: scikit-learn is not installed.
    """
    stored = extra("sklearn.datasets", "networks").load_digits()
    images: NDArray[np.uint8] = stored.images.astype(np.uint8)[..., None]
    labels = stored.target.astype(np.int64)
    order = np.random.default_rng(_SPLIT_SEED).permutation(len(images))
    test, seen = np.split(order, [len(images) // 3])
    return Data(images[seen], labels[seen], images[test], labels[test])


def untrained(seed: int = 1) -> Network:
    """The network with normal weights of variance 2 / rows: 16 and 32 channels, a residual of two layers, the mean, 10.

    The residual's layers have 9 * 32 = 288 rows, more than a tile of 256 has.
    """
    rng = np.random.default_rng(seed)

    def conv(name: str, source: str, kernel: int, inputs: int, outputs: int) -> Conv:
        shape = kernel, kernel, inputs, outputs
        weight = rng.normal(0, np.sqrt(2 / (kernel**2 * inputs)), shape).astype(np.float32)
        return Conv(name, source, weight, np.zeros(outputs, np.float32), padding=(kernel // 2, kernel // 2))

    nodes: tuple[Node, ...] = (
        conv("stem.conv", INPUT, 3, 1, 16),
        Clip("stem.relu", "stem.conv"),
        conv("wide.conv", "stem.relu", 3, 16, 32),
        Clip("wide.relu", "wide.conv"),
        Pool("wide.pool", "wide.relu", "max", (2, 2)),
        conv("a.conv", "wide.pool", 3, 32, 32),
        Clip("a.relu", "a.conv"),
        conv("b.conv", "a.relu", 3, 32, 32),
        Add("add", "wide.pool", "b.conv"),
        Clip("b.relu", "add"),
        Pool("pool", "b.relu", "average", (2, 2)),
        Flatten("flatten", "pool"),
        conv("fc", "flatten", 1, 128, 10),
    )
    return Network("digits", (8, 8, 1), nodes, (0.0,), (_PIXEL,))


def _digest(data: Data, schedule: Schedule) -> str:
    """Of all that the trained weights depend on."""
    digest = hashlib.sha256(f"{np.__version__} {schedule}".encode())
    for name in ("train.py", "digits.py"):
        digest.update(Path(__file__).with_name(name).read_bytes())
    digest.update(data.x_train.tobytes() + data.y_train.tobytes())
    return digest.hexdigest()[:16]
