"""Power of a laid-out netlist without its wires and with them, by the activity of a simulation of that very netlist."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from nmpu_hdl.config import NmpuConfig

from .. import opensta
from ..buffers import Buffered
from ..library import Library
from ..models import cell_models
from ..opensta import Surroundings
from ..power_pins import PINS, Pins, parse_pins, question
from ..power_record import Recorded, record
from ..power_result import PowerResult
from ..power_summary import ASKED, Conditions, Measured, summary
from ..simulate import Simulator
from ..synthesize import Netlist
from ..tool import ToolMissing, write_atomic
from .core import below, inputs_of, inside, pins_of
from .result import LayoutPower, Milliwatts
from .timing import read_wires, refuse_warnings

__all__ = ["LaidOut", "measure_power"]

_SIMULATORS: tuple[Simulator, ...] = ("icarus", "verilator")


@dataclass(frozen=True)
class LaidOut:
    """What was laid out.

    Args:
        config: of the core that is simulated.
        build: folder with its nmpu.v and config.json.
        mapped: its mapped netlist.
        top: the module of it that was laid out.
        netlist: Verilog of what was laid out.
        constants: bits of outputs that it has no pin for, and what they are.
        library: the cells.
    """

    config: NmpuConfig
    build: Path
    mapped: Netlist
    top: str
    netlist: Path
    constants: Mapping[str, int]
    library: Library


def measure_power(
    laid: LaidOut,
    work: Path,
    spef: Path,
    net_ff: Mapping[str, float],
    *,
    period_ps: float,
    seed: int = 1,
) -> LayoutPower:
    """Simulate passes on the netlist, each result compared, and measure its power without wires and with them.

    Leaves in ``work`` ``result.json``, the netlist that is simulated (``core.v``), ``cells.v`` and the folders ``sim``,
    ``estimate`` and ``routed``.

    Args:
        laid: what was laid out.
        work: the folder to work in, made if absent.
        spef: resistance and capacitance of its wires.
        net_ff: capacitance of each net's wires, fF.
        period_ps: of the clock.
        seed: of codes and parameters.

    Raises:
        ToolMissing: no simulator, or no ``sta``.
        ToolFailed: a tool failed, or a result of the passes was wrong.
        ValueError: the library has no power tables.
        OSError: a file cannot be read or written.
    """
    seen = _simulated(laid, work, seed)
    measured = _Measuring(laid, seen, period_ps)
    before = measured.power(measured.linked(work / "estimate", None))
    after = measured.power(measured.linked(work / "routed", spef))
    wires = measured.input_wires(net_ff)
    estimate, routed = measured.told(before, 0.0), measured.told(after, wires)
    what = f"nmpu with {laid.config.array.lanes} lanes" if laid.top == laid.mapped.top else "the lane of a core of one"
    result = LayoutPower(
        estimate=estimate,
        routed=routed,
        ratio=round(routed.energy_per_column_pj / estimate.energy_per_column_pj, 4),
        period_ps=period_ps,
        simulator=seen.simulator,
        passes=seen.passes,
        columns=seen.columns,
        cycles=seen.cycles,
        annotated=after.annotated,
        about=f"{what}; {seen.columns} columns in {seen.cycles} clocks",
    )
    write_atomic(work / "result.json", result.model_dump_json(indent=2) + "\n")
    return result


def _simulated(laid: LaidOut, work: Path, seed: int) -> Recorded:
    """The activity of what was laid out, its nets by their own names."""
    work.mkdir(parents=True, exist_ok=True)
    own = laid.netlist.read_text()
    text = inside(laid.mapped.blocks.read_text(), own, laid.top, laid.constants)
    cells = Counter(laid.mapped.cells) + Counter(
        kind for kind in re.findall(r"^  (\w+) \w+ \(", own, re.MULTILINE) if kind in laid.library.cells
    )
    write_atomic(work / "core.v", text)
    write_atomic(work / "cells.v", cell_models(laid.library, dict(sorted(cells.items()))))
    reasons = []
    for simulator in _SIMULATORS:
        try:
            seen = record(
                laid.build,
                work / "sim",
                work / "core.v",
                laid.mapped.top,
                models=[work / "cells.v"],
                simulator=simulator,
                seed=seed,
                passes=Conditions().passes_of(laid.config),
            )
        except ToolMissing as missing:
            reasons.append(str(missing))
        else:
            return replace(seen, activity=below(seen.activity), nets=pins_of(own))
    raise ToolMissing("; ".join(reasons))


@dataclass(frozen=True)
class _Measuring:
    """What is the same without wires and with them."""

    laid: LaidOut
    seen: Recorded
    period_ps: float

    def linked(self, work: Path, spef: Path | None) -> Pins:
        """The pins of the netlist, with their slews and loads."""
        (work / PINS).unlink(missing_ok=True)
        verilog = self.laid.netlist.read_text()
        script = opensta.preamble(verilog, self.laid.top, work, self.laid.library, Surroundings(ASKED))
        log = opensta.run_script([*script, *read_wires(spef, work), question()], work)
        refuse_warnings(log, work / "log")
        return parse_pins(work / PINS)

    def power(self, pins: Pins) -> PowerResult:
        """The power of these."""
        laid = self.laid
        netlist = replace(laid.mapped, top=laid.top, macros={})
        none = Buffered(laid.netlist, "", 0)
        measured = Measured(
            laid.config, Conditions(), laid.library, self._volts, netlist, none, self.seen, self.period_ps, "given"
        )
        return summary(measured, pins, {}, [])

    def input_wires(self, net_ff: Mapping[str, float]) -> float:
        """Power to charge the wires on inputs, mW: half of C V**2 for each transition."""
        rate = 1e12 / (self.seen.cycles * self.period_ps)
        inputs = inputs_of(self.laid.netlist.read_text()) & self.seen.activity.nets.keys()
        farads = {name: ff * 1e-15 for name, ff in net_ff.items() if name in inputs}
        moved = sum(farad * self.seen.activity.nets[name].toggles for name, farad in farads.items())
        return 0.5 * self._volts**2 * moved * rate * 1e3

    def told(self, found: PowerResult, input_wires: float) -> Milliwatts:
        """What a result has, and the wires on inputs."""
        total = found.total_mw + input_wires
        time = self.seen.cycles * self.period_ps * 1e-3 / self.seen.columns
        return Milliwatts(
            total_mw=total,
            switching_mw=found.switching_mw,
            internal_mw=found.internal_mw,
            leakage_mw=found.leakage_mw,
            input_wires_mw=input_wires,
            energy_per_column_pj=total * time,
        )

    @property
    def _volts(self) -> float:
        """The supply.

        Raises:
            ValueError: the library does not say it.
        """
        if self.laid.library.voltage is None:
            raise ValueError(f"{self.laid.library.path} does not say the supply: nom_voltage would do")
        return self.laid.library.voltage
