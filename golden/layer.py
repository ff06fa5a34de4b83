"""A layer: row blocks added up, finished, looked up in a table, pooled.  See "The tile" in docs/arithmetic.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.program import Layer

from .checks import check_range, checked_residual
from .model import Activations, affine_steps, finish_steps, inner_dtype, run_blocks
from .params import Params
from .pooling import pool
from .table import look_up

__all__ = ["Counters", "LayerResult", "accumulate", "finish", "pool", "run_layer"]

Sums = NDArray[np.int64]

_ROWS = 1 << 14
"""Columns accumulated at a time, as in golden.model."""


@dataclass(frozen=True)
class Counters:
    """What the counters of the same names count, and the range of ``A``; none wraps here.

    Attributes:
        passes: passes, ``vectors * blocks`` of a layer.
        columns: active columns of all passes.
        sat_low, sat_high: results clipped at that end, before table and pooling.
        a_min, a_max: least and largest total; None where there was none.
    """

    passes: int = 0
    columns: int = 0
    sat_low: int = 0
    sat_high: int = 0
    a_min: int | None = None
    a_max: int | None = None

    def __add__(self, other: Counters) -> Counters:
        lows = [c.a_min for c in (self, other) if c.a_min is not None]
        highs = [c.a_max for c in (self, other) if c.a_max is not None]
        return Counters(
            self.passes + other.passes,
            self.columns + other.columns,
            self.sat_low + other.sat_low,
            self.sat_high + other.sat_high,
            min(lows, default=None),
            max(highs, default=None),
        )


@dataclass(frozen=True)
class LayerResult:
    """What a layer gives.

    Attributes:
        y, low, high: (outputs, columns) after pooling, as in :class:`Activations`; None where sums are handed out.
        totals: (vectors, columns) int64, ``A`` with the fraction bits of ``derived.total``; where ``sum_out``, this is
            what a neighbour gets.
        counters: of this layer alone.
    """

    y: NDArray[np.integer] | None
    low: NDArray[np.bool_] | None
    high: NDArray[np.bool_] | None
    totals: Sums
    counters: Counters


def run_layer(
    config: NmpuConfig,
    layer: Layer,
    params: Sequence[Params],
    codes: ArrayLike,
    *,
    residual: ArrayLike | None = None,
    sums: ArrayLike | None = None,
    table: ArrayLike | None = None,
) -> LayerResult:
    """Run a whole layer: :func:`accumulate`, then, unless sums are handed out, :func:`finish` and :func:`pool`.

    Args:
        config: the configuration; ``tile.kind`` is not ``none``.
        layer: the layer.
        params: the parameters of each row block.
        codes: (vectors, blocks, counts, columns), within ``codes.format``.
        residual: (vectors, columns) codes of ``output.format``; just where the settings ask for one and sums are not
            handed out.
        sums: (vectors, columns) of a neighbour; just where ``layer.sum_in``.
        table: (2**tile.table,) codes of ``output.format``; just where ``layer.table`` and sums are not handed out.

    Raises:
        ValueError: the instance cannot do what the layer asks for, or an array does not fit.
    """
    totals = accumulate(config, layer, params, codes, sums)
    passes = layer.vectors * layer.blocks
    counters = Counters(passes, passes * layer.settings.columns, a_min=int(totals.min()), a_max=int(totals.max()))
    if layer.sum_out:
        if residual is not None or table is not None:
            raise ValueError(f"sum_out hands sums on: no {'residual' if residual is not None else 'table'} is used")
        return LayerResult(None, None, None, totals, counters)
    results = finish(config, layer, params[-1], totals, residual, table)
    counters = replace(counters, sat_low=int(results.low.sum()), sat_high=int(results.high.sum()))
    return LayerResult(*pool(config, layer, results), totals, counters)


def accumulate(
    config: NmpuConfig, layer: Layer, params: Sequence[Params], codes: ArrayLike, sums: ArrayLike | None = None
) -> Sums:
    """``A = s + sum_b a_b``, exact.

    Args:
        config: the configuration; ``tile.kind`` is not ``none``.
        layer: the layer; block ``b`` is shifted by ``layer.shifts[b]`` where shifts are a layer.
        params: the parameters of each row block.
        codes: (vectors, blocks, counts, columns), within ``codes.format``; more columns are not used.
        sums: (vectors, columns) of a neighbour, in the units of the result; just where ``layer.sum_in``.

    Returns:
        (vectors, columns), with the fraction bits of ``derived.total``.

    Raises:
        ValueError: the instance cannot do what the layer asks for, or an array does not fit.
    """
    _check(config, layer)
    array, columns = np.asarray(codes), layer.settings.columns
    number, shape = config.derived.operand, (layer.vectors, layer.blocks, config.codes.counts, columns)
    if array.ndim != 4 or array.shape[:3] != shape[:3] or array.shape[3] < columns:
        raise ValueError(f"codes of shape {array.shape} are not (vectors, blocks, counts, columns) = {shape}")
    array = array[..., :columns]
    check_range(array, number.low, number.high, "code", str(number))
    if len(params) != layer.blocks:
        raise ValueError(f"parameters of {len(params)} blocks do not serve {layer.blocks}")
    dtype = inner_dtype(config)
    chosen = [_chosen(config, p, columns).astype(dtype) for p in params]
    settings = [replace(layer.settings, shift=shift) for shift in layer.shifts]
    totals = _neighbour(config, layer, sums)
    step = max(_ROWS // columns, 1)
    for start in range(0, layer.vectors, step):
        rows = slice(start, start + step)
        for block, (p, s) in enumerate(zip(chosen, settings, strict=True)):
            totals[rows] += affine_steps(config, array[rows, block].astype(dtype), p, s)["affine"]
    return totals


def finish(
    config: NmpuConfig,
    layer: Layer,
    params: Params,
    totals: ArrayLike,
    residual: ArrayLike | None = None,
    table: ArrayLike | None = None,
) -> Activations:
    """Norm, residual, leaky, round, activation, saturation to the width in force, and the table.

    Args:
        config: the configuration; ``tile.kind`` is not ``none``.
        layer: the layer.
        params: the parameters of the last row block, of which the norm's are used.
        totals: (vectors, columns), from :func:`accumulate`.
        residual: (vectors, columns) codes of ``output.format``; just where the settings ask for one.
        table: (2**tile.table,) codes of ``output.format``; just where ``layer.table``.

    Returns:
        Activations (vectors, columns), before pooling.

    Raises:
        ValueError: the instance cannot do what the layer asks for, the layer hands sums on, or an array does not fit.
    """
    _check(config, layer)
    if layer.sum_out:
        raise ValueError("sum_out hands sums on: there is nothing to finish")
    sums, columns, limits = np.asarray(totals), layer.settings.columns, config.derived.total
    if sums.shape != (layer.vectors, columns):
        raise ValueError(f"totals of shape {sums.shape} are not (vectors, columns) = {(layer.vectors, columns)}")
    check_range(sums, limits.low, limits.high, "total", str(limits))
    if (table is None) == layer.table:
        raise ValueError(f"table = {layer.table} of the layer {'needs' if layer.table else 'takes no'} entries")
    extra = checked_residual(config, layer.settings, residual, sums.shape[:1])
    dtype = inner_dtype(config)
    chosen = _chosen(config, params, columns).astype(dtype)

    def steps(rows: slice) -> dict[str, Any]:
        added = None if extra is None else extra[rows].astype(dtype)
        return finish_steps(config, sums[rows].astype(dtype), chosen, layer.settings, added)

    results = run_blocks(config, layer.vectors, columns, steps)
    return results if table is None else results._replace(y=look_up(config, results.y, table))


def _check(config: NmpuConfig, layer: Layer) -> None:
    """Refuse a layer that the instance cannot run."""
    if not config.derived.tiled:
        raise ValueError(f"tile.kind = {config.tile.kind} runs no layers; axi does")
    layer.check(config)


def _chosen(config: NmpuConfig, params: Params, columns: int) -> Params:
    """The parameters of the active columns, once known to fit."""
    chosen = params.first(columns)
    chosen.fields(config)
    return chosen


def _neighbour(config: NmpuConfig, layer: Layer, sums: ArrayLike | None) -> Sums:
    """What the sums start from, as a new array."""
    shape = layer.vectors, layer.settings.columns
    if (sums is None) == layer.sum_in:
        raise ValueError(f"sum_in = {layer.sum_in} {'needs' if layer.sum_in else 'takes no'} sums of a neighbour")
    if sums is None:
        return np.zeros(shape, np.int64)
    array, limits = np.asarray(sums), config.derived.affine
    if array.ndim != 2 or array.shape[0] != shape[0] or array.shape[1] < shape[1]:
        raise ValueError(f"sums of shape {array.shape} are not (vectors, columns) = {shape}")
    terms = config.tile.blocks * (config.tile.chain - 1)
    active = array[:, : shape[1]]
    check_range(active, limits.low * terms, limits.high * terms, "sum", f"those of {config.tile.chain - 1} units")
    return active.astype(np.int64)
