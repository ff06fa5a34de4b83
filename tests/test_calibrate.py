"""Calibration from measured pairs: gains, offsets and integers are right, or the column is refused by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from golden import BatchNorm, Wanted, dequantize, forward, quantize
from golden.measured import Calibrated, Pairs, calibrate, fit_pairs
from nmpu_hdl.presets import load

from .measuring import KnownArray, results

Floats = NDArray[np.floating[Any]]

COLUMNS = 32
SMALL = ("array.columns=32", "array.lanes=4")
PAPER = load(preset_name="paper", settings=SMALL)
LSB = 0.12
"""Output LSB a unit of the sums."""


def wanted(columns: int = COLUMNS, lsb: float = LSB, offset: float = 3.3) -> Wanted:
    return Wanted(np.full(columns, lsb), np.full(columns, offset))


def good(made: Calibrated, most_rms: float = 0.42, most: float = 1.8) -> None:
    """All columns are ok, and results are off by not much more than rounding and the codes' noise."""
    worst, rms = made.checked.total(made.fine)
    assert made.refused == ()
    assert rms < most_rms
    assert worst < most


@pytest.fixture(scope="module")
def measured() -> tuple[KnownArray, NDArray[np.int64], Floats]:
    rng = np.random.default_rng(1)
    array = KnownArray.draw(PAPER, rng)
    return array, *array.measure(rng, 400)


Measured = tuple[KnownArray, NDArray[np.int64], Floats]


def test_gain_and_offset_spread(measured: Measured) -> None:
    array, codes, sums = measured
    for ideal, most in ((sums, 0.002), (results(sums), 0.004)):
        made = calibrate(PAPER, codes, ideal, wanted())
        good(made)
        assert np.ptp(array.gain) > 0.35
        assert np.abs(made.fitted.gain / array.gain - 1).max() < most
        zero = (array.gain * array.zero)[0]
        true = zero[1] - zero[0]
        assert np.abs(made.fitted.offset - true).max() < 5 * made.fitted.offset_error.max() < 2
        off = (made.fitted.gain - array.gain) / made.fitted.gain_error
        assert 0.7 < off.std() < 1.4  # standard errors are what they say
        assert np.allclose(made.gain, made.fitted.gain * LSB)


def test_plain_quantize_of_the_fit_is_no_better(measured: Measured) -> None:
    """Offsets are set for the integers that the scales have become."""
    _, codes, sums = measured
    config = load(settings=[*SMALL, "scale.format=UQ1.4"])
    made = calibrate(config, codes, sums, wanted())
    plain = quantize(config, made.gain[0], made.offset)
    ideal = np.clip(results(sums)[:, 0] * LSB + 3.3, -128, 127)
    error = forward(config, codes[:, 0], plain.params, made.integers.settings(config)).y - ideal
    assert made.checked.total(made.fine)[1] < 0.8 * np.sqrt(np.mean(error**2))


@pytest.mark.parametrize("rounding", ["floor", "half_up", "half_even"])
def test_results_are_right_on_average(measured: Measured, rounding: str) -> None:
    _, codes, sums = measured
    config = load(settings=[*SMALL, f"rounding.modes=['{rounding}']", "guard=3", "offset.format=SQ8.3"])
    made = calibrate(config, codes, sums, wanted())
    ideal = np.clip(results(sums)[:, 0] * LSB + 3.3, -128, 127)
    error = forward(config, codes[:, 0], made.integers.params[0], made.integers.settings(config)).y - ideal
    assert np.abs(error.mean(axis=0)).max() < 0.12


CONFIGS: dict[str, tuple[str, tuple[str, ...], float]] = {
    "column": ("paper", ("shift.granularity=column",), 0.42),
    "fixed": ("paper", ("shift.granularity=fixed", "shift.min=3", "shift.max=3"), 0.42),
    "column norm": ("paper", ("shift.granularity=column", "norm.kind=affine", "guard=3", "norm.scale=SQ2.9"), 0.42),
    "norm": ("paper", ("norm.kind=affine", "guard=4", "norm.scale=SQ2.10", "norm.offset=SQ8.4"), 0.42),
    "relu only": ("paper", ("activation.modes=['relu']",), 0.42),
    "fp16": ("fp16-ldpu", ("how.built=0",), 0.42),
    "fp16 norm": ("fp16-ldpu", ("how.built=0", "norm.kind=affine"), 0.42),
    "offset shift": ("paper", ("offset.format=SQ4.1", "offset.max_shift=4"), 0.48),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_configurations(measured: Measured, name: str) -> None:
    preset, settings, most = CONFIGS[name]
    config = load(preset_name=preset, settings=[*SMALL, *settings])
    rng = np.random.default_rng(2)
    gamma, mean = rng.uniform(0.8, 1.3, COLUMNS), rng.normal(0, 5, COLUMNS)
    norm = BatchNorm(gamma * 20, rng.normal(0, 3, COLUMNS), mean, np.full(COLUMNS, 400.0))
    _, codes, sums = measured
    asked = Wanted(np.full(COLUMNS, LSB), np.full(COLUMNS, 3.3), norm)
    made = calibrate(config, codes, sums, asked)
    good(made, most)
    folded = asked.folded()
    assert np.allclose(made.gain[0], made.fitted.gain[0] * folded.gain)
    one = made.integers
    gain, offset = dequantize(config, one.params[0], one.shifts[0], one.offset_shift)
    assert np.abs(gain / made.gain[0] - 1).max() < 0.02
    assert np.abs(offset - made.offset).max() < 2.5


@pytest.mark.parametrize("kind", ["count", "block", "column"])
def test_row_blocks(kind: str) -> None:
    config = load(preset_name="tile", settings=SMALL)
    rng = np.random.default_rng(3)
    array = KnownArray.draw(config, rng, blocks=3)
    codes, sums = array.measure(rng, 400)
    ideal = {"count": sums, "block": results(sums), "column": results(sums).sum(axis=1)}[kind]
    made = calibrate(config, codes, ideal, wanted(lsb=0.07))
    assert made.fitted.kind == kind
    good(made, 0.5, 2.2)
    assert np.abs(made.fitted.gain / array.gain - 1).max() < 0.02
    assert len(made.integers.params) == len(made.integers.shifts) == 3
    assert [params.offset.any() for params in made.integers.params] == [False, False, True]


def test_signed_single_counts() -> None:
    config = load(preset_name="aon-cim", settings=[*SMALL, "codes.format=SQ10.0"])
    rng = np.random.default_rng(4)
    array = KnownArray.draw(config, rng)
    codes, sums = array.measure(rng, 300)
    for ideal in (sums, results(sums)):
        made = calibrate(config, codes, ideal, wanted(lsb=0.3, offset=-2.0))
        good(made, 0.5, 2.0)
        assert np.abs(made.fitted.gain / array.gain - 1).max() < 0.004


def test_operands_of_a_front_end() -> None:
    """They are sums: none of them counts as clipped."""
    config = load(preset_name="imce", settings=SMALL)
    rng = np.random.default_rng(8)
    operands = rng.integers(-9000, 9000, (200, 1, COLUMNS))
    made = calibrate(config, operands, operands * 1.0, wanted(lsb=0.01))
    good(made)
    assert np.abs(made.fitted.gain - 1).max() < 1e-9
    assert not made.fitted.saturated.any()


def random_codes(rng: np.random.Generator, codes: NDArray[np.int64]) -> NDArray[np.int64]:
    return rng.integers(0, 1024, codes.shape)


def more(rng: np.random.Generator, codes: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.minimum(codes + 150, 1022)


def more_p(rng: np.random.Generator, codes: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.where(np.array([1, 0])[:, None], np.minimum(codes + 150, 1022), codes)


def stuck(rng: np.random.Generator, codes: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.full_like(codes, 40)


@pytest.mark.parametrize("wrong", [random_codes, more, more_p, stuck])
@pytest.mark.parametrize("whole", [False, True], ids=["pairs", "vectors"])
def test_outliers(measured: Measured, wrong: Callable[..., NDArray[np.int64]], whole: bool) -> None:
    array, codes, sums = measured
    rng = np.random.default_rng(5)
    chosen = rng.random((len(codes), 1 if whole else COLUMNS)) < 0.2
    bad = np.where(chosen[:, None, None], wrong(rng, codes), codes)
    # Where both codes are wrong by as much, their difference hardly is: a joint fit cannot see all of those.
    for ideal, most in ((sums, 0.003), (results(sums), 0.02 if wrong is more else 0.006)):
        made = calibrate(PAPER, bad, ideal, wanted())
        good(made)
        assert np.abs(made.fitted.gain / array.gain - 1).max() < most
        if wrong is more and made.fitted.kind != "count":
            continue
        found = made.fitted.outliers + made.fitted.saturated
        assert np.abs(found / (chosen.sum(axis=0) * np.ones(COLUMNS)) - 1).max() < 0.15


def test_more_outliers_than_can_be_told_are_refused(measured: Measured) -> None:
    _, codes, sums = measured
    rng = np.random.default_rng(6)
    bad = np.where(rng.random((len(codes), COLUMNS))[:, None, None] < 0.5, random_codes(rng, codes), codes)
    made = calibrate(PAPER, bad, sums, wanted())
    assert set(made.refused) >= set(range(COLUMNS)) - {n for n, v in enumerate(made.verdicts) if v.name == "saturated"}
    assert "pairs are outliers; better measurements would do" in made.complaint()


def test_a_whole_array_is_quick() -> None:
    rng = np.random.default_rng(7)
    config = load(preset_name="paper")
    array = KnownArray.draw(config, rng)
    codes, sums = array.measure(rng, 1000)
    fitted = fit_pairs(config, Pairs.of(config, codes, sums))
    assert fitted.fine.all()
    assert np.abs(fitted.gain / array.gain - 1).max() < 0.002
