"""The aggregation memory: the sums of a vector's passes so far, a protected word a lane and slot."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .config import NmpuConfig
from .modules import place
from .protect import Guard, decoded, encoded, inject_ports, inverted
from .storage import TwoPort

__all__ = ["Sums"]


class Sums(wiring.Component):
    """A slot is read ahead while another is written.

    Args:
        config: gives slots, lanes, the width of a sum and its protection.

    Attributes:
        ahead_en: read slot ``ahead_slot`` at this edge, for it will be needed.
        rdata: the sums of the slot last asked for, from the clock after until the next ``ahead_en``; ``corrected`` and
            ``wrong`` have a bit a lane.
        write_en: write ``wdata`` to slot ``write_slot`` at this edge.
        forward: what was written last.  Where a slot is asked for at the very edge that writes it, ``rdata`` shows
            this, without errors, and the memory is not read; it has to stay until it has been used.
        inject_en, inject_lane, inject_first, inject_double, inject_second, injected: see
            :func:`nmpu_hdl.protect.inject_ports`.
    """

    def __init__(self, config: NmpuConfig) -> None:
        self._config = config
        lanes, width = config.array.lanes, config.derived.total.width
        self._guard = Guard(config.tile.protect, width)
        slot = range(max(config.array.slots, 2))
        super().__init__(
            {
                "ahead_en": In(1),
                "ahead_slot": In(slot),
                "rdata": Out(lanes * width),
                "corrected": Out(lanes),
                "wrong": Out(lanes),
                "write_en": In(1),
                "write_slot": In(slot),
                "wdata": In(lanes * width),
                "forward": In(lanes * width),
                **inject_ports(lanes),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        config, guard = self._config, self._guard
        lanes, width, coded = config.array.lanes, guard.width, guard.coded
        words = TwoPort("sums", config.array.slots, coded, lanes, config.how.memory)
        place(m, platform, "sums_memory", words)
        meets, forwards = Signal(), Signal()
        m.d.comb += [
            meets.eq(self.write_en & (self.write_slot == self.ahead_slot)),
            words.read_en.eq(self.ahead_en & ~meets),
            words.read_addr.eq(self.ahead_slot),
            words.write_en.eq(self.write_en),
            words.write_addr.eq(self.write_slot),
        ]
        with m.If(self.ahead_en):
            m.d.sync += forwards.eq(meets)
        mask = Signal(coded)
        m.d.comb += mask.eq(inverted(guard, self))
        if guard.kind != "none":
            m.d.comb += self.injected.eq(self.write_en & self.inject_en)
        stored: list[Value] = []
        for lane in range(lanes):
            own = slice(lane * width, (lane + 1) * width)
            inject = self.inject_en & (self.inject_lane == lane)
            stored.append(encoded(m, platform, guard, self.wdata[own], inject, mask, f"encoder_{lane}"))
            found = decoded(m, platform, guard, words.rdata.word_select(lane, coded), f"decoder_{lane}")
            m.d.comb += self.rdata[own].eq(Mux(forwards, self.forward[own], found.data))
            if guard.kind != "none":
                m.d.comb += self.corrected[lane].eq(found.corrected & ~forwards)
                m.d.comb += self.wrong[lane].eq(found.wrong & ~forwards)
        m.d.comb += words.wdata.eq(Cat(stored))
        return m
