"""What an array's operands are of the sums that they stand for: a line, known or measured."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Fit", "Line", "fit"]

Floats = NDArray[np.floating[Any]]


class Line(NamedTuple):
    """What a row block's operands are of the sums that they stand for.

    Attributes:
        slope: (counts, columns).
        intercept: (counts, columns).
    """

    slope: Floats
    intercept: Floats

    @classmethod
    def exact(cls, counts: int, columns: int, slope: float = 1.0, intercept: float = 0.0) -> Line:
        """The same for all columns."""
        return cls(np.full((counts, columns), slope), np.full((counts, columns), intercept))


class Fit(NamedTuple):
    """A line through measured pairs.

    Attributes:
        line: slope and intercept.
        slope_error, intercept_error: standard errors, of the shape of the line's, from the residuals.
        residual: standard deviation of the residuals, likewise.
    """

    line: Line
    slope_error: Floats
    intercept_error: Floats
    residual: Floats


def fit(ideal: ArrayLike, measured: ArrayLike) -> Fit:
    """Least squares, ``measured = slope * ideal + intercept``, a count and column: how an array is calibrated.

    The errors are those of measurements whose residuals are independent and of one variance.

    Args:
        ideal: (vectors, counts, columns) the sums that the operands stand for.
        measured: (vectors, counts, columns) the operands.

    Raises:
        ValueError: shapes that differ, fewer than three vectors, or a column whose ideal sums are all the same.
    """
    x, y = np.asarray(ideal, np.float64), np.asarray(measured, np.float64)
    if x.ndim != 3 or x.shape != y.shape or len(x) < 3:
        raise ValueError(f"sums {x.shape} and operands {y.shape} are not both (3 vectors or more, counts, columns)")
    middle, about = x.mean(axis=0), x - x.mean(axis=0)
    spread = (about**2).sum(axis=0)
    if not (spread > 0).all():
        column = int(np.argwhere(spread == 0)[0][-1])
        raise ValueError(f"the sums of column {column} are all the same; vectors that differ there would do")
    slope = (about * y).sum(axis=0) / spread
    intercept = y.mean(axis=0) - slope * middle
    residual = np.sqrt(((y - slope * x - intercept) ** 2).sum(axis=0) / (len(x) - 2))
    slope_error = residual / np.sqrt(spread)
    intercept_error = residual * np.sqrt(1 / len(x) + middle**2 / spread)
    return Fit(Line(slope, intercept), slope_error, intercept_error, residual)
