"""The network on digits through arrays of three kinds: converters' counts, bit planes, stochastic samples.

Counts and planes have the integers that ``digits.py`` stores; samples have weights and activations of their own, made
by ``train_samples.py``, as what tanh and chance do to a sum has to be trained for.  The arrays are in ``arrays.py``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import golden
from golden import Activations, LayerInputs, Line, Mapped, Wanted
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.front_settings import FrontSettings
from nmpu_hdl.program import Layer, param_words
from nmpu_hdl.settings import PassSettings

from .crossbar import GAIN_BITS, Stage, patches
from .digits import STAGES, Digits, Run, configuration

__all__ = ["Family", "Numbers", "Program", "numbers_of"]

Ints = NDArray[np.integer]
Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Numbers:
    """A layer in integers, whatever the array.

    Attributes:
        stage: what it is, apart from its numbers.
        weights: (rows, columns).
        wanted: gain of ``v`` and offset, output LSB.
        residual: it is multiplied by two to this power; of no effect without one.
        top: results are cut to 0..top; None: ReLU, where the stage has it, and the stage's width.
        reach: the largest sum of positive, or of negative, products over 64 rows; of counts only.
    """

    stage: Stage
    weights: Ints
    wanted: Wanted
    residual: int = 0
    top: int | None = None
    reach: float = 0.0


def numbers_of(digits: Digits) -> tuple[Numbers, ...]:
    """The stored network without its crossbar: the mean of what its scales times converters' gains mean; the reach is
    where the converters of the lowest gain saturate."""
    config, found = configuration(), []
    for stage, one in zip(STAGES, digits.layers, strict=True):
        meant = [
            golden.dequantize(config, golden.Params(scales, offset), int(shift))
            for scales, offset, shift in zip(one.scales, one.offsets, one.shifts, strict=True)
        ]
        gain = (np.stack([gain for gain, _ in meant]) * one.gains / (1 << GAIN_BITS)).mean(axis=(0, 1))
        put_back = len(meant) * 2.0 ** -(config.guard + 1)  # see train_digits
        wanted = Wanted(gain, np.sum([offset for _, offset in meant], axis=0) - put_back)
        reach = float((config.codes.format.high * (1 << GAIN_BITS) / one.gains).max())
        found.append(Numbers(stage, one.weights, wanted, int(one.residual), reach=reach))
    return tuple(found)


class Program(NamedTuple):
    """What golden.run_program, and a replay on Verilog, take."""

    config: NmpuConfig
    descriptors: dict[int, Layer]
    first: int
    image: list[int]
    inputs: Sequence[LayerInputs]


@dataclass(frozen=True)
class Family(ABC):
    """A network on arrays of one kind, and the unit behind them.

    Args:
        config: of the unit, a tile.
        numbers: of each layer.
    """

    config: NmpuConfig
    numbers: tuple[Numbers, ...]

    @abstractmethod
    def lines(self, k: int) -> list[Line]:
        """What the operands of each row block of layer ``k`` are."""

    @abstractmethod
    def inputs(self, k: int, rows: Ints, rng: np.random.Generator, residual: Ints | None) -> LayerInputs:
        """What the arrays of layer ``k`` give for the inputs of their rows, (vectors, rows)."""

    def front(self, k: int) -> FrontSettings | None:
        """Of layer ``k``."""
        return None

    def values(self, k: int, rows: Ints) -> Floats:
        """``v`` of layer ``k``, without chance and quantising."""
        exact: Floats = rows.astype(np.float64) @ self.numbers[k].weights
        return exact

    def pixels(self, images: Ints) -> Ints:
        """What the first layer gets of images of 0 to 16."""
        return images.astype(np.int64)

    @cached_property
    def mapped(self) -> tuple[Mapped, ...]:
        """Descriptors for one image, and parameters."""
        found: list[Mapped] = []
        base = 0
        for k, numbers in enumerate(self.numbers):
            template = self._template(k, base)
            (one,) = golden.map_layer(self.config, template, numbers.wanted, self.lines(k), place=k)
            base += one.layer.blocks * one.layer.slots(self.config)
            found.append(one)
        return tuple(found)

    def _template(self, k: int, base: int) -> Layer:
        stage, numbers = self.numbers[k].stage, self.numbers[k]
        settings = PassSettings.of(
            self.config,
            columns=stage.outputs,
            activation="clip" if numbers.top is not None else "relu" if stage.relu else "none",
            clip_low=None if numbers.top is None else 0,
            clip_high=numbers.top,
            width=stage.width if numbers.top is None else None,
            residual=None if stage.skip is None else numbers.residual,
            front=self.front(k),
        )
        last = k == len(self.numbers) - 1
        return Layer(
            settings,
            vectors=stage.pixels,
            base=base,
            pooling=stage.pooling,
            pool_window=stage.window,
            pool_shift=stage.pool_shift,
            next=None if last else k + 1,
            interrupt=last,
        )

    def chain(self, images: int) -> dict[int, Layer]:
        """The descriptors that run so many images."""
        return {
            k: replace(one.layer, vectors=images * numbers.stage.pixels)
            for k, (one, numbers) in enumerate(zip(self.mapped, self.numbers, strict=True))
        }

    def bank(self) -> list[int]:
        """A bank of the parameter memory."""
        image = [0] * param_words(self.config)
        golden.write_params(self.config, image, self.mapped)
        return image

    def run(self, images: Ints, rng: np.random.Generator) -> Run:
        """Images (images, 8, 8) through arrays and unit, layer after layer."""
        inputs, results, outputs = [], [], list[Ints]()
        x = self.pixels(images)
        for k, layer in self.chain(len(images)).items():
            stage, params = self.numbers[k].stage, self.mapped[k].params
            given = self.inputs(k, patches(stage, x), rng, _skipped(stage, outputs))
            result = golden.run_layer(self.config, layer, params, given.codes, residual=given.residual)
            assert result.y is not None
            inputs.append(given)
            results.append(result)
            outputs.append(result.y)
            x = result.y.astype(np.int64)
        return Run(tuple(inputs), tuple(results))

    def classes(self, images: Ints, rng: np.random.Generator, at_once: int = 100) -> Ints:
        """(images,) the digits; some images at a time, which bounds the memory."""
        starts = range(0, len(images), at_once)
        return np.concatenate([self.run(images[k : k + at_once], rng).classes for k in starts])

    def plain_classes(self, images: Ints) -> Ints:
        """(images,) the digits by :func:`golden.plain_layer`: the network in integers, without array and parameters."""
        outputs: list[Ints] = []
        x = self.pixels(images)
        for k, layer in self.chain(len(images)).items():
            stage = self.numbers[k].stage
            values = self.values(k, patches(stage, x))
            skipped = _skipped(stage, outputs)
            y, _ = golden.plain_layer(self.config, layer.settings, self.numbers[k].wanted, values, skipped)
            none = np.zeros(y.shape, np.bool_)
            x = golden.pool(self.config, layer, Activations(y, none, none)).y
            outputs.append(x)
        return outputs[-1].argmax(axis=1)

    def program(self, images: Ints, rng: np.random.Generator) -> Program:
        """All layers for some images, ready for a replay."""
        return Program(self.config, self.chain(len(images)), 0, self.bank(), self.run(images, rng).inputs)


def _skipped(stage: Stage, outputs: Sequence[Ints]) -> Ints | None:
    return None if stage.skip is None else outputs[stage.skip]
