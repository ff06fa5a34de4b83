"""What ``--effort`` chooses from: recipes that are worth their time, and how the one to keep is told.

``fast`` takes one recipe, or with a target the first of a ladder that meets it; the others try all of theirs.  The
figures are of the paper's lane in nangate45 in a core of 4 lanes, in GE and ps by OpenSTA: in one stage, and in two.
"""

from __future__ import annotations

from dataclasses import replace

from .recipe import RECIPE, Effort, Recipe

__all__ = ["EFFORTS", "LADDER", "Effort", "merit", "recipes"]

EFFORTS: tuple[Effort, ...] = ("fast", "area", "delay", "best")

_LAX_PS = 1_000_000
"""No gate is larger than it must be."""

_RIPPLE = """(* techmap_celltype = "$lcu" *)
module _80_nmpu_ripple (P, G, CI, CO);
  parameter WIDTH = 2;
  (* force_downto *) input [WIDTH-1:0] P, G;
  input CI;
  (* force_downto *) output [WIDTH-1:0] CO;
  wire [WIDTH:0] C = {CO, CI};
  assign CO = G | P & C[WIDTH-1:0];
endmodule
"""
"""Carries one after the other, which full adders are made for; for its name Yosys prefers it to its own chain."""


def _carries(file: str) -> tuple[str, ...]:
    """Yosys' passes with another kind of carry chain in modules of arithmetic."""
    at = RECIPE.logic.index("techmap")
    chain = f"techmap -map +/techmap.v -map {file} {' '.join(sorted(RECIPE.arithmetic))}"
    return (*RECIPE.logic[:at], chain, *RECIPE.logic[at:])


_SIZED = ("topo", "buffer -c", "topo", "upsize {D}", "dnsize {D}", "stime -p")
_FLAT = ("strash", "ifraig", "if -g -K 6", "strash")
"""Sums of products balanced for depth, which is what a lane of long carry chains gains most by."""

_SKLANSKY = replace(RECIPE, name="amap-sklansky", logic=_carries("+/choices/sklansky.v"))
"""Carry chains of fewer steps: 1,261 / 1,671 and 1,448 / 1,108; :data:`RECIPE` has 1,241 / 1,726 and 1,399 / 1,203."""

_ADDERS = replace(RECIPE, name="adders", abc=("strash", "ifraig", "strash", "dch", "amap -m", "stime -p"), adders=True)
"""Adder cells and polarities, sized for the least delay: 1,156 / 1,890 and 1,357 / 1,274; in ASAP7 22 % smaller than
:data:`RECIPE` and 6 % slower."""

_RIPPLES = tuple(
    replace(
        _ADDERS,
        name=f"adders-ripple-{before}",
        logic=_carries("ripple.v"),
        abc=("strash", "ifraig", before, "amap -m", "stime -p"),
        target_ps=_LAX_PS,
        files=(("ripple.v", _RIPPLE),),
    )
    for before in ("dc2", "dch")
)
"""The least area, whatever the delay: 1,087 / 2,374 and 1,274 / 1,743 with ``dc2``; ``dch`` is better in ASAP7."""

_MIDDLE = replace(RECIPE, name="map-area", abc=(*_FLAT, "dc2 -l", "dch -f", "map -a", *_SIZED))
"""1,567 / 1,383 and 1,666 / 967."""

_FAST = replace(RECIPE, name="map", abc=(*_FLAT, "dc2 -l", "dch", "map -B 0.9", *_SIZED))
"""2,096 / 1,046 and 2,139 / 768."""

_FASTEST = replace(
    RECIPE, name="map-twice", abc=(*_FLAT, "dch -f", "map -B 0.9", "strash", "dch -f", "map -B 0.9", *_SIZED)
)
"""3,159 / 992 and 2,832 / 724."""

LADDER: tuple[Recipe, ...] = (RECIPE, _MIDDLE, _FAST)
"""Recipes that take more area for less delay, for a target with effort ``fast``."""

_ALL = (RECIPE, _SKLANSKY, _ADDERS, *_RIPPLES, _MIDDLE, _FAST, _FASTEST)


def recipes(effort: Effort, target_ps: float | None) -> tuple[Recipe, ...]:
    """What an effort tries, ``fast`` in this order and no further than it must.  To meet a target with the least area,
    ``area`` may need any of them."""
    if effort == "fast":
        return LADDER[:1] if target_ps is None else LADDER
    if effort == "delay":
        return _FAST, _FASTEST
    return _ALL if effort == "best" or target_ps is not None else _RIPPLES


def merit(effort: Effort, target_ps: float | None, ge: float, period_ps: float) -> tuple[float, float]:
    """What the recipe that is kept has least of: with a target the area, if it meets it; else by the effort.

    ``best`` without a target is the least product of area and period: work for each area and time.
    """
    if target_ps is not None:
        return (0, ge) if period_ps <= target_ps else (1, period_ps)
    return {"area": (ge, period_ps), "delay": (period_ps, ge)}.get(effort, (ge * period_ps, ge))
