"""Binary16 in hardware: raw floats, exact operations, and one function that rounds.  Mirrors golden/float16.py.

Structured as Berkeley HardFloat (J. Hauser): between operations a number is a :class:`Float`, unpacked and with its
leading one in place, subnormals too; an operation yields a :class:`Raw` number, exact or with a sticky bit, and
:func:`rounded` makes a Float of any of them.  ``lean``: no NaN, no infinity, no subnormals (docs/arithmetic.md).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from amaranth.hdl import C, Cat, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .activation import Clipped
from .fixed import Fixed, shape
from .formats import Format, Number
from .multiply import Term, multiply_add

__all__ = [
    "Float",
    "FloatUnit",
    "Product",
    "Raw",
    "Sum",
    "add",
    "from_integer",
    "fused",
    "leading_one",
    "multiply",
    "normalize",
    "pack",
    "rounded",
    "to_integer",
    "unpack",
]

_BITS = 11
"""Bits of a significand, the leading one included."""

_LEAST = -14
"""Exponent of the least normal number; subnormals go down to 2^-24."""

_NO = C(0, 1)


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


def unpack(m: Module, bits: Value, *, lean: bool) -> Float:
    """The number that 16 bits mean."""
    fraction, exponent, sign = bits[:10], bits[10:15], bits[15]
    tiny, special = exponent == 0, exponent == 31
    if lean:
        significand = Mux(tiny, 0, Cat(fraction, C(1, 1)))
        return Float(_NO, _NO, tiny, sign, (exponent - 15)[:6].as_signed(), significand)
    _, zeros = leading_zeros(fraction)
    power = Signal(signed(6), name="power")
    m.d.comb += power.eq(Mux(tiny, -15 - zeros, exponent - 15))
    significand = Signal(_BITS, name="significand")
    m.d.comb += significand.eq(Mux(tiny, Cat(C(0, 1), fraction) << zeros, Cat(fraction, C(1, 1))))
    whole = ~fraction.any()
    return Float(special & ~whole, special & whole, tiny & whole, sign, power, significand)


def pack(value: Float, *, lean: bool) -> Value:
    """The 16 bits of a number; NaN is 0x7E00."""
    least = value.exponent < _LEAST
    normal = Cat(value.significand[:10], (value.exponent + 15)[:5], value.sign)
    if lean:
        return Mux(value.zero, Cat(C(0, 15), value.sign), normal)
    distance = Value.cast(_LEAST - value.exponent)[:4]
    subnormal = Cat((value.significand >> distance)[:10], C(0, 5), value.sign)
    finite = Mux(value.zero, Cat(C(0, 15), value.sign), Mux(least, subnormal, normal))
    return Mux(value.nan, C(0x7E00, 16), Mux(value.inf, Cat(C(0, 10), C(31, 5), value.sign), finite))


def from_integer(m: Module, code: Fixed, *, lean: bool) -> Float:
    """A code of the converters, rounded where it has more than 11 bits."""
    number, width = code.number, code.number.width
    sign = code.value[-1] if number.signed else _NO
    magnitude = Signal(width, name="magnitude")
    m.d.comb += magnitude.eq(Mux(sign, -code.value, code.value))
    top = width - 1 - number.fraction
    some, zeros = leading_zeros(magnitude)
    raw = Raw(_NO, _NO, ~some, sign, Value.cast(top - zeros), (magnitude << zeros)[:width])
    span = range(-number.fraction, top + 1 + (width > _BITS))
    return rounded(m, raw, lean=lean, span=span)


def multiply(m: Module, a: Float, b: Float) -> Product:
    """``a * b``, exact."""
    number = Number(0, (1 << _BITS) - 1, 0)
    rows = multiply_add(m, [Term(1, Fixed(a.significand, number), Fixed(b.significand, number))]).rows
    significand = Signal(2 * _BITS, name="product")
    m.d.comb += significand.eq(sum(rows[1:], rows[0]))
    nan, zero = a.nan | b.nan | a.inf & b.zero | a.zero & b.inf, a.zero | b.zero
    return Product(nan, a.inf | b.inf, zero, a.sign ^ b.sign, (a.exponent + b.exponent)[:7].as_signed(), significand)


def leading_one(p: Product) -> Raw:
    """A product with its leading one in the highest bit: it is there, or in the next."""
    high = p.significand[-1]
    significand = Mux(high, p.significand, p.significand << 1)[: 2 * _BITS]
    return Raw(p.nan, p.inf, p.zero, p.sign, p.exponent + high, significand)


def fused(m: Module, p: Product, c: Float) -> Sum:
    """``p + c``, of which nothing is rounded: the product stays in place, ``c`` is shifted down from above it.

    The window has the 22 bits of the product, two above it and the 11 of ``c`` above those.  Where ``c`` reaches below
    the window, the product is so much larger that no more than one leading bit is lost, and sticky is enough.  Where
    ``c`` would be above the window, the product is less than a quarter of its last bit, and where it is does not matter.
    """
    width = 3 * _BITS + 2
    above = (p.exponent + (width - 1 - 20))[:7].as_signed()
    apart = Signal(signed(9), name="apart")
    m.d.comb += apart.eq(above - c.exponent)
    dominant = p.zero | (apart < 0)
    aligned, lost = _shifted_down(m, c.significand, width, Mux(dominant, 0, apart).as_unsigned())
    return _combine(m, p, c, (p.significand, aligned, lost), Mux(dominant, c.exponent, above))


def add(m: Module, a: Float, b: Float) -> Sum:
    """``a + b``: the one with the smaller exponent is shifted down, past two guard bits."""
    apart = Signal(signed(7), name="apart")
    m.d.comb += apart.eq(a.exponent - b.exponent)
    swap = a.zero | ~b.zero & (apart < 0)
    large, small = (Float(*(Mux(swap, y, x) for x, y in zip(*pair, strict=True))) for pair in ((a, b), (b, a)))
    aligned, lost = _shifted_down(m, small.significand, _BITS + 2, Mux(swap, -apart, apart).as_unsigned())
    lifted = Cat(C(0, 2), large.significand, C(0, 1))
    return _combine(m, large, small, (lifted, aligned, lost), large.exponent + 1)


def _shifted_down(m: Module, significand: Value, width: int, distance: Value) -> tuple[Value, Value]:
    """``significand`` in the highest bits of a window, shifted down; and whether bits were lost below the window."""
    limited = Signal(range(width + 1), name="distance")
    shifted = Signal(width + _BITS, name="shifted")
    m.d.comb += [
        limited.eq(Mux(distance > width, width, distance)),
        shifted.eq(Cat(C(0, width), significand) >> limited),
    ]
    return shifted[_BITS:], shifted[:_BITS].any()


def _combine(m: Module, a: Product | Float, b: Float, operands: tuple[Value, Value, Value], exponent: Value) -> Sum:
    """The sum of two magnitudes of signs of their own: ``b``'s is added inverted where they differ, and the result is
    inverted back where ``b`` was larger (or equal), or else 1 is added, unless bits that were lost make up for it."""
    first, second, lost = operands
    width = max(len(first), len(second))
    differ = a.sign ^ b.sign
    total = Signal(width + 1, name="total")
    m.d.comb += total.eq(first + (second ^ differ.replicate(width)))
    reverse = Signal(name="reverse")
    magnitude = Signal(width, name="magnitude")
    m.d.comb += [
        reverse.eq(differ & ~total[-1]),
        magnitude.eq(Mux(reverse, ~total[:width], total[:width] + (differ & ~reverse & ~lost))),
    ]
    inf = a.inf | b.inf
    sign = Mux(inf, Mux(a.inf, a.sign, b.sign), Mux(reverse, b.sign, a.sign))
    return Sum(a.nan | b.nan | a.inf & b.inf & differ, inf, differ, sign, exponent, Cat(lost, magnitude))


def normalize(s: Sum) -> Raw:
    """A sum with its leading one in the highest bit; an exact zero is +0, unless both operands were negative."""
    some, zeros = leading_zeros(s.significand[1:])
    zero = ~some
    significand = (s.significand << zeros)[: len(s.significand)]
    short = Cat(significand[: -_BITS - 1].any(), significand[-_BITS - 1 :])
    sign = s.sign & ~(zero & s.differ & ~s.inf)
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
    if len(bits) <= _BITS:  # exact
        top, carry = Cat(C(0, _BITS - len(bits)), bits), _NO
    else:
        top, carry = _to_nearest(m, raw.exponent, bits, masked=not lean and span[0] < _LEAST)
    exponent = Signal(signed(7), name="exponent")
    m.d.comb += exponent.eq(raw.exponent + carry)
    if lean:
        return _lean(raw, exponent, top, span)
    infinite = raw.inf | ~raw.zero & (exponent > 15) if span[-1] > 15 else raw.inf
    zero = ~infinite & ~top[-1]  # nothing is left, or nothing was there
    return Float(raw.nan, infinite, zero, raw.sign, exponent[:6].as_signed(), top)


def _to_nearest(m: Module, exponent: Value, bits: Value, *, masked: bool) -> tuple[Value, Value]:
    """The highest 11 bits, rounded, and a carry out of them, which leaves them 1000...; 0 if nothing is left."""
    kept, guard, sticky = bits[-_BITS:], bits[-_BITS - 1], bits[: -_BITS - 1].any()
    drop = Cat(exponent < _LEAST - k for k in range(_BITS)) if masked else C(0, _BITS)
    below = Signal(_BITS + 2, name="below")  # what lies below the last bit that stays: drop, guard, sticky
    last = Signal(_BITS + 2, name="last")  # the highest of these
    word = Cat(sticky, guard, kept)
    deep = exponent < _LEAST - _BITS if masked else _NO  # less than half of the least subnormal
    m.d.comb += [
        below.eq(Cat(C(0b11, 2), drop)),
        last.eq(below & ~Cat(below[1:], deep)),
    ]
    half, rest = (word & last).any(), (word & below & ~last).any()
    odd = (word & Cat(C(0, 1), last[:-1])).any()
    up = Signal(name="up")
    filled = Signal(_BITS + 1, name="filled")
    m.d.comb += [up.eq(half & (rest | odd)), filled.eq((kept | drop) + 1)]
    carry = Signal(name="carry")
    top = Signal(_BITS, name="top")
    m.d.comb += [
        carry.eq(up & filled[-1]),
        top.eq(Mux(up, filled[:_BITS], kept) & ~drop | Cat(C(0, _BITS - 1), carry)),
    ]
    return top, carry


def _lean(raw: Raw, exponent: Value, top: Value, span: range) -> Float:
    """No subnormals and no infinity: too small is zero, too large the largest number."""
    zero = raw.zero | (exponent < _LEAST) if span[0] < _LEAST else raw.zero
    huge = exponent > 16 if span[-1] > 16 else _NO
    significand = (top | huge.replicate(_BITS)) & ~Value.cast(zero).replicate(_BITS)
    return Float(_NO, _NO, zero, raw.sign, Mux(huge, 16, exponent[:6].as_signed()), significand)


def to_integer(m: Module, value: Float, form: Format, relu: Value) -> Clipped:
    """The nearest code of ``form``, ties to even; where ``relu``, what is negative is 0 and no overflow."""
    width = form.width
    far = Signal(signed(8), name="far")
    m.d.comb += far.eq(width - 1 - value.exponent)
    placed = Cat(C(0, max(width - _BITS, 0)), value.significand)
    distance = Signal(range(width + 2), name="distance")
    shifted = Signal(len(placed) + width + 1, name="shifted")
    m.d.comb += [
        distance.eq(Mux(far > width, width + 1, far)),
        shifted.eq(Cat(C(0, width + 1), placed) >> distance),
    ]
    whole, guard, sticky = shifted[-width:], shifted[-width - 1], shifted[: -width - 1].any()
    magnitude = Signal(width + 1, name="magnitude")
    m.d.comb += magnitude.eq(whole + (guard & (sticky | whole[0])))
    beyond, negative = value.inf | ~value.zero & (far < 0), value.sign & ~value.nan
    high, low = Signal(name="above"), Signal(name="below")
    m.d.comb += [
        high.eq(value.nan | ~negative & (beyond | (magnitude > form.high))),
        low.eq(negative & ~relu & (beyond | (magnitude > -form.low))),
    ]
    code = Mux(negative, Mux(relu, 0, -magnitude), magnitude)[:width]
    return Clipped(Mux(high, C(form.high, width), Mux(low, C(form.low, width), code))[:width], low, high)


def leading_zeros(value: Value) -> tuple[Value, Value]:
    """Whether any bit is set, and, if so, the number of zeros above the highest that is."""
    if len(value) == 1:
        return value, C(0, 1)
    half = 1 << ((len(value) - 1).bit_length() - 1)
    upper, above = leading_zeros(value[-half:])
    lower, below = leading_zeros(Cat(C(0, 2 * half - len(value)), value[:-half]))
    if half == 1:
        return upper | lower, ~upper
    digits = half.bit_length() - 1
    return upper | lower, Cat(Mux(upper, above[:digits], below[:digits])[:digits], ~upper)


class FloatUnit(wiring.Component):
    """One operation by itself, without registers.

    Args:
        operation: ``multiply``, ``add``, ``fused`` (a * b + c), ``from_integer`` or ``to_integer``.
        lean: no NaN, no infinity, no subnormals.
        form: of the codes that a conversion takes or gives.

    Attributes:
        a, b, c: bit patterns, as many as the operation takes; ``from_integer``: ``code`` in their place.
        y: bit pattern; ``to_integer``: a code, with ``low`` and ``high``, and ``relu`` as an input.
    """

    def __init__(self, operation: str, lean: bool, form: Format) -> None:
        self._operation, self._lean, self._form = operation, lean, form
        operands = {"multiply": "ab", "add": "ab", "fused": "abc", "to_integer": "a", "from_integer": ""}[operation]
        ports: dict[str, Any] = {name: In(16) for name in operands} | {"y": Out(16)}
        if operation == "from_integer":
            ports["code"] = In(shape(form.number))
        if operation == "to_integer":
            ports |= {"y": Out(unsigned(form.width)), "low": Out(1), "high": Out(1), "relu": In(1)}
        super().__init__(ports)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        lean = self._lean
        a, b, c = (unpack(m, getattr(self, name), lean=lean) if hasattr(self, name) else None for name in "abc")
        if a is not None and b is not None:
            if self._operation == "add":
                raw = normalize(add(m, a, b))
            else:
                product = multiply(m, a, b)
                raw = leading_one(product) if c is None else normalize(fused(m, product, c))
            m.d.comb += self.y.eq(pack(rounded(m, raw, lean=lean), lean=lean))
        elif a is not None:
            result = to_integer(m, a, self._form, self.relu)
            m.d.comb += [self.y.eq(result.y), self.low.eq(result.low), self.high.eq(result.high)]
        else:
            code = Fixed(self.code, self._form.number)
            m.d.comb += self.y.eq(pack(from_integer(m, code, lean=lean), lean=lean))
        return m
