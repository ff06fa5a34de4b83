"""A third implementation of docs/arithmetic.md, in exact fractions, one column at a time; for tests only."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from golden import Params
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.settings import PassSettings


def power(exponent: int) -> Fraction:
    return Fraction(2) ** exponent


def rounded(value: Fraction, mode: str) -> int:
    """Round to an integer; written from the definition of each mode, not from a formula with shifts."""
    below = math.floor(value)
    rest = value - below
    if mode == "floor" or rest < Fraction(1, 2):
        return below
    if rest > Fraction(1, 2):
        return below + 1
    match mode:
        case "half_up":
            return below + 1
        case "half_even":
            return below if below % 2 == 0 else below + 1
        case "half_away":
            return below + 1 if value > 0 else below
    raise AssertionError(mode)


def column(
    config: NmpuConfig, codes: list[int], params: Params, c: int, settings: PassSettings
) -> tuple[int, bool, bool]:
    """Activation and flags of column ``c``: docs/arithmetic.md word for word, in units as a person reads them."""
    fraction = config.codes.format.fraction + config.scale.format.fraction
    guard = config.guard
    scaled = [int(s[c]) * x for s, x in zip(params.scales, codes, strict=True)]
    m = Fraction(scaled[0] - (scaled[1] if len(scaled) == 2 else 0))
    shift = settings.shift
    if config.shift.granularity == "fixed":
        shift = config.shift.min
    elif params.shift is not None:
        shift = int(params.shift[c])
    t = Fraction(math.floor(m * power(guard - fraction - shift)))
    a = t + int(params.offset[c]) * power(guard - config.offset.format.fraction + settings.offset_shift)
    if params.norm_scale is not None and params.norm_offset is not None:
        value = a * power(-guard) * int(params.norm_scale[c]) * power(-config.norm.scale.fraction)
        value += int(params.norm_offset[c]) * power(-config.norm.offset.fraction)
        a = Fraction(math.floor(value * power(guard)))
    if settings.activation == "leaky" and a < 0:
        a *= power(-config.activation.leaky_shift)
    y = rounded(a * power(-guard), settings.rounding)
    if settings.activation == "relu":
        y = max(y, 0)
    elif settings.activation == "clip":
        y = min(max(y, settings.clip_low), settings.clip_high)
    return limited(y, config)


def limited(y: int, config: NmpuConfig) -> tuple[int, bool, bool]:
    form: Any = config.output.format
    low, high = y < form.low, y > form.high
    if config.output.overflow == "saturate":
        return min(max(y, form.low), form.high), low, high
    return (y - form.low) % 2**form.width + form.low, low, high
