"""A stage in float32, or in binary16 in the order of the reference's unit, instead of the unit's fixed point."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .deploying import Deployed, DeployedStage
from .half import fused, rounded

__all__ = ["floating"]

Floats: TypeAlias = NDArray[np.floating[Any]]
Ints: TypeAlias = NDArray[np.integer[Any]]

_WHOLE = 2048
"""Up to here binary16 holds all whole numbers."""

_BLOCK = 1 << 14
"""Results worked on at a time, as in golden.model."""


def floating(
    deployed: Deployed, stage: DeployedStage, codes: Ints, residual: Ints | None, *, binary16: bool
) -> NDArray[Any]:
    """Results of a stage, rounded to codes of ``output.format``, ties to even.

    In binary16 parameters are the nearest numbers, and each row block adds ``s_p p`` and then ``- s_n n`` to what there
    is, beginning with the offset: a multiply-add each, which rounds once.  With one row block that is "Binary16" of
    docs/arithmetic.md.  A residual is added by a multiply-add too.

    Args:
        deployed: the network.
        stage: the stage.
        codes: (vectors, blocks, counts, columns).
        residual: (vectors, columns), or None.
        binary16: else float32.

    Returns:
        (outputs, columns) after pooling: int16; of a stage that hands its sums on float64 sums.
    """
    what, form, layer = stage.planned.stage, deployed.plan.form, stage.layer
    made = np.empty((len(codes), what.columns), np.float64 if layer.sum_out else np.int16)
    low, high = max(form.low, what.low / stage.planned.lsb), min(form.high, what.high / stage.planned.lsb)
    sign = np.array([1.0, -1.0])[: codes.shape[2], None]
    gains = stage.gains * sign * deployed.config.codes.format.step
    power = 2.0 ** (stage.planned.residual or 0)
    arithmetic = _binary16 if binary16 else _float32
    step = max(_BLOCK // what.columns, 1)
    for start in range(0, len(made), step):
        some = slice(start, start + step)
        a = arithmetic(codes[some], gains, stage.offset, None if residual is None else residual[some], power)
        made[some] = a if layer.sum_out else np.rint(np.clip(a, low, high))
    if what.pool is None:
        return made
    cut = made.reshape(-1, layer.pool_window, what.columns)
    if what.pool.kind == "max":
        return cut.max(axis=1)
    mean = np.rint(cut.sum(axis=1, dtype=np.int64) * 2.0**-layer.pool_shift)
    return np.clip(mean, form.low, form.high).astype(np.int16)


def _float32(codes: Ints, gains: Floats, offset: Floats, residual: Ints | None, power: float) -> Floats:
    a = np.broadcast_to(offset.astype(np.float32), (len(codes), len(offset)))
    for block, gain in enumerate(gains.astype(np.float32)):
        for count, one in enumerate(gain):
            a = a + codes[:, block, count] * one
    return a if residual is None else a + residual * np.float32(power)


def _binary16(codes: Ints, gains: Floats, offset: Floats, residual: Ints | None, power: float) -> Floats:
    a = np.broadcast_to(rounded(offset.astype(np.float64)), (len(codes), len(offset)))
    held = codes if np.abs(codes).max(initial=0) <= _WHOLE else rounded(codes.astype(np.float64))
    for block, gain in enumerate(rounded(gains.astype(np.float64))):
        for count, one in enumerate(gain):
            a = fused(held[:, block, count], one, a)
    return a if residual is None else fused(residual, power, a)
