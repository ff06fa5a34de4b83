"""Activity, slews, loads and energies put together: the power in all, and by block."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.front_usual import pass_clocks

from .buffers import Buffered
from .library import Library
from .opensta import Surroundings
from .power_behaviour import Behaviours, propagated, recorded
from .power_cells import Floats, Watts, dissipate
from .power_pins import Pins
from .power_record import Recorded
from .power_result import BlockPower, PowerResult
from .power_tables import CellEnergy, read_energies
from .simulate import Simulator
from .synthesize import Netlist

__all__ = ["ASKED", "Conditions", "Measured", "summary"]

ASKED = 1000.0
"""The period that OpenSTA is told, ps; slews, loads and the least period do not depend on it."""

_CLOCKS = 128
"""To simulate, where nothing else is asked for: 8,192 columns of the paper's unit, whose power differs by 0.3 % between
seeds 1 and 7 then."""


@dataclass(frozen=True)
class Conditions:
    """What the power is measured under.

    Args:
        period_ps: of the clock, ps; None: the target that the netlist was mapped for, if there is one and it meets it,
            or the least that it can take, by OpenSTA.
        passes: that are simulated, from 1; None: those of 128 clocks, but at least 2, or 1 with a front
            end, whose passes are long.
        simulator: that is tried first.
        seed: of codes and parameters.
        vectorless: simulate nothing.
        input_activity: transitions of each input a clock, if vectorless.
        wires: as :class:`flows.opensta.Surroundings` has them.
        keep: leave the dump of the simulation.
    """

    period_ps: float | None = None
    passes: int | None = None
    simulator: Simulator = "icarus"
    seed: int = 1
    vectorless: bool = False
    input_activity: float = 0.2
    wires: str = "none"
    keep: bool = False

    def __post_init__(self) -> None:
        if self.passes is not None and self.passes < 1:
            raise ValueError(f"passes = {self.passes}: at least 1 has to be simulated")
        if not (math.isfinite(self.input_activity) and 0 <= self.input_activity <= 2):
            raise ValueError(f"activity = {self.input_activity:g} is outside 0..2 transitions a clock")
        Surroundings(ASKED if self.period_ps is None else self.period_ps, wires=self.wires)

    def passes_of(self, config: NmpuConfig) -> int:
        """The passes to simulate."""
        return self.passes or max(1 + (not config.derived.front_end.present), -(-_CLOCKS // pass_clocks(config)))


@dataclass(frozen=True)
class Measured:
    """What the result is made of.

    Args:
        config, under, cells, netlist, trees: of what, and under what conditions.
        volts: supply.
        seen: the activity of the simulation; None if vectorless.
        period_ps: of the clock.
        period_from: where that is from, as :class:`flows.power_result.PowerResult` has it.
    """

    config: NmpuConfig
    under: Conditions
    cells: Library
    volts: float
    netlist: Netlist
    trees: Buffered
    seen: Recorded | None
    period_ps: float
    period_from: Literal["given", "target", "timing"]

    @property
    def cycles(self) -> int:
        """Clocks of the window, or of a pass."""
        return self.seen.cycles if self.seen else pass_clocks(self.config)

    @property
    def columns(self) -> int:
        """Active columns in these."""
        return self.seen.columns if self.seen else self.config.array.columns


def _behaviours(pins: Pins, m: Measured) -> Behaviours:
    if m.seen:
        return recorded(pins, m.cells, m.seen.activity, m.seen.nets, m.seen.cycles, m.period_ps)
    return propagated(pins, m.cells, m.volts, m.under.input_activity, ASKED, m.period_ps)


def summary(m: Measured, pins: Pins, tools: dict[str, str], remarks: list[str]) -> PowerResult:
    """The result of all that was measured.

    Args:
        m: what was measured.
        pins: the netlist.
        tools: versions of the tools.
        remarks: what a reader has to know besides what :func:`summary` itself has to say.

    Raises:
        ValueError: the library lacks what is needed; one line.
        OSError: it cannot be read.
    """
    does, energies = _behaviours(pins, m), read_energies(m.cells, pins.cells)
    spent = {
        name: dissipate(m.cells.cells[name], energies[name], cell, does.cells[name], m.volts, 1e12 / m.period_ps)
        for name, cell in pins.cells.items()
    }
    dynamic = {
        held: _sum(w.dynamic for n, w in spent.items() if m.cells.cells[n].sequential is held) for held in (True, False)
    }
    leakage = _sum(w.leakage for w in spent.values())
    energy = m.cycles * m.period_ps * 1e-3 / m.columns  # pJ a column for each mW
    return PowerResult(
        top=m.netlist.top,
        method="simulated" if m.seen else "vectorless",
        simulator=m.seen.simulator if m.seen else None,
        passes=m.seen.passes if m.seen else 0,
        columns=m.columns,
        cycles=m.cycles,
        input_activity=None if m.seen else m.under.input_activity,
        library=m.cells.name,
        voltage=m.volts,
        temperature=m.cells.temperature,
        conditions=m.cells.conditions,
        period_ps=m.period_ps,
        period_from=m.period_from,
        wires=m.under.wires,
        total_mw=dynamic[True] + dynamic[False] + leakage,
        sequential_mw=dynamic[True],
        combinational_mw=dynamic[False],
        leakage_mw=leakage,
        macro_mw=0.0,
        switching_mw=_sum(w.switching + w.inputs for w in spent.values()),
        internal_mw=_sum(w.internal for w in spent.values()),
        energy_per_column_pj=(dynamic[True] + dynamic[False] + leakage) * energy,
        dynamic_per_column_pj=(dynamic[True] + dynamic[False]) * energy,
        leakage_per_column_pj=leakage * energy,
        blocks=_blocks(pins, spent, energy),
        annotated=does.annotated,
        buffers=m.trees.count,
        effort=m.netlist.effort,
        recipe=m.netlist.recipe,
        tools=tools,
        warnings=(*remarks, *_remarks(m), *_gaps(m, does.annotated, energies.values())),
    )


def _sum(parts: Iterable[Floats]) -> float:
    """Of W, in mW."""
    return float(sum(np.sum(part) for part in parts)) * 1e3


def _blocks(pins: Pins, spent: dict[str, Watts], energy: float) -> tuple[BlockPower, ...]:
    instances: dict[str, set[str]] = defaultdict(set)
    dynamic: dict[str, float] = defaultdict(float)
    leakage: dict[str, float] = defaultdict(float)
    for name, cell in pins.cells.items():
        watts = zip(cell.paths, spent[name].dynamic.tolist(), spent[name].leakage.tolist(), strict=True)
        for path, moving, resting in watts:
            instance = path.split("/")[0] if "/" in path else "top"
            block = re.sub(r"_\d+$", "", instance)
            instances[block].add(instance)
            dynamic[block] += moving * 1e3
            leakage[block] += resting * 1e3
    blocks = [
        BlockPower(
            name=block,
            instances=len(instances[block]),
            mw=dynamic[block] + leakage[block],
            dynamic_mw=dynamic[block],
            leakage_mw=leakage[block],
            energy_per_column_pj=(dynamic[block] + leakage[block]) * energy,
        )
        for block in instances
    ]
    return tuple(sorted(blocks, key=lambda block: (-block.mw, block.name)))


def _remarks(m: Measured) -> list[str]:
    remarks = [
        "no clock tree: the clock charges pins of flip-flops only; wires on it and on other inputs are not charged",
        f"wires are {m.under.wires}: power of a layout is more",
    ]
    if m.seen:
        remarks.append(
            "simulated without delays: glitches are not counted; deep logic in one stage would have the most of them"
        )
    else:
        remarks.append(
            f"vectorless: an estimate, propagated from {m.under.input_activity:g} transitions a clock and input"
        )
    if m.netlist.macros:
        remarks.append(f"nothing is known of the power of macros ({', '.join(m.netlist.macros)}); it is not counted")
    if m.config.how.memory == "external":
        remarks.append("how.memory = external: the parameter memory is outside, and its power is not counted")
    return remarks


def _gaps(m: Measured, annotated: float, energies: Iterable[CellEnergy]) -> list[str]:
    """What the simulation or the library leaves unknown."""
    gaps = []
    if m.seen and annotated < 1:
        gaps.append(
            f"the simulation has {annotated:.1%} of outputs and input ports; the others are taken to be at rest"
        )
    if not any(leak.watts for energy in energies for leak in energy.leakage):
        gaps.append(f"no cell of {m.cells.name} that is used has leakage: it counts as 0")
    return gaps
