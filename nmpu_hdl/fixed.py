"""Fixed-point values in hardware: a signal together with its exact range.  The only place where hardware rounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from amaranth.hdl import C, Module, Mux, Shape, Signal, Value, signed, unsigned

from .formats import Number, Rounding

__all__ = ["Fixed", "choose", "requantize", "shape"]


def shape(number: Number) -> Shape:
    """The Amaranth shape that holds ``number`` and nothing more."""
    return signed(number.width) if number.signed else unsigned(number.width)


@dataclass(frozen=True)
class Fixed:
    """A hardware value and its range.  Sums and products are exact; the range grows as :class:`Number` says."""

    value: Value
    number: Number

    def __add__(self, other: Fixed) -> Fixed:
        fraction = max(self.number.fraction, other.number.fraction)
        left, right = self.aligned(fraction), other.aligned(fraction)
        return Fixed(left.value + right.value, left.number + right.number).trimmed()

    def __sub__(self, other: Fixed) -> Fixed:
        fraction = max(self.number.fraction, other.number.fraction)
        left, right = self.aligned(fraction), other.aligned(fraction)
        return Fixed(left.value - right.value, left.number - right.number).trimmed()

    def __mul__(self, other: Fixed) -> Fixed:
        return Fixed(self.value * other.value, self.number * other.number).trimmed()

    def trimmed(self) -> Fixed:
        """Without the high bits that the range proves to be copies of the sign."""
        if len(self.value) <= self.number.width:
            return self
        kept = self.value[: self.number.width]
        return Fixed(kept.as_signed() if self.number.signed else kept, self.number)

    def aligned(self, fraction: int) -> Fixed:
        """With at least ``fraction`` fraction bits; zeros are appended."""
        up = max(fraction - self.number.fraction, 0)
        return Fixed(self.value << up, self.number.aligned(fraction)) if up else self

    def scaled(self, exponent: int) -> Fixed:
        """Times ``2**exponent``, exact."""
        up = max(exponent - self.number.fraction, 0)
        return Fixed(self.value << up if up else self.value, self.number.scaled(exponent))

    def floor(self, fraction: int) -> Fixed:
        """With ``fraction`` fraction bits; what is below is cut towards minus infinity, what is missing is zero."""
        cut = self.number.fraction - fraction
        if cut <= 0:
            return self.aligned(fraction)
        if cut >= len(self.value):  # nothing but the sign is left
            return Fixed(self.value >> cut, self.number.floor(fraction)).trimmed()
        kept = self.value[cut:]
        return Fixed(kept.as_signed() if self.value.shape().signed else kept, self.number.floor(fraction)).trimmed()


def choose(select: Value, options: Mapping[int, Value], default: Value) -> Value:
    """The option whose key ``select`` equals, else ``default``."""
    result = default
    for key, option in options.items():
        result = Mux(select == key, option, result)
    return result


def requantize(m: Module, a: Fixed, modes: tuple[Rounding, ...], select: Value) -> Fixed:
    """Cut all fraction bits of ``a`` with rounding.

    Args:
        m: the module that holds the intermediate signals.
        a: the exact value.
        modes: rounding modes built in.
        select: code of the mode in force; anything else than the code of a built-in mode means the first.

    One adder serves every mode: ``(a + half + correction) >> cut`` with ``half = 2**(cut-1)``, where the correction
    is 0 or -1; a lone ``floor`` has no adder.
    """
    cut = a.number.fraction
    if modes == (Rounding.FLOOR,) or cut == 0:
        return a.floor(0)
    half = 1 << (cut - 1)
    negative = a.value[-1] if a.number.signed else C(0, 1)
    integer_is_odd = a.value[cut] if cut < len(a.value) else negative
    addend = {
        Rounding.FLOOR: C(0, cut),
        Rounding.HALF_UP: C(half, cut),
        Rounding.HALF_EVEN: Mux(integer_is_odd, C(half, cut), C(half - 1, cut)),
        Rounding.HALF_AWAY: Mux(negative, C(half - 1, cut), C(half, cut)),
    }
    term = choose(select, {mode.code: addend[mode] for mode in modes[1:]}, addend[modes[0]])
    total = Signal(shape(Number(a.number.low, a.number.high + half, cut)), name="biased")
    m.d.comb += total.eq(a.value + term)
    return Fixed(total, Number(a.number.low, a.number.high + half, cut)).floor(0)
