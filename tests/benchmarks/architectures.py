"""The part of docs/results.md about architectures of lanes and efforts of mapping."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from flows.sweep import render
from flows.sweep_result import Sweep, SweepRow

__all__ = ["AVOIDED", "section"]

AVOIDED = {
    "nangate45_typ": ("*_X16", "*_X32"),
    "sky130hd_tt": ("*probe*", "*lpflow*", "*or3*", "*or4*", "*mux4*", "*maj3*"),
    "asap7_rvt_tt": ("*x1p*", "*xp*", "SDF*", "ICG*"),
}
"""Cells that the mapping does without, by the Liberty file's name: slow ones that ABC picks, and special ones."""

_INTRO = """## Architectures of lanes, and efforts of mapping

A lane that takes more clocks for a column is smaller; so is a mapping that takes more time, or it is faster. It is
`nmpu sweep` on the paper's preset, in {count} libraries. Energy is of effort `area`. Measured
on {date}."""


class _Plain(NamedTuple):
    """A lane written plainly and measured elsewhere: Yosys 0.70, ABC for least delay, Nangate45; November 2026."""

    architecture: str
    stages: tuple[int, ...]
    about: str
    ge: float
    flip_flops: int
    ns: float


_LIBRARY, _FLIP_FLOP_GE = "NangateOpenCellLibrary", 4.522 / 0.798
_PLAIN = (
    _Plain("parallel", (1,), "two counts, shift 0..15, one stage", 2244, 57, 1.83),
    _Plain("parallel", (1,), "two counts, shift 0..15, one stage, another mapping", 2083, 57, 1.87),
    _Plain("shared", (1, 2), "two counts, one multiplier, two clocks", 1353, 57, 1.22),
)


def section(sweeps: Sequence[Sweep], charts: Sequence[str | None], date: str) -> str:
    """The part, and in it every sweep with the name of its chart."""
    parts = [_INTRO.format(count=len(sweeps), date=date), ""]
    for result in sweeps:
        if result.library == _LIBRARY:
            parts += [*_beside(result), ""]
    for result, drawn in zip(sweeps, charts, strict=True):
        text = render(result, drawn=drawn is not None).replace("sweep.svg", drawn or "")
        parts.append(re.sub(r"^#", "###", text, flags=re.MULTILINE))
    return "\n".join(parts)


def _beside(result: Sweep) -> list[str]:
    """Our lanes beside plain ones: the smallest that is no slower."""
    lines = [
        f"### Beside plain lanes, `{result.library}`",
        "",
        "Lanes of the same function, written plainly and mapped by Yosys and ABC for least delay. *ns*: ABC's estimate",
        "inside the lane, without clock-to-q, setup and wires, as theirs was measured. They have their inputs",
        f"registered: *like with like* has as many flip-flops added to ours ({_FLIP_FLOP_GE:.2f} GE each). *Ours*: the",
        "smallest row below that is no slower.",
        "",
        "| plain lane | GE | FF | ns | ours | GE | FF | ns | GE, like with like |",
        "|---|---:|---:|---:|---|---:|---:|---:|---:|",
    ]
    for plain in _PLAIN:
        row = _match(plain, result.rows)
        theirs = f"| {plain.architecture}: {plain.about} | {plain.ge:,.0f} | {plain.flip_flops} | {plain.ns:.2f} |"
        if row is None or row.logic_ps is None:
            lines.append(f"{theirs} none is as fast | | | | |")
            continue
        like = row.ge + (plain.flip_flops - row.flip_flops) * _FLIP_FLOP_GE
        ours = f"{row.name}, {row.stages} stage{'s' if row.stages > 1 else ''}, `{row.effort}`"
        lines.append(f"{theirs} {ours} | {row.ge:,.0f} | {row.flip_flops} | {row.logic_ps / 1000:.2f} | {like:,.0f} |")
    return lines


def _match(plain: _Plain, rows: Sequence[SweepRow]) -> SweepRow | None:
    fast = [
        row
        for row in rows
        if row.architecture == plain.architecture and row.stages in plain.stages
        if row.logic_ps is not None and row.logic_ps <= plain.ns * 1000
    ]
    return min(fast, key=lambda row: row.ge, default=None)
