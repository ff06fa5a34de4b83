"""A crossbar of 64 rows in integers, and the order in which the layers of a network use it.

A count is ``min(floor(sum * gain), top)``, where ``sum`` is of the products of the positive (or negative) weights; the
converters' gains differ a little from column to column, which is what the unit's scales put right.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmpu_hdl.program import Pooling

__all__ = ["GAIN_BITS", "ROWS", "Stage", "convert", "patches", "sums", "visits"]

Ints = NDArray[np.integer]
Numbers = NDArray[Any]

ROWS = 64
"""Rows of the crossbar."""

GAIN_BITS = 16
"""Fraction bits of the converters' gains."""


@dataclass(frozen=True)
class Stage:
    """What a layer of the network is, apart from its numbers.

    Args:
        side: pixels on a side of what comes in.
        taps: 9 for a 3 x 3 convolution padded with zeros, 1 for a fully connected layer.
        inputs, outputs: channels.
        relu: whether ReLU ends it.
        pooling, window, pool_shift: of the unit; the pixels of a window follow one another.
        width: output width in bits.
        skip: the layer whose outputs are this one's residual.
    """

    side: int
    taps: int
    inputs: int
    outputs: int
    relu: bool = True
    pooling: Pooling = "none"
    window: int = 1
    pool_shift: int = 0
    width: int = 8
    skip: int | None = None

    @property
    def pixels(self) -> int:
        """Results for an image, before pooling."""
        return self.side**2

    @property
    def blocks(self) -> int:
        """Row blocks."""
        return -(-self.taps * self.inputs // ROWS)


def sums(weights: Ints, rows: Ints) -> Ints:
    """The crossbar's sums, exact.

    Args:
        weights: (rows, columns).
        rows: (vectors, rows), what comes in.

    Returns:
        (vectors, blocks, 2, columns): of the positive weights, and of the negative ones without their sign.
    """
    starts = range(0, len(weights), ROWS)
    parts = [(rows[:, s : s + ROWS], weights[s : s + ROWS]) for s in starts]
    return np.stack([np.stack([x @ np.maximum(sign * w, 0) for sign in (1, -1)], axis=1) for x, w in parts], axis=1)


def patches(stage: Stage, x: Numbers) -> Numbers:
    """The rows' inputs, (images * pixels, taps * inputs), in the order of :func:`visits`.

    Args:
        stage: the layer.
        x: images * side * side pixels of ``inputs`` channels, in whatever shape.
    """
    grid = x.reshape(-1, stage.side, stage.side, stage.inputs)
    if stage.taps == 1:
        return grid.reshape(-1, stage.inputs)
    padded = np.pad(grid, ((0, 0), (1, 1), (1, 1), (0, 0)))
    shifted = [padded[:, i : i + stage.side, j : j + stage.side] for i in range(3) for j in range(3)]
    rows = np.stack(shifted, axis=3).reshape(len(grid), stage.pixels, -1)
    return rows[:, visits(stage)].reshape(-1, rows.shape[-1])


def visits(stage: Stage) -> Ints:
    """The pixels of an image in the order in which a layer computes them: a window of 2 x 2 after another, or rows."""
    pixels = np.arange(stage.pixels)
    if stage.window != 4:
        return pixels
    half = stage.side // 2
    return pixels.reshape(half, 2, half, 2).swapaxes(1, 2).reshape(-1)


def convert(totals: Ints, gains: Ints, top: int) -> Ints:
    """The converters' counts, (vectors, blocks, 2, columns).

    Args:
        totals: (vectors, blocks, 2, columns), from :func:`sums`.
        gains: (blocks, 2, columns), with ``GAIN_BITS`` fraction bits.
        top: the largest count.
    """
    return np.minimum(totals * gains >> GAIN_BITS, top)
