"""Measuring a design for a comparison: mapped, timed, and its power from passes on the netlist; each step done once."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.ports import top_name
from nmpu_hdl.presets import build

from . import opensta
from .area import AreaResult, measure
from .efforts import Effort
from .generate import VERILOG, generate
from .library import Library
from .once import once, software
from .opensta import Surroundings
from .power import Conditions, power
from .power_result import PowerResult
from .synthesize import Netlist
from .target import synthesize_fast, synthesize_for
from .timing import LANE
from .timing_analysis import analyse
from .timing_result import TimingResult
from .tool import find, write_atomic

__all__ = ["Job", "Mapped", "Measured", "fastest", "lane_of_floats", "measured", "pipelined"]

_ASKED = 1000.0
"""The period that OpenSTA is told, ps; the least period does not depend on it."""


@dataclass(frozen=True)
class Job:
    """A design to be measured.

    Args:
        config: the configuration.
        folder: to work in.
        library: a Liberty file; None for the neutral library.
        dont_use: patterns of cells to avoid.
        target_ps: a period to map for; None: the least delay.
        passes: that are simulated for the power; 0: no power.
        effort: of the mapping.
    """

    config: NmpuConfig
    folder: Path
    library: Path | None
    dont_use: tuple[str, ...]
    target_ps: float | None = None
    passes: int = 0
    effort: Effort = "fast"


class Mapped(BaseModel):
    """A mapped design: its netlist, area, timing, and the flip-flops of a lane."""

    model_config = ConfigDict(frozen=True)

    netlist: Netlist
    area: AreaResult
    timing: TimingResult
    flip_flops: int

    @property
    def logic_ps(self) -> float | None:
        """The longest path inside the lane as ABC estimates it, ps."""
        return self.netlist.modules[LANE].delay_ps


class Measured(BaseModel):
    """A design's numbers; ``power`` is None where it was not asked for or is not known, which ``remark`` explains."""

    model_config = ConfigDict(frozen=True)

    config: NmpuConfig
    target_ps: float | None
    mapped: Mapped
    power: PowerResult | None
    remark: str

    @property
    def meets(self) -> bool | None:
        """Whether the target is met; None without one."""
        return None if self.target_ps is None else self.mapped.timing.min_period_ps <= self.target_ps


def measured(job: Job) -> Measured:
    """Generate, map, time, and measure the power.

    Raises:
        ValueError, ToolFailed, OSError: as :func:`flows.timing.timing` and :func:`flows.power.power`.
    """
    cells = Library.read(job.library, job.dont_use)
    mapped = _once(job, "for", cells, lambda verilog, work: _for_target(job, verilog, work, cells))
    return _with_power(job, mapped)


def fastest(job: Job) -> Measured:
    """Generate, map for speed whatever the area, and time; no power.

    Raises:
        ValueError, ToolFailed, OSError: as :func:`measured`.
    """
    cells = Library.read(job.library, job.dont_use)
    return Measured(config=job.config, target_ps=None, mapped=_fastest(job, cells), power=None, remark="")


def lane_of_floats(job: Job, target_ps: float) -> tuple[Measured, Measured, Measured]:
    """A lane in one stage as it is usually mapped, pipelined to a period, and in one stage mapped for speed.

    Raises:
        ValueError, ToolFailed, OSError: as :func:`measured`.
    """
    return measured(_at(job, 1)), pipelined(replace(job, target_ps=target_ps)), fastest(_at(job, 1))


def pipelined(job: Job, least: int = 1) -> Measured:
    """The fewest stages, from ``least``, with which the target is met, or, where none does, the fastest of most stages.

    Raises:
        ValueError: there is no target; and as :func:`measured`.
    """
    if job.target_ps is None:
        raise ValueError("target period = None: stages are chosen for a period; a number of ps would do")
    cells, target = Library.read(job.library, job.dont_use), job.target_ps
    most = max(job.config.derived.stage_choices)
    whole = _fastest(_at(job, 1), cells).timing.min_period_ps
    # Not fewer: cutting a path into n parts leaves one with an n-th of it.
    stages = min(max(least, math.ceil(whole / target)), most)
    while _fastest(_at(job, stages), cells).timing.min_period_ps > target and stages < most:
        stages += 1
    return measured(_at(job, stages))


def _at(job: Job, stages: int) -> Job:
    fields = job.config.model_dump(mode="json")
    config = build({**fields, "how": {**fields["how"], "stages": stages}})
    return replace(job, config=config, folder=job.folder / f"stages_{stages}")


def _fastest(job: Job, cells: Library) -> Mapped:
    """What the last recipe that ABC can follow makes, for the least delay."""

    def work(verilog: Path, folder: Path) -> Netlist:
        return synthesize_fast(verilog, top_name(job.config), folder, cells)

    return _once(replace(job, target_ps=None), "fastest", cells, work)


def _for_target(job: Job, verilog: Path, work: Path, cells: Library) -> Netlist:
    return synthesize_for(job.target_ps, verilog, top_name(job.config), work, cells, effort=job.effort)


def _once(job: Job, how: str, cells: Library, make: Callable[[Path, Path], Netlist]) -> Mapped:
    """Generated and mapped, and that timed, unless it is there."""
    design = job.config.model_dump_json().encode()

    def step(work: Path) -> Mapped:
        source = job.folder / "design"
        once(source, [design, software()], lambda place: _generated(job.config, place))
        netlist = make(source / VERILOG, work)
        timing = analyse(netlist, cells, work, Surroundings(job.target_ps or _ASKED), target_ps=job.target_ps)
        lane = netlist.modules[LANE].cells
        registers = sum(count for cell, count in lane.items() if cells.cells[cell].sequential)
        mapped = Mapped(netlist=netlist, area=measure(netlist, cells), timing=timing, flip_flops=registers)
        write_atomic(work / "result.json", mapped.model_dump_json(indent=2) + "\n")
        return mapped

    folder = job.folder / how
    given = [design, cells.path.read_bytes(), repr((job.dont_use, job.target_ps, job.effort, str(folder))).encode()]
    return Mapped.model_validate(once(folder, [*given, software(), _tools(folder)], step))


class _Generated(BaseModel):
    """The name of a design that was generated."""

    name: str


def _generated(config: NmpuConfig, place: Path) -> _Generated:
    generate(config, place)
    done = _Generated(name=config.name)
    write_atomic(place / "result.json", done.model_dump_json() + "\n")
    return done


def _with_power(job: Job, mapped: Mapped) -> Measured:
    def step(work: Path) -> PowerResult:
        return power(
            job.folder / "design",
            job.config,
            work,
            Conditions(passes=job.passes),
            library=job.library,
            dont_use=job.dont_use,
            target_ps=job.target_ps,
            netlist=mapped.netlist,
        )

    found, remark, folder = None, "", job.folder / "power"
    if job.passes and not opensta.available():
        remark = "sta is not installed: energies are not known; apt-get install opensta"
    elif job.passes and job.library is None:
        remark = "the neutral library has no power tables: energies are not known; --lib FILE with such tables does it"
    elif job.passes:
        given = [mapped.model_dump_json().encode(), str(job.passes).encode(), software(), _tools(folder)]
        try:
            found = PowerResult.model_validate(once(folder, given, step))
        except ValueError as error:  # the library is of no use for it
            remark = f"energies are not known: {error}"
    return Measured(config=job.config, target_ps=job.target_ps, mapped=mapped, power=found, remark=remark)


def _tools(work: Path) -> bytes:
    """The tools that :func:`flows.once.software` does not know."""
    checker = opensta.version(work) if opensta.available() else ""
    simulators = [name for name in ("iverilog", "verilator") if find(name)]
    return "\n".join([checker, *simulators]).encode()
