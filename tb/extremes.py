"""Corners: of numbers, of what an array gives to a front end, and of the settings of that."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from golden.front_end import raw_shape, step_weights
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.formats import Number
from nmpu_hdl.front_settings import FrontSettings, front_choices
from nmpu_hdl.settings import PassSettings

from .raw import COUNTED, Raw, draw_front_settings, few, raw_range, rounds

__all__ = ["FullSize", "corner_numbers", "extreme_raw", "extreme_settings", "extremes", "full_size"]

Ints = NDArray[np.int64]

_LONG = 4096
"""Beats of the longest pass; where the largest numbers take more, not all of them come together."""


def corner_numbers(number: Number) -> list[int]:
    """Both ends, zero, and powers of two with their neighbours: one bit alone reaches each position of a shifter."""
    powers = [sign << k for k in range(max(number.high, -number.low).bit_length()) for sign in (1, -1)]
    near = {0, number.low, number.low + 1, number.high - 1, number.high} | {p + d for p in powers for d in (-1, 0, 1)}
    return sorted(v for v in near if number.low <= v <= number.high)


def extremes(number: Number) -> tuple[int, ...]:
    """Both ends, 0 and 1."""
    return tuple(sorted({number.low, 0, min(1, number.high), number.high}))


def extreme_raw(config: NmpuConfig, settings: FrontSettings, kinds: Ints, *, turned: bool = False) -> Raw:
    """Extreme numbers for one pass.

    Args:
        config: the configuration.
        settings: of the pass.
        kinds: (counts, columns): 0: all numbers the least, 1: all the most, 2: those that make the largest operand,
            3: those that make the least.
        turned: which sums of activations are the most, and not 0: those of planes that count negative, or the others.
    """
    facts, shape = config.derived.front_end, (1, *raw_shape(config, settings, kinds.shape[-1]))
    low, high = raw_range(config)
    up = step_weights(config, settings) > 0
    if config.codes.source == "planes" and settings.bipolar:  # N - 2 * count
        up = ~up
    # To (passes, S, M, K, counts or samples, columns); of planes without the last axis but one.
    kind = kinds[None, None, None, None] if len(shape) == 6 else kinds[0][None, None, None, None]
    most = up.reshape(1, 1, *up.shape, *[1] * (len(shape) - 4))
    numbers = np.where((kind == 1) | (kind == 2) & most | (kind == 3) & ~most, high, low)
    if not facts.zero:
        return Raw(np.broadcast_to(numbers, shape).astype(np.int64), None)
    planes = np.broadcast_to(up[:, 0] ^ turned, (1, settings.subarrays, settings.x_planes))
    return Raw(np.broadcast_to(numbers, shape).astype(np.int64), planes * ((1 << facts.reference_bits) - 1))


def extreme_settings(rng: np.random.Generator, config: NmpuConfig, settings: PassSettings) -> PassSettings:
    """``settings`` with the ends of all ranges of the front end, of passes that stay short."""
    drawn = draw_front_settings(rng, config, limit=int(rng.choice([4, 16, 64])), ends=True)
    return replace(settings, front=drawn)


class FullSize(NamedTuple):
    """The largest numbers of all that is counted, as far as a pass stays below some thousands of beats.

    Attributes:
        settings: of as many slots as fit.
        pins: of the counted loops: some ask for the most by a number beyond the range.
        turned: for :func:`extreme_raw`.
    """

    settings: PassSettings
    pins: dict[str, int]
    turned: bool


def full_size(rng: np.random.Generator, config: NmpuConfig, settings: PassSettings, *, high: bool) -> FullSize:
    """``settings`` with those of the front end that make the largest operand, or else the least of all."""
    left, pins, chosen = _LONG, dict[str, int](), dict[str, int]()
    loops = [choice for choice in front_choices(config) if choice.name in COUNTED]
    for choice in [loops[k] for k in rng.permutation(len(loops))]:
        value = choice.most if rounds(config, choice.name, choice.most) <= left else few(rng, config, choice, left)
        chosen[choice.name] = value
        left //= rounds(config, choice.name, value)
        odd = {value, 0, choice.most + 1, (1 << choice.width) - 1}
        ways = sorted(bits for bits in odd if not bits >> choice.width and choice.resolve(bits) == value)
        pins[f"cfg_{choice.name}"] = ways[int(rng.integers(len(ways)))]
    others = {c.name: {c.most} if "step" in c.name else {c.least, c.most} for c in front_choices(config)}
    ends = [[(name, value) for value in values] for name, values in others.items() if name not in COUNTED]
    fronts = [FrontSettings.of(config, **chosen, **dict(values)) for values in itertools.product(*ends)]

    def reach(choice: tuple[FrontSettings, bool]) -> int:
        kinds = np.full((config.codes.counts, 1), 2 if high else 3)
        made = int(extreme_raw(config, choice[0], kinds, turned=choice[1]).operands(config, choice[0]).max())
        return made if high else -made

    front, turned = max(itertools.product(fronts, (False, True)), key=reach)
    columns = min(settings.columns, max(left, 1) * config.array.lanes)
    return FullSize(replace(settings, columns=columns, front=front), pins, turned)
