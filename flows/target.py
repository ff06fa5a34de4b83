"""Mapping by an effort: one recipe, the first that meets a period, or the best of all that are tried."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from multiprocessing import parent_process
from pathlib import Path

from nmpu_hdl.macros import Macro

from .efforts import LADDER, Effort, merit, recipes
from .library import Library
from .netlist import Candidate
from .opensta import Surroundings, available
from .parallel import Crew
from .recipe import Recipe
from .synthesize import Netlist, synthesize
from .timing_analysis import least_period
from .tool import ToolFailed

__all__ = ["LADDER", "check_target", "synthesize_fast", "synthesize_for"]

_ROOM = 0.9
"""Of the period is for logic at first; the rest for what ABC overlooks: clock-to-q, setup, what drives a block."""

_TRIES = 2
"""Targets for ABC that a recipe is given: the second leaves what OpenSTA found it to overlook in the first."""

_ANY = Surroundings(1000)
"""What is least does not depend on the period."""


@dataclass(frozen=True)
class _Design:
    """What is mapped, and to what; as :func:`synthesize_for` has it."""

    verilog: Path
    top: str
    library: Library
    macros: tuple[Macro, ...]
    around: Surroundings | None

    def map(self, recipe: Recipe, work: Path) -> Netlist:
        return synthesize(self.verilog, self.top, work, self.library, recipe=recipe, macros=self.macros)


@dataclass(frozen=True)
class _Tried:
    """What came of a recipe, which is sized as it is; the period is None where logic alone takes longer than the
    target."""

    recipe: Recipe
    netlist: Netlist
    period_ps: float | None


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
    effort: Effort = "fast",
    say: Callable[[str], None] = lambda step: None,
) -> Netlist:
    """Map a design with little area, or for a short period, or so that it meets one with little area.

    OpenSTA tells the period of the whole design; where that is missing, ABC's estimate of the longest path in a module,
    with a tenth of the period to spare where there is a target.  Efforts but ``fast`` try their recipes in parallel,
    each in a folder of its own below ``work``; in a process that is itself one of several, one after the other.

    Args:
        target_ps: the period; None: that of the effort.
        verilog, top, work, library, macros: as :func:`flows.synthesize.synthesize` has them.
        around: delays and wires; None: none.
        effort: :func:`flows.efforts.recipes` tells what is tried, :func:`flows.efforts.merit` what is kept.
        say: told how far it is.

    Returns:
        The one that is kept; where none meets the period, the fastest: with ``fast`` that of :func:`synthesize_fast`.

    Raises:
        ValueError: one line: the target makes no sense; and what else :func:`flows.synthesize.synthesize` and
            :func:`flows.timing_analysis.least_period` raise.
    """
    check_target(target_ps)
    if target_ps is not None and around is not None:
        around = replace(around, period_ps=target_ps)
    design = _Design(verilog, top, library, tuple(macros), around)
    if effort != "fast":
        return _best(effort, target_ps, design, work, say)
    if target_ps is None:
        return synthesize(verilog, top, work, library, macros=macros)
    for recipe in recipes(effort, target_ps):
        try:
            tried = _for_target(recipe, target_ps, design, work)
        except ToolFailed as failure:
            if recipe is LADDER[0] or not _refused(failure):
                raise
        else:
            if tried.period_ps is not None and tried.period_ps <= target_ps:
                return tried.netlist
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


def _best(effort: Effort, target_ps: float | None, design: _Design, work: Path, say: Callable[[str], None]) -> Netlist:
    """All recipes of an effort, and the best of them once more, in ``work`` itself."""
    found = dict(_all(recipes(effort, target_ps), target_ps, design, work / "efforts", say))
    timed = {name: tried for name, tried in found.items() if tried is not None and tried.period_ps is not None}
    if target_ps is not None and not any((tried.period_ps or 0) <= target_ps for tried in timed.values()):
        fastest = dict(_all(recipes("delay", None), None, design, work / "efforts" / "fastest", say))
        timed |= {name: tried for name, tried in fastest.items() if tried is not None}
        found |= timed
    if not timed:
        return synthesize(design.verilog, design.top, work, design.library, macros=design.macros)

    def key(name: str) -> tuple[float, float]:
        tried = timed[name]
        return merit(effort, target_ps, _lane_ge(tried.netlist, design.library), tried.period_ps or 0)

    best = min(timed, key=key)
    say(f"map by {best}")
    candidates = tuple(_candidate(name, tried, design.library, name == best) for name, tried in found.items())
    return replace(design.map(timed[best].recipe, work), effort=effort, candidates=candidates)


def _all(
    asked: Iterable[Recipe], target_ps: float | None, design: _Design, work: Path, say: Callable[[str], None]
) -> Iterable[tuple[str, _Tried | None]]:
    """What comes of each recipe, by its name; None where ABC cannot follow it."""
    if parent_process() is not None:
        return [(recipe.name, _tried(recipe, target_ps, design, work / recipe.name)) for recipe in asked]
    with Crew(lambda name, ended, begun: say(f"map: {ended} of {begun} ways done, the last: {name}")) as crew:
        tasks = [
            (recipe.name, crew.do(recipe.name, _tried, recipe, target_ps, design, work / recipe.name))
            for recipe in asked
        ]
        return [(name, task.result()) for name, task in tasks]


def _tried(recipe: Recipe, target_ps: float | None, design: _Design, work: Path) -> _Tried | None:
    try:
        if target_ps is not None:
            return _for_target(recipe, target_ps, design, work)
        netlist = design.map(recipe, work)
    except ToolFailed as failure:
        if not _refused(failure):
            raise
        return None
    return _Tried(recipe, netlist, _period(netlist, design, work, 1))


def _for_target(recipe: Recipe, target_ps: float, design: _Design, work: Path) -> _Tried:
    """A recipe whose gates are sized for a period, as far as it can."""
    logic = _ROOM * target_ps
    for _ in range(_TRIES):
        sized = replace(recipe, target_ps=max(1, math.floor(logic)))
        netlist = design.map(sized, work)
        delay = _delay(netlist, recipe)
        if delay > target_ps:
            return _Tried(sized, netlist, None)
        least = _period(netlist, design, work, _ROOM)
        if least <= target_ps or delay > logic:
            break
        logic = max(1, min(logic, target_ps - (least - delay)))
    return _Tried(sized, netlist, least)


def _period(netlist: Netlist, design: _Design, work: Path, share: float) -> float:
    """The least period, ps; by ABC's estimate of logic, ``share`` of it."""
    if available():
        return least_period(netlist, design.library, work, design.around or _ANY)
    return max((module.delay_ps or 0 for module in netlist.modules.values()), default=0) / share


def _candidate(name: str, tried: _Tried | None, library: Library, kept: bool) -> Candidate:
    if tried is None:
        return Candidate(recipe=name, lane_ge=None, period_ps=None, kept=False)
    period = None if tried.period_ps is None else round(tried.period_ps, 3)
    return Candidate(recipe=name, lane_ge=_lane_ge(tried.netlist, library), period_ps=period, kept=kept)


def _lane_ge(netlist: Netlist, library: Library) -> float:
    """The modules of arithmetic, one instance each; the top where there is none."""
    modules = [module for name, module in netlist.modules.items() if name in LADDER[0].arithmetic]
    counts = [module.cells for module in modules] or [netlist.cells]
    return round(library.ge(sum(library.cells[name].area * n for cells in counts for name, n in cells.items())), 3)


def _refused(failure: ToolFailed) -> bool:
    """ABC cannot follow a recipe with this library, as its ``map`` cannot with tables of two points."""
    said = failure.log.read_text(errors="replace")
    return re.search(r"^(ABC: )?(\*\* cmd error: aborting|Aborted)", said, re.MULTILINE) is not None


def _delay(netlist: Netlist, recipe: Recipe) -> float:
    """ABC's estimate of the longest path in a module of arithmetic, ps."""
    return max(
        (module.delay_ps or 0 for name, module in netlist.modules.items() if name in recipe.arithmetic), default=0
    )
