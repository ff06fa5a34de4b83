"""Candidates as a chart: what they lose against what they cost.  matplotlib draws it, where that is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..charts import blank, svg
from .result import Optimized, Point

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["chart", "figure"]

_ROOM = 0.25
"""Share of what is lost at the bound, or by the front, that is shown above it."""

_LEAST = 1.0
"""Points that are shown at least."""


def chart(result: Optimized) -> str | None:
    """The chart as SVG, or None without matplotlib."""
    return svg(lambda: figure(result))


def figure(result: Optimized) -> Figure:
    """The chart as matplotlib has it.

    Raises:
        ImportError: matplotlib is not installed.
    """
    drawn = blank(8, 4.8)
    axis = drawn.subplots()
    run = [point for point in result.points if point.loss is not None and point.lane is not None]
    some = [point for point in run if not point.whole]
    whole = [point for point in run if point.whole and not point.front]
    axis.scatter(*_places(result, some), s=10, color="#bbbbbb", label="run on the first images only")
    axis.scatter(*_places(result, whole), s=16, color="#7fbf7b", label="run on all images of the search")
    _front(axis, result)
    axis.axhline(0, color="#555555", linewidth=0.6)
    axis.set_ylim(*_limits(result, run))
    label = {"lane": "a lane, GE", "tile-lane": "a lane of the tile, GE", "energy": "energy of a lane, pJ a column"}
    axis.set_xlabel(label[result.asked.cost])
    axis.set_ylabel("lost against binary16, percentage points")
    axis.set_title(f"{result.asked.network} in {result.asked.library}", loc="left", fontsize=10)
    axis.legend(frameon=False)
    return drawn


def _front(axis: Any, result: Optimized) -> None:
    """The front with its limits, the base and the choice."""
    x, y = _places(result, list(result.front))
    losses = [point.loss for point in result.front if point.loss is not None]
    reach = [[100 * (one.drop - one.low) for one in losses], [100 * (one.high - one.drop) for one in losses]]
    axis.errorbar(x, y, yerr=reach, fmt="o-", color="#1b7837", markersize=4, linewidth=0.8, capsize=2, label="front")
    axis.scatter(*_places(result, [result.points[result.base]]), marker="s", color="#762a83", s=36, label="base")
    if result.choice is not None:
        axis.scatter(*_places(result, [result.choice]), marker="*", color="#d95f02", s=110, zorder=4, label="chosen")


def _places(result: Optimized, points: list[Point]) -> tuple[list[float], list[float]]:
    return [result.cost(one) for one in points], [100 * one.loss.drop for one in points if one.loss is not None]


def _limits(result: Optimized, run: list[Point]) -> tuple[float, float]:
    """What is shown: all that is good or on the front, and a little of what is not."""
    kept = [point.loss for point in run if (point.good or point.front) and point.loss is not None]
    most = max([100 * (result.asked.max_drop or 0), _LEAST, *(100 * one.high for one in kept)])
    least = min([-_LEAST / 2, *(100 * one.low for one in kept)])
    return least, most * (1 + _ROOM)
