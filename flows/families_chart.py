"""Families as a chart: GE a column of the parts of each periphery.  matplotlib draws it, where that is installed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .charts import blank, svg
from .families_result import Families, FamilyRow, PartName

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["chart", "figure"]

_COLORS: dict[PartName, str] = {
    "front lane": "#1b7837",
    "front control": "#7fbf7b",
    "lane": "#762a83",
    "rest": "#c2a5cf",
}
_CONVERTER = "#d95f02"


def chart(result: Families) -> str | None:
    """The chart as SVG, or None without matplotlib."""
    return svg(lambda: figure(result))


def figure(result: Families) -> Figure:
    """The chart as matplotlib has it.

    Raises:
        ImportError: matplotlib is not installed.
    """
    rows = len(result.rows), len(result.stochastic)
    drawn = blank(9, 1.6 + 0.32 * (sum(rows) + 2))
    upper, lower = drawn.subplots(2, 1, gridspec_kw={"height_ratios": [count + 1 for count in rows]})
    _draw(upper, "periphery of each family, GE a column", result.rows, [0.0] * len(result.rows))
    converters = [result.with_converter(row) - row.column_ge() for row in result.stochastic]
    _draw(lower, "the stochastic array without converters and with, GE a column", result.stochastic, converters)
    handles, labels = (lower if any(converters) else upper).get_legend_handles_labels()
    upper.legend(handles, labels, frameon=False)
    drawn.suptitle(f"Front ends: {result.columns} columns, {result.lanes} lanes in {result.library}")
    return drawn


def _draw(axis: Any, title: str, rows: Sequence[FamilyRow], converters: Sequence[float]) -> None:
    """Stacked bars, the first row on top; the sum stands behind each."""
    places, ends = range(len(rows)), [0.0] * len(rows)
    stacks: list[tuple[str, str, list[float]]] = [
        (name, color, [row.column_ge(name) for row in rows]) for name, color in _COLORS.items()
    ]
    if any(converters):
        stacks.append(("converter", _CONVERTER, list(converters)))
    for name, color, values in stacks:
        bars = axis.barh(places, values, left=ends, color=color, label=name)
        ends = [end + value for end, value in zip(ends, values, strict=True)]
    axis.bar_label(bars, [f"{end:,.0f}" for end in ends], padding=3)
    axis.set_yticks(places, [row.name for row in rows])
    axis.invert_yaxis()
    axis.set_title(title, loc="left", fontsize=10)
    axis.margins(x=0.12)
    axis.tick_params(axis="y", length=0)
