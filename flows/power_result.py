"""What is known of a netlist's power."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from .recipe import Effort

__all__ = ["BlockPower", "PowerResult"]


class BlockPower(BaseModel):
    """All instances of a block together; power in mW, leakage counted in ``mw`` too.

    ``name`` is an instance in the top without its number (``lane``), or ``top`` for what is in no block.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    instances: int
    mw: float
    dynamic_mw: float
    leakage_mw: float
    energy_per_column_pj: float


class PowerResult(BaseModel):
    """What ``nmpu power`` measures; power in mW, energy in pJ.

    Attributes:
        top: the top module.
        method: ``simulated``: activity of all nets from passes on the netlist; ``vectorless``: propagated by OpenSTA
            from that of the inputs.
        simulator: that recorded it, or None.
        passes: in the window of the simulation; 0 without.
        columns: active ones of these; without a simulation, those of one pass.
        cycles: clocks of the window, or of one pass.
        input_activity: transitions of each input a clock, if vectorless.
        library: the library's name, as its file gives it.
        voltage: nominal supply, V.
        temperature: nominal, degrees Celsius, or None.
        conditions: the name of the operating conditions (the corner), or empty.
        period_ps: of the clock.
        period_from: ``given``, ``target`` where it is what the netlist was mapped for and meets, or ``timing`` where it
            is the least that OpenSTA finds for this netlist.
        wires: ``none``, the name of a wire-load model, or fF for each pin that a net drives.
        total_mw: the sum of the four that follow.
        sequential_mw: of flip-flops, the charging of their clock pins in it, without leakage; the tree and the wires of
            the clock are in no number.
        combinational_mw: of all other cells, without leakage.
        leakage_mw: of all cells.
        macro_mw: of memories; 0, for nothing is known of them.
        switching_mw, internal_mw: of flip-flops and other cells together: charging loads, those of
            input ports among them but not their wires, and inside of cells.
        energy_per_column_pj: ``total_mw`` over the window's time, for each column.
        dynamic_per_column_pj, leakage_per_column_pj: its parts.
        blocks: those that take most first; they add up to ``total_mw``.
        annotated: share of outputs of cells and of input ports whose activity was recorded; 0 if vectorless.
        buffers: cells of trees that were put on large nets, counted like all.
        effort: what chose the way it was mapped.
        recipe: that way's name.
        tools: versions of the tools that took part.
        warnings: what a reader of the numbers has to know.
    """

    model_config = ConfigDict(frozen=True)

    top: str
    method: Literal["simulated", "vectorless"]
    simulator: Literal["verilator", "icarus"] | None
    passes: int
    columns: int
    cycles: int
    input_activity: float | None
    library: str
    voltage: float
    temperature: float | None
    conditions: str
    period_ps: float
    period_from: Literal["given", "target", "timing"]
    wires: str
    total_mw: float
    sequential_mw: float
    combinational_mw: float
    leakage_mw: float
    macro_mw: float
    switching_mw: float
    internal_mw: float
    energy_per_column_pj: float
    dynamic_per_column_pj: float
    leakage_per_column_pj: float
    blocks: tuple[BlockPower, ...]
    annotated: float
    buffers: int
    effort: Effort = "fast"
    recipe: str = ""
    tools: dict[str, str]
    warnings: tuple[str, ...]
