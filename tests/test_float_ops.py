"""Each operation of a binary16 lane, as emitted Verilog, against the golden model: no vector may differ."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from golden import float16

from .float_unit import UNITS, FloatSimulation, Unit
from .test_float16 import FEW, SPECIAL, blocks

Ints = NDArray[np.int64]


@pytest.fixture(scope="module")
def simulation(runtime: Path, tmp_path_factory: pytest.TempPathFactory) -> FloatSimulation:
    return FloatSimulation(tmp_path_factory.mktemp("units"), runtime)


def vectors(seed: int) -> Iterator[tuple[Ints, Ints, Ints]]:
    """Blocks of triples: any patterns; exponents near each other and sums that cancel; short ones, which make ties."""

    def cancelling(a: Ints, b: Ints, noise: Ints) -> Ints:
        return (float16.negate(float16.multiply(a, b, False)) + noise) & 0xFFFF

    rng = np.random.default_rng(seed)
    for a, b, c in blocks(10, seed, cancelling):
        yield a, b, c
        short = np.array([a, b, c]) & (0xFFFF << rng.integers(0, 11, (3, len(a))))
        yield short[0], short[1], short[2]


def expected(unit: Unit, a: Ints, b: Ints, c: Ints) -> Ints:
    if unit.operation == "fused":
        return float16.fused(a, b, c, unit.lean)
    return (float16.multiply if unit.operation == "multiply" else float16.add)(a, b, unit.lean)


def compare(simulation: FloatSimulation, a: Ints, b: Ints, c: Ints) -> int:
    """Run three operands through all operations; the vectors compared of each."""
    answers = simulation.operations(a, b, c)
    units = [unit for unit in UNITS if not unit.converts]
    assert sorted(answers) == sorted(unit.name for unit in units)
    for unit in units:
        same(unit, answers[unit.name], expected(unit, a, b, c), a, b, c)
    return len(a)


def same(unit: Unit, got: Ints, want: Ints, *operands: Ints) -> None:
    assert got.shape == want.shape
    wrong = np.flatnonzero(got != want)
    cases = [[hex(int(x[i])) for x in (*operands, got, want)] for i in wrong[:5]]
    assert not wrong.size, f"{unit.name}: {len(wrong)} of {len(got)} differ; operands, got, expected: {cases}"


@pytest.mark.parametrize("rounds", [1, pytest.param(20, marks=pytest.mark.deep)])
def test_vectors(rounds: int, simulation: FloatSimulation) -> None:
    """A quarter of a million vectors a round, of each operation."""
    made, count = vectors(rounds), 0
    for _ in range(rounds):
        parts = [np.concatenate(part) for part in zip(*itertools.islice(made, 4), strict=True)]
        count += compare(simulation, parts[0], parts[1], parts[2])
    assert count >= 250_000 * rounds


def test_pairs_and_triples_of_special_values(simulation: FloatSimulation) -> None:
    a, b = (grid.ravel() for grid in np.meshgrid(SPECIAL, SPECIAL))
    compare(simulation, a, b, np.roll(b, 1))
    compare(simulation, *np.array(list(itertools.product(FEW, repeat=3))).T)


def test_infinities_that_would_cancel_as_numbers(simulation: FloatSimulation) -> None:
    """infinity * x + c, where c is what 65536 * x would be, or near it; and infinity + c likewise."""
    x, noise, minus, plus = np.meshgrid(np.arange(1, 1 << 15, 37), (0, 1, -1), (0, 0x8000), (0, 0x8000))
    c = np.clip(x + (16 << 10) + noise, 0, 0x7FFF) | plus
    x, infinity, c = x.ravel(), (0x7C00 | minus).ravel(), c.ravel()
    compare(simulation, infinity, x, c)
    compare(simulation, x, infinity, c)


@pytest.mark.parametrize("relu", [False, True])
def test_every_code_and_pattern_converted(relu: bool, simulation: FloatSimulation) -> None:
    x = np.arange(1 << 16)
    answers = simulation.conversions(x, relu)
    for unit in [unit for unit in UNITS if unit.converts]:
        got, form = answers[unit.name], unit.form
        if unit.operation == "from_integer":
            code = x & (1 << form.width) - 1
            code -= (code > form.high) << form.width
            same(unit, got, float16.from_integer(code, form.fraction, unit.lean), code)
            continue
        y, low, high = float16.to_integer(float16.relu(x, unit.lean) if relu else x, form, unit.lean)
        same(unit, got & 0xFFFF, y & (1 << form.width) - 1, x)
        same(unit, got >> 16, low + 2 * high, x)
