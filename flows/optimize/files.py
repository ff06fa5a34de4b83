"""The files of a result: page, table, chart, configuration."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from nmpu_hdl.presets import build, to_toml

from ..templates import environment
from ..tool import write_together
from .chart import chart
from .reasons import points
from .result import SCATTER, Optimized
from .search import BIT, Tried
from .space import Space

__all__ = ["FILES", "render", "table", "write"]

FILES = ("result.json", "front.csv", "optimize.md", "front.svg", "chosen.toml")
"""What a result is left as; the last but one with matplotlib, the last where there is a choice."""


def render(result: Optimized, *, drawn: bool) -> str:
    """A result as Markdown; ``drawn``: front.svg is beside it."""
    return (
        environment("flows.optimize")
        .get_template("optimize.md.j2")
        .render(r=result, drawn=drawn, scatter=SCATTER, bit=BIT, points=points)
    )


def table(result: Optimized) -> str:
    """All candidates as CSV, in the order in which they were looked at; drops are in percentage points."""
    names = list(result.asked.space)
    costs = ["lane_ge", "tile_lane_ge", "param_bits", "energy_pj"]
    losses = ["drop", "drop_low", "drop_high", "worst_lsb", "rms_lsb", "images", "good", "front", "chosen", "refused"]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([*names, *costs, *losses])
    for k, point in enumerate(result.points):
        lane, loss = point.lane, point.loss
        some: list[object] = [lane.ge, lane.tile_ge, lane.param_bits, lane.energy_pj] if lane else [None] * 4
        some += [f"{100 * part:.4f}" for part in (loss.drop, loss.low, loss.high)] if loss else [None] * 3
        some += [point.worst_lsb, point.rms_lsb, loss.images if loss else None]
        marks = [int(point.good), int(point.front), int(k == result.chosen), point.refused]
        writer.writerow([*point.fields.values(), *some, *marks])
    return file.getvalue()


def write(result: Optimized, space: Space, chosen: Tried | None, work: Path) -> None:
    """Write them into ``work``.

    Raises:
        OSError: the folder cannot be written.
    """
    drawn = chart(result)
    files = {
        work / "result.json": result.model_dump_json(indent=2) + "\n",
        work / "front.csv": table(result),
        work / "optimize.md": render(result, drawn=drawn is not None),
    }
    if drawn is not None:
        files[work / "front.svg"] = drawn
    if chosen is not None and chosen.config is not None:
        name = f"{space.base.name[:26]}-lean" if chosen.candidate != space.start else space.base.name
        files[work / "chosen.toml"] = to_toml(build(chosen.config.model_dump(mode="json") | {"name": name}))
    work.mkdir(parents=True, exist_ok=True)
    write_together(files)
