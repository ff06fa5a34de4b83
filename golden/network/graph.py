"""A network as a graph of real-valued operations, in the words of importers and of those who write one in NumPy.

Images are (images, height, width, channels); a vector is an image of one pixel.  :func:`values` defines what a network
means, in float32 or float64; ``lowering`` makes of it what tiles do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from .nodes import Add, Clip, Conv, Flatten, Node, Norm, Pool, Shape, Shortcut, shape_of, sources

__all__ = ["INPUT", "Network", "patches", "shapes", "values"]

Floats = NDArray[np.floating[Any]]

INPUT = "input"
"""The name of what the network is given."""


@dataclass(frozen=True)
class Network:
    """Nodes in an order in which each comes after what it takes; the last is the network's result.

    Args:
        name: of the network.
        shape: of an image: height, width, channels.
        nodes: at least one.
        mean, deviation: (channels,) the network takes ``(pixel - mean) / deviation``; 0 and 1 where it takes pixels.

    Raises:
        ValueError: naming the node, what is wrong with it and what would do.
    """

    name: str
    shape: Shape
    nodes: tuple[Node, ...]
    mean: tuple[float, ...] = (0.0,)
    deviation: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        for what, given in (("mean", self.mean), ("deviation", self.deviation)):
            if len(given) not in (1, self.shape[2]):
                raise ValueError(f"{what} has {len(given)} values, not 1 or one for each of {self.shape[2]} channels")
            if not np.isfinite(given).all():
                raise ValueError(f"{what} = {', '.join(map(str, given))}: finite numbers would do")
        if not all(d > 0 for d in self.deviation):
            raise ValueError(f"deviation = {', '.join(map(str, self.deviation))}: positive numbers would do")
        if not self.nodes:
            raise ValueError(f"the network {self.name} has no node")
        shapes(self)

    @property
    def result(self) -> str:
        """Name of the last node."""
        return self.nodes[-1].name

    def prepared(self, images: NDArray[Any]) -> Floats:
        """What the network takes of pixels: float32."""
        mean, deviation = np.asarray(self.mean, np.float32), np.asarray(self.deviation, np.float32)
        return (images.astype(np.float32) - mean) / deviation


def shapes(network: Network) -> dict[str, Shape]:
    """The shape of an image behind each node.

    Raises:
        ValueError: a node that takes what is not there, has a name twice, or does not fit what it takes.
    """
    found: dict[str, Shape] = {INPUT: network.shape}
    for node in network.nodes:
        if node.name in found:
            raise ValueError(f"the name {node.name} is used twice")
        for one in sources(node):
            if one not in found:
                raise ValueError(f"node {node.name} takes {one}, which no node before it is called")
        found[node.name] = shape_of(node, *(found[one] for one in sources(node)))
    return found


def values(network: Network, images: NDArray[Any]) -> dict[str, Floats]:
    """What every node gives, the plain meaning of the network, in the dtype of ``images``.

    Args:
        network: the network.
        images: (images, height, width, channels) as :meth:`Network.prepared` gives them.
    """
    if images.shape[1:] != network.shape:
        raise ValueError(f"images of shape {images.shape[1:]} are not {network.shape} (height, width, channels)")
    found: dict[str, Floats] = {INPUT: images}
    for node in network.nodes:
        found[node.name] = _value(node, found).astype(images.dtype, copy=False)
    return found


def patches(
    x: NDArray[Any], kernel: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int]
) -> NDArray[Any]:
    """Windows of images: (images, rows, columns, kernel height, kernel width, channels), a view where it can be."""
    if padding != (0, 0):
        x = np.pad(x, ((0, 0), (padding[0],) * 2, (padding[1],) * 2, (0, 0)))
    windows = sliding_window_view(x, kernel, axis=(1, 2))[:, :: stride[0], :: stride[1]]
    return np.moveaxis(windows, 3, 5)


def _value(node: Node, given: Mapping[str, Floats]) -> Floats:
    x = given[sources(node)[0]]
    if isinstance(node, Conv):
        kernel = node.weight.shape[:2]
        rows = patches(x, (kernel[0], kernel[1]), node.stride, node.padding)
        y = rows.reshape(*rows.shape[:3], -1) @ node.weight.reshape(-1, node.weight.shape[3]).astype(x.dtype)
        return y if node.bias is None else y + node.bias.astype(x.dtype)
    if isinstance(node, Norm):
        return x * node.gain.astype(x.dtype) + node.offset.astype(x.dtype)
    if isinstance(node, Clip):
        return np.clip(x, node.low, node.high)
    if isinstance(node, Add):
        return x + given[node.second]
    if isinstance(node, Pool):
        high, wide = node.window or (x.shape[1], x.shape[2])
        cut = x.reshape(len(x), x.shape[1] // high, high, x.shape[2] // wide, wide, x.shape[3])
        return cut.max(axis=(2, 4)) if node.kind == "max" else cut.mean(axis=(2, 4))
    if isinstance(node, Shortcut):
        every = x[:, :: node.stride, :: node.stride]
        return np.pad(every, ((0, 0), (0, 0), (0, 0), (node.before, node.behind)))
    if isinstance(node, Flatten):
        return x.reshape(len(x), 1, 1, -1)
    return np.clip(np.rint(x / node.lsb), node.low, node.high) * node.lsb
