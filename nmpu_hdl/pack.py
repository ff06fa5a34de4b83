"""Results to the top's output: packed at the width in force, as a stream or into an SRAM."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Cat, Module, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from .config import NmpuConfig
from .fixed import choose
from .ports import Port, tile_ports
from .results import result_layout

__all__ = ["Pack", "pack_ports"]


def pack_ports(config: NmpuConfig) -> tuple[Port, ...]:
    """Those of :func:`nmpu_hdl.ports.tile_ports` by which activations leave."""
    return tuple(port for port in tile_ports(config) if port.name.startswith(("m_axis_t", "acts_")))


class Pack(wiring.Component):
    """Pack a slot of results.  Combinational: no clock, so no latency, and not to be placed as a module of its own.

    With the width w in force, ``m_axis_tdata[k*w +: w]`` is the lowest w bits of lane k's code; what lies above the
    last lane is 0.  ``tkeep`` has a bit for each byte that holds any bit of an active lane.  ``tuser`` is ``low``,
    ``high`` (a bit a lane each), ``mark``, lowest first.

    With ``tile.output = "sram"`` the same word goes to ``acts_wdata``, ``acts_we`` is ``tkeep``, ``acts_addr`` is
    ``tag.address + slot`` modulo ``2^tile.address``, and results are always taken.

    Args:
        config: the configuration.

    Attributes:
        i: stream of :func:`nmpu_hdl.results.result_layout`.
        (the ports of :func:`pack_ports`)
    """

    def __init__(self, config: NmpuConfig) -> None:
        self._config = config
        ports = {p.name: In(p.width) if p.flow == "in" else Out(p.width) for p in pack_ports(config)}
        super().__init__({"i": In(stream.Signature(result_layout(config))), **ports})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        beat = self.i.payload
        word, keep = self._packed()
        if self._config.tile.output == "stream":
            m.d.comb += [
                self.m_axis_tvalid.eq(self.i.valid),
                self.i.ready.eq(self.m_axis_tready),
                self.m_axis_tdata.eq(word),
                self.m_axis_tkeep.eq(keep),
                self.m_axis_tlast.eq(beat.last),
                self.m_axis_tuser.eq(Cat(beat.low, beat.high, beat.mark)),
            ]
        else:
            m.d.comb += [
                self.acts_en.eq(self.i.valid),
                self.i.ready.eq(1),
                self.acts_we.eq(keep),
                self.acts_addr.eq(beat.tag.address + beat.slot),
                self.acts_wdata.eq(word),
            ]
        return m

    def _packed(self) -> tuple[Value, Value]:
        """The word, and a bit for each of its bytes that active lanes have a part in."""
        lanes, beat = self._config.array.lanes, self.i.payload
        count = -(-lanes * self._config.output.format.width // 8)
        words, keeps = {}, {}
        for k, width in enumerate(self._config.derived.widths):
            words[k] = Cat(Value.cast(beat.y[lane])[:width] for lane in range(lanes))
            # Byte b starts below the end of the active lanes: active * width > 8 * b.
            keeps[k] = Cat(beat.active > 8 * b // width for b in range(count) if 8 * b // width < lanes)
        return choose(beat.tag.width, words, words[0]), choose(beat.tag.width, keeps, keeps[0])
