"""Columns that cannot be calibrated are refused by name, with what is wrong and what would do."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from golden import BatchNorm, Wanted
from golden.measured import Calibrated, Limits, Pairs, calibrate
from nmpu_hdl.presets import load

from .measuring import KnownArray, results
from .test_calibrate import COLUMNS, LSB, PAPER, SMALL, Floats, wanted

RNG = np.random.default_rng(1)
ARRAY = KnownArray.draw(PAPER, RNG, zeros=20.0)
CODES, SUMS = ARRAY.measure(RNG, 300)
BAD = 7


def refused(made: Calibrated, name: str, why: str) -> None:
    """Just column 7, for this reason; it has no integers, and the others are as good as ever."""
    assert made.refused == (BAD,)
    assert made.verdicts[BAD].name == name
    assert re.fullmatch(why, made.verdicts[BAD].why), made.verdicts[BAD].why
    assert made.complaint() == f"column 7 is {name}: {made.verdicts[BAD].why}"
    assert made.checked.total(made.fine)[1] < 0.45
    assert not made.integers.params[0].scales[:, BAD].any()
    with pytest.raises(ValueError, match=r"^column 7 is"):
        made.image(PAPER)


def changed(column: Any, codes: Any = CODES) -> Any:
    """Codes (vectors, 1, counts, columns) with column 7 replaced."""
    some = codes.copy()
    some[..., BAD] = column
    return some


def both(codes: Any, name: str, by_count: str, jointly: str) -> None:
    refused(calibrate(PAPER, codes, SUMS, wanted()), name, by_count)
    refused(calibrate(PAPER, codes, results(SUMS), wanted()), name, jointly)


def test_dead() -> None:
    by_count, jointly = "its codes do not follow the ideal sums", "its codes do not follow the ideal results"
    both(changed(17), "dead", by_count, jointly)
    both(changed(RNG.integers(13, 20, (300, 1, 2))), "dead", by_count, jointly)
    spiked = np.where(RNG.random((300, 1, 2)) < 0.1, 500, 17)
    refused(calibrate(PAPER, changed(spiked), SUMS, wanted()), "dead", by_count)


def test_half_dead() -> None:
    half = CODES.copy()
    half[:, 0, 0, BAD] = 4
    both(
        half,
        "dead",
        "its codes do not follow the ideal sums",
        r"a count stands still: its codes leave [67]\d% of the spread of its ideal sums unexplained; .* would do",
    )


@pytest.mark.parametrize("ideal", [SUMS, results(SUMS)], ids=["count", "joint"])
def test_dead_columns_that_are_allowed_give_their_mean(ideal: Floats) -> None:
    made = calibrate(PAPER, changed(17), ideal, wanted(), allow_dead=True)
    assert made.refused == ()
    assert made.verdicts[BAD].name == "dead"
    assert not made.integers.params[0].scales[:, BAD].any()
    mean = results(SUMS)[:, 0, BAD].mean() * LSB + 3.3
    assert abs(made.integers.params[0].offset[BAD] / 2 - mean) < 0.5
    assert made.checked.total(made.fine)[0] < 2 < made.checked.worst[BAD]
    assert made.image(PAPER)


def test_saturated() -> None:
    twice = np.minimum(CODES[..., BAD] * 3, 1023)
    why = r"\d\d% of the vectors have a code at the end of its range; less input would do"
    both(changed(twice), "saturated", why, why)
    few = np.where(RNG.random((300, 1, 2)) < 0.03, 1023, CODES[..., BAD])
    made = calibrate(PAPER, changed(few), SUMS, wanted())
    assert made.refused == ()
    assert made.fitted.saturated[BAD] == (few == 1023).any(axis=(1, 2)).sum() > 5
    strict = calibrate(PAPER, changed(few), SUMS, wanted(), limits=Limits(saturated=0.01))
    assert strict.verdicts[BAD].name == "saturated"


def test_results_that_saturate_are_told_and_refused_if_asked() -> None:
    asked = odd("offset", 110.0)
    made = calibrate(PAPER, CODES, SUMS, asked)
    assert made.refused == ()
    assert 0.1 < made.checked.high[BAD] < 0.6
    assert made.checked.rms[BAD] < 0.5  # beside ideal results that are clipped as well
    made = calibrate(PAPER, CODES, SUMS, asked, limits=Limits(clipped=0.1))
    refused(made, "saturated", r"\d\d% of its ideal results are beyond SQ8\.0 \(-128\.\.127\); a larger .* would do")


def test_codes_that_end_at_zero() -> None:
    """A converter that reads 0 up to a sum of 250: less was expected there, so these count as clipped."""
    low = np.maximum(CODES[..., BAD] - 250, 0)
    made = calibrate(PAPER, changed(low), SUMS, wanted())
    assert made.verdicts[BAD].name == "saturated"


def test_negative() -> None:
    falling = 1000 - CODES[..., BAD]
    both(
        changed(np.maximum(falling, 1)),
        "negative",
        "codes move by -[01].* a unit of the sum; its sign turned would do",
        "a gain is -.*; its results with the other sign would do",
    )


def test_undetermined() -> None:
    same = SUMS.copy()
    same[..., BAD] = 300
    why = "its ideal {} are all the same; vectors that differ there would do"
    refused(calibrate(PAPER, CODES, same, wanted()), "undetermined", why.format("sums"))
    refused(calibrate(PAPER, CODES, results(same), wanted()), "undetermined", why.format("results"))
    both_up = CODES.copy()
    both_up[:, 0, 1, BAD] = np.rint(both_up[:, 0, 0, BAD] * 0.8)
    why = "its counts rise and fall together, or in their noise; ideal sums a count would do"
    made = calibrate(PAPER, both_up, results(SUMS), wanted())
    refused(made, "undetermined", why)
    noisy = np.clip(CODES[..., BAD] + np.rint(RNG.normal(0, 150, (300, 1, 2))), 1, 1022)
    made = calibrate(PAPER, changed(noisy), SUMS, wanted())
    refused(made, "undetermined", r"its codes leave \d*% of the spread of its ideal sums unexplained; .* would do")


def test_too_few_vectors() -> None:
    made = calibrate(PAPER, CODES[:6], SUMS[:6], wanted())
    assert made.refused == tuple(range(COLUMNS))
    assert made.complaint() == (
        "column 0 is undetermined: 6 of 6 pairs are within the codes' range; 8 would do; 32 columns are refused: 0-31"
    )
    joint = calibrate(PAPER, CODES[:11], results(SUMS)[:11], wanted())
    assert "11 of 11 pairs are within the codes' range; 12 would do" in joint.complaint()


def test_a_count_without_weights_needs_no_gain() -> None:
    sums, codes = SUMS.copy(), CODES.copy()
    sums[:, 0, 1, BAD] = 0
    codes[:, 0, 1, BAD] = np.maximum(RNG.integers(-2, 3, 300), 0)
    for ideal in (sums, results(sums)):
        made = calibrate(PAPER, codes, ideal, wanted())
        assert made.refused == ()
        assert made.gain[0, 1, BAD] == 0
        assert made.checked.rms[BAD] < 0.5


def odd(name: str, value: float) -> Wanted:
    """As wanted, but for one column."""
    asked = wanted()
    getattr(asked, name)[BAD] = value
    return asked


@pytest.mark.parametrize(
    ("settings", "asked", "why"),
    [
        ((), odd("gain", 8.0), r"gain of count [pn] \S* is above the 3.992 that UQ1.7 has at shift.min = -1; "
         r"shift.min = -[23] or a larger output LSB would do"),
        ((), odd("gain", -LSB), r"gain of count p -0.1\d* is below 0, UQ1.7 has no sign; "
         r"scale.format = SQ2.7 would do"),
        ((), odd("offset", 300.0), r"offset [23]\d\d\S* is outside SQ8.1 \(-128..127.5\); "
         r"offset.format = SQ10.1 or offset.max_shift = 2 would do"),
        (("offset.max_shift=1",), odd("offset", -300.0), r"offset -[23]\d\d\S* is outside SQ8.1 \(-256..255\); "
         r"offset.format = SQ10.1 or offset.max_shift = 2 would do"),
        (("shift.granularity=fixed", "shift.min=3", "shift.max=3"), odd("gain", 0.4),
         r"gain of count [pn] \S* is above the 0.2495 that UQ1.7 has at shift.min = 3; "
         r"shift.min = [12] or a larger output LSB would do"),
        (("shift.granularity=fixed", "shift.min=3", "shift.max=3", "scale.format=UQ1.4"), odd("gain", 0.001),
         r"the gain 0.001\d* becomes 0 in UQ1.4 at the fixed shift 3; shift.granularity = column would do"),
        (("shift.granularity=column", "scale.format=UQ1.3"), odd("gain", 0.0006),
         r"the gain 0.000\d* becomes 0 in UQ1.3 at shift.max = 6; a larger shift.max would do"),
        (("arithmetic.kind=fp16",), odd("offset", 7e4),
         r"offset \S* is beyond binary16; a larger output LSB would do"),
    ],
)  # fmt: skip
def test_unrepresentable(settings: tuple[str, ...], asked: Wanted, why: str) -> None:
    config = load(settings=[*SMALL, *settings])
    made = calibrate(config, CODES, SUMS, asked)
    assert made.refused == (BAD,)
    assert made.verdicts[BAD].name == "unrepresentable"
    assert re.fullmatch(why, made.verdicts[BAD].why), made.verdicts[BAD].why


def test_all_that_is_wrong_is_told() -> None:
    asked = odd("offset", 300.0)
    asked.gain[BAD] = 8.0
    why = calibrate(PAPER, CODES, SUMS, asked).verdicts[BAD].why
    assert re.fullmatch(r"gain of count . .* would do; offset [23].* would do", why)
    norm = BatchNorm(np.where(np.arange(COLUMNS) == BAD, 4.0, 1.0), np.zeros(COLUMNS), 0.0, 1.0, 0.0)
    config = load(settings=[*SMALL, "norm.kind=affine"])
    made = calibrate(config, CODES, SUMS, Wanted(np.full(COLUMNS, LSB), np.zeros(COLUMNS), norm))
    assert made.refused == (BAD,)
    assert made.verdicts[BAD].why == "batch norm's gain 4 is outside SQ2.6 (-2..1.98438); norm.scale = SQ4.6 would do"


def test_the_remedy_that_is_named_does() -> None:
    for asked, setting in ((odd("offset", 300.0), "offset.max_shift=2"), (odd("gain", 8.0), "shift.min=-3")):
        assert calibrate(load(settings=[*SMALL, setting]), CODES, SUMS, asked).refused == ()


def test_gains_that_a_large_one_wipes_out_are_all_named() -> None:
    asked = wanted(lsb=0.002)
    asked.gain[BAD] = 1.2
    made = calibrate(PAPER, CODES, SUMS, asked)
    assert made.refused == tuple(n for n in range(COLUMNS) if n != BAD)
    assert "becomes 0 in UQ1.7 at shift 0, which the gain of column 7 demands; shift.granularity" in made.complaint()
    column = load(settings=[*SMALL, "shift.granularity=column"])
    assert calibrate(column, CODES, SUMS, asked).refused == ()


@pytest.mark.parametrize(
    ("codes", "ideal", "complaint"),
    [
        (CODES[:, :, :1], SUMS, "codes of shape (300, 1, 1, 32) are not (vectors, [blocks,] counts, columns) with 2 "),
        (CODES + 0.5, SUMS, "codes must be integers, not float64"),
        (CODES + 900, SUMS, "a code of "),
        (CODES, SUMS[:9], "ideal results of shape (9, 1, 2, 32) do not fit codes of (300, 1, 2, 32); (300, 32), "),
        (CODES, np.where(SUMS[4, 0, 1, 2] == SUMS, np.nan, SUMS), "the ideal result at (4, 0, 1, 2) is nan; finite "),
        (CODES, SUMS.astype(str), "ideal results must be real numbers, not <U"),
        (np.tile(CODES, 2), np.tile(SUMS, 2), "64 columns are more than array.columns = 32"),
        (CODES.repeat(2, 1), SUMS.repeat(2, 1), "2 row blocks: tile.kind = none has one; tile.kind = axi would do"),
        (CODES[:0], SUMS[:0], "codes of shape (0, 1, 2, 32) are not"),
    ],
)  # fmt: skip
def test_arrays_that_do_not_fit(codes: Any, ideal: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(complaint)}"):
        Pairs.of(PAPER, codes, ideal)


def test_what_is_wanted_must_fit() -> None:
    with pytest.raises(ValueError, match=r"^the wanted gain of shape \(3,\) is not 32 finite numbers$"):
        calibrate(PAPER, CODES, SUMS, wanted(3))
    with pytest.raises(ValueError, match=r"^the limit of outliers = 2 is no share; 0 to 1 would do$"):
        Limits(outliers=2)
