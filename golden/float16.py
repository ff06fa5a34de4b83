"""Binary16 in exact integers: what each operation of a lane means, bit by bit.  See docs/arithmetic.md, "Binary16".

A binary16 is its bit pattern: an integer 0..65535 of any dtype goes in, int64 comes out; all shapes broadcast.  No
floating point is used: every finite value is ``mantissa * 2**exponent``, an operation makes the exact result of its
operands, and :func:`rounded` alone rounds and packs.

``lean`` chooses the arithmetic without NaN, infinities and subnormals: an exponent field of 31 is one like the others,
an operand with a field of 0 is a zero of its sign, and results below 2**-14 or beyond 131008 after rounding are zeros
or saturate.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nmpu_hdl.formats import Format, Overflow

from .activation import saturate

__all__ = [
    "INFINITY",
    "NAN",
    "add",
    "from_integer",
    "fused",
    "multiply",
    "negate",
    "relu",
    "rounded",
    "to_float",
    "to_integer",
]

Bits = NDArray[np.integer]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

NAN = 0x7E00
"""The one NaN that operations give; operands may be any."""

INFINITY = 0x7C00
"""Magnitudes above this are NaN, unless lean."""

_SIGN, _MAGNITUDE, _ONE = 0x8000, 0x7FFF, 0x3C00
_LEAST_NORMAL = 0x0400
_ULP = -24
"""Exponent of the least subnormal, and of the last place of the least normal numbers."""

_REACH = 36
"""Binary places that a sum keeps below the last place of its coarser term."""


class _Raw(NamedTuple):
    """Operands taken apart: ``mantissa * 2**exponent`` with the sign apart, as zeros have one too.

    What is NaN or infinite has a mantissa too, that of a finite number beyond all others.
    """

    negative: Bools
    mantissa: Ints
    exponent: Ints
    infinite: Bools
    nan: Bools

    @property
    def signed(self) -> Ints:
        """The mantissa with the sign of the value."""
        return np.where(self.negative, -self.mantissa, self.mantissa)


def fused(a: Bits, b: Bits, c: Bits, lean: bool) -> Ints:
    """``a * b + c``, rounded once."""
    x, y, z = _unpack(a, lean), _unpack(b, lean), _unpack(c, lean)
    product = _Raw(
        x.negative ^ y.negative,
        x.mantissa * y.mantissa,
        x.exponent + y.exponent,
        x.infinite | y.infinite,
        x.nan | y.nan | (x.infinite & (y.mantissa == 0)) | ((x.mantissa == 0) & y.infinite),
    )
    result = rounded(*_exact_sum(product, z), lean)
    if lean:
        return result
    infinite, opposite = product.infinite | z.infinite, product.negative ^ z.negative
    nan = product.nan | z.nan | (product.infinite & z.infinite & opposite)
    negative = np.where(z.infinite, z.negative, product.negative)
    result = np.where(infinite, INFINITY + _SIGN * negative, result)
    return np.where(nan, NAN, result)


def multiply(a: Bits, b: Bits, lean: bool) -> Ints:
    """``a * b``, rounded: the fused form with -0, which changes no sum."""
    return fused(a, b, np.array(_SIGN), lean)


def add(a: Bits, b: Bits, lean: bool) -> Ints:
    """``a + b``, rounded: the fused form with a factor of 1."""
    return fused(a, np.array(_ONE), b, lean)


def negate(a: Bits) -> Ints:
    """``-a``: the sign bit is inverted, of NaN and zeros too."""
    return np.asarray(a, np.int64) ^ _SIGN


def relu(a: Bits, lean: bool) -> Ints:
    """+0 where the sign bit is set, else ``a``; NaN stays what it is, of either sign."""
    bits = np.asarray(a, np.int64)
    keep = bits < _SIGN
    return np.where(keep if lean else keep | ((bits & _MAGNITUDE) > INFINITY), bits, 0)


def from_integer(code: Bits, fraction: int, lean: bool) -> Ints:
    """``code * 2**-fraction``, rounded; 0 is +0.

    Args:
        code: integers of up to 32 bits.
        fraction: fraction bits of the code, 0 to 16.
        lean: see above.
    """
    value = np.asarray(code, np.int64)
    return rounded(np.abs(value), np.full_like(value, -fraction), value < 0, lean)


def to_integer(a: Bits, form: Format, lean: bool) -> tuple[Ints, Bools, Bools]:
    """The nearest integer, ties to even, limited to an output format of up to 16 bits without fraction.

    Returns:
        The code, whether the integer was below the format's range, whether it was above.  NaN counts as above.
    """
    raw = _unpack(a, lean)
    whole = _half_even(raw.signed << (np.maximum(raw.exponent, 0) + 1), np.maximum(-raw.exponent, 0) + 1)
    y, low, high = saturate(np.where(raw.nan, 1 << 17, whole), form, Overflow.SATURATE)
    return y.astype(np.int64, copy=False), low, high


def to_float(a: Bits, lean: bool) -> NDArray[np.float64]:
    """The values, exact, for those who calibrate; no operation here uses it."""
    raw = _unpack(a, lean)
    finite = np.ldexp(raw.signed.astype(np.float64), raw.exponent)
    return np.where(raw.nan, np.nan, np.where(raw.infinite, np.copysign(np.inf, finite), finite))


def rounded(magnitude: Ints, exponent: Ints, negative: Bools, lean: bool) -> Ints:
    """The binary16 nearest to ``magnitude * 2**exponent``, ties to even, with the given sign.

    Args:
        magnitude: 0 to 2**61 - 1.
        exponent: -48 at least.
        negative: the sign, of zeros too.
        lean: rounds to 11 bits whatever the exponent; below 2**-14 the result then is a zero.
    """
    last = exponent + _bit_length(magnitude) - 11  # exponent of the last place
    if not lean:
        last = np.maximum(last, _ULP)
    cut = last - exponent
    kept = _half_even(magnitude << np.maximum(1 - cut, 0), np.maximum(cut, 1))
    # 2**10 to 2**11 unless subnormal: the leading one adds 1 to the field, and so does a carry out of the rounding.
    bits = ((last - _ULP) << 10) + kept
    bits = np.minimum(bits, _MAGNITUDE if lean else INFINITY)
    if lean:
        bits = np.where(bits < _LEAST_NORMAL, 0, bits)
    return np.where(magnitude == 0, 0, bits) + _SIGN * negative


def _unpack(a: Bits, lean: bool) -> _Raw:
    bits = np.asarray(a, np.int64)
    field, fraction = (bits >> 10) & 31, bits & 0x3FF
    normal = field > 0
    mantissa = (fraction + 0x400) * normal if lean else fraction + 0x400 * normal
    top = (field == 31) & (not lean)
    return _Raw(bits >= _SIGN, mantissa, np.maximum(field, 1) - 25, top & (fraction == 0), top & (fraction != 0))


def _exact_sum(product: _Raw, addend: _Raw) -> tuple[Ints, Ints, Bools]:
    """Magnitude, exponent and sign of the sum, or of one that rounds alike.

    Terms are brought to the finer exponent, but at most ``_REACH`` below the coarser.  The addend never loses places:
    exponents of products end at 12, those of addends begin at -24.  Where a product does, the addend's exponent is
    -48 + 37 at least, so that it is a normal number, and the product is less than 2**-15 of its last place: with or
    without it, the sum rounds to the addend.
    """
    top = np.maximum(product.exponent, addend.exponent)
    base = np.maximum(np.minimum(product.exponent, addend.exponent), top - _REACH)
    up = product.exponent - base
    left = product.signed << np.maximum(up, 0) >> np.maximum(-up, 0)
    total = left + (addend.signed << (addend.exponent - base))
    # An exact sum of zero is +0, but of two zeros with a minus it is -0.
    negative = (total < 0) | ((total == 0) & product.negative & addend.negative)
    return np.abs(total), base, negative


def _half_even(value: Ints, cut: Ints) -> Ints:
    """``value * 2**-cut`` to the nearest integer, ties to even; ``cut`` is 1 at least."""
    return (value + (1 << (cut - 1)) - 1 + ((value >> cut) & 1)) >> cut


def _bit_length(value: Ints) -> Ints:
    """Bits that a number without sign takes; 0 for 0."""
    length, rest = np.zeros_like(value), value
    for step in (32, 16, 8, 4, 2, 1):
        more = (rest >> step > 0) * step
        length, rest = length + more, rest >> more
    return length + rest
