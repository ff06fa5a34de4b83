"""What is known of a layout."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from ..timing_result import Step
from .checks import NetlistCheck, RuleCheck
from .route import Try

__all__ = ["BeforeAfter", "LayoutPower", "LayoutResult", "LayoutTiming", "Milliwatts", "WorstPath"]


class WorstPath(BaseModel):
    """The worst path of a kind: from an input or a register to a register or an output.

    ``least_ps`` is the least period that it allows, ps; ``cells`` are on it, the first flip-flop counted.
    """

    model_config = ConfigDict(frozen=True)

    start: Literal["input", "register"]
    end: Literal["register", "output"]
    start_point: str
    end_point: str
    least_ps: float
    cells: int


class LayoutTiming(BaseModel):
    """How fast a netlist is, ps and MHz: the worst path of each kind, the worst first, and the worst cell by cell."""

    model_config = ConfigDict(frozen=True)

    min_period_ps: float
    f_max_mhz: float
    paths: tuple[WorstPath, ...]
    critical: tuple[Step, ...]


class Milliwatts(BaseModel):
    """Power, mW, and energy, pJ.

    Attributes:
        total_mw: the sum of the four that follow.
        switching_mw: charging what cells drive, and pins of cells on inputs, such as the clock's.
        internal_mw: inside of cells.
        leakage_mw: of all cells.
        input_wires_mw: charging the wires on inputs, the clock's among them; 0 without wires.
        energy_per_column_pj: ``total_mw`` over the time of a column.
    """

    model_config = ConfigDict(frozen=True)

    total_mw: float
    switching_mw: float
    internal_mw: float
    leakage_mw: float
    input_wires_mw: float
    energy_per_column_pj: float


class LayoutPower(BaseModel):
    """Power of the laid-out netlist by the activity of a simulation of it.

    Attributes:
        estimate: without wires.
        routed: with the wires of the layout; the clock's are charged, but its edges at flip-flops are those of
            ``estimate``, as a clock tree would have them.
        ratio: energy with wires over that without.
        period_ps: of the clock that both are of.
        simulator: that recorded the activity.
        passes, columns, cycles: of the window that was recorded.
        annotated: share of outputs of cells and of input ports whose activity was recorded.
        about: what was simulated.
    """

    model_config = ConfigDict(frozen=True)

    estimate: Milliwatts
    routed: Milliwatts
    ratio: float
    period_ps: float
    simulator: Literal["verilator", "icarus"]
    passes: int
    columns: int
    cycles: int
    annotated: float
    about: str


class BeforeAfter(BaseModel):
    """Timing before and after routing.

    Attributes:
        estimate: without wires.
        routed: with them, the clock being everywhere at once, as a clock tree would have it.
        ratio: the least period of ``routed`` over that of ``estimate``.
        clock_wires: with them, the clock's among them, as they are: from the pin of the block to every flip-flop,
            without a clock tree.
    """

    model_config = ConfigDict(frozen=True)

    estimate: LayoutTiming
    routed: LayoutTiming
    ratio: float
    clock_wires: LayoutTiming


class LayoutResult(BaseModel):
    """What ``nmpu layout`` finds; lengths in um, areas in um2.

    Attributes:
        top: the module that is laid out: ``nmpu_lane``, or ``nmpu`` with its lanes.
        lanes: in it.
        technology: ``osu018``.
        library: the Liberty file's name for it.
        voltage: nominal supply, V, or None.
        temperature: nominal, degrees Celsius, or None.
        cells: how many, fillers not counted.
        buffers: of these, those on large nets that the mapping did not have.
        ge: their area in NAND2 equivalents.
        cell_area_um2: their area.
        die_area_um2: of the block.
        width_um, height_um: of the block.
        width_per_column_um: width over the lanes: what a column of the crossbar needs where each has its lane.
        utilisation: cells' area as a share of the block.
        rows: of cells.
        pins: of the block, the supply's not counted.
        constants: bits of outputs that are 0 or 1 always, which have no pin.
        wire_um: length of wires by layer.
        vias: how many, by kind.
        capacitance_ff: of all wires.
        rules: what magic says of the rules.
        netlist: what netgen says of the netlist.
        timing: before and after.
        power: before and after; None where no simulator is installed.
        picture: of the layout.
        layout: the routed DEF file.
        target_ps: the period that was asked for; None: none.
        tries: densities that were placed and routed; all but the last left nets over.
        tools: versions.
        seconds: wall-clock time of each step.
        warnings: what a reader of the numbers has to know.
    """

    model_config = ConfigDict(frozen=True)

    top: str
    lanes: int
    technology: str
    library: str
    voltage: float | None
    temperature: float | None
    cells: int
    buffers: int
    ge: float
    cell_area_um2: float
    die_area_um2: float
    width_um: float
    height_um: float
    width_per_column_um: float
    utilisation: float
    rows: int
    pins: int
    constants: tuple[str, ...]
    wire_um: dict[str, float]
    vias: dict[str, int]
    capacitance_ff: float
    rules: RuleCheck
    netlist: NetlistCheck
    timing: BeforeAfter
    power: LayoutPower | None
    picture: Path
    layout: Path
    tries: tuple[Try, ...]
    target_ps: float | None
    tools: dict[str, str]
    seconds: dict[str, float]
    warnings: tuple[str, ...]
