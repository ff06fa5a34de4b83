"""What follows the lanes: the activation table, pooling, and packing, each only where it is configured."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from .config import NmpuConfig
from .modules import place
from .pack import Pack, pack_ports
from .pool import Pool
from .results import result_layout
from .table import Table

__all__ = ["TABLE_PORT", "After"]

TABLE_PORT = ("en", "we", "addr", "wdata"), ("ready", "error", "rdata")
"""Inputs and outputs of the table's host port."""


class After(wiring.Component):
    """Latency: 1 clock with a table, 2 more with pooling, none for packing.

    Args:
        config: the configuration.

    Attributes:
        clocked: there is a register in it.
        i: results.
        shows: a result shows at the end of a stage.
        (the ports of :func:`nmpu_hdl.pack.pack_ports`)
        table_*, busy_bank: the host port of :class:`nmpu_hdl.table.Table`, where there is one.
    """

    def __init__(self, config: NmpuConfig) -> None:
        self._config = config
        self.clocked = bool(config.tile.table or config.tile.pool)
        members: dict[str, Any] = {
            "i": In(stream.Signature(result_layout(config))),
            "shows": Out(1),
            **{p.name: (In if p.flow == "in" else Out)(p.width) for p in pack_ports(config)},
        }
        if config.tile.table:
            members |= {
                "table_en": In(1),
                "table_we": In(1),
                "table_addr": In(config.tile.table + 1),
                "table_wdata": In(32),
                "table_ready": Out(1),
                "table_error": Out(1),
                "table_rdata": Out(32),
                "busy_bank": In(2),
            }
        super().__init__(members)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        flow: Any = self.i
        shows = flow.valid
        if self._config.tile.table:
            table = Table(self._config)
            place(m, platform, "table", table)
            inputs, outputs = TABLE_PORT
            m.d.comb += [getattr(table, f"host_{name}").eq(getattr(self, f"table_{name}")) for name in inputs]
            m.d.comb += [getattr(self, f"table_{name}").eq(getattr(table, f"host_{name}")) for name in outputs]
            m.d.comb += table.busy_bank.eq(self.busy_bank)
            flow, shows = _through(m, flow, table), shows | table.o.valid
        if self._config.tile.pool:
            pool = Pool(self._config)
            place(m, platform, "pool", pool)
            flow, shows = _through(m, flow, pool), shows | pool.o.valid
        pack = Pack(self._config)
        place(m, platform, "pack", pack, clocked=False)
        _feed(m, flow, pack)
        m.d.comb += self.shows.eq(shows)
        for port in pack_ports(self._config):
            mine, theirs = getattr(self, port.name), getattr(pack, port.name)
            m.d.comb += theirs.eq(mine) if port.flow == "in" else mine.eq(theirs)
        return m


def _feed(m: Module, flow: Any, stage: Any) -> None:
    m.d.comb += [stage.i.valid.eq(flow.valid), stage.i.payload.eq(flow.payload), flow.ready.eq(stage.i.ready)]


def _through(m: Module, flow: Any, stage: Any) -> Any:
    """Feed ``stage`` with ``flow``; returns what it gives."""
    _feed(m, flow, stage)
    return stage.o
