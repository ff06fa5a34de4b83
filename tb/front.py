"""Passes through a front end: what is sent beat by beat, and the operands of what was taken."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from golden.front_end import front_end
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.front_settings import FrontSettings, front_choices
from nmpu_hdl.settings import PassSettings

from .passes import Steps
from .raw import COUNTED, Raw, draw_front_settings, draw_raw, few, join_raw, raw_fields, raw_of_beats, rounds

__all__ = ["draw_inputs", "fields_of_passes", "operands_of", "short_settings", "tamed"]

Ints = NDArray[np.int64]
Item = TypeVar("Item")

_LIMITS = (1, 1, 2, 2, 3, 4, 4, 8, 16, 64)
"""Most beats that a slot takes, drawn for each pass."""
_WILD = 256
"""Rounds of the longest loop whose pins show anything at all."""


def runs(items: Sequence[Item]) -> Iterator[slice]:
    """Where the very same object follows itself."""
    start = 0
    for _, same in itertools.groupby(items, id):
        end = start + len(list(same))
        yield slice(start, end)
        start = end


def draw_inputs(rng: np.random.Generator, config: NmpuConfig, settings: Sequence[PassSettings]) -> list[Raw]:
    """What an array gives at chance, for the active columns of one pass each."""
    made: list[Raw] = []
    for run in runs(settings):
        first, count = settings[run.start], run.stop - run.start
        assert first.front is not None
        raw = draw_raw(rng, config, first.front, first.columns, count)
        made += [raw.passes(k, k + 1) for k in range(count)]
    return made


def fields_of_passes(
    rng: np.random.Generator, config: NmpuConfig, inputs: Sequence[Raw], settings: Sequence[PassSettings]
) -> tuple[NDArray[np.integer], Ints]:
    """(beats, lanes, fields) and (beats,) of all passes: :func:`tb.raw.raw_fields`."""
    parts = []
    for run in runs(settings):
        front = settings[run.start].front
        assert front is not None
        parts.append(raw_fields(rng, config, join_raw(inputs[run]), front))
    return np.concatenate([fields for fields, _ in parts]), np.concatenate([sums for _, sums in parts])


def operands_of(
    config: NmpuConfig, settings: PassSettings, slots: int, fields: NDArray[np.integer], sums: Ints
) -> Ints:
    """Operands of the slots of which all beats were taken, by the golden model.

    Args:
        config: the configuration.
        settings: of the passes.
        slots: how many slots are complete.
        fields: (passes, beats, lanes, fields) what the beats that were taken carry for their lanes.
        sums: (passes, beats) what they carry behind the lanes.

    Returns:
        (passes, counts, columns), of the complete slots' active columns.
    """
    order, front = Steps.of(config, settings), settings.front
    assert front is not None
    step, slot = np.arange(order.steps)[:, None], np.arange(slots)
    index = slot * order.steps + step if order.by_slot else step * order.slots + slot  # of the beat in its pass
    lanes = fields[:, index]  # (passes, steps, slots, lanes, fields)
    columns = lanes.reshape(len(fields), order.steps, -1, fields.shape[-1])[:, :, : settings.columns]
    raw = raw_of_beats(config, columns, sums[:, index[:, 0]], front)
    return front_end(config, raw.numbers, front, raw.reference)


def short_settings(rng: np.random.Generator, config: NmpuConfig) -> FrontSettings | None:
    """Settings of passes that take a few beats a slot, some of them many more; None where there is no front end."""
    if not config.derived.front_end.present:
        return None
    return draw_front_settings(rng, config, limit=int(rng.choice(_LIMITS)))


def tamed(rng: np.random.Generator, config: NmpuConfig, pins: dict[str, int], limit: int = 16) -> dict[str, int]:
    """Any bits on the pins, but few rounds on all pins of counted loops but one, so that a pass stays short."""
    loops = [choice for choice in front_choices(config) if choice.name in COUNTED]
    order = [loops[k] for k in rng.permutation(len(loops))]
    wild = next((choice for choice in order if rounds(config, choice.name, choice.most) <= _WILD), None)
    pins, left = dict(pins), limit
    for choice in order:
        name = f"cfg_{choice.name}"
        used = rounds(config, choice.name, choice.resolve(pins[name]))
        if choice is not wild and used > left:
            pins[name] = few(rng, config, choice, left)
            used = rounds(config, choice.name, pins[name])
        left //= used
    return pins
