"""The top: streams in AXI's names, lanes, parameter memory and control."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .config import NmpuConfig
from .float_lane import FloatLane
from .front_end import FrontEnd, held_name
from .lane import Lane, lane_settings
from .memory import ParamMemory, TileArbiter
from .modules import place
from .phases import count_phases, phase_ports
from .ports import Port, config_ports, front_ports, top_ports
from .sequencer import Sequencer, side_layout
from .stage import Pipeline
from .walker import Collector, Walker

__all__ = ["Nmpu"]


class Nmpu(wiring.Component):
    """The near-memory digital processing unit.  Ports: :func:`nmpu_hdl.ports.top_ports`, clk and rst.

    A pass over C columns takes ``ceil(C / lanes)`` beats and shows its last result ``how.stages`` clocks after its
    last beat was taken.  A beat flows each clock, within a pass and from one to the next, unless the source or the sink
    stalls or the host uses the parameter port.

    Where fewer lanes are built, or lanes take several clocks for a column, a beat takes ``derived.beat_cycles`` clocks,
    and is taken in the last of them.  A write to the parameters makes it start over, so that all its columns see the
    same.

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

        take, step = Signal(name="take"), Signal(name="step")
        entry = self._entry(m, platform)
        for port in config_ports(config):
            m.d.comb += getattr(sequencer, port.name).eq(entry.settings[port.name])
        due, rewritten = arbiter.fresh & entry.valid & pipeline.i.ready, self.param_en & self.param_we.any()
        told = count_phases(m, platform, config, sequencer, step=due, again=rewritten)
        here, room = arbiter.fresh & entry.valid, arbiter.fresh & pipeline.i.ready
        if config.derived.clocked:
            here, room = here & told["final"], room & told["final"]
        m.d.comb += [
            pipeline.i.valid.eq(here),
            pipeline.i.payload.eq(sequencer.side),
            step.eq(pipeline.i.valid & pipeline.i.ready),
            take.eq(entry.valid & entry.ready),
            sequencer.take.eq(take),
            arbiter.fetch_en.eq(step | ~arbiter.fresh),
            self.m_axis_tlast.eq(pipeline.o.payload.last),
        ]
        if not config.derived.front_end.present:
            m.d.comb += self.frame_error.eq(take & (self.s_axis_tlast != sequencer.side.last))
        self._connect_memory(m, platform, arbiter)
        results: Sequence[Any] = self._connect_lanes(m, platform, entry.codes, arbiter, pipeline, told)
        if config.derived.walk > 1:
            results = self._walk(m, platform, step, (entry.ready, room), sequencer, arbiter, pipeline, results)
        else:
            m.d.comb += [
                entry.ready.eq(room),
                arbiter.fetch_addr.eq(sequencer.slot),
                self.m_axis_tvalid.eq(pipeline.o.valid),
                pipeline.o.ready.eq(self.m_axis_tready),
            ]
        self._connect_results(m, pipeline, results)
        return m

    def _entry(self, m: Module, platform: Any) -> _Entry:
        """Operands of a slot and the settings of their pass: the streams and pins themselves, or a front end's."""
        ports = config_ports(self.config)
        if not self.config.derived.front_end.present:
            pins = {port.name: getattr(self, port.name) for port in ports}
            return _Entry(self.s_axis_tvalid, self.s_axis_tready, self.s_axis_tdata, pins)
        front = FrontEnd(self.config)
        place(m, platform, "front_end", front)
        for port in (*ports, *front_ports(self.config)):
            m.d.comb += getattr(front, port.name).eq(getattr(self, port.name))
        m.d.comb += [
            front.i_valid.eq(self.s_axis_tvalid),
            self.s_axis_tready.eq(front.i_ready),
            front.i_data.eq(self.s_axis_tdata),
            front.i_last.eq(self.s_axis_tlast),
            front.go.eq(1),
            self.frame_error.eq(front.frame),
        ]
        held = {port.name: getattr(front, held_name(port)) for port in ports}
        return _Entry(front.o_valid, front.o_ready, front.codes, held)

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

    def _connect_lanes(
        self, m: Module, platform: Any, entry: Value, arbiter: TileArbiter, pipeline: Pipeline, told: dict[str, Value]
    ) -> Sequence[Lane | FloatLane]:
        config, derived = self.config, self.config.derived
        make = FloatLane if derived.floating else Lane
        lanes = [make(config) for _ in range(derived.built)]
        codes = self._codes_of_group(m, entry, pipeline)
        for k, lane in enumerate(lanes):
            place(m, platform, "lane", lane, f"lane_{k}")
            m.d.comb += [
                lane.codes.eq(codes.word_select(k, len(lane.codes))),
                lane.param.eq(arbiter.tile.rdata.word_select(k, len(lane.param))),
                lane.enable.eq(pipeline.enable),
            ]
            m.d.comb += [getattr(lane, name).eq(told[name]) for name in phase_ports(config)]
            for name, (step, _) in lane_settings(config).items():
                m.d.comb += getattr(lane, name).eq(getattr(pipeline.at[derived.stage_of[step]], name))
        return lanes

    def _codes_of_group(self, m: Module, entry: Value, pipeline: Pipeline) -> Value:
        """Codes of the columns that the lanes are to take."""
        config = self.config
        if config.derived.walk == 1:
            return entry
        width = config.derived.built * config.codes.counts * config.derived.operand.width
        codes = Signal(width, name="codes")
        with m.Switch(pipeline.i.payload.group):
            for group in range(config.derived.walk):
                with m.Case(group):
                    m.d.comb += codes.eq(entry.word_select(group, width))
        return codes

    def _walk(
        self,
        m: Module,
        platform: Any,
        step: Signal,
        offer: tuple[Signal, Value],
        sequencer: Sequencer,
        arbiter: TileArbiter,
        pipeline: Pipeline,
        lanes: Sequence[Any],
    ) -> Sequence[Any]:
        """Lanes that walk through the columns of a beat; returns the results of all its columns.

        ``offer``: what tells that the beat is taken, and whether the lanes would be done with a group in this clock.
        """
        ready, room = offer
        walker, collector = Walker(self.config), Collector(self.config)
        place(m, platform, "walker", walker)
        place(m, platform, "collector", collector)
        complete = Signal()
        m.d.comb += [
            walker.step.eq(step),
            walker.again.eq(self.param_en & self.param_we.any()),
            walker.slot.eq(sequencer.slot),
            sequencer.group.eq(walker.group),
            arbiter.fetch_addr.eq(walker.word),
            ready.eq(room & walker.final),
            complete.eq(pipeline.o.payload.group == self.config.derived.walk - 1),
            self.m_axis_tvalid.eq(pipeline.o.valid & complete),
            pipeline.o.ready.eq(self.m_axis_tready | ~complete),
            collector.load.eq(pipeline.o.valid),
            collector.group.eq(pipeline.o.payload.group),
            collector.i.eq(Cat(*(Cat(lane.y, lane.low, lane.high) for lane in lanes))),
        ]
        return [collector.o[k] for k in range(self.config.array.lanes)]

    def _connect_results(self, m: Module, pipeline: Pipeline, results: Sequence[Any]) -> None:
        active = [Signal(name=f"active_{k}") for k in range(self.config.array.lanes)]
        m.d.comb += [on.eq(pipeline.o.payload.active > k) for k, on in enumerate(active)]
        m.d.comb += [
            self.m_axis_tdata.eq(Cat(Mux(on, lane.y, 0) for on, lane in zip(active, results, strict=True))),
            self.m_axis_tuser.eq(
                Cat(
                    *(on & lane.low for on, lane in zip(active, results, strict=True)),
                    *(on & lane.high for on, lane in zip(active, results, strict=True)),
                )
            ),
        ]


class _Entry(NamedTuple):
    """Where beats of operands come from."""

    valid: Value
    ready: Signal
    codes: Value
    settings: dict[str, Value]


_INPUTS = ("en", "we", "addr", "wdata")


def _member(port: Port) -> wiring.Member:
    shape = signed(port.width) if port.signed else unsigned(port.width)
    return In(shape) if port.flow == "in" else Out(shape)
