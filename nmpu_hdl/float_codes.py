"""Binary16 at the edges of a lane: bit patterns of parameters, codes of the converters and of the output."""

from __future__ import annotations

from amaranth.hdl import C, Cat, Module, Mux, Signal, Value, signed

from .activation import Clipped
from .fixed import Fixed
from .float16 import BITS, LEAST, NO, Float, Raw, leading_zeros, rounded
from .formats import Format

__all__ = ["from_integer", "pack", "to_integer", "unpack"]


def unpack(m: Module, bits: Value, *, lean: bool) -> Float:
    """The number that 16 bits mean."""
    fraction, exponent, sign = bits[:10], bits[10:15], bits[15]
    tiny, special = exponent == 0, exponent == 31
    if lean:
        significand = Mux(tiny, 0, Cat(fraction, C(1, 1)))
        return Float(NO, NO, tiny, sign, (exponent - 15)[:6].as_signed(), significand)
    _, zeros = leading_zeros(m, fraction)
    power = Signal(signed(6), name="power")
    m.d.comb += power.eq(Mux(tiny, -15 - zeros, exponent - 15))
    significand = Signal(BITS, name="significand")
    m.d.comb += significand.eq(Mux(tiny, Cat(C(0, 1), fraction) << zeros, Cat(fraction, C(1, 1))))
    whole = ~fraction.any()
    return Float(special & ~whole, special & whole, tiny & whole, sign, power, significand)


def pack(value: Float, *, lean: bool) -> Value:
    """The 16 bits of a number; NaN is 0x7E00."""
    least = value.exponent < LEAST
    normal = Cat(value.significand[:10], (value.exponent + 15)[:5], value.sign)
    if lean:
        return Mux(value.zero, Cat(C(0, 15), value.sign), normal)
    distance = Value.cast(LEAST - value.exponent)[:4]
    subnormal = Cat((value.significand >> distance)[:10], C(0, 5), value.sign)
    finite = Mux(value.zero, Cat(C(0, 15), value.sign), Mux(least, subnormal, normal))
    return Mux(value.nan, C(0x7E00, 16), Mux(value.inf, Cat(C(0, 10), C(31, 5), value.sign), finite))


def from_integer(m: Module, code: Fixed, *, lean: bool) -> Float:
    """A code of the converters, rounded where it has more than 11 bits."""
    number, width = code.number, code.number.width
    sign = code.value[-1] if number.signed else NO
    magnitude = Signal(width, name="magnitude")
    m.d.comb += magnitude.eq(Mux(sign, -code.value, code.value))
    top = width - 1 - number.fraction
    some, zeros = leading_zeros(m, magnitude)
    raw = Raw(NO, NO, ~some, sign, Value.cast(top - zeros), (magnitude << zeros)[:width])
    span = range(-number.fraction, top + 1 + (width > BITS))
    return rounded(m, raw, lean=lean, span=span)


def to_integer(m: Module, value: Float, form: Format, relu: Value) -> Clipped:
    """The nearest code of ``form``, ties to even; where ``relu``, what is negative is 0 and no overflow."""
    width = form.width
    far = Signal(signed(8), name="far")
    m.d.comb += far.eq(width - 1 - value.exponent)
    placed = Cat(C(0, max(width - BITS, 0)), value.significand)
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
