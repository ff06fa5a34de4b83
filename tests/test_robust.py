"""Robust regression: exact where data are, unmoved by outliers of any kind, with errors that are true."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from golden.robust import CUT, regress

Floats = NDArray[np.floating[Any]]


def drawn(
    rng: np.random.Generator, problems: int, vectors: int, terms: int, noise: float = 1.0
) -> tuple[Floats, Floats, Floats]:
    """Design, slopes, and target with an intercept of 3."""
    x = rng.normal(500, 100, (problems, vectors, terms))
    slopes = rng.uniform(0.05, 0.2, (problems, terms)) * rng.choice([-1, 1], (problems, terms))
    y = np.einsum("pvt,pt->pv", x, slopes) + 3 + rng.normal(0, noise, (problems, vectors))
    return x, slopes, y


def all_of(y: Floats) -> NDArray[np.bool_]:
    return np.ones(y.shape, np.bool_)


def test_exact_data_give_exact_coefficients() -> None:
    x, slopes, y = drawn(np.random.default_rng(1), 5, 40, 3, noise=0.0)
    found = regress(x, y, all_of(y))
    assert np.abs(found.slopes - slopes).max() < 1e-9
    assert np.abs(found.intercept - 3).max() < 1e-6
    assert found.weights.min() > 0
    assert (found.used == 40).all()


def test_without_outliers_it_is_nearly_least_squares() -> None:
    x, slopes, y = drawn(np.random.default_rng(2), 200, 300, 2)
    found = regress(x, y, all_of(y))
    ones = np.concatenate([x, np.ones_like(x[..., :1])], axis=2)
    plain = np.stack([np.linalg.lstsq(a, b, rcond=None)[0] for a, b in zip(ones, y, strict=True)])
    off, best = found.slopes - slopes, plain[:, :2] - slopes
    assert off.std() < 1.05 * best.std()  # 95 % of the efficiency is 1.026
    assert abs((off / found.slope_errors).std() - 1) < 0.08
    assert abs(((found.intercept - 3) / found.intercept_error).std() - 1) < 0.15
    assert abs(found.scale.mean() - 1) < 0.03


@pytest.mark.parametrize("kind", ["random", "one-sided", "leverage", "same vectors", "one value"])
@pytest.mark.parametrize("terms", [1, 3])
def test_outliers_do_not_move_it(kind: str, terms: int) -> None:
    rng = np.random.default_rng(3)
    x, slopes, y = drawn(rng, 24, 400, terms)
    wrong = rng.random(y.shape) < 0.3
    if kind == "random":
        y = np.where(wrong, rng.uniform(-300, 300, y.shape), y)
    elif kind == "one-sided":
        y = np.where(wrong, y + rng.uniform(10, 60, y.shape), y)
    elif kind == "leverage":
        x = np.where(wrong[..., None], rng.uniform(0, 1023, x.shape), x)
    elif kind == "same vectors":
        y = np.where(wrong[:1], y + 40, y)
    else:
        y = np.where(wrong, 0.0, y)
    clean = regress(x, y, ~wrong)
    found = regress(x, y, all_of(y))
    assert np.abs(found.slopes / slopes - 1).max() < 0.06
    assert np.abs(found.slopes - slopes).std() < 1.2 * np.abs(clean.slopes - slopes).std()
    share = (found.weights == 0).mean()
    assert 0.2 < share < 0.32
    assert np.abs(clean.slopes - slopes).max() > 0  # least squares on the same data is far off
    ones = np.concatenate([x, np.ones_like(x[..., :1])], axis=2)
    plain = np.stack([np.linalg.lstsq(a, b, rcond=None)[0] for a, b in zip(ones, y, strict=True)])
    assert np.abs(plain[:, -1] - 3).mean() > 4 * np.abs(found.intercept - 3).mean()


def test_pairs_that_are_not_to_be_used_do_not_count() -> None:
    rng = np.random.default_rng(4)
    x, slopes, y = drawn(rng, 10, 200, 2)
    use = rng.random(y.shape) < 0.6
    found = regress(x, np.where(use, y, 1e6), use)
    assert np.abs(found.slopes / slopes - 1).max() < 0.05
    assert (found.weights[~use] == 0).all()
    assert (found.used == use.sum(axis=1)).all()


def test_a_term_that_stands_still_gets_no_slope() -> None:
    x, _, y = drawn(np.random.default_rng(5), 4, 100, 2)
    x[:, :, 1] = 7
    found = regress(x, y, all_of(y))
    assert (found.slopes[:, 1] == 0).all()
    assert np.isfinite(found.slopes).all()
    assert np.isfinite(found.intercept).all()


def test_through_the_origin() -> None:
    rng = np.random.default_rng(6)
    x = rng.uniform(1, 9, (3, 500, 1))
    y = 0.7 * x[..., 0] + rng.normal(0, 0.1, (3, 500))
    y[:, :100] = 20
    found = regress(x, y, all_of(y), intercept=False)
    assert np.abs(found.slopes - 0.7).max() < 0.01
    assert (found.intercept == 0).all()
    assert (found.weights[:, :100] == 0).all()


def test_residuals_are_not_finer_than_the_rounding() -> None:
    x, _, y = drawn(np.random.default_rng(7), 2, 100, 1, noise=0.0)
    found = regress(x, np.rint(y), all_of(y), steps=(0.0, 1.0))
    assert (found.scale >= 12**-0.5).all()
    assert (found.weights > 0).all()
    assert CUT * 12**-0.5 > 0.5


def test_equal_data_give_equal_numbers() -> None:
    x, _, y = drawn(np.random.default_rng(8), 6, 50, 2)
    first, second = (regress(x, y, all_of(y)) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        assert np.array_equal(one, other)


def test_problems_do_not_know_of_one_another() -> None:
    """Nor of how many are worked on at a time."""
    x, _, y = drawn(np.random.default_rng(9), 700, 40, 1)
    together = regress(x, y, all_of(y))
    alone = regress(x[600:601], y[600:601], all_of(y)[600:601])
    assert np.allclose(together.slopes[600:601], alone.slopes, rtol=1e-6)
