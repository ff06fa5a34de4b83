"""Columns that end in magnetic tunnel junctions: partial sums become random bits.

StoX-Net (arXiv 2407.12378): a junction switches with ``P(+1) = (1 + tanh(a * ps)) / 2``, a = 4, where ``ps`` is the
normalised partial sum of a sub-array, a stream of activations and a slice of weights.  The public code normalises by a
batch norm a column (``ps`` of mean 0 and variance 1 over training data), which its later version cuts to -1..1.  Here
that is ``ps = gain * sum + shift``, cut where :attr:`Junctions.cut` is set.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Junctions", "expected", "normalisation", "probabilities", "samples"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Junctions:
    """What ends a column.

    Args:
        samples: T of a conversion.
        a: steepness of the switching curve.
        cut: cut ``ps`` to -1..1.

    Raises:
        ValueError: naming the field, the value and what would do.
    """

    samples: int = 8
    a: float = 4.0
    cut: bool = False

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise ValueError(f"samples = {self.samples}: 1 or more would do")
        if not (np.isfinite(self.a) and self.a > 0):
            raise ValueError(f"a = {self.a}: a positive number would do")


def normalisation(sums: ArrayLike, deviations: float = 1.0) -> tuple[Floats, Floats]:
    """Gain and shift, (columns,) each, of the batch norm in front of the junctions.

    Args:
        sums: (..., columns) partial sums of calibration data: all sub-arrays, streams and slices of a column share one
            batch norm.
        deviations: standard deviations that become 1; 1 is StoX-Net's own.

    Raises:
        ValueError: a column whose sums are all the same.
    """
    flat = np.asarray(sums, np.float64).reshape(-1, np.shape(sums)[-1])
    spread = flat.std(axis=0)
    if not (spread > 0).all():
        raise ValueError(f"the sums of column {int(spread.argmin())} are all the same; other calibration data would do")
    gain: Floats = 1 / (deviations * spread)
    return gain, -gain * flat.mean(axis=0)


def probabilities(junctions: Junctions, sums: ArrayLike, gain: ArrayLike = 1.0, shift: ArrayLike = 0.0) -> Floats:
    """P(+1), of the shape of ``sums``: (..., columns), and ``gain`` and ``shift`` go with it."""
    return (1 + expected(junctions, sums, gain, shift)) / 2


def expected(junctions: Junctions, sums: ArrayLike, gain: ArrayLike = 1.0, shift: ArrayLike = 0.0) -> Floats:
    """The mean of a sample of -1 or +1: ``tanh(a * ps)``, (..., columns)."""
    ps: NDArray[Any] = np.asarray(sums) * np.asarray(gain, np.float64) + np.asarray(shift, np.float64)
    return np.tanh(junctions.a * (np.clip(ps, -1, 1) if junctions.cut else ps))


def samples(
    rng: np.random.Generator,
    junctions: Junctions,
    sums: ArrayLike,
    gain: ArrayLike = 1.0,
    shift: ArrayLike = 0.0,
) -> NDArray[np.uint8]:
    """Bits as ``codes.source = samples`` takes them: 1 is +1.

    Args:
        rng: source of chance.
        junctions: what ends the columns.
        sums: (..., columns) partial sums, (..., S, M, K, columns) for a front end.
        gain, shift: of the batch norm, of shapes that go with ``sums``.

    Returns:
        (..., T, columns).
    """
    p = probabilities(junctions, sums, gain, shift)[..., None, :].astype(np.float32)
    shape = (*p.shape[:-2], junctions.samples, p.shape[-1])
    return (rng.random(shape, np.float32) < p).view(np.uint8)
