"""A calibration as a chart: error, gain and what was left out, over the columns; matplotlib draws it, if installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .calibrate_result import CalibrateResult
from .charts import blank, svg

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["chart", "figure"]

_RMS, _WORST, _P, _N, _REFUSED = "#762a83", "#c2a5cf", "#1b7837", "#d95f02", "#b2182b"


def chart(result: CalibrateResult) -> str | None:
    """The chart as SVG, or None without matplotlib."""
    return svg(lambda: figure(result))


def figure(result: CalibrateResult) -> Figure:
    """The chart as matplotlib has it.

    Raises:
        ImportError: matplotlib is not installed.
    """
    drawn = blank(9, 7)
    upper, middle, lower = drawn.subplots(3, 1, sharex=True)
    _errors(upper, result)
    _gains(middle, result)
    _left_out(lower, result)
    lower.set_xlabel("column")
    for axis in (upper, middle, lower):
        for n in result.refused:
            axis.axvspan(n - 0.5, n + 0.5, color=_REFUSED, alpha=0.15, linewidth=0)
    refused = f", {len(result.refused)} refused (red)" if result.refused else ""
    drawn.suptitle(f"{result.name}: {len(result.columns)} columns from {result.vectors} vectors{refused}")
    return drawn


def _errors(axis: Any, result: CalibrateResult) -> None:
    shown = [row for row in result.columns if row.column not in result.refused]
    places = [row.column for row in shown]
    axis.plot(places, [row.worst for row in shown], ".", color=_WORST, label="worst")
    axis.plot(places, [row.rms for row in shown], ".", color=_RMS, label="RMS")
    axis.axhline(12**-0.5, color="#999999", linewidth=0.8, linestyle="--", label="rounding alone")
    axis.set_ylim(bottom=0)
    axis.set_title("error, output LSB", loc="left", fontsize=10)
    axis.legend(frameon=False, ncols=3, loc="lower right", bbox_to_anchor=(1, 1), borderpad=0)


def _gains(axis: Any, result: CalibrateResult) -> None:
    """Of the first row block, relative to the median of each count."""
    names, colors = (("p", "n") if result.counts == 2 else ("code",)), (_P, _N)
    for count, (name, color) in enumerate(zip(names, colors, strict=False)):
        values = np.array([abs(row.gain[0][count]) for row in result.columns])
        known = values > 0
        if known.any():
            places = np.array([row.column for row in result.columns])
            axis.plot(places[known], values[known] / np.median(values[known]), ".", color=color, label=name)
    axis.set_title("gain of the first row block, of its median", loc="left", fontsize=10)
    axis.legend(frameon=False, ncols=2, loc="lower right", bbox_to_anchor=(1, 1), borderpad=0)


def _left_out(axis: Any, result: CalibrateResult) -> None:
    places = [row.column for row in result.columns]
    for name, values, color in (
        ("outliers", [row.outliers / result.vectors for row in result.columns], _N),
        ("codes clipped", [row.saturated / result.vectors for row in result.columns], _P),
        ("results clipped", [row.low + row.high for row in result.columns], _RMS),
    ):
        axis.plot(places, [100 * value for value in values], ".", color=color, label=name)
    axis.set_ylim(bottom=0)
    axis.set_title("share of vectors, %", loc="left", fontsize=10)
    axis.legend(frameon=False, ncols=3, loc="lower right", bbox_to_anchor=(1, 1), borderpad=0)
