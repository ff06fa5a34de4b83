"""Raw codes to the output: what the converters delivered, in lanes of the output's width."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Array, Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .config import NmpuConfig

__all__ = ["Bypass"]


class Bypass(wiring.Component):
    """Hand a beat of raw codes out as ``beats`` beats of output codes.  No latency, and no storage of data.

    A lane's raw codes are ``counts * code width`` bits, an output code is W bits: beat j of ``beats = ceil(counts *
    code width / W)`` has bits ``[j*W +: W]`` of each lane's raw codes, with zeros above the last of them.  The beat of
    codes is taken together with its last output beat; its ``s_tdata`` and ``s_tlast`` must hold until then.

    Args:
        config: the configuration; streams in and out.

    Attributes:
        enable: begin with beats.  When it falls, a beat that has been offered is finished first.
        busy: a beat has been offered in an earlier clock, and is not finished: the output is still this unit's.
        s_tvalid, s_tready, s_tdata, s_tlast: codes of a slot, lane 0 lowest.
        m_tvalid, m_tready: output codes of a slot.
        m_tdata: ``lanes * W`` bits, lane 0 lowest.
        m_tlast: the last output beat of a beat with ``s_tlast``.
        beats: output beats a beat of codes.

    Raises:
        ValueError: codes or activations are in an SRAM.
    """

    def __init__(self, config: NmpuConfig) -> None:
        for name, kind in (("input", config.tile.input), ("output", config.tile.output)):
            if kind != "stream":
                raise ValueError(f"tile.{name} = {kind}: raw codes can go from stream to stream only")
        self._lanes, self._width = config.array.lanes, config.output.format.width
        self._raw = config.derived.front_end.bits
        self.beats = -(-self._raw // self._width)
        super().__init__(
            {
                "enable": In(1),
                "busy": Out(1),
                "s_tvalid": In(1),
                "s_tready": Out(1),
                "s_tdata": In(self._lanes * self._raw),
                "s_tlast": In(1),
                "m_tvalid": Out(1),
                "m_tready": In(1),
                "m_tdata": Out(self._lanes * self._width),
                "m_tlast": Out(1),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        part = Signal(range(max(self.beats, 2)))
        begun, open_, final = Signal(), Signal(), Signal()
        m.d.comb += [
            final.eq(part == self.beats - 1),
            open_.eq(self.enable | begun),
            self.busy.eq(begun),
            self.m_tvalid.eq(self.s_tvalid & open_),
            self.s_tready.eq(self.m_tready & open_ & final),
            self.m_tdata.eq(Array([self._part(j) for j in range(self.beats)])[part]),
            self.m_tlast.eq(self.s_tlast & final),
        ]
        with m.If(self.m_tvalid):
            # Once offered, a beat may not be taken back, whatever becomes of enable.
            m.d.sync += begun.eq(~(self.m_tready & final))
            with m.If(self.m_tready):
                m.d.sync += part.eq(0 if self.beats == 1 else part + 1)
                with m.If(final):
                    m.d.sync += part.eq(0)
        return m

    def _part(self, j: int) -> Signal:
        """Output beat ``j`` of the codes that are there."""
        lanes = []
        for k in range(self._lanes):
            raw = self.s_tdata.word_select(k, self._raw)
            piece = raw[j * self._width : (j + 1) * self._width]
            lanes.append(Cat(piece, *([0] * (self._width - len(piece)))))
        return Cat(*lanes)
