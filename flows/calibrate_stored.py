"""What a later re-calibration starts from, as plain frozen data."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from golden import BatchNorm, Fit, Line, Params, Wanted
from golden.measured import Fitted, Integers, Verdict
from golden.measured.pairs import Kind

__all__ = ["Frozen", "List1", "List2", "List3", "StoredFit", "StoredIntegers", "StoredWanted"]

List1 = tuple[float, ...]
List2 = tuple[List1, ...]
List3 = tuple[List2, ...]


class Frozen(BaseModel):
    """Plain data that does not change."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class StoredFit(Frozen):
    """A :class:`golden.measured.Fitted`, less what belongs to single pairs."""

    kind: Kind
    gain: List3
    gain_error: List3
    centre: List3
    offset: List1
    offset_error: List1
    middle: List1
    spread: List1
    slope: List3
    intercept: List3
    slope_error: List3
    intercept_error: List3
    residual: List3

    @classmethod
    def of(cls, fitted: Fitted) -> StoredFit:
        """From what was fitted."""
        fits = fitted.fits
        lines: dict[str, Any] = {name: [getattr(fit.line, name) for fit in fits] for name in ("slope", "intercept")}
        lines |= {name: [getattr(fit, name) for fit in fits] for name in ("slope_error", "intercept_error", "residual")}
        names = ("gain", "gain_error", "centre", "offset", "offset_error", "middle", "spread")
        return cls(
            kind=fitted.kind,
            **{name: _finite(getattr(fitted, name)) for name in names},
            **{name: tuple(_finite(one) for one in some) for name, some in lines.items()},
        )

    def fitted(self, verdicts: tuple[Verdict, ...]) -> Fitted:
        """What was fitted, without pairs."""
        parts = zip(self.slope, self.intercept, self.slope_error, self.intercept_error, self.residual, strict=True)
        blocks = [[np.array(one) for one in some] for some in parts]
        fits = tuple(Fit(Line(slope, start), *others) for slope, start, *others in blocks)
        columns, none = len(self.offset), np.zeros(len(self.offset), np.int64)
        names = ("gain", "gain_error", "centre", "offset", "offset_error", "middle", "spread")
        arrays: dict[str, NDArray[Any]] = {name: np.array(getattr(self, name)) for name in names}
        return Fitted(
            kind=self.kind,
            fits=fits,
            good=np.zeros((0, columns), np.bool_),
            outliers=none,
            saturated=none,
            verdicts=verdicts,
            **arrays,
        )


class StoredWanted(Frozen):
    """A :class:`golden.Wanted`, in output LSB."""

    gain: List1
    offset: List1
    batch_norm: tuple[List1, List1, List1, List1] | None
    eps: float

    @classmethod
    def of(cls, wanted: Wanted) -> StoredWanted:
        """From what a layer computes."""
        norm = wanted.batch_norm
        parts = None if norm is None else tuple(_finite(np.asarray(one)) for one in norm[:4])
        return cls.model_validate(
            {
                "gain": _finite(wanted.gain),
                "offset": _finite(wanted.offset),
                "batch_norm": parts,
                "eps": norm.eps if norm else 0.0,
            }
        )

    def wanted(self) -> Wanted:
        """What the layer computes."""
        norm = None
        if self.batch_norm is not None:
            gamma, beta, mean, variance = (np.array(one) for one in self.batch_norm)
            norm = BatchNorm(gamma, beta, mean, variance, self.eps)
        return Wanted(np.array(self.gain), np.array(self.offset), norm)


class StoredIntegers(Frozen):
    """A :class:`golden.measured.Integers`: of each block scales (counts, columns), and all else (columns,)."""

    scales: tuple[tuple[tuple[int, ...], ...], ...]
    offset: tuple[tuple[int, ...], ...]
    shift: tuple[tuple[int, ...], ...] | None
    norm_scale: tuple[tuple[int, ...], ...] | None
    norm_offset: tuple[tuple[int, ...], ...] | None
    shifts: tuple[int, ...]
    offset_shift: int

    @classmethod
    def of(cls, integers: Integers) -> StoredIntegers:
        """From a layer's integers."""
        arrays: dict[str, Any] = {}
        for name in Params.__dataclass_fields__:
            parts = [getattr(params, name) for params in integers.params]
            arrays[name] = None if parts[0] is None else [part.tolist() for part in parts]
        return cls.model_validate(arrays | {"shifts": integers.shifts, "offset_shift": integers.offset_shift})

    def integers(self) -> Integers:
        """A layer's integers."""

        def part(name: str, block: int) -> NDArray[np.int64] | None:
            stored = getattr(self, name)
            return None if stored is None else np.array(stored[block], np.int64)

        names = ("shift", "norm_scale", "norm_offset")
        params = tuple(
            Params(np.array(scales, np.int64), np.array(offset, np.int64), *(part(name, block) for name in names))
            for block, (scales, offset) in enumerate(zip(self.scales, self.offset, strict=True))
        )
        return Integers(params, self.shifts, self.offset_shift)


def _finite(array: NDArray[Any]) -> Any:
    """Nested tuples; what is not known becomes a number that JSON has."""
    return np.nan_to_num(np.asarray(array, np.float64), nan=0.0, posinf=1e300, neginf=-1e300).tolist()
