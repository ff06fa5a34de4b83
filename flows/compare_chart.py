"""A comparison as a chart: lanes by area and energy, units by time.  matplotlib draws it, where that is installed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .charts import blank, svg
from .compare_result import Comparison, LaneRow, UnitRow

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["chart", "figure"]

_COLORS = {"fastest": "#a6a6a6", "configured": "#1b7837", "unpipelined": "#762a83", "pipelined": "#c2a5cf"}
Bars = Sequence[tuple[str, float, str]]
"""Label, value and colour."""


def chart(result: Comparison) -> str | None:
    """The chart as SVG, or None without matplotlib."""
    return svg(lambda: figure(result))


def figure(result: Comparison) -> Figure:
    """The chart as matplotlib has it.

    Raises:
        ImportError: matplotlib is not installed.
    """
    panels = _panels(result)
    drawn = blank(9, 1 + 0.3 * sum(len(bars) + 2 for _, bars, _ in panels))
    axes = drawn.subplots(len(panels), 1, gridspec_kw={"height_ratios": [len(bars) + 1 for _, bars, _ in panels]})
    for axis, panel in zip(axes, panels, strict=True):
        _draw(axis, *panel)
    drawn.suptitle(f"Fixed point beside binary16: {result.name} in {result.library}")
    return drawn


def _panels(result: Comparison) -> list[tuple[str, Bars, bool]]:
    lanes, units = result.lane_rows, result.unit_rows
    panels: list[tuple[str, Bars, bool]] = [
        (
            "lanes: area for as many results a second as the fixed lane, GE",
            [(_label(row), row.equal_ge, _COLORS[row.form]) for row in lanes if row.form != "fastest"],
            False,
        ),
        (
            f"units: time for {result.columns} columns, each at its own clock, ns",
            [(_label(row), row.ns, _COLORS[row.form]) for row in units],
            True,
        ),
    ]
    energies = [(_label(row), row.energy_pj, _COLORS[row.form]) for row in lanes if row.energy_pj is not None]
    if energies:
        panels.append(("lanes: energy a column, pJ", energies, False))
    return panels


def _label(row: LaneRow | UnitRow) -> str:
    return f"{row.name}, {row.stages} stage{'s' if row.stages > 1 else ''}"


def _draw(axis: Any, title: str, bars: Bars, logarithmic: bool) -> None:
    """One panel, its first bar on top; the numbers stand behind the bars."""
    labels, values, colors = zip(*bars, strict=True)
    drawn = axis.barh(range(len(bars)), values, color=colors)
    axis.bar_label(drawn, [f"{value:,.0f}" if value >= 100 else f"{value:.3g}" for value in values], padding=3)
    axis.set_yticks(range(len(bars)), labels)
    axis.invert_yaxis()
    axis.set_title(title, loc="left", fontsize=10)
    if logarithmic:
        axis.set_xscale("log")
    axis.margins(x=0.12)
    axis.tick_params(axis="y", length=0)
