"""Parameters from floating point to integers (or to bit patterns of binary16) and back, with the error it causes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.formats import Format

from . import float16
from .params import Params

__all__ = ["BatchNorm", "Quantized", "dequantize", "quantize"]

Ints = NDArray[np.signedinteger]
Floats = NDArray[np.floating[Any]]


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
        shift: the shift of the layer (of no effect where shifts are a column or fixed, and in binary16).
        offset_shift: the left shift of all offsets.
        gain: (counts, columns) the gains that the integers mean, output LSB a code's value.
        offset: (columns,) the offsets that they mean, output LSB.
        error: (columns,) bound of the error of ``a`` that quantising causes, in output LSB, over all codes.  On top
            come the cut to guard bits (less than 2**-guard; with a second affine stage, that times its gain and once
            more) and the rounding (at most 0.5, or less than 1 for floor).  In binary16 it is that of the parameters
            alone, too; instead of the cuts there is what operations round off: 2**-11 of each result, or up to 2**-14
            if that is more.
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
    for all columns, or for each where shifts are a column.  In binary16 each number goes to the nearest one; lean
    lanes read those below 2**-14 as 0, and the error bound counts that.

    Args:
        config: the configuration.
        gain: (counts, columns) or (columns,) where there is one count; output LSB for each unit of a code's value.
        offset: (columns,), output LSB.
        batch_norm: (columns,) each.

    Raises:
        ValueError: a gain or offset that no integer (no finite binary16) represents, with the column; nothing is
            clipped silently.
    """
    gains, offsets, (bn_gain, bn_offset) = _checked(config, gain, offset, batch_norm)
    if config.norm.kind == "none":
        gains, offsets = gains * bn_gain, offsets * bn_gain + bn_offset
    shift, column_shift = _choose_shift(config, gains)
    up = _choose_offset_shift(config, offsets)
    exponent = 0 if config.derived.floating else shift if column_shift is None else column_shift
    scales = _to_codes(config, gains * np.exp2(exponent), config.scale.format, "scale.format", "gain")
    codes = _to_codes(config, offsets / 2**up, config.offset.format, "offset.format", "offset")
    params = Params(scales, codes, column_shift)
    got_gain, got_offset = _first_stage(config, params, shift, up)
    top = max(-config.derived.operand.low, config.derived.operand.high) * 2.0**-config.derived.operand.fraction
    error: Floats = np.abs(got_gain - gains).sum(axis=0) * top + np.abs(got_offset - offsets)
    if config.norm.kind == "affine":
        norm_scale = _to_codes(config, bn_gain, config.norm.scale, "norm.scale", "batch-norm gain")
        norm_offset = _to_codes(config, bn_offset, config.norm.offset, "norm.offset", "batch-norm offset")
        params = replace(params, norm_scale=norm_scale, norm_offset=norm_offset)
        second, third = _values(config, norm_scale, config.norm.scale), _values(config, norm_offset, config.norm.offset)
        largest = np.abs(gains).sum(axis=0) * top + np.abs(offsets)
        error = error * np.abs(second) + np.abs(second - bn_gain) * largest + np.abs(third - bn_offset)
    return Quantized(params, shift, up, *dequantize(config, params, shift, up), error)


def dequantize(config: NmpuConfig, params: Params, shift: int = 0, offset_shift: int = 0) -> tuple[Floats, Floats]:
    """What integer parameters mean: the inverse of :func:`quantize`, for parameters from anywhere, such as a memory.

    Args:
        config: the configuration.
        params: the integers.
        shift: the shift of the layer; of no effect where shifts are a column or fixed, and in binary16.
        offset_shift: the left shift of all offsets.

    Returns:
        Gains (counts, columns) and offsets (columns,) in output LSB, the second affine stage included.

    Raises:
        ValueError: parameters that do not fit the configuration.
    """
    params.fields(config)
    gain, offset = _first_stage(config, params, shift, offset_shift)
    if params.norm_scale is None or params.norm_offset is None:
        return gain, offset
    second = _values(config, params.norm_scale, config.norm.scale)
    return gain * second, offset * second + _values(config, params.norm_offset, config.norm.offset)


def _first_stage(config: NmpuConfig, params: Params, shift: int, offset_shift: int) -> tuple[Floats, Floats]:
    """Gains and offsets before the second affine stage."""
    gain = _values(config, params.scales, config.scale.format)
    offset = _values(config, params.offset, config.offset.format)
    if config.derived.floating:
        return gain, offset
    layer = config.shift.min if config.shift.granularity == "fixed" else shift
    exponent = np.asarray(layer if params.shift is None else params.shift, np.float64)
    return gain * np.exp2(-exponent), offset * 2.0**offset_shift


def _values(config: NmpuConfig, codes: Ints, form: Format) -> Floats:
    """What stored parameters mean."""
    return float16.to_float(codes, config.arithmetic.lean) if config.derived.floating else codes * form.step


def _checked(
    config: NmpuConfig, gain: ArrayLike, offset: ArrayLike, batch_norm: BatchNorm | None
) -> tuple[Floats, Floats, tuple[Floats, Floats]]:
    """Gains (counts, columns), offsets (columns,), and the batch norm's gains and offsets.

    Raises:
        ValueError: shapes that do not fit, or what is not finite.
    """
    gains: Floats = np.atleast_2d(np.asarray(gain, np.float64))
    offsets: Floats = np.asarray(offset, np.float64)
    if offsets.ndim != 1 or gains.shape != (config.codes.counts, offsets.shape[-1]):
        raise ValueError(
            f"gain {gains.shape} and offset {offsets.shape} are not ({config.codes.counts}, columns) and (columns,)"
        )
    if not (np.isfinite(gains).all() and np.isfinite(offsets).all()):
        raise ValueError("gain and offset must be finite")
    norm = batch_norm.affine() if batch_norm else (np.ones_like(offsets), np.zeros_like(offsets))
    if norm[0].shape != offsets.shape or norm[1].shape != offsets.shape:
        raise ValueError(
            f"the batch norm has {norm[0].shape} and {norm[1].shape} values, not {offsets.shape} as the offset"
        )
    if not (np.isfinite(norm[0]).all() and np.isfinite(norm[1]).all()):
        raise ValueError("the batch norm must be finite, its variance positive")
    return gains, offsets, norm


def _choose_shift(config: NmpuConfig, gains: Floats) -> tuple[int, Ints | None]:
    """The largest shift at which the largest gain still fits: for the layer, and a column where shifts are a column."""
    form, allowed = config.scale.format, config.shift
    if config.derived.floating:  # any that settings take
        return min(max(0, allowed.min), allowed.max), None
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
    for up in range(config.derived.offset_shifts):
        codes = np.rint(offsets / (form.step * 2**up))
        if (codes >= form.low).all() and (codes <= form.high).all():
            return up
    return config.derived.offset_shifts


def _to_codes(config: NmpuConfig, values: Floats, form: Format, field: str, what: str) -> Ints:
    """The nearest codes, or bit patterns.

    Raises:
        ValueError: a value outside the format.
    """
    if config.derived.floating:
        with np.errstate(over="ignore"):
            halves = values.astype(np.float16)
        top = float(np.finfo(np.float16).max)
        _refuse(values, np.isinf(halves), what, f"binary16 ({-top:g}..{top:g})", "gains and offsets nearer to 0")
        return halves.view(np.uint16).astype(np.int64)
    codes = np.rint(values / form.step)
    span = f"{form.low * form.step:g}..{form.high * form.step:g}"
    _refuse(values, (codes < form.low) | (codes > form.high), what, f"{field} = {form} ({span})", "a wider format")
    return codes.astype(np.int64)


def _refuse(values: Floats, wrong: NDArray[np.bool_], what: str, where: str, remedy: str) -> None:
    """Refuse values that are wrong.

    Raises:
        ValueError: naming the first one's column, and how many columns are so.
    """
    found = np.argwhere(wrong)
    if found.size:
        column, value = found[0][-1], values[tuple(found[0])]
        count = len({int(w[-1]) for w in found})
        raise ValueError(
            f"the {what} of column {column} needs {value:.6g}, outside {where}; "
            f"{count} column{'s' if count > 1 else ''} so; {remedy} would do"
        )
