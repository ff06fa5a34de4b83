"""A residual network on images of digits, through golden and through the emitted Verilog of the tile."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import golden
from flows.generate import generate
from flows.simulate import simulate
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.program import decode, encode
from tb import replay

from .networks import floating
from .networks.digits import STAGES, Digits, Run, configuration, load, parameters, program, run
from .networks.train_digits import to_integers

IMAGES = 200
"""Images that go through the Verilog: the first of those held out."""


@pytest.fixture(scope="module")
def config() -> NmpuConfig:
    return configuration()


@pytest.fixture(scope="module")
def digits() -> Digits:
    return load()


@pytest.fixture(scope="module")
def batch(config: NmpuConfig, digits: Digits) -> Run:
    return run(config, digits.layers, digits.images[:IMAGES])


def test_integers_are_as_good_as_floating_point(config: NmpuConfig, digits: Digits) -> None:
    found = run(config, digits.layers, digits.images).classes
    accuracy = (found == digits.labels).mean()
    assert len(found) == len(digits.labels) >= 500
    assert accuracy >= 0.93
    assert accuracy >= digits.float_accuracy - 0.02


def test_chain_uses_the_tile(config: NmpuConfig, digits: Digits, batch: Run) -> None:
    chain = program(config, digits.layers, IMAGES)
    assert [layer.next for layer in chain.values()] == [1, 2, 3, 4, None]
    assert [layer.blocks for layer in chain.values()] == [1, 3, 3, 3, 1]
    assert len({layer.shifts for layer in chain.values() if layer.blocks > 1 and len(set(layer.shifts)) > 1}) > 1
    assert [layer.pooling for layer in chain.values()] == ["max", "none", "none", "average", "none"]
    assert [layer.settings.width for layer in chain.values()] == [8, 6, 8, 8, 8]
    assert [layer.settings.residual is not None for layer in chain.values()] == [False, False, True, False, False]
    assert chain[2].settings.residual != 0
    assert len({layer.settings.columns for layer in chain.values()}) == 3
    for k, layer in chain.items():
        assert decode(config, encode(config, layer)) == layer, k
    assert batch.outputs[1].max() == 31
    assert min(r.counters.a_min or 0 for r in batch.results) < 0  # ReLU has something to do


def test_chain_is_its_layers(config: NmpuConfig, digits: Digits, batch: Run) -> None:
    chain, bank = program(config, digits.layers, IMAGES), parameters(config, digits.layers)
    done = golden.run_program(config, chain, 0, bank, batch.inputs)
    assert done.order == tuple(chain)
    for k, (got, expected) in enumerate(zip(done.layers, batch.outputs, strict=True)):
        assert got.y is not None
        assert np.array_equal(got.y, expected), k
    assert done.counters.passes == sum(layer.vectors * layer.blocks for layer in chain.values())


def test_residual_and_scales_matter(config: NmpuConfig, digits: Digits, batch: Run) -> None:
    """Else agreement of classes would say nothing of them."""
    labels = digits.labels[:IMAGES]
    right = (batch.classes == labels).sum()
    misaligned, uncorrected = list(digits.layers), list(digits.layers)
    misaligned[2] = replace(misaligned[2], residual=np.array(0))
    uncorrected[0] = replace(uncorrected[0], scales=np.full_like(uncorrected[0].scales, uncorrected[0].scales.max()))
    for layers in (misaligned, uncorrected):
        changed = run(config, layers, digits.images[:IMAGES])
        assert (changed.classes == labels).sum() < 0.95 * right


def test_gradients_are_differences() -> None:
    rng = np.random.default_rng(1)
    net = [floating.Weights(w, rng.normal(0, 0.1, b.shape)) for w, b in floating.initial(STAGES, rng)]
    images, labels = rng.uniform(0, 1, (3, 8, 8)), np.array([3, 0, 7])
    slopes = floating.gradients(STAGES, net, images, labels)
    tiny = 1e-5
    for layer, slope in zip(net, slopes, strict=True):
        for values, expected in zip(layer, slope, strict=True):
            place = np.unravel_index(np.abs(expected).argmax(), expected.shape)
            values[place] += tiny
            above = floating.loss(STAGES, net, images, labels)
            values[place] -= 2 * tiny
            below = floating.loss(STAGES, net, images, labels)
            values[place] += tiny
            assert (above - below) / (2 * tiny) == pytest.approx(expected[place], rel=1e-3)


def test_script_makes_integers(config: NmpuConfig, digits: Digits) -> None:
    """What made the stored file, in short: on some of its images."""
    rng = np.random.default_rng(1)
    seen, other = slice(None, 400), slice(400, None)
    images, labels = digits.images.astype(np.int64), digits.labels.astype(np.int64)
    net = floating.initial(STAGES, rng)
    net = floating.train(STAGES, net, images[seen] / 16, labels[seen], rng, epochs=8, rate=8e-3)
    assert (floating.classes(STAGES, net, images[other] / 16) == labels[other]).mean() > 0.7
    layers = to_integers(net, images[seen], rng)
    expected = floating.classes(STAGES, floating.on_grid(net), images[other] / 16)
    assert (run(config, layers, images[other]).classes == expected).mean() > 0.9


@pytest.mark.deep  # test_families_digits.py replays 50 images of the same network
def test_verilog_runs_the_network(
    config: NmpuConfig, digits: Digits, batch: Run, runtime: Path, tmp_path: Path
) -> None:
    """Every layer of the chain, bit for bit, and so every class."""
    generate(config, tmp_path)
    chain, bank = program(config, digits.layers, IMAGES), parameters(config, digits.layers)
    replay.save(tmp_path / "replay.npz", config, chain, 0, bank, batch.inputs, None)
    result = simulate(tmp_path, tmp_path / "sim", bench="tb.test_replay", runtime=runtime)
    assert not result.failures, result.failures[0]
    with np.load(tmp_path / "sim" / "replay_results.npz") as stored:
        seen = dict(stored)
    for k, expected in enumerate(batch.outputs):
        assert np.array_equal(seen[f"y_{k}"], expected), f"layer {k}"
    classes = seen[f"y_{len(chain) - 1}"].argmax(axis=1)
    assert len(classes) == IMAGES
    assert np.array_equal(classes, batch.classes)
    assert (classes == digits.labels[:IMAGES]).mean() >= 0.93
