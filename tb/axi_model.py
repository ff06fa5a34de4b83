"""What ``nmpu_axi`` has to give for a chain of layers, beat by beat, by the golden model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from golden import LayerInputs, Params, accumulate, block_params, finish, pool
from golden.layer import Counters
from golden.model import Activations
from golden.protect import coded_width, decode, encode
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.program import Layer, param_words

from .raw import Raw, raw_words
from .watch import AxisBeat, Write

__all__ = ["Bank", "Expected", "Step", "code_beats", "expect", "lanes_word", "pass_beats", "slots_of"]

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


def lanes_word(values: Sequence[int] | NDArray[Any], width: int) -> int:
    """Integers side by side, the first lowest, ``width`` bits of each."""
    mask = (1 << width) - 1
    return sum((int(v) & mask) << (k * width) for k, v in enumerate(values))


def slots_of(config: NmpuConfig, columns: int) -> list[slice]:
    """The columns of each slot."""
    lanes = config.array.lanes
    return [slice(start, min(start + lanes, columns)) for start in range(0, columns, lanes)]


class Bank:
    """One bank of the parameter memory as it is stored: check bits, and errors put into it.

    Args:
        config: the configuration.
    """

    def __init__(self, config: NmpuConfig) -> None:
        self._config = config
        self._kind, self._width = config.tile.protect, config.derived.param_width
        self.stored: list[list[int]] = [[0] * config.array.lanes for _ in range(param_words(config))]

    def write(self, word: int, lane: int, bits: int, flipped: int = 0) -> None:
        """Store a lane's parameter word, some of its stored bits inverted."""
        self.stored[word][lane] = encode(self._kind, self._width, bits) ^ flipped

    def load(self, image: Sequence[int]) -> None:
        """Store all of it."""
        mask = (1 << self._width) - 1
        for word, bits in enumerate(image):
            for lane in range(self._config.array.lanes):
                self.write(word, lane, bits >> (lane * self._width) & mask)

    def read(self) -> tuple[list[int], Bools, Bools]:
        """The image as it is used, and the lanes whose error was corrected, and not: (words, lanes)."""
        decoded = [[decode(self._kind, self._width, one) for one in lanes] for lanes in self.stored]
        image = [lanes_word([one[0] for one in lanes], self._width) for lanes in decoded]
        flags = [np.array([[one[k] for one in lanes] for lanes in decoded], np.bool_) for k in (1, 2)]
        return image, flags[0], flags[1]


@dataclass(frozen=True)
class Step:
    """A layer that ran.

    Args:
        layer: its descriptor.
        inputs: what it was given.
        banks: the bank that each vector used, 0 or 1.
        sum_marks: (vectors, slots) marks that came with a neighbour's sums.
        sum_flip: bits inverted in the first sum that this layer writes to the memory, as (lane, mask); None: none.
    """

    layer: Layer
    inputs: LayerInputs
    banks: NDArray[np.int64]
    sum_marks: Bools | None = None
    sum_flip: tuple[int, int] | None = None


@dataclass
class Expected:
    """Beats in order, what the counters must add up to, and the sums of the last layer."""

    results: list[AxisBeat | Write] = field(default_factory=list)
    sums: list[AxisBeat] = field(default_factory=list)
    counters: Counters = field(default_factory=Counters)
    corrected: int = 0
    uncorrected: int = 0
    ends: int = 0
    sums_taken: bool = False
    totals: Ints | None = None


def expect(config: NmpuConfig, steps: Sequence[Step], banks: Sequence[Bank], tables: Ints | None) -> Expected:
    """All that the unit shows for layers that ran one after another."""
    read = [bank.read() for bank in banks]
    expected = Expected()
    for step in steps:
        _expect_layer(config, step, read, tables, expected)
    return expected


def _expect_layer(
    config: NmpuConfig,
    step: Step,
    banks: Sequence[tuple[list[int], Bools, Bools]],
    tables: Ints | None,
    expected: Expected,
) -> None:
    layer, inputs = step.layer, step.inputs
    columns, vectors = layer.settings.columns, layer.vectors
    totals = np.zeros((vectors, columns), np.int64)
    y = np.zeros((vectors, columns), np.int64)
    low, high = np.zeros((2, vectors, columns), np.bool_)
    marks = _marks(config, step, banks, expected)
    for bank in (0, 1):
        chosen = np.flatnonzero(step.banks == bank)
        if not chosen.size:
            continue
        some = replace(layer, vectors=len(chosen), pooling="none")
        image = banks[bank][0]
        params = [block_params(config, image, layer, block) for block in range(layer.blocks)]
        sums = None if inputs.sums is None else inputs.sums[chosen]
        part = accumulate(config, some, params, inputs.codes[chosen], sums)
        if step.sum_flip and 0 in chosen:
            part[0, : config.array.lanes] += _slip(config, step, params[0], expected)
        totals[chosen] = part
        if not layer.sum_out:
            residual = None if inputs.residual is None else inputs.residual[chosen]
            table = tables[layer.table_bank] if layer.table and tables is not None else None
            done = finish(config, some, params[-1], part, residual, table)
            y[chosen], low[chosen], high[chosen] = done
    expected.ends += int(layer.interrupt)
    expected.sums_taken |= layer.sum_in
    expected.totals = totals
    beats = vectors * layer.blocks
    expected.counters += Counters(
        passes=beats,
        columns=beats * columns,
        sat_low=int(low.sum()),
        sat_high=int(high.sum()),
        a_min=int(totals.min()),
        a_max=int(totals.max()),
    )
    if layer.sum_out:
        width = config.derived.total.width
        for v in range(vectors):
            slots = slots_of(config, columns)
            for k, part_of in enumerate(slots):
                data = lanes_word(totals[v, part_of], width)
                expected.sums.append(AxisBeat(data, -1, int(marks[v, k]), int(k == len(slots) - 1)))
        return
    pooled = pool(config, layer, Activations(y, low, high))
    if layer.pooling != "none":
        shape = layer.outputs, layer.pool_window, marks.shape[1]
        marks = np.any(marks[: layer.outputs * layer.pool_window].reshape(shape), axis=1)
    _result_beats(config, layer, pooled, marks, expected)


def _result_beats(config: NmpuConfig, layer: Layer, results: Activations, marks: Bools, expected: Expected) -> None:
    width, lanes = layer.settings.width, config.array.lanes
    slots = slots_of(config, layer.settings.columns)
    for v in range(layer.outputs):
        for k, part in enumerate(slots):
            data = lanes_word(results.y[v, part], width)
            keep = (1 << -(-(part.stop - part.start) * width // 8)) - 1
            if config.tile.output == "sram":
                address = (layer.out_base + v * layer.out_stride + k) % (1 << config.tile.address)
                expected.results.append(Write(address, keep, data))
                continue
            user = lanes_word(results.low[v, part], 1) | lanes_word(results.high[v, part], 1) << lanes
            user |= int(marks[v, k]) << (2 * lanes)
            expected.results.append(AxisBeat(data, keep, user, int(k == len(slots) - 1)))


def _marks(
    config: NmpuConfig, step: Step, banks: Sequence[tuple[list[int], Bools, Bools]], expected: Expected
) -> Bools:
    """(vectors, slots) whether a beat of the last block is marked; counts the errors on the way."""
    layer = step.layer
    parts = slots_of(config, layer.settings.columns)
    found = np.zeros((layer.vectors, layer.blocks, len(parts)), np.bool_)
    for block in range(layer.blocks):
        for k, part in enumerate(parts):
            word, active = layer.base + block * len(parts) + k, part.stop - part.start
            right = np.array([int(bank[1][word, :active].sum()) for bank in banks])
            wrong = np.array([int(bank[2][word, :active].sum()) for bank in banks])
            expected.corrected += int(right[step.banks].sum())
            expected.uncorrected += int(wrong[step.banks].sum())
            found[:, block, k] = wrong[step.banks] > 0
    if step.sum_marks is not None:
        found[:, 0] |= step.sum_marks
    if step.sum_flip and _flipped(config, step.sum_flip[1])[2]:
        found[0, 1, 0] = True
    order = np.logical_or.accumulate(found.reshape(layer.vectors, -1), axis=1)
    return order[:, -len(parts) :]


def _flipped(config: NmpuConfig, mask: int, word: int = 0) -> tuple[int, bool, bool]:
    kind, width = config.tile.protect, config.derived.total.width
    assert mask < 1 << coded_width(kind, width)
    return decode(kind, width, encode(kind, width, word) ^ mask)


def _slip(config: NmpuConfig, step: Step, params: Params, expected: Expected) -> Ints:
    """What the error in the first stored sum adds to it, (lanes of slot 0)."""
    assert step.sum_flip is not None
    layer, inputs = step.layer, step.inputs
    lane, mask = step.sum_flip
    one = replace(layer, vectors=1, shifts=layer.shifts[:1], sum_out=False, pooling="none")
    sums = None if inputs.sums is None else inputs.sums[:1]
    first = int(accumulate(config, one, [params], inputs.codes[:1, :1], sums)[0, lane])
    number = config.derived.total
    used, corrected, wrong = _flipped(config, mask, first & ((1 << number.width) - 1))
    expected.corrected += corrected
    expected.uncorrected += wrong
    if number.signed and used >> (number.width - 1):
        used -= 1 << number.width
    slip = np.zeros(min(config.array.lanes, layer.settings.columns), np.int64)
    slip[lane] = used - first
    return slip


def code_beats(config: NmpuConfig, codes: Ints) -> list[int]:
    """The words of a pass: (counts, columns) to one integer a slot."""
    width = config.codes.format.width
    return [lanes_word(codes[:, part].T.reshape(-1), width) for part in slots_of(config, codes.shape[-1])]


def pass_beats(config: NmpuConfig, layer: Layer, inputs: LayerInputs, vector: int, block: int) -> list[int]:
    """The words of the beats of one pass, in the order in which they are sent.

    What does not count among what a front end takes is drawn, but always the same.
    """
    if layer.settings.front is None or inputs.raw is None:
        return code_beats(config, inputs.codes[vector, block])
    reference = None if inputs.reference is None else inputs.reference[vector, block][None]
    raw = Raw(inputs.raw[vector, block][None], reference)
    return raw_words(np.random.default_rng([vector, block]), config, raw, layer.settings.front)
