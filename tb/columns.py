"""A program with its inputs as words on the pins, and the words that must come out, whole layers at a time.

For runs of a million columns and more: all is made before the first clock, and compared after the last.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from golden import LayerInputs, LayerResult, run_program
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.program import Layer

from .packing import words
from .replay import Replay

__all__ = ["Beat", "Beats", "chain", "compare", "prepare"]

Ints = NDArray[np.integer[Any]]

_ROWS = 1024
"""Beats packed at a time."""


class Beat(NamedTuple):
    """A result: the words of ``m_axis``; or a sum: those of ``m_axis_sum``, which has no ``keep``: -1."""

    data: int
    keep: int
    user: int
    last: int


@dataclass(frozen=True)
class Beats:
    """What goes in, and what must come out.

    Attributes:
        codes: words of ``s_axis``, with ``keep`` and ``last`` of each.
        residuals: words of ``s_axis_res``.
        results, sums: beats of ``m_axis`` and of ``m_axis_sum``.
        layers: of each layer in the order in which they run: descriptor, what golden gives, and where its beats begin
            among the results, or the sums if it hands them on.
    """

    codes: list[int]
    keep: list[int]
    last: list[int]
    residuals: list[int]
    results: list[Beat]
    sums: list[Beat]
    layers: list[tuple[Layer, LayerResult, int]]

    @property
    def columns(self) -> int:
        """Results that are compared, before pooling: those of every vector and column."""
        return sum(layer.vectors * layer.settings.columns for layer, _, _ in self.layers)


def chain(plan: Replay) -> list[int]:
    """The descriptors in the order in which they run."""
    order = [plan.first]
    while (following := plan.descriptors[order[-1]].next) is not None:
        order.append(following)
    return order


def prepare(config: NmpuConfig, plan: Replay) -> Beats:
    """Everything for a run of ``plan``; lanes that are not active carry anything.

    Raises:
        ValueError: a configuration with a front end, streams that are not built in, or what golden refuses.
    """
    tile = config.tile
    if config.codes.source != "counts" or (tile.input, tile.output) != ("stream", "stream"):
        raise ValueError(
            f"codes.source = {config.codes.source}, tile.input = {tile.input}, tile.output = {tile.output}: "
            "counts, and streams on both sides, would do"
        )
    done = run_program(config, plan.descriptors, plan.first, plan.image, plan.inputs, plan.tables)
    found, rng = Beats([], [], [], [], [], [], []), np.random.default_rng(0)
    for place, given, result in zip(done.order, plan.inputs, done.layers, strict=True):
        layer = plan.descriptors[place]
        out = found.sums if layer.sum_out else found.results
        found.layers.append((layer, result, len(out)))
        _codes(config, layer, given, found, rng)
        if given.residual is not None:
            width = config.output.format.width
            residual = given.residual[:, : layer.settings.columns]
            found.residuals.extend(_words(_lanes(config, residual, rng, width), width))
        out.extend(_sums(config, layer, result) if layer.sum_out else _results(config, layer, result))
    return found


def compare(config: NmpuConfig, beats: Beats, results: Sequence[Beat], sums: Sequence[Beat]) -> dict[str, Ints]:
    """What came, (outputs, columns): ``y_<k>`` of layer ``k``, or ``a_<k>``, its sums, where it hands them on.

    Raises:
        AssertionError: the first that differs: layer, vector, slot, and what it should be.
    """
    for handed, got, wanted in ((False, results, beats.results), (True, sums, beats.sums)):
        for k, (one, other) in enumerate(zip(got, wanted, strict=False)):
            if one != other:
                raise AssertionError(f"{_place(config, beats, handed, k)} gave {one}, golden says {other}")
        what = "sums" if handed else "results"
        assert len(got) == len(wanted), f"{len(got)} {what} came, not {len(wanted)}"
    return {
        f"{'a' if layer.sum_out else 'y'}_{k}": _unpacked(config, layer, (sums if layer.sum_out else results)[start:])
        for k, (layer, _, start) in enumerate(beats.layers)
    }


def _place(config: NmpuConfig, beats: Beats, handed: bool, beat: int) -> str:
    """Where a beat is of."""
    starts = [(start, k) for k, (layer, _, start) in enumerate(beats.layers) if layer.sum_out == handed]
    start, number = max(one for one in starts if one[0] <= beat)
    vector, slot = divmod(beat - start, beats.layers[number][0].slots(config))
    return f"layer {number}, vector {vector}, slot {slot}"


def _unpacked(config: NmpuConfig, layer: Layer, got: Sequence[Beat]) -> Ints:
    """Of the beats from a layer's first on."""
    number = config.derived.total if layer.sum_out else config.output.format
    width, lanes = number.width if layer.sum_out else layer.settings.width, config.array.lanes
    values = np.array([_apart(one.data, lanes, width) for one in got[: layer.outputs * layer.slots(config)]], np.int64)
    if number.signed:
        values -= (values >> width - 1) << width
    return values.reshape(layer.outputs, -1)[:, : layer.settings.columns]


def _apart(word: int, lanes: int, width: int) -> list[int]:
    return [word >> lane * width & (1 << width) - 1 for lane in range(lanes)]


def _codes(config: NmpuConfig, layer: Layer, given: LayerInputs, found: Beats, rng: np.random.Generator) -> None:
    columns, lanes, slots = layer.settings.columns, config.array.lanes, layer.slots(config)
    width, counts = config.codes.format.width, config.codes.counts
    passes = given.codes[..., :columns].reshape(-1, counts, columns)
    spread = _lanes(config, passes, rng, width).reshape(len(passes), counts, slots, lanes)
    found.codes.extend(_words(spread.transpose(0, 2, 3, 1).reshape(len(passes) * slots, -1), width))
    size = -(-lanes * counts * width // 8)
    used = -(-(columns - (slots - 1) * lanes) * counts * width // 8)
    found.keep.extend(([(1 << size) - 1] * (slots - 1) + [(1 << used) - 1]) * len(passes))
    found.last.extend(([0] * (slots - 1) + [1]) * len(passes))


def _results(config: NmpuConfig, layer: Layer, result: LayerResult) -> Iterator[Beat]:
    assert result.y is not None, "sums are handed on"
    assert result.low is not None
    assert result.high is not None
    width, lanes, slots = layer.settings.width, config.array.lanes, layer.slots(config)
    data = _words(_lanes(config, result.y), width)
    marks = np.stack([_lanes(config, part.astype(np.int64)) for part in (result.low, result.high)], axis=1)
    user = _words(marks.reshape(len(marks), -1), 1)
    for k, (word, flags) in enumerate(zip(data, user, strict=True)):
        last = k % slots == slots - 1
        active = layer.settings.columns - (slots - 1) * lanes if last else lanes
        yield Beat(word, (1 << -(-active * width // 8)) - 1, flags, int(last))


def _sums(config: NmpuConfig, layer: Layer, result: LayerResult) -> Iterator[Beat]:
    slots = layer.slots(config)
    for k, word in enumerate(_words(_lanes(config, result.totals), config.derived.total.width)):
        yield Beat(word, -1, 0, int(k % slots == slots - 1))


def _lanes(config: NmpuConfig, values: Ints, rng: np.random.Generator | None = None, width: int = 0) -> Ints:
    """(..., columns) to (beats, lanes); lanes that are not active get 0, or any bits where there is an ``rng``."""
    lanes, columns = config.array.lanes, values.shape[-1]
    filling = (*values.shape[:-1], -columns % lanes)
    more = np.zeros(filling, np.int64) if rng is None else rng.integers(0, 1 << width, filling)
    whole = np.concatenate([values.astype(np.int64), more], axis=-1)
    return whole.reshape(-1, lanes)


def _words(values: Ints, width: int) -> list[int]:
    return [word for k in range(0, len(values), _ROWS) for word in words(values[k : k + _ROWS], width)]
