"""How far activations are from exact arithmetic: the golden model beside float64, on a calibration drawn at random.

Gains of the two counts spread by 7 % from column to column, as conductances do, and results fill the output's range.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict

from golden import forward, quantize
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.formats import Activation
from nmpu_hdl.presets import build
from nmpu_hdl.settings import PassSettings

__all__ = ["Accuracy", "accuracy", "errors"]

Floats = NDArray[np.floating[Any]]

_SPREAD = 0.07
"""Standard deviation of gains, of one count and of the other, relative to their mean."""

_REACH = 3.0
"""Standard deviations at which codes, or operands of a front end, reach the end of their range."""


class Accuracy(BaseModel):
    """Errors against float64, in output LSB.

    Attributes:
        worst: the largest magnitude.
        rms: root of the mean square; rounding alone gives 0.29.
        columns, vectors: that were tried, each vector on each column.
        seed: of gains, offsets and codes.
        activation: of the passes.
    """

    model_config = ConfigDict(frozen=True)

    worst: float
    rms: float
    columns: int
    vectors: int
    seed: int
    activation: Activation


def accuracy(config: NmpuConfig, *, columns: int = 256, vectors: int = 4096, seed: int = 1) -> Accuracy:
    """Errors of random layers; equal arguments give equal numbers.

    Args:
        config: the configuration; its own number of columns does not count.
        columns: with gains and an offset each, 1..1024.
        vectors: codes of all columns, or, where there is a front end, operands.
        seed: of all that is drawn; codes, gains and offsets do not depend on the arithmetic.

    Raises:
        ValueError: a number outside its range.
    """
    if vectors < 1:
        raise ValueError(f"vectors = {vectors}: at least 1 is needed")
    config = build(config.model_dump(mode="json") | {"array": {"columns": columns, "lanes": 1}})
    rng = np.random.default_rng(seed)
    gain, offset = _calibration(config, rng)
    found = errors(config, gain, offset, _codes(config, rng, vectors))
    worst, rms = np.abs(found).max(), np.sqrt(np.mean(found**2))
    return Accuracy(
        worst=round(float(worst), 4),
        rms=round(float(rms), 4),
        columns=columns,
        vectors=vectors,
        seed=seed,
        activation=_activation(config),
    )


def errors(config: NmpuConfig, gain: ArrayLike, offset: ArrayLike, codes: ArrayLike) -> Floats:
    """What a unit answers, less what float64 does without any rounding, clipped to the output's range.

    ReLU is on where it is built in.

    Args:
        config: the configuration.
        gain: (counts, columns), output LSB for each unit of a code's value.
        offset: (columns,), output LSB.
        codes: integers (vectors, counts, columns); of a front end, the operands that it makes.

    Returns:
        (vectors, columns), output LSB.

    Raises:
        ValueError: as :func:`golden.quantize` and :func:`golden.forward`.
    """
    gains, shown = np.atleast_2d(np.asarray(gain, np.float64)), np.asarray(codes)
    made, chosen = quantize(config, gains, offset), _activation(config)
    shift = made.shift if config.derived.layer_shift else None
    settings = PassSettings.of(
        config, columns=shown.shape[-1], shift=shift, offset_shift=made.offset_shift, activation=chosen
    )
    terms = shown * 2.0**-config.derived.operand.fraction * gains
    exact = terms[:, 0] - terms[:, 1] if config.codes.counts == 2 else terms[:, 0]
    exact = exact + np.asarray(offset, np.float64)
    if chosen is Activation.RELU:
        exact = np.maximum(exact, 0)
    out = config.output.format
    got: Floats = forward(config, shown, made.params, settings).y.astype(np.float64)
    return got - np.clip(exact, out.low, out.high)


def _activation(config: NmpuConfig) -> Activation:
    modes = config.activation.modes
    return Activation.RELU if Activation.RELU in modes else modes[0]


def _calibration(config: NmpuConfig, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Gains (counts, columns) and offsets (columns,) that fixed-point formats hold, whatever the arithmetic is."""
    columns, out, scale, form = config.array.columns, config.output.format, config.scale.format, config.offset.format
    top = _top(config) * 2.0**-config.derived.operand.fraction
    most = scale.high * scale.step * 2.0**-config.shift.min
    base = min(out.high / top, most / (1 + 5 * _SPREAD))
    gain = base * (1 + _SPREAD * rng.standard_normal((config.codes.counts, columns)).clip(-5, 5))
    step = form.step * 2.0**config.offset.max_shift
    return gain, np.clip(rng.normal(0, out.high / 16, columns), form.low * step, form.high * step)


def _codes(config: NmpuConfig, rng: np.random.Generator, vectors: int) -> NDArray[np.int64]:
    """(vectors, counts, columns) codes or operands, magnitudes of a Gaussian; of a front end with the sign that its
    operands can have."""
    number = config.derived.operand
    drawn = rng.standard_normal((vectors, config.codes.counts, config.array.columns))
    if not (config.derived.front_end.present and number.signed):
        drawn = np.abs(drawn)
    return np.clip(np.rint(drawn * _top(config) / _REACH), number.low, number.high).astype(np.int64)


def _top(config: NmpuConfig) -> int:
    """The largest magnitude that both signs can have."""
    number = config.derived.operand
    return max(number.high, -number.low - 1)
