"""The top: streams in AXI's names, lanes, parameter memory and control."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .config import NmpuConfig
from .lane import Lane, lane_settings
from .memory import ParamMemory, TileArbiter
from .modules import place
from .ports import Port, config_ports, top_ports
from .sequencer import Sequencer, side_layout
from .stage import Pipeline

__all__ = ["Nmpu"]


class Nmpu(wiring.Component):
    """The near-memory digital processing unit.  Ports: :func:`nmpu_hdl.ports.top_ports`, clk and rst.

    A pass over C columns takes ``ceil(C / lanes)`` beats and shows its last result ``how.stages`` clocks after its
    last beat was taken.  A beat flows each clock, within a pass and from one to the next, unless the source or the sink
    stalls or the host uses the parameter port.

    Args:
        config: the configuration.
    """

    def __init__(self, config: NmpuConfig) -> None:
        self.config = config
        super().__init__({port.name: _member(port) for port in top_ports(config)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        config = self.config
        sequencer = Sequencer(config)
        arbiter = TileArbiter(config)
        pipeline = Pipeline(side_layout(config), config.how.stages)
        place(m, platform, "sequencer", sequencer)
        place(m, platform, "arbiter", arbiter)
        place(m, platform, "pipeline", pipeline)

        take = Signal()
        for port in config_ports(config):
            m.d.comb += getattr(sequencer, port.name).eq(getattr(self, port.name))
        m.d.comb += [
            self.s_axis_tready.eq(arbiter.fresh & pipeline.i.ready),
            pipeline.i.valid.eq(arbiter.fresh & self.s_axis_tvalid),
            pipeline.i.payload.eq(sequencer.side),
            take.eq(self.s_axis_tvalid & self.s_axis_tready),
            sequencer.take.eq(take),
            arbiter.fetch_addr.eq(sequencer.slot),
            arbiter.fetch_en.eq(take | ~arbiter.fresh),
            self.frame_error.eq(take & (self.s_axis_tlast != sequencer.side.last)),
            self.m_axis_tvalid.eq(pipeline.o.valid),
            self.m_axis_tlast.eq(pipeline.o.payload.last),
            pipeline.o.ready.eq(self.m_axis_tready),
        ]
        self._connect_memory(m, platform, arbiter)
        self._connect_lanes(m, platform, arbiter, pipeline)
        return m

    def _connect_memory(self, m: Module, platform: Any, arbiter: TileArbiter) -> None:
        m.d.comb += [getattr(arbiter.host, name).eq(getattr(self, f"param_{name}")) for name in _INPUTS]
        m.d.comb += self.param_rdata.eq(arbiter.host.rdata)
        if self.config.how.memory == "external":
            m.d.comb += [getattr(self, f"mem_{name}").eq(getattr(arbiter.tile, name)) for name in _INPUTS]
            m.d.comb += arbiter.tile.rdata.eq(self.mem_rdata)
        else:
            tile = ParamMemory(self.config)
            place(m, platform, "memory", tile)
            wiring.connect(m, arbiter.tile, tile.tile)

    def _connect_lanes(self, m: Module, platform: Any, arbiter: TileArbiter, pipeline: Pipeline) -> None:
        config, stage_of = self.config, self.config.derived.stage_of
        lanes = [Lane(config) for _ in range(config.array.lanes)]
        active = [Signal(name=f"active_{k}") for k in range(config.array.lanes)]
        for k, lane in enumerate(lanes):
            place(m, platform, "lane", lane, f"lane_{k}")
            m.d.comb += [
                lane.codes.eq(self.s_axis_tdata.word_select(k, len(lane.codes))),
                lane.param.eq(arbiter.tile.rdata.word_select(k, len(lane.param))),
                lane.enable.eq(pipeline.enable),
                active[k].eq(pipeline.o.payload.active > k),
            ]
            for name, (step, _) in lane_settings(config).items():
                m.d.comb += getattr(lane, name).eq(getattr(pipeline.at[stage_of[step]], name))
        m.d.comb += [
            self.m_axis_tdata.eq(Cat(Mux(on, lane.y, 0) for on, lane in zip(active, lanes, strict=True))),
            self.m_axis_tuser.eq(
                Cat(
                    *(on & lane.low for on, lane in zip(active, lanes, strict=True)),
                    *(on & lane.high for on, lane in zip(active, lanes, strict=True)),
                )
            ),
        ]


_INPUTS = ("en", "we", "addr", "wdata")


def _member(port: Port) -> wiring.Member:
    shape = signed(port.width) if port.signed else unsigned(port.width)
    return In(shape) if port.flow == "in" else Out(shape)
