"""Linear regression that outliers do not move, many problems at once.

A start that half-way bad data cannot break (least median of squares over random subsets), then Tukey's bisquare by
reweighted least squares.  Equal data give equal numbers: the subsets come from a seed of its own.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["CUT", "Regression", "regress"]

Floats = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]

CUT = 4.685
"""Standard deviations beyond which a pair has no weight: 95 % of the efficiency of least squares on normal noise."""

_NORMAL = 1.4826
"""Standard deviation of normal noise, of the median of its magnitudes."""

_SHARE, _MISS, _MOST = 0.3, 1e-9, 300
"""Outliers that the start is made for, the chance that no subset is free of them, and the most subsets."""

_SAMPLE = 201
"""Vectors on which starts are compared."""

_SCALE_SAMPLE = 2001
"""Vectors of which the residuals' median is taken."""

_RIDGE = 1e-10
_ROUNDS, _STILL = 30, 1e-7
_AT_A_TIME = 1 << 22
"""Numbers in a temporary array."""


class Regression(NamedTuple):
    """What was fitted, each array's first axis the problems.

    Attributes:
        slopes: (problems, terms); 0 of a term that is the same in all pairs that count.
        intercept: (problems,); 0 without one.
        slope_errors, intercept_error: standard errors, likewise.
        scale: (problems,) standard deviation of what remains, outliers left out; in units of the target.
        weights: (problems, vectors) 0..1; 0: an outlier, or a pair that was not to be used.
        used: (problems,) pairs that were to be used.
        covariance: (problems, terms, terms) of the design over pairs that are no outliers.
    """

    slopes: Floats
    intercept: Floats
    slope_errors: Floats
    intercept_error: Floats
    scale: Floats
    weights: Floats
    used: NDArray[np.int64]
    covariance: Floats


def regress(
    design: Floats, target: Floats, use: Bools, *, steps: tuple[float, float] = (0.0, 0.0), intercept: bool = True
) -> Regression:
    """``target = design @ slopes + intercept``, robustly.

    Withstands 30 % of outliers up to 9 coefficients, fewer above: the subsets do not suffice.

    Args:
        design: (problems, vectors, terms).
        target: (problems, vectors).
        use: (problems, vectors); pairs to be used.  A problem with fewer pairs than coefficients gives numbers that
            mean nothing: see :attr:`Regression.used`.
        steps: what design and target are rounded to; residuals are not taken to be finer than that.
        intercept: fit one; else the hyperplane goes through the origin.
    """
    problems, vectors, terms = design.shape
    most = max(1, _AT_A_TIME // max(1, vectors * (terms + 1), _SAMPLE * _subsets(terms + intercept)))
    parts = [
        _regress(design[k : k + most], target[k : k + most], use[k : k + most], steps, intercept)
        for k in range(0, problems, most)
    ]
    return parts[0] if len(parts) == 1 else Regression(*(np.concatenate(some) for some in zip(*parts, strict=True)))


class _Rows:
    """Pairs that are used, without a loop over problems: row ``k`` of ``count`` of each."""

    def __init__(self, use: Bools) -> None:
        self.use = use
        self.count = np.count_nonzero(use, axis=1)
        self._order = None if use.all() else np.argsort(~use, axis=1, kind="stable")

    def at(self, fraction: Floats) -> NDArray[np.int64]:
        """Indices of vectors, of fractions 0..1 of the way through those used; (problems, ...) of (problems, ...)."""
        count = self.count.reshape(-1, *[1] * (fraction.ndim - 1))
        places = np.minimum((fraction * count).astype(np.int64), np.maximum(count - 1, 0))
        if self._order is None:
            return places
        found: NDArray[np.int64] = np.take_along_axis(self._order, places.reshape(len(self.use), -1), axis=1)
        return found.reshape(places.shape)

    def spaced(self, most: int) -> NDArray[np.int64]:
        """Indices (problems, at most ``most``), evenly spaced."""
        several = min(most, self.use.shape[1])
        return self.at(np.broadcast_to((np.arange(several) + 0.5) / several, (len(self.use), several)))


def _regress(design: Floats, target: Floats, use: Bools, steps: tuple[float, float], intercept: bool) -> Regression:
    rows = _Rows(use)
    x, centre, spread = _standard(design, use, intercept)
    beta = _start(x, target, rows)
    scale: Floats = np.zeros(len(x))
    weights: Floats = use.astype(np.float64)
    for turn in range(_ROUNDS):
        residuals = target - _values(x, beta)
        if turn < 5:  # from then on fixed, so that it converges
            floor = _floor(beta, spread, steps)
            scale = _scale(np.abs(residuals), rows, floor, x.shape[2])
        weights = use * np.maximum(1 - (residuals / (CUT * scale[:, None])) ** 2, 0) ** 2
        before, beta = beta, _solve(x, weights, target)
        if turn >= 5 and (np.abs(beta - before).max(axis=1) <= _STILL * scale).all():
            break
    return _finished(design, target, use, (x, centre, spread), beta, scale, weights, intercept)


def _standard(design: Floats, use: Bools, intercept: bool) -> tuple[Floats, Floats, Floats]:
    """The design with a mean of 0 and a spread of 1, a column of ones behind it; and the mean and spread it had."""
    count = np.maximum(np.count_nonzero(use, axis=1), 1)[:, None]
    mask = use[..., None]
    centre = (design * mask).sum(axis=1) / count if intercept else np.zeros((len(design), design.shape[2]))
    spread = np.sqrt((((design - centre[:, None]) * mask) ** 2).sum(axis=1) / count)
    spread = np.where(spread > 1e-9 * (1 + np.abs(centre)), spread, np.inf)  # the same everywhere: it becomes 0
    x = (design - centre[:, None]) / spread[:, None]
    return (np.concatenate([x, np.ones_like(x[..., :1])], axis=2) if intercept else x), centre, spread


def _values(x: Floats, beta: Floats) -> Floats:
    return (x @ beta[..., None])[..., 0]


def _solve(x: Floats, weights: Floats, target: Floats) -> Floats:
    """Weighted least squares; directions without data get 0."""
    turned = np.swapaxes(x * weights[..., None], -1, -2)
    return _inverse(turned @ x, turned @ target[..., None])[..., 0]


def _inverse(matrix: Floats, right: Floats) -> Floats:
    size = matrix.shape[-1]
    trace = np.trace(matrix, axis1=-2, axis2=-1)[..., None, None]
    return np.linalg.solve(matrix + (_RIDGE * trace / size + 1e-300) * np.eye(size), right)


def _subsets(coefficients: int) -> int:
    clean = (1 - _SHARE) ** coefficients
    return min(_MOST, math.ceil(math.log(_MISS) / math.log1p(-clean)))


def _start(x: Floats, target: Floats, rows: _Rows) -> Floats:
    """Of hyperplanes through a few pairs each, the one whose residuals have the least median."""
    problems, _, size = x.shape
    rng = np.random.default_rng(1)
    fraction = rng.random((1, _subsets(size), size))
    chosen = rows.at(np.broadcast_to(fraction, (problems, *fraction.shape[1:])))
    problem = np.arange(problems)
    points = x[problem[:, None, None], chosen]
    turned = np.swapaxes(points, -1, -2)
    beta = _inverse(turned @ points, turned @ target[problem[:, None, None], chosen][..., None])[..., 0]
    sample = rows.spaced(_SAMPLE)
    there = x[problem[:, None], sample] @ np.swapaxes(beta, 1, 2)
    away = np.abs(target[problem[:, None], sample][..., None] - there)
    middle = min((away.shape[1] + size + 1) // 2, away.shape[1] - 1)
    best = np.partition(away, middle, axis=1)[:, middle].argmin(axis=1)
    return beta[problem, best]


def _scale(away: Floats, rows: _Rows, floor: Floats, coefficients: int) -> Floats:
    """The standard deviation from the median magnitude of residuals that are no outliers.

    Coefficients make as many residuals small; few pairs make the median small by chance (Rousseeuw and Leroy, 1987).
    """
    several = rows.spaced(_SCALE_SAMPLE)
    ordered = np.sort(np.take_along_axis(away, several, axis=1), axis=1)
    size = ordered.shape[1]
    few = _NORMAL * (1 + 5 / np.maximum(rows.count - coefficients, 1))
    good = np.full(len(away), size)
    scale = floor
    for _ in range(3):
        middle = np.minimum((good + coefficients) // 2, size - 1)
        scale = np.maximum(few * ordered[np.arange(len(away)), middle], floor)
        good = np.maximum((ordered <= CUT * scale[:, None]).sum(axis=1), 1)
    return np.maximum(scale, 1e-12 * (1 + ordered[:, -1]))


def _floor(beta: Floats, spread: Floats, steps: tuple[float, float]) -> Floats:
    """What rounding alone makes of residuals."""
    slopes = beta[:, : spread.shape[1]] / spread
    return np.sqrt((steps[1] ** 2 + steps[0] ** 2 * (slopes**2).sum(axis=1)) / 12)


def _finished(
    design: Floats,
    target: Floats,
    use: Bools,
    standard: tuple[Floats, Floats, Floats],
    beta: Floats,
    scale: Floats,
    weights: Floats,
    intercept: bool,
) -> Regression:
    """Coefficients of the design as it was, and their errors as M-estimates have them."""
    (x, centre, spread), terms = standard, design.shape[2]
    u2 = np.minimum(((target - _values(x, beta)) / (CUT * scale[:, None])) ** 2, 1)
    count = np.maximum(np.count_nonzero(use, axis=1), 1)
    psi2 = (use * u2 * (1 - u2) ** 4).sum(axis=1) * (CUT * scale) ** 2
    slope = (use * (1 - u2) * (1 - 5 * u2)).sum(axis=1) / count
    free = np.maximum(count - x.shape[2], 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = psi2 / free / np.maximum(slope, 0) ** 2
    inside = (weights > 0).astype(np.float64)
    turned = np.swapaxes(x * inside[..., None], 1, 2)
    inverse = _inverse(turned @ x, np.broadcast_to(np.eye(x.shape[2]), (len(x), x.shape[2], x.shape[2])))
    back = np.concatenate([np.eye(terms) / spread[:, None], np.zeros((len(x), 1, terms))], axis=1)
    if intercept:
        back[:, -1] = -centre / spread
        back = np.concatenate([back, np.zeros((len(x), terms + 1, 1))], axis=2)
        back[:, -1, -1] = 1
    coefficients = _values(back, beta)
    with np.errstate(invalid="ignore"):
        errors = np.sqrt(variance[:, None] * np.einsum("pij,pjk,pik->pi", back, inverse, back))
    number = np.maximum(inside.sum(axis=1), 1)[:, None]
    about = (design - ((design * inside[..., None]).sum(axis=1) / number)[:, None]) * inside[..., None]
    covariance = np.swapaxes(about, 1, 2) @ about / number[..., None]
    errors = np.nan_to_num(errors, nan=np.inf, posinf=np.inf)
    slopes, slope_errors = coefficients[:, :terms], errors[:, :terms]
    used = np.count_nonzero(use, axis=1).astype(np.int64)
    return Regression(slopes, coefficients[:, -1], slope_errors, errors[:, -1], scale, weights, used, covariance)
