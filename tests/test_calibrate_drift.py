"""Re-calibration: few vectors tell by what an array has changed."""

from __future__ import annotations

import re

import numpy as np
import pytest

from golden import Analog, Wanted, program_array, read_array
from golden.analog import counts as convert
from golden.measured import Fitted, Pairs, calibrate, check, finish, fit_pairs, rescale, transfer
from golden.measured.drift import Each
from nmpu_hdl.presets import load

from .measuring import KnownArray, results
from .test_calibrate import COLUMNS, PAPER, SMALL, wanted

RNG = np.random.default_rng(1)
ARRAY = KnownArray.draw(PAPER, RNG)
CODES, SUMS = ARRAY.measure(RNG, 400)
FITTED = fit_pairs(PAPER, Pairs.of(PAPER, CODES, SUMS))
JOINT = fit_pairs(PAPER, Pairs.of(PAPER, CODES, results(SUMS)))


def pairs(vectors: int, drift: float = 0.73, *, joint: bool = False, wrong: float = 0.0) -> Pairs:
    codes, sums = ARRAY.measure(np.random.default_rng(vectors), vectors, drift)
    bad = np.random.default_rng(2).random((vectors, COLUMNS)) < wrong
    codes = np.where(bad[:, None, None], 900, codes)
    return Pairs.of(PAPER, codes, results(sums) if joint else sums)


@pytest.mark.parametrize(("early", "joint"), [(FITTED, False), (JOINT, True), (FITTED, True)])
@pytest.mark.parametrize("wrong", [0.0, 0.2])
def test_a_factor_for_the_array(early: Fitted, joint: bool, wrong: float) -> None:
    few = pairs(8, joint=joint, wrong=wrong)
    found = rescale(PAPER, early, few)
    assert np.abs(found.factor - 0.73).max() < 0.003
    assert np.abs(found.factor - 0.73).max() < 5 * found.error.max() < 0.01
    assert np.abs(found.fitted.gain * 0.73 / ARRAY.gain - 1).max() < 0.01
    made = finish(PAPER, few, found.fitted, wanted())
    test = pairs(300)
    everything = np.ones((300, COLUMNS), np.bool_)
    old = finish(PAPER, test, transfer(PAPER, early, test), wanted()).integers
    before, after = (check(PAPER, test, one, wanted(), everything).total(made.fine) for one in (old, made.integers))
    assert after[1] < 0.55 < 3 < before[1]
    assert after[0] < 3 < 8 < before[0]


def test_the_zeros_of_converters_stay() -> None:
    found = rescale(PAPER, FITTED, pairs(16)).fitted
    assert np.allclose(found.lines[0].intercept, FITTED.lines[0].intercept)
    assert np.allclose(found.offset, FITTED.offset / 0.73, rtol=0.01, atol=1e-3)


def test_a_factor_for_each_count() -> None:
    rng = np.random.default_rng(3)
    _, sums = ARRAY.measure(rng, 8)
    codes = ARRAY.convert(rng, sums * np.array([0.8, 0.7])[:, None])
    few = Pairs.of(PAPER, codes, sums)
    found = rescale(PAPER, FITTED, few, "count")
    assert np.abs(found.factor - np.array([[0.8], [0.7]])).max() < 0.003
    whole = finish(PAPER, few, rescale(PAPER, FITTED, few).fitted, wanted())
    each = finish(PAPER, few, found.fitted, wanted())
    assert each.checked.total(each.fine)[1] < 0.5 < 1.5 < whole.checked.total(whole.fine)[1]


def test_a_factor_for_each_column() -> None:
    rng = np.random.default_rng(4)
    _, sums = ARRAY.measure(rng, 32)
    drift = rng.uniform(0.6, 0.9, COLUMNS)
    few = Pairs.of(PAPER, ARRAY.convert(rng, sums * drift), sums)
    found = rescale(PAPER, FITTED, few, "column")
    assert np.abs(found.factor / drift - 1).max() < 0.01
    common = rescale(PAPER, FITTED, few)
    assert abs(np.nanstd(common.own) - drift.std()) < 0.01  # says that one factor does not do
    assert np.nanstd(rescale(PAPER, FITTED, pairs(32)).own) < 0.01


@pytest.mark.parametrize("counts", [2, 1])
def test_an_array_of_phase_change_devices_after_a_day(counts: int) -> None:
    rng = np.random.default_rng(5)
    analog = Analog(counts=counts, gain_spread=0.21, offset_spread=4.0)
    config = PAPER if counts == 2 else load(preset_name="aon-cim", settings=[*SMALL, "codes.format=SQ10.0"])
    weights = rng.normal(0, 1, (256, COLUMNS)).clip(-3, 3)

    def inputs(vectors: int) -> tuple[np.ndarray, np.ndarray]:
        """Inputs, and their sums (vectors, counts, columns)."""
        x = np.maximum(rng.normal(0, 40, (vectors, 256)), 0).round()
        p, n = x @ np.maximum(weights, 0), x @ np.maximum(-weights, 0)
        return x, np.stack([p, n], axis=1) if counts == 2 else (p - n)[:, None]

    x, sums = inputs(300)
    crossbar = program_array(rng, analog, weights, 3.0, np.abs(sums).max() * 1.25)
    difference = sums[:, 0] - sums[:, 1] if counts == 2 else sums[:, 0]
    asked = Wanted(np.full(COLUMNS, 100 / np.abs(difference).max()), np.zeros(COLUMNS))
    made = calibrate(config, convert(crossbar, x, read_array(rng, crossbar)), sums, asked)
    assert made.refused == ()
    aged = read_array(rng, crossbar, 86400)
    few, few_sums = inputs(8)
    found = rescale(config, made.fitted, Pairs.of(config, convert(crossbar, few, aged), few_sums))
    later, later_sums = inputs(300)
    test = Pairs.of(config, convert(crossbar, later, aged), later_sums)
    new = finish(config, test, transfer(config, found.fitted, test), asked).integers
    good = np.asarray(test.unclipped(config).all(axis=(1, 2)))
    early = made.checked.total(made.fine)[1]
    before, after = (check(config, test, one, asked, good).total(made.fine)[1] for one in (made.integers, new))
    assert 0.65 < found.factor.mean() < 0.8
    assert after < 0.75 * before
    assert after < 1.7 * early


@pytest.mark.parametrize(
    ("each", "few", "complaint"),
    [
        ("array", Pairs.of(PAPER, CODES[:3, ..., :8], SUMS[:3, ..., :8]),
         "codes of (blocks, counts, columns) = (1, 2, 8) do not fit an earlier calibration of (1, 2, 32)"),
        ("count", pairs(8, joint=True), "each = count needs the ideal sum of each count, now and earlier; array or "
         "column would do"),
        ("column", pairs(1), "column 0 has 2 pairs within the codes' range; 4 would do, or each = array"),
        ("row", pairs(8), "each = 'row' is none of array, count, column"),
        ("array", Pairs.of(PAPER, np.full_like(CODES[:8], 1023), SUMS[:8]), "0 pairs are within the codes' range; 4 "
         "would do"),
    ],
)  # fmt: skip
def test_what_cannot_be_told_is_refused(each: Each, few: Pairs, complaint: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(complaint)}"):
        rescale(PAPER, FITTED, few, each)


def test_pairs_of_something_else_are_refused() -> None:
    few = pairs(8, joint=True)
    with pytest.raises(ValueError, match=r"^the array gives -0\.7\d* times what it gave; its pairs do not "):
        rescale(PAPER, JOINT, Pairs.of(PAPER, few.codes, -few.ideal))
    with pytest.raises(ValueError, match=r"^8 vectors of 32 columns are not those of the fit; transfer would do$"):
        finish(PAPER, few, JOINT, wanted())
