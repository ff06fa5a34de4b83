"""The activation table: any function of the saturated result, looked up a lane a clock."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from .config import NmpuConfig
from .modules import place
from .results import result_layout
from .stage import Pipeline
from .storage import TwoPort

__all__ = ["Table", "TableWords"]


class Table(wiring.Component):
    """Replace results by table entries.  Latency 1 clock, a beat a clock.

    Two banks of ``2^tile.table`` entries, each a code of the output format (W bits).  In a beat whose ``tag.table`` is
    1, ``y`` of every active lane becomes ``entry[tag.table_bank][index]``, where the index is the highest
    ``tile.table`` bits of the lane's W-bit code (of a signed format: the bit pattern, so that entry 0 is that of code 0
    and the upper half of the table is that of the negative codes).  All else passes as it is.

    **Read ports.**  ``array.lanes`` look-ups a clock take as many read ports.  Internal: one shared array with
    ``lanes + 1`` synchronous read ports, the last one the host's.  Macro: ``lanes`` copies of a memory with a read and
    a write port each, written all at once; the host shares that of copy 0, and reads while no bank is busy.

    Args:
        config: the configuration, with ``tile.table > 0``.

    Attributes:
        i, o: streams of :func:`nmpu_hdl.results.result_layout`.
        host_en, host_we: the host reads, or writes; held, with address and data, until ``host_ready``.
        host_addr: ``tile.table + 1`` bits, the bank highest.
        host_wdata: 32 bits, of which the lowest W are stored.
        host_ready: the access is done, or refused, in this clock; always 1.
        host_error: it is refused: a write for ``busy_bank`` has the bit of its bank, or, with macros, a read for it has
            any bit.
        host_rdata: 32 bits, the entry with zeros above; from the clock after a read was accepted until the next access.
        busy_bank: bit ``b``: a layer that runs or waits uses bank ``b``.  No look-up may enter for a bank whose bit is
            0 in the clock in which the host writes to that bank.

    Raises:
        ValueError: the configuration has no table.
    """

    def __init__(self, config: NmpuConfig) -> None:
        if not config.tile.table:
            raise ValueError("tile.table = 0: there is no table to build; 2 to 10 would build one")
        self._config = config
        results = stream.Signature(result_layout(config))
        super().__init__(
            {
                "i": In(results),
                "o": Out(results),
                "host_en": In(1),
                "host_we": In(1),
                "host_addr": In(config.tile.table + 1),
                "host_wdata": In(32),
                "host_ready": Out(1),
                "host_error": Out(1),
                "host_rdata": Out(32),
                "busy_bank": In(2),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        config, beat = self._config, self.i.payload
        entries = config.tile.table
        control = Pipeline(result_layout(config), 1)
        place(m, platform, "table_control", control)
        wiring.connect(m, wiring.flipped(self.i), control.i)
        m.d.comb += [
            self.o.valid.eq(control.o.valid),
            self.o.payload.eq(control.o.payload),
            control.o.ready.eq(self.o.ready),
        ]
        # A read must not wait for a look-up to be missing: a layer may last for ever, and the bus with it.
        shut = self.busy_bank.any() if config.how.memory == "macro" else 0
        look, refused = Signal(), Signal()
        read, write = Signal(), Signal()
        m.d.comb += [
            look.eq(self.i.valid & self.i.ready & beat.tag.table),
            refused.eq(Mux(self.host_we, self.busy_bank.bit_select(self.host_addr[-1], 1), shut)),
            self.host_ready.eq(1),
            self.host_error.eq(self.host_en & refused),
            read.eq(self.host_en & ~self.host_we & ~refused),
            write.eq(self.host_en & self.host_we & ~refused),
        ]
        addresses = [Value.cast(beat.y[k])[-entries:] for k in range(config.array.lanes)]
        at = [Signal(entries + 1, name=f"at_{k}") for k in range(config.array.lanes)]
        m.d.comb += [a.eq(index | (beat.tag.table_bank << entries)) for a, index in zip(at, addresses, strict=True)]
        connect = self._macros if config.how.memory == "macro" else self._array
        found = connect(m, platform, at, look, read, write)
        side = control.o.payload
        for k, entry in enumerate(found):
            with m.If(side.tag.table & (side.active > k)):
                m.d.comb += self.o.payload.y[k].eq(entry)
        return m

    def _array(
        self, m: Module, platform: Any, at: list[Signal], look: Signal, read: Signal, write: Signal
    ) -> list[Value]:
        """One array with a port for each lane and one for the host: the entries found, and the host's answer."""
        words = TableWords(self._config)
        place(m, platform, "table_array", words)
        m.d.comb += [
            words.look.eq(look),
            words.host_read.eq(read),
            words.host_write.eq(write),
            words.host_addr.eq(self.host_addr),
            words.host_wdata.eq(self.host_wdata),
            self.host_rdata.eq(words.host_rdata),
            *(port.eq(a) for port, a in zip(words.at, at, strict=True)),
        ]
        return [words.found[k] for k in range(len(at))]

    def _macros(
        self, m: Module, platform: Any, at: list[Signal], look: Signal, read: Signal, write: Signal
    ) -> list[Value]:
        """A copy for each lane: the entries found, and the host's answer.

        The host shares the read port of copy 0, so what that shows is kept for either side when the other reads.
        """
        width, words = self._config.output.format.width, 2 << self._config.tile.table
        found: list[Value] = []
        for k, lane_at in enumerate(at):
            copy = TwoPort("table", words, width, 1, "macro")
            place(m, platform, "table_copy", copy, f"copy_{k}")
            shared = read if k == 0 else 0
            m.d.comb += [
                copy.read_en.eq(look | shared),
                copy.read_addr.eq(Mux(look, lane_at, self.host_addr) if k == 0 else lane_at),
                copy.write_en.eq(write),
                copy.write_addr.eq(self.host_addr),
                copy.wdata.eq(self.host_wdata),
            ]
            found.append(copy.rdata)
        m.d.comb += self.host_rdata.eq(_kept(m, found[0], read, "host_kept"))
        return [_kept(m, found[0], look, "lane_kept"), *found[1:]]


def _kept(m: Module, value: Value, read: Value, name: str) -> Value:
    """``value`` in the clock after ``read``, and what it was then from there on."""
    fresh = Signal(name=f"{name}_fresh")
    kept = Signal(len(value), name=name, reset_less=True)
    m.d.sync += fresh.eq(read)
    with m.If(fresh):
        m.d.sync += kept.eq(value)
    return Mux(fresh, value, kept)


class TableWords(wiring.Component):
    """The entries of both banks in one array: a synchronous read port for each lane and one for the host, one to write.

    Args:
        config: gives lanes, bits of an index and of an entry.

    Attributes:
        look: read ``at[k]`` for each lane; ``found[k]`` shows it from the next clock until the next look-up.
        host_read, host_write, host_addr, host_wdata, host_rdata: the host's ports, likewise.
    """

    def __init__(self, config: NmpuConfig) -> None:
        self._depth, self._width, self._lanes = 2 << config.tile.table, config.output.format.width, config.array.lanes
        address = config.tile.table + 1
        super().__init__(
            {
                "look": In(1),
                "at": In(data.ArrayLayout(address, self._lanes)),
                "found": Out(data.ArrayLayout(self._width, self._lanes)),
                "host_read": In(1),
                "host_write": In(1),
                "host_addr": In(address),
                "host_wdata": In(self._width),
                "host_rdata": Out(self._width),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.cells = cells = memory.Memory(shape=self._width, depth=self._depth, init=[])
        for k in range(self._lanes):
            port = cells.read_port()
            m.d.comb += [port.en.eq(self.look), port.addr.eq(self.at[k]), self.found[k].eq(port.data)]
        host, write = cells.read_port(), cells.write_port()
        m.d.comb += [
            host.en.eq(self.host_read),
            host.addr.eq(self.host_addr),
            self.host_rdata.eq(host.data),
            write.en.eq(self.host_write),
            write.addr.eq(self.host_addr),
            write.data.eq(self.host_wdata),
        ]
        return m
