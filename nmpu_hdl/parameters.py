"""The parameters of all passes: two banks, one for the passes and one for the host."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Array, Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .config import NmpuConfig
from .modules import place
from .program import param_words
from .protect import Decoded, Guard, decoded, encoded, inject_ports, inverted
from .storage import OnePort

__all__ = ["Parameters"]


class Parameters(wiring.Component):
    """Two banks of protected parameter words; the host has the one that passes do not use.

    Args:
        config: gives words, lanes, the width of a lane's word and its protection.

    Attributes:
        fetch_en: read the word ``fetch_addr`` of bank ``fetch_bank`` at this edge.
        rdata: a parameter word a lane of the word last fetched, from the clock after the fetch; ``corrected`` and
            ``wrong`` have a bit a lane.  An access of the host to the bank of that word ends it, so ``bank`` must not
            change before it has been used.
        bank: the bank that passes use.
        host_en: access the other one; it happens in a clock in which ``host_ready`` is high too.  That is low while a
            fetch reads that bank, as the first one for the next pass does in the clock before the banks are exchanged.
        host_we: write ``host_wdata`` to lane ``host_lane`` of word ``host_addr``; else read all of it.
        host_rdata: the parameter word of lane ``host_lane`` of the read that was accepted last, with its
            ``host_corrected`` and ``host_wrong``; from the clock after it until the next one.
        inject_en, inject_lane, inject_first, inject_double, inject_second, injected: of writes of the host; see
            :func:`nmpu_hdl.protect.inject_ports`.
    """

    def __init__(self, config: NmpuConfig) -> None:
        self._config = config
        lanes, width = config.array.lanes, config.derived.param_width
        self._guard = Guard(config.tile.protect, width)
        address = range(max(param_words(config), 2))
        super().__init__(
            {
                "fetch_en": In(1),
                "fetch_addr": In(address),
                "fetch_bank": In(1),
                "rdata": Out(lanes * width),
                "corrected": Out(lanes),
                "wrong": Out(lanes),
                "bank": In(1),
                "host_en": In(1),
                "host_we": In(1),
                "host_addr": In(address),
                "host_lane": In(range(max(lanes, 2))),
                "host_wdata": In(width),
                "host_ready": Out(1),
                "host_rdata": Out(width),
                "host_corrected": Out(1),
                "host_wrong": Out(1),
                **inject_ports(lanes),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        config, guard = self._config, self._guard
        lanes, words = config.array.lanes, param_words(config)
        banks = [OnePort("params", words, guard.coded, lanes, config.how.memory) for _ in range(2)]
        accepted, write = Signal(), Signal()
        m.d.comb += [
            self.host_ready.eq(~(self.fetch_en & (self.fetch_bank != self.bank))),
            accepted.eq(self.host_en & self.host_ready),
            write.eq(accepted & self.host_we),
        ]
        stored = self._encode(m, platform, write)
        chosen = Signal(lanes)
        m.d.comb += chosen.eq(Cat(write & (self.host_lane == lane) for lane in range(lanes)))
        for k, bank in enumerate(banks):
            place(m, platform, "params_bank", bank, f"bank_{k}")
            fetch, host = self.fetch_en & (self.fetch_bank == k), accepted & (self.bank != k)
            m.d.comb += [
                bank.en.eq(fetch | host),
                bank.we.eq(Mux(host, chosen, 0)),
                bank.addr.eq(Mux(fetch, self.fetch_addr, self.host_addr)),
                bank.wdata.eq(stored.replicate(lanes)),
            ]
        self._show_fetched(m, platform, banks)
        self._show_host(m, platform, banks, accepted & ~self.host_we)
        return m

    def _encode(self, m: Module, platform: Any, write: Signal) -> Signal:
        """The word the host writes, the same for all lanes, as it is stored."""
        guard, inject = self._guard, Signal()
        m.d.comb += inject.eq(self.inject_en & (self.inject_lane == self.host_lane))
        stored = Signal(guard.coded)
        m.d.comb += stored.eq(
            encoded(m, platform, guard, self.host_wdata, inject, inverted(guard, self), "host_encoder")
        )
        if guard.kind != "none":
            m.d.comb += self.injected.eq(write & inject)
        return stored

    def _show_fetched(self, m: Module, platform: Any, banks: list[OnePort]) -> None:
        coded, width = self._guard.coded, self._guard.width
        bank = Signal(reset_less=True, name="fetched_bank")
        with m.If(self.fetch_en):
            m.d.sync += bank.eq(self.fetch_bank)
        for lane in range(self._config.array.lanes):
            word = Mux(bank, *(b.rdata.word_select(lane, coded) for b in reversed(banks)))
            found = decoded(m, platform, self._guard, word, f"decoder_{lane}")
            m.d.comb += [
                self.rdata.word_select(lane, width).eq(found.data),
                self.corrected[lane].eq(found.corrected),
                self.wrong[lane].eq(found.wrong),
            ]

    def _show_host(self, m: Module, platform: Any, banks: list[OnePort], read: Any) -> None:
        """What the host has read: of its bank in the clock after, and held from then on, for the bank may be the
        passes' by then."""
        coded, fresh = self._guard.coded, Signal(name="host_fresh")
        bank = Signal(reset_less=True, name="host_bank")
        lane = Signal.like(self.host_lane, reset_less=True, name="host_lane_read")
        m.d.sync += fresh.eq(read)
        with m.If(read):
            m.d.sync += [bank.eq(~self.bank), lane.eq(self.host_lane)]
        words = [Array(b.rdata.word_select(k, coded) for k in range(len(self.wrong)))[lane] for b in banks]
        word = Signal(coded, name="host_word")
        m.d.comb += word.eq(Mux(bank, words[1], words[0]))
        found = decoded(m, platform, self._guard, word, "host_decoder")
        shown = Decoded(self.host_rdata, self.host_corrected, self.host_wrong)
        for name, value, port in zip(Decoded._fields, found, shown, strict=True):
            held = Signal.like(port, reset_less=True, name=f"held_{name}")
            with m.If(fresh):
                m.d.sync += held.eq(value)
            m.d.comb += port.eq(Mux(fresh, value, held))
