"""A residual convolutional network on scikit-learn's digits, run through a tile layer after layer.

The network is :data:`STAGES`; its integers are in ``tests/data/digits.npz``, made by ``train_digits.py``.  The crossbar
in front of the unit has 64 rows, so that most layers are the sum of three row blocks; ``crossbar.py`` models it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import golden
from golden import LayerInputs, LayerResult, Params
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.presets import build
from nmpu_hdl.program import Layer, param_words
from nmpu_hdl.settings import PassSettings

from .crossbar import Stage, convert, patches, sums

__all__ = [
    "STAGES",
    "STORED",
    "Digits",
    "Integers",
    "Run",
    "configuration",
    "load",
    "parameters",
    "program",
    "run",
]

Ints = NDArray[np.integer]

STORED = Path(__file__).parent.parent / "data" / "digits.npz"


STAGES = (
    Stage(8, 9, 1, 16, pooling="max", window=4),
    Stage(4, 9, 16, 16, width=6),
    Stage(4, 9, 16, 16, skip=0),
    Stage(4, 9, 16, 32, pooling="average", window=16, pool_shift=4),
    Stage(1, 1, 32, 10, relu=False),
)
"""The network: layers 1 and 2 are a residual block around the outputs of layer 0."""


@dataclass(frozen=True)
class Integers:
    """The numbers of a layer.

    Attributes:
        weights: (rows, columns) int8, -7 to 7.
        gains: (blocks, 2, columns) gains of the converters for positive and negative weights, with
            ``GAIN_BITS`` fraction bits.
        scales: (blocks, 2, columns) codes of ``scale.format``.
        offsets: (blocks, columns) codes of ``offset.format``; the bias is in the last block's.
        shifts: (blocks,) right shifts.
        residual: the residual is multiplied by two to this power; of no effect without one.
    """

    weights: Ints
    gains: Ints
    scales: Ints
    offsets: Ints
    shifts: Ints
    residual: Ints


@dataclass(frozen=True)
class Digits:
    """What is stored.

    Attributes:
        layers: the numbers of each of :data:`STAGES`.
        images: (599, 8, 8), pixels of 0 to 16; none of them was seen in training.
        labels: (599,), the digits.
        float_accuracy: the share of ``images`` that the network has right in floating point, before quantising.
    """

    layers: tuple[Integers, ...]
    images: Ints
    labels: Ints
    float_accuracy: float


@dataclass(frozen=True)
class Run:
    """A batch of images, layer after layer.

    Attributes:
        inputs: what each layer takes.
        results: what golden says that it gives.
    """

    inputs: tuple[LayerInputs, ...]
    results: tuple[LayerResult, ...]

    @property
    def outputs(self) -> tuple[Ints, ...]:
        """(images * pixels after pooling, columns) what each layer gives."""
        return tuple(result.y for result in self.results if result.y is not None)

    @property
    def classes(self) -> Ints:
        """(images,) the digit that has the largest output of the last layer; the least of several."""
        return self.outputs[-1].argmax(axis=1)


def load(file: Path = STORED) -> Digits:
    """What ``train_digits.py`` left."""
    with np.load(file) as stored:
        layers = tuple(
            Integers(*(stored[f"{name}_{k}"].astype(np.int64) for name in Integers.__dataclass_fields__))
            for k in range(len(STAGES))
        )
        return Digits(layers, stored["images"], stored["labels"], float(stored["float_accuracy"]))


def configuration() -> NmpuConfig:
    """The paper's formats around a crossbar of 32 columns, with what the network needs of the tile and no more."""
    return build(
        {
            "name": "digits",
            "array": {"columns": 32, "lanes": 8},
            "how": {"stages": 2},
            "tile": {
                "kind": "axi",
                "blocks": 4,
                "residual": True,
                "widths": [6, 4],
                "pool": 16,
                "sets": 8,
                "descriptors": 32,
            },
        }
    )


def program(config: NmpuConfig, layers: Sequence[Integers], images: int) -> dict[int, Layer]:
    """The chain of descriptors, from 0 on, that runs ``images`` images through the first ``len(layers)`` layers."""
    chain: dict[int, Layer] = {}
    base = 0
    for k, (stage, numbers) in enumerate(zip(STAGES, layers, strict=False)):
        settings = PassSettings.of(
            config,
            columns=stage.outputs,
            activation="relu" if stage.relu else "none",
            width=stage.width,
            residual=None if stage.skip is None else int(numbers.residual),
        )
        last = k == len(layers) - 1
        chain[k] = Layer(
            settings,
            tuple(int(s) for s in numbers.shifts),
            vectors=images * stage.pixels,
            base=base,
            pooling=stage.pooling,
            pool_window=stage.window,
            pool_shift=stage.pool_shift,
            next=None if last else k + 1,
            interrupt=last,
        )
        base += stage.blocks * chain[k].slots(config)
    return chain


def parameters(config: NmpuConfig, layers: Sequence[Integers]) -> list[int]:
    """A bank of the parameter memory, an integer a word, with the parameters of all layers."""
    image = [0] * param_words(config)
    for layer, numbers in zip(program(config, layers, 1).values(), layers, strict=True):
        params = [Params(s, o) for s, o in zip(numbers.scales, numbers.offsets, strict=True)]
        golden.place_params(config, image, layer.base, params, layer.settings.columns)
    return image


def run(config: NmpuConfig, layers: Sequence[Integers], images: Ints) -> Run:
    """Run images through the first ``len(layers)`` layers: crossbar in integers, the rest by golden.

    Args:
        config: :func:`configuration`.
        layers: numbers of the layers.
        images: (images, 8, 8), pixels of 0 to 16.
    """
    bank, chain = parameters(config, layers), program(config, layers, len(images))
    inputs: list[LayerInputs] = []
    results: list[LayerResult] = []
    outputs: list[Ints] = []
    x: Ints = images.astype(np.int64)
    for k, layer in chain.items():
        stage = STAGES[k]
        totals = sums(layers[k].weights, patches(stage, x))
        codes = convert(totals, layers[k].gains, config.codes.format.high)
        inputs.append(LayerInputs(codes, None if stage.skip is None else outputs[stage.skip]))
        params = [golden.block_params(config, bank, layer, block) for block in range(layer.blocks)]
        results.append(golden.run_layer(config, layer, params, codes, residual=inputs[-1].residual))
        y = results[-1].y
        assert y is not None
        outputs.append(y)
        x = y.astype(np.int64)
    return Run(tuple(inputs), tuple(results))
