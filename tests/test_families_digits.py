"""The network on digits through arrays of three kinds, and as programs that the Verilog can run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import golden
from flows.generate import generate
from flows.simulate import simulate
from golden import Analog
from golden.front_end import raw_shape
from nmpu_hdl.program import decode, encode
from tb import replay

from .networks import floating, sampling
from .networks.arrays import STAGES_OF_SAMPLES, Samples, bit_planes, converters, load_samples
from .networks.crossbar import patches
from .networks.digits import Digits, load
from .networks.families import Family, Numbers, numbers_of
from .networks.train_samples import start, to_samples

DAY = 86_400.0
REPLAYED = 50
"""Images of a program: at least so many are to go through the Verilog."""


@pytest.fixture(scope="module")
def digits() -> Digits:
    return load()


@pytest.fixture(scope="module")
def numbers(digits: Digits) -> tuple[Numbers, ...]:
    return numbers_of(digits)


@pytest.fixture(scope="module")
def samples() -> Samples:
    return load_samples()


def accuracy(family: Family, digits: Digits, seed: int = 0) -> float:
    """Of all images that are stored."""
    return float((family.classes(digits.images, np.random.default_rng(seed)) == digits.labels).mean())


def first(digits: Digits, images: int) -> Digits:
    """The first of them."""
    return replace(digits, images=digits.images[:images], labels=digits.labels[:images])


def of_counts(numbers: tuple[Numbers, ...], model: Analog, seed: int, used: float = 0, measured: float = 0) -> Family:
    return converters(numbers, np.random.default_rng(seed), model, used, measured)


def test_bit_planes_are_the_network_in_integers(digits: Digits, numbers: tuple[Numbers, ...]) -> None:
    """Counts of planes give the very results that ``x @ w`` as operands gives, layer for layer."""
    family = bit_planes(numbers)
    run = family.run(digits.images[:60], np.random.default_rng(0))
    x: NDArray[np.integer] = digits.images[:60].astype(np.int64)
    for k, (layer, result) in enumerate(zip(family.chain(60).values(), run.results, strict=True)):
        operands = patches(numbers[k].stage, x) @ numbers[k].weights
        residual = run.inputs[k].residual
        plain = golden.run_layer(
            family.config, layer, family.mapped[k].params, operands[:, None, None], residual=residual
        )
        assert result.y is not None
        assert plain.y is not None
        assert np.array_equal(result.y, plain.y)
        x = result.y.astype(np.int64)
    right = float((family.plain_classes(digits.images) == digits.labels).mean())
    assert right >= digits.float_accuracy - 0.02
    assert accuracy(family, digits) >= right - 0.015


def test_sense_amplifiers_that_err_cost_accuracy(digits: Digits, numbers: tuple[Numbers, ...]) -> None:
    few = first(digits, 100)
    none, some, many = (accuracy(bit_planes(numbers, rate), few) for rate in (0, 1e-4, 1e-2))
    assert some > 0.85
    assert none >= some - 0.02
    assert some > many + 0.3


def test_ideal_converters_cost_next_to_nothing(digits: Digits, numbers: tuple[Numbers, ...]) -> None:
    right = float((of_counts(numbers, Analog().ideal, 0).plain_classes(digits.images) == digits.labels).mean())
    assert right >= digits.float_accuracy - 0.02
    for seed in range(2):
        assert accuracy(of_counts(numbers, Analog().ideal, seed), digits) >= right - 0.015


def test_noise_costs_some_and_drift_much_until_lines_are_measured_anew(
    digits: Digits, numbers: tuple[Numbers, ...]
) -> None:
    """Of four programmed chips each: fresh, after a day with the first parameters, and with new ones."""
    few = first(digits, 200)
    fresh, old, again = (
        np.array([accuracy(of_counts(numbers, Analog(), seed, used, measured), few, seed) for seed in range(4)])
        for used, measured in ((0, 0), (DAY, 0), (DAY, DAY))
    )
    assert fresh.mean() > 0.9
    assert again.mean() > 0.85
    assert again.mean() > old.mean() + 0.03


def test_samples_do_what_they_were_trained_for(digits: Digits, samples: Samples) -> None:
    expectation = float((samples.plain_classes(digits.images) == digits.labels).mean())
    assert expectation > 0.93
    for seed in range(3):
        assert accuracy(samples, first(digits, 200), seed) > 0.88


def test_more_samples_are_better(digits: Digits, samples: Samples) -> None:
    few = first(digits, 100)
    worst, middle, best = (accuracy(replace(samples, times=(t,) * 5), few) for t in (1, 8, 64))
    assert best > middle > worst
    assert best > 0.88


MAKE: dict[str, Callable[[tuple[Numbers, ...]], Family]] = {
    "counts": lambda numbers: of_counts(numbers, Analog(), 1, DAY, DAY),
    "planes": lambda numbers: bit_planes(numbers, 1e-4),
    "samples": lambda _: load_samples(),
}


@pytest.mark.parametrize("kind", MAKE)
def test_program_is_the_layers(kind: str, digits: Digits, numbers: tuple[Numbers, ...]) -> None:
    family, images = MAKE[kind](numbers), digits.images[:REPLAYED]
    config, chain, begin, bank, inputs = family.program(images, np.random.default_rng(3))
    done = golden.run_program(config, chain, begin, bank, inputs)
    run = family.run(images, np.random.default_rng(3))
    assert done.order == tuple(chain) == (0, 1, 2, 3, 4)
    for k, (got, expected) in enumerate(zip(done.layers, run.results, strict=True)):
        assert got.y is not None
        assert expected.y is not None
        assert np.array_equal(got.y, expected.y), k
        assert np.array_equal(inputs[k].codes, run.inputs[k].codes), k
        assert decode(config, encode(config, chain[k])) == chain[k]
        front, raw = chain[k].settings.front, inputs[k].raw
        if front is not None:
            assert raw is not None
            assert raw.shape == (chain[k].vectors, 1, *raw_shape(config, front, numbers[k].stage.outputs))
    assert (run.classes == digits.labels[:REPLAYED]).mean() > 0.8


@pytest.mark.deep
@pytest.mark.parametrize("kind", ["counts", "planes", "samples"])
def test_verilog_runs_the_network(
    kind: str, digits: Digits, numbers: tuple[Numbers, ...], runtime: Path, tmp_path: Path
) -> None:
    """What follows the arrays, bit for bit in every layer, and so every class."""
    family, rng = MAKE[kind](numbers), np.random.default_rng(3)
    program = family.program(digits.images[:REPLAYED], rng)
    done = golden.run_program(*program)
    generate(program.config, tmp_path)
    replay.save(tmp_path / "replay.npz", *program)
    result = simulate(tmp_path, tmp_path / "sim", bench="tb.test_replay", runtime=runtime)
    assert not result.failures, result.failures[0]
    with np.load(tmp_path / "sim" / "replay_results.npz") as stored:
        seen = dict(stored)
    for k, expected in enumerate(done.layers):
        assert expected.y is not None
        assert np.array_equal(seen[f"y_{k}"], expected.y), f"layer {k}"
    classes = seen[f"y_{len(done.layers) - 1}"].argmax(axis=1)
    assert len(classes) == REPLAYED
    assert (classes == digits.labels[:REPLAYED]).mean() > 0.8


def small_net(rng: np.random.Generator) -> tuple[list[sampling.Weights], NDArray[np.float64]]:
    """All layers at chance, and three images."""
    net = []
    for stage in STAGES_OF_SAMPLES:
        shape = stage.taps * stage.inputs, stage.outputs
        net.append(sampling.Weights(rng.normal(0, 1, shape), np.ones(shape[1]), rng.normal(4, 1, shape[1]), 0.003))
    return net, rng.integers(0, 16, (3, 8, 8)).astype(np.float64)


def loss(seen: sampling.Seen, labels: NDArray[np.integer]) -> float:
    logits = seen.before / 8.0
    return float(np.mean(np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(labels)), labels]))


def _double(array: NDArray[Any]) -> NDArray[np.float64]:
    return array.astype(np.float64)


def test_forward_is_the_arrays_expectation(samples: Samples, digits: Digits) -> None:
    """What training computes is :meth:`golden.Streams.expected`, layer for layer."""
    net = [
        sampling.Weights(_double(n.weights), _double(n.wanted.gain), _double(n.wanted.offset), gain)
        for n, gain in zip(samples.numbers, samples.gains, strict=True)
    ]
    assert all(np.abs(n.weights).max(axis=0).min() == sampling.TOP for n in samples.numbers)  # so they stay as they are
    images = samples.pixels(digits.images[:20])
    seen = sampling.forward(STAGES_OF_SAMPLES, net, images.astype(np.float64), None, np.random.default_rng(0))
    assert np.array_equal(seen[-1].before.argmax(axis=1), samples.plain_classes(digits.images[:20]))
    for k, here in enumerate(seen):
        assert here.mean == pytest.approx(samples.values(k, here.trace.rows.astype(np.int64)))


def test_gradients_of_the_last_layer_are_differences() -> None:
    rng = np.random.default_rng(1)
    net, images = small_net(rng)
    labels, last = np.array([3, 0, 7]), STAGES_OF_SAMPLES
    seen = sampling.forward(last, net, images, None, rng)
    slopes = sampling.gradients(last, net, seen, labels, 8.0)[-1]
    for values, expected in zip((net[-1].gain, net[-1].offset), slopes[1:], strict=True):
        found = []
        for change in (1e-5, -2e-5):
            values[2] += change
            found.append(loss(sampling.forward(last, net, images, None, rng)[-1], labels))
        values[2] += 1e-5
        assert (found[0] - found[1]) / 2e-5 == pytest.approx(expected[2], rel=1e-4)


def test_digits_share_the_gradient_of_their_number() -> None:
    """Where tanh does not bend, ``v`` is ``x @ w`` times a number, and the gradients are that product's."""
    rng = np.random.default_rng(2)
    net, images = small_net(rng)
    stages, labels = STAGES_OF_SAMPLES, np.array([3, 0, 7])
    for one in net:
        one.sensitivity = 1e-7
        one.gain /= 1e-4
    seen = sampling.forward(stages, net, images, None, rng)
    slopes = sampling.gradients(stages, net, seen, labels, 8.0)
    odds = np.exp(seen[-1].before / 8)
    odds = odds / odds.sum(axis=1, keepdims=True)
    odds[np.arange(3), labels] -= 1
    step = sampling.whole(net[-1].weight)[1]
    expected = seen[-1].trace.rows.T @ (odds / 3 / 8 * net[-1].gain) * sampling.A * 1e-7 / step
    assert slopes[-1][0] == pytest.approx(expected, rel=1e-6)


def test_script_makes_integers(digits: Digits) -> None:
    """What made the stored file, in short: on some of the images that are stored."""
    rng, stages = np.random.default_rng(3), STAGES_OF_SAMPLES
    x, labels = np.minimum(digits.images, 15).astype(np.float64), digits.labels.astype(np.int64)
    net = floating.initial(stages, rng)
    net = floating.train(stages, net, x[:300] / 15, labels[:300], rng, epochs=6, rate=8e-3)
    begun = start(net, x[:300], rng)
    done = sampling.train(stages, begun, x[:300], labels[:300], rng, times=(32,) * 5, epochs=2, rate=4e-3)
    losses = [loss(sampling.forward(stages, used, x[:300], None, rng)[-1], labels[:300]) for used in (begun, done)]
    assert losses[1] < 0.9 * losses[0]
    assert (to_samples(done).plain_classes(digits.images[300:]) == labels[300:]).mean() > 0.6
