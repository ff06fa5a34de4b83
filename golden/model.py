"""The whole unit: codes, parameters and settings in, activations and saturation flags out."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.formats import MAX_INNER_WIDTH, Activation
from nmpu_hdl.settings import PassSettings

from . import affine
from .activation import clip, leaky, relu, saturate
from .params import Params
from .requantize import requantize

__all__ = ["Activations", "forward", "taps"]

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


def forward(config: NmpuConfig, codes: ArrayLike, params: Params, settings: PassSettings | None = None) -> Activations:
    """Run passes over a crossbar's columns.

    Args:
        config: the configuration.
        codes: integers (..., counts, columns) within ``codes.format``; ``counts`` is there even if it is 1.  As many
            columns as ``settings`` says are active, or more, of which the first are used.
        params: the parameters of at least as many columns.
        settings: the settings of these passes; None means the defaults of :meth:`PassSettings.of`.

    Returns:
        Activations of shape (..., active columns).

    Raises:
        ValueError: a shape that does not fit, or a code or parameter outside its format.
    """
    settings = settings or PassSettings.of(config)
    array = _checked(config, np.asarray(codes), params, settings)
    chosen = params.first(settings.columns).astype(_dtype(config))
    lead, columns = array.shape[:-2], settings.columns
    rows = array.reshape(-1, *array.shape[-2:])
    form = config.output.format
    y = np.empty((len(rows), columns), _narrow(form.low, form.high))
    low, high = np.empty((2, len(rows), columns), np.bool_)
    step = max(_BLOCK // columns, 1)
    for start in range(0, len(rows), step):
        block = slice(start, start + step)
        values = _steps(config, rows[block].astype(_dtype(config)), chosen, settings)
        y[block], low[block], high[block] = values["y"], values["low"], values["high"]
    shape = (*lead, columns)
    return Activations(y.reshape(shape), low.reshape(shape), high.reshape(shape))


def taps(config: NmpuConfig, codes: ArrayLike, params: Params, settings: PassSettings | None = None) -> dict[str, Ints]:
    """Every inner value of :func:`forward`, under the names of docs/arithmetic.md and in its order.

    Returns:
        ``product`` (m), ``shifted`` (t), ``affine`` (a), ``normed`` (a after norm), ``sloped`` (after leaky),
        ``rounded`` and ``activated`` (y), ``y``, ``low``, ``high``; each (..., active columns).
    """
    settings = settings or PassSettings.of(config)
    array = _checked(config, np.asarray(codes), params, settings)
    dtype = _dtype(config)
    return _steps(config, array.astype(dtype), params.first(settings.columns).astype(dtype), settings)


def _steps(config: NmpuConfig, codes: Ints, params: Params, settings: PassSettings) -> dict[str, Any]:
    """docs/arithmetic.md, line by line."""
    guard, act = config.guard, config.activation
    fraction = config.codes.format.fraction + config.scale.format.fraction
    amount = config.shift.min if config.shift.granularity == "fixed" else settings.shift
    v: dict[str, Any] = {}
    v["product"] = affine.multiply(codes, params.scales)
    v["shifted"] = affine.shift(v["product"], fraction, amount if params.shift is None else params.shift, guard)
    v["affine"], fine = affine.offset(
        v["shifted"], params.offset, config.offset.format.fraction, settings.offset_shift, guard
    )
    v["normed"] = v["affine"]
    if params.norm_scale is not None and params.norm_offset is not None:
        scale = params.norm_scale, config.norm.scale.fraction
        shift_in = params.norm_offset, config.norm.offset.fraction
        v["normed"], fine = affine.norm(v["affine"], fine, scale, shift_in, guard), guard
    v["sloped"] = v["normed"]
    if Activation.LEAKY in act.modes:
        v["sloped"] = leaky(v["normed"], act.leaky_shift, settings.activation is Activation.LEAKY)
        fine += act.leaky_shift
    v["rounded"] = v["activated"] = requantize(v["sloped"], fine, settings.rounding)
    if settings.activation is Activation.RELU:
        v["activated"] = relu(v["rounded"])
    elif settings.activation is Activation.CLIP:
        v["activated"] = clip(v["rounded"], settings.clip_low, settings.clip_high)
    v["y"], v["low"], v["high"] = saturate(v["activated"], config.output.format, config.output.overflow)
    return v


def _dtype(config: NmpuConfig) -> type[np.signedinteger]:
    """int32 where every inner value fits with a bit to spare for the rounding term, else int64."""
    d = config.derived
    widest = max(n.width for n in (d.product, d.shifted, d.affine, d.norm_sum, d.sloped)) + 1
    assert widest <= MAX_INNER_WIDTH + 1  # Derived.check refuses the rest
    return np.int32 if widest < 32 else np.int64


def _narrow(low: int, high: int) -> np.dtype[np.integer]:
    """The narrowest dtype, signed only if need be, that holds ``low..high``."""
    kinds = (np.int8, np.int16) if low else (np.uint8, np.uint16)
    return np.dtype(next(k for k in kinds if np.iinfo(k).min <= low and high <= np.iinfo(k).max))


def _checked(
    config: NmpuConfig, codes: NDArray[np.integer], params: Params, settings: PassSettings
) -> NDArray[np.integer]:
    """The codes of the active columns, once codes and parameters are known to fit.

    Raises:
        ValueError: wrong shape, wrong dtype, or a code or parameter outside its format.
    """
    counts, form = config.codes.counts, config.codes.format
    if codes.dtype.kind not in "iu":
        raise ValueError(f"codes must be integers, not {codes.dtype}")
    if codes.ndim < 2 or codes.shape[-2] != counts or codes.shape[-1] < settings.columns:
        raise ValueError(
            f"codes of shape {codes.shape} do not end in (counts, columns) = ({counts}, {settings.columns})"
        )
    active = codes[..., : settings.columns]
    if active.size and not (form.low <= int(active.min()) and int(active.max()) <= form.high):
        raise ValueError(
            f"a code of {int(active.min())}..{int(active.max())} is outside {form} ({form.low}..{form.high})"
        )
    params.fields(config)
    return active
