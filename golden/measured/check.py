"""Finished integers, and what they make of measured codes, bit-exact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.formats import Activation
from nmpu_hdl.program import Layer
from nmpu_hdl.settings import PassSettings

from ..layer import run_layer
from ..mapping import Wanted
from ..model import Activations, forward
from ..params import Params, pack
from ..program import place_params
from .pairs import Pairs

__all__ = ["Checked", "Integers", "check"]

Floats = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Integers:
    """The integers of a layer.

    Attributes:
        params: of each row block.
        shifts: of each row block; of no effect where shifts are a column or fixed, and in binary16.
        offset_shift: left shift of all offsets.
    """

    params: tuple[Params, ...]
    shifts: tuple[int, ...]
    offset_shift: int

    def settings(self, config: NmpuConfig) -> PassSettings:
        """Of a pass with the first block's shift: no activation where that is built in, the first rounding mode."""
        modes = config.activation.modes
        return PassSettings.of(
            config,
            columns=self.params[0].columns,
            shift=self.shifts[0] if config.derived.layer_shift else None,
            offset_shift=self.offset_shift,
            activation=Activation.NONE if Activation.NONE in modes else modes[0],
        )

    def image(self, config: NmpuConfig) -> list[int]:
        """The parameter memory's words, lane 0 lowest: of a core all of them, of a tile those of its blocks.

        Raises:
            ValueError: more words than a bank has.
        """
        if not config.derived.tiled:
            return pack(config, self.params[0])
        columns = self.params[0].columns
        image = [0] * (len(self.params) * -(-columns // config.array.lanes))
        place_params(config, image, 0, self.params, columns)
        return image


@dataclass(frozen=True)
class Checked:
    """What integers make of measured codes, beside the ideal results; in output LSB.

    Attributes:
        worst: (columns,) the largest error over pairs that are neither clipped nor outliers.
        rms: (columns,) root of the mean square, over the same; NaN where there are none.
        rms_all: (columns,) over all pairs.
        low, high: (columns,) share of all vectors whose result saturates at that end of the output.
    """

    worst: Floats
    rms: Floats
    rms_all: Floats
    low: Floats
    high: Floats

    def total(self, chosen: Bools) -> tuple[float, float]:
        """Worst and RMS error over the chosen columns; NaN where there are none."""
        some = chosen & np.isfinite(self.rms)
        if not some.any():
            return float("nan"), float("nan")
        return float(self.worst[some].max()), float(np.sqrt(np.mean(self.rms[some] ** 2)))


def check(config: NmpuConfig, pairs: Pairs, integers: Integers, wanted: Wanted, good: Bools) -> Checked:
    """Results of the measured codes beside the ideal ones, which are clipped to the output's range.

    Args:
        config: the configuration.
        pairs: the measurements.
        integers: of all columns.
        wanted: what the layer computes of the sums.
        good: (vectors, columns) pairs that count for worst and RMS error.

    Raises:
        ValueError: more row blocks or parameters than the instance has room for.
    """
    plain, out, settings = wanted.folded(), config.output.format, integers.settings(config)
    ideal = np.clip(_active(config, settings.activation, pairs.sums() * plain.gain + plain.offset), out.low, out.high)
    got = _run(config, pairs, integers, settings)
    error = got.y - ideal
    with np.errstate(invalid="ignore"):
        rms = np.sqrt((error**2 * good).sum(axis=0) / np.count_nonzero(good, axis=0))
    worst: Floats = np.abs(error * good).max(axis=0)
    return Checked(worst, rms, np.sqrt((error**2).mean(axis=0)), got.low.mean(axis=0), got.high.mean(axis=0))


def _run(config: NmpuConfig, pairs: Pairs, integers: Integers, settings: PassSettings) -> Activations:
    if not config.derived.tiled:
        return forward(config, pairs.codes[:, 0], integers.params[0], settings)
    layer = Layer(settings, integers.shifts, vectors=pairs.vectors)
    result = run_layer(config, layer, integers.params, pairs.codes)
    assert result.y is not None  # sums are not handed out
    assert result.low is not None
    assert result.high is not None
    return Activations(result.y, result.low, result.high)


def _active(config: NmpuConfig, activation: Activation, a: Floats) -> Floats:
    """Of clip: its limits are those of the output."""
    if activation is Activation.RELU:
        return np.maximum(a, 0)
    if activation is Activation.LEAKY:
        return np.where(a < 0, a * 2.0**-config.activation.leaky_shift, a)
    return a
