"""A netlist of library cells, and what is known of the ways that were tried to get one."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from .recipe import Effort

__all__ = ["Candidate", "Mapped", "Netlist"]


@dataclass(frozen=True)
class Mapped:
    """A module in library cells.

    Args:
        name: the module.
        cells: library cells of its own, by type.
        instances: submodules and macros, by module.
        delay_ps: the longest path inside as ABC estimates it, from input or flip-flop to output or flip-flop, without
            wires, clock-to-q and setup; None where there is no logic.
    """

    name: str
    cells: dict[str, int]
    instances: dict[str, int]
    delay_ps: float | None


class Candidate(BaseModel):
    """What a recipe gave, of several that were tried.

    Attributes:
        recipe: its name.
        lane_ge: one lane, in NAND2 equivalents; None where ABC cannot follow it with this library.
        period_ps: the least period of the unit, by OpenSTA, or, where that is missing, the longest path inside a
            module as ABC estimates it; None as well.
        kept: this is the netlist.
    """

    model_config = ConfigDict(frozen=True)

    recipe: str
    lane_ge: float | None
    period_ps: float | None
    kept: bool


@dataclass(frozen=True)
class Netlist:
    """The result of a synthesis.

    Args:
        top: its module.
        verilog: the flat netlist, one module named ``top`` with the ports of the source.
        blocks: the same with its hierarchy: every module once, so that a cell's name tells the block it is in.
        modules: every module as it was mapped, by name; just the top where the design was flattened first.
        cells: cells of the flat netlist, by type.
        yosys: what Yosys says of its version.
        macros: black boxes in the flat netlist, by module.
        recipe: the name of how.
        effort: what chose it.
        candidates: what was tried, this among them; none where there was no choice.
    """

    top: str
    verilog: Path
    blocks: Path
    modules: dict[str, Mapped]
    cells: dict[str, int]
    yosys: str
    macros: dict[str, int] = field(default_factory=dict)
    recipe: str = ""
    effort: Effort = "fast"
    candidates: tuple[Candidate, ...] = ()

    def instances(self, module: str) -> int:
        """How often ``module`` occurs below the top."""
        if module == self.top:
            return 1
        return sum(self.instances(m.name) * m.instances[module] for m in self.modules.values() if module in m.instances)
