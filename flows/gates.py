"""The regression on gates: synthesize, then simulate the netlist with the library's own description of its cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.macros import macros
from nmpu_hdl.ports import top_name

from .efforts import Effort
from .generate import CONFIG, VERILOG
from .library import Library
from .models import cell_models
from .simulate import SimResult, Simulator, simulate
from .target import synthesize_for
from .tool import write_atomic

__all__ = ["simulate_gates"]


def simulate_gates(
    build: Path,
    work: Path,
    *,
    library: Path | None = None,
    dont_use: Sequence[str] = (),
    simulator: Simulator = "verilator",
    seed: int = 1,
    waves: bool = False,
    effort: Effort = "fast",
    say: Callable[[str], None] = lambda step: None,
) -> SimResult:
    """Map ``build/nmpu.v`` to cells and run the whole regression on the flat netlist, without delays.

    Leaves in ``work`` what the synthesis leaves, ``cells.v``, and what :func:`flows.simulate.simulate` leaves.

    Args:
        build: folder with nmpu.v and config.json, and macros.v where memories are macros.
        work: folder of this step.
        library: a Liberty file; None for the neutral library.
        dont_use: patterns of cells to avoid.
        simulator: ``verilator`` or ``icarus``.
        seed: of all random choices.
        waves: record all signals.
        effort: of the mapping, as :mod:`flows.efforts` has it.
        say: told how far it is.

    Raises:
        ToolFailed, ToolMissing, ValueError, OSError: as the two steps do.
    """
    cells = Library.read(library, dont_use)
    config = NmpuConfig.model_validate_json((build / CONFIG).read_text())
    how: Any = {"macros": macros(config), "effort": effort, "say": say}
    netlist = synthesize_for(None, build / VERILOG, top_name(config), work / "netlist", cells, **how)
    models = work / "cells.v"
    write_atomic(models, cell_models(cells, netlist.cells))
    return simulate(build, work, netlist=netlist.verilog, models=[models], simulator=simulator, seed=seed, waves=waves)
