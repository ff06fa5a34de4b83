"""Timing of the unit, or of a lane by itself: mapped, and asked how fast it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.macros import macros
from nmpu_hdl.ports import top_name

from .efforts import Effort
from .library import Library
from .opensta import Surroundings, check_wires
from .target import check_target, synthesize_for
from .timing_analysis import analyse
from .timing_result import TimingResult
from .tool import write_atomic

__all__ = ["LANE", "timing"]

LANE = "nmpu_lane"
"""The module of a lane, a top that :func:`timing` takes."""

_UNKNOWN_PERIOD = 1000.0
"""A period, ps, where none is given; what is least does not depend on it."""


def timing(
    verilog: Path,
    config: NmpuConfig,
    work: Path,
    *,
    library: Path | None = None,
    dont_use: Sequence[str] = (),
    period_ps: float | None = None,
    input_delay_ps: float = 0,
    output_delay_ps: float = 0,
    wires: str = "none",
    target_ps: float | None = None,
    top: str | None = None,
    effort: Effort = "fast",
    say: Callable[[str], None] = lambda step: None,
) -> TimingResult:
    """Synthesize the unit and time it.

    Leaves in ``work``: ``result.json``, what :func:`flows.synthesize.synthesize` leaves, and what
    :func:`flows.timing_analysis.analyse` leaves.

    Args:
        verilog: what ``generate`` wrote.
        config: the configuration it was generated from.
        work: the folder to work in, made if absent.
        library: a Liberty file; None for the neutral library, whose times are nominal.
        dont_use: patterns of cells to avoid, such as ``*_X32``.
        period_ps: of the clock; None: the target, or 1 ns without one.
        input_delay_ps: when inputs come, after the edge.
        output_delay_ps: when outputs must be there, before the edge.
        wires: ``none``, the name of a wire-load model of the library, or fF for each pin that a net drives.
        target_ps: a period that the mapping is to meet with little area; None: what the effort is for.
        top: a module to time by itself, such as :data:`LANE`; None: the whole unit.
        effort: of the mapping, as :mod:`flows.efforts` has it.
        say: told how far it is.

    Raises:
        ValueError: one line: a number, the library or the wire load cannot be used, or there is no such module.
        ToolFailed: a tool failed.
        OSError: a file cannot be read or written.
    """
    check_target(target_ps)
    period = next(ps for ps in (period_ps, target_ps, _UNKNOWN_PERIOD) if ps is not None)
    around = Surroundings(period, input_delay_ps, output_delay_ps, wires)
    cells = Library.read(library, dont_use)
    check_wires(around, cells)
    (work / "result.json").unlink(missing_ok=True)
    how: Any = {"macros": macros(config), "around": around, "effort": effort, "say": say}
    netlist = synthesize_for(target_ps, verilog, top_name(config), work, cells, **how)
    result = analyse(netlist, cells, work, around, top=top, target_ps=target_ps)
    write_atomic(work / "result.json", result.model_dump_json(indent=2) + "\n")
    return result
