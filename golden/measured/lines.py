"""A robust line a count, where the ideal sum of each is known."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nmpu_hdl.config import NmpuConfig

from ..line import Fit, Line
from ..robust import regress
from .limits import SURE, Limits, mean_of, measurable
from .pairs import FINE, Fitted, Pairs, Verdict, zeros

__all__ = ["fit_lines"]

Floats = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]

_WEAK = 1 / 64
"""Of the range of a column's largest sum: a count whose sums are less may be as it likes."""

_LEAST = 8
"""Pairs that a line takes."""


class _Found(NamedTuple):
    """(blocks, counts, columns) each, but for ``clipped`` (vectors, columns)."""

    used: NDArray[np.int64]
    inliers: NDArray[np.int64]
    reach: Floats
    moves: Bools
    idle: Bools
    slope: Floats
    clipped: Bools


def fit_lines(config: NmpuConfig, pairs: Pairs, limits: Limits) -> Fitted:
    """``value = slope * sum + intercept`` of each count: the sums are exact, the codes are not."""
    values, use, shape = pairs.values(config), pairs.unclipped(config), pairs.codes.shape[1:]
    step = 2.0**-config.derived.operand.fraction
    found = regress(_flat(pairs.ideal)[..., None], _flat(values), _flat(use), steps=(0.0, step))
    parts = found.slopes[:, 0], found.intercept, found.slope_errors[:, 0], found.intercept_error, found.scale
    slope, intercept, error, intercept_error, scale = (one.reshape(shape) for one in parts)
    lines = [Line(*some) for some in zip(slope, intercept, strict=True)]
    fits = tuple(Fit(*some) for some in zip(lines, error, intercept_error, scale, strict=True))
    lowest = np.where(use, pairs.ideal, np.inf).min(axis=0)
    reach = np.maximum(np.where(use, pairs.ideal, -np.inf).max(axis=0) - lowest, 0)
    moves = (np.abs(slope) > SURE * error) & (np.abs(slope) * reach >= 2 * step)
    none = (reach == 0) & (np.abs(pairs.ideal).max(axis=0) == 0)
    idle = ~moves & (none | (reach <= _WEAK * reach.max(axis=(0, 1))))
    gain = np.divide(1, slope, out=np.zeros(shape), where=moves)
    inlier = found.weights.T.reshape(pairs.codes.shape) > 0
    number = np.maximum(np.count_nonzero(inlier, axis=0), 1)
    centre = (values * inlier).sum(axis=0) / number
    # Of intercept / slope, whose errors go together: the line's error where the sums are 0.
    variance = (gain * scale) ** 2 / number + (gain**2 * error * centre) ** 2
    clipped = _clipped(config, pairs, slope * pairs.ideal + intercept)
    about = _Found(found.used.reshape(shape), number, reach, moves, idle, slope, clipped)
    good = np.asarray((use & (inlier | idle)).all(axis=(1, 2)))
    return Fitted(
        kind="count",
        gain=gain,
        offset=-zeros(gain, fits).sum(axis=(0, 1)),
        gain_error=gain**2 * error,
        offset_error=np.sqrt(variance.sum(axis=(0, 1))),
        fits=fits,
        centre=centre,
        middle=mean_of(pairs.sums(), good),
        spread=np.sqrt(((gain * scale) ** 2).sum(axis=(0, 1))),
        good=good,
        outliers=np.count_nonzero((use & ~(inlier | idle)).any(axis=(1, 2)), axis=0).astype(np.int64),
        saturated=np.count_nonzero(clipped, axis=0).astype(np.int64),
        verdicts=tuple(_verdict(pairs.vectors, limits, about, n) for n in range(pairs.columns)),
    )


def _flat(array: NDArray[Any]) -> NDArray[Any]:
    """(problems, vectors)."""
    return np.ascontiguousarray(array.reshape(len(array), -1).T)


def _clipped(config: NmpuConfig, pairs: Pairs, expected: Floats) -> Bools:
    """(vectors, columns): a code at an end of the range, and of unsigned ones at 0 just where less was expected."""
    low, high = pairs.ends(config)
    if not config.codes.format.signed:
        low = low & (expected < -(2.0**-config.derived.operand.fraction))
    return np.asarray((low | high).any(axis=(1, 2)))


def _verdict(vectors: int, limits: Limits, found: _Found, n: int) -> Verdict:
    """Of column ``n``."""
    busy, moves = ~found.idle[..., n], found.moves[..., n]
    reach, used, slope = found.reach[..., n], found.used[..., n], found.slope[..., n]
    same = Verdict("undetermined", "its ideal sums are all the same; vectors that differ there would do")
    if not reach.any() and used.max() >= _LEAST:
        return same
    for count, inliers in zip(used[busy], found.inliers[..., n][busy], strict=True):
        few = measurable(vectors, limits, float(found.clipped[:, n].mean()), int(count), int(inliers), _LEAST)
        if few is not None:
            return few
    if (busy & (reach == 0)).any():
        return same
    if not moves[busy].all() or not moves.any():
        return Verdict("dead", "its codes do not follow the ideal sums")
    if (slope[moves] < 0).any():
        return Verdict(
            "negative", f"codes move by {slope[moves].min():.4g} a unit of the sum; its sign turned would do"
        )
    return FINE
