"""Timing of a laid-out netlist by OpenSTA, without its wires and with them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from .. import opensta, timing_paths
from ..library import Library
from ..opensta import CLOCK, Surroundings
from ..timing_result import Step
from ..tool import ToolFailed, write_atomic
from .result import LayoutTiming, WorstPath

__all__ = ["read_wires", "refuse_warnings", "time_layout"]

_SPEF = "wires.spef"


def time_layout(
    netlist: Path,
    top: str,
    library: Library,
    work: Path,
    *,
    period_ps: float,
    spef: Path | None = None,
    clock_wires: bool = False,
) -> LayoutTiming:
    """Time a netlist: inputs come with the clock, and outputs must be there with the next.

    Without ``spef`` wires have nothing.  The clock is everywhere at once unless ``clock_wires`` are asked for.

    Leaves in ``work`` what :func:`flows.opensta.preamble` and :func:`flows.opensta.run_script` leave.

    Args:
        netlist: flat Verilog.
        top: its module.
        library: its cells.
        work: the folder to work in, made if absent.
        period_ps: of the clock that the slack is of, ps.
        spef: resistance and capacitance of its wires.
        clock_wires: the clock is ideal at the pin of the block only, and takes its wires to the flip-flops.

    Raises:
        ToolMissing: ``sta`` is not installed.
        ToolFailed: OpenSTA failed, did not understand ``spef``, or found no path.
        OSError: a file cannot be read or written.
    """
    script = opensta.preamble(netlist.read_text(), top, work, library, Surroundings(period_ps))
    script += read_wires(spef, work, clock=clock_wires)
    script += [f"set_propagated_clock [get_clocks {CLOCK}]"] if clock_wires else []
    script.append(timing_paths.QUESTION)
    log = opensta.run_script(script, work)
    refuse_warnings(log, work / "log")
    found = timing_paths.parse_paths(log)
    if not found.worst:
        raise ToolFailed(f"OpenSTA found no path in {top}", work / "log")
    worst = found.worst[0]
    least = period_ps - worst.slack_ps
    return LayoutTiming(
        min_period_ps=round(least, 3),
        f_max_mhz=round(1e6 / least, 3),
        paths=tuple(
            WorstPath(
                start=_KINDS.get(path.start, "register"),
                end=_KINDS.get(path.end, "register"),
                start_point=path.points[0].cell,
                end_point=path.points[-1].cell,
                least_ps=round(period_ps - path.slack_ps, 3),
                cells=sum(point.drives and bool(point.type) for point in path.points),
            )
            for path in found.worst
        ),
        critical=tuple(_steps(worst, found)),
    )


_KINDS = {"input": "input", "output": "output"}
"""What a path begins or ends at, by the block that OpenSTA was asked for; all others are flip-flops."""


def read_wires(spef: Path | None, work: Path, *, clock: bool = False) -> list[str]:
    """Tcl that gives a netlist its wires, after :func:`flows.opensta.preamble`; leaves in ``work`` what it reads.

    Args:
        spef: resistance and capacitance of wires; None: there are none.
        work: the folder that the script will run in.
        clock: the clock's too.  Without a tree they would give it edges of nanoseconds, with which neither delays nor
            energies of flip-flops are those of a block that is used.
    """
    if spef is None:
        return []
    text = spef.read_text()
    if not clock:
        text = re.sub(rf"^\*D_NET {CLOCK} .*?^\*END\n", "", text, flags=re.MULTILINE | re.DOTALL)
    write_atomic(work / _SPEF, text)
    return [f"read_spef {_SPEF}"]


def refuse_warnings(log: str, path: Path) -> None:
    """See to it that OpenSTA has understood the wires: it only warns where it has not.

    Raises:
        ToolFailed: it has not.
    """
    warning = re.search(rf"^Warning: {re.escape(_SPEF)}.*$", log, re.MULTILINE)
    if warning:
        raise ToolFailed(f"OpenSTA does not understand the wires: {warning[0]}", path)


def _steps(worst: timing_paths.Path, found: timing_paths.Paths) -> Iterator[Step]:
    """The cells of a path; the delay of each has in it that of the wire before it."""
    before = 0.0
    for point in worst.points:
        if point.drives:
            delay, before = point.arrival_ps - before, point.arrival_ps
            yield Step(
                cell=point.cell, type=point.type, delay_ps=round(delay, 3), fanout=found.fanout.get(point.pin, 0)
            )
