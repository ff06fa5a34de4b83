"""A lane of binary16, docs/arithmetic.md, "Binary16", line by line."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.formats import Activation
from nmpu_hdl.settings import PassSettings

from . import float16
from .params import Params

__all__ = ["float_values"]

Ints = NDArray[np.signedinteger]


def float_values(config: NmpuConfig, codes: Ints, params: Params, settings: PassSettings) -> dict[str, Any]:
    """Every inner value in its order, bit patterns up to ``activated``, int64.

    Args:
        config: one whose ``derived.floating`` holds.
        codes: (..., counts, columns) within ``codes.format``.
        params: bit patterns, one of each a column.
        settings: of which the activation is used.

    Returns:
        ``counts`` (..., counts, columns); ``products`` of the same shape, where multiply and add are separate; then
        (..., columns) each: ``sum_1``, with two counts ``sum_2``; with a second affine stage that is separate
        ``products_n``; ``normed``, ``activated``, ``y``, ``low``, ``high``.
    """
    lean = config.arithmetic.lean
    v: dict[str, Any] = {"counts": float16.from_integer(codes, config.codes.format.fraction, lean)}
    v |= (_fused if config.arithmetic.fused else _separate)(v["counts"], params, lean)
    a = v["sum_2" if config.codes.counts == 2 else "sum_1"]
    if params.norm_scale is None or params.norm_offset is None:
        v["normed"] = a
    elif config.arithmetic.fused:
        v["normed"] = float16.fused(a, params.norm_scale, params.norm_offset, lean)
    else:
        v["products_n"] = float16.multiply(a, params.norm_scale, lean)
        v["normed"] = float16.add(v["products_n"], params.norm_offset, lean)
    v["activated"] = v["normed"]
    if settings.activation is Activation.RELU:
        v["activated"] = float16.relu(v["normed"], lean)
    v["y"], v["low"], v["high"] = float16.to_integer(v["activated"], config.output.format, lean)
    return v


def _fused(counts: Ints, params: Params, lean: bool) -> dict[str, Any]:
    v = {"sum_1": float16.fused(params.scales[0], counts[..., 0, :], params.offset, lean)}
    if counts.shape[-2] == 2:
        v["sum_2"] = float16.fused(float16.negate(params.scales[1]), counts[..., 1, :], v["sum_1"], lean)
    return v


def _separate(counts: Ints, params: Params, lean: bool) -> dict[str, Any]:
    products = float16.multiply(params.scales, counts, lean)
    if counts.shape[-2] == 1:
        return {"products": products, "sum_1": float16.add(products[..., 0, :], params.offset, lean)}
    difference = float16.add(products[..., 0, :], float16.negate(products[..., 1, :]), lean)
    return {"products": products, "sum_1": difference, "sum_2": float16.add(difference, params.offset, lean)}
