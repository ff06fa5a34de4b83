"""All that the steps of a layout have found, put together."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from .. import opensta
from ..buffers import Buffered
from ..library import Library
from ..synthesize import Netlist
from .asked import Asked
from .checks import NetlistCheck, RuleCheck
from .parasitics import Parasitics
from .place import Placement
from .result import BeforeAfter, LayoutPower, LayoutResult
from .route import Routing, Try
from .technology import Technology

__all__ = ["Found", "Made", "summarise"]


@dataclass(frozen=True)
class Made:
    """What is left by mapping, by trees on large nets, by placing and by routing."""

    library: Library
    mapped: Netlist
    trees: Buffered
    placed: Placement
    routed: Routing
    tries: tuple[Try, ...]


@dataclass(frozen=True)
class Found:
    """What checks and measuring have found, and what a reader has to know of them."""

    rules: RuleCheck
    netlist: NetlistCheck
    wires: Parasitics
    timing: BeforeAfter
    power: LayoutPower | None
    remarks: tuple[str, ...]


def summarise(
    asked: Asked, technology: Technology, picture: Path, made: Made, found: Found, seconds: Mapping[str, float]
) -> LayoutResult:
    """The result of a layout.

    Raises:
        ToolMissing: ``sta`` is not installed.
        OSError: its version cannot be asked for.
    """
    placed, routed, lanes = made.placed, made.routed, asked.lanes or 1
    width, height = routed.width_um, routed.height_um
    return LayoutResult(
        top=placed.top,
        lanes=lanes,
        technology=technology.name,
        library=made.library.name,
        voltage=made.library.voltage,
        temperature=made.library.temperature,
        cells=placed.cells,
        buffers=made.trees.count + placed.port_buffers,
        ge=round(made.library.ge(_liberty_area(made)), 3),
        cell_area_um2=placed.cell_area_um2,
        die_area_um2=round(width * height, 3),
        width_um=width,
        height_um=height,
        width_per_column_um=round(width / lanes, 3),
        utilisation=routed.utilisation,
        rows=routed.rows,
        pins=len(placed.pins),
        constants=tuple(placed.constants),
        wire_um=routed.wire_um,
        vias=routed.vias,
        capacitance_ff=found.wires.total_ff,
        rules=found.rules,
        netlist=found.netlist,
        timing=found.timing,
        power=found.power,
        picture=picture,
        layout=routed.def_file,
        tries=made.tries,
        target_ps=asked.target_ps,
        tools=_tools(made, found, picture.parent),
        seconds=dict(seconds),
        warnings=(*found.remarks, *_remarks(asked, made, found)),
    )


def _tools(made: Made, found: Found, work: Path) -> dict[str, str]:
    """Versions; those of graywolf and qrouter from their logs, where they are said."""
    said = {
        "graywolf": re.search(r"^twflow version:(\S+)", _log(work / "place"), re.MULTILINE),
        "qrouter": re.search(r"^Qrouter .*version (\S+)", _log(work / "route"), re.MULTILINE),
    }
    return {
        "yosys": made.mapped.yosys,
        **{name: number[1] for name, number in said.items() if number},
        "magic": found.rules.magic,
        "netgen": found.netlist.netgen,
        "opensta": opensta.version(work / "timing"),
        "klayout": version("klayout"),
    }


def _log(folder: Path) -> str:
    return (folder / "log").read_text(errors="replace")


def _liberty_area(made: Made) -> float:
    """The area of all cells as the Liberty file has it: whole numbers, and not just what they take in rows."""
    kinds = re.findall(r"^  (\w+) \w+ \(", made.placed.netlist.read_text(), re.MULTILINE)
    return sum(made.library.cells[kind].area for kind in kinds if kind in made.library.cells)


def _remarks(asked: Asked, made: Made, found: Found) -> Iterator[str]:
    late = found.timing.clock_wires.min_period_ps
    yield (
        "no clock tree: times are those of a clock that is everywhere at once; with its wires as they are, from the "
        f"pin of the block to every flip-flop, the least period is {late:,.0f} ps"
    )
    least = found.timing.routed.min_period_ps
    if asked.target_ps is not None and least > asked.target_ps:
        yield f"the target of {asked.target_ps:,.0f} ps is not met: the least period is {least:,.0f} ps"
    if len(made.tries) > 1:
        first, last = made.tries[0].density, made.tries[-1].density
        yield f"density {last:g} instead of {first:g}, with which nets could not be routed"
    yield "wires have capacitance to ground only, not to each other"
    if found.power is not None:
        yield "power is of a simulation without delays: glitches are not counted"
    if asked.lanes:
        yield "parameters come from a memory outside, whose area and power are not counted"
    if made.placed.constants:
        bits = ", ".join(f"{bit} = {value}" for bit, value in made.placed.constants.items())
        yield f"always the same, and without a pin: {bits}"
    if found.rules.errors:
        yield f"magic finds {found.rules.errors} places that break a rule; result.json says of each what it is"
    if not found.netlist.matches:
        yield "netgen finds the layout to be another circuit than the netlist; result.json says what differs"
