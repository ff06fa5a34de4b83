"""The stages of a network in floating point: forward, backward by hand, and training with Adam."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .crossbar import Stage, patches, visits

__all__ = [
    "LARGEST",
    "Floats",
    "Trace",
    "Weights",
    "classes",
    "forward",
    "gradients",
    "initial",
    "loss",
    "on_grid",
    "ranges",
    "steps",
    "train",
    "unpatch",
    "unpool",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.integer]

LARGEST = 7
"""Weights on the grid are -7 to 7 steps of their column."""


class Weights(NamedTuple):
    """Weights (rows, columns) and biases (columns,) of a layer."""

    weight: Floats
    bias: Floats


@dataclass
class Trace:
    """Of a layer: inputs of the rows, results before pooling, outputs."""

    rows: Floats
    active: Floats
    output: Floats


def initial(stages: Sequence[Stage], rng: np.random.Generator) -> list[Weights]:
    """Normal weights of variance 2 / rows, and no bias."""
    shapes = [(s.taps * s.inputs, s.outputs) for s in stages]
    return [Weights(rng.normal(0, np.sqrt(2 / shape[0]), shape), np.zeros(shape[1])) for shape in shapes]


def steps(weight: Floats) -> Floats:
    """(columns,) the step of each column's grid."""
    return np.abs(weight).max(axis=0) / LARGEST


def on_grid(net: Sequence[Weights]) -> list[Weights]:
    """The nearest weights that are whole numbers of steps."""
    return [Weights(np.rint(w / steps(w)) * steps(w), b) for w, b in net]


def classes(stages: Sequence[Stage], net: Sequence[Weights], images: Floats) -> Ints:
    """(images,) the digits."""
    return forward(stages, net, images)[-1].output.argmax(axis=1)


def ranges(stages: Sequence[Stage], net: Sequence[Weights], images: Floats, share: float) -> list[float]:
    """For each layer, what ``share`` of its results before pooling do not pass in magnitude; all, in the last layer."""
    results = [np.abs(trace.active) for trace in forward(stages, net, images)]
    return [float(np.quantile(r, share)) for r in results[:-1]] + [float(results[-1].max())]


def loss(stages: Sequence[Stage], net: Sequence[Weights], images: Floats, labels: Ints) -> float:
    """The mean cross entropy."""
    odds = _odds(forward(stages, net, images)[-1].output)
    return float(-np.log(odds[np.arange(len(labels)), labels]).mean())


def gradients(stages: Sequence[Stage], net: Sequence[Weights], images: Floats, labels: Ints) -> list[Weights]:
    """The gradients of :func:`loss`."""
    traces = forward(stages, net, images)
    slope = _odds(traces[-1].output)
    slope[np.arange(len(labels)), labels] -= 1
    return _backward(stages, net, traces, slope / len(labels))


def _odds(logits: Floats) -> Floats:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def forward(stages: Sequence[Stage], net: Sequence[Weights], images: Floats) -> list[Trace]:
    """What every layer takes in and gives, for images (images, 8, 8)."""
    traces: list[Trace] = []
    x = images
    for stage, (weight, bias) in zip(stages, net, strict=True):
        rows = patches(stage, x)
        active = rows @ weight + bias
        if stage.skip is not None:
            active = active + traces[stage.skip].output
        if stage.relu:
            active = np.maximum(active, 0)
        x = active
        if stage.pooling != "none":
            windows = active.reshape(-1, stage.window, stage.outputs)
            x = windows.max(axis=1) if stage.pooling == "max" else windows.mean(axis=1)
        traces.append(Trace(rows, active, x))
    return traces


def _backward(stages: Sequence[Stage], net: Sequence[Weights], traces: Sequence[Trace], slope: Floats) -> list[Weights]:
    """The gradients, where ``slope`` is that of the last layer's outputs."""
    slopes = [np.zeros_like(trace.output) for trace in traces[:-1]] + [slope]
    found: list[Weights] = []
    for k in range(len(stages) - 1, -1, -1):
        stage, trace, slope = stages[k], traces[k], slopes[k]
        if stage.pooling != "none":
            slope = unpool(stage, trace, slope)
        if stage.relu:
            slope = slope * (trace.active > 0)
        if stage.skip is not None:
            slopes[stage.skip] += slope
        found.append(Weights(trace.rows.T @ slope, slope.sum(axis=0)))
        if k:
            slopes[k - 1] += unpatch(stage, slope @ net[k].weight.T).reshape(slopes[k - 1].shape)
    return found[::-1]


def unpool(stage: Stage, trace: Trace, slope: Floats) -> Floats:
    """The slope of what was pooled."""
    windows = trace.active.reshape(-1, stage.window, stage.outputs)
    if stage.pooling == "max":
        first = np.arange(stage.window)[:, None] == windows.argmax(axis=1)[:, None, :]
        spread = first * slope[:, None, :]
    else:
        spread = np.broadcast_to(slope[:, None, :] / stage.window, windows.shape)
    return spread.reshape(trace.active.shape)


def unpatch(stage: Stage, slope: Floats) -> Floats:
    """The transpose of ``patches``."""
    if stage.taps == 1:
        return slope
    rows = np.empty((len(slope) // stage.pixels, stage.pixels, slope.shape[1]))
    rows[:, visits(stage)] = slope.reshape(rows.shape)
    side = stage.side
    shifted = rows.reshape(-1, side, side, 9, stage.inputs)
    padded = np.zeros((len(rows), side + 2, side + 2, stage.inputs))
    for tap in range(9):
        i, j = divmod(tap, 3)
        padded[:, i : i + side, j : j + side] += shifted[:, :, :, tap]
    return padded[:, 1:-1, 1:-1]


def train(
    stages: Sequence[Stage],
    net: Sequence[Weights],
    images: Floats,
    labels: Ints,
    rng: np.random.Generator,
    *,
    epochs: int,
    rate: float,
    grid: bool = False,
) -> list[Weights]:
    """Train with Adam, batches of 32 and a rate that falls to 0.

    Args:
        stages: the network.
        net: where to begin.
        images: (images, 8, 8).
        labels: (images,).
        rng: of the batches.
        epochs: times that each image is seen.
        rate: the first rate.
        grid: compute with :func:`on_grid`, and apply its gradients to the weights themselves.
    """
    values = [a.copy() for w in net for a in w]
    mean, square = [np.zeros_like(v) for v in values], [np.zeros_like(v) for v in values]
    batches = [b for _ in range(epochs) for b in np.array_split(rng.permutation(len(images)), len(images) // 32)]
    for t, batch in enumerate(batches, 1):
        used = [Weights(*values[k : k + 2]) for k in range(0, len(values), 2)]
        used = on_grid(used) if grid else used
        now = rate * (1 + np.cos(np.pi * t / len(batches))) / 2
        slopes = [a for w in gradients(stages, used, images[batch], labels[batch]) for a in w]
        for k, gradient in enumerate(slopes):
            mean[k] += 0.1 * (gradient - mean[k])
            square[k] += 0.001 * (gradient**2 - square[k])
            step = mean[k] / (1 - 0.9**t) / (np.sqrt(square[k] / (1 - 0.999**t)) + 1e-8)
            values[k] -= now * step
    return [Weights(*values[k : k + 2]) for k in range(0, len(values), 2)]
