"""Re-calibration: what an array has become since it was calibrated, from few reference vectors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from nmpu_hdl.config import NmpuConfig

from ..robust import CUT, Regression, regress
from .pairs import Fitted, Pairs

__all__ = ["Each", "Rescaled", "rescale", "transfer"]

Floats = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]

Each = Literal["array", "count", "column"]

_LEAST = 4
"""Pairs that a factor takes."""


@dataclass(frozen=True)
class Rescaled:
    """An earlier calibration, brought up to date.

    Attributes:
        fitted: with the new gains and offsets; ``good`` and what else is of pairs is of the reference vectors.
        factor: (counts, columns), what the array gives now for what it gave then.
        error: (counts, columns), their standard errors.
        own: (columns,) a factor of each column alone, NaN where it has no pairs; how far they differ tells whether one
            for all of them is enough.
    """

    fitted: Fitted
    factor: Floats
    error: Floats
    own: Floats


def rescale(
    config: NmpuConfig, earlier: Fitted, pairs: Pairs, each: Each = "array", weight: Floats | None = None
) -> Rescaled:
    """Scale all columns of an earlier calibration by what few vectors tell.

    The relative gains of columns stay, and so do the offsets of the converters.  Columns whose verdict is not ok stay
    as they are.

    Args:
        config: the configuration.
        earlier: the calibration.
        pairs: new measurements; as many blocks and columns as before.
        each: ``array``: one factor for all; ``count``: one for positive and one for negative counts, where both this
            and the earlier calibration know the ideal sum of each count; ``column``: one a column, from 4 vectors on.
        weight: (columns,) what an error of a sum is worth in output LSB; None: the same in all columns.

    Raises:
        ValueError: pairs that do not fit the earlier calibration, or too few that are not clipped.
    """
    if each not in get_args(Each):
        raise ValueError(f"each = {each!r} is none of {', '.join(get_args(Each))}")
    if earlier.gain.shape != pairs.codes.shape[1:]:
        raise ValueError(
            f"codes of (blocks, counts, columns) = {pairs.codes.shape[1:]} do not fit an earlier calibration of "
            f"{earlier.gain.shape}"
        )
    by_count = earlier.kind == pairs.kind == "count"
    if each == "count" and not by_count:
        raise ValueError("each = count needs the ideal sum of each count, now and earlier; array or column would do")
    then, now, use = (_counts if by_count else _sums)(config, earlier, pairs, weight)
    use = use & earlier.fine & np.isfinite(now)
    own, known = _own(then, now, use)
    if each == "column":
        few = earlier.fine & ~known
        if few.any():
            column = int(np.flatnonzero(few)[0])
            raise ValueError(
                f"column {column} has {np.count_nonzero(use[..., column])} pairs within the codes' range; "
                f"{_LEAST} would do, or each = array"
            )
        factor, error = (np.where(known, one, k) for one, k in ((own.slopes[:, 0], 1.0), (own.slope_errors[:, 0], 0.0)))
        factor, error = np.tile(factor, (pairs.codes.shape[2], 1)), np.tile(error, (pairs.codes.shape[2], 1))
    else:
        factor, error = _common(then, now, use, each, earlier.gain.shape[1:])
    factor, error = np.where(earlier.fine, factor, 1.0), np.where(earlier.fine, error, 0.0)
    fitted = transfer(config, earlier.scaled(factor), pairs)
    return Rescaled(fitted, factor, error, np.where(known, own.slopes[:, 0], np.nan))


def _counts(config: NmpuConfig, earlier: Fitted, pairs: Pairs, weight: Floats | None) -> tuple[Floats, Floats, Bools]:
    """What a sum added to codes then and adds now, (vectors, counts * blocks, columns), counts slowest; noise of codes
    is the same everywhere, so that ``weight`` does not matter."""
    slope, intercept = (np.stack([getattr(line, name) for line in earlier.lines]) for name in ("slope", "intercept"))
    alive = (earlier.gain != 0) & (pairs.ideal != 0)
    then, now = slope * pairs.ideal, pairs.values(config) - intercept

    def turned(array: NDArray[Any]) -> NDArray[Any]:
        return array.transpose(0, 2, 1, 3).reshape(len(array), -1, array.shape[3])

    return turned(then), turned(now), turned(pairs.unclipped(config) & alive)


def _sums(config: NmpuConfig, earlier: Fitted, pairs: Pairs, weight: Floats | None) -> tuple[Floats, Floats, Bools]:
    """Sums as they are, and as codes tell them by the earlier calibration, (vectors, 1, columns), in ``weight``."""
    scale = np.ones(pairs.columns) if weight is None else np.abs(weight)
    usable = (pairs.unclipped(config) | (earlier.gain == 0)).all(axis=(1, 2))
    told = earlier.predict(pairs.values(config))
    return (pairs.sums() * scale)[:, None], (told * scale)[:, None], usable[:, None]


def _own(then: Floats, now: Floats, use: Bools) -> tuple[Regression, Bools]:
    """The factor of each column, and whether it has pairs enough to tell."""
    columns = then.shape[2]
    found = regress(_rows(then, columns)[..., None], _rows(now, columns), _rows(use, columns), intercept=False)
    moved = np.abs(then * use).max(axis=(0, 1)) > 0
    return found, (found.used >= _LEAST) & moved


def _common(then: Floats, now: Floats, use: Bools, each: Each, shape: tuple[int, ...]) -> tuple[Floats, Floats]:
    """One factor for all, or one for each count; (counts, columns)."""
    groups = shape[0] if each == "count" else 1

    def flat(array: NDArray[Any]) -> NDArray[Any]:
        vectors, rows, columns = array.shape
        parted = array.reshape(vectors, groups, rows // groups, columns).transpose(1, 0, 2, 3)
        return np.ascontiguousarray(parted.reshape(groups, -1))

    used = flat(use)
    if (np.count_nonzero(used, axis=1) < _LEAST).any():
        raise ValueError(f"{np.count_nonzero(used)} pairs are within the codes' range; {_LEAST} would do")
    found = regress(flat(then)[..., None], flat(now), used, intercept=False)
    factor, error = found.slopes, found.slope_errors
    if (factor <= 0).any():
        raise ValueError(f"the array gives {factor.min():.3g} times what it gave; its pairs do not belong to it")
    return np.broadcast_to(factor, shape).copy(), np.broadcast_to(error, shape).copy()


def _rows(array: NDArray[Any], columns: int) -> NDArray[Any]:
    return np.ascontiguousarray(array.reshape(-1, columns).T)


def transfer(config: NmpuConfig, fitted: Fitted, pairs: Pairs) -> Fitted:
    """The same gains and offsets with what is known of other pairs: which are good, and what their mean codes are."""
    values = pairs.values(config)
    off = np.abs(fitted.predict(values) - pairs.sums())
    spread = np.maximum(fitted.spread, 1.4826 * np.median(off, axis=0))
    clipped = ~(pairs.unclipped(config) | (fitted.gain == 0)).all(axis=(1, 2))
    good = ~clipped & (off <= CUT * spread)
    return replace(
        fitted,
        centre=values.mean(axis=0),
        good=good,
        outliers=np.count_nonzero(~clipped & ~good, axis=0).astype(np.int64),
        saturated=np.count_nonzero(clipped, axis=0).astype(np.int64),
    )
