"""What a calibration found, as plain frozen data; from it a later re-calibration starts."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from golden.measured.pairs import Kind, VerdictName

from .calibrate_stored import Frozen, List1, List2, StoredFit, StoredIntegers, StoredWanted, check_shapes

__all__ = ["CalibrateResult", "ColumnRow", "Drift"]


class ColumnRow(Frozen):
    """A column.

    Args:
        column: which.
        verdict, why: as in :class:`golden.measured.Verdict`.
        gain: (blocks, counts), output LSB for each unit of a code's value, batch norm in it.
        gain_error: the largest standard error of a gain, relative to it; None where no count has a gain.
        offset, offset_error: output LSB.
        scales: (blocks, counts) integers.
        shifts: of each block.
        offset_code: the integer, of the last block.
        worst, rms: error over pairs that are neither clipped nor outliers, output LSB; None where there are none.
        rms_all: over all pairs.
        low, high: share of results that saturate at that end of the output.
        outliers, saturated: vectors with an outlier, and with a code at the end of its range.
    """

    column: int
    verdict: VerdictName
    why: str
    gain: List2
    gain_error: float | None
    offset: float
    offset_error: float | None
    scales: tuple[tuple[int, ...], ...]
    shifts: tuple[int, ...]
    offset_code: int
    worst: float
    rms: float | None
    rms_all: float
    low: float
    high: float
    outliers: int
    saturated: int


class Drift(Frozen):
    """What a re-calibration did; errors are on the reference vectors, output LSB.

    Args:
        each: what has a factor: the array, a count, or a column.
        factor, factor_error: (counts, columns), or (counts,) where columns have the same: what the array gives now for
            what it gave.
        spread: standard deviation of the factors that columns would have alone.
        worst_before, rms_before: with the earlier integers.
        worst_after, rms_after: with the new ones.
        rms_earlier: of the earlier calibration, on its own pairs.
        limit: of ``rms_after``.
        enough: ``rms_after`` is at most ``limit``.
    """

    each: Literal["array", "count", "column"]
    factor: List2 | List1
    factor_error: float
    spread: float | None
    worst_before: float | None
    rms_before: float | None
    worst_after: float | None
    rms_after: float | None
    rms_earlier: float | None
    limit: float
    enough: bool


class CalibrateResult(Frozen):
    """A layer's columns, calibrated.

    Args:
        name, digest: of the configuration.
        codes, scale, offset, output: its formats.
        granularity: of the shift.
        pairs: the file.
        kind: what an ideal number is of: a count, a block, or a column.
        vectors, blocks, counts: of the pairs.
        lsb: an output LSB in the unit of the ideal results.
        shifts: of each block, where shifts are a layer.
        offset_shift: of all offsets.
        worst, rms: over all columns whose verdict is ok, output LSB; None where there are none.
        columns: each of them.
        refused: those that have no parameters.
        complaint: about them; empty where there are none.
        drift: of a re-calibration.
        fit, wanted, integers: what a later re-calibration starts from.
        command: gives all of it.
    """

    name: str
    digest: str
    codes: str
    scale: str
    offset: str
    output: str
    granularity: str
    pairs: str
    kind: Kind
    vectors: int
    blocks: int
    counts: int
    lsb: float
    shifts: tuple[int, ...] | None
    offset_shift: int
    worst: float | None
    rms: float | None
    columns: tuple[ColumnRow, ...]
    refused: tuple[int, ...]
    complaint: str
    drift: Drift | None
    fit: StoredFit
    wanted: StoredWanted
    integers: StoredIntegers
    command: str

    @model_validator(mode="after")
    def _one_shape(self) -> CalibrateResult:
        """All lists are of the same row blocks, counts and columns.

        Raises:
            ValueError: naming the list that is not.
        """
        shape = self.blocks, self.counts, len(self.columns)
        check_shapes({"shifts": (self.shifts, shape[:1])})
        self.fit.check_shape(*shape)
        self.wanted.check_shape(shape[2])
        self.integers.check_shape(*shape)
        for n, row in enumerate(self.columns):
            if row.column != n:
                raise ValueError(f"columns.{n} is that of column {row.column}")
            rows = {f"columns.{n}.{name}": (getattr(row, name), shape[:2]) for name in ("gain", "scales")}
            check_shapes({**rows, f"columns.{n}.shifts": (row.shifts or None, shape[:1])})
        wrong = [n for n in self.refused if not 0 <= n < shape[2]]
        if wrong:
            raise ValueError(f"refused has column {wrong[0]} of {shape[2]}")
        return self

    @property
    def passed(self) -> bool:
        """No column is refused, and what drifted was made good: there are parameters."""
        return not self.refused and (self.drift is None or self.drift.enough)

    @property
    def failure(self) -> str:
        """Why there are no parameters, in one line; empty where there are."""
        if self.refused or self.drift is None or self.drift.enough:
            return self.complaint
        rms = "unknown" if self.drift.rms_after is None else f"{self.drift.rms_after:.3f} LSB"
        return f"an RMS error of {rms} is left, above {self.drift.limit:.3f}; more vectors or --each column would do"

    @property
    def clipping(self) -> tuple[ColumnRow, ...]:
        """Columns of which more than one result in a hundred saturates, the worst first; not those refused."""
        found = [row for row in self.columns if row.low + row.high > 0.01 and row.column not in self.refused]
        return tuple(sorted(found, key=lambda row: (-(row.low + row.high), row.column)))

    @property
    def verdicts(self) -> dict[str, int]:
        """Columns of each verdict that is there."""
        names = [row.verdict for row in self.columns]
        return {name: names.count(name) for name in dict.fromkeys(sorted(names))}

    def worst_columns(self, most: int = 12) -> tuple[ColumnRow, ...]:
        """Those that are not refused, the largest RMS error first."""
        left = [row for row in self.columns if row.column not in self.refused]
        return tuple(sorted(left, key=lambda row: (-(row.rms or 0.0), row.column))[:most])
