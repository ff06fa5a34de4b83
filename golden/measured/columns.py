"""From measured pairs to the integers of a layer's columns; those that cannot be calibrated are named."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmpu_hdl.config import NmpuConfig

from ..mapping import Wanted
from .check import Checked, Integers, check
from .integers import first_stage, quantized, second_stage
from .joint import fit_jointly
from .limits import Limits
from .lines import fit_lines
from .pairs import FINE, Fitted, Pairs, Verdict
from .reach import unreachable, vanished

__all__ = ["Calibrated", "calibrate", "finish", "fit_pairs"]

Floats = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Calibrated:
    """A layer's columns, calibrated.

    Attributes:
        fitted: gains and offsets as measured.
        wanted: what the layer computes of the sums.
        gain: (blocks, counts, columns), output LSB for each unit of a code's value, batch norm and all in it.
        offset: (columns,), output LSB.
        integers: of all columns; 0 in those that are refused.
        checked: the integers on the measured pairs.
        verdicts: of each column.
        refused: columns whose verdict is not ok, but for those that are allowed to stand still.
    """

    fitted: Fitted
    wanted: Wanted
    gain: Floats
    offset: Floats
    integers: Integers
    checked: Checked
    verdicts: tuple[Verdict, ...]
    refused: tuple[int, ...]

    @property
    def fine(self) -> Bools:
        """(columns,): the verdict is ok."""
        return np.array([verdict == FINE for verdict in self.verdicts], np.bool_)

    @property
    def served(self) -> Bools:
        """(columns,): not refused."""
        served = np.ones(len(self.verdicts), np.bool_)
        served[list(self.refused)] = False
        return served

    def image(self, config: NmpuConfig) -> list[int]:
        """:meth:`Integers.image`.

        Raises:
            ValueError: columns are refused: the first one, why, and which there are.
        """
        if self.refused:
            raise ValueError(self.complaint())
        return self.integers.image(config)

    def complaint(self) -> str:
        """One line about the columns that are refused; empty where there are none."""
        if not self.refused:
            return ""
        first, several = self.refused[0], len(self.refused)
        name, why = self.verdicts[first]
        more = f"; {several} columns are refused: {ranges(self.refused)}" if several > 1 else ""
        return f"column {first} is {name}: {why}{more}"


def fit_pairs(config: NmpuConfig, pairs: Pairs, limits: Limits | None = None) -> Fitted:
    """Gain and offset of each count and column, robustly; codes at an end of the converter's range are left out.

    Args:
        config: the configuration.
        pairs: ideal numbers a count give each count a line of its own; else the counts of a block, or those of all
            blocks, are fitted together.
        limits: what columns are refused for; the defaults, unless given.
    """
    limits = limits or Limits()
    fitted = (fit_lines if pairs.kind == "count" else fit_jointly)(config, pairs, limits)
    usual = pairs.sums().std(axis=0)
    left = np.divide(fitted.spread, usual, out=np.zeros_like(usual), where=usual > 0)
    idle = (fitted.gain == 0).any(axis=(0, 1))
    verdicts = list(fitted.verdicts)
    for n in np.flatnonzero(fitted.fine & (left > limits.residual)):
        why = f"its codes leave {left[n]:.0%} of the spread of its ideal sums unexplained; better measurements would do"
        verdicts[n] = Verdict("dead" if idle[n] else "undetermined", f"a count stands still: {why}" if idle[n] else why)
    return replace(fitted, verdicts=tuple(verdicts))


def calibrate(
    config: NmpuConfig,
    codes: ArrayLike,
    ideal: ArrayLike,
    wanted: Wanted | None = None,
    *,
    limits: Limits | None = None,
    allow_dead: bool = False,
) -> Calibrated:
    """Calibrate columns from measured pairs: robust regression, batch norm, shift, integers, and a check of them.

    Args:
        config: the configuration.
        codes, ideal: as :meth:`Pairs.of` takes them.
        wanted: what the layer computes of the ideal sums, (columns,) each; None: they are in output LSB.
        limits: what columns are refused for; the defaults, unless given.
        allow_dead: columns that are dead, or whose sums are all the same, get a gain of 0 and the mean result.

    Raises:
        ValueError: arrays that do not fit; not for a column that cannot be calibrated: see ``verdicts``.
    """
    pairs = Pairs.of(config, codes, ideal)
    return finish(config, pairs, fit_pairs(config, pairs, limits), wanted, limits=limits, allow_dead=allow_dead)


def finish(
    config: NmpuConfig,
    pairs: Pairs,
    fitted: Fitted,
    wanted: Wanted | None = None,
    *,
    limits: Limits | None = None,
    allow_dead: bool = False,
) -> Calibrated:
    """Integers of columns that are fitted, checked on ``pairs``; for the rest see :func:`calibrate`.

    Raises:
        ValueError: pairs that ``fitted`` knows nothing of: see :func:`golden.measured.transfer`.
    """
    columns = pairs.columns
    if fitted.good.shape != (pairs.vectors, columns):
        raise ValueError(f"{pairs.vectors} vectors of {columns} columns are not those of the fit; transfer would do")
    wanted = wanted or Wanted(np.ones(columns), np.zeros(columns))
    _check_wanted(wanted, columns)
    layer, verdicts = first_stage(config, wanted), list(fitted.verdicts)
    second, third = second_stage(layer)
    _overflowing(config, pairs, wanted.folded(), (limits or Limits()).clipped, verdicts)
    still = _level(pairs, fitted) if allow_dead else np.zeros(columns, np.bool_)
    gain = np.where(still, 0.0, layer.gain * fitted.gain)
    offset = layer.gain * np.where(still, fitted.middle, fitted.offset) + layer.offset
    _judge(verdicts, unreachable(config, gain, offset, layer.batch_norm), still)
    made = quantized(config, gain, offset, fitted.centre, layer, _served(verdicts, still))
    if lost := vanished(config, gain * second, made, _served(verdicts, still)):
        _judge(verdicts, lost, still)
        made = quantized(config, gain, offset, fitted.centre, layer, _served(verdicts, still))
    integers = Integers(tuple(one.params for one in made), tuple(one.shift for one in made), made[-1].offset_shift)
    return Calibrated(
        fitted=fitted,
        wanted=wanted,
        gain=gain * second,
        offset=offset * second + third,
        integers=integers,
        checked=check(config, pairs, integers, wanted, fitted.good | still),
        verdicts=tuple(verdicts),
        refused=tuple(int(n) for n in np.flatnonzero(~_served(verdicts, still))),
    )


def _check_wanted(wanted: Wanted, columns: int) -> None:
    for name, one in (("gain", wanted.gain), ("offset", wanted.offset)):
        if np.shape(one) != (columns,) or not np.isfinite(one).all():
            raise ValueError(f"the wanted {name} of shape {np.shape(one)} is not {columns} finite numbers")
    if not all(np.isfinite(one).all() for one in second_stage(wanted)):
        raise ValueError("the batch norm must be finite, its variance positive")


def _overflowing(config: NmpuConfig, pairs: Pairs, plain: Wanted, limit: float, verdicts: list[Verdict]) -> None:
    """Columns of whose ideal results too many are beyond the output are saturated, unless they are worse."""
    out, ideal = config.output.format, pairs.sums() * plain.gain + plain.offset
    beyond = ((ideal >= out.high + 0.5) | (ideal < out.low - 0.5)).mean(axis=0)
    for n in np.flatnonzero(beyond > limit):
        if verdicts[n] == FINE:
            why = f"{beyond[n]:.0%} of its ideal results are beyond {out} ({out.low}..{out.high})"
            verdicts[n] = Verdict("saturated", f"{why}; a larger output LSB would do")


def _served(verdicts: list[Verdict], still: Bools) -> Bools:
    result: Bools = still | np.array([verdict == FINE for verdict in verdicts], np.bool_)
    return result


def _level(pairs: Pairs, fitted: Fitted) -> Bools:
    """(columns,): a gain of 0 serves: the column is dead, or its ideal sums are all the same."""
    names = np.array([verdict.name for verdict in fitted.verdicts])
    result: Bools = (names == "dead") | ((names == "undetermined") & (np.ptp(pairs.sums(), axis=0) == 0))
    return result


def _judge(verdicts: list[Verdict], found: dict[int, str], still: Bools) -> None:
    """Columns of ``found`` are unrepresentable, unless something is wrong with them already."""
    for column, why in found.items():
        if verdicts[column] == FINE or still[column]:
            verdicts[column] = Verdict("unrepresentable", why)
            still[column] = False


def ranges(columns: tuple[int, ...]) -> str:
    """``3-5, 9``, cut after a dozen."""
    groups: list[list[int]] = []
    for column in columns:
        if groups and column == groups[-1][-1] + 1:
            groups[-1][1:] = [column]
        else:
            groups.append([column])
    shown = ", ".join("-".join(map(str, group)) for group in groups[:12])
    return shown if len(groups) <= 12 else f"{shown}, ..."
