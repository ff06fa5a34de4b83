"""How logic is made: the passes of Yosys and the commands of ABC."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["RECIPE", "Effort", "Recipe"]

Effort = Literal["fast", "area", "delay", "best"]
"""How much is tried for a netlist, and what for: :mod:`flows.efforts`."""


@dataclass(frozen=True)
class Recipe:
    """How logic is made.

    Args:
        logic: Yosys passes from modules to gates of its own, before flip-flops are mapped.
        abc: commands of ABC for modules of arithmetic, after it has read their gates, ``{D}`` being the target;
            other modules take Yosys' own script for sized libraries, and so do all where this is empty.
        arithmetic: names of the modules of arithmetic.
        target_ps: what ABC sizes for; 1 asks for the least delay, a large number for the least area.
        name: for people.
        adders: whether modules of arithmetic get adder cells of the library and new polarities after ABC, and are
            sized anew: :func:`flows.refine.refine`.
        files: names and texts of files that ``logic`` refers to.
    """

    logic: tuple[str, ...]
    abc: tuple[str, ...] = ()
    arithmetic: frozenset[str] = frozenset()
    target_ps: int = 1
    name: str = "amap"
    adders: bool = False
    files: tuple[tuple[str, str], ...] = ()


RECIPE = Recipe(
    logic=(
        "proc",
        "opt_expr",
        "opt_clean",
        "opt -nodffe -nosdff",
        "wreduce",
        "peepopt",
        "opt_clean",
        "alumacc",
        "opt",
        "memory -nomap",
        "opt_clean",
        "opt -fast -full",
        "memory_map",
        "opt -undriven -fine",
        "techmap",
        "opt -fast",
    ),
    abc=("strash", "ifraig", "strash", "dch -f", "amap -m", "upsize {D}", "dnsize {D}", "stime -p"),
    arithmetic=frozenset({"nmpu_lane", "nmpu_front_lane"}),
)
"""The passes are those of Yosys' ``synth``, without such as find nothing here (state machines, sharing, a first run of
ABC): they take most of its time on the parameter memory.  ``amap`` keeps the adders of a lane as they were made, where
Yosys' script (``&nf``) takes about a tenth more area for the same delay; on memory and control that one is better."""
