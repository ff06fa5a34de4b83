"""Fixed point beside binary16 as plain data: rows as they were measured, and the ratios that follow from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict

__all__ = ["PAPER", "PEERS", "Comparison", "LaneRow", "OneCount", "Paper", "Peer", "Peers", "Ratio", "UnitRow"]

Form = Literal["configured", "unpipelined", "pipelined", "fastest"]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True)


class Paper(_Model):
    """What the paper says of its unit, against the binary16 unit of an earlier chip."""

    source: str = "Ferro et al., ISCAS 2024"
    faster: float = 139
    smaller: float = 7.8
    units: float = 505


class Peer(_Model):
    """A lane of a public binary16 core: area, flip-flops, and the longest path as ABC estimates it."""

    name: str
    counts: int
    ge: float
    flip_flops: int
    ns: float


class Peers(_Model):
    """Public cores, measured with one script."""

    how: str = "Yosys 0.70, ABC for least delay, Nangate45; no wires, clock-to-q, setup; November 2026"
    lanes: tuple[Peer, ...] = (
        Peer(name="HardFloat", counts=1, ge=3518, flip_flops=51, ns=3.95),
        Peer(name="cvfpu", counts=1, ge=3820, flip_flops=51, ns=5.30),
        Peer(name="HardFloat", counts=2, ge=6586, flip_flops=77, ns=6.39),
    )


PAPER, PEERS = Paper(), Peers()


class LaneRow(_Model):
    """A lane in a small core.

    Attributes:
        name: ``fixed``, or ``fp16`` and what is special.
        form: ``configured``: as the configuration has it; or one stage; or pipelined to the period of the first; or
            ``fastest``: as the first or in one stage, but mapped for speed whatever the area.
        stages: pipeline stages.
        target_ps: the period that it was mapped for; None: the least delay.
        meets: whether it is met; None without one.
        ge: area in NAND2 equivalents, pipeline registers included.
        area_um2: the same; None in the neutral library.
        flip_flops: in it.
        period_ps: the core's least period.
        f_max_mhz: the clock that goes with it.
        logic_ps: the longest path inside the lane as ABC estimates it, or None.
        results: results a second for each GE.
        cycles: clocks for all columns, one after the other, the latency included.
        ns: these at the least period.
        equal_ge: area for as many results a second as a lane gives at the clock of the first row: a lane that is
            slower counts as so many more.
        energy_pj: of the lane, for a column, or None.
        method: where the energy is from: ``simulated``, ``vectorless``.
        worst_lsb, rms_lsb: errors against float64.
        commands: what measures it by itself.
    """

    name: str
    form: Form
    stages: int
    target_ps: float | None
    meets: bool | None
    ge: float
    area_um2: float | None
    flip_flops: int
    period_ps: float
    f_max_mhz: float
    logic_ps: float | None
    results: float
    cycles: int
    ns: float
    equal_ge: float
    energy_pj: float | None
    method: Literal["simulated", "vectorless"] | None
    worst_lsb: float
    rms_lsb: float
    commands: tuple[str, ...]


class UnitRow(_Model):
    """A whole unit, its parameter memory left outside: ``memory_bits`` are its bits.

    ``lanes_ge`` is the part of ``ge`` that is lanes; ``energy_pj`` is of the whole unit, for a column.  Other fields
    are as in :class:`LaneRow`.
    """

    name: str
    form: Form
    built: int
    stages: int
    target_ps: float | None
    meets: bool | None
    ge: float
    lanes_ge: float
    area_um2: float | None
    memory_bits: int
    period_ps: float
    f_max_mhz: float
    cycles: int
    ns: float
    energy_pj: float | None
    method: Literal["simulated", "vectorless"] | None
    commands: tuple[str, ...]


_Row = TypeVar("_Row", LaneRow, UnitRow)


class OneCount(_Model):
    """The fused binary16 lane with one count, for comparison with public cores.

    Attributes:
        ge, flip_flops, period_ps, logic_ps, commands: as in :class:`LaneRow`.
        flip_flop_ge: the library's flip-flop.
    """

    ge: float
    flip_flops: int
    period_ps: float
    logic_ps: float | None
    flip_flop_ge: float
    commands: tuple[str, ...]


class Ratio(_Model):
    """One number from two rows.

    Attributes:
        name: short.
        definition: what is divided by what.
        ours: the number.
        paper: the paper's, or None where it has none.
        note: how it comes about, where it is below the paper's; else empty.
    """

    name: str
    definition: str
    ours: float
    paper: float | None
    note: str


class Comparison(_Model):
    """What ``nmpu compare`` finds.

    Attributes:
        name, digest: of the configuration.
        library: the library's name, as its file gives it.
        voltage, temperature, conditions: of its corner, as far as known.
        timed: by ``opensta``, or ``abc`` for its estimates.
        columns, lanes: of the array.
        counts: of a column.
        lane_rows, unit_rows, one_count: what was measured.
        ratios: what follows.
        vectors: on each of ``tried`` columns for the errors, drawn from ``seed``.
        paper, peers: what others say.
        tools: versions of the tools that took part.
        command: what makes this again.
        warnings: what a reader of the numbers has to know.
    """

    name: str
    digest: str
    library: str
    voltage: float | None
    temperature: float | None
    conditions: str
    timed: Literal["opensta", "abc"]
    columns: int
    lanes: int
    counts: int
    lane_rows: tuple[LaneRow, ...]
    unit_rows: tuple[UnitRow, ...]
    one_count: OneCount
    ratios: tuple[Ratio, ...]
    tried: int
    vectors: int
    seed: int
    paper: Paper = PAPER
    peers: Peers = PEERS
    tools: dict[str, str]
    command: str
    warnings: tuple[str, ...]

    def lane(self, name: str, form: Form) -> LaneRow:
        """The lane of that name and form."""
        return _one(self.lane_rows, name, form)

    def unit(self, name: str, form: Form) -> UnitRow:
        """The unit of that name and form."""
        return _one(self.unit_rows, name, form)


def _one(rows: Sequence[_Row], name: str, form: Form) -> _Row:
    return next(row for row in rows if (row.name, row.form) == (name, form))
