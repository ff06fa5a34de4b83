"""What is known of a netlist's timing."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from .netlist import Candidate
from .recipe import Effort

__all__ = ["BlockPath", "Step", "TimingResult"]


class Step(BaseModel):
    """A cell on a path, or the port it begins at, whose ``type`` is empty.

    ``delay_ps`` is the time from the cell before, from the clock's edge for the first; ``fanout`` the pins it drives.
    """

    model_config = ConfigDict(frozen=True)

    cell: str
    type: str
    delay_ps: float
    fanout: int


class BlockPath(BaseModel):
    """The worst path from one block to another; times in ps.

    ``start`` and ``end`` are blocks: an instance in the top without its number (``lane``), ``top`` for what is in no
    block, ``input`` and ``output`` for ports.  ``start_point`` and ``end_point`` are flip-flops or ports, ``cells`` are
    on it, the first flip-flop counted, and ``through`` are the blocks one after the other.
    """

    model_config = ConfigDict(frozen=True)

    start: str
    end: str
    slack_ps: float
    arrival_ps: float
    start_point: str
    end_point: str
    cells: int
    through: tuple[str, ...]


class TimingResult(BaseModel):
    """What ``nmpu timing`` finds; times in ps.

    Attributes:
        top: the module that is timed.
        source: ``opensta``, or ``abc`` for the estimate that a mapping makes by the way.
        library: the library's name, as its file gives it.
        voltage: nominal supply, V, or None where the file gives none.
        temperature: nominal, degrees Celsius, or None.
        conditions: the name of the operating conditions, or empty.
        target_ps: what the mapping was to meet; None: the least delay.
        period_ps: of the clock that slacks are of.
        input_delay_ps: when inputs come, after the edge.
        output_delay_ps: when outputs must be there, before the edge.
        wires: ``none``, the name of a wire-load model, or fF for each pin that a net drives.
        slack_ps: what is left of the period on the worst path; negative where it does not fit.
        min_period_ps: the least period.
        f_max_mhz: the clock that goes with it, MHz.
        paths: the worst path of each pair of blocks, the worst first; none from ABC.
        critical: the worst of all, cell by cell; none from ABC.
        critical_block: the block that the worst path ends in; from ABC the module it is in.
        buffers: buffers that were put on nets which drive more than one module saw; 0 from ABC.
        buffer_ge: their area in NAND2 equivalents, which ``nmpu area`` does not count.
        macros: memories whose paths are not timed.
        effort: what chose the way it was mapped.
        recipe: that way's name.
        candidates: all ways that were tried; none with effort ``fast``.
        tools: versions of the tools that took part.
        warnings: what a reader of the numbers has to know.
    """

    model_config = ConfigDict(frozen=True)

    top: str
    source: Literal["opensta", "abc"]
    library: str
    voltage: float | None
    temperature: float | None
    conditions: str
    target_ps: float | None
    period_ps: float
    input_delay_ps: float
    output_delay_ps: float
    wires: str
    slack_ps: float
    min_period_ps: float
    f_max_mhz: float
    paths: tuple[BlockPath, ...]
    critical: tuple[Step, ...]
    critical_block: str
    buffers: int
    buffer_ge: float
    macros: tuple[str, ...]
    effort: Effort = "fast"
    recipe: str = ""
    candidates: tuple[Candidate, ...] = ()
    tools: dict[str, str]
    warnings: tuple[str, ...]
