"""Binary16 once more, docs/arithmetic.md, "Binary16": exact fractions, one number at a time; for tests only.

What the standard calls finite is a Fraction here, the rest a float, so that Python's own rules for infinities and NaN
hold.  Rounding searches the list of all magnitudes, and knows nothing of mantissas and shifts.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from fractions import Fraction
from functools import cache

from golden import Params
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.settings import PassSettings

from .oracle import Result, limited, power, rounded

NAN, INFINITY, MINUS = 0x7E00, 0x7C00, 0x8000

Exact = Fraction | float
"""A Fraction, or an infinity or NaN."""


@cache
def value(bits: int, lean: bool) -> Exact:
    """What a bit pattern means; both zeros are 0."""
    sign = -1 if bits >= MINUS else 1
    field, fraction = bits % MINUS // 1024, bits % 1024
    if field == 0:
        return Fraction(0) if lean else sign * Fraction(fraction, 1024) * power(-14)
    if field == 31 and not lean:
        return math.nan if fraction else sign * math.inf
    return sign * (1 + Fraction(fraction, 1024)) * power(field - 15)


def magnitude(bits: int, lean: bool) -> int:
    """Of a finite pattern without sign, in 2**-25; whole."""
    return int(value(bits, lean) * 2**25)


FULL = [*(magnitude(bits, False) for bits in range(INFINITY)), 2**16 * 2**25]
"""Magnitudes in the order of their patterns, the last one where the next would be: from there on it is infinity."""

LEAN = [*range(1024, 2048), *(magnitude(bits, True) for bits in range(1024, MINUS))]
"""Likewise; below 2**-14, where all are zero, those of the next binade that there would be had exponents no end."""


def nearest(size: Fraction, ordered: list[int]) -> int:
    """Position of the nearest, in a tie the even one; the first or the last beyond either."""
    at = bisect_right(ordered, math.floor(size)) - 1
    if at < 0 or at + 1 == len(ordered):
        return max(at, 0)
    below, above = size - ordered[at], ordered[at + 1] - size
    return at if below < above or (below == above and at % 2 == 0) else at + 1


def encode(exact: Exact, minus: bool, lean: bool) -> int:
    """The bit pattern nearest to ``exact``; ``minus`` is the sign of a zero that is exact."""
    if math.isnan(exact):
        return NAN
    sign = MINUS if exact < 0 or (exact == 0 and minus) else 0
    if not isinstance(exact, Fraction):
        return sign + INFINITY
    found = nearest(abs(exact) * 2**25, LEAN if lean else FULL)
    return sign if lean and found < 1024 else sign + found


def multiply(a: int, b: int, lean: bool) -> int:
    return encode(value(a, lean) * value(b, lean), (a >= MINUS) != (b >= MINUS), lean)


def add(a: int, b: int, lean: bool) -> int:
    return encode(value(a, lean) + value(b, lean), a >= MINUS and b >= MINUS, lean)


def fused(a: int, b: int, c: int, lean: bool) -> int:
    exact = value(a, lean) * value(b, lean) + value(c, lean)
    return encode(exact, (a >= MINUS) != (b >= MINUS) and c >= MINUS, lean)


def whole(bits: int, lean: bool) -> int:
    """The nearest integer; beyond what an output holds for what has none, NaN above all."""
    exact = value(bits, lean)
    if isinstance(exact, Fraction):
        return rounded(exact, "half_even")
    return -(10**9) if exact < 0 else 10**9


def column(config: NmpuConfig, codes: list[int], params: Params, c: int, settings: PassSettings) -> Result:
    """Activation and flags of column ``c``, the chapter word for word."""
    lean, separate = config.arithmetic.lean, not config.arithmetic.fused
    counts = [encode(code * power(-config.codes.format.fraction), False, lean) for code in codes]
    scales, offset = [int(s[c]) for s in params.scales], int(params.offset[c])
    if len(counts) == 2:
        scales[1] = minus(scales[1])
    if separate:
        products = [multiply(s, x, lean) for s, x in zip(scales, counts, strict=True)]
        a = add(add(products[0], products[1], lean) if len(products) == 2 else products[0], offset, lean)
    else:
        a = offset
        for s, x in zip(scales, counts, strict=True):
            a = fused(s, x, a, lean)
    if params.norm_scale is not None and params.norm_offset is not None:
        t, u = int(params.norm_scale[c]), int(params.norm_offset[c])
        a = add(multiply(a, t, lean), u, lean) if separate else fused(a, t, u, lean)
    y = whole(a, lean)
    if settings.activation == "relu" and value(a, lean) < 0:
        y = 0
    return limited(y, config, config.output.format.width)


def minus(bits: int) -> int:
    """The same number with the other sign."""
    return (bits + MINUS) % (2 * MINUS)
