"""Errors against float64: exact cases leave nothing but rounding, and the golden model is what is asked."""

from __future__ import annotations

import numpy as np
import pytest

from flows.accuracy import accuracy, errors
from golden import forward, quantize
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.presets import load, preset
from nmpu_hdl.settings import PassSettings

FP16 = "arithmetic.kind=fp16"
KINDS = [[], [FP16], [FP16, "arithmetic.fused=false"], [FP16, "arithmetic.lean=true"]]


def drawn(config: NmpuConfig, vectors: int = 64) -> np.ndarray:
    rng = np.random.default_rng(5)
    shape = (vectors, config.codes.counts, config.array.columns)
    return rng.integers(config.codes.format.low, config.codes.format.high, shape, endpoint=True)


@pytest.mark.parametrize("settings", KINDS)
def test_exact_parameters_leave_rounding_alone(settings: list[str]) -> None:
    """Gains that are powers of two and offsets of whole LSB: every inner value is exact in all arithmetics."""
    config = load(settings=settings)
    gain = np.full((2, config.array.columns), 0.25)
    gain[:, ::2] = 0.5
    offset = np.arange(config.array.columns) % 64 - 32.0
    found = errors(config, gain, offset, drawn(config))
    assert found.shape == (64, config.array.columns)
    assert np.abs(found).max() == 0.5  # ties are among them


@pytest.mark.parametrize("name", ["paper", "tiny", "wide", "tile"])
def test_errors_stay_within_the_bound_of_calibration(name: str) -> None:
    config = preset(name)
    rng = np.random.default_rng(3)
    gain = rng.uniform(0.1, 0.2, (config.codes.counts, config.array.columns))
    offset = rng.uniform(-2, 2, config.array.columns)
    bound = quantize(config, gain, offset).error + 0.5 + 2 * 2.0**-config.guard
    found = np.abs(errors(config, gain, offset, drawn(config)))
    assert (found <= bound).all()
    assert found.max() > 0.4


def test_the_reference_is_clipped_and_not_rounded() -> None:
    """One column by hand, without ReLU: 3 * 0.3 - 1 * 0.1 + 0.25 = 1.05, and far beyond the range on both sides."""
    config = load(preset_name="tiny", settings=["activation.modes=none"])
    codes = np.zeros((3, 2, 8), np.int64)
    codes[:, :, 0] = [[3, 1], [15, 0], [0, 15]]
    gain, offset = np.full((2, 8), 0.1), np.full(8, 0.25)
    gain[0, 0], gain[1, 0] = 1.5, 1.5
    made = quantize(config, gain, offset)
    y = forward(config, codes, made.params, PassSettings.of(config, shift=made.shift, offset_shift=made.offset_shift)).y
    exact = np.clip(np.array([3 * 1.5 - 1.5 + 0.25, 22.75, -22.25]), -8, 7)
    assert errors(config, gain, offset, codes)[:, 0] == pytest.approx(y[:, 0] - exact)


def test_binary16_is_nearer_than_eight_bits() -> None:
    fixed, half = (accuracy(load(settings=settings), columns=32, vectors=256) for settings in ([], [FP16]))
    assert 0.5 <= half.worst < fixed.worst < 2
    assert 0.1 < half.rms < fixed.rms < 0.4
    assert (half.columns, half.vectors, half.seed) == (32, 256, 1)


def test_same_numbers_again_and_others_from_another_seed() -> None:
    config = preset("tiny")
    assert accuracy(config, columns=8, vectors=32) == accuracy(config, columns=8, vectors=32)
    assert accuracy(config, columns=8, vectors=32).worst != accuracy(config, columns=8, vectors=32, seed=2).worst


def test_more_columns_than_the_array_has() -> None:
    assert accuracy(preset("tiny"), columns=64, vectors=16).columns == 64


def test_no_vectors() -> None:
    with pytest.raises(ValueError, match="vectors = 0: at least 1 is needed"):
        accuracy(preset("tiny"), vectors=0)
