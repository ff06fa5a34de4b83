"""What a sweep found, as plain frozen data."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Sweep", "SweepRow"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SweepRow(_Frozen):
    """A lane: one architecture, in some stages, mapped with one effort, measured in a core of 4 lanes.

    Args:
        architecture, multiplier, radix, stages: fields of ``how``; the radix is None but for serial lanes.
        effort: of the mapping.
        recipe: what the effort took.
        ge: area of a lane in gate equivalents.
        area_um2: the same in um2; None for the neutral library, whose unit is the gate equivalent.
        flip_flops: of a lane.
        period_ps: the least period of the core, ps.
        logic_ps: the longest path inside the lane as ABC estimates it, ps: without clock-to-q, setup and wires; None
            where its estimate does not hold, for there are cells that it does not see into.
        lane_cycles: clocks that a lane takes for a column, at the largest shift.
        steps, front_stages: beats that a front end takes for a slot, at its largest settings, and its clocks; 0: there
            is none.
        cycles: clocks for all columns of the configuration with its lanes, at the largest shift.
        cycles_least: the same at the least shift.
        ns: time for that at the least period, at the largest shift.
        energy_pj: of the lane, for a column, pJ; None where it was not measured.
        front: no other row is smaller and as fast, or faster and as small.
        command: gives area and least period.
    """

    architecture: str
    multiplier: str
    radix: int | None
    stages: int
    effort: str
    recipe: str
    ge: float
    area_um2: float | None
    flip_flops: int
    period_ps: float
    logic_ps: float | None
    lane_cycles: int
    steps: int = 0
    front_stages: int = 0
    cycles: int
    cycles_least: int
    ns: float
    energy_pj: float | None
    front: bool
    command: str

    @property
    def name(self) -> str:
        """The architecture, with the radix or the form of the tree."""
        return f"{self.architecture}, {self.multiplier if self.radix is None else f'radix {self.radix}'}"

    def cycles_with(self, columns: int, lanes: int) -> int:
        """Clocks for some columns with another number of lanes, at the largest shift."""
        slot = max(self.steps, 1) + self.lane_cycles - 1
        return -(-columns // lanes) * slot + self.stages + self.front_stages


class Sweep(_Frozen):
    """Lanes of one configuration in one library.

    Args:
        name, digest: of the configuration.
        library: of cells; the corner: voltage (V), temperature (C) and conditions, None or empty where it says nothing.
        timed: ``opensta``, or ``abc`` where that is not installed.
        columns, lanes, counts: of the configuration.
        rows: architectures as they are documented, stages and efforts in order.
        tools: versions.
        command: gives all of it.
        warnings: what was remarked on the way.
    """

    name: str
    digest: str
    library: str
    voltage: float | None
    temperature: float | None
    conditions: str
    timed: str
    columns: int = Field(gt=0)
    lanes: int = Field(gt=0)
    counts: int
    rows: tuple[SweepRow, ...]
    tools: dict[str, str]
    command: str
    warnings: tuple[str, ...]

    @property
    def front(self) -> tuple[SweepRow, ...]:
        """The Pareto front of a lane's area and the time for all columns, the smallest first."""
        return tuple(sorted((row for row in self.rows if row.front), key=lambda row: (row.ge, row.ns)))
