"""What an array gives to a front end: drawn at chance, and beat by beat as the pins carry it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from golden.front_end import front_end, raw_shape
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.front_settings import FrontChoice, FrontSettings, front_choices

from .packing import words

__all__ = [
    "COUNTED",
    "Raw",
    "draw_front_settings",
    "draw_raw",
    "few",
    "join_raw",
    "raw_beats",
    "raw_fields",
    "raw_of_beats",
    "raw_range",
    "raw_words",
    "rounds",
    "words_of",
]

Ints = NDArray[np.int64]

COUNTED = ("x_planes", "w_planes", "subarrays", "samples")
"""Settings that tell how many beats a slot takes."""

_ORDERS = 256
"""In how many orders the bits of a plane stand."""


class Raw(NamedTuple):
    """What an array gives for some passes.

    Attributes:
        numbers: (passes, *:func:`golden.front_end.raw_shape`); of planes whose bits the unit counts: their counts.
        reference: (passes, S, M) sums of activations, or None where there is no zero point.
    """

    numbers: Ints
    reference: Ints | None

    def operands(self, config: NmpuConfig, settings: FrontSettings) -> Ints:
        """(passes, counts, columns), by the golden model."""
        return front_end(config, self.numbers, settings, self.reference)

    def passes(self, start: int, end: int) -> Raw:
        """Some of the passes."""
        return Raw(self.numbers[start:end], None if self.reference is None else self.reference[start:end])


def join_raw(parts: Sequence[Raw]) -> Raw:
    """Passes of the same settings and as many columns, one after another."""
    references = [part.reference for part in parts if part.reference is not None]
    return Raw(np.concatenate([part.numbers for part in parts]), np.concatenate(references) if references else None)


def rounds(config: NmpuConfig, name: str, value: int) -> int:
    """Rounds of the loop of one of :data:`COUNTED`."""
    return config.derived.front_end.groups(value) if name == "samples" else value


def few(rng: np.random.Generator, config: NmpuConfig, choice: FrontChoice, most: int) -> int:
    """A value of a counted loop of at most so many rounds."""
    each = config.front.bits if choice.name == "samples" else 1
    return int(rng.integers(1, min(choice.most, max(most, 1) * each) + 1))


def draw_front_settings(
    rng: np.random.Generator, config: NmpuConfig, *, limit: int | None = None, ends: bool = False
) -> FrontSettings:
    """Legal settings at chance: the ends of each range often, small ones more often than large ones.

    Args:
        rng: source of chance.
        config: the configuration.
        limit: most beats that a slot may take; None: any.
        ends: nothing but the ends of the ranges (as far as ``limit`` goes).
    """
    chosen: dict[str, int] = {}
    choices, left = front_choices(config), limit
    for choice in choices if limit is None else [choices[k] for k in rng.permutation(len(choices))]:
        top = choice.most
        if left is not None and choice.name in COUNTED:
            top = min(top, left * (config.derived.front_end.bits if choice.name == "samples" else 1))
        most = int(rng.integers(choice.least, top + 1))
        drawn = int(rng.integers(choice.least, most + 1))
        values = [choice.least, top] if ends else [choice.least, top, drawn, drawn, drawn]
        chosen[choice.name] = value = values[int(rng.integers(len(values)))]
        if left is not None and choice.name in COUNTED:
            left //= rounds(config, choice.name, value)
    return FrontSettings.of(config, **chosen)


def draw_raw(
    rng: np.random.Generator, config: NmpuConfig, settings: FrontSettings, columns: int, passes: int = 1
) -> Raw:
    """Numbers at chance: a third of the columns at the ends of the range only, a sixth with one step alone."""
    facts, shape = config.derived.front_end, (passes, *raw_shape(config, settings, columns))
    low, high = raw_range(config)
    numbers = rng.integers(low, high + 1, shape)
    each = passes, *[1] * (len(shape) - 2), columns
    kind = rng.random(each)
    numbers = np.where(kind < 1 / 3, rng.choice([low, high], each), numbers)
    steps = int(np.prod(shape[1:4]))
    alone = rng.integers(0, steps, each) == np.arange(steps).reshape(*shape[1:4], *[1] * (len(shape) - 4))
    numbers = np.where((kind > 5 / 6) & ~alone, _neutral(config, settings), numbers)
    most = (1 << facts.reference_bits) - 1
    planes = passes, settings.subarrays, settings.x_planes
    reference = np.where(rng.random(planes) < 0.3, most, rng.integers(0, most + 1, planes)) if facts.zero else None
    return Raw(numbers, reference)


def raw_range(config: NmpuConfig) -> tuple[int, int]:
    """Of the numbers: samples, counts or codes."""
    facts = config.derived.front_end
    if config.codes.source == "samples":
        return 0, 1
    return (0, facts.most) if facts.counted else (config.codes.format.low, config.codes.format.high)


def _neutral(config: NmpuConfig, settings: FrontSettings) -> Ints | int:
    """Numbers that add nothing, or next to nothing: of samples as many of 0 as of 1."""
    if config.codes.source == "samples":
        return np.arange(settings.samples)[:, None] & 1 if settings.bipolar else 0
    return min(settings.rows // 2, raw_range(config)[1]) if settings.bipolar else 0


def raw_beats(rng: np.random.Generator, config: NmpuConfig, raw: Raw, settings: FrontSettings) -> NDArray[np.integer]:
    """(passes, steps, columns, fields of :func:`raw_words`): what a beat carries for each column, step after step.

    Bits of a plane stand where they like; bits of samples that do not count are anything.  Bits are of uint8.
    """
    numbers, facts = raw.numbers, config.derived.front_end
    passes, columns = numbers.shape[0], numbers.shape[-1]
    if config.codes.source == "slices":  # (passes, S, M, K, beside, counts, columns)
        beside, counts = facts.beside, config.codes.counts
        apart = numbers.reshape(passes, -1, beside, counts, columns)
        return apart.transpose(0, 1, 4, 3, 2).reshape(passes, -1, columns, counts * beside)
    if config.codes.source == "samples":
        groups = facts.groups(settings.samples)
        shape = (*numbers.shape[:4], groups * facts.bits, columns)
        padded = rng.integers(0, 2, shape, np.uint8)
        padded[..., : settings.samples, :] = numbers
        return padded.reshape(passes, -1, facts.bits, columns).transpose(0, 1, 3, 2)
    counts_of = numbers.reshape(passes, -1, columns, 1)
    if not facts.counted:
        return counts_of
    orders = rng.random((_ORDERS, facts.bits)).argsort(axis=-1).astype(np.uint16)
    placed = orders[rng.integers(0, _ORDERS, counts_of.shape[:3])] < counts_of.astype(np.uint16)
    return placed.view(np.uint8)


def raw_fields(
    rng: np.random.Generator, config: NmpuConfig, raw: Raw, settings: FrontSettings
) -> tuple[NDArray[np.integer], Ints]:
    """All beats of the passes in order, of all columns; slots by ``front.order``.

    What does not count is anything: lanes beyond the columns, sums beside planes of weights that take none.

    Returns:
        (beats, lanes, fields): what each carries for its lanes, and (beats,): what it carries behind them.
    """
    facts, lanes = config.derived.front_end, config.array.lanes
    beats = raw_beats(rng, config, raw, settings)
    passes, steps, columns, fields = beats.shape
    slots, width = -(-columns // lanes), facts.bits // fields
    kind = np.uint8 if width == 1 else np.int32
    filled = rng.integers(0, 1 << width, (passes, steps, slots * lanes, fields), kind)
    filled[:, :, :columns] = beats
    by_slot = filled.reshape(passes, steps, slots, lanes, fields)
    sums = rng.integers(0, 1 << facts.reference_bits, (passes, steps))
    if raw.reference is not None:  # with the first plane of weights
        sums.reshape(*raw.reference.shape, settings.w_planes)[..., 0] = raw.reference
    along = np.broadcast_to(sums[:, :, None], (passes, steps, slots))
    if config.front.order == "slot":
        by_slot, along = by_slot.transpose(0, 2, 1, 3, 4), along.transpose(0, 2, 1)
    return by_slot.reshape(-1, lanes, fields), along.reshape(-1)


def raw_of_beats(config: NmpuConfig, beats: NDArray[np.integer], sums: Ints, settings: FrontSettings) -> Raw:
    """What beats carry, read again: the reverse of :func:`raw_beats`.

    Args:
        config: the configuration.
        beats: (passes, steps, columns, fields).
        sums: (passes, steps) what they carry behind the lanes.
        settings: of the passes.
    """
    facts, (passes, _, columns, _) = config.derived.front_end, beats.shape
    shape = passes, settings.subarrays, settings.x_planes, settings.w_planes
    reference = sums.reshape(shape)[..., 0] if facts.zero else None
    if config.codes.source == "slices":
        apart = beats.reshape(passes, -1, columns, config.codes.counts, facts.beside).transpose(0, 1, 4, 3, 2)
        return Raw(apart.reshape(passes, *raw_shape(config, settings, columns)).astype(np.int64), reference)
    if config.codes.source == "samples":
        by_sample = beats.transpose(0, 1, 3, 2).reshape(*shape, -1, columns)
        return Raw(by_sample[..., : settings.samples, :].astype(np.int64), reference)
    counts = beats.sum(axis=-1, dtype=np.int64) if facts.counted else beats[..., 0]
    return Raw(counts.reshape(*shape, columns).astype(np.int64), reference)


def raw_words(
    rng: np.random.Generator, config: NmpuConfig, raw: Raw, settings: FrontSettings, padding: int = 0
) -> list[int]:
    """The words of all beats of the passes in order, of all columns: :func:`raw_fields`.

    Args:
        rng: source of chance, for what does not count.
        config: the configuration.
        raw: what the array gives.
        settings: of all these passes.
        padding: bits to append.
    """
    fields, sums = raw_fields(rng, config, raw, settings)
    return words_of(config, fields, sums, rng.integers(0, 2, (len(fields), padding), np.uint8))


def words_of(config: NmpuConfig, fields: NDArray[np.integer], sums: Ints, padding: NDArray[np.uint8]) -> list[int]:
    """The words of :func:`raw_fields`, with (beats, bits) of padding."""
    facts = config.derived.front_end
    behind = (sums[:, None] >> np.arange(facts.reference_bits) & 1).astype(np.uint8)
    filling = np.concatenate((behind, padding), axis=1)
    return words(fields.reshape(len(fields), -1), facts.bits // fields.shape[-1], filling)
