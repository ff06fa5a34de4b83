"""Memories behind one port signature: arrays inside, or one macro each.

What a memory holds is undefined until it is written.
"""

from __future__ import annotations

from typing import Any, Literal

from amaranth.hdl import Cat, ClockSignal, Instance, Module, Value
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from .macros import Macro
from .modules import ModuleLibrary, place

__all__ = ["Kind", "LaneMemory", "OnePort", "TwoPort"]

Kind = Literal["internal", "external", "macro"]
"""``how.memory``; a memory inside a component cannot be external, and is then taken for internal."""


class OnePort(wiring.Component):
    """A single-port synchronous SRAM.

    In a clock with ``en`` high: if a bit of ``we`` is high, the words of those lanes are written at ``addr``; if none
    is, the word at ``addr`` is read and ``rdata`` shows it from the next clock until the next access.  What ``rdata``
    shows after a write is undefined.

    Args:
        name: names its modules, so that equal names must mean equal memories.
        words: words, at least 1.
        width: bits of a word a lane.
        lanes: lanes, with a bit of ``we`` each; lane 0 is lowest in ``wdata`` and ``rdata``.
        kind: ``internal``: an array a lane.  ``macro``: an instance of the module ``nmpu_macro_<name>``; in Amaranth's
            simulator, which has no such module, arrays stand for it.
    """

    def __init__(self, name: str, words: int, width: int, lanes: int, kind: Kind) -> None:
        self._width, self._kind = width, kind
        self.macro = Macro(name, words, lanes * width, lanes)
        super().__init__(
            {
                "en": In(1),
                "we": In(lanes),
                "addr": In(range(max(words, 2))),
                "wdata": In(lanes * width),
                "rdata": Out(lanes * width),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        if self._kind == "macro" and isinstance(platform, ModuleLibrary):
            pins = {
                "clk0": ClockSignal(),
                "csb0": ~self.en,
                "web0": ~self.we.any(),
                "wmask0": self.we,
                "addr0": self.addr,
                "din0": self.wdata,
                "dout0": self.rdata,
            }
            _instantiate(m, self.macro, pins)
            return m
        for k in range(self.macro.lanes):
            words = LaneMemory(self._width, self.macro.words)
            place(m, platform, f"{self.macro.name}_words", words, f"words_{k}")
            m.d.comb += [
                words.write.eq(self.en & self.we[k]),
                words.read.eq(self.en & ~self.we.any()),
                words.addr.eq(self.addr),
                words.wdata.eq(self.wdata.word_select(k, self._width)),
                self.rdata.word_select(k, self._width).eq(words.rdata),
            ]
        return m


class TwoPort(wiring.Component):
    """A synchronous SRAM with a port that reads and one that writes, all lanes at once.

    In a clock with ``read_en`` high the word at ``read_addr`` is read: ``rdata`` shows it from the next clock until the
    next read.  In a clock with ``write_en`` high ``wdata`` is written at ``write_addr``.  What is read where the same
    word is written in the same clock is undefined.

    Args:
        name, words, width, lanes, kind: as for :class:`OnePort`.
    """

    def __init__(self, name: str, words: int, width: int, lanes: int, kind: Kind) -> None:
        self._width, self._lanes, self._kind = width, lanes, kind
        self.macro = Macro(name, words, lanes * width, ports=2)
        address = range(max(words, 2))
        super().__init__(
            {
                "read_en": In(1),
                "read_addr": In(address),
                "rdata": Out(lanes * width),
                "write_en": In(1),
                "write_addr": In(address),
                "wdata": In(lanes * width),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        if self._kind == "macro" and isinstance(platform, ModuleLibrary):
            pins = {
                "clk0": ClockSignal(),
                "csb0": ~self.write_en,
                "addr0": self.write_addr,
                "din0": self.wdata,
                "clk1": ClockSignal(),
                "csb1": ~self.read_en,
                "addr1": self.read_addr,
                "dout1": self.rdata,
            }
            _instantiate(m, self.macro, pins)
            return m
        lanes = [_LaneTwoPort(self._width, self.macro.words) for _ in range(self._lanes)]
        for k, words in enumerate(lanes):
            place(m, platform, f"{self.macro.name}_words", words, f"words_{k}")
            for name in ("read_en", "read_addr", "write_en", "write_addr"):
                m.d.comb += getattr(words, name).eq(getattr(self, name))
            m.d.comb += words.wdata.eq(self.wdata.word_select(k, self._width))
        m.d.comb += self.rdata.eq(Cat(words.rdata for words in lanes))
        return m


class LaneMemory(wiring.Component):
    """The words of one lane, read and written at one address.

    Args:
        width: bits of a word.
        depth: words.
    """

    def __init__(self, width: int, depth: int) -> None:
        self._width, self._depth = width, depth
        address = range(max(depth, 2))
        super().__init__(
            {
                "write": In(1),
                "read": In(1),
                "addr": In(address),
                "wdata": In(width),
                "rdata": Out(width),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.cells = cells = memory.Memory(shape=self._width, depth=self._depth, init=[])
        write, read = cells.write_port(), cells.read_port()
        m.d.comb += [
            write.addr.eq(self.addr),
            write.data.eq(self.wdata),
            write.en.eq(self.write),
            read.addr.eq(self.addr),
            read.en.eq(self.read),
            self.rdata.eq(read.data),
        ]
        return m


class _LaneTwoPort(wiring.Component):
    """The words of one lane, read and written at addresses of their own."""

    def __init__(self, width: int, depth: int) -> None:
        self._width, self._depth = width, depth
        address = range(max(depth, 2))
        super().__init__(
            {
                "read_en": In(1),
                "read_addr": In(address),
                "rdata": Out(width),
                "write_en": In(1),
                "write_addr": In(address),
                "wdata": In(width),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.cells = cells = memory.Memory(shape=self._width, depth=self._depth, init=[])
        write, read = cells.write_port(), cells.read_port()
        m.d.comb += [
            write.addr.eq(self.write_addr),
            write.data.eq(self.wdata),
            write.en.eq(self.write_en),
            read.addr.eq(self.read_addr),
            read.en.eq(self.read_en),
            self.rdata.eq(read.data),
        ]
        return m


def _instantiate(m: Module, macro: Macro, pins: dict[str, Value]) -> None:
    """The macro, with those of ``pins`` that it has."""
    connections = {f"{'i' if pin.flow == 'in' else 'o'}_{pin.name}": pins[pin.name] for pin in macro.pins}
    m.submodules.macro = Instance(macro.module, **connections)
