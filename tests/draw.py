"""Seeded draws over the whole accepted space: configurations, settings, parameters, codes."""

from __future__ import annotations

from typing import Any

import numpy as np

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.formats import Activation, Format, Overflow, Rounding
from nmpu_hdl.presets import build
from tb.programs import (
    draw_codes,
    draw_inputs,
    draw_layer,
    draw_params,
    draw_settings,
    draw_sums,
    draw_tables,
    near_ends,
)

__all__ = [
    "draw_codes",
    "draw_config",
    "draw_float_config",
    "draw_front_config",
    "draw_inputs",
    "draw_layer",
    "draw_params",
    "draw_settings",
    "draw_sums",
    "draw_tables",
    "draw_tile_config",
]

Rng = np.random.Generator


def draw_config(rng: Rng, lanes: int = 2, slots: int = 2) -> NmpuConfig:
    """A configuration of fixed point from anywhere in the accepted space; those refused as too wide are drawn again."""
    while True:
        fields = _fields(rng, lanes, slots)
        fields["how"] |= {"built": _built(rng, lanes), **_architecture(rng, fields["codes"]["counts"])}
        try:
            return build(fields)
        except ValueError as error:
            if "would take" not in str(error):
                raise


def draw_front_config(rng: Rng, lanes: int = 2, slots: int = 2, *, tiled: bool = False) -> NmpuConfig:
    """As :func:`draw_config`, or :func:`draw_tile_config`, with a front end from anywhere in the accepted space."""
    while True:
        fields = _fields(rng, lanes, slots)
        source = str(rng.choice(["slices", "planes", "samples"]))
        front = _front(rng, source)
        if source != "slices":
            form = Format(False, int(rng.integers(2, 11)), 0)
            fields["codes"] = {"counts": 1, "format": form if source == "planes" else fields["codes"]["format"]}
        if source == "planes" and "bipolar" in front["values"]:
            most = front.get("bits", fields["codes"]["format"].high)
            front["rows"] = int(rng.integers(0, min(most, 1024) + 1))
        fields |= {"front": front, "codes": fields["codes"] | {"source": source}}
        if tiled:
            fields["how"]["stages"] = int(rng.integers(2, 5))
            fields["tile"] = _tile(rng, fields["output"]) | {"input": "stream"}
        fields["how"] |= {"built": 0 if tiled else _built(rng, lanes), **_architecture(rng, fields["codes"]["counts"])}
        fields["how"]["front_stages"] = int(rng.integers(1, 3))
        try:
            return build(fields)
        except ValueError as error:
            if "would take" not in str(error):
                raise


def _front(rng: Rng, source: str) -> dict[str, Any]:
    """The table ``[front]``: numbers of steps mostly small, so that passes are short."""

    def few(most: int) -> int:
        return int(rng.choice([1, 2, 3, int(rng.integers(1, most + 1))]))

    front: dict[str, Any] = {
        "x_planes": few(16),
        "w_planes": few(16),
        "x_bits": int(rng.integers(0, 5)),
        "w_bits": int(rng.integers(0, 5)),
        "weights": str(rng.choice(["static", "runtime"])),
        "signed": bool(rng.integers(2)),
        "subarrays": few(64),
        "order": str(rng.choice(["slot", "pass"])),
    }
    if source == "slices":
        return front | ({"beside": int(rng.integers(1, 9)), "weights": "static"} if rng.integers(2) else {})
    front["values"] = [["unipolar"], ["bipolar"], ["bipolar", "unipolar"]][int(rng.integers(3))]
    if source == "samples":
        samples = few(60)
        return front | {"bits": min(few(20), samples), "samples": samples}
    front["zero"] = int(rng.integers(0, 9) * rng.integers(2))
    front["zero"] *= "unipolar" in front["values"]
    return front | ({"input": "bits", "bits": int(rng.integers(1, 40))} if rng.integers(2) else {})


def draw_float_config(rng: Rng, lanes: int = 2, slots: int = 2) -> NmpuConfig:
    """A configuration of binary16, likewise; none is refused."""
    fields = {
        "name": "drawn-fp16",
        "array": {"columns": lanes * slots, "lanes": lanes},
        "arithmetic": {"kind": "fp16", "fused": bool(rng.integers(2)), "lean": bool(rng.integers(2))},
        "codes": {"counts": int(rng.integers(1, 3)), "format": _format(rng, 2, 16)},
        "norm": {"kind": str(rng.choice(["none", "affine"]))},
        "activation": {"modes": _some(rng, [Activation.NONE, Activation.RELU])},
        "output": {"format": Format(bool(rng.integers(2)), near_ends(rng, 2, 16), 0)},
        "how": {"stages": int(rng.integers(1, 7)), "built": _built(rng, lanes)},
    }
    return build(fields)


def _built(rng: Rng, lanes: int) -> int:
    """Lanes of hardware: all of them every second time, else any number that divides them."""
    return int(rng.choice([n for n in range(1, lanes + 1) if lanes % n == 0])) if rng.integers(2) else 0


def _architecture(rng: Rng, counts: int) -> dict[str, Any]:
    """What lanes are: every second time parallel, else shared, where they can be, or serial."""
    if rng.integers(2):
        return {}
    if counts == 2 and rng.integers(2):
        return {"architecture": "shared"}
    return {"architecture": "serial", "radix": int(rng.choice([2, 4]))}


def _fields(rng: Rng, lanes: int, slots: int) -> dict[str, Any]:
    least = near_ends(rng, -8, 15)
    most = near_ends(rng, least, 15)
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
        "how": {
            "stages": int(rng.integers(1, 5)),
            "multiplier": str(rng.choice(["tree", "rows", "booth", "operator"])),
        },
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


def _format(rng: Rng, low: int, high: int) -> Format:
    width = near_ends(rng, low, high)
    signed = bool(rng.integers(2))
    most = width - signed
    fraction = near_ends(rng, 0, most)
    return Format(signed, width - fraction, fraction)


def _some(rng: Rng, choices: list[Any]) -> tuple[Any, ...]:
    count = int(rng.integers(1, len(choices) + 1))
    return tuple(rng.permutation(np.array(choices, dtype=object))[:count])


def draw_tile_config(rng: Rng, lanes: int = 2, slots: int = 2) -> NmpuConfig:
    """As :func:`draw_config`, with a unit around the core; each of its options is there about every second time."""
    while True:
        fields = _fields(rng, lanes, slots)
        fields["how"]["stages"] = int(rng.integers(2, 5))
        tile = _tile(rng, fields["output"])
        fields["how"] |= _architecture(rng, fields["codes"]["counts"])
        try:
            return build(fields | {"tile": tile})
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
        "residual_left": near_ends(rng, 0, 8),
        "residual_right": near_ends(rng, 0, 8),
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
