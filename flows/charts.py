"""Figures as SVG text, the same for the same figure; matplotlib draws them, where it is installed."""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["blank", "svg"]

_SETTINGS: dict[Any, Any] = {
    "svg.hashsalt": "nmpu",  # the same names of elements every time
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def svg(figure: Callable[[], Figure]) -> str | None:
    """What ``figure`` draws, or None without matplotlib; equal figures give equal text with the same matplotlib."""
    if importlib.util.find_spec("matplotlib") is None:
        return None
    import matplotlib

    file = io.StringIO()
    with matplotlib.rc_context(_SETTINGS):
        figure().savefig(file, format="svg", metadata={"Date": None})
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n"


def blank(width: float, height: float) -> Figure:
    """A figure of so many inches that nothing is drawn in; it needs no screen.

    Raises:
        ImportError: matplotlib is not installed.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure
