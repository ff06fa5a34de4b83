"""Front ends: from what an array gives, step by step, to one operand a column.  Mirrors nmpu_hdl/front_end.py.

docs/front.md is the normative text.  Everything here is exact.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.front_settings import FrontSettings

from .checks import check_range

__all__ = ["amounts", "front_end", "raw_shape", "step_weights"]

Ints = NDArray[np.int64]


def raw_shape(config: NmpuConfig, settings: FrontSettings, columns: int) -> tuple[int, ...]:
    """The last axes of what an array gives for a conversion of ``columns`` columns.

    ``slices``: (S, M, K * beside, counts, columns) codes; ``planes``: (S, M, K, columns) counts, counted already
    where the unit counts bits; ``samples``: (S, M, K, T, columns) bits.  S sub-arrays, M planes or streams of
    activations, K planes or slices of weights, T samples.
    """
    steps = settings.subarrays, settings.x_planes, settings.w_planes
    if config.codes.source == "slices":
        beside = config.derived.front_end.beside
        return (*steps[:2], steps[2] * beside, config.codes.counts, columns)
    return (*steps, settings.samples, columns) if config.codes.source == "samples" else (*steps, columns)


def front_end(config: NmpuConfig, raw: ArrayLike, settings: FrontSettings, reference: ArrayLike | None = None) -> Ints:
    """``x = sum_s sum_m sum_k W[m, k] * amount``, less ``zero * 2^(x_step * m) * reference`` (of the sign of m).

    Args:
        config: the configuration; ``codes.source`` is not ``counts``.
        raw: integers, or truth values, (..., *:func:`raw_shape`).
        settings: of the pass.
        reference: (..., S, M) sums of each plane of activations, in the units of a count; just with ``front.zero``,
            and without effect where ``settings.zero`` is 0.

    Returns:
        (..., counts, columns) operands, within ``derived.operand``.

    Raises:
        ValueError: settings that the configuration does not allow, a shape that does not fit, a code out of range.
    """
    settings.check(config)
    array, facts = np.asarray(raw), config.derived.front_end
    if array.dtype == np.bool_:
        array = array.astype(np.uint8)
    shape = raw_shape(config, settings, array.shape[-1] if array.ndim else 0)
    if array.shape[-len(shape) :] != shape:
        raise ValueError(f"what an array gives, of shape {array.shape}, does not end in {shape}")
    _check_raw(config, array)
    per_step = amounts(config, array, settings)  # (..., S, M, K', counts, columns)
    operands: Ints = np.einsum("mk,...smkcn->...cn", step_weights(config, settings), per_step)
    if (reference is None) == bool(facts.zero):
        raise ValueError(f"front.zero = {facts.zero} {'needs' if facts.zero else 'takes no'} sums of activations")
    if reference is not None:
        operands -= settings.zero * _reference(config, reference, settings, array.shape[: -len(shape)])
    return operands


def amounts(config: NmpuConfig, raw: NDArray[np.integer], settings: FrontSettings) -> Ints:
    """What each step adds before its weight: (..., S, M, K or K * beside, counts, columns).

    A code; a count of ones c, or ``N - 2 c``, where bits stand for -1 and +1 and c counts those that differ (the
    array's XOR); of T samples the number u of ones, or ``2 u - T``.
    """
    if config.codes.source == "slices":
        return raw.astype(np.int64)
    if config.codes.source == "planes":
        counts = raw.astype(np.int64)
        return (settings.rows - 2 * counts if settings.bipolar else counts)[..., None, :]
    ones = raw.sum(axis=-2, dtype=np.int64)
    return (2 * ones - settings.samples if settings.bipolar else ones)[..., None, :]


def step_weights(config: NmpuConfig, settings: FrontSettings) -> Ints:
    """(M, K or K * beside): powers of two, negative where just one of the planes is a signed top one."""
    w = settings.w_planes * config.derived.front_end.beside, settings.w_step, settings.w_signed
    return np.multiply.outer(_x_weights(settings), _powers(*w))


def _x_weights(settings: FrontSettings) -> Ints:
    """Of the planes of activations, (M,)."""
    return _powers(settings.x_planes, settings.x_step, settings.x_signed)


def _powers(count: int, step: int, signed: bool) -> Ints:
    """Powers of two, the last of them negative where ``signed``."""
    weights: Ints = 1 << step * np.arange(count)
    weights[-1] *= -1 if signed else 1
    return weights


def _reference(config: NmpuConfig, reference: ArrayLike, settings: FrontSettings, lead: tuple[int, ...]) -> Ints:
    """Sums of activations, (..., 1, 1): planes with their weights."""
    array, most = np.asarray(reference), (1 << config.derived.front_end.reference_bits) - 1
    if array.shape != (*lead, settings.subarrays, settings.x_planes):
        raise ValueError(
            f"sums of activations of shape {array.shape} are not {(*lead, settings.subarrays, settings.x_planes)}"
        )
    check_range(array, 0, most, "sum of activations", f"{config.derived.front_end.reference_bits} bits")
    total: Ints = (array.astype(np.int64) * _x_weights(settings)).sum(axis=(-2, -1))
    return total[..., None, None]


def _check_raw(config: NmpuConfig, array: NDArray[np.integer]) -> None:
    codes, facts = config.codes, config.derived.front_end
    if codes.source == "samples":
        check_range(array, 0, 1, "sample", "a bit")
    elif facts.counted:
        check_range(array, 0, facts.most, "count", f"{facts.most} bits")
    else:
        check_range(array, codes.format.low, codes.format.high, "code", str(codes.format))
