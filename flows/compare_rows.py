"""Measured designs to the rows of a comparison."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.verilog import digest

from .accuracy import Accuracy, accuracy
from .compare_designs import words
from .compare_measure import Job, Measured
from .compare_ratios import Rows, ratios
from .compare_result import Comparison, Form, LaneRow, OneCount, UnitRow
from .library import Library

__all__ = ["ALL", "ALONE", "NMPU", "ONE", "Found", "Plan", "assembled", "target_of"]

NMPU, ALONE = "NMPU", "NMPU, one lane built"
ONE, ALL = "FP16 unit, one lane built", "FP16 unit, all lanes built"

_COLUMNS = 512
"""That are simulated at least for an energy."""


@dataclass(frozen=True)
class Plan:
    """What is the same for all rows."""

    config: NmpuConfig
    work: Path
    library: Path | None
    dont_use: tuple[str, ...]

    def job(self, name: str, config: NmpuConfig, target_ps: float | None = None, *, energy: bool = True) -> Job:
        """A row's measurement, in a folder of its own."""
        passes = -(-_COLUMNS // config.array.columns) if energy else 0
        folder = self.work / name.replace(",", "").replace(" ", "-")
        return Job(config, folder, self.library, self.dont_use, target_ps, passes)

    def commands(self, found: Measured, form: Form) -> tuple[str, ...]:
        """What gives a row's numbers one after the other; a target that cannot be met asks for speed."""
        given = found.config, self.library, self.dont_use
        target = 1.0 if form == "fastest" else found.target_ps
        lines = [words(command, *given, target=target) for command in ("area", "timing")]
        if found.power:
            lines.append(words("power", *given, "--passes", str(found.power.passes or 1), target=target))
        return tuple(lines)


@dataclass(frozen=True)
class Found:
    """All that was measured."""

    fixed: Measured
    quickest: Measured
    floats: dict[str, tuple[Measured, Measured, Measured]]
    one: Measured
    units: dict[tuple[str, Form], Measured]


def target_of(fixed: Measured) -> float:
    """The period that binary16 is to keep up with: in whole ps, as a command line has it."""
    return math.ceil(fixed.mapped.timing.min_period_ps)


def assembled(plan: Plan, found: Found, cells: Library) -> Comparison:
    config, fixed, one = plan.config, found.fixed, found.one
    lanes = [_lane(plan, "fixed", "configured", fixed, fixed, cells)]
    lanes += [_lane(plan, "fixed", "fastest", found.quickest, fixed, cells)]
    for name, (plain, quick, fastest) in found.floats.items():
        lanes += [_lane(plan, name, "unpipelined", plain, fixed, cells)]
        lanes += [_lane(plan, name, "pipelined", quick, fixed, cells)]
        lanes += [_lane(plan, name, "fastest", fastest, fixed, cells)]
    units = {key: _unit(plan, *key, each) for key, each in found.units.items()}
    rows = Rows(
        fixed=lanes[0],
        fast=lanes[1],
        plain=lanes[2],
        quick=lanes[3],
        fast_float=lanes[4],
        nmpu=units[NMPU, "configured"],
        alone=units[ALONE, "configured"],
        plain_unit=units[ONE, "unpipelined"],
        quick_unit=units[ONE, "pipelined"],
    )
    timing, tried = fixed.mapped.timing, accuracy(config)
    everything = [
        fixed,
        found.quickest,
        one,
        *(each for pair in found.floats.values() for each in pair),
        *found.units.values(),
    ]
    return Comparison(
        name=config.name,
        digest=digest(config),
        library=cells.name,
        voltage=cells.voltage,
        temperature=cells.temperature,
        conditions=cells.conditions,
        timed=timing.source,
        columns=config.array.columns,
        lanes=config.array.lanes,
        counts=config.codes.counts,
        lane_rows=tuple(lanes),
        unit_rows=tuple(units[key] for key in sorted(units, key=_order)),
        one_count=_one_count(plan, one, cells),
        ratios=ratios(rows, cells.name),
        tried=tried.columns,
        vectors=tried.vectors,
        seed=tried.seed,
        tools=_tools(everything),
        command=words("compare", config, plan.library, plan.dont_use),
        warnings=_remarks(everything, cells),
    )


def _order(key: tuple[str, Form]) -> tuple[bool, bool, bool]:
    """NMPUs first; of these and of the others those of one lane last; pipelined ones behind."""
    name, form = key
    return name.startswith("FP16"), "all" in name, form == "pipelined"


def _lane(plan: Plan, name: str, form: Form, found: Measured, fixed: Measured, cells: Library) -> LaneRow:
    mapped, least = found.mapped, found.mapped.timing.min_period_ps
    ge = mapped.area.lane_ge
    cycles = plan.config.array.columns + found.config.derived.depth
    energy = _energy(found, "lane")
    errors = _errors(plan.config, found.config)
    return LaneRow(
        name=name,
        form=form,
        stages=found.config.how.stages,
        target_ps=found.target_ps,
        meets=found.meets,
        ge=ge,
        area_um2=None if cells.neutral else round(ge * cells.nand2.area, 3),
        flip_flops=mapped.flip_flops,
        period_ps=least,
        f_max_mhz=mapped.timing.f_max_mhz,
        logic_ps=mapped.logic_ps,
        results=round(1e12 / least / ge),
        cycles=cycles,
        ns=round(cycles * least / 1000, 3),
        equal_ge=round(ge * max(1, least / target_of(fixed)), 3),
        energy_pj=energy,
        method=found.power.method if found.power else None,
        worst_lsb=errors.worst,
        rms_lsb=errors.rms,
        commands=plan.commands(found, form),
    )


def _errors(config: NmpuConfig, design: NmpuConfig) -> Accuracy:
    return accuracy(config.model_copy(update={"arithmetic": design.arithmetic}))


def _unit(plan: Plan, name: str, form: Form, found: Measured) -> UnitRow:
    mapped, derived = found.mapped, found.config.derived
    cycles = derived.pass_cycles(plan.config.array.columns)
    return UnitRow(
        name=name,
        form=form,
        built=derived.built,
        stages=found.config.how.stages,
        target_ps=found.target_ps,
        meets=found.meets,
        ge=mapped.area.ge,
        lanes_ge=round(mapped.area.lane_ge * derived.built, 3),
        area_um2=mapped.area.area_um2,
        memory_bits=derived.param_width * plan.config.array.columns,
        period_ps=mapped.timing.min_period_ps,
        f_max_mhz=mapped.timing.f_max_mhz,
        cycles=cycles,
        ns=round(cycles * mapped.timing.min_period_ps / 1000, 3),
        energy_pj=_energy(found),
        method=found.power.method if found.power else None,
        commands=plan.commands(found, form),
    )


def _energy(found: Measured, block: str | None = None) -> float | None:
    """Energy a column, pJ: of a block, or of all."""
    if found.power is None:
        return None
    parts = [b.energy_per_column_pj for b in found.power.blocks if block in (None, b.name)]
    return round(sum(parts), 4)


def _one_count(plan: Plan, found: Measured, cells: Library) -> OneCount:
    return OneCount(
        ge=found.mapped.area.lane_ge,
        flip_flops=found.mapped.flip_flops,
        period_ps=found.mapped.timing.min_period_ps,
        logic_ps=found.mapped.logic_ps,
        flip_flop_ge=round(cells.ge(cells.flip_flops[0].area), 3),
        commands=plan.commands(found, "unpipelined"),
    )


def _tools(everything: Iterable[Measured]) -> dict[str, str]:
    tools: dict[str, str] = {}
    for found in everything:
        tools |= found.mapped.timing.tools | (found.power.tools if found.power else {})
    return dict(sorted(tools.items()))


def _remarks(everything: Iterable[Measured], cells: Library) -> tuple[str, ...]:
    """What rows remarked, without what is of one row only: numbers of buffers, and the like."""

    def said() -> Iterator[str]:
        for found in everything:
            yield found.remark
            yield from (text for text in found.mapped.timing.warnings if not text[0].isdigit())
            yield from found.power.warnings if found.power else ()

    return tuple(dict.fromkeys(text for text in said() if text))
