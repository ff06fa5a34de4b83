"""The golden model against APyTypes, an independent library of fixed-point arithmetic."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from apytypes import APyFixedArray, OverflowMode, QuantizationMode, fx

import golden
from golden import Params
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.formats import Activation, Format, Overflow, Rounding
from nmpu_hdl.settings import PassSettings

from .draw import draw_codes, draw_config, draw_params, draw_settings

MODES = {
    Rounding.FLOOR: QuantizationMode.TRN,
    Rounding.HALF_UP: QuantizationMode.RND,
    Rounding.HALF_EVEN: QuantizationMode.RND_CONV,
    Rounding.HALF_AWAY: QuantizationMode.RND_INF,
}
WIDE = 60
"""Integer bits that are enough for any result here, in one word: from two words APyTypes 0.5.1 does not wrap."""


def fixed(codes: np.ndarray, form: Format) -> APyFixedArray:
    """Codes of a format as APyTypes' numbers; a sign bit is added to unsigned ones."""
    bits = [int(c) % (1 << (form.width + 1)) for c in codes.ravel()]
    return APyFixedArray(bits, int_bits=form.integer + 1, frac_bits=form.fraction)


def cut(value: APyFixedArray, fraction: int, mode: QuantizationMode) -> APyFixedArray:
    return value.cast(int_bits=WIDE, frac_bits=fraction, quantization=mode)


def integers(value: APyFixedArray) -> list[int]:
    """Exact integers of values without fraction bits."""
    return [int(v) for v in value.to_numpy()]


def times_power(value: APyFixedArray, exponent: int) -> APyFixedArray:
    """Exact: the binary point moves."""
    moved = value << exponent if exponent >= 0 else value >> -exponent
    assert isinstance(moved, APyFixedArray)
    return moved


def affine(config: NmpuConfig, codes: np.ndarray, params: Params, shift: int, up: int) -> APyFixedArray:
    """``a`` in output LSB."""
    m = fixed(codes[0], config.codes.format) * fixed(params.scales[0], config.scale.format)
    if config.codes.counts == 2:
        m = m - fixed(codes[1], config.codes.format) * fixed(params.scales[1], config.scale.format)
    t = cut(times_power(m, -shift), config.guard, QuantizationMode.TRN)
    a = t + times_power(fixed(params.offset, config.offset.format), up)
    if params.norm_scale is not None and params.norm_offset is not None:
        a = a * fixed(params.norm_scale, config.norm.scale) + fixed(params.norm_offset, config.norm.offset)
        a = cut(a, config.guard, QuantizationMode.TRN)
    return a


def activations(config: NmpuConfig, a: APyFixedArray, settings: PassSettings) -> list[Any]:
    """Round, activate, and let APyTypes' own cast saturate or wrap."""
    if settings.activation is Activation.LEAKY:
        slope = times_power(a, -config.activation.leaky_shift)
        a = fx([s if x < 0 else x for s, x in zip(slope, a, strict=True)], int_bits=WIDE, frac_bits=40)
    y = cut(a, 0, MODES[settings.rounding])
    if settings.activation is Activation.RELU:
        y = fx([max(v, 0) for v in integers(y)], int_bits=WIDE, frac_bits=0)
    if settings.activation is Activation.CLIP:
        limited = [min(max(v, settings.clip_low), settings.clip_high) for v in integers(y)]
        y = fx(limited, int_bits=WIDE, frac_bits=0)
    out = config.output.format
    mode = OverflowMode.SAT if config.output.overflow is Overflow.SATURATE else OverflowMode.WRAP
    if out.signed:
        return integers(y.cast(int_bits=out.width, frac_bits=0, overflow=mode))
    if mode is OverflowMode.WRAP:
        return [v % (1 << out.width) for v in integers(y)]
    return [max(v, 0) for v in integers(y.cast(int_bits=out.width + 1, frac_bits=0, overflow=mode))]


@pytest.mark.parametrize("seed", range(120))
def test_golden_is_apytypes(seed: int) -> None:
    rng = np.random.default_rng(10_000 + seed)
    config = draw_config(rng, lanes=4, slots=16)
    params, settings = draw_params(rng, config), draw_settings(rng, config)
    if params.shift is not None:
        params = golden.Params(**{**vars(params), "shift": np.full_like(params.shift, settings.shift)})
    shift = config.shift.min if config.shift.granularity == "fixed" else settings.shift
    codes = draw_codes(rng, config.codes.format, (config.codes.counts, config.array.columns))
    a = affine(config, codes, params, shift, settings.offset_shift)
    np.testing.assert_array_equal(golden.forward(config, codes, params, settings).y, activations(config, a, settings))
