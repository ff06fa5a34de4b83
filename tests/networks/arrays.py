"""The families of ``families.py``: what stands in front of the unit, and the unit that goes with it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import golden
from golden import Analog, BitArray, Crossbar, Junctions, LayerInputs, Line, Planes, Streams, Wanted
from golden.slicing import parts
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.front_settings import FrontSettings
from nmpu_hdl.presets import build

from .crossbar import ROWS
from .digits import STAGES
from .families import Family, Numbers
from .sampling import COUNT, DIGIT, TOP, A

__all__ = [
    "SAMPLED",
    "STAGES_OF_SAMPLES",
    "BitPlanes",
    "Counts",
    "Samples",
    "bit_planes",
    "converters",
    "load_samples",
    "sampled",
]

Ints = NDArray[np.integer]
Floats = NDArray[np.float64]

SAMPLED = Path(__file__).parent.parent / "data" / "digits_samples.npz"

LARGEST = 7
"""Weights of counts and planes are -7 to 7."""

STAGES_OF_SAMPLES = (*STAGES[:3], replace(STAGES[3], pooling="max", pool_shift=0), STAGES[4])
"""The mean of 16 results of 4 bits would leave little of them: the largest it is."""


def _tile(name: str, **fields: Any) -> NmpuConfig:
    """A tile of 32 columns, and 16 lanes unless told, with what the network needs."""
    tile = {"kind": "axi", "blocks": 4, "residual": True, "widths": [6], "pool": 16, "sets": 8, "descriptors": 8}
    usual = {"name": name, "array": {"columns": 32, "lanes": 16}, "how": {"stages": 2}, "tile": tile}
    return build(usual | fields)


# -- counts --


@dataclass(frozen=True)
class Counts(Family):
    """Arrays of phase-change devices, calibrated by measured lines.

    Args:
        arrays: of each layer, its row blocks.
        conductance: likewise, when they are used.
        measured: likewise, their lines.
    """

    arrays: tuple[tuple[Crossbar, ...], ...]
    conductance: tuple[tuple[Floats, ...], ...]
    measured: tuple[list[Line], ...]

    def lines(self, k: int) -> list[Line]:
        return self.measured[k]

    def inputs(self, k: int, rows: Ints, rng: np.random.Generator, residual: Ints | None) -> LayerInputs:
        return LayerInputs(golden.block_counts(rows, self.arrays[k], self.conductance[k]), residual)


def converters(
    numbers: tuple[Numbers, ...], rng: np.random.Generator, model: Analog, used: float = 0.0, measured: float = 0.0
) -> Counts:
    """Program arrays, calibrate them, and use them.

    Args:
        numbers: of the network.
        rng: of devices, converters and calibration vectors.
        model: of the arrays.
        used: seconds since the first read.
        measured: when the lines were measured, likewise.
    """
    config = _tile("digits-counts", codes={"format": f"UQ{model.bits}.0"})
    arrays, later, lines = [], [], []
    for one in numbers:
        x, ideal = _patterns(rng, one)
        blocks = [
            golden.program_array(rng, model, one.weights[p], LARGEST, one.reach) for p in parts(len(one.weights), ROWS)
        ]
        counts = golden.block_counts(x, blocks, [golden.read_array(rng, block, measured) for block in blocks])
        arrays.append(tuple(blocks))
        lines.append([golden.fit(ideal[:, b], counts[:, b]).line for b in range(len(blocks))])
        later.append(tuple(golden.read_array(rng, block, used) for block in blocks))
    return Counts(config, numbers, tuple(arrays), tuple(later), tuple(lines))


def _patterns(rng: np.random.Generator, numbers: Numbers) -> tuple[Ints, Ints]:
    """Inputs at chance for the calibration, and their sums of each row block, which reach nine tenths of the range."""
    shape = 400, len(numbers.weights)
    patterns = rng.random(shape) * (rng.random(shape) < 0.4)  # most activations are 0 after a ReLU
    largest = golden.block_sums(np.rint(1000 * patterns).astype(np.int64), numbers.weights, ROWS).max() / 1000
    x = np.rint(patterns * (0.9 * numbers.reach / largest)).astype(np.int64)
    return x, golden.block_sums(x, numbers.weights, ROWS)


# -- bit planes --


@dataclass(frozen=True)
class BitPlanes(Family):
    """Arrays that count AND of bit planes: up to 7 of activations, 4 of weights in two's complement."""

    array: BitArray

    def _planes(self, k: int) -> Planes:
        few = k in (0, 2)  # pixels up to 16, and results of 6 bits, are 5 planes; other results are 7
        return Planes(5 if few else 7, 4, array=self.array)

    def front(self, k: int) -> FrontSettings:
        return self._planes(k).front(self.config, len(self.numbers[k].weights))

    def lines(self, k: int) -> list[Line]:
        return [self._planes(k).line(*self.numbers[k].weights.shape)]

    def inputs(self, k: int, rows: Ints, rng: np.random.Generator, residual: Ints | None) -> LayerInputs:
        raw = self._planes(k).raw(self.config, rows, self.numbers[k].weights, rng).raw
        return LayerInputs.of_raw(self.config, self.front(k), raw, residual=residual)


def bit_planes(numbers: tuple[Numbers, ...], errors: float = 0.0) -> BitPlanes:
    """With arrays of 144 rows, all of a 3 x 3 convolution of 16 channels, whose sense amplifiers err at a rate."""
    config = _tile(
        "digits-planes",
        codes={"source": "planes", "counts": 1, "format": "UQ8.0"},
        array={"columns": 32, "lanes": 32},
        front={"x_planes": 7, "w_planes": 4},
        shift={"min": 0, "max": 15},
    )
    return BitPlanes(config, numbers, BitArray(144, errors=errors))


# -- samples --


@dataclass(frozen=True)
class Samples(Family):
    """Columns that end in magnetic tunnel junctions: two streams, two slices, sub-arrays, T by layer.

    Args:
        gains: of each layer, from partial sums to what the junctions see.
        times: T of each layer.
    """

    gains: tuple[float, ...]
    times: tuple[int, ...]

    def streams(self, k: int) -> Streams:
        """What stands in front of layer ``k``."""
        return Streams(COUNT, COUNT, DIGIT, DIGIT, ROWS, Junctions(self.times[k], A))

    def front(self, k: int) -> FrontSettings:
        return self.streams(k).front(self.config, len(self.numbers[k].weights))

    def lines(self, k: int) -> list[Line]:
        return [self.streams(k).line(*self.numbers[k].weights.shape)]

    def values(self, k: int, rows: Ints) -> Floats:
        return self.streams(k).expected(self.streams(k).sums(rows, self.numbers[k].weights), self.gains[k])

    def pixels(self, images: Ints) -> Ints:
        return np.minimum(images, TOP).astype(np.int64)

    def inputs(self, k: int, rows: Ints, rng: np.random.Generator, residual: Ints | None) -> LayerInputs:
        streams = self.streams(k)
        raw = streams.raw(rng, streams.sums(rows, self.numbers[k].weights), self.gains[k]).raw
        return LayerInputs.of_raw(self.config, self.front(k), raw, residual=residual)


def sampled(numbers: tuple[Numbers, ...], gains: tuple[float, ...], times: tuple[int, ...]) -> Samples:
    """With sub-arrays of 64 rows, and a unit for up to 64 samples."""
    config = _tile(
        "digits-samples",
        codes={"source": "samples", "counts": 1},
        front={
            "bits": 16,
            "samples": 64,
            "x_planes": COUNT,
            "w_planes": COUNT,
            "x_bits": DIGIT,
            "w_bits": DIGIT,
            "subarrays": 3,
            "values": "bipolar",
            "signed": False,
        },
        shift={"min": -2, "max": 12},
        activation={"modes": ["none", "clip"]},
    )
    return Samples(config, numbers, gains, times)


def load_samples(file: Path = SAMPLED) -> Samples:
    """What ``train_samples.py`` left."""
    with np.load(file) as stored:
        numbers = tuple(
            Numbers(
                stage,
                stored[f"weights_{k}"].astype(np.int64),
                Wanted(stored[f"gain_{k}"].astype(np.float64), stored[f"offset_{k}"].astype(np.float64)),
                top=TOP if stage.relu else None,
            )
            for k, stage in enumerate(STAGES_OF_SAMPLES)
        )
        return sampled(numbers, tuple(map(float, stored["gains"])), tuple(map(int, stored["times"])))
