"""An evaluation as a chart: accuracy with its intervals, and the error of every stage.  matplotlib draws it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..charts import blank, svg
from .result import Evaluation, PostRow

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["chart", "figure"]

_COLORS = {"fp32": "#999999", "fp16": "#1b7837", "nmpu": "#762a83"}


def chart(result: Evaluation) -> str | None:
    """The chart as SVG, or None without matplotlib."""
    return svg(lambda: figure(result))


def figure(result: Evaluation) -> Figure:
    """The chart as matplotlib has it.

    Raises:
        ImportError: matplotlib is not installed.
    """
    drawn = blank(10, 4.2)
    left, right = drawn.subplots(1, 2, gridspec_kw={"width_ratios": [1, 2]})
    _accuracy(left, result)
    _errors(right, result)
    drawn.suptitle(f"{result.network}: {result.images:,} images, {len(result.seeds)} seeds, {result.config[0]}")
    return drawn


def _accuracy(axis: Any, result: Evaluation) -> None:
    """A bar each, the interval over images, and a dot for each seed."""
    for place, row in enumerate(result.rows):
        value, sure = 100 * row.mean.mean, row.over_images
        axis.bar(place, value, color=_COLORS[row.post], width=0.6)
        axis.errorbar(place, value, [[value - 100 * sure.low], [100 * sure.high - value]], color="black", capsize=4)
        axis.plot(
            [place + 0.2] * len(row.top1), [100 * one.value for one in row.top1], "o", color="black", markersize=3
        )
    axis.axhline(100 * result.software.value, color="black", linewidth=0.8, linestyle="--")
    axis.set_xticks(range(len(result.rows)), [row.post for row in result.rows])
    axis.set_ylim(*_limits(result.rows, result.software.value))
    axis.set_title("top-1, % (dashed: float32, no array)", loc="left", fontsize=10)


def _limits(rows: tuple[PostRow, ...], software: float) -> tuple[float, float]:
    """From a little below what is least to a little above what is most."""
    low = min([software, *(row.over_images.low for row in rows)])
    high = max([software, *(row.over_images.high for row in rows)])
    more = 0.15 * (high - low) + 0.002
    return 100 * max(low - more, 0), 100 * min(high + more, 1.002)


def _errors(axis: Any, result: Evaluation) -> None:
    names = list(dict.fromkeys(row.stage for row in result.stages))
    for row in result.rows:
        errors = [one.rms for one in result.stages if one.post == row.post]
        if errors:
            axis.plot(range(len(names)), errors, "o-", color=_COLORS[row.post], markersize=3, label=row.post)
    axis.set_xticks(range(len(names)), names, rotation=90 if len(names) > 8 else 0, fontsize=7)
    axis.set_ylim(bottom=0)
    axis.set_title("error of each stage against float32, RMS in LSB", loc="left", fontsize=10)
    if names:
        axis.legend(frameon=False)
