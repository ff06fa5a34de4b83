"""What rounding does on average, for those who put it back into an offset."""

from __future__ import annotations

from nmpu_hdl.formats import Rounding

__all__ = ["rounding_gain"]


def rounding_gain(rounding: Rounding, fraction: int, low: int = -1) -> float:
    """What rounding adds on average to values that are anywhere on their grid, equally often; in units of the result.

    Args:
        rounding: the mode; floor takes away.
        fraction: fraction bits of what is rounded; with few of them ties are not rare.
        low: least result that is kept: where it is 0 or more, half_away is half_up.
    """
    step = 2.0**-fraction
    if rounding is Rounding.FLOOR:
        return (step - 1) / 2
    up = rounding is Rounding.HALF_UP or (rounding is Rounding.HALF_AWAY and low >= 0)
    return step / 2 if up and fraction > 0 else 0.0
