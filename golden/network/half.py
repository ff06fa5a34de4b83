"""The reference's arithmetic on whole networks: binary16 with one rounding a multiply-add, carried in float64.

Values of binary16 and their products and sums are exact in float64 as far as they matter to the rounding: a product has
22 bits, and a sum of it with a number of 11 bits is either exact in 53 or so lopsided that the rest decides nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["fused", "rounded"]

Doubles = NDArray[np.float64]

_CUT = 42
"""Fraction bits of float64 beyond those of binary16."""

_LEAST = 2.0**-14
"""The least normal number."""

_LARGEST = 65520.0
"""From here on numbers become infinite."""


def rounded(x: Doubles) -> Doubles:
    """The nearest number of binary16, ties to even; subnormal ones and infinity as IEEE 754 has them."""
    bits = x.view(np.int64)
    kept = bits + ((1 << _CUT - 1) - 1) + ((bits >> _CUT) & 1)
    kept &= ~((1 << _CUT) - 1)
    y = kept.view(np.float64)
    size = np.abs(x)
    if size.size and size.max() >= _LARGEST:
        y = np.where(size >= _LARGEST, np.copysign(np.inf, x), y)
    small = size < _LEAST
    if small.any():
        y = np.where(small, np.rint(x * 2.0**24) * 2.0**-24, y)
    return y


def fused(a: Any, b: Doubles | float, c: Doubles) -> Doubles:
    """``a * b + c``, rounded once; all of them values of binary16 (or of integers that it holds)."""
    return rounded(np.asarray(a * b + c, np.float64))
