"""From a layer in integers and what its array does to descriptors and parameters that make the unit compute it.

A layer is ``y = act(round(gain * v + offset))`` a column, ``v = x @ w`` (of samples: what is expected of them), batch
norm after it.  An array gives, a row block and count, an operand that is a *line* of what it stands for:
``operand = slope * v + intercept``.  The unit's scale takes the slope back, and its offset the intercept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.formats import Activation, Format
from nmpu_hdl.program import Layer
from nmpu_hdl.settings import PassSettings

from .activation import clip, relu, saturate
from .bias import rounding_gain
from .calibration import BatchNorm, Quantized, quantize
from .line import Line
from .params import Params
from .program import place_params
from .slicing import parts

__all__ = ["Mapped", "Wanted", "map_layer", "plain_layer", "write_params"]

Ints = NDArray[np.int64]
Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Wanted:
    """What a layer is to compute: ``a = gain * v + offset``, then batch norm; in output LSB.

    Args:
        gain: (columns,).
        offset: (columns,).
        batch_norm: (columns,) each, or None.
    """

    gain: Floats
    offset: Floats
    batch_norm: BatchNorm | None = None

    def of(self, columns: slice) -> Wanted:
        """Of some columns."""
        norm = self.batch_norm
        if norm is not None:
            gamma, beta, mean, variance = (
                np.broadcast_to(np.asarray(one), self.gain.shape)[columns] for one in norm[:4]
            )
            norm = BatchNorm(gamma, beta, mean, variance, norm.eps)
        return Wanted(self.gain[columns], self.offset[columns], norm)

    def folded(self) -> Wanted:
        """The same with the batch norm in gain and offset."""
        if self.batch_norm is None:
            return self
        gain, offset = self.batch_norm.affine()
        return Wanted(self.gain * gain, self.offset * gain + offset)


class Mapped(NamedTuple):
    """A group of a layer's columns.

    Attributes:
        columns: which.
        layer: the descriptor.
        params: of each row block.
        error: (columns,) bound of the error that quantising parameters and cutting to guard bits cause before rounding,
            in output LSB, over all operands up to ``reach``; that of the operands themselves is not in it.
    """

    columns: slice
    layer: Layer
    params: tuple[Params, ...]
    error: Floats


def map_layer(
    config: NmpuConfig,
    template: Layer,
    wanted: Wanted,
    lines: Sequence[Line],
    *,
    place: int = 0,
    most: int = 0,
    reach: float | None = None,
) -> list[Mapped]:
    """Descriptors and parameters, a group of columns each; the groups follow one another in the program.

    A batch norm goes into the second affine stage where there is one, else into scale and offset.  What the cuts to
    guard bits lose on average, half of such a bit a block, is in the offset, less what rounding halves up gains on
    the grid of the sum: with one block and an offset on that grid the two are equal, and nothing is put back.

    Args:
        config: the configuration; ``tile.kind`` is not ``none``.
        template: vectors, pooling, and all else that is not of this function; ``base`` of the first group, ``next`` of
            the last.  The settings' columns, shift and ``offset_shift``, and the layer's shifts, do not matter.
        wanted: what the layer computes, of all its columns.
        lines: of each row block, of all columns.
        place: of the first group's descriptor; the others' are the next ones.
        most: columns of a group; 0: those of the array.
        reach: the largest operand, for :attr:`Mapped.error`; None: that of the configuration.

    Raises:
        ValueError: what the instance cannot do, or a gain or offset that its formats do not hold.
    """
    width, base, operand = len(wanted.gain), template.base, config.derived.operand
    largest = max(-operand.low, operand.high) * 2.0**-operand.fraction if reach is None else reach
    groups = parts(width, min(most or width, config.array.columns))
    gained = _gained(config, template, wanted.batch_norm is not None)
    found: list[Mapped] = []
    for number, columns in enumerate(groups, place + 1):
        some = [Line(line.slope[:, columns], line.intercept[:, columns]) for line in lines]
        blocks, error = _blocks(config, wanted.of(columns), some, largest, gained)
        settings = replace(
            template.settings, columns=columns.stop - columns.start, offset_shift=blocks[-1].offset_shift
        )
        layer = replace(
            template,
            settings=settings,
            shifts=tuple(block.shift for block in blocks),
            base=base,
            next=template.next if columns is groups[-1] else number,
        )
        layer.check(config)
        base += layer.blocks * layer.slots(config)
        found.append(Mapped(columns, layer, tuple(block.params for block in blocks), error))
    return found


def write_params(config: NmpuConfig, image: list[int], mapped: Sequence[Mapped]) -> None:
    """Put the parameters of all groups in a bank's image, in place.

    Raises:
        ValueError: words beyond the image or the bank.
    """
    for one in mapped:
        place_params(config, image, one.layer.base, one.params, one.layer.settings.columns)


def _gained(config: NmpuConfig, layer: Layer, normed: bool) -> float:
    """What rounding adds on average to a sum whose fraction bits are few, output LSB; floor takes away."""
    settings, affine, sums = layer.settings, config.norm.kind == "affine", config.derived.total.fraction
    if layer.sum_out:
        return 0.0
    # The second stage's own cut to guard bits; of an identity, what the sum has more of them.
    taken = (2.0 ** -(config.guard + 1) - (0 if normed else 2.0 ** -(sums + 1))) if affine else 0.0
    fraction = max(config.guard if affine else sums, -(settings.residual or 0))
    low = {Activation.RELU: 0, Activation.CLIP: settings.clip_low}.get(settings.activation, -1)
    return rounding_gain(settings.rounding, fraction, low) - taken


def _blocks(
    config: NmpuConfig, wanted: Wanted, lines: Sequence[Line], reach: float, gained: float
) -> tuple[list[Quantized], Floats]:
    """Integers of each row block, the offset in the last one's, and the bound of their error together."""
    norm = wanted.batch_norm if config.norm.kind == "affine" else None
    plain = wanted if norm is not None else wanted.folded()
    half = 2.0 ** -(config.guard + 1)
    sign = np.array([1.0, -1.0])[: config.codes.counts, None]
    gains = [plain.gain / line.slope for line in lines]
    offset = plain.offset
    for gain, line in zip(gains, lines, strict=True):
        offset = offset - (sign * gain * line.intercept).sum(axis=0)
    put_back = len(lines) * half
    if norm is None:
        put_back -= gained
    else:
        norm = norm._replace(beta=np.asarray(norm.beta, np.float64) - gained)
    offsets = [np.zeros_like(offset)] * (len(lines) - 1) + [offset + put_back]
    blocks = [quantize(config, gain, one, norm) for gain, one in zip(gains, offsets, strict=True)]
    second, third = norm.affine() if norm is not None else (np.ones_like(offset), np.zeros_like(offset))
    used, added = _second_stage(config, blocks[-1].params)
    error = np.abs(sum(block.offset - added for block in blocks) + added - (offset + put_back) * second - third)
    for block, gain in zip(blocks, gains, strict=True):
        error = error + np.abs(block.gain - gain * second).sum(axis=0) * reach
    cut = max(put_back, 2 * half * len(lines) - put_back) * np.abs(used)
    return blocks, error + cut + (2 * half + abs(gained) if config.norm.kind == "affine" else 0)


def _second_stage(config: NmpuConfig, params: Params) -> tuple[Floats, Floats]:
    """Scales and offsets that the second affine stage's integers mean; of none, 1 and 0."""
    if params.norm_scale is None or params.norm_offset is None:
        return np.ones(params.columns), np.zeros(params.columns)
    return params.norm_scale * config.norm.scale.step, params.norm_offset * config.norm.offset.step


def plain_layer(
    config: NmpuConfig,
    settings: PassSettings,
    wanted: Wanted,
    values: ArrayLike,
    residual: ArrayLike | None = None,
) -> tuple[Ints, Floats]:
    """The layer without an array and without quantised parameters.

    Args:
        config: the configuration, of which the output's format is used.
        settings: activation, limits, width, and the residual's alignment.
        wanted: what the layer computes.
        values: (..., columns) ``v``: ``x @ w``, exact.
        residual: (..., columns) where ``settings.residual`` is not None.

    Returns:
        The results, ``floor(a + 1/2)`` with activation, limits and saturation, before pooling; and ``a`` itself.

    Raises:
        ValueError: leaky, which rounds after its slope.
    """
    if settings.activation is Activation.LEAKY:
        raise ValueError("activation = leaky is not mapped; none, relu or clip would do")
    plain = wanted.folded()
    a: Floats = np.asarray(values) * plain.gain + plain.offset
    if residual is not None and settings.residual is not None:
        a = a + np.asarray(residual) * 2.0**settings.residual
    y = np.floor(a + 0.5).astype(np.int64)
    if settings.activation is Activation.RELU:
        y = relu(y)
    elif settings.activation is Activation.CLIP:
        y = clip(y, settings.clip_low, settings.clip_high)
    narrowed = Format(config.output.format.signed, settings.width, 0)
    return saturate(y, narrowed, config.output.overflow)[0], a
