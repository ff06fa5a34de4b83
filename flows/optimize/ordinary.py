"""The space that is looked at where none is asked for."""

from __future__ import annotations

from collections.abc import Iterable

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.formats import Format

from .space import Space, Value, value_of

__all__ = ["ordinary"]

_LEAST_CODES, _LEAST_SCALES = 7, 3
"""Bits."""

_LESS_RANGE, _MORE_RANGE = 3, 2
"""Shifts that are tried less, and more: codes of fewer bits need smaller ones."""

_LEAST_SHIFT = -8

_MORE_GUARD = 2
"""Guard bits that are tried more: where row blocks are added, each block's sum is cut before."""


def ordinary(base: NmpuConfig) -> Space:
    """What is worth trying around a configuration: narrower formats, shorter ranges of the shift, a shift a column."""
    codes, scale, offset = base.codes.format, base.scale.format, base.offset.format
    fewer = range(min(codes.width, _LEAST_CODES), codes.width + 1)
    parts = range(min(max(_LEAST_SCALES - scale.width + scale.fraction, 0), scale.fraction), scale.fraction + 1)
    wholes = range(max(offset.integer - 2, 1), offset.integer + 1)
    low, high = base.shift.min, base.shift.max
    chosen: dict[str, Iterable[Value]] = {
        "codes.format": [str(Format(codes.signed, width - codes.fraction, codes.fraction)) for width in fewer],
        "scale.format": [str(Format(scale.signed, scale.integer, bits)) for bits in parts],
        "shift.min": range(max(low - _MORE_RANGE, _LEAST_SHIFT), max(low, min(low + _LESS_RANGE, high - 1)) + 1),
        "shift.max": range(min(high, max(high - _LESS_RANGE, low + 1)), high + 1),
        "shift.granularity": dict.fromkeys(("layer", "column", str(base.shift.granularity))),
        "offset.format": [
            str(Format(offset.signed, whole, bits)) for whole in wholes for bits in range(offset.fraction + 1)
        ],
        "guard": range(base.guard + 1 + _MORE_GUARD),
        "rounding.modes": dict.fromkeys(["half_up", "floor", value_of(base, "rounding.modes")]),
    }
    return Space(base, tuple((name, tuple(values)) for name, values in chosen.items()))
