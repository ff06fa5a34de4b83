"""Training of a small network in NumPy: gradients of each kind of node, and Adam, with noise on the weights.

It is for the network that comes with this project; those of users come trained.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from golden.network import INPUT, Add, Clip, Conv, Flatten, Network, Node, Pool, values
from golden.network.graph import patches

__all__ = ["Schedule", "classes", "gradients", "loss", "train"]

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer]


@dataclass(frozen=True)
class Schedule:
    """How to train.

    Args:
        epochs: times that each image is seen.
        rate: of Adam at first; it falls to 0.
        batch: images.
        noise: standard deviation of what is added to the weights, in shares of the largest of their column: about
            twice what an array of phase-change devices adds when it is programmed.
        shift: pixels by which images are moved, at most.
        limit: no weight is larger than so many standard deviations of its column, or one large weight would make the
            array's noise large for all.
        seed: of batches, noise and shifts.
    """

    epochs: int = 30
    rate: float = 4e-3
    batch: int = 32
    noise: float = 0.06
    shift: int = 1
    limit: float = 2.5
    seed: int = 1


def classes(network: Network, images: NDArray[Any]) -> Ints:
    """(images,) the largest result of each image, in float32."""
    results = values(network, network.prepared(images))[network.result]
    return results.reshape(len(images), -1).argmax(axis=1)


def loss(network: Network, x: Floats, labels: Ints) -> float:
    """The mean cross entropy."""
    odds = _odds(values(network, x)[network.result])
    return float(-np.log(odds[np.arange(len(labels)), labels]).mean())


def gradients(network: Network, x: Floats, labels: Ints) -> dict[str, tuple[Floats, Floats]]:
    """Of :func:`loss`: by the names of convolutions, of weights and of biases.

    Args:
        network: of the kinds Conv with a bias and no stride, Clip, Add, Pool and Flatten.
        x: (images, height, width, channels), prepared.
        labels: (images,).

    Raises:
        ValueError: a node of another kind.
    """
    seen = values(network, x)
    odds = _odds(seen[network.result])
    odds[np.arange(len(labels)), labels] -= 1
    slopes: dict[str, Floats] = {network.result: (odds / len(labels)).reshape(seen[network.result].shape)}
    found: dict[str, tuple[Floats, Floats]] = {}
    for node in reversed(network.nodes):
        slope = slopes.pop(node.name)
        if isinstance(node, Conv):
            rows = patches(seen[node.source], node.weight.shape[:2], node.stride, node.padding)
            flat = slope.reshape(-1, slope.shape[3])
            weight = rows.reshape(len(flat), -1).T @ flat
            found[node.name] = weight.reshape(node.weight.shape), flat.sum(axis=0)
        for source, part in _back(node, slope, seen):
            if source != INPUT:
                slopes[source] = slopes[source] + part if source in slopes else part
    return found


def train(network: Network, images: NDArray[np.uint8], labels: Ints, schedule: Schedule) -> Network:
    """The network with other weights and biases; the same bytes for the same arguments and one thread of the BLAS."""
    rng = np.random.default_rng(schedule.seed)
    layers = [node for node in network.nodes if isinstance(node, Conv)]
    flat = [part.astype(np.float32) for node in layers for part in (node.weight, _bias(node))]
    mean, square = [np.zeros_like(v) for v in flat], [np.zeros_like(v) for v in flat]
    x, batches = network.prepared(images), _batches(rng, schedule, len(images))
    for t, batch in enumerate(batches, 1):
        noisy = [v + _noise(rng, schedule, v) if v.ndim == 4 else v for v in flat]
        found = gradients(_with(network, layers, noisy), _moved(rng, schedule, x[batch]), labels[batch])
        now = schedule.rate * (1 + np.cos(np.pi * t / len(batches))) / 2
        for k, gradient in enumerate(part for node in layers for part in found[node.name]):
            mean[k] += 0.1 * (gradient - mean[k])
            square[k] += 0.001 * (gradient**2 - square[k])
            flat[k] -= np.float32(now / (1 - 0.9**t)) * mean[k] / (np.sqrt(square[k] / (1 - 0.999**t)) + 1e-8)
            if flat[k].ndim == 4:
                bound = schedule.limit * flat[k].std(axis=(0, 1, 2))
                flat[k] = np.clip(flat[k], -bound, bound)
    return _with(network, layers, flat)


def _bias(node: Conv) -> Floats:
    return np.zeros(node.weight.shape[3], np.float32) if node.bias is None else node.bias


def _with(network: Network, layers: Sequence[Conv], flat: Sequence[Floats]) -> Network:
    """The network with these weights and biases, one after the other."""
    by_name = {node.name: (flat[2 * k], flat[2 * k + 1]) for k, node in enumerate(layers)}
    nodes = [
        replace(node, weight=by_name[node.name][0], bias=by_name[node.name][1]) if isinstance(node, Conv) else node
        for node in network.nodes
    ]
    return replace(network, nodes=tuple(nodes))


def _batches(rng: np.random.Generator, schedule: Schedule, images: int) -> list[Ints]:
    each = max(images // schedule.batch, 1)
    return [b for _ in range(schedule.epochs) for b in np.array_split(rng.permutation(images), each)]


def _noise(rng: np.random.Generator, schedule: Schedule, weight: Floats) -> Floats:
    largest = np.abs(weight).max(axis=(0, 1, 2))
    return schedule.noise * largest * rng.standard_normal(weight.shape, np.float32)


def _moved(rng: np.random.Generator, schedule: Schedule, x: Floats) -> Floats:
    """Images moved by some pixels, each by its own; zeros come in."""
    if not schedule.shift:
        return x
    far, (high, wide) = schedule.shift, x.shape[1:3]
    padded = np.pad(x, ((0, 0), (far, far), (far, far), (0, 0)))
    starts = rng.integers(0, 2 * far + 1, (len(x), 2))
    return np.stack([one[i : i + high, j : j + wide] for one, (i, j) in zip(padded, starts, strict=True)])


def _odds(results: Floats) -> Floats:
    logits = results.reshape(len(results), -1)
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _back(node: Node, slope: Floats, seen: Mapping[str, Floats]) -> Iterator[tuple[str, Floats]]:
    """The slopes of what a node takes."""
    if isinstance(node, Add):
        yield node.first, slope
        yield node.second, slope
        return
    x = seen[node.source]
    if isinstance(node, Conv):
        yield node.source, _unpatch(node, slope, x.shape)
    elif isinstance(node, Clip):
        yield node.source, slope * ((x > node.low) & (x < node.high))
    elif isinstance(node, Flatten):
        yield node.source, slope.reshape(x.shape)
    elif isinstance(node, Pool):
        yield node.source, _unpool(node, slope, x, seen[node.name])
    else:
        raise ValueError(f"node {node.name} is a {type(node).__name__}, which is not trained here")


def _unpatch(node: Conv, slope: Floats, shape: tuple[int, ...]) -> Floats:
    """The transpose of the convolution."""
    high, wide = slope.shape[1:3]
    padded = np.zeros((shape[0], shape[1] + 2 * node.padding[0], shape[2] + 2 * node.padding[1], shape[3]), slope.dtype)
    for i in range(node.weight.shape[0]):
        for j in range(node.weight.shape[1]):
            rows = slice(i, i + high * node.stride[0], node.stride[0])
            columns = slice(j, j + wide * node.stride[1], node.stride[1])
            padded[:, rows, columns] += slope @ node.weight[i, j].T.astype(slope.dtype)
    return padded[:, node.padding[0] : node.padding[0] + shape[1], node.padding[1] : node.padding[1] + shape[2]]


def _unpool(node: Pool, slope: Floats, x: Floats, y: Floats) -> Floats:
    rows, columns = x.shape[1] // y.shape[1], x.shape[2] // y.shape[2]
    spread = slope.repeat(rows, axis=1).repeat(columns, axis=2)
    if node.kind == "average":
        return spread / (rows * columns)
    return spread * (x == y.repeat(rows, axis=1).repeat(columns, axis=2))
