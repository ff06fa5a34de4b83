"""A sweep as a chart: area against time for all columns.  matplotlib draws it, where that is installed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .charts import blank, svg
from .sweep_result import Sweep

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["chart", "figure"]

_COLORS = ("#1b7837", "#7fbf7b", "#d95f02", "#fdae61", "#762a83", "#1f78b4")
_MARKERS = "osD^v<>"


def chart(result: Sweep) -> str | None:
    """The chart as SVG, or None without matplotlib."""
    return svg(lambda: figure(result))


def figure(result: Sweep) -> Figure:
    """The chart as matplotlib has it: lanes as they are, and as many of each architecture as may be built.

    Raises:
        ImportError: matplotlib is not installed.
    """
    drawn = blank(9, 4.4)
    left, right = drawn.subplots(1, 2)
    names = dict.fromkeys(row.name for row in result.rows)
    colors = {name: _COLORS[k % len(_COLORS)] for k, name in enumerate(names)}
    _left(left, result, colors)
    _right(right, result, colors)
    for axis in (left, right):
        axis.set_xscale("log")
        axis.set_xlabel(f"time for {result.columns} columns, ns")
        axis.legend(frameon=False)
    drawn.suptitle(f"Architectures of lanes: {result.name} in {result.library}")
    return drawn


def _left(axis: Any, result: Sweep, colors: Mapping[str, str]) -> None:
    """Every lane, with the front."""
    efforts = list(dict.fromkeys(row.effort for row in result.rows))
    markers = dict(zip(efforts, _MARKERS, strict=False))
    for row in result.rows:
        axis.scatter(row.ns, row.ge, s=22 * row.stages, marker=markers[row.effort], color=colors[row.name], alpha=0.8)
    for effort, marker in markers.items():
        axis.scatter([], [], marker=marker, color="#555555", label=effort, s=22)
    front = result.front
    axis.plot([row.ns for row in front], [row.ge for row in front], color="#555555", linewidth=0.8, zorder=0)
    axis.set_title(f"a lane of {result.lanes}; larger signs: more stages", loc="left", fontsize=10)
    axis.set_ylabel("area of a lane, GE")


def _right(axis: Any, result: Sweep, colors: Mapping[str, str]) -> None:
    """As many lanes as divide the columns, of the best of each architecture."""
    counts = [n for n in range(1, result.columns + 1) if result.columns % n == 0]
    for name, color in colors.items():
        best = min((row for row in result.rows if row.name == name), key=lambda row: row.ge * row.ns)
        times = [best.cycles_with(result.columns, n) * best.period_ps / 1000 for n in counts]
        axis.plot(times, [n * best.ge for n in counts], marker=".", label=name, color=color)
    axis.set_title("1 lane to one a column, least area x time", loc="left", fontsize=10)
    axis.set_ylabel("area of all lanes, GE")
    axis.set_yscale("log")
