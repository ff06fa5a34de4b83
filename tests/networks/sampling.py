"""The network of ``digits.py`` with sums that go through tanh and chance: forward, backward by hand, training.

A layer is ``y = gain * v + offset`` a column, where ``v`` is the mean over sub-arrays of the weighted sum of samples of
streams and slices (:class:`golden.Streams`); then clip to 0..15 and round.  Backward, rounding is not there, and
neither is chance; a digit changes with its number as if all digits did their share: by ``2^(-bits * k) / count``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from golden.slicing import apart, parts

from .crossbar import ROWS, Stage, patches
from .floating import Floats, Trace, unpatch, unpool

__all__ = ["COUNT", "DIGIT", "TOP", "A", "Seen", "Weights", "forward", "gradients", "partial_sums", "train", "whole"]

Ints = NDArray[np.integer]

A = 4.0
"""Steepness of the junctions."""

COUNT, DIGIT = 2, 2
"""Streams of activations, slices of weights; bits of each."""

TOP = 15
"""The largest activation, and weight."""

_PLACES = (1 << DIGIT * np.arange(COUNT)).astype(np.float64)
_VALUE = np.outer(_PLACES, _PLACES)[None, :, :, None, None]


@dataclass
class Weights:
    """Of a layer; floating point, of which :func:`whole` makes the integers.

    Attributes:
        weight: (rows, columns).
        gain, offset: (columns,) output LSB.
        sensitivity: from a partial sum to what the junctions see, before A.
    """

    weight: Floats
    gain: Floats
    offset: Floats
    sensitivity: float


@dataclass
class Seen:
    """Of a layer: digits of activations (M, vectors, rows) and of weights (K, rows, columns), tanh (S, M, K, vectors,
    columns), its weighted mean, results before clip, and what ``floating`` wants for pooling."""

    x: Floats
    w: Floats
    bent: Floats
    mean: Floats
    before: Floats
    trace: Trace


def whole(weight: Floats) -> tuple[Ints, Floats]:
    """Integers -15 to 15, and the step of each column's grid."""
    step = np.abs(weight).max(axis=0) / TOP
    return np.rint(weight / step).astype(np.int64), step


def forward(
    stages: Sequence[Stage],
    net: Sequence[Weights],
    images: Floats,
    times: Sequence[int] | None,
    rng: np.random.Generator,
) -> list[Seen]:
    """All layers; ``times`` are the samples of each, None: as many as it takes to have no noise.

    Args:
        stages: the network.
        net: its numbers.
        images: (images, 8, 8), 0 to 15.
        times: T of each layer, or None.
        rng: of the noise, which is normal here.
    """
    seen: list[Seen] = []
    x = images
    for k, (stage, numbers) in enumerate(zip(stages, net, strict=True)):
        rows = patches(stage, x)
        a = apart(rows.astype(np.int64), COUNT, DIGIT).astype(np.float64)
        w = apart(whole(numbers.weight)[0], COUNT, DIGIT, "sign").astype(np.float64)
        bent = np.tanh(A * numbers.sensitivity * partial_sums(a, w))
        v = (_VALUE * bent).sum(axis=(0, 1, 2)) / len(bent)
        if times is not None:
            variance = (_VALUE**2 * (1 - bent**2)).sum(axis=(0, 1, 2)) / times[k]
            v = v + rng.standard_normal(v.shape) * np.sqrt(variance) / len(bent)
        before = v * numbers.gain + numbers.offset
        if stage.skip is not None:
            before = before + seen[stage.skip].trace.output
        active = np.floor(np.clip(before, 0, TOP) + 0.5) if stage.relu else before
        x = _pooled(stage, active)
        seen.append(Seen(a, w, bent, v, before, Trace(rows, active, x)))
    return seen


def partial_sums(x: Floats, w: Floats) -> Floats:
    """(S, M, K, vectors, columns), of digits (M, vectors, rows) and (K, rows, columns)."""
    return np.stack([x[:, None, :, p] @ w[None, :, p] for p in parts(w.shape[1], ROWS)])


def _pooled(stage: Stage, active: Floats) -> Floats:
    if stage.pooling == "none":
        return active
    windows = active.reshape(-1, stage.window, stage.outputs)
    return windows.max(axis=1) if stage.pooling == "max" else np.floor(windows.mean(axis=1) + 0.5)


def gradients(
    stages: Sequence[Stage],
    net: Sequence[Weights],
    seen: Sequence[Seen],
    labels: Ints,
    heat: float,
) -> list[tuple[Floats, Floats, Floats]]:
    """Of the mean cross entropy of the last layer's results over ``heat``: of weights, gains and offsets."""
    logits = seen[-1].before / heat
    slope = np.exp(logits - logits.max(axis=1, keepdims=True))
    slope /= slope.sum(axis=1, keepdims=True)
    slope[np.arange(len(labels)), labels] -= 1
    slopes = [np.zeros_like(s.trace.output) for s in seen[:-1]] + [slope / len(labels) / heat]
    found: list[tuple[Floats, Floats, Floats]] = []
    for k in range(len(stages) - 1, -1, -1):
        stage, numbers, here = stages[k], net[k], seen[k]
        slope = unpool(stage, here.trace, slopes[k]) if stage.pooling != "none" else slopes[k]
        if stage.relu:
            slope = slope * ((here.before > 0) & (here.before < TOP))
        if stage.skip is not None:
            slopes[stage.skip] += slope
        pieces = parts(here.trace.rows.shape[1], ROWS)
        inner = slope * numbers.gain * (A * numbers.sensitivity / len(pieces))
        partial = _VALUE * inner * (1 - here.bent**2)  # (S, M, K, vectors, columns)
        weight = np.concatenate([_of_weights(here.x[:, :, p], partial[s]) for s, p in enumerate(pieces)])
        found.append((weight / whole(numbers.weight)[1], (slope * here.mean).sum(axis=0), slope.sum(axis=0)))
        if k:
            rows = np.concatenate([_of_inputs(here.w[:, p], partial[s]) for s, p in enumerate(pieces)], axis=1)
            slopes[k - 1] += unpatch(stage, rows).reshape(slopes[k - 1].shape)
    return found[::-1]


def _of_weights(x: Floats, partial: Floats) -> Floats:
    """(rows, columns), of digits (M, vectors, rows) and slopes (M, K, vectors, columns)."""
    by_place = np.tensordot(1 / _PLACES / COUNT, partial, (0, 1))  # (M, vectors, columns)
    return np.asarray((x.swapaxes(1, 2) @ by_place).sum(axis=0))


def _of_inputs(w: Floats, partial: Floats) -> Floats:
    """(vectors, rows), of digits (K, rows, columns) and slopes (M, K, vectors, columns)."""
    by_place = np.tensordot(1 / _PLACES / COUNT, partial, (0, 0))  # (K, vectors, columns)
    return np.asarray((by_place @ w.swapaxes(1, 2)).sum(axis=0))


def train(
    stages: Sequence[Stage],
    net: Sequence[Weights],
    images: Floats,
    labels: Ints,
    rng: np.random.Generator,
    *,
    times: Sequence[int],
    epochs: int,
    rate: float,
    heat: float = 8.0,
) -> list[Weights]:
    """Train with Adam, batches of 32, and a rate that falls to 0; gains change by shares of themselves."""
    values = [[w.weight.copy(), np.ones_like(w.gain), w.offset / TOP] for w in net]
    flat = [v for layer in values for v in layer]
    mean, square = [np.zeros_like(v) for v in flat], [np.zeros_like(v) for v in flat]
    batches: list[Any] = []
    for _ in range(epochs):
        batches += np.array_split(rng.permutation(len(images)), len(images) // 32)
    for t, batch in enumerate(batches, 1):
        used = _used(net, values)
        slopes = gradients(stages, used, forward(stages, used, images[batch], times, rng), labels[batch], heat)
        now = rate * (1 + np.cos(np.pi * t / len(batches))) / 2
        parts_of = [g for (w, s, o), n in zip(slopes, net, strict=True) for g in (w, s * n.gain, o * TOP)]
        for k, gradient in enumerate(parts_of):
            mean[k] += 0.1 * (gradient - mean[k])
            square[k] += 0.001 * (gradient**2 - square[k])
            flat[k] -= now * (mean[k] / (1 - 0.9**t)) / (np.sqrt(square[k] / (1 - 0.999**t)) + 1e-8)
    return _used(net, values)


def _used(net: Sequence[Weights], values: Sequence[Sequence[Floats]]) -> list[Weights]:
    return [Weights(w, n.gain * s, TOP * o, n.sensitivity) for (w, s, o), n in zip(values, net, strict=True)]
