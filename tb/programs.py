"""Random layer programs, parameters and inputs of any configuration, the ends of every range among them often."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from golden import LayerInputs, Params
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.formats import Format
from nmpu_hdl.program import POOLINGS, Layer, param_words
from nmpu_hdl.settings import PassSettings

from .raw import draw_front_settings, draw_raw

__all__ = [
    "draw_chain",
    "draw_codes",
    "draw_inputs",
    "draw_layer",
    "draw_params",
    "draw_settings",
    "draw_sums",
    "draw_tables",
    "near_ends",
]

Rng = np.random.Generator
Ints = NDArray[np.int64]

_STEPS = 24
"""Most beats of a slot, so that layers stay short."""


def near_ends(rng: Rng, low: int, high: int) -> int:
    """One of ``low..high``: an end as often as anything."""
    return (low, high, int(rng.integers(low, high + 1)), int(rng.integers(low, high + 1)))[rng.integers(4)]


def draw_settings(rng: Rng, config: NmpuConfig, columns: int | None = None) -> PassSettings:
    """Any settings that ``config`` allows; shifts near the useful ones are as likely as the rest."""
    out = config.output.format
    return PassSettings.of(
        config,
        columns=columns,
        shift=int(rng.integers(config.shift.min, config.shift.max + 1)),
        offset_shift=int(rng.integers(0, config.offset.max_shift + 1)),
        rounding=rng.choice([str(mode) for mode in config.rounding.modes]),
        activation=rng.choice([str(mode) for mode in config.activation.modes]),
        clip_low=int(rng.integers(out.low, out.high + 1)),
        clip_high=int(rng.integers(out.low, out.high + 1)),
        front=draw_front_settings(rng, config, limit=_STEPS) if config.derived.front_end.present else None,
    )


def draw_codes(rng: Rng, form: Format, shape: tuple[int, ...]) -> Ints:
    """Codes of a format: uniform, extreme, or near zero, in equal shares."""
    uniform = rng.integers(form.low, form.high + 1, shape)
    extreme = rng.choice([form.low, form.high, 0, min(1, form.high)], shape)
    near = np.clip(rng.integers(-3, 4, shape), form.low, form.high)
    return np.choose(rng.integers(0, 3, shape), [uniform, extreme, near])


def draw_params(rng: Rng, config: NmpuConfig) -> Params:
    """Any parameters for all columns of ``config``."""
    columns, affine = config.array.columns, config.norm.kind == "affine"
    return Params(
        scales=draw_codes(rng, config.scale.format, (config.codes.counts, columns)),
        offset=draw_codes(rng, config.offset.format, (columns,)),
        shift=rng.integers(config.shift.min, config.shift.max + 1, columns)
        if config.shift.granularity == "column"
        else None,
        norm_scale=draw_codes(rng, config.norm.scale, (columns,)) if affine else None,
        norm_offset=draw_codes(rng, config.norm.offset, (columns,)) if affine else None,
    )


def draw_layer(rng: Rng, config: NmpuConfig, max_vectors: int = 8) -> Layer:
    """Any layer that ``config`` can run, the last of its chain; addresses of its SRAMs may wrap."""
    tile, lanes = config.tile, config.array.lanes
    columns = min(near_ends(rng, 1, config.array.columns), param_words(config) * lanes)
    slots = -(-columns // lanes)
    blocks = int(rng.integers(1, min(tile.blocks, param_words(config) // slots) + 1))
    window = near_ends(rng, 1, tile.pool) if tile.pool else 1
    vectors = near_ends(rng, 1, max_vectors)
    settings = replace(
        draw_settings(rng, config, columns),
        width=int(rng.choice(config.derived.widths)),
        residual=near_ends(rng, -tile.residual_right, tile.residual_left)
        if tile.residual and rng.integers(4)
        else None,
    )
    space = 1 << tile.address
    strides = (slots + rng.integers(0, 3, 2)) % space
    chained = rng.integers(0, 3, 2) == 0 if tile.chain > 1 else (False, False)
    return Layer(
        settings,
        tuple(int(s) for s in rng.integers(config.shift.min, config.shift.max + 1, blocks)),
        vectors,
        base=int(rng.integers(0, param_words(config) - blocks * slots + 1)),
        sum_in=bool(chained[0]),
        sum_out=bool(chained[1]),
        table=bool(tile.table and rng.integers(4)),
        table_bank=int(rng.integers(2)),
        pooling=POOLINGS[rng.integers(len(POOLINGS))] if tile.pool else "none",
        pool_window=window,
        # Mostly that of the true mean; also such as saturate, or leave nothing.
        pool_shift=(window - 1).bit_length() if rng.integers(3) else int(rng.integers(16)),
        in_base=int(rng.integers(space)),
        in_stride=int(strides[0]),
        out_base=int(rng.integers(space)),
        out_stride=int(strides[1]),
        interrupt=bool(rng.integers(2)),
    )


def draw_inputs(rng: Rng, config: NmpuConfig, layer: Layer) -> LayerInputs:
    """Codes, and residuals and a neighbour's sums where the layer takes them."""
    shape, columns = (layer.vectors, layer.blocks, config.codes.counts), layer.settings.columns
    residual = layer.settings.residual is not None and not layer.sum_out
    drawn = LayerInputs(
        draw_codes(rng, config.codes.format, (*shape, columns)),
        draw_codes(rng, config.output.format, (layer.vectors, columns)) if residual else None,
        draw_sums(rng, config, (layer.vectors, columns)) if layer.sum_in else None,
    )
    front, lead = layer.settings.front, shape[:2]
    if front is None:
        return drawn
    numbers, sums = draw_raw(rng, config, front, columns, layer.vectors * layer.blocks)
    raw = numbers.reshape(*lead, *numbers.shape[1:])
    reference = None if sums is None else sums.reshape(*lead, *sums.shape[1:])
    return LayerInputs.of_raw(config, front, raw, residual=drawn.residual, sums=drawn.sums, reference=reference)


def draw_sums(rng: Rng, config: NmpuConfig, shape: tuple[int, ...]) -> Ints:
    """Partial sums such as the units before this one in a chain can hand on: extreme, near zero, or in between."""
    terms = config.tile.blocks * (config.tile.chain - 1)
    low, high = config.derived.affine.low * terms, config.derived.affine.high * terms
    near = np.clip(rng.integers(-99, 100, shape), low, high)
    return np.choose(
        rng.integers(0, 3, shape), [rng.integers(low, high + 1, shape), rng.choice([low, high], shape), near]
    )


def draw_tables(rng: Rng, config: NmpuConfig) -> Ints | None:
    """Both banks, (2, 2**tile.table), if there are tables."""
    return draw_codes(rng, config.output.format, (2, 1 << config.tile.table)) if config.tile.table else None


def draw_chain(rng: Rng, config: NmpuConfig, most: int, vectors: int) -> tuple[dict[int, Layer], list[int]]:
    """A chain of up to ``most`` layers at random places of the descriptor memory.

    Returns:
        The layers by place, and the places in the order in which they run.
    """
    count = int(rng.integers(1, min(most, config.tile.descriptors) + 1))
    order = [int(k) for k in rng.permutation(config.tile.descriptors)[:count]]
    layers = {
        place: replace(draw_layer(rng, config, vectors), next=following)
        for place, following in zip(order, [*order[1:], None], strict=True)
    }
    return layers, order
