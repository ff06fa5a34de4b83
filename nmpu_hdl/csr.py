"""The registers: the map of ``registers.py`` between the bus and the hardware."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import C, Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .bus import BusSignature
from .capabilities import lane_space, sub_words
from .config import NmpuConfig
from .program import param_words
from .registers import Field, Register, Window, register_map

__all__ = ["COUNT_WIDTH", "Csr", "ParamPort"]

COUNT_WIDTH = 16
"""Bits of what a counter may be increased by in a clock."""


class Csr(wiring.Component):
    """Decodes the bus, holds the fields that software writes, counts, and hands windows on.

    An access to a register is acknowledged in the clock after it was asked for; one to a window a clock (write) or two
    (read) after it was accepted.  ``error`` answers an address with nothing behind it, a write to a register without a
    writable field, a write to a window of some of the four bytes, and what a window refuses.  A write of no byte does
    nothing, and is an error at addresses with nothing behind them only.

    Args:
        config: gives the map.

    Attributes:
        bus: the bus, from its slave.
        irq: an event that IRQ_ENABLE names has happened; a register, one clock behind EVENTS.
        <register>_<field>: in lower case, one for each field but const ones.  state: input of its width.  rw: output
            of its width.  pulse: output, high in the clock in which rw fields of the same write are new.  sticky:
            input that sets the field, and wins over a clear.  count: input of 16 bits that is added in every clock;
            where ``control_clear`` is high all counts become 0 instead.
        <window>_en, <window>_we, <window>_addr, <window>_wdata: an access to a word of the window (in words of 32 bits,
            from its first), held until a clock with ``<window>_ready``.
        <window>_ready, <window>_error: the access is accepted; it is refused (looked at with ready only).
        <window>_rdata: the word, in the clock after a read was accepted.
    """

    def __init__(self, config: NmpuConfig) -> None:
        self._map = register_map(config)
        fields = {
            _port(register, field): _member(field)
            for register in self._map.registers
            for field in register.fields
            if field.access != "const"
        }
        windows = {
            f"{window.name.lower()}_{name}": member
            for window in self._map.windows
            for name, member in _window_members(window).items()
        }
        super().__init__({"bus": In(BusSignature(self._map.address_width)), "irq": Out(1), **fields, **windows})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        bus, registers, windows = self.bus, self._map.registers, self._map.windows
        # ask: an access that nothing has been done about; reading: bit k: window k's word comes in this clock.
        ask = Signal()
        reading = Signal(len(windows))
        hit = Signal(len(registers))
        inside = Signal(len(windows))
        m.d.comb += [
            ask.eq((bus.read | bus.write) & ~bus.ack & ~reading.any()),
            hit.eq(Cat(bus.addr[2:] == register.address >> 2 for register in registers)),
            inside.eq(Cat(_inside(bus.addr, window) for window in windows)),
        ]
        m.d.sync += [bus.ack.eq(reading.any()), reading.eq(0)]
        with m.If(ask & ~inside.any()):
            can_write = Cat(hit[k] for k, register in enumerate(registers) if register.writable).any()
            refused = bus.write & bus.wstrb.any() & ~can_write
            m.d.sync += [bus.ack.eq(1), bus.error.eq(~hit.any() | refused)]
        for k, window in enumerate(windows):
            self._open(m, window, ask & inside[k], reading[k])
        words = [self._hold(m, register, ask & bus.write & hit[k]) for k, register in enumerate(registers)]
        read = [(hit[k], word) for k, word in enumerate(words)]
        read += [(reading[k], getattr(self, f"{window.name.lower()}_rdata")) for k, window in enumerate(windows)]
        m.d.sync += bus.rdata.eq(_any_of(read))
        events, enable = (words[registers.index(self._map.register(name))] for name in ("EVENTS", "IRQ_ENABLE"))
        m.d.sync += self.irq.eq((events & enable).any())
        return m

    def _open(self, m: Module, window: Window, ask: Value, reading: Value) -> None:
        """Hand an access on to ``window``."""
        bus, name = self.bus, window.name.lower()
        en, we, addr, wdata, ready, error = (
            getattr(self, f"{name}_{part}") for part in ("en", "we", "addr", "wdata", "ready", "error")
        )
        whole = ~bus.write | bus.wstrb.all()
        m.d.comb += [en.eq(ask & whole), we.eq(bus.write), addr.eq(bus.addr[2:]), wdata.eq(bus.wdata)]
        with m.If(ask & ~whole):
            m.d.sync += [bus.ack.eq(1), bus.error.eq(bus.wstrb.any())]
        with m.Elif(en & ready):
            m.d.sync += [bus.ack.eq(we | error), bus.error.eq(error), reading.eq(~we & ~error)]

    def _hold(self, m: Module, register: Register, write: Value) -> Value:
        """The fields of ``register``; returns the word that is read."""
        word: list[Value] = []
        for field in sorted(register.fields, key=lambda f: f.lsb):
            word.append(C(0, field.lsb - sum(map(len, word))))
            if field.access == "const":
                word.append(C(field.reset & (1 << field.width) - 1, field.width))
            else:
                word.append(_HOLD[field.access](self, m, _port(register, field), field, write))
        return Cat(*word)

    def _state(self, m: Module, name: str, field: Field, write: Value) -> Value:
        return getattr(self, name)

    def _rw(self, m: Module, name: str, field: Field, write: Value) -> Value:
        port, end = getattr(self, name), field.lsb + field.width
        for byte in range(4):
            low, high = max(field.lsb, 8 * byte), min(end, 8 * byte + 8)
            if low < high:
                with m.If(write & self.bus.wstrb[byte]):
                    m.d.sync += port[low - field.lsb : high - field.lsb].eq(self.bus.wdata[low:high])
        return port

    def _pulse(self, m: Module, name: str, field: Field, write: Value) -> Value:
        m.d.sync += getattr(self, name).eq(write & self._one(field))
        return C(0, field.width)

    def _sticky(self, m: Module, name: str, field: Field, write: Value) -> Value:
        held = Signal(name=f"{name}_held")
        m.d.sync += held.eq(getattr(self, name) | held & ~(write & self._one(field)))
        return held

    def _count(self, m: Module, name: str, field: Field, write: Value) -> Value:
        count = Signal(field.width, name=f"{name}_total")
        m.d.sync += count.eq(Mux(self.control_clear, 0, count + getattr(self, name)))
        return count

    def _one(self, field: Field) -> Value:
        """A 1 is written to a field of one bit."""
        return self.bus.wdata[field.lsb] & self.bus.wstrb[field.lsb // 8]


_HOLD = {"state": Csr._state, "rw": Csr._rw, "pulse": Csr._pulse, "sticky": Csr._sticky, "count": Csr._count}


class ParamPort(wiring.Component):
    """The PARAMETERS window as whole parameter words: a column's word is ``sub_words`` words of 32 bits.

    The window's word ``(word * lane_space + lane) * sub_words + sub``; lanes beyond the last are refused.  A write to
    any but the highest sub-word is kept here, one to the highest stores it and all that is kept.  A read of any reads
    the column's word and gives these 32 bits of it, with zeros above.

    Args:
        config: gives words, lanes and width.

    Attributes:
        en, we, addr, wdata, ready, rdata, error: the window, from :class:`Csr`.
        host_en, host_we, host_addr, host_lane, host_wdata: an access to one lane of a parameter word, held until
            a clock with ``host_ready``.
        host_ready: the access is accepted.
        host_rdata: that lane's word, in the clock after a read was accepted.
    """

    def __init__(self, config: NmpuConfig) -> None:
        self._lanes, self._width = config.array.lanes, config.derived.param_width
        self._sub_words, self._space = sub_words(config), lane_space(config)
        window = register_map(config).window("PARAMETERS")
        super().__init__(
            {
                **{name: member.flip() for name, member in _window_members(window).items()},
                "host_en": Out(1),
                "host_we": Out(1),
                "host_addr": Out(range(max(param_words(config), 2))),
                "host_lane": Out(range(max(self._lanes, 2))),
                "host_wdata": Out(self._width),
                "host_ready": In(1),
                "host_rdata": In(self._width),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        last = self._sub_words - 1
        at_lane, at_word = last.bit_length(), (self._sub_words * self._space - 1).bit_length()
        sub, lane, word = self.addr[:at_lane], self.addr[at_lane:at_word], self.addr[at_word:]
        keep = Signal()
        column = Signal(32 * self._sub_words)
        kept = Signal(32 * last, reset_less=True)
        part = Signal(range(max(last + 1, 2)), reset_less=True)
        m.d.comb += [
            self.error.eq(lane >= self._lanes),
            keep.eq(self.we & (sub != last)),
            self.ready.eq(self.error | keep | self.host_ready),
            self.host_en.eq(self.en & ~self.error & ~keep),
            self.host_we.eq(self.we),
            self.host_addr.eq(word),
            self.host_lane.eq(lane),
            self.host_wdata.eq(Cat(kept, self.wdata)),
            column.eq(self.host_rdata),
            self.rdata.eq(column.word_select(part, 32)),
        ]
        with m.If(self.en & keep & ~self.error):
            m.d.sync += kept.word_select(sub, 32).eq(self.wdata)
        with m.If(self.host_en & ~self.we & self.host_ready):
            m.d.sync += part.eq(sub)
        return m


def _port(register: Register, field: Field) -> str:
    return f"{register.name}_{field.name}".lower()


def _member(field: Field) -> wiring.Member:
    if field.access == "rw":
        return Out(field.width, init=field.reset)
    if field.access == "pulse":
        return Out(1)
    return In(COUNT_WIDTH if field.access == "count" else field.width)


def _window_members(window: Window) -> dict[str, wiring.Member]:
    """The ports of a window, seen from the registers."""
    return {
        "en": Out(1),
        "we": Out(1),
        "addr": Out(range(max(window.words, 2))),
        "wdata": Out(32),
        "ready": In(1),
        "rdata": In(32),
        "error": In(1),
    }


def _inside(address: Value, window: Window) -> Value:
    """Whether ``address`` is in ``window``, which starts at a multiple of the next power of two of its size."""
    bits = (window.words - 1).bit_length()
    index = address[2 : 2 + bits]
    return (address[2 + bits :] == window.address >> 2 + bits) & (index < window.words)


def _any_of(options: list[tuple[Value, Value]]) -> Value:
    """The value whose condition holds, 0 where none does; no two hold at a time."""
    result: Value = C(0, 32)
    for condition, value in options:
        result = result | Mux(condition, value, 0)
    return result
