"""What a later re-calibration starts from, as plain frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from golden import BatchNorm, Fit, Line, Params, Wanted
from golden.measured import Fitted, Integers, Verdict
from golden.measured.pairs import Kind

__all__ = ["Frozen", "List1", "List2", "StoredFit", "StoredIntegers", "StoredWanted", "check_shapes"]

Number = Annotated[float, Field(allow_inf_nan=False)]
Coefficient = Annotated[float, Field(ge=-1e90, le=1e90)]
"""Of a line; times an ideal result and squared it is a number still."""

Code = Annotated[int, Field(ge=-(1 << 40), le=1 << 40)]
"""An integer of any format; whether it is one of its own format is seen where it is used."""

List1 = tuple[float, ...]
List2 = tuple[List1, ...]

Numbers1 = tuple[Number, ...]
Numbers2 = tuple[Numbers1, ...]
Numbers3 = tuple[Numbers2, ...]
Lines = tuple[tuple[tuple[Coefficient, ...], ...], ...]


class Frozen(BaseModel):
    """Plain data that does not change."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def check_shapes(named: Mapping[str, tuple[Any, tuple[int, ...]]]) -> None:
    """Refuse nested tuples that are not as long as they should be; None is left alone.

    Args:
        named: by its name in the file what is there, and the shape that it should have.

    Raises:
        ValueError: naming the first that has another shape.
    """

    def fits(value: Any, shape: tuple[int, ...]) -> bool:
        return not shape or (len(value) == shape[0] and all(fits(one, shape[1:]) for one in value))

    for name, (value, shape) in named.items():
        if value is not None and not fits(value, shape):
            raise ValueError(f"{name} is not of shape {shape}, as the other lists are")


class StoredFit(Frozen):
    """A :class:`golden.measured.Fitted`, less what belongs to single pairs."""

    kind: Kind
    gain: Numbers3
    gain_error: Numbers3
    centre: Numbers3
    offset: Numbers1
    offset_error: Numbers1
    middle: Numbers1
    spread: Numbers1
    slope: Lines
    intercept: Lines
    slope_error: Numbers3
    intercept_error: Numbers3
    residual: Numbers3

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

    def check_shape(self, blocks: int, counts: int, columns: int) -> None:
        """Refuse lists that are not of so many row blocks, counts and columns.

        Raises:
            ValueError: naming the first.
        """
        lines = ("slope", "intercept", "slope_error", "intercept_error", "residual")
        fits = blocks if self.kind == "count" else 0
        shapes: dict[str, tuple[int, ...]] = dict.fromkeys(("gain", "gain_error", "centre"), (blocks, counts, columns))
        shapes |= dict.fromkeys(("offset", "offset_error", "middle", "spread"), (columns,))
        shapes |= dict.fromkeys(lines, (fits, counts, columns))
        check_shapes({f"fit.{name}": (getattr(self, name), shape) for name, shape in shapes.items()})

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

    gain: Numbers1
    offset: Numbers1
    batch_norm: tuple[Numbers1, Numbers1, Numbers1, Numbers1] | None
    eps: Number

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

    def check_shape(self, columns: int) -> None:
        """Refuse lists that are not of so many columns, and a batch norm that divides by 0.

        Raises:
            ValueError: naming the first.
        """
        lists = {f"wanted.{name}": (getattr(self, name), (columns,)) for name in ("gain", "offset")}
        check_shapes({**lists, "wanted.batch_norm": (self.batch_norm, (4, columns))})
        if self.batch_norm is not None and not all(one + self.eps > 0 for one in self.batch_norm[3]):
            raise ValueError("wanted.batch_norm has a variance + eps that is not above 0")

    def wanted(self) -> Wanted:
        """What the layer computes."""
        norm = None
        if self.batch_norm is not None:
            gamma, beta, mean, variance = (np.array(one) for one in self.batch_norm)
            norm = BatchNorm(gamma, beta, mean, variance, self.eps)
        return Wanted(np.array(self.gain), np.array(self.offset), norm)


class StoredIntegers(Frozen):
    """A :class:`golden.measured.Integers`: of each block scales (counts, columns), and all else (columns,)."""

    scales: tuple[tuple[tuple[Code, ...], ...], ...]
    offset: tuple[tuple[Code, ...], ...]
    shift: tuple[tuple[Code, ...], ...] | None
    norm_scale: tuple[tuple[Code, ...], ...] | None
    norm_offset: tuple[tuple[Code, ...], ...] | None
    shifts: tuple[Code, ...]
    offset_shift: Code

    @classmethod
    def of(cls, integers: Integers) -> StoredIntegers:
        """From a layer's integers."""
        arrays: dict[str, Any] = {}
        for name in Params.__dataclass_fields__:
            parts = [getattr(params, name) for params in integers.params]
            arrays[name] = None if parts[0] is None else [part.tolist() for part in parts]
        return cls.model_validate(arrays | {"shifts": integers.shifts, "offset_shift": integers.offset_shift})

    def check_shape(self, blocks: int, counts: int, columns: int) -> None:
        """Refuse lists that are not of so many row blocks, counts and columns.

        Raises:
            ValueError: naming the first.
        """
        names = ("offset", "shift", "norm_scale", "norm_offset")
        shapes: dict[str, tuple[int, ...]] = {"scales": (blocks, counts, columns), "shifts": (blocks,)}
        shapes |= dict.fromkeys(names, (blocks, columns))
        check_shapes({f"integers.{name}": (getattr(self, name), shape) for name, shape in shapes.items()})

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
