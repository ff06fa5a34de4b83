"""The bus: an AXI4-Lite slave outside, one access at a time inside."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["AxiLite", "BusSignature"]


class BusSignature(wiring.Signature):
    """One access at a time to 32-bit words, seen from the side that asks.

    ``read`` or ``write`` (never both) rises with ``addr`` (a byte address whose low two bits say nothing), ``wdata``
    and ``wstrb`` (a bit a byte), and all hold until a clock with ``ack``; with it come ``error`` and, for a read,
    ``rdata``.  In the clock after ``ack`` neither is high.

    Args:
        address_width: bits of a byte address.
    """

    def __init__(self, address_width: int) -> None:
        super().__init__(
            {
                "addr": Out(address_width),
                "read": Out(1),
                "write": Out(1),
                "wdata": Out(32),
                "wstrb": Out(4),
                "ack": In(1),
                "rdata": In(32),
                "error": In(1),
            }
        )


class AxiLite(wiring.Component):
    """An AXI4-Lite slave of 32 bits.

    Address and data of a write come in any order; a read and a write that both wait take turns; an answer that the
    master does not take holds up only its own channel.  Every output comes from registers.  The low two bits of an
    address are ignored, as AXI allows: a read gives the whole word, of a write ``wstrb`` chooses the bytes.  An answer
    stands two clock edges after the one that takes the address (and the data), and one more for each clock in which the
    inside is asked and does not acknowledge.

    Args:
        address_width: bits of a byte address.

    Attributes:
        (the signals of AXI4-Lite by their names; ``awprot`` and ``arprot`` are not used)
        bus: the inside.
    """

    def __init__(self, address_width: int) -> None:
        self._address_width = address_width
        super().__init__(
            {
                "awaddr": In(address_width),
                "awprot": In(3),
                "awvalid": In(1),
                "awready": Out(1),
                "wdata": In(32),
                "wstrb": In(4),
                "wvalid": In(1),
                "wready": Out(1),
                "bresp": Out(2),
                "bvalid": Out(1),
                "bready": In(1),
                "araddr": In(address_width),
                "arprot": In(3),
                "arvalid": In(1),
                "arready": Out(1),
                "rdata": Out(32),
                "rresp": Out(2),
                "rvalid": Out(1),
                "rready": In(1),
                "bus": Out(BusSignature(address_width)),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        bus = self.bus
        write_address = Signal(self._address_width, reset_less=True)
        read_address = Signal(self._address_width, reset_less=True)
        done_write = Signal()
        done_read = Signal()
        m.d.comb += [done_write.eq(bus.write & bus.ack), done_read.eq(bus.read & bus.ack)]
        have_address = _taken(m, self.awvalid, self.awready, [(write_address, self.awaddr)], done_write)
        have_data = _taken(m, self.wvalid, self.wready, [(bus.wdata, self.wdata), (bus.wstrb, self.wstrb)], done_write)
        have_read = _taken(m, self.arvalid, self.arready, [(read_address, self.araddr)], done_read)
        m.d.comb += bus.addr.eq(Mux(bus.write, write_address, read_address))

        may_write = Signal()
        may_read = Signal()
        wrote_last = Signal()
        m.d.comb += [
            may_write.eq(have_address & have_data & ~self.bvalid),
            may_read.eq(have_read & ~self.rvalid),
        ]
        with m.If(done_write | done_read):
            m.d.sync += [bus.read.eq(0), bus.write.eq(0), wrote_last.eq(done_write)]
        with m.Elif(~bus.read & ~bus.write):
            m.d.sync += [
                bus.write.eq(may_write & ~(may_read & wrote_last)),
                bus.read.eq(may_read & ~(may_write & ~wrote_last)),
            ]
        _answer(m, done_write, self.bvalid, self.bready, [(self.bresp, Cat(0, bus.error))])
        _answer(m, done_read, self.rvalid, self.rready, [(self.rresp, Cat(0, bus.error)), (self.rdata, bus.rdata)])
        return m


def _taken(m: Module, valid: Signal, ready: Signal, data: list[tuple[Signal, Signal]], done: Signal) -> Signal:
    """A register that holds what a channel brought until ``done``; returns whether it holds something."""
    have = Signal(name=f"have_{valid.name.removesuffix('valid')}")
    m.d.comb += ready.eq(~have)
    with m.If(valid & ready):
        m.d.sync += [have.eq(1), *(register.eq(value) for register, value in data)]
    with m.If(done):
        m.d.sync += have.eq(0)
    return have


def _answer(m: Module, done: Signal, valid: Signal, ready: Signal, data: list[tuple[Signal, Any]]) -> None:
    """An answer that stands until it is taken."""
    with m.If(done):
        m.d.sync += [valid.eq(1), *(register.eq(value) for register, value in data)]
    with m.Elif(ready):
        m.d.sync += valid.eq(0)
