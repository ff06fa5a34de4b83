"""How the columns of a network's arrays are calibrated: from pairs of ideal sums and counts to lines."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..line import Line

__all__ = ["counts_fit", "joint_fit"]

Floats: TypeAlias = NDArray[np.floating[Any]]

_LEAST = 0.2
"""A slope below this share of the design's is of a column that gives nothing to fit: it gets the design's."""

_FEW = 10
"""Vectors below which a line a count, of fewer numbers, is the better one."""

_RIDGE = 1e-4
"""Weight of the design in the joint fit, relative to the measurements': it decides only what they leave open."""


def counts_fit(ideal: Floats, measured: Floats, nominal: float, span: tuple[int, int]) -> Line:
    """A line a count and column by least squares, without the vectors whose count is at an end of its range.

    Args:
        ideal: (vectors, counts, columns) sums.
        measured: (vectors, counts, columns) counts.
        nominal: slope by design.
        span: the least and the largest count.
    """
    use = _inside(measured, span)
    number = np.maximum(use.sum(axis=0), 1)
    x0, y0 = (ideal * use).sum(axis=0) / number, (measured * use).sum(axis=0) / number
    dx, dy = (ideal - x0) * use, (measured - y0) * use
    spread = (dx**2).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        slope = (dx * dy).sum(axis=0) / spread
    slope = np.where(slope > _LEAST * nominal, slope, nominal)  # also where there is nothing to fit
    return Line(slope, y0 - slope * x0)


def joint_fit(ideal: Floats, measured: Floats, nominal: float, span: tuple[int, int]) -> Line:
    """The line that makes the *result* best, ``v = p / slope_p - n / slope_n + c``: least squares of both counts.

    Noise of the devices that both counts see is taken out in part, as a line a count cannot.  Arguments as
    :func:`counts_fit`; ``c`` is in the intercept of the first count.
    """
    if ideal.shape[1] == 1 or len(ideal) < _FEW:
        return counts_fit(ideal, measured, nominal, span)
    use = _inside(measured, span).all(axis=1, keepdims=True)
    number = np.maximum(use.sum(axis=0), 1)
    result = ideal[:, :1] - ideal[:, 1:]
    v0, m0 = (result * use).sum(axis=0) / number, (measured * use).sum(axis=0) / number
    dv, dm = ((result - v0) * use)[:, 0], (measured - m0) * use
    p, n = dm[:, 0], -dm[:, 1]
    pp, nn, pn = (p * p).sum(axis=0), (n * n).sum(axis=0), (p * n).sum(axis=0)
    # Least squares about the design's gains, so that counts that say nothing keep them.
    ridge = _RIDGE * (pp + nn) + 1e-9
    left = dv - (p + n) / nominal
    pv, nv = (p * left).sum(axis=0), (n * left).sum(axis=0)
    pp, nn = pp + ridge, nn + ridge
    determinant = pp * nn - pn * pn
    gains = 1 / nominal + np.stack([(nn * pv - pn * nv), (pp * nv - pn * pv)]) / determinant
    line = counts_fit(ideal, measured, nominal, span)
    usable = ((gains > 0.3 / nominal) & (gains < 3 / nominal)).all(axis=0)
    slope = np.where(usable, 1 / np.where(gains > 0, gains, 1.0), line.slope)
    constant = v0[0] - m0[0] * (1 / slope)[0] + m0[1] * (1 / slope)[1]
    return Line(slope, np.stack([-constant * slope[0], np.zeros_like(constant)]))


def _inside(measured: Floats, span: tuple[int, int]) -> NDArray[np.bool_]:
    """Counts that are not at an end of the range; a count of 0 of an unsigned converter is where nothing flows."""
    return measured < span[1] if span[0] == 0 else (measured > span[0]) & (measured < span[1])
