"""Errors in memories: put there on demand, and what the protection found, counted and told."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .config import NmpuConfig
from .program import param_words

__all__ = ["Faults"]


class Faults(wiring.Component):
    """Counts the words of memories in which an error was found; three clocks of latency.

    Args:
        config: a configuration with ``tile.protect``.

    Attributes:
        fetch_en, fetch_addr: parameters are read in this clock.
        param_corrected, param_wrong: bit a lane: found in those read last; ``taken``: they are used in this clock, by
            these lanes.
        ahead_en, ahead_slot, sums_corrected, sums_wrong, used: likewise for the sums.
        host_read, host_addr, host_lane: the host reads a parameter word in this clock.
        host_corrected, host_wrong: found in what it read in the clock before.
        corrected, uncorrected: words, to be added to the counters.
        memory, host, lane, word: where the last error was.  Of several in a clock the host's counts as the last, then
            the sums'; of several lanes the lowest is told.
        busy: something is being counted.
        arm, injected: an injection is asked for, and is done; ``armed``: it waits.
    """

    def __init__(self, config: NmpuConfig) -> None:
        lanes = config.array.lanes
        word = range(max(param_words(config), 2))
        slots = range(max(config.array.slots, 2))
        super().__init__(
            {
                **dict.fromkeys(("param_corrected", "param_wrong", "taken"), In(lanes)),
                **dict.fromkeys(("sums_corrected", "sums_wrong", "used"), In(lanes)),
                **dict.fromkeys(("fetch_en", "ahead_en", "host_read", "host_corrected", "host_wrong"), In(1)),
                "fetch_addr": In(word),
                "ahead_slot": In(slots),
                "host_addr": In(word),
                "host_lane": In(range(max(lanes, 2))),
                **dict.fromkeys(("corrected", "uncorrected"), Out(16)),
                **dict.fromkeys(("memory", "host", "busy"), Out(1)),
                "lane": Out(10),
                "word": Out(16),
                "arm": In(1),
                "injected": In(1),
                "armed": Out(1),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        with m.If(self.arm):
            m.d.sync += self.armed.eq(1)
        with m.Elif(self.injected):
            m.d.sync += self.armed.eq(0)
        word = _held(m, self.fetch_en, self.fetch_addr)
        slot = _held(m, self.ahead_en, self.ahead_slot)
        asked, lane = _held(m, self.host_read, self.host_addr), _held(m, self.host_read, self.host_lane)
        answered = Signal()
        m.d.sync += answered.eq(self.host_read)
        sources = (
            (self.param_corrected & self.taken, self.param_wrong & self.taken, 0, 0, word),
            (self.sums_corrected & self.used, self.sums_wrong & self.used, 1, 0, slot),
            (self.host_corrected & answered, self.host_wrong & answered, 0, 1, asked),
        )
        right: list[Value] = []
        bad: list[Value] = []
        for one, other, memory, host, where in sources:
            # Behind a register, for the decoders are in this path.
            found = Signal(len(one), name="right"), Signal(len(other), name="bad")
            at, asked_lane = Signal.like(where, name="at"), Signal.like(lane, name="asked_lane")
            m.d.sync += [found[0].eq(one), found[1].eq(other), at.eq(where), asked_lane.eq(lane)]
            right.append(found[0])
            bad.append(found[1])
            with m.If(Cat(found).any()):
                whose = asked_lane if host else _lowest(found[0] | found[1])
                m.d.sync += [self.memory.eq(memory), self.host.eq(host), self.lane.eq(whose), self.word.eq(at)]
        parts = [_parts(m, Cat(found), name) for found, name in ((right, "right_part"), (bad, "bad_part"))]
        m.d.comb += [
            self.corrected.eq(_sum(parts[0])),
            self.uncorrected.eq(_sum(parts[1])),
            self.busy.eq(Cat(*(part for s in sources for part in s[:2]), *right, *bad, *parts[0], *parts[1]).any()),
        ]
        return m


def _held(m: Module, enable: Value, value: Signal) -> Signal:
    """``value`` as it was in the last clock with ``enable``."""
    register = Signal.like(value, name=f"{value.name}_held", reset_less=True)
    with m.If(enable):
        m.d.sync += register.eq(value)
    return register


def _parts(m: Module, bits: Value, name: str) -> list[Value]:
    """Numbers of ones, of eight bits each, in registers: a count of all at once is too long a path."""
    counts: list[Value] = []
    for k in range(0, len(bits), 8):
        count = Signal(4, name=f"{name}_{k // 8}")
        m.d.sync += count.eq(_sum(list(bits[k : k + 8])))
        counts.append(count)
    return counts


def _sum(parts: list[Value]) -> Value:
    """The sum, by a tree."""
    while len(parts) > 1:
        parts = [a + b for a, b in zip(parts[::2], parts[1::2], strict=False)] + parts[len(parts) & ~1 :]
    return parts[0]


def _lowest(bits: Value) -> Value:
    """Index of the lowest one, by a tree."""
    parts: list[tuple[Value, Any]] = [(bit, k) for k, bit in enumerate(bits)]
    while len(parts) > 1:
        pairs = zip(parts[::2], parts[1::2], strict=False)
        joined = [(low | high, Mux(low, at, other)) for (low, at), (high, other) in pairs]
        parts = joined + parts[len(parts) & ~1 :]
    return Value.cast(parts[0][1])
