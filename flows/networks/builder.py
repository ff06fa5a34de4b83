"""Nodes put one after another by an importer, in the words of PyTorch and ONNX: channels first, weights outputs first.

A network here has its channels last, so an image that is flattened has another order; the layer behind it is given
weights in that order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from golden.network import INPUT, Add, Clip, Conv, Flatten, Grid, Network, Node, Norm, Pool, Shortcut
from golden.network import shapes as shapes_of

__all__ = ["Builder", "Value"]

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer]
Pair = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Value:
    """What a node gives.

    Args:
        name: of the node.
        shape: height, width and channels.
        vector: whether the importer's library takes it for (images, features), not (images, channels, rows, columns).
        order: (features,) the feature there of each feature here; None: the same.
    """

    name: str
    shape: tuple[int, int, int]
    vector: bool = False
    order: Ints | None = None


class Builder:
    """The nodes so far.

    Args:
        shape: height, width and channels of an image.
        vector: whether the network takes vectors; their shape is (1, 1, features).
    """

    def __init__(self, shape: tuple[int, int, int], vector: bool = False) -> None:
        self.input = Value(INPUT, shape, vector)
        self._shape, self._nodes, self._shapes = shape, dict[str, Node](), {INPUT: shape}

    def conv(
        self, name: str, x: Value, weight: Floats, bias: Floats | None, stride: Pair, pads: tuple[Pair, Pair]
    ) -> Value:
        """Convolution.

        Args:
            name: of the node.
            x: an image.
            weight: (outputs, inputs, kernel height, kernel width).
            bias: (outputs,), or None.
            stride: of rows and columns.
            pads: rows above and below, columns left and right.

        Raises:
            ValueError: as all methods here: what cannot be, and what would do.
        """
        self._image(x)
        if weight.ndim != 4:
            raise ValueError(f"its weights have {weight.ndim} dimensions; a convolution in two dimensions would do")
        if weight.shape[1] != x.shape[2]:
            raise ValueError(f"its weights {weight.shape} are not for {x.shape[2]} channels; groups = 1 would do")
        if any(first != last for first, last in pads):
            raise ValueError(f"it pads {pads[0]} rows and {pads[1]} columns; as many before as behind would do")
        return self._put(
            Conv(name, x.name, weight.transpose(2, 3, 1, 0).copy(), bias, stride, (pads[0][0], pads[1][0])), x
        )

    def linear(self, name: str, x: Value, weight: Floats, bias: Floats | None) -> Value:
        """A fully connected layer, weights (outputs, inputs)."""
        if not x.vector:
            raise ValueError(f"it takes an image of {_told(x)}; a vector, by a flatten before it, would do")
        if weight.ndim != 2 or weight.shape[1] != x.shape[2]:
            raise ValueError(f"its weights {weight.shape} are not (outputs, {x.shape[2]})")
        columns = weight if x.order is None else weight[:, x.order]
        return replace(self._put(Conv(name, x.name, columns.T[None, None].copy(), bias), x), order=None)

    def norm(self, name: str, x: Value, gain: Floats, offset: Floats) -> Value:
        """``gain * x + offset`` a channel."""
        if gain.shape != (x.shape[2],) or offset.shape != gain.shape:
            raise ValueError(f"its {len(gain)} channels are not the {x.shape[2]} that it takes")
        if x.order is not None:
            gain, offset = gain[x.order], offset[x.order]
        return self._put(Norm(name, x.name, gain, offset), x)

    def clip(self, name: str, x: Value, low: float | None, high: float | None) -> Value:
        """Limits; None: there is none."""
        bounds = float("-inf") if low is None else float(low), float("inf") if high is None else float(high)
        return self._put(Clip(name, x.name, *bounds), x)

    def add(self, name: str, first: Value, second: Value) -> Value:
        """The sum of two."""
        if first.shape != second.shape or first.vector != second.vector:
            raise ValueError(f"it adds {_told(first)} and {_told(second)}; equal shapes would do")
        if not _same(first.order, second.order):
            raise ValueError("it adds an image that was flattened to features that were not; adding before would do")
        return self._put(Add(name, first.name, second.name), first)

    def pool(
        self,
        name: str,
        x: Value,
        kind: Literal["max", "average"],
        window: Pair | None,
        stride: Pair | None = None,
        padding: int = 0,
    ) -> Value:
        """The largest or the mean of windows; None: of the whole image."""
        self._image(x)
        if padding:
            raise ValueError("it pads; pooling without padding would do")
        if window == (1, 1) and stride is not None and stride[0] == stride[1]:
            return self._put(Shortcut(name, x.name, stride[0]), x)
        if stride not in (None, window):
            raise ValueError(f"it has windows of {window} and a stride of {stride}; equal ones would do")
        return self._put(Pool(name, x.name, kind, None if window == x.shape[:2] else window), x)

    def adaptive(self, name: str, x: Value, kind: Literal["max", "average"], wanted: Pair) -> Value:
        """Pooling to so many rows and columns."""
        if x.shape[0] % wanted[0] or x.shape[1] % wanted[1]:
            raise ValueError(f"it makes {wanted} of {x.shape[:2]} pixels, in unequal windows; 1 would do")
        return self.pool(name, x, kind, (x.shape[0] // wanted[0], x.shape[1] // wanted[1]))

    def shortcut(self, name: str, x: Value, stride: int, before: int, behind: int) -> Value:
        """Every ``stride``-th pixel, and channels of zeros; two of them that follow one another are one."""
        self._image(x)
        last = self._nodes.get(x.name)
        if isinstance(last, Shortcut) and not (last.before or last.behind) and stride == 1:
            return self._put(Shortcut(name, last.source, last.stride, before, behind), x)
        return self._put(Shortcut(name, x.name, stride, before, behind), x)

    def flatten(self, name: str, x: Value) -> Value:
        """An image as a vector, whose order there is (channels, rows, columns)."""
        if x.vector:
            return x
        high, wide, channels = x.shape
        if high * wide == 1:
            return replace(x, vector=True)
        order = np.arange(high * wide * channels).reshape(channels, high, wide).transpose(1, 2, 0).ravel()
        return replace(self._put(Flatten(name, x.name), x), vector=True, order=order if channels > 1 else None)

    def grid(self, name: str, x: Value, lsb: float, low: int, high: int) -> Value:
        """Rounding to multiples of ``lsb``."""
        return self._put(Grid(name, x.name, lsb, low, high), x)

    def done(
        self, name: str, result: Value, mean: Sequence[float] = (0.0,), deviation: Sequence[float] = (1.0,)
    ) -> Network:
        """The network whose result is ``result``, without nodes that it does not need.

        Raises:
            ValueError: as :class:`golden.network.Network`, or there is nothing in it.
        """
        if result.order is not None:
            raise ValueError("the network ends with an image that is flattened; a layer behind it would do")
        if result.name == INPUT:
            raise ValueError("the network does nothing; a layer would do")
        needed = {result.name}
        for key, node in reversed(self._nodes.items()):
            if key in needed:
                needed |= {node.first, node.second} if isinstance(node, Add) else {node.source}
        nodes = [node for key, node in self._nodes.items() if key in needed]
        nodes.sort(key=lambda node: node.name == result.name)  # the result is the last; the others stay in order
        return Network(name, self._shape, tuple(nodes), tuple(map(float, mean)), tuple(map(float, deviation)))

    def _image(self, x: Value) -> None:
        if x.vector:
            raise ValueError(f"it takes a vector of {x.shape[2]}; an image would do")

    def _put(self, node: Node, x: Value) -> Value:
        """Check a node by itself, and keep it; what it gives is in the order of ``x``."""
        if node.name in self._shapes:
            raise ValueError(f"its name {node.name} is used twice; another would do")
        if isinstance(node, Add):
            alone: Node = replace(node, first=INPUT, second=INPUT)
            taken = self._shapes[node.first]
        else:
            alone, taken = replace(node, source=INPUT), self._shapes[node.source]
        shape = shapes_of(Network("", taken, (alone,)))[node.name]
        self._nodes[node.name], self._shapes[node.name] = node, shape
        return Value(node.name, shape, x.vector, x.order)


def _same(first: Ints | None, second: Ints | None) -> bool:
    if first is None or second is None:
        return first is second
    return bool((first == second).all())


def _told(x: Value) -> str:
    """A shape as the other library has it."""
    return str((x.shape[2],) if x.vector else (x.shape[2], *x.shape[:2]))
