"""Which gains and offsets the formats hold, of all columns at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.formats import Format

from ..calibration import BatchNorm, Quantized

__all__ = ["unreachable", "vanished"]

Floats = NDArray[np.floating[Any]]

_FLOAT_TOP = 65519.99
"""Below this, binary16 rounds to its largest number."""


def unreachable(config: NmpuConfig, gain: Floats, offset: Floats, batch_norm: BatchNorm | None) -> dict[int, str]:
    """Columns whose gain or offset :func:`golden.quantize` would refuse, each with why and what would do.

    Args:
        config: the configuration.
        gain: (blocks, counts, columns), output LSB for each unit of a code's value.
        offset: (columns,), output LSB.
        batch_norm: (columns,) each, for the second affine stage; None: there is none, or it is an identity.
    """
    gains: dict[int, str] = {}
    for block in gain:
        for count, values in enumerate(block):
            what = f"gain of count {'pn'[count]}" if len(block) == 2 else "gain"
            gains = _gains(config, values, what) | gains
    parts = [gains, _outside(config, offset, config.offset.format, "offset.format", "offset")]
    if batch_norm is not None:
        scale, added = batch_norm.affine()
        parts.append(_outside(config, scale, config.norm.scale, "norm.scale", "batch norm's gain"))
        parts.append(_outside(config, added, config.norm.offset, "norm.offset", "batch norm's offset"))
    wrong = sorted({column for part in parts for column in part})
    return {column: "; ".join(part[column] for part in parts if column in part) for column in wrong}


def _outside(config: NmpuConfig, values: Floats, form: Format, field: str, what: str) -> dict[int, str]:
    """What no code of ``form`` stands for, at the largest ``offset_shift`` where there is one."""
    if config.derived.floating:
        wrong = np.flatnonzero(~(np.abs(values) < _FLOAT_TOP))
        return {int(n): f"{what} {values[n]:.6g} is beyond binary16; a larger output LSB would do" for n in wrong}
    up = config.derived.offset_shifts if field == "offset.format" else 0
    step = form.step * 2**up
    codes = np.rint(values / step)
    found = {}
    for n in np.flatnonzero(~((codes >= form.low) & (codes <= form.high))):
        value, edge = float(codes[n]), form.high if codes[n] > 0 else form.low
        signed = form.signed or value < 0
        wider = Format(signed, _integer_bits(abs(float(values[n])) + form.step) + signed, form.fraction)
        would = f"{field} = {wider}"
        if field == "offset.format" and edge and (need := up + math.ceil(math.log2(value / edge) + 1e-9)) <= 7:
            would += f" or offset.max_shift = {need}"
        span = f"{form.low * step:g}..{form.high * step:g}"
        found[int(n)] = f"{what} {values[n]:.6g} is outside {form} ({span}); {would} would do"
    return found


def _integer_bits(magnitude: float) -> int:
    return max(1, math.floor(math.log2(magnitude)) + 1)


def _gains(config: NmpuConfig, values: Floats, what: str) -> dict[int, str]:
    if config.derived.floating:
        return _outside(config, values, config.scale.format, "scale.format", what)
    form, least = config.scale.format, config.shift.min
    high, low = (form.high + 0.5) * form.step * 2.0**-least, (form.low - 0.5) * form.step * 2.0**-least
    found = {}
    for n in np.flatnonzero((values < low) & ~(form.low == 0 and values == 0) | (values >= high)):
        value = float(values[n])
        if value < 0 and not form.signed:
            found[int(n)] = (
                f"{what} {value:.6g} is below 0, {form} has no sign; "
                f"scale.format = SQ{form.integer + 1}.{form.fraction} would do"
            )
            continue
        edge = high if value > 0 else -low
        shift = least - math.ceil(math.log2(abs(value) / edge) + 1e-9)
        would = f"shift.min = {shift} or a larger output LSB" if shift >= -8 else "a larger output LSB"
        found[int(n)] = (
            f"{what} {value:.6g} is above the {edge:.4g} that {form} has at shift.min = {least}; {would} would do"
        )
    return found


def vanished(config: NmpuConfig, gain: Floats, made: Sequence[Quantized], served: NDArray[np.bool_]) -> dict[int, str]:
    """Columns of which a gain has become 0 though it is worth half an output LSB or more.

    Args:
        config: the configuration.
        gain: (blocks, counts, columns), output LSB for each unit of a code's value.
        made: the integers of each block.
        served: (columns,): the others are not looked at.
    """
    operand, form = config.derived.operand, config.scale.format
    top = max(operand.high, -operand.low) * 2.0**-operand.fraction
    lost = (np.stack([one.gain for one in made]) == 0) & (np.abs(gain) * top >= 0.5) & served
    found = {}
    for n in np.flatnonzero(lost.any(axis=(0, 1))):
        block = int(lost[..., n].any(axis=1).argmax())
        value = np.abs(np.where(lost[block, :, n], gain[block, :, n], 0)).max()
        where, would = "in the second stage or binary16", "a smaller output LSB"
        if config.derived.layer_shift:
            setter = int(np.where(served, np.abs(gain[block]).max(axis=0), 0).argmax())
            where = f"in {form} at shift {made[block].shift}, which the gain of column {setter} demands"
            would = "shift.granularity = column"
        elif config.shift.granularity == "column":
            where, would = f"in {form} at shift.max = {config.shift.max}", "a larger shift.max"
        elif not config.derived.floating:
            where, would = f"in {form} at the fixed shift {config.shift.min}", "shift.granularity = column"
        found[int(n)] = f"the gain {value:.4g} becomes 0 {where}; {would} would do"
    return found
