"""What a comparison of front ends found, as plain frozen data."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["PARTS", "Converter", "Families", "FamilyRow", "Part", "PartName"]

PartName = Literal["front lane", "front control", "lane", "rest", "memory"]

PARTS: tuple[PartName, ...] = ("front lane", "front control", "lane", "rest", "memory")
"""Accumulators of a lane and what is before them; what steers them; the lane; sequencer, pipeline, the host's port and
their wiring; parameters.  All but the last are the periphery."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Part(_Frozen):
    """A part of a unit.

    Args:
        name: one of :data:`PARTS`.
        instances: how often it is there; 0: not at all.
        ge: of one instance, in gate equivalents; of the memory: of all of it.
        area_um2: the same in um2; None for the neutral library, whose unit is the gate equivalent.
    """

    name: PartName
    instances: int
    ge: float
    area_um2: float | None

    @property
    def total(self) -> float:
        """GE of all instances."""
        return self.instances * self.ge


class FamilyRow(_Frozen):
    """A unit: what stands between an array of one family and its activations.

    Args:
        name, about: of the family.
        preset, settings: what it is made from; further settings are those of all rows.
        digest: of the configuration.
        source: ``codes.source``.
        order: ``front.order``; None where there is no front end.
        beat_bits: bits of a beat, of all lanes.
        steps: beats that a slot takes at the largest settings; 1 without a front end.
        accumulators: of a lane.
        operand, operand_bits: what a lane multiplies, at the largest settings.
        cycles: clocks of a pass over all columns, at the largest settings and shift.
        parts: by :data:`PARTS`.
        critical_path_ps, critical_block: the longest path inside a module as ABC estimates it, and that module.
        period_ps: the least period of the unit.
        command: gives areas and ABC's estimate.
    """

    name: str
    about: str
    preset: str
    settings: tuple[str, ...]
    digest: str
    source: str
    order: str | None
    beat_bits: int
    steps: int
    accumulators: int
    operand: str
    operand_bits: int
    cycles: int
    columns: int = Field(gt=0)
    parts: tuple[Part, ...]
    critical_path_ps: float | None
    critical_block: str | None
    period_ps: float
    command: str

    def part(self, name: PartName) -> Part:
        """The part of that name."""
        return next(part for part in self.parts if part.name == name)

    def column_ge(self, *names: PartName) -> float:
        """GE a column of some parts; of the periphery, which is all but the memory, where none is named."""
        chosen = names or tuple(name for name in PARTS if name != "memory")
        return sum(self.part(name).total for name in chosen) / self.columns

    @property
    def column_um2(self) -> float | None:
        """The periphery, um2 a column; None for the neutral library."""
        areas = [(part.instances, part.area_um2) for part in self.parts if part.name != "memory"]
        known = [count * area for count, area in areas if area is not None]
        return sum(known) / self.columns if len(known) == len(areas) else None

    @property
    def ns(self) -> float:
        """Time of a pass over all columns at the least period, at the largest settings and shift."""
        return self.cycles * self.period_ps / 1000


class Converter(_Frozen):
    """The converters of the array that has them.

    Args:
        bits: of a code.
        area_um2: of what converts for one column, as the user gave it; None where that was not.
        ge: the same in gate equivalents of the library.
    """

    bits: int
    area_um2: float | None
    ge: float | None


class Families(_Frozen):
    """Units of all families in one library, with equal columns and lanes.

    Args:
        library: of cells; the corner: voltage (V), temperature (C) and conditions, None or empty where it says nothing.
        timed: ``opensta``, or ``abc`` where that is not installed: what ``period_ps`` is from.
        columns, lanes, effort: of all rows.
        rows: the families.
        stochastic: the array of stochastic samples: as it is, with all samples of a conversion in one beat, and the
            same array with converters.
        converter: what converters were assumed.
        tools: versions.
        command: gives all of it.
        warnings: what was remarked on the way.
    """

    library: str
    voltage: float | None
    temperature: float | None
    conditions: str
    timed: str
    columns: int = Field(gt=0)
    lanes: int = Field(gt=0)
    effort: str
    rows: tuple[FamilyRow, ...]
    stochastic: tuple[FamilyRow, FamilyRow, FamilyRow]
    converter: Converter
    tools: dict[str, str]
    command: str
    warnings: tuple[str, ...]

    @property
    def reference(self) -> FamilyRow:
        """What others are compared with: the paper's unit, behind converters."""
        return self.rows[0]

    def with_converter(self, row: FamilyRow) -> float:
        """GE a column of a row of ``stochastic``, with its converter where it has one whose area is known."""
        return row.column_ge() + (self.converter.ge or 0) * (row.source == "slices")
