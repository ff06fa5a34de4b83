"""The unit around the core: bus, layer program, memories, and what follows the lanes."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import C, Cat, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .bus import AxiLite
from .bypass import Bypass
from .conductor import Conductor
from .config import NmpuConfig
from .csr import Csr, ParamPort
from .faults import Faults
from .fetcher import Fetcher
from .modules import place
from .observe import Observe, Tally
from .pack import Pack
from .parameters import Parameters
from .pool import Pool
from .ports import config_ports, tile_ports
from .program import descriptor_stride
from .registers import register_map
from .storage import OnePort
from .sums import Sums
from .table import Table
from .unit import Unit

__all__ = ["NmpuAxi"]


class NmpuAxi(wiring.Component):
    """The complete near-memory unit.  Ports: :func:`nmpu_hdl.ports.tile_ports`, clk and rst; docs/tile.md.

    Args:
        config: a configuration with ``tile.kind = "axi"``.
    """

    def __init__(self, config: NmpuConfig) -> None:
        self.config = config
        super().__init__(
            {
                port.name: (In if port.flow == "in" else Out)(signed(port.width) if port.signed else unsigned(port.width))
                for port in tile_ports(config)
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        parts = _Parts(m, platform, self.config)
        self._connect_bus(m, platform, parts)
        self._connect_program(m, platform, parts)
        self._connect_datapath(m, parts)
        end = self._connect_after(m, platform, parts)
        self._connect_streams(m, platform, parts)
        self._connect_faults(m, platform, parts)
        self._count(m, platform, parts, end)
        return m

    def _connect_bus(self, m: Module, platform: Any, p: _Parts) -> None:
        bus = AxiLite(register_map(self.config).address_width)
        place(m, platform, "bus", bus)
        for port in tile_ports(self.config):
            name = port.name.removeprefix("s_axil_")
            if name != port.name:
                mine, theirs = getattr(self, port.name), getattr(bus, name)
                m.d.comb += theirs.eq(mine) if port.flow == "in" else mine.eq(theirs)
        wiring.connect(m, bus.bus, p.csr.bus)
        m.d.comb += self.irq.eq(p.csr.irq)
        gate = ParamPort(self.config)
        place(m, platform, "param_port", gate)
        _window(m, p.csr, "parameters", gate)
        for name in ("en", "we", "addr", "lane", "wdata"):
            m.d.comb += getattr(p.parameters, f"host_{name}").eq(getattr(gate, f"host_{name}"))
        m.d.comb += [gate.host_ready.eq(p.parameters.host_ready), gate.host_rdata.eq(p.parameters.host_rdata)]

    def _connect_program(self, m: Module, platform: Any, p: _Parts) -> None:
        config, csr, conductor = self.config, p.csr, p.conductor
        fetcher = Fetcher(config)
        words = config.tile.descriptors * descriptor_stride(config)
        memory = OnePort("descriptors", words, 32, 1, "macro" if config.how.memory == "macro" else "internal")
        place(m, platform, "fetcher", fetcher)
        place(m, platform, "descriptors", memory)
        m.d.comb += [
            memory.en.eq(fetcher.en | csr.descriptors_en),
            memory.we.eq(csr.descriptors_we & ~fetcher.en),
            memory.addr.eq(Mux(fetcher.en, fetcher.addr, csr.descriptors_addr)),
            memory.wdata.eq(csr.descriptors_wdata),
            fetcher.rdata.eq(memory.rdata),
            csr.descriptors_ready.eq(~fetcher.en),
            csr.descriptors_rdata.eq(memory.rdata),
            fetcher.request.eq(conductor.request),
            fetcher.index.eq(conductor.index),
            conductor.there.eq(fetcher.there),
            conductor.legal.eq(fetcher.legal),
            conductor.descriptor.eq(fetcher.descriptor),
            conductor.start.eq(csr.control_start),
            conductor.abort.eq(csr.control_abort),
            conductor.swap.eq(csr.control_swap),
            conductor.first.eq(csr.first_index),
            csr.status_busy.eq(conductor.busy),
            csr.status_swapping.eq(conductor.swapping),
            csr.status_bank.eq(conductor.bank),
            csr.status_index.eq(conductor.layer),
        ]

    def _connect_datapath(self, m: Module, p: _Parts) -> None:
        config, unit, conductor, parameters, sums = self.config, p.unit, p.conductor, p.parameters, p.sums
        fresh, fetch = Signal(name="fresh"), Signal(name="fetch")
        for port in config_ports(config):
            m.d.comb += getattr(unit, port.name).eq(getattr(conductor, port.name))
        m.d.comb += [
            fetch.eq(conductor.due & (unit.take | ~fresh)),
            unit.settings.eq(conductor.settings),
            unit.ready.eq(fresh & conductor.run & ~p.bypassing),
            unit.stopping.eq(conductor.stopping),
            unit.restart.eq(conductor.restart),
            conductor.pass_end.eq(unit.pass_end),
            conductor.slot.eq(unit.slot),
            parameters.fetch_en.eq(fetch),
            parameters.fetch_addr.eq(conductor.due_base + unit.due_slot),
            parameters.fetch_bank.eq(conductor.due_bank),
            parameters.bank.eq(conductor.bank),
            unit.param.eq(parameters.rdata),
            unit.param_wrong.eq(parameters.wrong),
            sums.ahead_en.eq(unit.sums_ahead_en),
            sums.ahead_slot.eq(unit.sums_ahead_slot),
            sums.write_en.eq(unit.sums_write_en),
            sums.write_slot.eq(unit.sums_write_slot),
            sums.wdata.eq(unit.sums_wdata),
            sums.forward.eq(unit.sums_forward),
            unit.sums_rdata.eq(sums.rdata),
            unit.sums_wrong.eq(sums.wrong),
        ]
        with m.If(fetch):
            m.d.sync += fresh.eq(1)
        with m.Elif(~conductor.due):
            m.d.sync += fresh.eq(0)
        if config.tile.input == "sram":
            m.d.comb += [
                self.codes_en.eq(fetch),
                self.codes_addr.eq(conductor.due_codes + unit.due_slot),
                unit.codes_valid.eq(1),
                unit.codes.eq(self.codes_rdata),
            ]

    def _connect_after(self, m: Module, platform: Any, p: _Parts) -> Value:
        """Table, pooling and packing; returns whether a result shows anywhere among them."""
        config, shows, flow = self.config, p.unit.o.valid, p.unit.o
        if config.tile.table:
            table = Table(config)
            place(m, platform, "table", table)
            m.d.comb += table.busy_bank.eq(p.conductor.banks)
            for name in ("en", "we", "addr", "wdata"):
                m.d.comb += getattr(table, f"host_{name}").eq(getattr(p.csr, f"table_{name}"))
            for name in ("ready", "error", "rdata"):
                m.d.comb += getattr(p.csr, f"table_{name}").eq(getattr(table, f"host_{name}"))
            flow, shows = _through(m, flow, table), shows | table.o.valid
        if config.tile.pool:
            pool = Pool(config)
            place(m, platform, "pool", pool)
            flow, shows = _through(m, flow, pool), shows | pool.o.valid
        place(m, platform, "pack", p.pack, clocked=False)
        _through(m, flow, p.pack)
        return shows

    def _connect_streams(self, m: Module, platform: Any, p: _Parts) -> None:
        config, unit = self.config, p.unit
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
                unit.so_ready.eq(self.m_axis_sum_tready),
                self.m_axis_sum_tvalid.eq(unit.so_valid),
                self.m_axis_sum_tdata.eq(unit.so),
                self.m_axis_sum_tlast.eq(unit.so_last),
                self.m_axis_sum_tuser.eq(unit.so_mark),
            ]
        if config.tile.input == "stream":
            m.d.comb += [
                unit.codes_valid.eq(self.s_axis_tvalid),
                unit.codes.eq(self.s_axis_tdata),
                unit.keep.eq(self.s_axis_tkeep),
                unit.last.eq(self.s_axis_tlast),
                self.s_axis_tready.eq(unit.codes_ready),
            ]
        names = ("tready",) if config.tile.output == "stream" else ()
        m.d.comb += [getattr(p.pack, f"m_axis_{name}").eq(getattr(self, f"m_axis_{name}")) for name in names]
        outputs = ("tvalid", "tdata", "tkeep", "tlast", "tuser")
        if config.tile.output == "sram":
            m.d.comb += [
                getattr(self, f"acts_{name}").eq(getattr(p.pack, f"acts_{name}"))
                for name in ("en", "we", "addr", "wdata")
            ]
        else:
            m.d.comb += [getattr(self, f"m_axis_{n}").eq(getattr(p.pack, f"m_axis_{n}")) for n in outputs]
        if config.tile.input == config.tile.output == "stream":
            self._connect_bypass(m, platform, p)

    def _connect_bypass(self, m: Module, platform: Any, p: _Parts) -> None:
        """While no program runs, codes may go past the lanes."""
        bypass = Bypass(self.config)
        place(m, platform, "bypass", bypass)
        m.d.comb += [
            bypass.enable.eq(p.csr.mode_bypass & ~p.conductor.busy),
            p.bypassing.eq(bypass.enable | bypass.busy),
            bypass.s_tvalid.eq(self.s_axis_tvalid),
            bypass.s_tdata.eq(self.s_axis_tdata),
            bypass.s_tlast.eq(self.s_axis_tlast),
            bypass.m_tready.eq(self.m_axis_tready),
        ]
        kept = -(-len(bypass.m_tdata) // 8)
        with m.If(p.bypassing):
            m.d.comb += [
                self.s_axis_tready.eq(bypass.s_tready),
                self.m_axis_tvalid.eq(bypass.m_tvalid),
                self.m_axis_tdata.eq(bypass.m_tdata),
                self.m_axis_tkeep.eq((1 << kept) - 1),
                self.m_axis_tlast.eq(bypass.m_tlast),
                self.m_axis_tuser.eq(0),
            ]

    def _connect_faults(self, m: Module, platform: Any, p: _Parts) -> None:
        """Errors in memories: injected, found, counted, told."""
        config, csr, unit = self.config, p.csr, p.unit
        armed = csr.status_armed
        held = Signal(name="armed")
        m.d.comb += armed.eq(held)
        with m.If(csr.inject_arm):
            m.d.sync += held.eq(1)
        with m.Elif(p.parameters.injected | p.sums.injected):
            m.d.sync += held.eq(0)
        for memory, number in ((p.parameters, 0), (p.sums, 1)):
            m.d.comb += memory.inject_en.eq(held & (csr.inject_memory == number))
            for name in ("lane", "first", "double", "second"):
                m.d.comb += getattr(memory, f"inject_{name}").eq(getattr(csr, f"inject_{name}"))
        if config.tile.protect == "none":
            return
        faults = p.faults
        place(m, platform, "faults", faults)
        parameters, sums = p.parameters, p.sums
        answered, lane, word = Signal(name="answered"), Signal.like(faults.host_lane), Signal.like(faults.host_word)
        reads = parameters.host_en & parameters.host_ready & ~parameters.host_we
        m.d.sync += [answered.eq(reads), lane.eq(parameters.host_lane), word.eq(parameters.host_addr)]
        current = Signal.like(parameters.fetch_addr, name="fetched", reset_less=True)
        with m.If(parameters.fetch_en):
            m.d.sync += current.eq(parameters.fetch_addr)
        taken = unit.active & unit.take.replicate(config.array.lanes)
        end = Signal.like(unit.sums_ahead_slot, name="sums_slot", reset_less=True)
        with m.If(unit.sums_ahead_en):
            m.d.sync += end.eq(unit.sums_ahead_slot)
        m.d.comb += [
            faults.param_corrected.eq(parameters.corrected & taken),
            faults.param_wrong.eq(parameters.wrong & taken),
            faults.param_word.eq(current),
            faults.sums_corrected.eq(sums.corrected & unit.sums_used),
            faults.sums_wrong.eq(sums.wrong & unit.sums_used),
            faults.sums_slot.eq(end),
            faults.host_corrected.eq(parameters.host_corrected & answered),
            faults.host_wrong.eq(parameters.host_wrong & answered),
            faults.host_lane.eq(lane),
            faults.host_word.eq(word),
            csr.corrected_count.eq(faults.corrected),
            csr.uncorrected_count.eq(faults.uncorrected),
            csr.events_corrected.eq(faults.corrected != 0),
            csr.events_uncorrected.eq(faults.uncorrected != 0),
            csr.error_at_memory.eq(faults.memory),
            csr.error_at_host.eq(faults.host),
            csr.error_at_lane.eq(faults.lane),
            csr.error_at_word.eq(faults.word),
        ]

    def _count(self, m: Module, platform: Any, p: _Parts, shows: Value) -> None:
        config, csr, unit, conductor = self.config, p.csr, p.unit, p.conductor
        tally = Tally(config)
        place(m, platform, "tally", tally)
        stalled: Value = C(0, 1)
        if config.tile.output == "stream":
            stalled = self.m_axis_tvalid & ~self.m_axis_tready & ~p.bypassing
        if config.tile.chain > 1:
            stalled |= self.m_axis_sum_tvalid & ~self.m_axis_sum_tready
        flow, busy = unit.o, tally.busy
        if config.tile.observe:
            observe = Observe(config)
            place(m, platform, "observe", observe)
            busy |= observe.busy
            m.d.comb += [
                observe.valid.eq(unit.seen),
                Value.cast(observe.values).eq(unit.sums_forward),
                observe.active.eq(unit.sum_active),
                observe.clear.eq(csr.control_clear),
            ]
            for name, value in (("a_min", observe.a_min), ("a_max", observe.a_max)):
                for k, half in enumerate(("low", "high")):
                    m.d.comb += getattr(csr, f"{name}_{half}_value").eq(value.word_select(k, 32))
        m.d.comb += [
            tally.valid.eq(flow.valid & flow.ready),
            tally.low.eq(flow.payload.low),
            tally.high.eq(flow.payload.high),
            tally.clear.eq(csr.control_clear),
            csr.passes_count.eq(unit.pass_end),
            csr.columns_count.eq(Mux(unit.take, unit.count, 0)),
            csr.stall_in_count.eq((unit.willing & ~unit.take) | unit.starved),
            csr.stall_out_count.eq(stalled),
            csr.sat_low_count.eq(tally.low_count),
            csr.sat_high_count.eq(tally.high_count),
            csr.events_frame.eq(unit.frame),
            csr.events_layer.eq(unit.ended),
            csr.events_done.eq(conductor.done),
            csr.events_swapped.eq(conductor.swapped),
            csr.events_aborted.eq(conductor.aborted),
            csr.events_descriptor.eq(conductor.illegal),
            conductor.quiet.eq(unit.empty & ~shows & ~busy & ~(p.faults.busy if p.faults else 0)),
        ]


class _Parts:
    """The parts that several others are connected to."""

    def __init__(self, m: Module, platform: Any, config: NmpuConfig) -> None:
        self.csr, self.conductor, self.unit = Csr(config), Conductor(config), Unit(config)
        self.parameters, self.sums, self.pack = Parameters(config), Sums(config), Pack(config)
        self.faults = Faults(config) if config.tile.protect != "none" else None
        self.bypassing = Signal(name="bypassing")
        for name in ("csr", "conductor", "unit", "parameters", "sums"):
            place(m, platform, name, getattr(self, name))


def _window(m: Module, csr: Csr, window: str, other: Any) -> None:
    """Connect a window of the bus with what is behind it."""
    for name in ("en", "we", "addr", "wdata"):
        m.d.comb += getattr(other, name).eq(getattr(csr, f"{window}_{name}"))
    for name in ("ready", "rdata", "error"):
        m.d.comb += getattr(csr, f"{window}_{name}").eq(getattr(other, name))


def _through(m: Module, flow: Any, stage: Any) -> Any:
    """Feed ``stage`` with ``flow``; returns what it gives."""
    m.d.comb += [stage.i.valid.eq(flow.valid), stage.i.payload.eq(flow.payload), flow.ready.eq(stage.i.ready)]
    return getattr(stage, "o", None)
