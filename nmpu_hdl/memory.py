"""The parameter memory behind an SRAM tile port, and who may use that port."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .config import NmpuConfig
from .modules import place
from .storage import LaneMemory, OnePort

__all__ = ["ParamMemory", "TileArbiter", "TileSignature"]


class TileSignature(wiring.Signature):
    """A single-port synchronous SRAM, seen from its user.

    In a clock with ``en`` high: if a bit of ``we`` is high, the words of those lanes are written at ``addr``; if none
    is, the words at ``addr`` are read and ``rdata`` shows it from the next clock until the next access.  What ``rdata``
    shows after a write is undefined.

    Args:
        config: gives slots, lanes and the width of a lane's word.
    """

    def __init__(self, config: NmpuConfig) -> None:
        built = config.derived.built
        word = built * config.derived.param_width
        super().__init__(
            {
                "en": Out(1),
                "we": Out(built),
                "addr": Out(range(max(config.derived.words, 2))),
                "wdata": Out(word),
                "rdata": In(word),
            }
        )


class ParamMemory(wiring.Component):
    """The SRAM tile: a :class:`LaneMemory` for each lane, or a macro.  Its content is undefined until written.

    Args:
        config: gives slots, lanes and the width of a lane's word.
    """

    def __init__(self, config: NmpuConfig) -> None:
        self._config = config
        super().__init__({"tile": In(TileSignature(config))})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        config, tile, width = self._config, self.tile, self._config.derived.param_width
        if config.how.memory == "macro":
            sram = OnePort("params", config.derived.words, width, config.derived.built, "macro")
            place(m, platform, "params_memory", sram)
            m.d.comb += [getattr(sram, name).eq(getattr(tile, name)) for name in ("en", "we", "addr", "wdata")]
            m.d.comb += tile.rdata.eq(sram.rdata)
            return m
        read = Signal()
        m.d.comb += read.eq(tile.en & ~tile.we.any())
        for k in range(config.derived.built):
            words = LaneMemory(width, config.derived.words)
            place(m, platform, "words", words, f"words_{k}")
            m.d.comb += [
                words.write.eq(tile.en & tile.we[k]),
                words.read.eq(read),
                words.addr.eq(tile.addr),
                words.wdata.eq(tile.wdata.word_select(k, width)),
                tile.rdata.word_select(k, width).eq(words.rdata),
            ]
        return m


class TileArbiter(wiring.Component):
    """One tile for two users: the host always wins, the fetch of the running pass waits.

    Args:
        config: gives slots, lanes and the width of a lane's word.

    Attributes:
        host: the parameter port of the top.
        fetch_addr: the slot whose parameters the pass needs in the next clock.
        fetch_en: it needs them read.
        fresh: ``tile.rdata`` shows the slot that was last asked for; falls with every access of the host.
        tile: the memory.
    """

    def __init__(self, config: NmpuConfig) -> None:
        tile = TileSignature(config)
        super().__init__(
            {
                "host": In(tile),
                "fetch_addr": In(range(max(config.derived.words, 2))),
                "fetch_en": In(1),
                "fresh": Out(1),
                "tile": Out(tile),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        host, tile = self.host, self.tile
        m.d.comb += [
            tile.en.eq(host.en | self.fetch_en),
            tile.we.eq(Mux(host.en, host.we, 0)),
            tile.addr.eq(Mux(host.en, host.addr, self.fetch_addr)),
            tile.wdata.eq(host.wdata),
            host.rdata.eq(tile.rdata),
        ]
        with m.If(host.en):
            m.d.sync += self.fresh.eq(0)
        with m.Elif(self.fetch_en):
            m.d.sync += self.fresh.eq(1)
        return m
