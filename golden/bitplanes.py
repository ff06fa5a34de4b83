"""An array that counts: AND or XOR of bit planes, with sense amplifiers that err.

DoReFa (arXiv 1606.06160), equation 3: ``x . w = sum_m sum_k 2^(m + k) * count(and(x_m, w_k))``; of vectors of -1 and
+1, ``x . w = N - 2 * count(xor)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .checks import check_range
from .slicing import parts, sums

__all__ = ["BitArray", "flip_bits", "flip_counts", "population_counts"]

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class BitArray:
    """What the array is.

    Args:
        rows: most rows of a sub-array.
        gate: what it does with a bit of an activation and one of a weight.
        errors: share of the sensed bits that are wrong, each by itself, 0 to 0.5; 0: ideal.

    Raises:
        ValueError: naming the field, the value and what would do.
    """

    rows: int = 256
    gate: Literal["and", "xor"] = "and"
    errors: float = 0.0

    def __post_init__(self) -> None:
        if self.rows < 1:
            raise ValueError(f"rows = {self.rows}: 1 or more would do")
        if self.gate not in ("and", "xor"):
            raise ValueError(f"gate = {self.gate!r} is neither and nor xor")
        if not 0 <= self.errors <= 0.5:
            raise ValueError(f"errors = {self.errors} is outside 0..0.5")


def population_counts(array: BitArray, x: ArrayLike, w: ArrayLike, rng: np.random.Generator | None = None) -> Ints:
    """Counts of ones, as ``codes.source = planes`` takes them.

    Args:
        array: the array.
        x: bits (vectors, M, rows) of activations, in sub-arrays by :func:`golden.slicing.parts`.
        w: bits (K, rows, columns) of weights.
        rng: needed just where ``array.errors`` is not 0; the errors are drawn of :func:`flip_counts`.

    Returns:
        int64 (vectors, S, M, K, columns).

    Raises:
        ValueError: what is not a bit, shapes that do not fit, or errors without a source of chance.
    """
    a, b = np.asarray(x), np.asarray(w)
    for bits in (a, b):
        check_range(bits, 0, 1, "bit", "a plane")
    pieces = parts(a.shape[-1], array.rows)
    both = sums(a, b, pieces)
    if array.gate == "xor":  # of each row: a + b - 2 a b
        starts = [piece.start for piece in pieces]
        left = np.add.reduceat(a.astype(np.int64), starts, axis=-1)  # (vectors, M, S)
        right = np.add.reduceat(b.astype(np.int64), starts, axis=1)  # (K, S, columns)
        both = left.transpose(0, 2, 1)[:, :, :, None, None] + right.transpose(1, 0, 2)[:, None] - 2 * both
    if not array.errors:
        return both
    if rng is None:
        raise ValueError(f"errors = {array.errors} needs rng")
    sizes = np.array([piece.stop - piece.start for piece in pieces])
    return flip_counts(rng, both, sizes[:, None, None, None], array.errors)


def flip_bits(rng: np.random.Generator, bits: ArrayLike, rate: float) -> Ints:
    """The bits, each of them wrong at ``rate``: what sense amplifiers give of single rows; any shape, int64."""
    array = np.asarray(bits)
    check_range(array, 0, 1, "bit", "a plane")
    return array.astype(np.int64) ^ (rng.random(array.shape) < rate)


def flip_counts(rng: np.random.Generator, counts: ArrayLike, rows: ArrayLike, rate: float) -> Ints:
    """The count after :func:`flip_bits`, where only the count before is known.

    Of ``c`` ones ``B(c, 1 - rate)`` remain, and of the ``rows - c`` zeros ``B(rows - c, rate)`` become ones: the same
    distribution, exactly.

    Args:
        rng: source of chance.
        counts: integers of any shape.
        rows: bits that were sensed, of a shape that goes with it.
        rate: of the errors.

    Raises:
        ValueError: a count outside 0 to ``rows``.
    """
    ones, total = np.broadcast_arrays(np.asarray(counts, np.int64), np.asarray(rows, np.int64))
    if ((ones < 0) | (ones > total)).any():
        raise ValueError(f"a count of {int(ones.min())}..{int(ones.max())} is outside 0..rows")
    result: Ints = rng.binomial(ones, 1 - rate) + rng.binomial(total - ones, rate)
    return result
