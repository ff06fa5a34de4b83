"""A lane, or a core of a few, placed and routed: from a configuration to a picture, checked, timed and measured."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.ports import top_name

from ..buffers import buffered
from ..generate import VERILOG, generate
from ..library import Library
from ..target import synthesize_for
from ..tool import ToolMissing, require, write_atomic
from .asked import Asked, core_of, top_of
from .checks import check_rules, compare_netlists
from .parasitics import Parasitics, extract_parasitics
from .picture import draw
from .place import core_sides, lane_sides
from .power import LaidOut, measure_power
from .result import BeforeAfter, LayoutPower, LayoutResult
from .route import place_and_route
from .summary import Found, Made, summarise
from .technology import Technology, osu018
from .timing import time_layout

__all__ = ["PICTURE", "layout"]

PICTURE = "layout.png"
_UNKNOWN_PERIOD = 1000.0
"""A period, ps, where none is asked for: nothing depends on it."""


@dataclass
class _Steps:
    """The steps as they are done, and how long each took."""

    say: Callable[[str], Any]
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Do a step."""
        self.say(name)
        start = perf_counter()
        yield
        self.seconds[name] = round(perf_counter() - start, 2)


def layout(config: NmpuConfig, work: Path, asked: Asked, say: Callable[[str], Any]) -> LayoutResult:
    """Lay out a lane or a core in OSU's cells for 180 nm.

    Leaves in ``work``: ``result.json``, ``layout.png``, and a folder for each step: ``synthesize``, ``place``,
    ``route``, ``rules``, ``netlist``, ``parasitics``, ``timing`` and ``power``, each with its command and log.

    Args:
        config: the configuration.
        work: the folder to work in, made if absent.
        asked: what to lay out.
        say: told the name of each step.

    Raises:
        ToolMissing: a tool or the technology is not installed; nothing was started.
        ToolFailed: a tool failed, a net could not be routed, or a result of the simulation was wrong.
        ValueError: one line: the configuration or what is asked for cannot be laid out.
        OSError: a file cannot be read or written.
    """
    core = core_of(config, asked.lanes)
    technology = _technology()
    for stale in ("result.json", PICTURE, "timing/result.json", "power/result.json"):
        (work / stale).unlink(missing_ok=True)
    steps = _Steps(say)
    made = _make(core, work, asked, technology, steps)
    layout_file, netlist, top = made.routed.def_file, made.placed.netlist, made.placed.top
    with steps.step("rules"):
        rules = check_rules(layout_file, technology, work / "rules")
    with steps.step("netlist"):
        compared = compare_netlists(layout_file, netlist, top, technology, work / "netlist")
    with steps.step("parasitics"):
        wires = extract_parasitics(layout_file, technology, work / "parasitics")
    with steps.step("timing"):
        timing = _timing(made, work / "timing", asked, wires)
    with steps.step("power"):
        power, remarks = _power(core, made, work, asked, wires, timing)
    with steps.step("picture"):
        draw(layout_file, technology, work / PICTURE)
    found = Found(rules, compared, wires, timing, power, tuple(remarks))
    result = summarise(asked, technology, work / PICTURE, made, found, steps.seconds)
    write_atomic(work / "result.json", result.model_dump_json(indent=2) + "\n")
    return result


def _technology() -> Technology:
    """The technology.

    Raises:
        ToolMissing: it, or any tool of the steps, is not installed.
    """
    require("graywolf", "qrouter", "magic", "netgen-lvs", "sta")
    if importlib.util.find_spec("klayout") is None:
        raise ToolMissing("klayout is not installed; get it with: pip install 'nmpu-hdl[layout]'")
    return osu018()


def _make(core: NmpuConfig, work: Path, asked: Asked, technology: Technology, steps: _Steps) -> Made:
    """Map, place and route."""
    library = Library.read(technology.liberty, asked.dont_use)
    top = top_of(core, asked)
    folder = work / "synthesize"
    with steps.step("synthesize"):
        generate(core, folder)
        given = asked.target_ps, folder / VERILOG, top_name(core), folder, library
        mapped = synthesize_for(*given, effort=asked.effort, say=steps.say)
        flat = mapped.verilog if top == mapped.top else mapped.blocks
        trees = buffered(flat, top, folder / "buffers", library)
    sides = core_sides(core) if asked.lanes else lane_sides()
    with steps.step("place and route"):
        found = place_and_route(
            trees.verilog, top, work, technology, sides=sides, density=asked.density, width_um=asked.width_um
        )
    return Made(library, mapped, trees, found.placement, found.routing, found.tries)


def _timing(made: Made, work: Path, asked: Asked, wires: Parasitics) -> BeforeAfter:
    period = asked.target_ps or _UNKNOWN_PERIOD
    netlist, top = made.placed.netlist, made.placed.top
    before = time_layout(netlist, top, made.library, work / "estimate", period_ps=period)
    after, clocked = (
        time_layout(
            netlist, top, made.library, work / name, period_ps=period, spef=wires.spef, clock_wires=name == "clock"
        )
        for name in ("routed", "clock")
    )
    ratio = round(after.min_period_ps / before.min_period_ps, 4)
    result = BeforeAfter(estimate=before, routed=after, ratio=ratio, clock_wires=clocked)
    write_atomic(work / "result.json", result.model_dump_json(indent=2) + "\n")
    return result


def _power(
    core: NmpuConfig, made: Made, work: Path, asked: Asked, wires: Parasitics, timing: BeforeAfter
) -> tuple[LayoutPower | None, list[str]]:
    """Power at the target where that is met, else at the least period; or None and why."""
    least = timing.routed.min_period_ps
    period = asked.target_ps if asked.target_ps is not None and asked.target_ps >= least else least
    placed = made.placed
    laid = LaidOut(core, work / "synthesize", made.mapped, placed.top, placed.netlist, placed.constants, made.library)
    try:
        power = measure_power(laid, work / "power", wires.spef, wires.net_ff, period_ps=period, seed=asked.seed)
    except ToolMissing as missing:
        return None, [f"power is not measured: {missing}"]
    return power, []
