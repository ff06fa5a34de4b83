"""Extremes and tallies, clock by clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.observe import Observe, Tally
from nmpu_hdl.registers import register_map

from .after import configure, simulate

LATENCIES = [(1, 1, 1), (2, 1, 1), (3, 2, 1), (5, 2, 2), (9, 3, 2)]
"""Lanes, and the clocks of extremes and of tallies."""


@dataclass
class History:
    """What was shown to a component: beats by clock, and the clock of the last clear."""

    latency: int
    cleared: int = -1
    beats: dict[int, Any] = field(default_factory=dict)

    def known(self, clock: int) -> list[Any]:
        """Beats that count in ``clock``, if nothing is lost and nothing is late."""
        return [beat for k, beat in self.beats.items() if self.cleared < k <= clock - self.latency]

    def in_flight(self, clock: int, longest: int) -> bool:
        """Whether a beat entered within the ``longest`` clocks before ``clock``."""
        return any(self.cleared < k and clock - longest <= k < clock for k in self.beats)


def numbers(config: NmpuConfig, rng: np.random.Generator) -> list[int]:
    """A number for each lane: anything, or near an end, or near zero."""
    total = config.derived.total
    anything = [int(rng.integers(total.low, total.high + 1)) for _ in range(config.array.lanes)]
    ends = [total.low, total.low + 1, total.high - 1, total.high, 0]
    return anything if rng.integers(2) else [int(rng.choice(ends)) for _ in anything]


def total_of(lanes: int, signed: bool) -> NmpuConfig:
    """A configuration whose ``a`` can, or cannot, be negative."""
    counts = [] if signed else ["codes.counts=1", "offset.format=UQ4.1"]
    config = configure(lanes, 1, "SQ4.0", "tile.observe=true", *counts)
    assert config.derived.total.signed == signed
    return config


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize(("lanes", "latency", "_"), LATENCIES)
def test_extremes(lanes: int, latency: int, _: int, signed: bool) -> None:
    """Nothing yet, one beat, many; cleared while beats are in flight; right in every single clock."""
    config = total_of(lanes, signed)
    rng = np.random.default_rng(lanes)
    dut, total = Observe(config), config.derived.total
    history = History(latency)
    assert dut.latency == latency

    async def check(ctx: Any) -> None:
        for clock in range(400):
            valid, clear = int(rng.integers(3) > 0), int(rng.integers(12) == 0)
            active, values = int(rng.integers(1, lanes + 1)), numbers(config, rng)
            if clock < 30:  # a time without beats, at first
                valid = int(clock == 15)
            ctx.set(dut.valid, valid)
            ctx.set(dut.values, values)
            ctx.set(dut.active, active)
            ctx.set(dut.clear, clear)
            *_, a_min, a_max, busy = await ctx.tick().sample(dut.a_min, dut.a_max, dut.busy)
            seen = [v for beat in history.known(clock) for v in beat]
            assert a_min == min(seen, default=total.high) % (1 << 64), clock
            assert a_max == max(seen, default=total.low) % (1 << 64), clock
            assert busy == history.in_flight(clock, latency - 1), clock
            if valid:
                history.beats[clock] = values[:active]
            if clear:
                history.cleared = clock

    simulate(dut, check)


def test_reset_is_what_the_register_map_says() -> None:
    config = total_of(2, signed=True)
    dut, registers = Observe(config), register_map(config)

    async def check(ctx: Any) -> None:
        for name in ("a_min", "a_max"):
            low, high = (registers.register(f"{name.upper()}_{half}").reset for half in ("LOW", "HIGH"))
            assert ctx.get(getattr(dut, name)) == high << 32 | low

    simulate(dut, check)


@pytest.mark.parametrize(("lanes", "_", "latency"), LATENCIES)
def test_tally(lanes: int, _: int, latency: int) -> None:
    """The counts of each beat, once, and 0 in clocks without; those in flight are forgotten by a clear."""
    config = configure(lanes, 1, "SQ4.0")
    rng = np.random.default_rng(lanes)
    dut = Tally(config)
    history = History(latency)
    assert dut.latency == latency

    async def check(ctx: Any) -> None:
        for clock in range(300):
            valid, clear = int(rng.integers(3) > 0), int(rng.integers(12) == 0)
            flags = [int(rng.choice([0, (1 << lanes) - 1, int(rng.integers(1 << lanes))])) for _ in range(2)]
            for name, value in zip(("valid", "low", "high", "clear"), (valid, *flags, clear), strict=True):
                ctx.set(getattr(dut, name), value)
            *_, low, high, busy = await ctx.tick().sample(dut.low_count, dut.high_count, dut.busy)
            shown = clock - latency
            due = history.beats.get(shown, [0, 0]) if shown > history.cleared else [0, 0]
            assert [low, high] == [bin(f).count("1") for f in due], clock
            assert busy == history.in_flight(clock, latency), clock
            if valid:
                history.beats[clock] = flags
            if clear:
                history.cleared = clock

    simulate(dut, check)
