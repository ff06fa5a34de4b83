"""An analog array of phase-change devices with a converter a column: integer weights and inputs to converter counts.

The devices are those of ``HermesNoiseModel`` (aihwkit, MIT; fitted to the 64-core chip of Le Gallo et al., Nature
Electronics 2023): programming noise, drift with its spread, and accumulated 1/f noise are its polynomials.  The spread
of the converters' gains is that chip's as far as it is known; that of their offsets is an assumption.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Analog", "Crossbar", "conductances", "counts", "drift_exponents", "program_array", "read_array"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_G_MAX = {2: 20.7, 1: 10.35}
"""Largest conductance of a weight, uS, by its devices."""

_FIRST_READ = {2: 300.0, 1: 200.0}
"""t0 of the drift, s."""

_READ_TIME = 512e-9
"""Of one read, s."""

_PROGRAMMING = {
    2: (0.16603222, 4.71806468, -8.48101252, 4.68961419),
    1: (0.15781817, 2.32443916, -2.16310839, 0.68841818),
}
"""Sigma of programming in uS, a polynomial of g / g_max, the lowest power first."""


class _Branches(NamedTuple):
    """``clip(slope * ln g + constant, low, high)`` below ``edge``, from there a polynomial; of g / g_max."""

    edge: float
    slope: float
    constant: float
    low: float
    high: float
    polynomial: tuple[float, ...]

    def at(self, relative: Floats) -> Floats:
        g = np.maximum(relative, 1e-7)
        below = np.clip(self.slope * np.log(g) + self.constant, self.low, self.high)
        return np.where(g < self.edge, below, _polynomial(self.polynomial, g))


_NU = _Branches(0.0945, -0.0387, -0.0182, 0.072, 0.13, (0.0736, -0.0126, -0.0436))
_NU_SPREAD = {
    2: _Branches(0.3055, -0.0117, -0.0057, 0.0091, 0.04, (0.0073, 0.0093, -0.0118)),
    1: _Branches(0.3039, -0.0120, -0.0023, 0.0124, 0.04, (0.0104, 0.0116, -0.0165)),
}
_READ = {
    2: _Branches(0.16, -0.0117, -0.0069, 0.015, 0.04, (0.0123, 0.0211, -0.0280, 0.0069)),
    1: _Branches(0.1591, -0.0078, 0.0038, 0.0179, 0.04, (0.0088, 0.0768, -0.1352, 0.0664)),
}


@dataclass(frozen=True)
class Analog:
    """What the array and its converters are.

    Args:
        devices: phase-change devices a weight, 1 or 2.
        bits: of a converter, 4 to 12.
        counts: 2: an unsigned count of the positive current and one of the negative; 1: a signed one of the difference.
        programming: scale of the programming noise; 0: none.  So are the next three.
        drift: scale of the drift's exponents.
        drift_spread: scale of what devices differ in them.
        read: scale of the 1/f noise.
        gain_spread: a converter's gain is within 1 +- this, evenly.  About 0.07 after the chip's own calibration, 0.21
            before it.
        offset_spread: a converter's offset is within +- this, counts, evenly; no source.

    Raises:
        ValueError: naming the field, the value and what would do.
    """

    devices: int = 2
    bits: int = 10
    counts: int = 2
    programming: float = 1.0
    drift: float = 1.0
    drift_spread: float = 1.0
    read: float = 1.0
    gain_spread: float = 0.07
    offset_spread: float = 2.0

    def __post_init__(self) -> None:
        for name, low, high in (("devices", 1, 2), ("bits", 4, 12), ("counts", 1, 2)):
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name} = {getattr(self, name)} is outside {low}..{high}")
        for name in ("programming", "drift", "drift_spread", "read", "gain_spread", "offset_spread"):
            if not (np.isfinite(getattr(self, name)) and getattr(self, name) >= 0):
                raise ValueError(f"{name} = {getattr(self, name)}: 0 or a positive number would do")
        if self.gain_spread >= 1:
            raise ValueError(f"gain_spread = {self.gain_spread}: less than 1 would do")

    @property
    def ideal(self) -> Analog:
        """The same without any noise: it quantises and saturates, and that is all."""
        quiet = replace(self, programming=0.0, drift=0.0, drift_spread=0.0, read=0.0)
        return replace(quiet, gain_spread=0.0, offset_spread=0.0)

    @property
    def g_max(self) -> float:
        """Conductance of the largest weight, uS."""
        return _G_MAX[self.devices]

    @property
    def span(self) -> tuple[int, int]:
        """The least and the largest count."""
        return (0, (1 << self.bits) - 1) if self.counts == 2 else (-(1 << self.bits - 1), (1 << self.bits - 1) - 1)


@dataclass(frozen=True)
class Crossbar:
    """An array that has been programmed.

    Attributes:
        analog: what it is.
        programmed: (2, rows, columns) conductances at t0 of the positive and of the negative weights, uS.
        exponents: (2, rows, columns) nu of the drift.
        gain: (counts, columns) counts for each uS times unit of an input.
        offset: (counts, columns) counts.
    """

    analog: Analog
    programmed: Floats
    exponents: Floats
    gain: Floats
    offset: Floats


def conductances(analog: Analog, weights: ArrayLike, largest: float) -> Floats:
    """Differential columns: ``g = g_max * |w| / largest`` on the side of the weight's sign, 0 on the other.

    Args:
        analog: the array.
        weights: (rows, columns), whole numbers or not.
        largest: the weight that gets ``g_max``.

    Returns:
        (2, rows, columns), uS.

    Raises:
        ValueError: a weight beyond ``largest``, or a ``largest`` that is not positive.
    """
    array = np.asarray(weights, np.float64)
    if not largest > 0:
        raise ValueError(f"largest = {largest}: a positive weight would do")
    if not np.abs(array).max(initial=0) <= largest:
        raise ValueError(f"a weight of {np.abs(array).max():g} is beyond largest = {largest}")
    return np.stack([np.maximum(array, 0), np.maximum(-array, 0)]) * (analog.g_max / largest)


def program_array(
    rng: np.random.Generator, analog: Analog, weights: ArrayLike, largest: float, full_scale: ArrayLike
) -> Crossbar:
    """Program devices, and draw the converters in front of which they stand.

    Args:
        rng: source of chance.
        analog: the array.
        weights: (rows, columns), of -largest to largest.
        largest: the weight that gets ``g_max``.
        full_scale: the sum of products of weights and inputs that makes the largest count, where gain and offset have
            no spread; one, or (columns,).  With two counts: of the positive, and of the negative products.

    Raises:
        ValueError: a weight beyond ``largest``, or a full scale that is not positive.
    """
    target = conductances(analog, weights, largest)
    scale = np.broadcast_to(np.asarray(full_scale, np.float64), target.shape[2])
    if not (scale > 0).all():
        raise ValueError(f"full_scale = {scale.min():g}: a positive sum would do")
    sigma = _polynomial(_PROGRAMMING[analog.devices], target / analog.g_max)
    programmed = np.maximum(target + analog.programming * sigma * rng.standard_normal(target.shape), 0)
    shape = analog.counts, target.shape[2]
    gain = (1 + analog.gain_spread * rng.uniform(-1, 1, shape)) * (analog.span[1] * largest / analog.g_max) / scale
    offset = analog.offset_spread * rng.uniform(-1, 1, shape)
    return Crossbar(analog, programmed, drift_exponents(rng, analog, target), gain, offset)


def drift_exponents(rng: np.random.Generator, analog: Analog, target: Floats) -> Floats:
    """nu of ``g(t) = g * (t / t0)^-nu``, of the shape of ``target`` (uS); never negative."""
    relative = target / analog.g_max
    spread = analog.drift_spread * _NU_SPREAD[analog.devices].at(relative)
    return analog.drift * np.abs(_NU.at(relative) + spread * rng.standard_normal(target.shape))


def read_array(rng: np.random.Generator, crossbar: Crossbar, seconds: float = 0.0) -> Floats:
    """Conductances as a read sees them, (2, rows, columns), uS; 1/f noise is so slow that all vectors see the same.

    Args:
        rng: source of chance.
        crossbar: the array.
        seconds: since t0, the first read (300 s after programming with two devices, 200 s with one).

    Raises:
        ValueError: before t0.
    """
    if seconds < 0:
        raise ValueError(f"seconds = {seconds}: 0 or more would do")
    analog, first = crossbar.analog, _FIRST_READ[crossbar.analog.devices]
    drifted = crossbar.programmed * ((seconds + first) / first) ** -crossbar.exponents
    spectrum = np.sqrt(np.log((seconds + first + _READ_TIME) / (2 * _READ_TIME)))
    sigma = _READ[analog.devices].at(crossbar.programmed / analog.g_max) * spectrum
    return np.maximum(drifted * (1 + analog.read * sigma * rng.standard_normal(drifted.shape)), 0)


def counts(crossbar: Crossbar, x: ArrayLike, conductance: Floats | None = None) -> Ints:
    """What the converters give: ``round(gain * current + offset)``, saturated.

    Args:
        crossbar: the array.
        x: (..., rows) inputs, 0 or more.
        conductance: from :func:`read_array`; None: as programmed, without drift and 1/f noise.

    Returns:
        int64 (..., counts, columns), as ``codes.source = counts`` takes them.

    Raises:
        ValueError: an input below 0, which two unsigned counts cannot tell from one of the other sign.
    """
    inputs = np.asarray(x, np.float64)
    if crossbar.analog.counts == 2 and inputs.size and inputs.min() < 0:
        raise ValueError(f"an input of {inputs.min():g} with counts = 2; inputs from 0, or counts = 1, would do")
    g = crossbar.programmed if conductance is None else conductance
    currents = np.stack([inputs @ g[0], inputs @ g[1]], axis=-2)
    if crossbar.analog.counts == 1:
        currents = currents[..., :1, :] - currents[..., 1:, :]
    levels: NDArray[Any] = np.rint(currents * crossbar.gain + crossbar.offset)
    return np.clip(levels, *crossbar.analog.span).astype(np.int64)


def _polynomial(coefficients: Sequence[float], x: Floats) -> Floats:
    """The lowest power first."""
    total = np.zeros_like(x)
    for factor in reversed(coefficients):
        total = total * x + factor
    return total
