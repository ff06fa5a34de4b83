"""Scaled counts in several clocks: one multiplier for both counts, or the scales digit by digit.

What comes out is that of the parallel lane bit for bit, so that nothing here has a twin in golden/.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from amaranth.hdl import C, Cat, Module, Mux, Shape, Signal, Value

from . import affine
from .config import NmpuConfig
from .fixed import Fixed, shape
from .formats import Number

__all__ = ["Serial", "shared"]


def shared(
    m: Module,
    config: NmpuConfig,
    codes: tuple[Fixed, ...],
    scales: tuple[Fixed, ...],
    told: Mapping[str, Value],
) -> Fixed:
    """``s_p * p - s_n * n`` in two clocks, the subtrahend first.

    ``s_n * n - 1`` is kept; its complement is ``-s_n * n``.  So nothing is negated, and what is added in the first
    clock, -1, is a gate a bit as well.

    Returns:
        The result as it is in the second clock, or, where the next step is in the next stage, in the clock after.
    """
    number, first = config.derived.product, told["first"]
    held = Signal(shape(number), name="held", reset_less=True)
    onto, total = Signal.like(held, name="onto"), Signal.like(held, name="total")
    code = Fixed(Mux(first, codes[1].value, codes[0].value), codes[0].number)
    scale = Fixed(Mux(first, scales[1].value, scales[0].value), scales[0].number)
    rows = affine.multiply(m, (code,), (scale,), config.how.multiplier, onto=onto, number=number)
    m.d.comb += [onto.eq(~(held & Mux(first, 0, C(-1, held.shape())))), total.eq(affine.carry(rows).value)]
    with m.If(told["step"]):
        m.d.sync += held.eq(total)
    return Fixed(held if config.derived.stage_of["shift"] else total, number)


class _Ranges(NamedTuple):
    """Ranges of a serial lane, over all its clocks.

    Args:
        digit: a digit of a scale.
        total: the accumulator and what is added to it.
        held: the accumulator after a digit, without the bits that it has shifted out.
    """

    digit: Number
    total: Number
    held: Number


@dataclass(frozen=True)
class Serial:
    """``t = floor((s_p * p - s_n * n) * 2^-shift)``, or ``s * x`` so, with guard bits; least digit first.

    The accumulator shifts right by a digit a clock.  It keeps the bits shifted out that the least shift leaves above
    the guard bits, and the clocks after the last digit shift on, without a digit, for the rest of the shift.

    Args:
        config: the configuration.
        told: what :func:`nmpu_hdl.phases.phase_ports` has.
    """

    config: NmpuConfig
    told: Mapping[str, Value]

    def shifted(self, m: Module, codes: tuple[Fixed, ...], scales: tuple[Fixed, ...], distance: Value | None) -> Fixed:
        """``t`` in the last clock, or, where the next step is in the next stage, in the clock after.

        What radix 4 leaves of an odd shift is not done.

        Args:
            m: the lane.
            codes, scales: of the column.
            distance: the shift of the column less the least one; None where it is not a parameter.
        """
        derived, digit = self.config.derived, self.config.derived.digit
        ranges, below, kept = self._ranges(), self._below(), self._kept()
        word = Signal(kept + ranges.held.width, name="held", reset_less=True)
        low, high = word[:kept], _signed(word[kept:], ranges.held)
        onto = Mux(self.told["digit"][0], 0, high)
        integers = tuple(Fixed(code.value, Number(code.number.low, code.number.high, 0)) for code in codes)
        digits = tuple(Fixed(self._digit(m, scale), ranges.digit) for scale in scales)
        rows = affine.multiply(m, integers, digits, self.config.how.multiplier, onto=onto, number=ranges.total)
        total = Signal(shape(ranges.total), name="total")
        m.d.comb += total.eq(affine.carry(rows).value)
        after = Signal.like(word, name="after")
        moved = _signed(Cat(self._cleared(low), total)[digit:], ranges.total)
        m.d.comb += after.eq(moved if distance is None else Mux(self._moves(distance), moved, word))
        with m.If(self.told["step"]):
            m.d.sync += word.eq(after)
        result = _signed(word if derived.stage_of["shift"] else after, ranges.held)
        t = Signal(shape(derived.shifted), name="t")
        m.d.comb += t.eq(result >> max(below - derived.digits * digit, 0))
        return Fixed(t, derived.shifted)

    def _ranges(self) -> _Ranges:
        config, digit = self.config, self.config.derived.digit
        code, sign = config.derived.operand, config.scale.format.signed
        inner = Number(0, (1 << digit) - 1, 0)
        top = Number(-(1 << digit - 1), (1 << digit - 1) - 1, 0) if sign else inner
        held = total = Number(0, 0, 0)
        for k in range(config.derived.digits):
            product = (top if k == config.derived.digits - 1 else inner) * Number(code.low, code.high, 0)
            added = held + (product - product if config.codes.counts == 2 else product)
            total = _union(total, added)
            held = _union(held, Number(added.low >> digit, added.high >> digit, 0))
        return _Ranges(_union(inner, top), total, held)

    def _below(self) -> int:
        """Bits of the exact product below those of ``t`` at the least shift."""
        config = self.config
        return config.derived.product.fraction + config.shift.min - config.guard

    def _kept(self) -> int:
        """Bits that the accumulator keeps of those it has shifted out."""
        return max(self.config.derived.digits * self.config.derived.digit - self._below(), 0)

    def _cleared(self, low: Value) -> Value:
        """The bits that were shifted out, in a column's first clock without those of the column before.

        Only where the least shift is to the left do any of them stay for all digits.
        """
        stay = self.config.derived.digits * self.config.derived.digit
        return Cat(low[:stay], Mux(self.told["digit"][0], 0, low[stay:])) if len(low) > stay else low

    def _digit(self, m: Module, scale: Fixed) -> Value:
        """The digit that is due, 0 if none is; that of a signed scale's top weighs negative."""
        derived, due = self.config.derived, self.told["digit"]
        longer = Signal(Shape(derived.digits * derived.digit, scale.number.signed), name="scale")
        m.d.comb += longer.eq(scale.value)
        digit = C(0, derived.digit)
        for k in range(derived.digits):
            digit = digit | Mux(due[k], longer.word_select(k, derived.digit).as_unsigned(), 0)
        chosen = Signal(derived.digit, name="digit")
        m.d.comb += chosen.eq(digit)
        return Cat(chosen, chosen[-1] & due[-1]).as_signed() if scale.number.signed else chosen

    def _moves(self, distance: Value) -> Value:
        """Whether a lane with a shift of its own still shifts."""
        return ~self.told["shifting"] | (self.told["late"] < distance >> self.config.derived.digit - 1)


def _union(left: Number, right: Number) -> Number:
    return Number(min(left.low, right.low), max(left.high, right.high), 0)


def _signed(bits: Value, number: Number) -> Value:
    return bits.as_signed() if number.signed else bits.as_unsigned()
