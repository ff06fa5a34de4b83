"""The layer program: which pass is due, with which settings, from which addresses, and when a chain has ended."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Module, Mux, Signal, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.data import StructLayout
from amaranth.lib.wiring import In, Out

from .config import NmpuConfig
from .fetcher import descriptor_layout
from .ports import config_ports, front_ports
from .program import param_words
from .results import TURN, tag_layout

__all__ = ["Conductor", "pass_layout"]

_QUIET = 4
"""Clocks in which nothing shows at the end of the unit after which nothing is left in it."""


def pass_layout(config: NmpuConfig) -> StructLayout:
    """What the datapath is told of the pass that is due, besides the pins of :func:`config_ports`."""
    tile = config.tile
    align = range(tile.residual_left + tile.residual_right + 1)
    return StructLayout(
        {
            "first": 1,
            "final": 1,
            "sum_in": 1,
            "sum_out": 1,
            "use_residual": 1,
            "align": unsigned(max((len(align) - 1).bit_length(), 1)),
            "tag": tag_layout(config),
        }
    )


class Conductor(wiring.Component):
    """Runs a chain of layers: passes of row blocks, vectors, layers, without a bubble but for ``derived.layer_gap``.

    Args:
        config: the configuration.

    Attributes:
        start, first: run the chain that begins with this descriptor; without effect while busy, or with abort.
        abort: take no more beats, let out what was taken, stop.
        swap: exchange the parameter banks at the end of the vector that is due, or at once if no layer runs.
        request, index: to the fetcher.
        there, legal, descriptor: from the fetcher.
        pass_end: the last beat of the pass that is due is taken in this clock.
        slot: the slot that is due.
        quiet: nothing shows anywhere behind the source.
        run: a pass is due.
        cfg_*: the pins of :func:`config_ports` and :func:`front_ports`, for the pass that is due.
        left: (with a front end) passes of the same layer after the one that is due, 2 standing for more.
        settings: :func:`pass_layout`, for the pass that is due.
        due: in the next clock a pass is due.
        due_base: parameter word of its slot 0.
        due_codes: address of its slot 0 in the SRAM of codes.
        due_bank, bank: bank of parameters that it uses, and that the pass in this clock uses.
        stopping: an abort is under way: what has not reached the end of the lanes is dropped.
        restart: an abort is complete: forget the pass that was begun.
        busy, swapping, layer: for STATUS.
        turn: of the layer that runs, as in the tag of its results; ``flushed``: one of them has come to the table, so
            that none of an earlier layer will.
        banks: bit ``b``: the layer that runs, one whose results are not all at the table yet, or the one that was
            fetched, uses bank ``b`` of the activation table.
        done, swapped, aborted, illegal: events, high for a clock.
    """

    def __init__(self, config: NmpuConfig) -> None:
        self._config = config
        index = range(max(config.tile.descriptors, 2))
        slots = range(max(config.array.slots, 2))
        super().__init__(
            {
                "start": In(1),
                "first": In(index),
                "abort": In(1),
                "swap": In(1),
                "request": Out(1),
                "index": Out(index),
                "there": In(1),
                "legal": In(1),
                "descriptor": In(descriptor_layout(config)),
                "pass_end": In(1),
                "slot": In(slots),
                "quiet": In(1),
                "run": Out(1),
                **{p.name: Out(signed(p.width) if p.signed else p.width) for p in config_ports(config)},
                **{p.name: Out(p.width) for p in front_ports(config)},
                **({"left": Out(2)} if config.derived.front_end.present else {}),
                "settings": Out(pass_layout(config)),
                "due": Out(1),
                "due_base": Out(range(max(param_words(config), 2))),
                "due_codes": Out(config.tile.address),
                "due_bank": Out(1),
                "bank": Out(1),
                "stopping": Out(1),
                "restart": Out(1),
                "busy": Out(1),
                "swapping": Out(1),
                "layer": Out(index),
                "turn": Out(TURN),
                "flushed": In(1),
                "banks": Out(2),
                **dict.fromkeys(("done", "swapped", "aborted", "illegal"), Out(1)),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        now = Signal(descriptor_layout(self._config), name="now", reset_less=True)
        block, vectors = Signal(range(max(self._config.tile.blocks, 2))), Signal(24, reset_less=True)
        window = Signal(11)
        final = Signal(name="final_block")
        load, leave = Signal(name="load"), Signal(name="leave")
        m.d.comb += [final.eq(block + 1 == now.blocks), leave.eq(self.pass_end & final & (vectors == 1))]
        with m.If(self.pass_end):
            m.d.sync += block.eq(Mux(final, 0, block + 1))
            with m.If(final):
                m.d.sync += [vectors.eq(vectors - 1), window.eq(Mux(window + 1 == now.pool_window, 0, window + 1))]
        with m.If(load):
            # A layer that hands its sums on sends nothing to the table, and so takes no turn.
            m.d.sync += self.turn.eq(Mux(self.descriptor.sum_out, self.turn, self.turn + 1))
            m.d.sync += [now.eq(self.descriptor), block.eq(0), vectors.eq(self.descriptor.vectors), window.eq(0)]
        self._states(m, now, load, leave)
        self._addresses(m, now, final, load, leave)
        self._settings(m, now, block, final, vectors, window)
        return m

    def _states(self, m: Module, now: Any, load: Signal, leave: Signal) -> None:
        calm = Signal(range(_QUIET + 1))
        stopping, ending = self.stopping, Signal()
        m.d.sync += calm.eq(Mux(self.quiet, Mux(calm == _QUIET, _QUIET, calm + 1), 0))
        m.d.comb += self.index.eq(Mux(self.busy, self.descriptor.next, self.first))
        self._table_banks(m, now, load)
        with m.FSM():
            with m.State("idle"), m.If(self.start & ~self.abort):
                m.d.comb += self.request.eq(1)
                m.d.sync += [self.layer.eq(self.first), ending.eq(0), self.busy.eq(1), now.table.eq(0)]
                m.next = "wait"
            with m.State("wait"):
                with m.If(self.abort):
                    m.next = "drain"
                with m.Elif(self.there):
                    m.d.comb += [load.eq(self.legal), self.illegal.eq(~self.legal)]
                    m.d.comb += self.request.eq(self.legal & ~self.descriptor.last)
                    m.d.sync += [self.run.eq(self.legal), calm.eq(0)]
                    with m.If(self.legal):
                        m.next = "run"
                    with m.Else():
                        m.next = "drain"
            with m.State("run"):
                with m.If(self.abort):
                    m.next = "drain"
                with m.Elif(leave & now.last):
                    m.d.sync += [self.run.eq(0), calm.eq(0), ending.eq(1)]
                    m.next = "drain"
                with m.Elif(leave):
                    m.d.sync += [self.run.eq(0), self.layer.eq(now.next)]
                    m.next = "wait"
            with m.State("drain"), m.If((calm == _QUIET) & ~self.abort):
                m.d.comb += [self.done.eq(ending & ~stopping), self.aborted.eq(stopping), self.restart.eq(stopping)]
                m.d.sync += [self.busy.eq(0), stopping.eq(0)]
                m.next = "idle"
        # Whatever goes on: no beat is taken any more, and what has begun to come out does so.
        with m.If(self.abort & self.busy):
            m.d.sync += [stopping.eq(1), self.run.eq(0), calm.eq(0)]

    def _table_banks(self, m: Module, now: Any, load: Signal) -> None:
        """Which banks of the activation table software must leave alone."""

        def bank_of(descriptor: Any) -> Any:
            return Mux(descriptor.table, Mux(descriptor.table_bank, 2, 1), 0)

        before = Signal(2)
        with m.If(load):
            m.d.sync += before.eq(before | bank_of(now))
        with m.Elif((self.flushed & ~now.sum_out) | ~self.busy):
            m.d.sync += before.eq(0)
        fetched = Mux(self.there, bank_of(self.descriptor), 0)
        m.d.comb += self.banks.eq(Mux(self.busy, before | bank_of(now) | fetched, 0))

    def _addresses(self, m: Module, now: Any, final: Signal, load: Signal, leave: Signal) -> None:
        """Where the parameters and codes of the next slot's pass begin, and the banks."""
        base, codes = Signal.like(self.due_base, reset_less=True), Signal.like(self.due_codes, reset_less=True)
        exchange = Signal()
        m.d.comb += [
            self.due.eq(self.run & ~leave & ~self.abort),
            self.due_base.eq(Mux(self.pass_end, Mux(final, now.base, base + self.slot + 1), base)),
            self.due_codes.eq(Mux(self.pass_end, codes + now.in_stride, codes)),
            exchange.eq(self.swapping & (~self.run | (self.pass_end & final))),
            self.due_bank.eq(self.bank ^ exchange),
            self.swapped.eq(exchange),
        ]
        m.d.sync += [
            base.eq(Mux(load, self.descriptor.base, self.due_base)),
            codes.eq(Mux(load, self.descriptor.in_base, self.due_codes)),
            self.bank.eq(self.due_bank),
            self.swapping.eq(self.swap | (self.swapping & ~exchange)),
        ]

    def _settings(self, m: Module, now: Any, block: Signal, final: Signal, vectors: Signal, window: Signal) -> None:
        """The descriptor's words for the core's pins, the lanes and the stages behind them."""
        config, tile, s = self._config, self._config.tile, self.settings
        pooled = now.pooling != 0
        address = Signal(tile.address, reset_less=True)
        pool_final = ~pooled | (window + 1 == now.pool_window)
        for port in config_ports(config):
            name = port.name.removeprefix("cfg_")
            source = now.shifts[block] if name == "shift" else getattr(now, name)
            m.d.comb += getattr(self, port.name).eq(self._clamped_shift(source) if name == "shift" else source)
        for port in front_ports(config):
            m.d.comb += getattr(self, port.name).eq(getattr(now, port.name.removeprefix("cfg_")))
        if config.derived.front_end.present:
            last = final & (vectors == 1)
            one_left = Mux(vectors == 1, block + 2 == now.blocks, (vectors == 2) & (now.blocks == 1))
            m.d.comb += self.left.eq(Mux(last, 0, Mux(one_left, 1, 2)))
        m.d.comb += [
            s.first.eq(block == 0),
            s.final.eq(final),
            s.sum_in.eq(now.sum_in if tile.chain > 1 else 0),
            s.sum_out.eq(now.sum_out if tile.chain > 1 else 0),
            s.use_residual.eq(now.residual if tile.residual else 0),
            s.align.eq(now.residual_shift + tile.residual_right),
            s.tag.width.eq(sum((now.width == w) * k for k, w in enumerate(config.derived.widths))),
            s.tag.table.eq(now.table),
            s.tag.table_bank.eq(now.table_bank),
            s.tag.pooling.eq(now.pooling),
            s.tag.pool_first.eq(~pooled | (window == 0)),
            s.tag.pool_final.eq(pool_final),
            s.tag.pool_shift.eq(now.pool_shift),
            s.tag.address.eq(address),
            s.tag.turn.eq(self.turn),
            s.tag.ends.eq(now.interrupt & (vectors == 1)),
        ]
        with m.If(self.pass_end & final & pool_final):
            m.d.sync += address.eq(address + now.out_stride)
        with m.If(~self.run):
            m.d.sync += address.eq(self.descriptor.out_base)

    def _clamped_shift(self, shift: Any) -> Any:
        """A byte to the range of the core's pins, which may be fewer."""
        least, most = self._config.shift.min, self._config.shift.max
        return Mux(shift > most, most, Mux(shift < least, least, shift))
