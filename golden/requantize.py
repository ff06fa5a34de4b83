"""What each rounding mode means.  Mirrors ``requantize`` of nmpu_hdl/fixed.py."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nmpu_hdl.formats import Rounding

__all__ = ["requantize"]

Ints = NDArray[np.signedinteger]


def requantize(a: Ints, cut: int, mode: Rounding) -> Ints:
    """``round(a * 2**-cut)``.

    Args:
        a: integers of any shape.
        cut: fraction bits to cut; 0 cuts nothing.
        mode: floor: towards minus infinity.  The others round to the nearest integer; a tie goes up (``half_up``),
            to the even neighbour (``half_even``), or away from zero (``half_away``).
    """
    if cut == 0:
        return a
    half = 1 << (cut - 1)
    match mode:
        case Rounding.FLOOR:
            return a >> cut
        case Rounding.HALF_UP:
            return (a + half) >> cut
        case Rounding.HALF_AWAY:
            magnitude = (np.abs(a) + half) >> cut
            return np.where(a < 0, -magnitude, magnitude)
        case Rounding.HALF_EVEN:
            up = (a + half) >> cut
            tie = (a & ((1 << cut) - 1)) == half
            return up - (tie & ((up & 1) == 1))
