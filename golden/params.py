"""Parameters: from floating point to integers and back, and the words that the hardware's memory holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.formats import Format

__all__ = ["BatchNorm", "Params", "Quantized", "pack", "quantize", "unpack"]

Ints = NDArray[np.signedinteger]
Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Params:
    """The integer parameters of a pass, int64, one of each a column.

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
                raise ValueError(
                    f"{field.name} of column {wrong[0]} is {value[wrong[0]]}, outside {field.format or span} ({span})"
                )
            stored[field.name] = value
        return stored


def pack(config: NmpuConfig, params: Params) -> list[int]:
    """The memory's content: one integer a slot, the word of lane 0 lowest; columns without parameters are 0.

    Raises:
        ValueError: a value outside its format, or more columns than the array has.
    """
    if params.columns > config.array.columns:
        raise ValueError(f"{params.columns} columns do not fit an array of {config.array.columns}")
    width, lanes = config.derived.param_width, config.array.lanes
    words = np.zeros(config.array.columns, dtype=object)
    stored = params.fields(config)
    for field in config.derived.param_fields:
        masked = stored[field.name].astype(object) & ((1 << field.width) - 1)
        words[: params.columns] |= masked << field.lsb
    shifts = [width * lane for lane in range(lanes)]
    return [sum(int(w) << s for w, s in zip(slot, shifts, strict=True)) for slot in words.reshape(-1, lanes)]


def unpack(config: NmpuConfig, slots: list[int]) -> Params:
    """The inverse of :func:`pack`, for all columns."""
    width, lanes = config.derived.param_width, config.array.lanes
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


class BatchNorm(NamedTuple):
    """Batch normalisation of a column: ``gamma * (v - mean) / sqrt(variance + eps) + beta``, all in output LSB."""

    gamma: ArrayLike
    beta: ArrayLike
    mean: ArrayLike
    variance: ArrayLike
    eps: float = 1e-5

    def affine(self) -> tuple[Floats, Floats]:
        """The same as a gain and an offset a column."""
        with np.errstate(invalid="ignore", divide="ignore"):
            gain = np.asarray(self.gamma, np.float64) / np.sqrt(np.asarray(self.variance, np.float64) + self.eps)
        return gain, np.asarray(self.beta, np.float64) - gain * np.asarray(self.mean, np.float64)


class Quantized(NamedTuple):
    """Integer parameters, and what became of the floating-point ones.

    Attributes:
        params: the integers.
        shift: the shift of the layer (of no effect where shifts are a column or fixed).
        offset_shift: the left shift of all offsets.
        gain: (counts, columns) the gains that the integers mean, output LSB a code's value.
        offset: (columns,) the offsets that they mean, output LSB.
        error: (columns,) bound of the error of ``a`` that quantising causes, in output LSB, over all codes.  On top
            come the cut to guard bits (less than 2**-guard; with a second affine stage, that times its gain and once
            more) and the rounding (at most 0.5, or less than 1 for floor).
    """

    params: Params
    shift: int
    offset_shift: int
    gain: Floats
    offset: Floats
    error: Floats


def quantize(config: NmpuConfig, gain: ArrayLike, offset: ArrayLike, batch_norm: BatchNorm | None = None) -> Quantized:
    """Integer parameters for ``y = gain_p * p - gain_n * n + offset`` (or ``gain * x + offset``), then batch norm.

    Batch norm goes into gain and offset, or into the second affine stage where the configuration has one (an identity
    is stored there if ``batch_norm`` is None).  The largest shift that the gains allow is taken, for the finest scales:
    for all columns, or for each where shifts are a column.

    Args:
        config: the configuration.
        gain: (counts, columns) or (columns,) where there is one count; output LSB for each unit of a code's value.
        offset: (columns,), output LSB.
        batch_norm: (columns,) each.

    Raises:
        ValueError: a gain or offset that no integer represents, with the column; nothing is clipped silently.
    """
    gains = np.atleast_2d(np.asarray(gain, np.float64))
    offsets = np.asarray(offset, np.float64)
    if offsets.ndim != 1 or gains.shape != (config.codes.counts, offsets.shape[-1]):
        raise ValueError(
            f"gain {gains.shape} and offset {offsets.shape} are not ({config.codes.counts}, columns) and (columns,)"
        )
    bn_gain, bn_offset = batch_norm.affine() if batch_norm else (np.ones_like(offsets), np.zeros_like(offsets))
    if bn_gain.shape != offsets.shape or bn_offset.shape != offsets.shape:
        raise ValueError(
            f"the batch norm has {bn_gain.shape} and {bn_offset.shape} values, not {offsets.shape} as the offset"
        )
    if not (np.isfinite(bn_gain).all() and np.isfinite(bn_offset).all()):
        raise ValueError("the batch norm must be finite, its variance positive")
    if config.norm.kind == "none":
        gains, offsets = gains * bn_gain, offsets * bn_gain + bn_offset
    if not (np.isfinite(gains).all() and np.isfinite(offsets).all()):
        raise ValueError("gain and offset must be finite")
    shift, column_shift = _choose_shift(config, gains)
    up = _choose_offset_shift(config, offsets)
    form = config.scale.format
    exponent = shift if column_shift is None else column_shift
    scales = _to_codes(gains * np.exp2(exponent), form, "scale.format", "gain")
    codes = _to_codes(offsets / 2**up, config.offset.format, "offset.format", "offset")
    params = Params(scales, codes, column_shift)
    got_gain: Floats = scales * form.step * np.exp2(-np.asarray(exponent, np.float64))
    got_offset: Floats = codes * config.offset.format.step * 2**up
    top = max(-config.codes.format.low, config.codes.format.high) * config.codes.format.step
    error: Floats = np.abs(got_gain - gains).sum(axis=0) * top + np.abs(got_offset - offsets)
    if config.norm.kind == "affine":
        norm_scale = _to_codes(bn_gain, config.norm.scale, "norm.scale", "batch-norm gain")
        norm_offset = _to_codes(bn_offset, config.norm.offset, "norm.offset", "batch-norm offset")
        params = replace(params, norm_scale=norm_scale, norm_offset=norm_offset)
        second, third = norm_scale * config.norm.scale.step, norm_offset * config.norm.offset.step
        largest = np.abs(gains).sum(axis=0) * top + np.abs(offsets)
        error = error * np.abs(second) + np.abs(second - bn_gain) * largest + np.abs(third - bn_offset)
        got_gain, got_offset = got_gain * second, got_offset * second + third
    return Quantized(params, shift, up, got_gain, got_offset, error)


def _choose_shift(config: NmpuConfig, gains: Floats) -> tuple[int, Ints | None]:
    """The largest shift at which the largest gain still fits: for the layer, and a column where shifts are a column."""
    form, allowed = config.scale.format, config.shift
    if allowed.granularity == "fixed":
        return allowed.min, None
    edge_up, edge_down = (form.high + 0.5) * form.step, (0.5 - form.low) * form.step
    need = np.maximum(gains / edge_up, -gains / edge_down).max(axis=0)
    with np.errstate(divide="ignore"):
        room = np.where(need > 0, -np.log2(np.maximum(need, 1e-300)), np.inf)
    column = np.clip(np.ceil(room) - 1, allowed.min, allowed.max).astype(np.int64)
    layer = int(column.min(initial=allowed.max))
    return (layer, column) if allowed.granularity == "column" else (layer, None)


def _choose_offset_shift(config: NmpuConfig, offsets: Floats) -> int:
    """The least left shift at which every offset fits."""
    form = config.offset.format
    for up in range(config.offset.max_shift):
        codes = np.rint(offsets / (form.step * 2**up))
        if (codes >= form.low).all() and (codes <= form.high).all():
            return up
    return config.offset.max_shift


def _to_codes(values: Floats, form: Format, field: str, what: str) -> Ints:
    """The nearest codes.

    Raises:
        ValueError: a value outside the format.
    """
    codes = np.rint(values / form.step)
    wrong = np.argwhere((codes < form.low) | (codes > form.high))
    if wrong.size:
        column, value = wrong[0][-1], values[tuple(wrong[0])]
        count = len({int(w[-1]) for w in wrong})
        low, high = form.low * form.step, form.high * form.step
        raise ValueError(
            f"the {what} of column {column} needs {value:.6g}, outside {field} = {form} ({low:g}..{high:g}); "
            f"{count} column{'s' if count > 1 else ''} so; a wider format would do"
        )
    return codes.astype(np.int64)
