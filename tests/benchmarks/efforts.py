"""Measure a lane by every effort of mapping: area, least period of a core of 4 lanes, seconds; a table or JSON.

python -m tests.benchmarks.efforts ../shared/lib/nangate45_typ.lib --dont-use '*_X16' --dont-use '*_X32' --stages 2
"""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from pydantic import BaseModel, ConfigDict

from flows.efforts import EFFORTS, Effort
from flows.generate import VERILOG, generate
from flows.library import Library
from flows.opensta import Surroundings, available
from flows.screen import print_json
from flows.target import synthesize_for
from flows.timing_analysis import least_period
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.ports import top_name
from nmpu_hdl.presets import load

LANE = "nmpu_lane"
CORE = ["array.lanes=4", "array.columns=4", "how.memory=external"]


class LaneEffort(BaseModel):
    """A lane as an effort maps it: NAND2 equivalents, um2 (None in the neutral library), the least period of the unit
    by OpenSTA, or, where that is missing, ABC's estimate for the lane, in ps, and what it took in seconds."""

    model_config = ConfigDict(frozen=True)

    library: str
    stages: int
    effort: Effort
    recipe: str
    ge: float
    um2: float | None
    period_ps: float
    seconds: float


def lane_effort(verilog: Path, config: NmpuConfig, work: Path, library: Library, effort: Effort) -> LaneEffort:
    """Map a unit by an effort, and measure its lane."""
    start = time.perf_counter()
    netlist = synthesize_for(None, verilog, top_name(config), work, library, effort=effort)
    seconds = time.perf_counter() - start
    lane = netlist.modules[LANE]
    area = sum(library.cells[cell].area * count for cell, count in lane.cells.items())
    least = least_period(netlist, library, work, Surroundings(1000)) if available() else lane.delay_ps or 0
    return LaneEffort(
        library=library.name,
        stages=config.how.stages,
        effort=effort,
        recipe=netlist.recipe,
        ge=round(library.ge(area), 1),
        um2=None if library.neutral else round(area, 2),
        period_ps=round(least, 1),
        seconds=round(seconds, 1),
    )


def main(
    lib: Annotated[Path | None, typer.Argument(help="Liberty file; the neutral one if absent")] = None,
    dont_use: Annotated[list[str] | None, typer.Option("--dont-use")] = None,
    stages: Annotated[int, typer.Option("--stages")] = 1,
    settings: Annotated[list[str] | None, typer.Option("--set")] = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Print the rows of one library."""
    library = Library.read(lib, tuple(dont_use or ()))
    config = load(settings=[*CORE, f"how.stages={stages}", *(settings or ())])
    with TemporaryDirectory(prefix="nmpu-efforts-") as name:
        folder = Path(name)
        generate(config, folder)
        rows = [lane_effort(folder / VERILOG, config, folder / effort, library, effort) for effort in EFFORTS]
    if as_json:
        print_json([row.model_dump(mode="json") for row in rows])
        return
    print("| library | stages | effort | kept | GE | um2 | ps | s |\n|---|---:|---|---|---:|---:|---:|---:|")
    for row in rows:
        um2 = "" if row.um2 is None else f"{row.um2:,.0f}"
        what = f"| {row.library} | {row.stages} | `{row.effort}` | {row.recipe} "
        print(f"{what}| {row.ge:,.0f} | {um2} | {row.period_ps:,.0f} | {row.seconds:.1f} |")


if __name__ == "__main__":
    typer.run(main)
