"""Binary16 in hardware: raw floats, exact operations, and one function that rounds.  Mirrors golden/float16.py.

Structured as Berkeley HardFloat (J. Hauser): between operations a number is a :class:`Float`, unpacked and with its
leading one in place, subnormals too; an operation yields a :class:`Raw` number, exact or with a sticky bit, and
:func:`rounded` makes a Float of any of them.  ``lean``: no NaN, no infinity, no subnormals (docs/arithmetic.md).
"""

from __future__ import annotations

from typing import NamedTuple

from amaranth.hdl import C, Cat, Module, Mux, Signal, Value, signed

from .fixed import Fixed
from .formats import Number
from .multiply import Term, multiply_add

__all__ = [
    "BITS",
    "LEAST",
    "NO",
    "Aligned",
    "Float",
    "Product",
    "Raw",
    "Sum",
    "align",
    "align_product",
    "leading_one",
    "leading_zeros",
    "multiply",
    "normalize",
    "rounded",
    "total",
]

BITS = 11
"""Bits of a significand, the leading one included."""

LEAST = -14
"""Exponent of the least normal number; subnormals go down to 2^-24."""

NO = C(0, 1)
"""A flag that is never up."""


class Float(NamedTuple):
    """A binary16: ``significand * 2^(exponent - 10)``, the leading one in the highest bit.

    ``significand`` is 0 where ``zero``; ``exponent`` and ``significand`` mean nothing where ``nan`` or ``inf``.
    """

    nan: Value
    inf: Value
    zero: Value
    sign: Value
    exponent: Value
    significand: Value


class Product(NamedTuple):
    """The exact product of two Floats: ``significand * 2^(exponent - 20)``, 22 bits; 0 where ``zero``."""

    nan: Value
    inf: Value
    zero: Value
    sign: Value
    exponent: Value
    significand: Value


class Aligned(NamedTuple):
    """Two magnitudes, ready to be added: the highest bit of ``second`` weighs ``2^exponent``, ``first`` has the same
    lowest bit, ``lost``: there was something of the second below.  ``sign`` and ``other`` are their signs."""

    nan: Value
    inf: Value
    sign: Value
    other: Value
    exponent: Value
    first: Value
    second: Value
    lost: Value


class Sum(NamedTuple):
    """A sum before its leading one is found: the highest bit of ``significand`` weighs ``2^exponent``, the lowest is
    sticky; ``differ``: the operands' signs did."""

    nan: Value
    inf: Value
    differ: Value
    sign: Value
    exponent: Value
    significand: Value


class Raw(NamedTuple):
    """A number before rounding: as a Float, with the significand longer, its lowest bit sticky."""

    nan: Value
    inf: Value
    zero: Value
    sign: Value
    exponent: Value
    significand: Value


def multiply(m: Module, a: Float, b: Float) -> Product:
    """``a * b``, exact."""
    number = Number(0, (1 << BITS) - 1, 0)
    rows = multiply_add(m, [Term(1, Fixed(a.significand, number), Fixed(b.significand, number))]).rows
    significand = Signal(2 * BITS, name="product")
    m.d.comb += significand.eq(sum(rows[1:], rows[0]))
    nan, zero = a.nan | b.nan | a.inf & b.zero | a.zero & b.inf, a.zero | b.zero
    return Product(nan, a.inf | b.inf, zero, a.sign ^ b.sign, (a.exponent + b.exponent)[:7].as_signed(), significand)


def leading_one(p: Product) -> Raw:
    """A product with its leading one in the highest bit: it is there, or in the next."""
    high = p.significand[-1]
    significand = Mux(high, p.significand, p.significand << 1)[: 2 * BITS]
    return Raw(p.nan, p.inf, p.zero, p.sign, p.exponent + high, significand)


def align_product(m: Module, p: Product, c: Float) -> Aligned:
    """``p`` and ``c`` for an exact ``p + c``: the product stays in place, ``c`` is shifted down from above it.

    The window has the 22 bits of the product, two above it and the 11 of ``c`` above those.  Where ``c`` reaches below
    the window, the product is so much larger that no more than one leading bit is lost, and sticky is enough.  Where
    ``c`` would be above the window, the product is less than a quarter of its last bit, and how small does not matter.
    """
    width = 3 * BITS + 2
    above = (p.exponent + (width - 1 - 20))[:7].as_signed()
    apart = Signal(signed(9), name="apart")
    m.d.comb += apart.eq(above - c.exponent)
    dominant = p.zero | ~c.zero & (apart < 0)  # the exponent of a zero tells nothing
    second, lost = _shifted_down(m, c.significand, width, Mux(dominant, 0, apart).as_unsigned())
    return _aligned(p, c, Mux(dominant, c.exponent, above), p.significand, second, lost)


def align(m: Module, a: Float, b: Float) -> Aligned:
    """``a`` and ``b`` for ``a + b``: the one with the smaller exponent is shifted down, past two guard bits."""
    apart = Signal(signed(7), name="apart")
    m.d.comb += apart.eq(a.exponent - b.exponent)
    swap = a.zero | ~b.zero & (apart < 0)
    large, small = (Float(*(Mux(swap, y, x) for x, y in zip(*pair, strict=True))) for pair in ((a, b), (b, a)))
    second, lost = _shifted_down(m, small.significand, BITS + 2, Mux(swap, -apart, apart).as_unsigned())
    exponent = (large.exponent + 1)[:7].as_signed()
    return _aligned(large, small, exponent, Cat(C(0, 2), large.significand), Cat(second, C(0, 1)), lost)


def _shifted_down(m: Module, significand: Value, width: int, distance: Value) -> tuple[Value, Value]:
    """``significand`` in the highest bits of a window, shifted down; and whether bits were lost below the window."""
    limited = Signal(range(width + 1), name="distance")
    shifted = Signal(width + BITS, name="shifted")
    m.d.comb += [
        limited.eq(Mux(distance > width, width, distance)),
        shifted.eq(Cat(C(0, width), significand) >> limited),
    ]
    return shifted[BITS:], shifted[:BITS].any()


def _aligned(a: Product | Float, b: Float, exponent: Value, first: Value, second: Value, lost: Value) -> Aligned:
    differ, inf = a.sign ^ b.sign, a.inf | b.inf
    nan = a.nan | b.nan | a.inf & b.inf & differ
    # The sign of an infinity is that of the sum, whichever is larger.
    signs = Mux(inf & ~a.inf, b.sign, a.sign), Mux(inf & a.inf, a.sign, b.sign)
    return Aligned(nan, inf, *signs, exponent, first, second, lost)


def total(m: Module, a: Aligned) -> Sum:
    """The sum of two aligned magnitudes: the second is added inverted where signs differ, and the result is inverted
    back where the second was larger (or equal), or else 1 is added, unless bits that were lost make up for it."""
    width = len(a.second)
    differ = a.sign ^ a.other
    difference = Signal(width + 1, name="difference")
    m.d.comb += difference.eq(a.first + (a.second ^ differ.replicate(width)))
    reverse = Signal(name="reverse")
    magnitude = Signal(width, name="magnitude")
    m.d.comb += [
        reverse.eq(differ & ~difference[-1]),
        magnitude.eq(Mux(reverse, ~difference[:width], difference[:width] + (differ & ~reverse & ~a.lost))),
    ]
    return Sum(a.nan, a.inf, differ, Mux(reverse, a.other, a.sign), a.exponent, Cat(a.lost, magnitude))


def normalize(m: Module, s: Sum) -> Raw:
    """A sum with its leading one in the highest bit; an exact zero is +0, unless both operands were negative."""
    some, zeros = leading_zeros(m, s.significand[1:])
    zero = ~some
    significand = Signal(len(s.significand), name="normal")
    m.d.comb += significand.eq(s.significand << zeros)
    short = Cat(significand[: -BITS - 1].any(), significand[-BITS - 1 :])
    sign = s.sign & ~(zero & s.differ)
    return Raw(s.nan, s.inf, zero, sign, (s.exponent - zeros)[:7].as_signed(), short)


def rounded(m: Module, raw: Raw, *, lean: bool, span: range = range(-64, 64)) -> Float:
    """The nearest binary16, ties to even: the only place that rounds.

    A subnormal is rounded where it is, without being shifted: its lowest bits are dropped by a mask.

    Args:
        m: the module that holds the intermediate signals.
        raw: the number.
        lean: no subnormals, no infinity.
        span: the exponents it may have, after rounding too, as far as they are known.
    """
    bits = raw.significand
    if len(bits) <= BITS:  # exact
        top, carry = Cat(C(0, BITS - len(bits)), bits), NO
    else:
        top, carry = _to_nearest(m, raw.exponent, bits, masked=not lean and span[0] < LEAST)
    exponent = Signal(signed(7), name="exponent")
    m.d.comb += exponent.eq(raw.exponent + carry)
    if lean:
        return _lean(raw, exponent, top, span)
    infinite = raw.inf | ~raw.zero & (exponent > 15) if span[-1] > 15 else raw.inf
    zero = ~infinite & ~top[-1]  # nothing is left, or nothing was there
    return Float(raw.nan, infinite, zero, raw.sign, exponent[:6].as_signed(), top)


def _to_nearest(m: Module, exponent: Value, bits: Value, *, masked: bool) -> tuple[Value, Value]:
    """The highest 11 bits, rounded, and a carry out of them, which leaves them 1000...; 0 if nothing is left."""
    kept, guard, sticky = bits[-BITS:], bits[-BITS - 1], bits[: -BITS - 1].any()
    drop = Cat(exponent < LEAST - k for k in range(BITS)) if masked else C(0, BITS)
    below = Signal(BITS + 2, name="below")  # what lies below the last bit that stays: drop, guard, sticky
    last = Signal(BITS + 2, name="last")  # the highest of these
    word = Cat(sticky, guard, kept)
    deep = exponent < LEAST - BITS if masked else NO  # less than half of the least subnormal
    m.d.comb += [
        below.eq(Cat(C(0b11, 2), drop)),
        last.eq(below & ~Cat(below[1:], deep)),
    ]
    half, rest = (word & last).any(), (word & below & ~last).any()
    odd = (word & Cat(C(0, 1), last[:-1])).any()
    up = Signal(name="up")
    filled = Signal(BITS + 1, name="filled")
    m.d.comb += [up.eq(half & (rest | odd)), filled.eq((kept | drop) + 1)]
    carry = Signal(name="carry")
    top = Signal(BITS, name="top")
    m.d.comb += [
        carry.eq(up & filled[-1]),
        top.eq(Mux(up, filled[:BITS], kept) & ~drop | Cat(C(0, BITS - 1), carry)),
    ]
    return top, carry


def _lean(raw: Raw, exponent: Value, top: Value, span: range) -> Float:
    """No subnormals and no infinity: too small is zero, too large the largest number."""
    zero = raw.zero | (exponent < LEAST) if span[0] < LEAST else raw.zero
    huge = exponent > 16 if span[-1] > 16 else NO
    significand = (top | huge.replicate(BITS)) & ~Value.cast(zero).replicate(BITS)
    return Float(NO, NO, zero, raw.sign, Mux(huge, 16, exponent[:6].as_signed()), significand)


def leading_zeros(m: Module, value: Value) -> tuple[Value, Value]:
    """Whether any bit is set, and, if so, the number of zeros above the highest that is: a tree of halves."""
    if len(value) == 1:
        return value, C(0, 1)
    half = 1 << ((len(value) - 1).bit_length() - 1)
    upper, above = leading_zeros(m, value[-half:])
    lower, below = leading_zeros(m, Cat(C(0, 2 * half - len(value)), value[:-half]))
    digits = half.bit_length() - 1
    some, zeros = Signal(name="some"), Signal(digits + 1, name="zeros")
    m.d.comb += [
        some.eq(upper | lower),
        zeros.eq(Cat(Mux(upper, above[:digits], below[:digits]), ~upper) if digits else ~upper),
    ]
    return some, zeros
