"""A network of a few weights, whose own answers are the labels, on arrays of 8 columns: for tests of whole flows."""

from __future__ import annotations

from typing import Any

import numpy as np

from flows.evaluate.inputs import Inputs
from flows.evaluate.step import Asked
from flows.evaluate.work import How
from golden import Analog
from golden.network import INPUT, Add, Clip, Conv, Flatten, Network, Pool, values
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.presets import load

__all__ = ["asked", "config", "inputs", "network"]


def network(seed: int = 1) -> Network:
    """Two convolutions, the second with a residual and the mean of windows, and three classes."""
    rng = np.random.default_rng(seed)

    def conv(name: str, source: str, kernel: int, takes: int, gives: int) -> Conv:
        weight = rng.normal(0, (kernel**2 * takes) ** -0.5, (kernel, kernel, takes, gives)).astype(np.float32)
        bias = rng.normal(0, 0.1, gives).astype(np.float32)
        return Conv(name, source, weight, bias, padding=(kernel // 2, kernel // 2))

    nodes = (
        conv("a.conv", INPUT, 3, 2, 6),
        Clip("a", "a.conv"),
        conv("b.conv", "a", 3, 6, 6),
        Add("sum", "a", "b.conv"),
        Clip("b.relu", "sum"),
        Pool("b", "b.relu", "average", (2, 2)),
        Flatten("flat", "b"),
        conv("fc", "flat", 1, 24, 3),
    )
    return Network("small", (4, 4, 2), nodes, (8.0,), (4.0,))


def inputs(images: int = 40, seed: int = 2) -> Inputs:
    """Random images, and what the network in float32 says of them."""
    rng, made = np.random.default_rng(seed), network()
    pixels = rng.integers(0, 17, (images + 60, 4, 4, 2), dtype=np.uint8)
    labels = values(made, made.prepared(pixels))[made.result].reshape(len(pixels), -1).argmax(axis=1)
    return Inputs(made, pixels[:60], pixels[60:], labels[60:])


def config(*settings: str) -> NmpuConfig:
    """The paper's formats at 8 columns and 4 lanes."""
    return load(settings=("array.columns=8", "array.lanes=4", "name=small", *settings))


def asked(analog: Analog | None = None, **words: Any) -> Asked:
    """Arrays without noise unless told."""
    return Asked(How(config(), analog or Analog().ideal), **words)
