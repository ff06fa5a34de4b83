"""What the protection of the memories found: counted, and where it was last."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .config import NmpuConfig
from .program import param_words

__all__ = ["Faults"]


class Faults(wiring.Component):
    """Counts the words of memories in which an error was found; one clock of latency.

    Args:
        config: a configuration with ``tile.protect``.

    Attributes:
        param_corrected, param_wrong: bit a lane: found in the parameters that a pass takes in this clock.
        param_word: their word.
        sums_corrected, sums_wrong, sums_slot: likewise in the sums.
        host_corrected, host_wrong, host_lane, host_word: found by a read of the host.
        corrected, uncorrected: words, to be added to the counters.
        memory, host, lane, word: where the last error was.  Of several in a clock the host's counts as the last, then
            the sums'; of several lanes the lowest is told.
        busy: something is being counted.
    """

    def __init__(self, config: NmpuConfig) -> None:
        lanes = config.array.lanes
        word = range(max(param_words(config), 2))
        slots = range(max(config.array.slots, 2))
        super().__init__(
            {
                **dict.fromkeys(("param_corrected", "param_wrong", "sums_corrected", "sums_wrong"), In(lanes)),
                "param_word": In(word),
                "sums_slot": In(slots),
                **dict.fromkeys(("host_corrected", "host_wrong"), In(1)),
                "host_lane": In(range(max(lanes, 2))),
                "host_word": In(word),
                **dict.fromkeys(("corrected", "uncorrected"), Out(16)),
                **dict.fromkeys(("memory", "host", "busy"), Out(1)),
                "lane": Out(10),
                "word": Out(16),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        corrected = Cat(self.param_corrected, self.sums_corrected, self.host_corrected)
        wrong = Cat(self.param_wrong, self.sums_wrong, self.host_wrong)
        held = Signal.like(corrected, name="held_corrected"), Signal.like(wrong, name="held_wrong")
        m.d.sync += [held[0].eq(corrected), held[1].eq(wrong)]
        m.d.comb += [
            self.corrected.eq(_count(held[0])),
            self.uncorrected.eq(_count(held[1])),
            self.busy.eq((corrected | wrong | held[0] | held[1]).any()),
        ]
        for found, memory, host, lane, word in (
            (self.param_corrected | self.param_wrong, 0, 0, None, self.param_word),
            (self.sums_corrected | self.sums_wrong, 1, 0, None, self.sums_slot),
            (self.host_corrected | self.host_wrong, 0, 1, self.host_lane, self.host_word),
        ):
            with m.If(found.any()):
                m.d.sync += [
                    self.memory.eq(memory),
                    self.host.eq(host),
                    self.lane.eq(_lowest(found) if lane is None else lane),
                    self.word.eq(word),
                ]
        return m


def _count(bits: Value) -> Value:
    """Number of ones, by a tree."""
    parts: list[Value] = list(bits)
    while len(parts) > 1:
        parts = [a + b for a, b in zip(parts[::2], parts[1::2], strict=False)] + parts[len(parts) & ~1 :]
    return parts[0]


def _lowest(bits: Value) -> Value:
    """Index of the lowest one."""
    index: Any = len(bits) - 1
    for k in reversed(range(len(bits) - 1)):
        index = Mux(bits[k], k, index)
    return index
