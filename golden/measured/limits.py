"""What a column is refused for, whatever its pairs are of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .pairs import Verdict

__all__ = ["SURE", "Limits", "mean_of", "measurable"]

SURE = 4.0
"""Standard errors by which a gain is not 0."""


@dataclass(frozen=True)
class Limits:
    """What a column is refused for.

    Args:
        saturated: share of vectors with a clipped code, above which it is.
        outliers: share of outliers, likewise; the fit is made for 0.3.
        residual: what remains of the ideal sums' standard deviation, likewise; noise of a good array is below 0.1.
        clipped: share of the ideal results beyond the output's range, likewise; 1: that is as it may be.

    Raises:
        ValueError: what is not a share of 0 to 1.
    """

    saturated: float = 0.1
    outliers: float = 0.35
    residual: float = 0.5
    clipped: float = 1.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 <= value <= 1:
                raise ValueError(f"the limit of {name} = {value} is no share; 0 to 1 would do")


def measurable(vectors: int, limits: Limits, clipped: float, used: int, inliers: int, need: int) -> Verdict | None:
    """Why pairs are no basis for a fit, or None.

    Args:
        vectors: measurements.
        limits: of shares.
        clipped: share of vectors with a clipped code.
        used: pairs without one.
        inliers: of them, those that are no outliers.
        need: pairs that a fit takes.
    """
    if clipped > limits.saturated:
        return Verdict(
            "saturated", f"{clipped:.0%} of the vectors have a code at the end of its range; less input would do"
        )
    if used < need:
        why = f"{used} of {vectors} pairs are within the codes' range; {need} would do"
        return Verdict("undetermined" if vectors < need else "saturated", why)
    if inliers < used * (1 - limits.outliers):
        return Verdict("undetermined", f"{used - inliers} of {used} pairs are outliers; better measurements would do")
    return None


def mean_of(sums: NDArray[np.floating[Any]], good: NDArray[np.bool_]) -> NDArray[np.floating[Any]]:
    """(columns,): the mean over good pairs, or over all where none is."""
    some = np.where(good.any(axis=0), good, True)
    result: NDArray[np.floating[Any]] = (sums * some).sum(axis=0) / np.count_nonzero(some, axis=0)
    return result
