"""Networks whose architecture is known here; their weights are in a file, under the names that PyTorch gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from golden.network import INPUT, Add, Clip, Conv, Flatten, Network, Node, Norm, Pool, Shortcut

__all__ = ["norm_of", "resnet9", "resnet32"]

Arrays = Mapping[str, NDArray[Any]]
Floats = NDArray[np.floating[Any]]

_SIDE = 32
"""Pixels on a side of a CIFAR image."""


def norm_of(name: str, source: str, numbers: Sequence[Floats], eps: float = 1e-5) -> Norm:
    """Batch normalisation whose statistics stand, as a gain and an offset a channel; computed in float64.

    Args:
        name, source: of the node.
        numbers: gamma, beta, mean and variance, (channels,) each.
        eps: what is added to the variance.
    """
    gamma, beta, mean, variance = (np.asarray(one, np.float64) for one in numbers)
    gain = gamma / np.sqrt(variance + eps)
    return Norm(name, source, gain, beta - mean * gain)


def resnet9(weights: Arrays, name: str = "resnet9") -> Network:
    """ResNet9: ``prep``, ``l1`` and pooling, a residual, ``l2`` and ``l3`` and pooling, a residual, pooling, ``fc``.

    Args:
        weights: the state dictionary as arrays; ``input_mean`` and ``input_std`` too, of 0..255.
        name: of the network.

    Raises:
        ValueError: naming the key that is absent or of a wrong shape.
    """
    build = _Builder(weights)
    x = build.block("prep", INPUT)
    x = build.pooled(build.block("l1", x))
    x = build.add("r1", x, build.block("r1b", build.block("r1a", x)))
    x = build.pooled(build.block("l2", x))
    x = build.pooled(build.block("l3", x))
    x = build.add("r3", x, build.block("r3b", build.block("r3a", x)))
    build.put(Pool("pool", x, "max"))
    return build.done(name, "pool")


def resnet32(weights: Arrays, name: str = "resnet32") -> Network:
    """ResNet32: ``stem``, fifteen blocks ``relu(shortcut + b(relu(a(x))))``, the mean of all pixels, ``fc``.

    A block whose ``a`` gives more channels than it takes has stride 2, and every second pixel as its shortcut, with
    half of the new channels, zeros, before and half behind.

    Args:
        weights: as of :func:`resnet9`.
        name: of the network.

    Raises:
        ValueError: naming the key that is absent or of a wrong shape.
    """
    build = _Builder(weights)
    x = build.block("stem", INPUT)
    for k in range(15):
        outputs, inputs = build.array(f"blocks.{k}.a.0.weight").shape[:2]
        more, here = outputs - inputs, f"blocks.{k}"
        y = build.block(f"{here}.a", x, 2 if more else 1)
        y = build.block(f"{here}.b", y, active=False)
        if more:
            x = build.put(Shortcut(f"{here}.shortcut", x, 2, more // 2, more - more // 2))
        x = build.put(Clip(f"{here}.relu", build.add(f"{here}.add", x, y)))
    build.put(Pool("pool", x, "average"))
    return build.done(name, "pool")


class _Builder:
    """Nodes that have been put one after another, and the arrays that they take their numbers from."""

    def __init__(self, weights: Arrays) -> None:
        self._weights, self._nodes = weights, list[Node]()

    def array(self, key: str) -> Floats:
        """The array of a key.

        Raises:
            ValueError: there is none.
        """
        if key not in self._weights:
            raise ValueError(f"the weights have no {key}; the state dictionary of this architecture has one")
        return np.asarray(self._weights[key], np.float32)

    def put(self, node: Node) -> str:
        self._nodes.append(node)
        return node.name

    def block(self, key: str, source: str, stride: int = 1, active: bool = True) -> str:
        """Convolution of 3 x 3, batch norm and, where ``active``, ReLU; the last one's name."""
        kernel = self.array(f"{key}.0.weight")
        if kernel.ndim != 4 or kernel.shape[2:] != (3, 3):
            raise ValueError(f"{key}.0.weight has shape {kernel.shape}, not (outputs, inputs, 3, 3)")
        numbers = [self.array(f"{key}.1.{part}") for part in ("weight", "bias", "running_mean", "running_var")]
        x = self.put(Conv(f"{key}.conv", source, kernel.transpose(2, 3, 1, 0), None, (stride, stride), (1, 1)))
        x = self.put(norm_of(f"{key}.norm", x, numbers))
        return self.put(Clip(f"{key}.relu", x)) if active else x

    def pooled(self, source: str) -> str:
        """The largest of 2 x 2 pixels."""
        return self.put(Pool(f"{source.rsplit('.', 1)[0]}.pool", source, "max", (2, 2)))

    def add(self, name: str, first: str, second: str) -> str:
        return self.put(Add(name, first, second))

    def done(self, name: str, source: str) -> Network:
        """The network, behind the fully connected layer ``fc``."""
        weight = self.array("fc.weight")
        if weight.ndim != 2:
            raise ValueError(f"fc.weight has shape {weight.shape}, not (outputs, inputs)")
        flat = self.put(Flatten("flatten", source))
        self.put(Conv("fc", flat, weight.T[None, None], self.array("fc.bias")))
        mean, deviation = (tuple(map(float, self.array(key))) for key in ("input_mean", "input_std"))
        return Network(name, (_SIDE, _SIDE, 3), tuple(self._nodes), mean, deviation)
