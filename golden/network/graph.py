"""A network as a graph of real-valued operations, in the words of importers and of those who write one in NumPy.

Images are (images, height, width, channels); a vector is an image of one pixel.  :func:`values` defines what a network
means, in float32 or float64; ``lowering`` makes of it what tiles do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

__all__ = [
    "INPUT",
    "Add",
    "Clip",
    "Conv",
    "Flatten",
    "Grid",
    "Network",
    "Node",
    "Norm",
    "Pool",
    "Shortcut",
    "patches",
    "shapes",
    "values",
]

Floats = NDArray[np.floating[Any]]
Shape: TypeAlias = tuple[int, int, int]
"""Height, width and channels."""

INPUT = "input"
"""The name of what the network is given."""


@dataclass(frozen=True, eq=False)
class Conv:
    """Convolution; a fully connected layer is one whose kernel is 1 x 1 on an image of one pixel.

    Args:
        name: of the node, unique.
        source: name of the node whose values it takes.
        weight: (kernel height, kernel width, inputs, outputs), real.
        bias: (outputs,), or None.
        stride: rows and columns from one window to the next.
        padding: rows (above and below) and columns (left and right) of zeros.
    """

    name: str
    source: str
    weight: Floats
    bias: Floats | None = None
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)


@dataclass(frozen=True, eq=False)
class Norm:
    """``gain * x + offset``, (channels,) each: batch normalisation whose statistics stand."""

    name: str
    source: str
    gain: Floats
    offset: Floats


@dataclass(frozen=True)
class Clip:
    """``min(max(x, low), high)``: ReLU is 0 and infinity, ReLU6 0 and 6, hardtanh -1 and 1."""

    name: str
    source: str
    low: float = 0.0
    high: float = float("inf")


@dataclass(frozen=True)
class Add:
    """The sum of two nodes of one shape."""

    name: str
    first: str
    second: str


@dataclass(frozen=True)
class Pool:
    """Maximum or mean of windows that do not overlap; ``window`` None: of the whole image."""

    name: str
    source: str
    kind: Literal["max", "average"]
    window: tuple[int, int] | None = None


@dataclass(frozen=True)
class Shortcut:
    """Every ``stride``-th pixel, with channels of zeros before and behind: a residual that costs no weights."""

    name: str
    source: str
    stride: int = 1
    before: int = 0
    behind: int = 0


@dataclass(frozen=True)
class Flatten:
    """An image as one pixel, whose channels are in the order of (height, width, channels)."""

    name: str
    source: str


@dataclass(frozen=True)
class Grid:
    """Values are multiples of ``lsb``, from ``low`` to ``high`` of them: what a quantised network says of itself."""

    name: str
    source: str
    lsb: float
    low: int
    high: int


Node: TypeAlias = Conv | Norm | Clip | Add | Pool | Shortcut | Flatten | Grid


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
        if not all(d > 0 for d in self.deviation):
            raise ValueError(f"deviation = {self.deviation}: positive numbers would do")
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


def sources(node: Node) -> tuple[str, ...]:
    """The names of what a node takes."""
    return (node.first, node.second) if isinstance(node, Add) else (node.source,)


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
        found[node.name] = _shape(node, *(found[one] for one in sources(node)))
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


def _shape(node: Node, first: Shape, second: Shape | None = None) -> Shape:
    high, wide, channels = first
    if isinstance(node, Conv):
        return _conv_shape(node, first)
    if isinstance(node, Norm) and not (node.gain.shape == node.offset.shape == (channels,)):
        raise ValueError(
            f"node {node.name} has gains {node.gain.shape} and offsets {node.offset.shape} for {channels} channels"
        )
    if isinstance(node, Add) and first != second:
        raise ValueError(f"node {node.name} adds {first} and {second}; equal shapes would do")
    if isinstance(node, Clip) and (node.low > 0 or node.high < 0):
        raise ValueError(f"node {node.name} clips to {node.low:g}..{node.high:g}; limits on either side of 0 would do")
    if isinstance(node, Grid) and (node.lsb <= 0 or node.low > 0 or node.high < 0):
        raise ValueError(f"node {node.name}: an LSB of {node.lsb:g}, {node.low}..{node.high}; a positive one would do")
    if isinstance(node, Pool):
        rows, columns = node.window or (high, wide)
        if not (rows > 0 and columns > 0) or high % rows or wide % columns:
            raise ValueError(f"node {node.name}: windows of {rows} x {columns} do not tile {high} x {wide} pixels")
        return high // rows, wide // columns, channels
    if isinstance(node, Shortcut):
        return -(-high // node.stride), -(-wide // node.stride), channels + node.before + node.behind
    return (1, 1, high * wide * channels) if isinstance(node, Flatten) else first


def _conv_shape(node: Conv, first: Shape) -> Shape:
    if node.weight.ndim != 4 or node.weight.shape[2] != first[2]:
        raise ValueError(f"node {node.name}: weights {node.weight.shape} are not (height, width, {first[2]}, outputs)")
    if not np.isfinite(node.weight).all():
        raise ValueError(f"node {node.name}: a weight is not finite")
    if node.bias is not None and node.bias.shape != node.weight.shape[3:]:
        raise ValueError(f"node {node.name}: biases {node.bias.shape} are not ({node.weight.shape[3]},)")
    rows, columns = (
        (size + 2 * pad - kernel) // stride + 1
        for size, pad, kernel, stride in zip(first, node.padding, node.weight.shape, node.stride, strict=False)
    )
    if rows < 1 or columns < 1:
        raise ValueError(f"node {node.name}: a kernel of {node.weight.shape[:2]} is larger than {first[:2]} pixels")
    return rows, columns, node.weight.shape[3]
