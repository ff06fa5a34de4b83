"""What follows from the rows of a comparison, each number with its definition and, below the paper's, its reasons."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .compare_result import PAPER, PEERS, LaneRow, Ratio, UnitRow

__all__ = ["Rows", "ratios"]


@dataclass(frozen=True)
class Rows:
    """What is divided by what.

    Args:
        fixed: the configured lane.
        plain, quick: the fused lane of binary16: in one stage, and pipelined to the period of ``fixed``.
        fast, fast_float: ``fixed`` and ``plain`` mapped for speed.
        nmpu, alone: the configured unit, and the same with one lane built.
        plain_unit, quick_unit: the unit of one such lane of binary16, likewise.
    """

    fixed: LaneRow
    plain: LaneRow
    quick: LaneRow
    fast: LaneRow
    fast_float: LaneRow
    nmpu: UnitRow
    alone: UnitRow
    plain_unit: UnitRow
    quick_unit: UnitRow


def ratios(rows: Rows, library: str) -> tuple[Ratio, ...]:
    """The ratios, those that the paper has first.

    Args:
        rows: the rows.
        library: the name of their library; areas of public cores are known in Nangate45 only.
    """
    found = [*_of_time(rows), *_of_lanes(rows, library), *_of_units(rows)]
    return tuple(sorted(found, key=lambda ratio: ratio.paper is None))


def _ratio(name: str, definition: str, value: float, paper: float | None = None, reason: str = "") -> Ratio:
    below = paper is not None and value < paper
    return Ratio(name=name, definition=definition, ours=round(value, 3), paper=paper, note=reason if below else "")


def _of_time(r: Rows) -> Iterator[Ratio]:
    cycles = r.quick_unit.cycles / r.nmpu.cycles
    periods = r.plain_unit.period_ps / r.nmpu.period_ps
    yield _ratio(
        "time",
        "time for all columns, FP16 unit of one lane in one stage / NMPU",
        r.plain_unit.ns / r.nmpu.ns,
        PAPER.faster,
        f"{r.plain_unit.cycles:,} clocks against {r.nmpu.cycles:,}, each {periods:.1f} times as long.",
    )
    yield _ratio(
        "time, FP16 pipelined",
        f"the same, FP16 in {r.quick_unit.stages} stages",
        r.quick_unit.ns / r.nmpu.ns,
        PAPER.faster,
        f"With a clock as fast, what is left is the clocks, {r.quick_unit.cycles:,} against {r.nmpu.cycles:,} "
        f"({cycles:.0f} times); of the factor in one stage, {periods:.1f} came from the clock.",
    )
    yield _ratio("time, parallelism alone", "the same, NMPU with one lane built / NMPU", r.alone.ns / r.nmpu.ns)


def _of_lanes(r: Rows, library: str) -> Iterator[Ratio]:
    what = "area of fused FP16 lanes for as many results a second / area of the fixed lane"
    area, period = r.plain.ge / r.fixed.ge, r.plain.period_ps / r.fixed.period_ps
    yield _ratio(
        "lane area, equal throughput",
        f"{what}; FP16 in one stage",
        r.plain.equal_ge / r.fixed.ge,
        PAPER.smaller,
        f"The FP16 lane has {area:.1f} times the area and {period:.1f} times the period. {_built(r, library)}".strip(),
    )
    yield _ratio(
        "lane area, equal throughput and clock",
        f"{what}; FP16 pipelined to its period",
        r.quick.equal_ge / r.fixed.ge,
        PAPER.smaller,
        f"{_pipelining(r)} {_built(r, library)}".strip(),
    )
    yield _ratio(
        "lane area, equal throughput, for speed",
        f"{what}; FP16 in one stage, both mapped for speed whatever the area",
        r.fast_float.ge * r.fast_float.period_ps / (r.fast.ge * r.fast.period_ps),
        PAPER.smaller,
        _built(r, library),
    )
    yield _ratio("lane area, as they are", "area of the fused FP16 lane in one stage / of the fixed lane", area)
    yield _ratio("lane period", "least period of the same / of the fixed lane", period)
    if r.plain.energy_pj is not None and r.fixed.energy_pj:
        energy = r.plain.energy_pj / r.fixed.energy_pj
        yield _ratio("lane energy", "energy a column of the same / of the fixed lane", energy)


def _of_units(r: Rows) -> Iterator[Ratio]:
    unit = r.plain_unit
    yield _ratio(
        "unit area, in fixed lanes",
        "area of the FP16 unit of one lane in one stage, without memory / area of a fixed lane",
        unit.ge / r.fixed.ge,
        PAPER.units,
        f"Ours is the least that works: {unit.lanes_ge:,.0f} GE of one lane and {unit.ge - unit.lanes_ge:,.0f} GE that "
        "share it, without its memory. The paper's is the whole FP16 unit of an earlier chip.",
    )
    yield _ratio(
        "unit area",
        "area of the NMPU / of the FP16 unit of one lane in one stage, both without memory",
        r.nmpu.ge / unit.ge,
    )
    if unit.energy_pj is not None and r.nmpu.energy_pj:
        energy = unit.energy_pj / r.nmpu.energy_pj
        yield _ratio("unit energy", "energy a column of the FP16 unit of one lane in one stage / of the NMPU", energy)


def _pipelining(r: Rows) -> str:
    """What pipelining buys."""
    slow, ends = r.plain.equal_ge / r.plain.ge, r.quick.equal_ge / r.fixed.ge
    missed = "" if r.quick.meets else f", which is slower still, so that it counts as {r.quick.equal_ge:,.0f} GE"
    return (
        f"In one stage it would take {slow:.1f} FP16 lanes of {r.plain.ge:,.0f} GE to keep up, a factor of "
        f"{r.plain.equal_ge / r.fixed.ge:.1f}; in {r.quick.stages} stages one lane has {r.quick.ge:,.0f} GE at "
        f"{r.quick.period_ps:,.0f} ps{missed}: registers and faster gates cost {r.quick.ge / r.plain.ge - 1:.0%} "
        f"more area, and the factor falls to {ends:.1f}."
    )


def _built(r: Rows, library: str) -> str:
    """How good our binary16 lane is, where a public one was measured in the same library."""
    peer = next(peer for peer in PEERS.lanes if peer.counts == 2)
    if "nangate" not in library.lower() or r.plain.ge >= peer.ge:
        return ""
    theirs = r.quick.equal_ge / r.fixed.ge * peer.ge / r.plain.ge
    return (
        f"It is not that the FP16 lane is badly built: {peer.name}'s of two counts has {peer.ge:,.0f} GE, ours "
        f"{1 - r.plain.ge / peer.ge:.0%} less; with that area, pipelined at the same cost, it would be {theirs:.1f}."
    )
