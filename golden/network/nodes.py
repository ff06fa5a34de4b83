"""The nodes of a network's graph: real-valued operations, and the shapes that they take and give."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Add", "Clip", "Conv", "Flatten", "Grid", "Node", "Norm", "Pool", "Shape", "Shortcut", "shape_of", "sources"]

Floats: TypeAlias = NDArray[np.floating[Any]]
Shape: TypeAlias = tuple[int, int, int]
"""Height, width and channels."""


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


def sources(node: Node) -> tuple[str, ...]:
    """The names of what a node takes."""
    return (node.first, node.second) if isinstance(node, Add) else (node.source,)


def shape_of(node: Node, first: Shape, second: Shape | None = None) -> Shape:
    """The shape of what a node gives.

    Args:
        node: the node.
        first, second: shapes of what it takes.

    Raises:
        ValueError: naming the node, what does not fit and what would do.
    """
    high, wide, channels = first
    if isinstance(node, Conv):
        return _conv_shape(node, first)
    if isinstance(node, Norm):
        _check_finite(node.name, "gain", node.gain)
        _check_finite(node.name, "offset", node.offset)
        if not (node.gain.shape == node.offset.shape == (channels,)):
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
        if node.stride < 1 or min(node.before, node.behind) < 0:
            raise ValueError(f"node {node.name}: every {node.stride}th pixel; 1 or more would do")
        return -(-high // node.stride), -(-wide // node.stride), channels + node.before + node.behind
    return (1, 1, high * wide * channels) if isinstance(node, Flatten) else first


def _conv_shape(node: Conv, first: Shape) -> Shape:
    if node.weight.ndim != 4 or node.weight.shape[2] != first[2]:
        raise ValueError(f"node {node.name}: weights {node.weight.shape} are not (height, width, {first[2]}, outputs)")
    _check_finite(node.name, "weight", node.weight)
    _check_finite(node.name, "bias", node.bias)
    if min(node.stride) < 1 or min(node.padding) < 0:
        raise ValueError(f"node {node.name}: strides {node.stride}, padding {node.padding}; 1 and 0 or more would do")
    if node.bias is not None and node.bias.shape != node.weight.shape[3:]:
        raise ValueError(f"node {node.name}: biases {node.bias.shape} are not ({node.weight.shape[3]},)")
    rows, columns = (
        (size + 2 * pad - kernel) // stride + 1
        for size, pad, kernel, stride in zip(first, node.padding, node.weight.shape, node.stride, strict=False)
    )
    if rows < 1 or columns < 1:
        raise ValueError(f"node {node.name}: a kernel of {node.weight.shape[:2]} is larger than {first[:2]} pixels")
    return rows, columns, node.weight.shape[3]


def _check_finite(name: str, what: str, array: Floats | None) -> None:
    if array is not None and not np.isfinite(array).all():
        raise ValueError(f"node {name}: a {what} is not finite")
