"""What OpenSTA, or where that is missing ABC, says of a netlist's timing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from . import opensta, timing_paths
from .buffers import Buffered, buffered
from .library import Library
from .opensta import Surroundings
from .synthesize import Netlist
from .timing_result import BlockPath, Step, TimingResult
from .tool import ToolFailed

__all__ = ["analyse", "least_period", "parse_slack"]


def analyse(
    netlist: Netlist,
    library: Library,
    work: Path,
    around: Surroundings,
    *,
    top: str | None = None,
    target_ps: float | None = None,
) -> TimingResult:
    """Time a netlist that is there.

    Leaves in ``work`` the folder ``buffers``, of what puts trees on large nets, and ``sta``; neither without ``sta``.

    Args:
        netlist: the mapped unit.
        library: what it was mapped to.
        work: the folder to work in.
        around: clock, delays and wires.
        top: a module to time by itself; None: the whole unit.
        target_ps: what it was mapped for, to be said in the result.

    Raises:
        ValueError: one line: there is no such module or wire load.
        ToolFailed: Yosys or OpenSTA failed.
        OSError: a file cannot be read or written.
    """
    if top is not None and top not in netlist.modules:
        raise ValueError(f"top = {top!r} is no module; {', '.join(netlist.modules)} are")
    top = top or netlist.top
    said = {
        "top": top,
        "library": library.name,
        "voltage": library.voltage,
        "temperature": library.temperature,
        "conditions": library.conditions,
        "target_ps": target_ps,
        "period_ps": around.period_ps,
        "input_delay_ps": around.input_delay_ps,
        "output_delay_ps": around.output_delay_ps,
        "wires": around.wires,
        "macros": tuple(netlist.macros) if top == netlist.top else (),
        "effort": netlist.effort,
        "recipe": netlist.recipe,
        "candidates": netlist.candidates,
    }
    found = _by_sta if opensta.available() else _by_abc
    return TimingResult.model_validate(said | found(netlist, library, work, around, top))


def least_period(netlist: Netlist, library: Library, work: Path, around: Surroundings) -> float:
    """The least period of a netlist, ps, by OpenSTA; leaves in ``work`` what :func:`analyse` leaves.

    Raises:
        ToolMissing: ``sta`` is not installed.
        ValueError, ToolFailed, OSError: as :func:`analyse`.
    """
    trees = buffered(netlist.blocks, netlist.top, work / "buffers", library)
    script = opensta.preamble(trees.verilog.read_text(), netlist.top, work / "sta", library, around)
    log = opensta.run_script([*script, "report_worst_slack -digits 6"], work / "sta")
    return around.period_ps - parse_slack(log)


def parse_slack(log: str) -> float:
    """What OpenSTA's ``report_worst_slack`` says.

    Raises:
        ValueError: it says nothing.
    """
    found = re.search(r"^worst slack (\S+)$", log, re.MULTILINE)
    if found is None:
        raise ValueError("this log of OpenSTA has no worst slack")
    return float(found[1])


def _by_sta(netlist: Netlist, library: Library, work: Path, around: Surroundings, top: str) -> dict[str, Any]:
    trees = buffered(netlist.blocks, top, work / "buffers", library)
    script = opensta.preamble(trees.verilog.read_text(), top, work / "sta", library, around)
    log = opensta.run_script([*script, timing_paths.QUESTION], work / "sta")
    found = timing_paths.parse_paths(log)
    if not found.worst:
        raise ToolFailed(f"OpenSTA found no path in {top}", work / "sta" / "log")
    worst = found.worst[0]
    area = round(library.ge(library.cells[trees.buffer].area) * trees.count, 3)
    return {
        "source": "opensta",
        **_period(around.period_ps - worst.slack_ps, around),
        "paths": tuple(map(_block_path, found.worst)),
        "critical": tuple(_steps(worst, found.fanout)),
        "critical_block": worst.end,
        "buffers": trees.count,
        "buffer_ge": area,
        "tools": {**_tools(netlist), "opensta": opensta.version(work / "sta")},
        "warnings": tuple(_remarks(netlist, library, around, top, trees, area)),
    }


def _by_abc(netlist: Netlist, library: Library, work: Path, around: Surroundings, top: str) -> dict[str, Any]:
    inside = [netlist.modules[name] for name in _below(netlist, top)]
    delays = [(module.delay_ps, module.name) for module in inside if module.delay_ps is not None]
    if not delays:
        raise ToolFailed(f"ABC estimated no delay in {top}", netlist.blocks.with_name("log"))
    delay, name = max(delays)
    return {
        "source": "abc",
        **_period(delay, around),
        "paths": (),
        "critical": (),
        "critical_block": name,
        "buffers": 0,
        "buffer_ge": 0,
        "tools": _tools(netlist),
        "warnings": (
            "sta is not installed: this is ABC's estimate of the longest path inside a module, without wires, "
            "clock-to-q, setup, input and output delays, and whatever a path goes through in other modules; "
            "apt-get install opensta does better",
            *_nominal(library),
        ),
    }


def _period(least: float, around: Surroundings) -> dict[str, float]:
    """One clock and no path of several periods: the slack grows with the period."""
    return {
        "slack_ps": round(around.period_ps - least, 3),
        "min_period_ps": round(least, 3),
        "f_max_mhz": round(1e6 / least, 3),
    }


def _below(netlist: Netlist, module: str) -> Iterator[str]:
    """A module, and those it is made of."""
    yield module
    for inner in netlist.modules[module].instances:
        if inner in netlist.modules:
            yield from _below(netlist, inner)


def _block_path(path: timing_paths.Path) -> BlockPath:
    blocks = [point.block for point in path.points]
    return BlockPath(
        start=path.start,
        end=path.end,
        slack_ps=round(path.slack_ps, 3),
        arrival_ps=round(path.points[-1].arrival_ps, 3),
        start_point=path.points[0].cell,
        end_point=path.points[-1].cell,
        cells=sum(point.drives and bool(point.type) for point in path.points),
        through=tuple(b for b, before in zip(blocks, [None, *blocks], strict=False) if b != before),
    )


def _steps(path: timing_paths.Path, fanout: Mapping[str, int]) -> Iterator[Step]:
    before = 0.0
    for point in path.points:
        if point.drives:
            delay, before = point.arrival_ps - before, point.arrival_ps
            pins = fanout.get(point.pin, 0)
            yield Step(cell=point.cell, type=point.type, delay_ps=round(delay, 3), fanout=pins)


def _tools(netlist: Netlist) -> dict[str, str]:
    return {"yosys": netlist.yosys, "pyosys": version("pyosys")}


def _nominal(library: Library) -> list[str]:
    nominal = "times of the neutral library are nominal: 20 ps stand for one FO4 inverter delay"
    return [nominal] if library.neutral else []


def _remarks(
    netlist: Netlist, library: Library, around: Surroundings, top: str, trees: Buffered, area: float
) -> Iterator[str]:
    yield from _nominal(library)
    if around.wire_ff == 0:
        yield "wires have neither capacitance nor resistance; --wires gives them some, and a layout is slower"
    if trees.count:
        yield f"{trees.count} {trees.buffer} on large nets are in these times, and their {area:,.0f} GE in no area"
    if netlist.macros and top == netlist.top:
        yield f"paths to and from macros are not timed, for their times are not known: {', '.join(netlist.macros)}"
