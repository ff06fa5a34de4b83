"""What an array gives to a front end: drawn at chance, and beat by beat as the pins carry it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from golden.front_end import front_end, raw_shape
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.front_settings import FrontSettings, front_choices

from .packing import words

__all__ = ["Raw", "draw_front_settings", "draw_raw", "raw_beats", "raw_words"]

Ints = NDArray[np.int64]


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


def draw_front_settings(rng: np.random.Generator, config: NmpuConfig) -> FrontSettings:
    """Legal settings at chance: the ends of each range often, small ones more often than large ones."""
    chosen: dict[str, int] = {}
    for choice in front_choices(config):
        most = int(rng.integers(choice.least, choice.most + 1))
        drawn = int(rng.integers(choice.least, most + 1))
        chosen[choice.name] = [choice.least, choice.most, drawn, drawn, drawn][int(rng.integers(5))]
    return FrontSettings.of(config, **chosen)


def draw_raw(
    rng: np.random.Generator, config: NmpuConfig, settings: FrontSettings, columns: int, passes: int = 1
) -> Raw:
    """Numbers at chance: a third of the columns at the ends of the range only."""
    facts, shape = config.derived.front_end, (passes, *raw_shape(config, settings, columns))
    if config.codes.source == "samples":
        low, high = 0, 1
    else:
        low, high = (0, facts.most) if facts.counted else (config.codes.format.low, config.codes.format.high)
    numbers = rng.integers(low, high + 1, shape)
    ends = rng.random((passes, *[1] * (len(shape) - 2), columns)) < 1 / 3
    numbers = np.where(ends, rng.choice([low, high], (passes, *[1] * (len(shape) - 2), columns)), numbers)
    most = (1 << facts.reference_bits) - 1
    planes = passes, settings.subarrays, settings.x_planes
    reference = np.where(rng.random(planes) < 0.3, most, rng.integers(0, most + 1, planes)) if facts.zero else None
    return Raw(numbers, reference)


def raw_beats(rng: np.random.Generator, config: NmpuConfig, raw: Raw, settings: FrontSettings) -> Ints:
    """(passes, steps, columns, fields of :func:`raw_words`): what a beat carries for each column, step after step.

    Bits of a plane stand where they like; bits of samples that do not count are anything.
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
        padded = rng.integers(0, 2, shape)
        padded[..., : settings.samples, :] = numbers
        return padded.reshape(passes, -1, facts.bits, columns).transpose(0, 1, 3, 2)
    counts_of = numbers.reshape(passes, -1, columns, 1)
    if not facts.counted:
        return counts_of
    order = rng.random((*counts_of.shape[:3], facts.bits)).argsort(axis=-1)
    return (order < counts_of).astype(np.int64)


def raw_words(
    rng: np.random.Generator, config: NmpuConfig, raw: Raw, settings: FrontSettings, padding: int = 0
) -> list[int]:
    """The words of all beats of the passes in order, of all columns; slots by ``front.order``.

    Args:
        rng: source of chance, for what does not count: lanes beyond the columns, sums beside planes of weights that
            take none, padding.
        config: the configuration.
        raw: what the array gives.
        settings: of all these passes.
        padding: bits to append.
    """
    facts, lanes = config.derived.front_end, config.array.lanes
    beats = raw_beats(rng, config, raw, settings)
    passes, steps, columns, fields = beats.shape
    slots, width = -(-columns // lanes), facts.bits // fields
    filled = rng.integers(0, 1 << width, (passes, steps, slots * lanes, fields))
    filled[:, :, :columns] = beats & ((1 << width) - 1)
    by_slot = filled.reshape(passes, steps, slots, lanes * fields)
    sums = rng.integers(0, 1 << facts.reference_bits, (passes, steps))
    if raw.reference is not None:  # with the first plane of weights
        sums.reshape(*raw.reference.shape, settings.w_planes)[..., 0] = raw.reference
    along = np.broadcast_to(sums[:, :, None], (passes, steps, slots))
    if config.front.order == "slot":
        by_slot, along = by_slot.transpose(0, 2, 1, 3), along.transpose(0, 2, 1)
    rows, tail = by_slot.reshape(-1, lanes * fields), along.reshape(-1)
    behind = (tail[:, None] >> np.arange(facts.reference_bits) & 1).astype(np.uint8)
    behind = np.concatenate((behind, rng.integers(0, 2, (len(rows), padding), np.uint8)), axis=1)
    return words(rows, width, behind)
