"""A small network with one of everything that stages are made of, and images for it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from golden.network import Add, Clip, Conv, Flatten, Network, Node, Norm, Pool, Shortcut

__all__ = ["images", "staged_network"]

CHANNELS = 4


def staged_network(seed: int = 1, channels: int = CHANNELS) -> Network:
    """Convolutions with batch norm of both signs, residuals of each kind, passes, every pooling, a linear layer."""
    rng = np.random.default_rng(seed)

    def conv(name: str, source: str, inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> Conv:
        weight = rng.standard_normal((kernel, kernel, inputs, outputs)) / np.sqrt(kernel * kernel * inputs)
        return Conv(name, source, weight, None, (stride, stride), (kernel // 2,) * 2)

    def norm(name: str, source: str, outputs: int) -> Norm:
        gain = rng.choice([-1.0, 1.0], outputs) * rng.uniform(0.5, 1.5, outputs)
        return Norm(name, source, gain, rng.normal(0, 0.3, outputs))

    wide = 2 * channels
    nodes: tuple[Node, ...] = (
        conv("stem", "input", 3, channels),
        norm("stem.bn", "stem", channels),
        Clip("stem.relu", "stem.bn"),
        conv("a", "stem.relu", channels, channels),
        norm("a.bn", "a", channels),
        Add("a.add", "stem.relu", "a.bn"),
        Clip("a.relu", "a.add", 0.0, 4.0),
        conv("b", "a.relu", channels, channels),
        Clip("b.relu", "b"),
        Add("b.add", "a.relu", "b.relu"),  # after a limit: a pass
        conv("c", "b.add", channels, wide, stride=2),
        norm("c.bn", "c", wide),
        Shortcut("c.short", "b.add", 2, channels // 2, channels // 2),
        Add("c.sum", "c.bn", "c.short"),
        Pool("c.pool", "c.sum", "max", (2, 2)),
        norm("d", "c.pool", wide),  # behind a pooling: a pass with gains of both signs
        Clip("d.clip", "d", -1.0, 1.0),
        Pool("mean", "d.clip", "average"),
        Flatten("flat", "mean"),
        Conv("fc", "flat", rng.standard_normal((1, 1, wide, 5)), rng.normal(0, 0.2, 5)),
    )
    return Network("small", (8, 8, 3), nodes, (128.0,) * 3, (64.0, 60.0, 70.0))


def images(count: int, seed: int = 2) -> NDArray[np.uint8]:
    """(count, 8, 8, 3), at random."""
    return np.random.default_rng(seed).integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)
