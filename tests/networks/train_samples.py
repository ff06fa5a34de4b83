"""Makes ``tests/data/digits_samples.npz``: trains the network of ``digits.py`` for stochastic samples.

    python -m tests.networks.train_samples

It needs scikit-learn, as ``train_digits.py`` does, for the same images; those held out there are held out here.  The
network is trained in floating point first, then with the tanh and the noise of ``sampling.py``.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from golden import Wanted

from . import floating, sampling
from .arrays import SAMPLED, Samples, sampled
from .arrays import STAGES_OF_SAMPLES as STAGES
from .families import Numbers
from .sampling import TOP, Weights, forward, partial_sums, whole
from .train_digits import SEED, digits_of_sklearn

__all__ = ["main", "start", "to_samples"]

Ints = NDArray[np.integer]
Floats = NDArray[np.float64]

TIMES = (32, 32, 32, 32, 64)
"""Samples of each layer."""

DEVIATIONS = 3.0
"""Standard deviations of the partial sums that the junctions see as 1; StoX-Net has 1, which bends more."""


def main(file: Path = SAMPLED) -> None:
    """Train, store, and say how well it went."""
    limits = importlib.import_module("threadpoolctl").threadpool_limits
    with limits(1):  # the order in which a BLAS adds, and so the last bits, changes with its threads
        _make(file, *digits_of_sklearn())


def _make(file: Path, images: Ints, labels: Ints) -> None:
    rng = np.random.default_rng(SEED)
    held_out, seen = np.split(rng.permutation(len(images)), [len(images) // 3])
    x = np.minimum(images, TOP).astype(np.float64)
    net = floating.initial(STAGES, rng)
    net = floating.train(STAGES, net, x[seen] / TOP, labels[seen], rng, epochs=30, rate=4e-3)
    first = start(net, x[seen], rng)
    found = sampling.train(STAGES, first, x[seen], labels[seen], rng, times=TIMES, epochs=30, rate=6e-3)
    family = to_samples(found)
    arrays: dict[str, Any] = {"gains": np.array(family.gains), "times": np.array(family.times)}
    for k, one in enumerate(family.numbers):
        arrays[f"weights_{k}"] = one.weights.astype(np.int8)
        arrays[f"gain_{k}"] = one.wanted.gain.astype(np.float32)
        arrays[f"offset_{k}"] = one.wanted.offset.astype(np.float32)
    np.savez_compressed(file, **arrays)
    plain = (family.plain_classes(images[held_out]) == labels[held_out]).mean()
    right = (family.classes(images[held_out], rng) == labels[held_out]).mean()
    print(f"expectation {plain:.4f}, samples {right:.4f}, {file}")


def start(net: Sequence[floating.Weights], images: Floats, rng: np.random.Generator) -> list[Weights]:
    """Where training begins: sensitivities by what the sums of ``images`` are, gains and offsets by least squares.

    Args:
        net: trained in floating point on ``images / 15``.
        images: (images, 8, 8), 0 to 15.
        rng: not used without noise.
    """
    tops = floating.ranges(STAGES, net, images / TOP, share=0.999)
    tops[2] = tops[0] = max(tops[0], tops[2])  # a residual is added as it is
    traces = floating.forward(STAGES, net, images / TOP)
    found: list[Weights] = []
    for k, (stage, weights) in enumerate(zip(STAGES, net, strict=True)):
        lsb = tops[k] / (TOP if stage.relu else 100)
        ones = np.ones(stage.outputs)
        trial = [*found, Weights(weights.weight, ones, 0 * ones, 1.0)]
        here = forward(STAGES[: k + 1], trial, images, None, rng)[-1]
        gain = 1 / (DEVIATIONS * float(partial_sums(here.x, here.w).std()))
        trial[-1].sensitivity = gain
        here = forward(STAGES[: k + 1], trial, images, None, rng)[-1]
        wanted = (traces[k].rows @ weights.weight + weights.bias) / lsb
        spread = here.mean - here.mean.mean(axis=0)
        slope = (spread * wanted).sum(axis=0) / (spread**2).sum(axis=0)
        found.append(Weights(weights.weight, slope, wanted.mean(axis=0) - slope * here.mean.mean(axis=0), gain))
    return found


def to_samples(net: Sequence[Weights]) -> Samples:
    """The integers of all layers."""
    numbers = tuple(
        Numbers(stage, whole(w.weight)[0], Wanted(w.gain, w.offset), top=TOP if stage.relu else None)
        for w, stage in zip(net, STAGES, strict=True)
    )
    return sampled(numbers, tuple(w.sensitivity for w in net), TIMES)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train the network on digits for samples and store its integers.")
    parser.add_argument("file", nargs="?", type=Path, default=SAMPLED, help="default: %(default)s")
    main(parser.parse_args().file)
