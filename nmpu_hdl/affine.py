"""Scale, shift and offset: the affine part of a lane.  Mirrors golden/affine.py by name."""

from __future__ import annotations

from amaranth.hdl import Value

from .fixed import Fixed
from .formats import Number

__all__ = ["multiply", "norm", "offset", "shift"]


def multiply(codes: tuple[Fixed, ...], scales: tuple[Fixed, ...]) -> Fixed:
    """``m = s_p * p - s_n * n``, or ``s * x``; exact."""
    if len(codes) == 1:
        return codes[0] * scales[0]
    return codes[0] * scales[0] - codes[1] * scales[1]


def shift(product: Fixed, least: int, distance: Value, guard: int) -> Fixed:
    """``t = floor(m * 2^-(least + distance))``, with ``guard`` fraction bits.

    What even the least shift cuts is cut first, so that the shifter is as narrow as it can be.
    """
    narrow = product.scaled(-least).floor(guard)
    return Fixed(narrow.value >> distance, narrow.number).trimmed()


def offset(shifted: Fixed, value: Fixed, up: Value, most: int) -> Fixed:
    """``a = t + o * 2^up`` with ``up`` up to ``most``; exact, as fine as the finer of the two."""
    low, high = value.number.low << most, value.number.high << most
    raised = Fixed(value.value << up if most else value.value, Number(low, high, value.number.fraction))
    return shifted + raised.trimmed()


def norm(a: Fixed, scale: Fixed, shift_in: Fixed, guard: int) -> Fixed:
    """The second affine stage, exact, then cut to ``guard`` fraction bits."""
    return (a * scale + shift_in).floor(guard)

