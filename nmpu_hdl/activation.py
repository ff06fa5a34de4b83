"""Leaky slope, ReLU, clip and the final saturation.  Mirrors golden/activation.py by name."""

from __future__ import annotations

from typing import NamedTuple

from amaranth.hdl import C, Module, Mux, Signal, Value

from .fixed import Fixed
from .formats import Format

__all__ = ["Clipped", "clip", "leaky", "saturate"]


class Clipped(NamedTuple):
    """A code of the output format, and whether the value was below or above it."""

    y: Value
    low: Value
    high: Value


def leaky(a: Fixed, bits: int, chosen: Value) -> Fixed:
    """``a * 2^-bits`` where ``a`` is negative and leaky is ``chosen``, else ``a``; exact, ``bits`` more fraction bits."""
    whole = a.aligned(a.number.fraction + bits)
    if not a.number.signed:
        return whole
    return Fixed(Mux(chosen & a.value[-1], a.value, whole.value), whole.number)


def saturate(m: Module, y: Fixed, form: Format, relu: Value, limited: Value) -> Clipped:
    """Limit ``y`` (no fraction bits) to ``form``; where ``relu``, what is negative is 0 and no overflow.

    Only the bits above the output's tell whether ``y`` fits: all of them must equal the sign.

    Args:
        m: the module that holds the intermediate signals.
        y: the rounded value.
        form: the output format.
        relu: ReLU is in force.
        limited: overflow saturates; else it wraps.  The flags tell of it either way.
    """
    negative = y.value[-1] if y.number.signed else C(0, 1)
    surplus = y.value[form.width - form.signed :]
    too_low = ~surplus.all() if form.signed else C(1, 1)
    low, high, code = Signal(name="below"), Signal(name="above"), Signal(form.width, name="code")
    m.d.comb += code.eq(y.value)
    if y.number.high > form.high:
        m.d.comb += high.eq(~negative & surplus.any())
    if y.number.low < form.low:
        m.d.comb += low.eq(negative & too_low & ~relu)
    bounded = Mux(high & limited, C(form.high, form.width), Mux(low & limited, C(form.low, form.width), code))
    return Clipped(Mux(relu & negative, 0, bounded)[: form.width], low, high)


def clip(saturated: Clipped, form: Format, limits: tuple[Value, Value], chosen: Value) -> Clipped:
    """Where ``chosen``, limit to two run-time codes, the upper winning.

    The limits are output codes, so clipping what is saturated already gives what clipping the wide value would, and
    the result cannot overflow: no flags.
    """
    lower, upper = limits
    code = saturated.y.as_signed() if form.signed else saturated.y
    raised = Mux(code < lower, lower, code)
    limited = Mux(raised > upper, upper, raised)
    return Clipped(Mux(chosen, limited, code)[: form.width], saturated.low & ~chosen, saturated.high & ~chosen)
