"""The unit around the core: bus, layer program, memories, and what follows the lanes."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import C, Cat, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .after import TABLE_PORT, After
from .bus import AxiLite
from .bypass import Bypass
from .conductor import Conductor
from .config import NmpuConfig
from .csr import Csr, ParamPort
from .faults import Faults
from .fetcher import Fetcher
from .front_end import FrontEnd
from .modules import place
from .observe import Observe, Tally
from .pack import pack_ports
from .parameters import Parameters
from .ports import config_ports, front_ports, tile_ports
from .program import descriptor_stride
from .registers import register_map
from .storage import OnePort
from .sums import Sums
from .unit import Unit

__all__ = ["NmpuAxi"]


class _Parts:
    """The parts that several others are connected to."""

    def __init__(self, m: Module, platform: Any, config: NmpuConfig) -> None:
        self.csr, self.conductor, self.unit = Csr(config), Conductor(config), Unit(config)
        self.parameters, self.after, self.tally = Parameters(config), After(config), Tally(config)
        for name, part in vars(self).copy().items():
            place(m, platform, name, part, clocked=getattr(part, "clocked", True))
        self.sums = Sums(config) if config.tile.blocks > 1 else None
        if self.sums:
            place(m, platform, "sums", self.sums)
        self.front = FrontEnd(config) if config.derived.front_end.present else None
        if self.front:
            place(m, platform, "front_end", self.front)
        self.bypassing = Signal(name="bypassing")
        self.counting: list[Value] = [self.tally.busy]


class NmpuAxi(wiring.Component):
    """The complete near-memory unit.  Ports: :func:`nmpu_hdl.ports.tile_ports`, clk and rst; docs/tile.md.

    A beat each ``derived.beat_cycles`` clocks (one, if lanes are parallel) within a layer, from pass to pass as well;
    ``derived.layer_gap`` clocks between layers whose descriptor has been read meanwhile; ``derived.depth`` clocks from
    the beat of a last block to its result.

    Args:
        config: a configuration with ``tile.kind = "axi"``.
    """

    def __init__(self, config: NmpuConfig) -> None:
        self.config = config
        super().__init__(
            {
                p.name: (In if p.flow == "in" else Out)(signed(p.width) if p.signed else unsigned(p.width))
                for p in tile_ports(config)
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        parts = _Parts(m, platform, self.config)
        self._connect_bus(m, platform, parts)
        self._connect_program(m, platform, parts)
        self._connect_datapath(m, parts)
        self._connect_inputs(m, parts)
        self._connect_outputs(m, platform, parts)
        self._connect_injection(m, parts)
        self._connect_counters(m, parts)
        if self.config.tile.protect != "none":
            self._connect_faults(m, platform, parts)
        if self.config.tile.observe:
            self._connect_observer(m, platform, parts)
        shown = Cat(parts.after.shows, *parts.counting)
        m.d.comb += parts.conductor.quiet.eq(parts.unit.empty & ~shown.any())
        return m

    def _connect_bus(self, m: Module, platform: Any, p: _Parts) -> None:
        bus, gate = AxiLite(register_map(self.config).address_width), ParamPort(self.config)
        place(m, platform, "bus", bus)
        place(m, platform, "param_port", gate)
        for port in tile_ports(self.config):
            name = port.name.removeprefix("s_axil_")
            if name != port.name:
                mine, theirs = getattr(self, port.name), getattr(bus, name)
                m.d.comb += theirs.eq(mine) if port.flow == "in" else mine.eq(theirs)
        wiring.connect(m, bus.bus, p.csr.bus)
        m.d.comb += self.irq.eq(p.csr.irq)
        inputs, outputs = TABLE_PORT
        _join(m, (p.csr, "parameters_"), (gate, ""), inputs)
        _join(m, (gate, ""), (p.csr, "parameters_"), outputs)
        _join(m, (gate, "host_"), (p.parameters, "host_"), ("en", "we", "addr", "lane", "wdata"))
        _join(m, (p.parameters, "host_"), (gate, "host_"), ("ready", "rdata"))
        if self.config.tile.table:
            _join(m, (p.csr, "table_"), (p.after, "table_"), inputs)
            _join(m, (p.after, "table_"), (p.csr, "table_"), outputs)
            m.d.comb += p.after.busy_bank.eq(p.conductor.banks)

    def _connect_program(self, m: Module, platform: Any, p: _Parts) -> None:
        """Descriptors: the fetcher comes before the bus."""
        csr, conductor, fetcher = p.csr, p.conductor, Fetcher(self.config)
        words = self.config.tile.descriptors * descriptor_stride(self.config)
        memory = OnePort("descriptors", words, 32, 1, "macro" if self.config.how.memory == "macro" else "internal")
        place(m, platform, "fetcher", fetcher)
        place(m, platform, "descriptors", memory)
        m.d.comb += [
            memory.en.eq(fetcher.en | csr.descriptors_en),
            memory.we.eq(csr.descriptors_en & csr.descriptors_we & ~fetcher.en),
            memory.addr.eq(Mux(fetcher.en, fetcher.addr, csr.descriptors_addr)),
            memory.wdata.eq(csr.descriptors_wdata),
            fetcher.rdata.eq(memory.rdata),
            csr.descriptors_ready.eq(~fetcher.en),
            csr.descriptors_rdata.eq(memory.rdata),
        ]
        _join(m, (conductor, ""), (fetcher, ""), ("request", "index"))
        _join(m, (fetcher, ""), (conductor, ""), ("there", "legal", "descriptor"))
        _join(m, (csr, "control_"), (conductor, ""), ("start", "abort", "swap"))
        _join(m, (conductor, ""), (csr, "status_"), ("busy", "swapping", "bank"))
        _join(m, (conductor, ""), (csr, "events_"), ("done", "swapped", "aborted"))
        m.d.comb += [
            conductor.first.eq(csr.first_index),
            conductor.flushed.eq(p.unit.o.valid & (p.unit.o.payload.tag.turn == conductor.turn)),
            csr.status_index.eq(conductor.layer),
            csr.events_descriptor.eq(conductor.illegal),
        ]

    def _connect_datapath(self, m: Module, p: _Parts) -> None:
        """What the pass that is due needs is read a clock ahead: its parameters, and codes from an SRAM."""
        unit, conductor, parameters = p.unit, p.conductor, p.parameters
        fresh, fetch = Signal(name="fresh"), Signal(name="fetch")
        _join(m, (conductor, ""), (unit, ""), [port.name for port in config_ports(self.config)])
        _join(m, (conductor, ""), (unit, ""), ("settings", "stopping", "restart"))
        _join(m, (unit, ""), (conductor, ""), ("pass_end", "slot"))
        if p.sums:
            ahead = ("ahead_en", "ahead_slot", "write_en", "write_slot", "wdata", "forward")
            _join(m, (unit, "sums_"), (p.sums, ""), ahead)
            _join(m, (p.sums, ""), (unit, "sums_"), ("rdata", "wrong"))
        m.d.comb += [
            fetch.eq(conductor.due & (unit.take | ~fresh)),
            unit.ready.eq(fresh & conductor.run & ~p.bypassing),
            parameters.fetch_en.eq(fetch),
            parameters.fetch_addr.eq(conductor.due_base + unit.due_slot),
            parameters.fetch_bank.eq(conductor.due_bank),
            parameters.bank.eq(conductor.bank),
            unit.param.eq(parameters.rdata),
            unit.param_wrong.eq(parameters.wrong),
            unit.o.ready.eq(p.after.i.ready),
            p.after.i.valid.eq(unit.o.valid),
            p.after.i.payload.eq(unit.o.payload),
        ]
        with m.If(fetch):
            m.d.sync += fresh.eq(1)
        with m.Elif(~conductor.due):
            m.d.sync += fresh.eq(0)
        if self.config.tile.input == "sram":
            m.d.comb += [self.codes_en.eq(fetch), self.codes_addr.eq(conductor.due_codes + unit.due_slot)]

    def _connect_inputs(self, m: Module, p: _Parts) -> None:
        config, unit = self.config, p.unit
        if p.front:
            self._connect_front(m, p, p.front)
        elif config.tile.input == "sram":
            m.d.comb += [unit.codes_valid.eq(1), unit.codes.eq(self.codes_rdata)]
        else:
            m.d.comb += [
                unit.codes_valid.eq(self.s_axis_tvalid),
                unit.codes.eq(self.s_axis_tdata),
                unit.keep.eq(self.s_axis_tkeep),
                unit.last.eq(self.s_axis_tlast),
                self.s_axis_tready.eq(unit.codes_ready),
            ]
        if config.tile.residual:
            m.d.comb += [
                unit.res_valid.eq(self.s_axis_res_tvalid),
                unit.res.eq(self.s_axis_res_tdata),
                self.s_axis_res_tready.eq(unit.res_ready),
            ]
        if config.tile.chain > 1:
            m.d.comb += [
                unit.si_valid.eq(self.s_axis_sum_tvalid),
                unit.si.eq(self.s_axis_sum_tdata),
                unit.si_mark.eq(self.s_axis_sum_tuser),
                self.s_axis_sum_tready.eq(unit.si_ready),
            ]

    def _connect_front(self, m: Module, p: _Parts, front: FrontEnd) -> None:
        """Beats go to the front end, and its operands to the unit.

        The first beat of a layer is not taken before the last operands of the layer before have been, for until then
        the settings are that layer's.
        """
        begins = front.first & (front.ahead > p.conductor.left)
        m.d.comb += [
            front.i_valid.eq(self.s_axis_tvalid),
            front.i_data.eq(self.s_axis_tdata),
            front.i_keep.eq(self.s_axis_tkeep),
            front.i_last.eq(self.s_axis_tlast),
            self.s_axis_tready.eq(front.i_ready),
            front.go.eq(p.conductor.run & ~p.bypassing & ~begins),
            front.clear.eq(p.conductor.restart),
            p.unit.codes_valid.eq(front.o_valid),
            p.unit.codes.eq(front.codes),
            front.o_ready.eq(p.unit.codes_ready),
        ]
        _join(m, (p.conductor, ""), (front, ""), ["cfg_columns", *(port.name for port in front_ports(self.config))])

    def _connect_outputs(self, m: Module, platform: Any, p: _Parts) -> None:
        config, unit = self.config, p.unit
        for port in pack_ports(config):
            mine, theirs = getattr(self, port.name), getattr(p.after, port.name)
            m.d.comb += theirs.eq(mine) if port.flow == "in" else mine.eq(theirs)
        if config.tile.chain > 1:
            m.d.comb += [
                unit.so_ready.eq(self.m_axis_sum_tready),
                self.m_axis_sum_tvalid.eq(unit.so_valid),
                self.m_axis_sum_tdata.eq(unit.so),
                self.m_axis_sum_tlast.eq(unit.so_last),
                self.m_axis_sum_tuser.eq(unit.so_mark),
            ]
        if config.tile.input == config.tile.output == "stream":
            self._connect_bypass(m, platform, p)

    def _connect_bypass(self, m: Module, platform: Any, p: _Parts) -> None:
        """While no program runs, codes may go past the lanes."""
        bypass = Bypass(self.config)
        place(m, platform, "bypass", bypass)
        m.d.comb += [
            bypass.enable.eq(p.csr.mode_bypass & ~p.conductor.busy),
            p.bypassing.eq(bypass.enable | bypass.busy),
            bypass.m_tready.eq(self.m_axis_tready),
        ]
        _join(m, (self, "s_axis_"), (bypass, "s_"), ("tvalid", "tdata", "tlast"))
        with m.If(p.bypassing):
            _join(m, (bypass, "m_"), (self, "m_axis_"), ("tvalid", "tdata", "tlast"))
            m.d.comb += [
                self.s_axis_tready.eq(bypass.s_tready),
                self.m_axis_tkeep.eq(~0),
                self.m_axis_tuser.eq(0),
            ]

    def _connect_injection(self, m: Module, p: _Parts) -> None:
        """Errors on demand; without protection there are none."""
        memories: list[Any] = [p.parameters, p.sums] if p.sums else [p.parameters]
        for number, memory in enumerate(memories):
            m.d.comb += memory.inject_en.eq(p.csr.status_armed & (p.csr.inject_memory == number))
            _join(m, (p.csr, "inject_"), (memory, "inject_"), ("lane", "first", "double", "second"))

    def _connect_faults(self, m: Module, platform: Any, p: _Parts) -> None:
        csr, unit, parameters, faults = p.csr, p.unit, p.parameters, Faults(self.config)
        place(m, platform, "faults", faults)
        lanes = self.config.array.lanes
        p.counting.append(faults.busy)
        _join(m, (parameters, ""), (faults, "param_"), ("corrected", "wrong"))
        _join(m, (parameters, ""), (faults, ""), ("fetch_en", "fetch_addr", "host_addr", "host_lane"))
        _join(m, (parameters, ""), (faults, ""), ("host_corrected", "host_wrong"))
        if p.sums:
            _join(m, (p.sums, ""), (faults, "sums_"), ("corrected", "wrong"))
            _join(m, (p.sums, ""), (faults, ""), ("ahead_en", "ahead_slot"))
        _join(m, (faults, ""), (csr, "error_at_"), ("memory", "host", "lane", "word"))
        m.d.comb += [
            faults.taken.eq(Mux(unit.take, unit.active, 0)),
            faults.used.eq(unit.sums_used),
            faults.host_read.eq(parameters.host_en & parameters.host_ready & ~parameters.host_we),
            # What is not there is never written, and would leave the injection armed for good.
            faults.arm.eq(csr.inject_arm & (csr.inject_lane < lanes) & (1 if p.sums else ~csr.inject_memory)),
            faults.injected.eq(parameters.injected | (p.sums.injected if p.sums else 0)),
            csr.status_armed.eq(faults.armed),
            csr.corrected_count.eq(faults.corrected),
            csr.uncorrected_count.eq(faults.uncorrected),
            csr.events_corrected.eq(faults.corrected != 0),
            csr.events_uncorrected.eq(faults.uncorrected != 0),
        ]

    def _connect_observer(self, m: Module, platform: Any, p: _Parts) -> None:
        observe = Observe(self.config)
        place(m, platform, "observe", observe)
        m.d.comb += [
            observe.valid.eq(p.unit.seen),
            Value.cast(observe.values).eq(p.unit.sums_forward),
            observe.active.eq(p.unit.sum_active),
            observe.clear.eq(p.csr.control_clear),
        ]
        p.counting.append(observe.busy)
        for name, value in (("a_min", observe.a_min), ("a_max", observe.a_max)):
            for k, half in enumerate(("low", "high")):
                m.d.comb += getattr(p.csr, f"{name}_{half}_value").eq(value.word_select(k, 32))

    def _connect_counters(self, m: Module, p: _Parts) -> None:
        csr, unit, tally = p.csr, p.unit, p.tally
        stalled: Value = C(0, 1)
        if self.config.tile.output == "stream":
            stalled = self.m_axis_tvalid & ~self.m_axis_tready & ~p.bypassing
        if self.config.tile.chain > 1:
            stalled |= self.m_axis_sum_tvalid & ~self.m_axis_sum_tready
        m.d.comb += [
            tally.valid.eq(unit.o.valid & unit.o.ready),
            tally.low.eq(unit.o.payload.low),
            tally.high.eq(unit.o.payload.high),
            tally.clear.eq(csr.control_clear),
            csr.passes_count.eq(unit.pass_end),
            csr.columns_count.eq(Mux(unit.take, unit.count, 0)),
            csr.stall_in_count.eq(self._waits(p) | unit.starved),
            csr.stall_out_count.eq(stalled),
            csr.sat_low_count.eq(tally.low_count),
            csr.sat_high_count.eq(tally.high_count),
            csr.events_frame.eq(p.front.frame if p.front else unit.frame),
            csr.events_layer.eq(unit.ended),
        ]

    def _waits(self, p: _Parts) -> Value:
        """A program lacks codes, or a neighbour's sums."""
        if not p.front:
            return p.unit.willing & p.unit.lacking
        return (p.unit.willing & p.unit.codes_valid & p.unit.lacking) | (p.front.i_ready & ~self.s_axis_tvalid)


def _join(m: Module, source: tuple[Any, str], target: tuple[Any, str], names: Any) -> None:
    """Connect ports of the same name, but for a prefix on either side, from ``source`` to ``target``."""
    for name in names:
        m.d.comb += getattr(target[0], target[1] + name).eq(getattr(source[0], source[1] + name))
