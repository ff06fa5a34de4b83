"""Scale, shift and offset: the affine part of a lane.  Mirrors golden/affine.py by name."""

from __future__ import annotations

from typing import NamedTuple

from amaranth.hdl import C, Cat, Module, Mux, Value

from .fixed import Fixed
from .formats import Number
from .multiply import Rows, Term, multiply_add

__all__ = ["Narrow", "carry", "least_shift", "multiply", "narrow", "norm", "offset", "shift"]


class Narrow(NamedTuple):
    """The bits of a value that count; if it is ``beyond`` them, only its ``sign`` does."""

    kept: Fixed
    beyond: Value
    sign: Value


def multiply(
    m: Module,
    codes: tuple[Fixed, ...],
    scales: tuple[Fixed, ...],
    how: str,
    *,
    onto: Value | None = None,
    number: Number | None = None,
) -> Rows:
    """``s_p * p - s_n * n``, or ``s * x``, exact: by an adder tree of ours, or by the synthesizer's operators.

    With ``onto`` that is added too, and ``number`` is the range of the sum.
    """
    if how != "operator":
        signs = (1, -1)[: len(codes)]
        terms = [Term(*term) for term in zip(signs, scales, codes, strict=True)]
        return multiply_add(m, terms, how, onto=onto, number=number)
    product = codes[0] * scales[0]
    if len(codes) == 2:
        product = product - codes[1] * scales[1]
    if number is None:
        return Rows((product.value,), product.number)
    return Rows((product.value if onto is None else product.value + onto,), number)


def carry(rows: Rows) -> Fixed:
    """``m``: the rows added up."""
    total = sum(rows.rows[1:], rows.rows[0])[: rows.number.width]
    return Fixed(total.as_signed() if rows.number.signed else total, rows.number)


def least_shift(product: Fixed, least: int, guard: int) -> Fixed:
    """``floor(m * 2^-least)`` with ``guard`` fraction bits: what even the least shift cuts is cut at once."""
    return product.scaled(-least).floor(guard)


def shift(product: Fixed, distance: Value) -> Fixed:
    """``t``: the rest of the shift, to the right by ``distance``, towards minus infinity."""
    return Fixed(product.value >> distance, product.number).trimmed()


def narrow(shifted: Fixed, kept: Number) -> Narrow:
    """``t`` without the bits that only tell that the output saturates, and the telling of it."""
    surplus = shifted.value[kept.width - 1 :]
    if kept.width >= shifted.number.width:
        return Narrow(shifted, C(0, 1), C(0, 1))
    if not shifted.number.signed:
        return Narrow(Fixed(Cat(shifted.value[: kept.width - 1], C(0, 1)).as_signed(), kept), surplus.any(), C(0, 1))
    sign = shifted.value[-1]
    beyond = Mux(sign, ~surplus.all(), surplus.any())
    return Narrow(Fixed(shifted.value[: kept.width].as_signed(), kept), beyond, sign)


def offset(shifted: Fixed, value: Fixed, up: Value, most: int, bias: int) -> Fixed:
    """``a = t + o * 2^up + bias`` with ``up`` up to ``most``; exact, as fine as the finer of the two.

    ``bias``, in LSB of the result, is a rounding constant that need not be added apart: 1 goes into the carry.
    """
    low, high = value.number.low << most, value.number.high << most
    raised = Fixed(value.value << up if most else value.value, Number(low, high, value.number.fraction)).trimmed()
    fraction = max(shifted.number.fraction, raised.number.fraction)
    left, right = shifted.aligned(fraction), raised.aligned(fraction)
    number = left.number + right.number
    number = Number(number.low, number.high + bias, fraction)
    if bias != 1:
        return Fixed(left.value + right.value + bias if bias else left.value + right.value, number).trimmed()
    one = C(1, 1)
    with_carry = _prefixed(one, left.value) + _prefixed(one, right.value)
    return Fixed(with_carry >> 1, number).trimmed()


def _prefixed(bit: Value, value: Value) -> Value:
    """``value * 2 + bit``, as signed as ``value`` is."""
    longer = Cat(bit, value)
    return longer.as_signed() if value.shape().signed else longer


def norm(a: Fixed, scale: Fixed, shift_in: Fixed, guard: int) -> Fixed:
    """The second affine stage, exact, then cut to ``guard`` fraction bits."""
    return (a * scale + shift_in).floor(guard)
