"""Seeded draws over the whole accepted space: configurations, settings, parameters, codes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from golden import LayerInputs, Params
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.formats import Activation, Format, Overflow, Rounding
from nmpu_hdl.presets import build
from nmpu_hdl.program import POOLINGS, Layer, param_words
from nmpu_hdl.settings import PassSettings

Rng = np.random.Generator


def draw_config(rng: Rng, lanes: int = 2, slots: int = 2) -> NmpuConfig:
    """A configuration from anywhere in the accepted space; the few that are refused as too wide are drawn again."""
    while True:
        try:
            return build(_fields(rng, lanes, slots))
        except ValueError as error:
            if "would take" not in str(error):
                raise


def _fields(rng: Rng, lanes: int, slots: int) -> dict[str, Any]:
    least = _near_ends(rng, -8, 15)
    most = _near_ends(rng, least, 15)
    granularity = "fixed" if least == most else str(rng.choice(["layer", "column"]))
    fields = {
        "name": "drawn",
        "array": {"columns": lanes * slots, "lanes": lanes},
        "codes": {"counts": int(rng.integers(1, 3)), "format": _format(rng, 2, 16)},
        "scale": {"format": _format(rng, 2, 16)},
        "shift": {"min": least, "max": most, "granularity": granularity},
        "offset": {"format": _format(rng, 2, 24), "max_shift": int(rng.integers(1, 8) * rng.integers(2))},
        "guard": int(rng.integers(0, 13) if rng.integers(2) else rng.integers(2)),
        "norm": {
            "kind": str(rng.choice(["none", "affine"])),
            "scale": _format(rng, 2, 16),
            "offset": _format(rng, 2, 24),
        },
        "rounding": {"modes": _some(rng, list(Rounding))},
        "activation": {"modes": _some(rng, list(Activation)), "leaky_shift": int(rng.integers(1, 8))},
        "output": {
            "format": Format(bool(rng.integers(2)), int(rng.integers(2, 17)), 0),
            "overflow": rng.choice(list(Overflow)),
        },
        "how": {"stages": int(rng.integers(1, 5)), "multiplier": str(rng.choice(["tree", "operator"]))},
    }
    return _direct(rng, fields) if rng.integers(2) else fields


def _direct(rng: Rng, fields: dict[str, Any]) -> dict[str, Any]:
    """As the paper's: nothing stands between the offset and a saturation, so that the hardware takes its short cuts."""
    modes = [mode for mode in fields["activation"]["modes"] if mode is not Activation.LEAKY] or [Activation.NONE]
    rounding = Rounding.HALF_UP if rng.integers(3) else rng.choice([str(mode) for mode in Rounding])
    if rng.integers(4) == 0:  # a sum without sign
        fields["codes"] = {"counts": 1, "format": Format(False, int(rng.integers(2, 9)), 0)}
        fields["scale"] = {"format": Format(False, 0, int(rng.integers(2, 9)))}
    sign = fields["codes"]["counts"] == 2 or bool(rng.integers(2))
    return fields | {
        "norm": {"kind": "none"},
        "offset": {"format": Format(sign, int(rng.integers(2, 9)), int(rng.integers(0, 3))), "max_shift": 0},
        "rounding": {"modes": (rounding,)},
        "activation": {"modes": tuple(modes)},
        "output": {"format": Format(bool(rng.integers(2)), int(rng.integers(2, 10)), 0)},
    }


def _near_ends(rng: Rng, low: int, high: int) -> int:
    """One of ``low..high``: an end as often as anything."""
    return (low, high, int(rng.integers(low, high + 1)), int(rng.integers(low, high + 1)))[rng.integers(4)]


def _format(rng: Rng, low: int, high: int) -> Format:
    width = _near_ends(rng, low, high)
    signed = bool(rng.integers(2))
    most = width - signed
    fraction = _near_ends(rng, 0, most)
    return Format(signed, width - fraction, fraction)


def _some(rng: Rng, choices: list[Any]) -> tuple[Any, ...]:
    count = int(rng.integers(1, len(choices) + 1))
    return tuple(rng.permutation(np.array(choices, dtype=object))[:count])


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
    )


def draw_codes(rng: Rng, form: Format, shape: tuple[int, ...]) -> np.ndarray:
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


def draw_tile_config(rng: Rng, lanes: int = 2, slots: int = 2) -> NmpuConfig:
    """As :func:`draw_config`, with a unit around the core; each of its options is there about every second time."""
    while True:
        fields = _fields(rng, lanes, slots)
        fields["how"] = {"stages": int(rng.integers(2, 5)), "multiplier": fields["how"]["multiplier"]}
        try:
            return build(fields | {"tile": _tile(rng, fields["output"])})
        except ValueError as error:
            if "would take" not in str(error):
                raise


def _tile(rng: Rng, output: dict[str, Any]) -> dict[str, Any]:
    width, some = output["format"].width, rng.integers(0, 2, 8)
    narrower = rng.permutation(np.arange(2, width + 1))[: rng.integers(1, 4)]
    saturates = output.get("overflow", Overflow.SATURATE) == Overflow.SATURATE
    return {
        "kind": "axi",
        "blocks": int(rng.integers(1, 6)),
        "chain": int(rng.integers(2, 5)) if some[0] else 1,
        "residual": bool(some[1]),
        "residual_left": _near_ends(rng, 0, 8),
        "residual_right": _near_ends(rng, 0, 8),
        "widths": [int(w) for w in narrower] if saturates and some[2] else [],
        "table": int(rng.integers(2, min(width, 10) + 1)) if some[3] else 0,
        "pool": int(rng.integers(2, 10)) if some[4] else 0,
        "protect": str(rng.choice(["none", "parity", "secded"])),
        "sets": int(rng.integers(1, 17)),
        "descriptors": int(rng.integers(1, 17)),
        "input": "sram" if some[5] else "stream",
        "output": "sram" if some[6] else "stream",
        "address": int(rng.integers(12, 17)),
        "observe": bool(some[7]),
    }


def draw_layer(rng: Rng, config: NmpuConfig, max_vectors: int = 8) -> Layer:
    """Any layer that ``config`` can run, the last of its chain; addresses of its SRAMs do not wrap."""
    tile, lanes = config.tile, config.array.lanes
    columns = min(_near_ends(rng, 1, config.array.columns), param_words(config) * lanes)
    slots = -(-columns // lanes)
    blocks = int(rng.integers(1, min(tile.blocks, param_words(config) // slots) + 1))
    window = _near_ends(rng, 1, tile.pool) if tile.pool else 1
    vectors = _near_ends(rng, 1, max_vectors)
    settings = replace(
        draw_settings(rng, config, columns),
        width=int(rng.choice(config.derived.widths)),
        residual=_near_ends(rng, -tile.residual_right, tile.residual_left)
        if tile.residual and rng.integers(4)
        else None,
    )
    strides = slots + rng.integers(0, 3, 2)
    room = (1 << tile.address) - vectors * blocks * strides
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
        in_base=int(rng.integers(room[0])),
        in_stride=int(strides[0]),
        out_base=int(rng.integers(room[1])),
        out_stride=int(strides[1]),
        interrupt=bool(rng.integers(2)),
    )


def draw_inputs(rng: Rng, config: NmpuConfig, layer: Layer) -> LayerInputs:
    """Codes, and residuals and a neighbour's sums where the layer takes them."""
    shape, columns = (layer.vectors, layer.blocks, config.codes.counts), layer.settings.columns
    residual = layer.settings.residual is not None and not layer.sum_out
    return LayerInputs(
        draw_codes(rng, config.codes.format, (*shape, columns)),
        draw_codes(rng, config.output.format, (layer.vectors, columns)) if residual else None,
        draw_sums(rng, config, (layer.vectors, columns)) if layer.sum_in else None,
    )


def draw_sums(rng: Rng, config: NmpuConfig, shape: tuple[int, ...]) -> np.ndarray:
    """Partial sums such as the units before this one in a chain can hand on: extreme, near zero, or in between."""
    terms = config.tile.blocks * (config.tile.chain - 1)
    low, high = config.derived.affine.low * terms, config.derived.affine.high * terms
    near = np.clip(rng.integers(-99, 100, shape), low, high)
    return np.choose(
        rng.integers(0, 3, shape), [rng.integers(low, high + 1, shape), rng.choice([low, high], shape), near]
    )


def draw_tables(rng: Rng, config: NmpuConfig) -> np.ndarray | None:
    """Both banks, (2, 2**tile.table), if there are tables."""
    return draw_codes(rng, config.output.format, (2, 1 << config.tile.table)) if config.tile.table else None
