"""Binary16 by NumPy's doubles, many numbers at a time and exact; for tests only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def halves(bits: Ints) -> NDArray[np.float16]:
    return bits.astype(np.uint16).view(np.float16)


def patterns(numbers: NDArray[np.float16]) -> Ints:
    """With the one NaN."""
    return np.where(np.isnan(numbers), 0x7E00, numbers.view(np.uint16).astype(np.int64))


def to_odd(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """``a + b`` rounded to odd, for doubles of which the exact sum is neither too large nor too small for TwoSum.

    TwoSum gives the nearest double and the exact rest.  Where there is a rest, the two doubles around the exact sum are
    that one and its neighbour on the rest's side; one of them has an odd last bit.
    """
    total = a + b
    back = total - a
    rest = (a - (total - back)) + (b - back)
    bits = total.view(np.int64)
    outward = np.where((rest > 0) == (total > 0), 1, -1)
    return np.where((rest != 0) & (bits & 1 == 0), bits + outward, bits).view(np.float64)


def fused_doubles(a: Ints, b: Ints, c: Ints) -> Ints:
    """The fused form by doubles, exact because of three facts.

    A product of halves has at most 22 bits and is no less than 2**-48: a double holds it.  A sum rounded to odd tells
    on which side of every number of up to 51 bits the exact one lies, so that rounding it again to 11 bits or fewer is
    one rounding.  NumPy's cast of doubles rounds to nearest, ties to even, once.
    """
    x, y, z = (halves(n).astype(np.float64) for n in (a, b, c))
    with np.errstate(all="ignore"):
        finite = np.isfinite(x) & np.isfinite(y) & np.isfinite(z)
        total = np.where(finite, to_odd(np.where(finite, x * y, 0), np.where(finite, z, 0)), x * y + z)
        return patterns(total.astype(np.float16))


def lean_values(bits: Ints) -> NDArray[np.float64]:
    field = (bits >> 10) & 31
    return np.where(bits >> 15, -1.0, 1.0) * np.where(field, np.ldexp(1024.0 + (bits & 1023), field - 25), 0.0)


def lean_patterns(numbers: NDArray[np.float64]) -> Ints:
    """Doubles rounded to 11 bits, ties to even, whatever their exponents; then flushed or saturated."""
    mantissa, exponent = np.frexp(numbers)
    short = np.ldexp(np.rint(mantissa * 2048), exponent - 11)
    size = np.where(np.abs(short) < 2.0**-14, 0, np.minimum(np.abs(short), 131008.0))
    field = np.where(size > 0, np.floor(np.log2(np.maximum(size, 2.0**-14))), 0).astype(np.int64)
    bits = np.where(size > 0, ((field + 14) << 10) + (size * np.exp2(10 - field)).astype(np.int64), 0)
    return bits + 0x8000 * np.signbit(numbers)
