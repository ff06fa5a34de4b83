"""The power of the unit: activity of a simulated netlist, slews and loads by OpenSTA, energies of the Liberty file."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.front_settings import front_choices
from nmpu_hdl.front_usual import usual_front
from nmpu_hdl.macros import macros
from nmpu_hdl.ports import top_name

from . import opensta
from .buffers import Buffered, buffered
from .efforts import Effort
from .generate import VERILOG
from .library import Library
from .models import cell_models
from .opensta import Surroundings
from .power_pins import PINS, Pins, parse_pins, question
from .power_record import Recorded, record
from .power_result import PowerResult
from .power_summary import ASKED, Conditions, Measured, summary
from .simulate import Simulator
from .synthesize import Netlist
from .target import check_target, synthesize_for
from .timing_analysis import parse_slack
from .tool import ToolMissing, require, write_atomic

__all__ = ["Conditions", "power"]


def power(
    build: Path,
    config: NmpuConfig,
    work: Path,
    under: Conditions,
    *,
    library: Path | None = None,
    dont_use: Sequence[str] = (),
    target_ps: float | None = None,
    netlist: Netlist | None = None,
    effort: Effort = "fast",
    say: Callable[[str], None] = lambda step: None,
) -> PowerResult:
    """Synthesize the unit, let passes run on the netlist, and measure its power.

    The netlist is the one that :func:`flows.timing.timing` makes for the same target and wires, without delays of
    inputs and outputs.

    Leaves in ``work``: ``result.json``, what the synthesis leaves, and the folders ``buffers``, ``sta`` and, unless
    vectorless, ``sim`` with ``activity.saif``.

    Args:
        build: folder with nmpu.v and config.json, and macros.v where memories are macros.
        config: the configuration.
        work: the folder to work in, made if absent.
        under: clock and activity.
        library: a Liberty file with power tables.
        dont_use: patterns of cells to avoid.
        target_ps: a period that the mapping is to meet with little area; None: what the effort is for.
        netlist: one of this configuration that is there, mapped to ``library``; None: make it.
        effort: of the mapping, as :mod:`flows.efforts` has it.
        say: told how far it is.

    Raises:
        ValueError: one line: a number or the library cannot be used.
        ToolMissing: ``sta`` is not installed.
        ToolFailed: a tool failed, or a result of the passes was wrong.
        OSError: a file cannot be read or written.
    """
    require("sta")
    check_target(target_ps)
    cells = Library.read(library, dont_use)
    volts = _supply(cells)
    around = Surroundings(ASKED, wires=under.wires)
    opensta.check_wires(around, cells)
    (work / "result.json").unlink(missing_ok=True)
    if netlist is None:
        how: Any = {"macros": macros(config), "around": around, "effort": effort, "say": say}
        netlist = synthesize_for(target_ps, build / VERILOG, top_name(config), work, cells, **how)
    trees = buffered(netlist.blocks, netlist.top, work / "buffers", cells)
    seen, remarks = (None, []) if under.vectorless else _simulated(build, config, work, under, netlist, cells)
    pins, least = _linked(trees, netlist.top, work / "sta", cells, under, seen is None)
    period, source = _period(under.period_ps, target_ps, round(least, 3), remarks)
    remarks += _told(config)
    measured = Measured(config, under, cells, volts, netlist, trees, seen, period, source)
    tools = {"yosys": netlist.yosys, "opensta": opensta.version(work / "sta")}
    result = summary(measured, pins, tools, remarks)
    write_atomic(work / "result.json", result.model_dump_json(indent=2) + "\n")
    return result


def _told(config: NmpuConfig) -> list[str]:
    """How long the passes are that the energy is of, where a front end makes that a setting."""
    if not config.derived.front_end.present:
        return []
    settings = usual_front(config)
    chosen = ", ".join(f"{c.name} {int(getattr(settings, c.name))}" for c in front_choices(config))
    beats = settings.steps(config)
    return [f"energies are of passes of {beats} beat{'s' if beats > 1 else ''} a slot" + (chosen and f": {chosen}")]


def _period(
    given: float | None, target: float | None, least: float, remarks: list[str]
) -> tuple[float, Literal["given", "target", "timing"]]:
    """The clock's period, ps, and where it is from; a remark where the netlist does not meet what was asked for."""
    if given is not None:
        if round(given, 3) < least:
            remarks.append(f"the netlist takes {least:,.0f} ps by OpenSTA; it does not work at {given:g} ps")
        return round(given, 3), "given"
    if target is not None and least <= target:
        return round(target, 3), "target"
    if target is not None:
        remarks.append(f"the netlist takes {least:,.0f} ps by OpenSTA, not the target of {target:g}: measured at that")
    return least, "timing"


def _supply(cells: Library) -> float:
    """The voltage of a library, V.

    Raises:
        ValueError: it has none, or no power tables.
    """
    if not re.search(rb"\binternal_power\s*\(", cells.path.read_bytes()):
        raise ValueError(
            f"{cells.name} has no power tables (internal_power); --lib with a Liberty file that has them would do"
        )
    if cells.voltage is None:
        raise ValueError(f"{cells.path} does not say the supply: nom_voltage would do")
    return cells.voltage


def _simulated(
    build: Path,
    config: NmpuConfig,
    work: Path,
    under: Conditions,
    netlist: Netlist,
    cells: Library,
) -> tuple[Recorded | None, list[str]]:
    """The activity of passes, or None and why."""
    if config.derived.tiled:
        return None, ["vectorless: passes are recorded on the core only, which tile.kind = none is"]
    work.mkdir(parents=True, exist_ok=True)
    models = work / "cells.v"
    write_atomic(models, cell_models(cells, netlist.cells))
    others: dict[Simulator, Simulator] = {"icarus": "verilator", "verilator": "icarus"}
    reasons = []
    for simulator in (under.simulator, others[under.simulator]):
        try:
            seen = record(
                build,
                work / "sim",
                netlist.blocks,
                netlist.top,
                models=[models],
                simulator=simulator,
                seed=under.seed,
                passes=under.passes_of(config),
                keep=under.keep,
            )
        except ToolMissing as missing:
            reasons.append(f"not simulated with {simulator}: {missing}")
        else:
            return seen, reasons
    return None, reasons


def _linked(
    trees: Buffered, top: str, work: Path, cells: Library, under: Conditions, vectorless: bool
) -> tuple[Pins, float]:
    """The pins of the netlist, and its least period, ps, by OpenSTA."""
    (work / PINS).unlink(missing_ok=True)
    script = opensta.preamble(trees.verilog.read_text(), top, work, cells, Surroundings(ASKED, wires=under.wires))
    script.append("report_worst_slack -digits 6")
    if vectorless:
        script.append(f"set_power_activity -input -activity {under.input_activity:g} -duty 0.5")
    log = opensta.run_script([*script, question(switching=vectorless)], work)
    pins = parse_pins(work / PINS)
    (work / PINS).unlink()
    return pins, ASKED - parse_slack(log)
