"""Configurations, operands and layers that the tests of mappings share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

import golden
from golden.slicing import Form
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.presets import load

__all__ = ["COUNTED", "SAMPLED", "Ints", "configured", "drawn"]

Ints = NDArray[np.integer]
TILE = [
    *("tile.kind=axi", "tile.blocks=4", "tile.sets=16", "how.stages=2", "array.columns=8", "array.lanes=4"),
    *("scale.format=UQ1.9", "guard=4", "offset.format=SQ12.4", "shift.max=24", "shift.min=-4"),
]
COUNTED = ["codes.source=planes", "codes.counts=1", "codes.format=UQ9.0", "front.x_planes=8", "front.w_planes=8"]
SAMPLED = [
    *("codes.source=samples", "codes.counts=1", "front.samples=4096", "front.values=bipolar", "front.bits=8"),
    *("front.x_planes=2", "front.w_planes=2", "front.subarrays=3", "front.x_bits=2", "front.w_bits=2"),
    "front.signed=false",
]


def configured(*settings: str) -> NmpuConfig:
    return load(settings=[*TILE, *settings])


def drawn(rng: np.random.Generator, form: Form, planes: int, shape: tuple[int, ...]) -> Ints:
    low, high = golden.slicing.digit_range(planes, 1, form)
    values = rng.integers(low, high + 1, shape)
    return 2 * (values - low >> 1) + low if form == "odd" else values
