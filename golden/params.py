"""Integer parameters, and the words that the hardware's memory holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import DTypeLike, NDArray

from nmpu_hdl.config import NmpuConfig

__all__ = ["Params", "pack", "unpack"]

Ints = NDArray[np.signedinteger]


@dataclass(frozen=True)
class Params:
    """The integer parameters of a pass, int64, one of each a column.

    Where ``arithmetic.kind`` is ``fp16``, all are bit patterns of binary16, 0..65535, and ``shift`` is None.

    Args:
        scales: (counts, columns) codes of ``scale.format``.
        offset: (columns,) codes of ``offset.format``.
        shift: (columns,) right shifts where ``shift.granularity`` is ``column``, else None.
        norm_scale: (columns,) codes of ``norm.scale`` where ``norm.kind`` is ``affine``, else None.
        norm_offset: (columns,) codes of ``norm.offset``, likewise.
    """

    scales: Ints
    offset: Ints
    shift: Ints | None = None
    norm_scale: Ints | None = None
    norm_offset: Ints | None = None

    @property
    def columns(self) -> int:
        """Columns that have parameters."""
        return self.offset.shape[-1]

    def first(self, columns: int) -> Params:
        """The parameters of the first ``columns`` columns.

        Raises:
            ValueError: there are fewer.
        """
        if self.columns < columns:
            raise ValueError(f"parameters of {self.columns} columns do not serve {columns}")
        return self._each(lambda a: a[..., :columns])

    def astype(self, dtype: DTypeLike) -> Params:
        """The same with another dtype."""
        return self._each(lambda a: a.astype(dtype))

    def _each(self, change: Callable[[Ints], Ints]) -> Params:
        arrays = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return replace(self, **{name: change(a) for name, a in arrays.items() if a is not None})

    def fields(self, config: NmpuConfig) -> dict[str, Ints]:
        """The integers as the parameter word stores them, by the names of ``Derived.param_fields``.

        Raises:
            ValueError: a shape that does not fit, or a value outside its format, with column and value.
        """
        values: dict[str, Ints | None] = {
            "offset": self.offset,
            "norm_scale": self.norm_scale,
            "norm_offset": self.norm_offset,
        }
        names = ("scale_p", "scale_n") if config.codes.counts == 2 else ("scale",)
        if self.scales.shape != (len(names), self.columns):
            raise ValueError(
                f"scales of shape {self.scales.shape} are not (counts, columns) = ({len(names)}, {self.columns})"
            )
        values |= dict(zip(names, self.scales, strict=True))
        values["shift"] = None if self.shift is None else self.shift - config.shift.min
        known = {field.name for field in config.derived.param_fields}
        surplus = [name for name, value in values.items() if value is not None and name not in known]
        if surplus:
            raise ValueError(f"the configuration has no {surplus[0]} a column; leave it out")
        stored: dict[str, Ints] = {}
        for field in config.derived.param_fields:
            value = values[field.name]
            if value is None or value.shape != (self.columns,):
                raise ValueError(f"the configuration needs {field.name}, one for each of {self.columns} columns")
            if value.dtype.kind not in "iu":
                raise ValueError(f"{field.name} must be integers, not {value.dtype}")
            wrong = np.flatnonzero((value < field.number.low) | (value > field.number.high))
            if wrong.size:
                span = f"{field.number.low}..{field.number.high}"
                where = "binary16" if config.derived.floating else field.format or span
                raise ValueError(f"{field.name} of column {wrong[0]} is {value[wrong[0]]}, outside {where} ({span})")
            stored[field.name] = value
        return stored


def pack(config: NmpuConfig, params: Params) -> list[int]:
    """The memory's content: one integer a slot, the word of lane 0 lowest; columns without parameters are 0.

    Raises:
        ValueError: a value outside its format, or more columns than the array has.
    """
    if params.columns > config.array.columns:
        raise ValueError(f"{params.columns} columns do not fit an array of {config.array.columns}")
    width, lanes = config.derived.param_width, config.derived.built
    words = np.zeros(config.array.columns, dtype=object)
    stored = params.fields(config)
    for field in config.derived.param_fields:
        masked = stored[field.name].astype(object) & ((1 << field.width) - 1)
        words[: params.columns] |= masked << field.lsb
    shifts = [width * lane for lane in range(lanes)]
    return [sum(int(w) << s for w, s in zip(slot, shifts, strict=True)) for slot in words.reshape(-1, lanes)]


def unpack(config: NmpuConfig, slots: list[int]) -> Params:
    """The inverse of :func:`pack`, for all columns."""
    width, lanes = config.derived.param_width, config.derived.built
    words = [(slot >> (width * lane)) & ((1 << width) - 1) for slot in slots for lane in range(lanes)]
    fields: dict[str, Ints] = {}
    for field in config.derived.param_fields:
        raw = np.array([(w >> field.lsb) & ((1 << field.width) - 1) for w in words], dtype=np.int64)
        sign = field.number.signed and 1 << (field.width - 1)
        fields[field.name] = (raw ^ sign) - sign if sign else raw
    names = [f for f in fields if f.startswith("scale")]
    column_shift = fields["shift"] + config.shift.min if "shift" in fields else None
    return Params(
        np.stack([fields[n] for n in names]),
        fields["offset"],
        column_shift,
        fields.get("norm_scale"),
        fields.get("norm_offset"),
    )
