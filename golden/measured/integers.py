"""Integers of columns whose gains and offsets are known, with the offsets that serve them best."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.formats import Format

from .. import float16
from ..bias import rounding_gain
from ..calibration import BatchNorm, Quantized, quantize
from ..mapping import Wanted
from ..params import Params
from .pairs import signs
from .reach import unreachable

__all__ = ["first_stage", "put_back", "quantized", "second_stage"]

Floats = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]


def first_stage(config: NmpuConfig, wanted: Wanted) -> Wanted:
    """What scale and offset do: all of it, unless there is a second affine stage for the batch norm."""
    return wanted if config.norm.kind == "affine" else wanted.folded()


def second_stage(wanted: Wanted) -> tuple[Floats, Floats]:
    """Gains and offsets (columns,) of the batch norm, or of an identity."""
    if wanted.batch_norm is None:
        return np.ones_like(wanted.gain), np.zeros_like(wanted.gain)
    gain, offset = wanted.batch_norm.affine()
    return np.broadcast_to(gain, wanted.gain.shape), np.broadcast_to(offset, wanted.gain.shape)


def quantized(
    config: NmpuConfig, gain: Floats, offset: Floats, centre: Floats, wanted: Wanted, served: Bools
) -> list[Quantized]:
    """Integers of each row block; the whole offset is in the last one's.

    It makes good, on average, what rounding the scales and the cuts to guard bits take away.

    Args:
        config: the configuration.
        gain: (blocks, counts, columns) of the first stage, output LSB for each unit of a code's value.
        offset: (columns,), output LSB.
        centre: (blocks, counts, columns) mean value of the codes.
        wanted: of which the batch norm is used, where the second stage is there for it.
        served: (columns,); the others get zeros.

    Raises:
        ValueError: a gain or offset of a column that is served does not fit its format.
    """
    gain, offset = np.where(served, gain, 0.0), np.where(served, offset, 0.0)
    second, third = (np.where(served, one, 0.0) for one in second_stage(wanted))
    norm = None
    if wanted.batch_norm is not None:  # as a batch norm that says the same, and 0 where a column is not served
        norm = BatchNorm(second, third, np.zeros_like(second), np.ones_like(second), 0.0)
    before = [np.zeros_like(offset)] * (len(gain) - 1)
    first = [quantize(config, one, o, norm) for one, o in zip(gain, [*before, offset], strict=True)]
    used, added = _stored(config, first[-1].params)
    alive = used != 0
    divisor = np.where(alive, used, 1.0)
    sign = signs(gain.shape[1])[:, None]
    mean = ((sign * gain * centre).sum(axis=(0, 1)) + offset) * second + third
    meant = np.stack([one.gain for one in first])
    due = mean + put_back(config, first, used) - added - (sign * meant * centre).sum(axis=(0, 1))
    better = np.where(alive & served, due / divisor, offset)
    kept = list(unreachable(config, np.zeros_like(gain), better, None))
    better[kept] = offset[kept]
    return [quantize(config, one, o, norm) for one, o in zip(gain, [*before, better], strict=True)]


def put_back(config: NmpuConfig, blocks: Sequence[Quantized], second: Floats) -> Floats:
    """(columns,): what cuts to guard bits and the rounding take away on average, in output LSB.

    Values are taken to be anywhere on their grid, equally often.

    Args:
        config: the configuration.
        blocks: the integers.
        second: (columns,) the gain of the second affine stage.
    """
    if config.derived.floating:
        return np.zeros_like(second)
    half, affine = 2.0 ** -(config.guard + 1), config.norm.kind == "affine"
    taken = np.zeros_like(second)
    for one in blocks:
        layer = config.shift.min if config.shift.granularity == "fixed" else one.shift
        shift = np.asarray(layer if one.params.shift is None else one.params.shift)
        grid = np.exp2(-(config.derived.operand.fraction + config.scale.format.fraction + shift + 1.0))
        taken = taken + np.maximum(half - grid, 0) * (one.params.scales != 0).any(axis=0)
    taken = taken * second + affine * half
    return taken - rounding_gain(config.rounding.modes[0], config.guard if affine else config.derived.total.fraction)


def _stored(config: NmpuConfig, params: Params) -> tuple[Floats, Floats]:
    """Gains and offsets that the second affine stage's integers mean; of none, 1 and 0."""
    if params.norm_scale is None or params.norm_offset is None:
        return np.ones(params.columns), np.zeros(params.columns)

    def value(codes: NDArray[np.signedinteger], form: Format) -> Floats:
        return float16.to_float(codes, config.arithmetic.lean) if config.derived.floating else codes * form.step

    return value(params.norm_scale, config.norm.scale), value(params.norm_offset, config.norm.offset)
