"""Leaky slope, ReLU, clip and the final saturation.  Mirrors golden/activation.py by name."""

from __future__ import annotations

from typing import NamedTuple

from amaranth.hdl import C, Module, Mux, Signal, Value

from .affine import Narrow
from .fixed import Fixed
from .formats import Format, Overflow

__all__ = ["Clipped", "clip", "leaky", "limit", "saturate"]


class Clipped(NamedTuple):
    """A code of the output format, and whether the value was below or above it."""

    y: Value
    low: Value
    high: Value


def leaky(a: Fixed, bits: int, chosen: Value) -> Fixed:
    """``a * 2^-bits`` where ``a`` is negative and leaky is ``chosen``; exact, ``bits`` more fraction bits."""
    whole = a.aligned(a.number.fraction + bits)
    if not a.number.signed:
        return whole
    return Fixed(Mux(chosen & a.value[-1], a.value, whole.value), whole.number)


def saturate(m: Module, y: Narrow, form: Format, relu: Value, overflow: Overflow) -> Clipped:
    """Limit ``y`` (no fraction bits) to ``form``; where ``relu``, what is negative is 0 and no overflow.

    Only the bits above the output's tell whether ``y`` fits: all of them must equal the sign.

    Args:
        m: the module that holds the intermediate signals.
        y: the rounded value, and whether it is beyond what its bits can tell.
        form: the output format.
        relu: ReLU is in force.
        overflow: saturate, or wrap; the flags tell of it either way.
    """
    value, number = y.kept.value, y.kept.number
    sign = value[-1] if number.signed else C(0, 1)
    surplus = value[form.width - form.signed :]
    too_high = ~sign & surplus.any() if number.high > form.high else C(0, 1)
    too_low = sign & (~surplus.all() if form.signed else C(1, 1)) if number.low < form.low else C(0, 1)
    code = Signal(form.width, name="code")
    negative, above, below = Signal(name="negative"), Signal(name="above"), Signal(name="below")
    m.d.comb += [
        code.eq(value),
        negative.eq(Mux(y.beyond, y.sign, sign)),
        above.eq(Mux(y.beyond, ~y.sign, too_high)),
        below.eq(Mux(y.beyond, y.sign, too_low) & ~relu),
    ]
    bounded: Value = code
    if overflow is Overflow.SATURATE:
        bounded = Mux(above, C(form.high, form.width), Mux(below, C(form.low, form.width), code))
    return Clipped(Mux(relu & negative, 0, bounded)[: form.width], below, above)


def clip(m: Module, y: Narrow, saturated: Clipped, limits: tuple[Value, Value], chosen: Value) -> Clipped:
    """Where ``chosen``, limit ``y`` to two run-time codes, the upper winning; else what is ``saturated`` stays.

    Beside the saturation, not behind it.  The limits are output codes, so the result cannot overflow: no flags.
    """
    lower, upper = limits
    least = Signal.like(lower, name="clip_least")
    over, under, code = Signal(name="over"), Signal(name="under"), Signal.like(saturated.y, name="unclipped")
    m.d.comb += [
        code.eq(y.kept.value),
        least.eq(Mux(lower > upper, upper, lower)),
        over.eq(Mux(y.beyond, ~y.sign, y.kept.value > upper)),
        under.eq(Mux(y.beyond, y.sign, y.kept.value < least)),
    ]
    limited = Mux(over, upper.as_unsigned(), Mux(under, least.as_unsigned(), code))
    return Clipped(Mux(chosen, limited, saturated.y), saturated.low & ~chosen, saturated.high & ~chosen)


def limit(code: Clipped, form: Format, widths: tuple[int, ...], select: Value) -> Clipped:
    """Limit a code of ``form`` to the width that ``select`` is the index of; the first is the format's own.

    The result keeps all bits of ``form``, sign-extended.
    """
    y, low, high = code
    sign = code.y[-1] if form.signed else C(0, 1)
    for k, width in enumerate(widths[1:], 1):
        surplus = code.y[width - form.signed :]
        over = (select == k) & ~sign & surplus.any()
        under = (select == k) & sign & ~surplus.all()
        least, most = -(1 << (width - 1)) if form.signed else 0, (1 << (width - form.signed)) - 1
        y = Mux(over, C(most, form.width), Mux(under, C(least % (1 << form.width), form.width), y))
        low, high = low | under, high | over
    return Clipped(y[: form.width], low, high)
