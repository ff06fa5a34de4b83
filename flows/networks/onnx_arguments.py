"""What the arguments of ONNX operators say, as an image of this project has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .builder import Value

__all__ = ["channel_numbers", "channel_pads", "here", "pads_of", "steps_of", "wanted_shape"]

Array = NDArray[Any]
Pair = tuple[int, int]


def here(x: Value) -> tuple[int, ...]:
    """(channels, rows, columns) of an image, (features,) of a vector."""
    return (x.shape[2],) if x.vector else (x.shape[2], *x.shape[:2])


def pads_of(x: Value, said: Mapping[str, Any], kernel: Sequence[int], strides: Sequence[int]) -> tuple[Pair, Pair]:
    """Rows of zeros above and below, and columns left and right."""
    way = said.get("auto_pad", "NOTSET")
    if way.startswith("SAME"):
        totals = [
            max((-(-size // step) - 1) * step + k - size, 0)
            for size, k, step in zip(x.shape, kernel, strides, strict=False)
        ]
        less, more = [t // 2 for t in totals], [t - t // 2 for t in totals]
        return (less[0], more[0]), (less[1], more[1])
    top, left, bottom, right = said.get("pads", [0] * 4) if way == "NOTSET" else [0] * 4
    return (top, bottom), (left, right)


def wanted_shape(sizes: Sequence[int], now: Sequence[int], batch: int) -> tuple[int, ...]:
    """What a Reshape to ``sizes`` makes of images of ``now``; (0,) where it mixes images.

    Args:
        sizes: 0 stays as it is, -1 is the rest.
        now: (channels, rows, columns) or (features,).
        batch: images that the sizes are for.
    """
    found = [(batch, *now)[k] if size == 0 and k <= len(now) else int(size) for k, size in enumerate(sizes)]
    rest = -int(np.prod(found)) if -1 in found else 1
    found = [int(np.prod(now)) * batch // max(rest, 1) if size == -1 else size for size in found]
    return tuple(found[1:]) if found and found[0] == batch else (0,)


def channel_numbers(kind: str, given: Array, x: Value) -> tuple[Array, Array]:
    """Gain and offset a channel of Add, Sub, Mul or Div with a constant.

    Raises:
        ValueError: the constant is of another shape.
    """
    dims, channels = (2 if x.vector else 4), x.shape[2]
    aligned = given.reshape((1,) * (dims - given.ndim) + given.shape) if given.ndim <= dims else given
    if aligned.size not in (1, channels) or (aligned.size > 1 and aligned.shape[1] != channels):
        raise ValueError(f"its constant is {given.shape}; one, or one for each of {channels} channels, would do")
    each = np.broadcast_to(aligned.reshape(-1).astype(np.float64), (channels,)).copy()
    if kind in ("Add", "Sub"):
        return np.ones(channels), each if kind == "Add" else -each
    if kind == "Div" and not each.all():
        raise ValueError("it divides by 0")
    return (each if kind == "Mul" else 1 / each), np.zeros(channels)


def channel_pads(pads: Sequence[int], mode: str, fill: float) -> Pair:
    """Channels of zeros before and behind.

    Raises:
        ValueError: it pads anything else.
    """
    if len(pads) != 8 or mode != "constant" or fill or any(p for k, p in enumerate(pads) if k not in (1, 5)):
        raise ValueError("it pads more than channels; zeros before and behind channels would do")
    return int(pads[1]), int(pads[5])


def steps_of(x: Value, starts: Array, ends: Array, axes: Array | None, steps: Array | None) -> Pair:
    """Every how many-th row and column a Slice takes.

    Raises:
        ValueError: it takes another part of an image.
    """
    places = list(range(len(starts))) if axes is None else [int(a) % 4 for a in axes]
    by = dict(zip(places, [1] * len(starts) if steps is None else steps.tolist(), strict=True))
    sizes = (0, x.shape[2], *x.shape[:2])
    whole = all(s == 0 and e >= sizes[a] for s, e, a in zip(starts, ends, places, strict=True))
    if x.vector or not whole or by.get(0, 1) != 1 or by.get(1, 1) != 1 or min(by.values()) < 1:
        raise ValueError("it takes a part of an image; every n-th row and column would do")
    return int(by.get(2, 1)), int(by.get(3, 1))
