"""Parameters of binary16 lanes: bit patterns that bring results to where it matters, and such as no network has."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from golden import Params, taps
from golden.float16 import to_float
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.settings import PassSettings

__all__ = ["CORNERS", "EXTREMES", "aimed_floats", "draw_floats", "patterns"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

EXTREMES = (0x0000, 0x8000, 0x0001, 0x83FF, 0x0400, 0x3C00, 0xBC00, 0x7BFF, 0xFBFF, 0x7C00, 0xFC00, 0x7E00, 0xFFFF)
"""Zeros, least and largest subnormals, the least normal number, 1, the largest, infinities, NaN."""

CORNERS = tuple(
    sign | exponent << 10 | fraction
    for sign in (0, 0x8000)
    for exponent in (0, 1, 2, 10, 14, 15, 16, 25, 29, 30, 31)
    for fraction in (0, 1, 0x1FF, 0x200, 0x201, 0x3FF)
)
"""Both ends of many binades and their middles, which make ties."""

_LARGEST = 65504.0


def patterns(values: Floats) -> Ints:
    """The binary16 nearest to each value; the largest number for what is beyond it, 0 for NaN."""
    finite = np.clip(np.nan_to_num(values), -_LARGEST, _LARGEST)
    return finite.astype(np.float16).view(np.uint16).astype(np.int64)


def draw_floats(rng: np.random.Generator, config: NmpuConfig) -> dict[str, Ints]:
    """Parameters of all columns, by the names of the parameter word.

    Three columns of four have such as bring results into the output's range or near it; the others have corners, and
    any bits.  Half of all have few bits set, which makes ties.  With a second affine stage the first one's result is at
    the ends of binary16 in some columns: the second brings it back, so that what was rounded there is seen.
    """
    columns, codes, out = config.array.columns, config.codes.format, config.output.format
    most, gain = out.high + 1.0, (out.high + 1) / (max(codes.high, -codes.low) * codes.step)
    away = np.zeros(columns)
    if config.norm.kind == "affine":
        ends = rng.choice([-14, -16, -20, 15, 17], columns) - np.log2(most)
        away = np.where(rng.random(columns) < 0.3, ends, 0)
    far, back = 2.0**away, 2.0**-away
    # Size, powers of two that it is multiplied by, least and largest, and how often the sign is minus.
    spread: dict[str, tuple[Any, float, float, float]] = {
        "offset": (most * far, -6, 0, 0.5),
        "norm_scale": (back, -2, 1, 0.2),
        "norm_offset": (most, -6, 0, 0.5),
    }
    odd, fields = rng.random(columns) < 0.25, {}
    for field in config.derived.param_fields:
        size, low, high, minus = spread.get(field.name, (gain * far, -3, 3, 0.2))
        useful = size * 2.0 ** rng.uniform(low, high, columns) * np.where(rng.random(columns) < minus, -1, 1)
        short = 0xFFFF << np.where(rng.integers(2, size=columns), rng.integers(0, 9, columns), 0)
        some = np.where(
            rng.integers(2, size=columns), rng.integers(1 << 16, size=columns), rng.choice(CORNERS, columns)
        )
        fields[field.name] = np.where(odd, some, patterns(useful) & short)
    return fields


def aimed_floats(
    rng: np.random.Generator, config: NmpuConfig, codes: Ints, params: Params, settings: PassSettings
) -> Params:
    """``params`` with offsets that put results on ties of both roundings, to binary16 and to an integer, and beside
    them, and at the ends of the output's range, or that cancel the first product; as near as binary16 allows.

    Args:
        rng: source of chance.
        config: the configuration.
        codes: (counts, columns) that will be sent.
        params: scales and the rest.
        settings: that will be in force, of all columns.
    """
    lean, out, columns = config.arithmetic.lean, config.output.format, codes.shape[-1]
    if params.norm_scale is not None:
        params = _tied(rng, config, codes[0], params)
    inner = taps(config, codes, params, settings)
    whole = rng.choice([out.low - 1, out.low, -2, -1, 0, 1, 2, 3, out.high, out.high + 1], columns)
    tie = whole + rng.choice([-0.5, 0, 0.5], columns)
    place = np.spacing(np.abs(tie).astype(np.float16)).astype(np.float64)
    aim = tie + place * rng.choice([-1, -0.5, 0, 0, 0, 0.5, 1], columns)
    with np.errstate(all="ignore"):
        if params.norm_scale is not None:
            last = inner["sum_2" if config.codes.counts == 2 else "sum_1"]
            base = to_float(last, lean) * to_float(params.norm_scale, lean)
            return replace(params, norm_offset=patterns(aim - base))
        if "products" in inner and config.codes.counts == 2:
            base = to_float(inner["sum_1"], lean)
        else:
            terms = to_float(params.scales, lean) * to_float(inner["counts"], lean)
            base = terms[0] - terms[1] if len(terms) == 2 else terms[0]
            if len(terms) == 2:  # sometimes the first sum is zero, or next to it, and the second product is the result
                alone = rng.random(columns) < 0.25
                base, aim = np.where(alone, terms[0], base), np.where(alone, 0, aim)
        return replace(params, offset=patterns(aim - base))


def _tied(rng: np.random.Generator, config: NmpuConfig, codes: Ints, params: Params) -> Params:
    """Of many columns the first product with twelve bits, the last of them set, which is half a place too many for
    binary16; the offset is beside it, or next to nothing, or zero.

    Args:
        rng: source of chance.
        config: the configuration.
        codes: (columns,) first counts.
        params: scales and the rest.
    """
    columns = len(codes)
    sizes = np.abs(codes) // np.maximum(codes & -codes, 1)  # without the zeros at the end
    bits = np.frexp(sizes.astype(np.float64))[1] - rng.integers(2, size=columns)
    unit = 1 << np.clip(bits - 1, 0, 10)  # of the last bit that a scale of 12 - bits has
    scale = np.where(rng.integers(2, size=columns), (params.scales[0] & -unit) | unit, params.scales[0])
    factor = np.nan_to_num(to_float(scale, config.arithmetic.lean), posinf=0, neginf=0)
    near = (
        factor
        * codes
        * config.codes.format.step
        * 2.0 ** -rng.integers(0, 30, columns)
        * rng.choice([-1, 0, 1], columns)
    )
    offset = np.where(rng.integers(2, size=columns), patterns(near), params.offset)
    return replace(params, scales=np.stack([scale, *params.scales[1:]]), offset=offset)
