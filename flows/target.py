"""Mapping for a period: the first of three ways that ABC has, small ones first, which meets it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from nmpu_hdl.macros import Macro

from .library import Library
from .opensta import Surroundings, available
from .synthesize import RECIPE, Netlist, Recipe, synthesize
from .timing_analysis import least_period
from .tool import ToolFailed

__all__ = ["LADDER", "check_target", "synthesize_fast", "synthesize_for"]

_ROOM = 0.9
"""Of the period is for logic at first; the rest for what ABC overlooks: clock-to-q, setup, what drives a block."""

_TRIES = 2
"""Targets for ABC that a recipe is given: the second leaves what OpenSTA found it to overlook in the first."""

_HEAD, _TAIL = ("strash", "ifraig", "strash", "dch -f"), ("upsize {D}", "dnsize {D}", "stime -p")

LADDER: tuple[Recipe, ...] = (
    RECIPE,
    replace(RECIPE, abc=(*_HEAD, "map -a", "topo", *_TAIL)),
    replace(RECIPE, abc=(*_HEAD, "map -B 0.9", "topo", "buffer -c", *_TAIL)),
)
"""Recipes that take more area for less delay.  The paper's lane of one stage in nangate45, when ``{D}`` is lax and when
it is 1, by OpenSTA: 1,174 GE / 1.90 ns and 1,223 GE / 1.82 ns; 1,382 GE / 1.67 ns and 1,511 GE / 1.53 ns; 1,800 GE /
1.28 ns and 2,152 GE / 1.10 ns."""


def check_target(target_ps: float | None) -> None:
    """See to it that a target makes sense.

    Raises:
        ValueError: one line: it is not above 0.
    """
    if target_ps is not None and not (math.isfinite(target_ps) and target_ps > 0):
        raise ValueError(f"target period = {target_ps:g} ps: it must be above 0")


def synthesize_for(
    target_ps: float | None,
    verilog: Path,
    top: str,
    work: Path,
    library: Library,
    *,
    macros: Sequence[Macro] = (),
    around: Surroundings | None = None,
) -> Netlist:
    """Map a design so that it meets a period, with little area.

    OpenSTA tells whether it does; where that is missing, ABC's estimate with a tenth of the period to spare.

    Args:
        target_ps: the period; None: :data:`flows.synthesize.RECIPE` as it is.
        verilog, top, work, library, macros: as :func:`flows.synthesize.synthesize` has them.
        around: delays and wires; None: none.

    Returns:
        The first that meets the period; where none does, that of :func:`synthesize_fast`.

    Raises:
        ValueError: one line: the target makes no sense; and what else :func:`flows.synthesize.synthesize` and
            :func:`flows.timing_analysis.least_period` raise.
    """
    check_target(target_ps)
    if target_ps is None:
        return synthesize(verilog, top, work, library, macros=macros)
    around = replace(around, period_ps=target_ps) if around else Surroundings(target_ps)
    logic = _ROOM * target_ps
    for recipe in LADDER:
        for _ in range(_TRIES):
            sized = replace(recipe, target_ps=max(1, math.floor(logic)))
            try:
                netlist = synthesize(verilog, top, work, library, recipe=sized, macros=macros)
            except ToolFailed as failure:
                if recipe is LADDER[0] or not _refused(failure):
                    raise
                break
            delay = _delay(netlist, recipe)
            if delay > target_ps:
                break  # logic alone takes longer
            least = least_period(netlist, library, work, around) if available() else delay / _ROOM
            if least <= target_ps:
                return netlist
            if delay > logic:
                break  # ABC cannot with this recipe
            logic = max(1, min(logic, target_ps - (least - delay)))
    return synthesize_fast(verilog, top, work, library, macros=macros)


def synthesize_fast(verilog: Path, top: str, work: Path, library: Library, *, macros: Sequence[Macro] = ()) -> Netlist:
    """Map a design for the least delay, whatever the area: by the last recipe that ABC can follow with this library.

    Raises:
        ToolFailed, ValueError, OSError: as :func:`flows.synthesize.synthesize`, whose arguments these are.
    """
    for recipe in LADDER[:0:-1]:
        try:
            return synthesize(verilog, top, work, library, recipe=replace(recipe, target_ps=1), macros=macros)
        except ToolFailed as failure:
            if not _refused(failure):
                raise
    return synthesize(verilog, top, work, library, recipe=replace(LADDER[0], target_ps=1), macros=macros)


def _refused(failure: ToolFailed) -> bool:
    """ABC cannot follow a recipe with this library, as its ``map`` cannot with tables of two points."""
    said = failure.log.read_text(errors="replace")
    return "ABC: ** cmd error: aborting" in said or "ABC: Aborted" in said


def _delay(netlist: Netlist, recipe: Recipe) -> float:
    """ABC's estimate of the longest path in a module of arithmetic, ps."""
    return max(
        (module.delay_ps or 0 for name, module in netlist.modules.items() if name in recipe.arithmetic), default=0
    )
