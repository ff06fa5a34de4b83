"""All counts of a block, or of a column, in one robust regression, where only their result is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmpu_hdl.config import NmpuConfig

from ..robust import Regression, regress
from .limits import SURE, Limits, mean_of, measurable
from .pairs import FINE, Fitted, Pairs, Verdict, signs

__all__ = ["fit_jointly"]

Floats = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]

_ALONE = 6.0
"""Variance by which codes move along any direction, of that of their noise, so that each gain is known."""


@dataclass(frozen=True)
class _Layout:
    """One regression a group of blocks and column, in that order; its terms are the counts of the group's blocks."""

    blocks: int
    counts: int
    columns: int
    groups: int

    @property
    def terms(self) -> int:
        return self.blocks * self.counts // self.groups

    def design(self, array: NDArray[Any]) -> NDArray[Any]:
        """(groups * columns, vectors, terms) of (vectors, blocks, counts, columns)."""
        turned = array.reshape(len(array), self.groups, self.terms, self.columns).transpose(1, 3, 0, 2)
        return np.ascontiguousarray(turned.reshape(self.groups * self.columns, len(array), self.terms))

    def target(self, ideal: Floats) -> Floats:
        """(groups * columns, vectors)."""
        return ideal.reshape(len(ideal), -1).T.copy()

    def back(self, array: Floats) -> Floats:
        """(blocks, counts, columns) of (groups * columns, terms)."""
        turned = array.reshape(self.groups, self.columns, self.terms).transpose(0, 2, 1)
        return turned.reshape(self.blocks, self.counts, self.columns)

    def each(self, array: NDArray[Any]) -> NDArray[Any]:
        """(groups, columns, ...)."""
        return array.reshape(self.groups, self.columns, *array.shape[1:])


def fit_jointly(config: NmpuConfig, pairs: Pairs, limits: Limits) -> Fitted:
    """``sum = gain_p * p - gain_n * n + offset``, of a block's counts, or of all blocks' where a column has one sum."""
    values, use = pairs.values(config), pairs.unclipped(config)
    _, blocks, counts, columns = values.shape
    layout = _Layout(blocks, counts, columns, 1 if pairs.kind == "column" else blocks)
    step, sign = 2.0**-config.derived.operand.fraction, signs(counts)[:, None]
    design, target = layout.design(sign * values), layout.target(pairs.ideal)
    usable = np.asarray(layout.design(use).all(axis=2))
    found = regress(design, target, usable, steps=(step, 0.0))
    idle = np.abs(found.slopes) <= SURE * found.slope_errors
    inlier = found.weights > 0
    mean = (design * inlier[..., None]).sum(axis=1) / np.maximum(np.count_nonzero(inlier, axis=1), 1)[:, None]
    # A count that tells nothing gets no gain, and the offset what it adds on average.
    offset = found.intercept + (np.where(idle, found.slopes, 0.0) * mean).sum(axis=1)
    low, high = pairs.ends(config)
    clipped = (high | (low & config.codes.format.signed)).any(axis=(1, 2))
    good = np.asarray(layout.each(inlier).all(axis=0).T)
    share = clipped.mean(axis=0)
    judged = [
        _verdict(found, k, (step, float(share[k % columns])), idle[k], np.ptp(target[k]) == 0, limits)
        for k in range(len(target))
    ]
    return Fitted(
        kind=pairs.kind,
        gain=layout.back(np.where(idle, 0.0, found.slopes)),
        offset=layout.each(offset).sum(axis=0),
        gain_error=layout.back(found.slope_errors),
        offset_error=np.sqrt((layout.each(found.intercept_error) ** 2).sum(axis=0)),
        fits=(),
        centre=sign * layout.back(mean),
        middle=mean_of(pairs.sums(), good),
        spread=np.sqrt((layout.each(found.scale) ** 2).sum(axis=0)),
        good=good,
        outliers=np.count_nonzero(layout.each(usable & ~inlier).any(axis=0), axis=1).astype(np.int64),
        saturated=np.count_nonzero(clipped, axis=0).astype(np.int64),
        verdicts=tuple(next((v for v in judged[n::columns] if v != FINE), FINE) for n in range(columns)),
    )


def _verdict(found: Regression, k: int, about: tuple[float, float], idle: Bools, same: bool, limits: Limits) -> Verdict:
    """Of regression ``k``; ``about``: a code's step, and the share of vectors that are clipped."""
    (step, clipped), (vectors, terms) = about, (found.weights.shape[1], found.slopes.shape[1])
    inliers = int(np.count_nonzero(found.weights[k]))
    few = measurable(vectors, limits, clipped, int(found.used[k]), inliers, 4 * (terms + 1))
    if few is not None:
        return few
    if same:
        return Verdict("undetermined", "its ideal results are all the same; vectors that differ there would do")
    slopes, covariance, rounding = found.slopes[k], found.covariance[k], step**2 / 12
    moving = np.diagonal(covariance) >= 4 * rounding
    apart = _apart(covariance, moving, rounding)
    if not moving.any() or (idle.all() and apart):
        return Verdict("dead", "its codes do not follow the ideal results")
    noise = max(rounding, found.scale[k] ** 2 / max((slopes**2).sum(), 1e-300))
    if not (apart and _apart(covariance, np.diagonal(covariance) >= 4 * noise, noise)):
        return Verdict(
            "undetermined", "its counts rise and fall together, or in their noise; ideal sums a count would do"
        )
    if (slopes[~idle] < 0).any():
        return Verdict("negative", f"a gain is {slopes[~idle].min():.4g}; its results with the other sign would do")
    return FINE


def _apart(covariance: Floats, moving: Bools, noise: float) -> bool:
    """Whether codes move along every direction more than their noise does."""
    if np.count_nonzero(moving) < 2:
        return True
    some = covariance[np.ix_(moving, moving)]
    size = np.sqrt(np.diagonal(some))
    values, directions = np.linalg.eigh(some / np.outer(size, size))
    return bool(values[0] > max(1e-7, _ALONE * noise * ((directions[:, 0] / size) ** 2).sum()))
