"""Intervals and tests against published values, against sums of binomial terms, and against each other."""

from __future__ import annotations

from math import comb, sqrt

import numpy as np
import pytest

from flows.evaluate.statistics import CONFIDENCE, paired, pooled, proportion, spread

TAIL = (1 - CONFIDENCE) / 2


def tail(right: int, of: int, share: float) -> float:
    """The chance of at least so many."""
    return sum(comb(of, k) * share**k * (1 - share) ** (of - k) for k in range(right, of + 1))


def pairs(both: int, lost: int, won: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    counts = (both, lost, won, neither)
    return np.repeat([True, True, False, False], counts), np.repeat([True, False, True, False], counts)


@pytest.mark.parametrize(("right", "of"), [(1, 10), (81, 263), (4490, 5000)])
def test_limits_of_a_share_are_where_tails_are_a_fortieth(right: int, of: int) -> None:
    found = proportion(right, of)
    assert found.value == right / of
    if of < 1000:
        assert tail(right, of, found.low) == pytest.approx(TAIL, rel=1e-6)
        assert tail(right + 1, of, found.high) == pytest.approx(1 - TAIL, rel=1e-6)
    else:  # as wide as the normal distribution says, and a little more
        width = 2 * 1.96 * sqrt(found.value * (1 - found.value) / of)
        assert width < found.high - found.low < 1.05 * width


def test_published_share() -> None:
    """Agresti and Coull (1998), and Newcombe (1998): 81 of 263 is 0.2527 to 0.3676; of nothing, 0 to 3.69 / n."""
    found = proportion(81, 263)
    assert (round(found.low, 4), round(found.high, 4)) == (0.2527, 0.3676)
    assert proportion(0, 20).low == 0
    assert proportion(0, 20).high == pytest.approx(1 - TAIL ** (1 / 20))
    assert proportion(20, 20).high == 1


def test_published_pairs() -> None:
    """Fay (2010), exact McNemar: 9 against 2 of them, p = 0.0654."""
    found = paired(*pairs(21, 9, 2, 12))
    assert round(found.p_value, 4) == 0.0654
    assert found.drop == pytest.approx(7 / 44)
    assert found.low < 0 < found.drop < found.high


def test_pairs_are_symmetric() -> None:
    reference, this = pairs(100, 12, 5, 8)
    there, back = paired(reference, this), paired(this, reference)
    assert (there.only_reference, there.only_this, there.images) == (12, 5, 125)
    assert (back.low, back.high) == pytest.approx((-there.high, -there.low))
    assert there.p_value == pytest.approx(back.p_value)
    assert there.p_value == pytest.approx(2 * tail(12, 17, 0.5))


@pytest.mark.parametrize("lost", range(18))
def test_interval_leaves_out_zero_just_where_the_test_is_significant(lost: int) -> None:
    found = paired(*pairs(40, lost, 17 - lost, 3))
    assert (found.p_value < 1 - CONFIDENCE) == (not found.low <= 0 <= found.high)
    assert found.low <= found.drop <= found.high


def test_equal_pairs_are_not_sure_beyond_their_number() -> None:
    reference, _ = pairs(40, 0, 0, 10)
    found = paired(reference, reference)
    assert (found.drop, found.p_value, found.low) == (0, 1, -found.high)
    assert found.high == proportion(0, 50).high


def test_coverage_of_the_drop() -> None:
    """Drawn pairs whose drop is known: the interval misses it one time in twenty, or less."""
    rng = np.random.default_rng(5)
    hits = 0
    for _ in range(300):
        draw = rng.random(400)
        reference, this = draw > 0.1, (draw > 0.05) & (draw < 0.93)  # lost 7 %, won 5 %
        found = paired(reference, this)
        hits += found.low <= 0.02 <= found.high
    assert hits / 300 >= 0.92


def test_mean_of_seeds() -> None:
    """Student's own: t of 0.975 with 4 degrees is 2.776."""
    found = spread([1.0, 2.0, 3.0, 4.0, 5.0])
    assert found.mean == 3
    assert found.error == pytest.approx(sqrt(2.5 / 5))
    assert found.high == pytest.approx(3 + 2.776445 * sqrt(0.5))
    alone = spread([0.25])
    assert (alone.mean, alone.error, alone.low, alone.high) == (0.25, None, None, None)


def test_seeds_are_not_so_many_images() -> None:
    """Seeds that all say the same of the same images make the interval over images no narrower, that over seeds 0."""
    reference, this = pairs(60, 9, 2, 10)
    one, two, five = (pooled(np.tile(reference, (n, 1)), np.tile(this, (n, 1))) for n in (1, 2, 5))
    assert two.images == five.images
    assert (five.seeds.error, one.seeds.error) == (0, None)
    alone = paired(reference, this)
    assert (one.images.low, one.images.high) == (alone.low, alone.high)
    assert one.images.low < five.images.low < five.images.high < one.images.high  # type: ignore[operator]
    assert five.drop == pytest.approx(7 / 81)
    assert (five.only_reference, five.only_this) == (45, 10)
    assert five.significant
    assert not pooled(np.tile(this, (2, 1)), np.tile(reference, (2, 1))).significant
    same = pooled(np.tile(this, (2, 1)), np.tile(this, (2, 1)))
    assert (same.drop, same.images.high) == (0, proportion(0, 81).high)


@pytest.mark.parametrize(
    ("function", "arguments", "complaint"),
    [
        (proportion, (3, 2), r"3 right of 2 images; 0 to all of at least one would do"),
        (proportion, (0, 0), r"0 right of 0 images"),
        (paired, ([1.0], [1.0]), r"right or not is float64 and float64; bool would do"),
        (paired, ([True], [True, False]), r"shapes \(1,\) and \(2,\) are not both \(images,\)"),
        (pooled, ([True], [True]), r"shapes \(1,\) and \(1,\) are not both \(seeds, images\)"),
        (spread, ([],), r"a mean of no values; one or more would do"),
    ],
)
def test_what_makes_no_sense_is_refused(function: object, arguments: tuple[object, ...], complaint: str) -> None:
    assert callable(function)
    with pytest.raises(ValueError, match=f"^{complaint}"):
        function(*arguments)
