"""Leaky slope, ReLU, clip and the final saturation.  Mirrors nmpu_hdl/activation.py by name."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nmpu_hdl.formats import Format, Overflow

__all__ = ["clip", "leaky", "relu", "saturate"]

Ints = NDArray[np.signedinteger]
Bools = NDArray[np.bool_]


def leaky(a: Ints, bits: int, chosen: bool) -> Ints:
    """``a`` with ``bits`` more fraction bits; below zero times ``2**-bits`` where ``chosen``.  Exact."""
    whole = a << bits
    return np.where(a < 0, a, whole) if chosen else whole


def relu(y: Ints) -> Ints:
    """``max(y, 0)``."""
    return np.maximum(y, 0)


def clip(y: Ints, low: int, high: int) -> Ints:
    """``min(max(y, low), high)``: the upper limit wins where they cross."""
    return np.minimum(np.maximum(y, low), high)


def saturate(y: Ints, form: Format, overflow: Overflow) -> tuple[Ints, Bools, Bools]:
    """Limit ``y`` to the output format, or wrap it modulo ``2**width``.

    Returns:
        The code, whether ``y`` was below the format's range, whether it was above; the flags tell of it either way.
    """
    low, high = y < form.low, y > form.high
    if overflow is Overflow.SATURATE:
        return np.minimum(np.maximum(y, form.low), form.high), low, high
    return ((y - form.low) & ((1 << form.width) - 1)) + form.low, low, high
