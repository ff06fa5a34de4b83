"""The whole unit: codes, parameters and settings in, activations and saturation flags out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.formats import MAX_INNER_WIDTH, Activation, Format
from nmpu_hdl.settings import PassSettings

from . import affine
from .activation import clip, leaky, relu, saturate
from .checks import check_range, checked_residual
from .float_model import float_values
from .params import Params
from .requantize import requantize

__all__ = [
    "Activations",
    "affine_steps",
    "finish_steps",
    "forward",
    "inner_dtype",
    "narrow_dtype",
    "run_blocks",
    "taps",
]

Ints = NDArray[np.signedinteger]

_BLOCK = 1 << 14
"""Columns worked on at a time: the temporaries of a block stay in the first levels of the cache."""


class Activations(NamedTuple):
    """Results of passes, each array (..., active columns).

    Attributes:
        y: codes of the output format, in its narrowest signed (unsigned) NumPy dtype.
        low: clipped at the output's low end.
        high: clipped at its high end.
    """

    y: NDArray[np.integer]
    low: NDArray[np.bool_]
    high: NDArray[np.bool_]


def forward(
    config: NmpuConfig,
    codes: ArrayLike,
    params: Params,
    settings: PassSettings | None = None,
    residual: ArrayLike | None = None,
) -> Activations:
    """Run passes over a crossbar's columns; of a tile: results of one row block, without a neighbour's sums.

    Args:
        config: the configuration.
        codes: integers (..., counts, columns) within ``codes.format``; ``counts`` is there even if it is 1.  As many
            columns as ``settings`` says are active, or more, of which the first are used.
        params: the parameters of at least as many columns; bit patterns where the configuration is of binary16.
        settings: the settings of these passes; None means the defaults of :meth:`PassSettings.of`.
        residual: codes of ``output.format``, (..., columns); needed just where ``settings.residual`` is not None.

    Returns:
        Activations of shape (..., active columns).

    Raises:
        ValueError: a shape that does not fit, or a code or parameter outside its format.
    """
    settings = settings or PassSettings.of(config)
    array, extra = _checked(config, codes, params, settings, residual)
    dtype, columns = _dtype(config), settings.columns
    chosen = params.first(columns).astype(dtype)
    lead = array.shape[:-2]
    rows = array.reshape(-1, *array.shape[-2:])
    more = None if extra is None else extra.reshape(-1, columns)

    def steps(block: slice) -> dict[str, Any]:
        if config.derived.floating:
            return float_values(config, rows[block].astype(dtype), chosen, settings)
        first = affine_steps(config, rows[block].astype(dtype), chosen, settings)
        added = None if more is None else more[block].astype(dtype)
        return finish_steps(config, first["affine"], chosen, settings, added)

    y, low, high = run_blocks(config, len(rows), columns, steps)
    shape = *lead, columns
    return Activations(y.reshape(shape), low.reshape(shape), high.reshape(shape))


def taps(
    config: NmpuConfig,
    codes: ArrayLike,
    params: Params,
    settings: PassSettings | None = None,
    residual: ArrayLike | None = None,
) -> dict[str, Ints]:
    """Every inner value of :func:`forward`, under the names of docs/arithmetic.md and in its order.

    Returns:
        ``product`` (m), ``shifted`` (t), ``affine`` (a), ``normed`` (a after norm), ``joined`` (with the residual),
        ``sloped`` (after leaky), ``rounded`` and ``activated`` (y), ``y``, ``low``, ``high``; each (..., active
        columns).  Those of binary16 are the ones of :func:`golden.float_model.float_values`.
    """
    settings = settings or PassSettings.of(config)
    array, extra = _checked(config, codes, params, settings, residual)
    dtype = _dtype(config)
    chosen = params.first(settings.columns).astype(dtype)
    if config.derived.floating:
        return float_values(config, array.astype(dtype), chosen, settings)
    first = affine_steps(config, array.astype(dtype), chosen, settings)
    added = None if extra is None else extra.astype(dtype)
    return first | finish_steps(config, first["affine"], chosen, settings, added)


def affine_steps(config: NmpuConfig, codes: Ints, params: Params, settings: PassSettings) -> dict[str, Any]:
    """docs/arithmetic.md up to the sum, line by line: ``product``, ``shifted``, ``affine``.

    All arrays are of :func:`inner_dtype` and known to fit.
    """
    guard = config.guard
    fraction = config.derived.operand.fraction + config.scale.format.fraction
    amount = config.shift.min if config.shift.granularity == "fixed" else settings.shift
    v: dict[str, Any] = {}
    v["product"] = affine.multiply(codes, params.scales)
    v["shifted"] = affine.shift(v["product"], fraction, amount if params.shift is None else params.shift, guard)
    v["affine"], _ = affine.offset(
        v["shifted"], params.offset, config.offset.format.fraction, settings.offset_shift, guard
    )
    return v


def finish_steps(
    config: NmpuConfig, a: Ints, params: Params, settings: PassSettings, residual: Ints | None
) -> dict[str, Any]:
    """docs/arithmetic.md after the sum, line by line: ``normed`` to ``y``, ``low``, ``high``.

    Args:
        config: the configuration.
        a: (..., columns) of :func:`inner_dtype`, with the fraction bits of ``derived.total``.
        params: of which the norm's are used.
        settings: all but ``shift`` and ``offset_shift`` are used.
        residual: (..., columns) codes of ``output.format``, where ``settings.residual`` is not None.
    """
    act, out = config.activation, config.output.format
    fine = config.derived.total.fraction
    v: dict[str, Any] = {"normed": a}
    if params.norm_scale is not None and params.norm_offset is not None:
        scale = params.norm_scale, config.norm.scale.fraction
        shift_in = params.norm_offset, config.norm.offset.fraction
        v["normed"], fine = affine.norm(a, fine, scale, shift_in, config.guard), config.guard
    v["joined"] = v["normed"]
    if residual is not None and settings.residual is not None:
        v["joined"], fine = affine.join(v["normed"], fine, residual, settings.residual, config.tile.residual_right)
    v["sloped"] = v["joined"]
    if Activation.LEAKY in act.modes:
        v["sloped"] = leaky(v["joined"], act.leaky_shift, settings.activation is Activation.LEAKY)
        fine += act.leaky_shift
    v["rounded"] = v["activated"] = requantize(v["sloped"], fine, settings.rounding)
    if settings.activation is Activation.RELU:
        v["activated"] = relu(v["rounded"])
    elif settings.activation is Activation.CLIP:
        v["activated"] = clip(v["rounded"], settings.clip_low, settings.clip_high)
    narrowed = Format(out.signed, settings.width, 0)
    v["y"], v["low"], v["high"] = saturate(v["activated"], narrowed, config.output.overflow)
    return v


def run_blocks(config: NmpuConfig, rows: int, columns: int, steps: Callable[[slice], dict[str, Any]]) -> Activations:
    """Activations (rows, columns) of ``y``, ``low``, ``high`` that ``steps`` makes of some rows at a time."""
    result = Activations(np.empty((rows, columns), narrow_dtype(config)), *np.empty((2, rows, columns), np.bool_))
    step = max(_BLOCK // columns, 1)
    for start in range(0, rows, step):
        block = slice(start, start + step)
        values = steps(block)
        for name, part in result._asdict().items():
            part[block] = values[name]
    return result


def _dtype(config: NmpuConfig) -> type[np.signedinteger]:
    return np.int64 if config.derived.floating else inner_dtype(config)


def inner_dtype(config: NmpuConfig) -> type[np.signedinteger]:
    """Of fixed point: int32 where every inner value fits with a bit to spare for the rounding term, else int64."""
    d = config.derived
    widest = max(n.width for n in (d.product, d.shifted, d.total, d.norm_sum, d.joined, d.sloped)) + 1
    assert widest <= MAX_INNER_WIDTH + 1  # Derived.check refuses the rest
    return np.int32 if widest < 32 else np.int64


def narrow_dtype(config: NmpuConfig) -> np.dtype[np.integer]:
    """The narrowest dtype, signed only if need be, that holds the codes of ``output.format``."""
    form = config.output.format
    kinds = (np.int8, np.int16) if form.signed else (np.uint8, np.uint16)
    return np.dtype(next(k for k in kinds if np.iinfo(k).min <= form.low and form.high <= np.iinfo(k).max))


def _checked(
    config: NmpuConfig, codes: ArrayLike, params: Params, settings: PassSettings, residual: ArrayLike | None
) -> tuple[NDArray[np.integer], NDArray[np.integer] | None]:
    """Codes and residuals of the active columns, once they and the parameters are known to fit.

    Raises:
        ValueError: wrong shape, wrong dtype, or a code or parameter outside its format.
    """
    array, counts, number = np.asarray(codes), config.codes.counts, config.derived.operand
    if array.ndim < 2 or array.shape[-2] != counts or array.shape[-1] < settings.columns:
        raise ValueError(
            f"codes of shape {array.shape} do not end in (counts, columns) = ({counts}, {settings.columns})"
        )
    active = array[..., : settings.columns]
    check_range(active, number.low, number.high, "code", str(number))
    params.fields(config)
    extra = checked_residual(config, settings, residual, array.shape[:-2])
    return active, extra
