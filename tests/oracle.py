"""A third implementation of docs/arithmetic.md, in exact fractions, one column at a time; for tests only."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from typing import Any

from golden import Params
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.program import Layer
from nmpu_hdl.settings import PassSettings

Result = tuple[int, bool, bool]
"""A code, and whether it was clipped at the low end, at the high end."""


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
    config: NmpuConfig, codes: list[int], params: Params, c: int, settings: PassSettings, residual: int | None = None
) -> Result:
    """Activation and flags of column ``c`` after one pass."""
    return finished(config, summand(config, codes, params, c, settings), params, c, settings, residual)


def summand(config: NmpuConfig, codes: list[int], params: Params, c: int, settings: PassSettings) -> Fraction:
    """``a`` of column ``c`` in output LSB: docs/arithmetic.md word for word, in units as a person reads them."""
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
    return a * power(-guard)


def finished(
    config: NmpuConfig, a: Fraction, params: Params, c: int, settings: PassSettings, residual: int | None
) -> Result:
    """Activation and flags of column ``c``, of a sum in output LSB."""
    if params.norm_scale is not None and params.norm_offset is not None:
        value = a * int(params.norm_scale[c]) * power(-config.norm.scale.fraction)
        value += int(params.norm_offset[c]) * power(-config.norm.offset.fraction)
        a = math.floor(value * power(config.guard)) * power(-config.guard)
    if settings.residual is not None:
        assert residual is not None
        a += residual * power(settings.residual)
    if settings.activation == "leaky" and a < 0:
        a *= power(-config.activation.leaky_shift)
    y = rounded(a, settings.rounding)
    if settings.activation == "relu":
        y = max(y, 0)
    elif settings.activation == "clip":
        y = min(max(y, settings.clip_low), settings.clip_high)
    return limited(y, config, settings.width)


def limited(y: int, config: NmpuConfig, width: int) -> Result:
    """Saturate to ``width`` bits, or wrap where that is configured."""
    least, most = (-(2 ** (width - 1)), 2 ** (width - 1) - 1) if config.output.format.signed else (0, 2**width - 1)
    low, high = y < least, y > most
    if config.output.overflow == "saturate":
        return min(max(y, least), most), low, high
    return (y - least) % 2**width + least, low, high


def layer_column(
    config: NmpuConfig,
    layer: Layer,
    params: list[Params],
    codes: Any,
    c: int,
    *,
    residual: Any = None,
    sums: Any = None,
    table: Any = None,
) -> tuple[list[Fraction], list[Result], list[Result]]:
    """Column ``c`` of a layer, "The tile" of docs/arithmetic.md: the sums in output LSB, results, pooled results.

    Arrays are those of ``golden.run_layer``; results are empty where sums are handed out.
    """
    totals: list[Fraction] = []
    for v in range(layer.vectors):
        total = int(sums[v, c]) * power(-config.derived.total.fraction) if layer.sum_in else Fraction(0)
        for b, shift in enumerate(layer.shifts):
            settings = replace(layer.settings, shift=shift)
            total += summand(config, [int(x) for x in codes[v, b, :, c]], params[b], c, settings)
        totals.append(total)
    if layer.sum_out:
        return totals, [], []
    results: list[Result] = []
    for v, total in enumerate(totals):
        extra = None if residual is None else int(residual[v, c])
        y, low, high = finished(config, total, params[-1], c, layer.settings, extra)
        results.append((looked_up(config, y, table) if layer.table else y, low, high))
    return totals, results, pooled(config, layer, results)


def looked_up(config: NmpuConfig, y: int, table: Any) -> int:
    """The entry that the first bits of ``y``, as they are written on paper, are the number of."""
    width = config.output.format.width
    written = format(y % 2**width, f"0{width}b")
    return int(table[int(written[: config.tile.table], 2)])


def pooled(config: NmpuConfig, layer: Layer, results: list[Result]) -> list[Result]:
    if layer.pooling == "none":
        return results
    out: list[Result] = []
    waiting: list[Result] = []
    for result in results:
        waiting.append(result)
        if len(waiting) == layer.pool_window:
            codes, lows, highs = zip(*waiting, strict=True)
            mean = rounded(sum(codes) * power(-layer.pool_shift), "half_up")
            y = max(codes) if layer.pooling == "max" else clamped(mean, config, layer.settings.width)
            out.append((y, any(lows), any(highs)))
            waiting = []
    return out


def clamped(y: int, config: NmpuConfig, width: int) -> int:
    """The nearest code of ``width`` bits."""
    codes = range(-(2 ** (width - 1)), 2 ** (width - 1)) if config.output.format.signed else range(2**width)
    return y if y in codes else min(codes[0], codes[-1], key=lambda code: abs(code - y))
