"""Control of a pass: which slot is due, what settings are in force, which lanes are active."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from .config import NmpuConfig
from .fixed import shape
from .lane import lane_settings
from .ports import config_ports

__all__ = ["Sequencer", "side_layout"]


def side_layout(config: NmpuConfig) -> data.StructLayout:
    """What travels with a beat: the settings of its pass, its active lanes, whether it is the last, and, where lanes
    walk, which group of its columns this is."""
    settings = {name: shape(number) for name, (_, number) in lane_settings(config).items()}
    walk = {"group": range(config.derived.walk)} if config.derived.walk > 1 else {}
    return data.StructLayout({"last": 1, "active": range(config.array.lanes + 1), **settings, **walk})


class Sequencer(wiring.Component):
    """The slot counter.  It walks ``ceil(active columns / lanes)`` slots and starts over.

    The run-time pins are sampled when the first slot of a pass is taken, and hold for that pass, the first slot
    included.

    Args:
        config: the configuration.

    Attributes:
        (one input for each of :func:`nmpu_hdl.ports.config_ports`)
        take: a beat is taken in this clock.
        side: what accompanies the beat that is due.
        slot: the slot that is due in the next clock.
        group: (where lanes walk) the group of the beat's columns that is due.
        distance: (serial lanes, with a shift a layer) the shift of the beat that is due, less the least shift.
        current: (in a tile) the slot that is due now.
        restart: (in a tile) begin with the first slot of a pass, whatever was taken of the one before.
    """

    def __init__(self, config: NmpuConfig) -> None:
        self._config = config
        slots, shift = range(max(config.array.slots, 2)), config.shift
        super().__init__(
            {
                **{port.name: In(signed(port.width) if port.signed else port.width) for port in config_ports(config)},
                "take": In(1),
                "side": Out(side_layout(config)),
                "slot": Out(slots),
                **({"group": In(range(config.derived.walk))} if config.derived.walk > 1 else {}),
                **({"distance": Out(range(shift.max - shift.min + 1))} if config.derived.counts_shift else {}),
                **({"current": Out(slots), "restart": In(1)} if config.derived.tiled else {}),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        array = self._config.array
        first = Signal(init=1)
        slot = Signal.like(self.slot)
        remaining = Signal(range(array.columns + 1), reset_less=True)
        left = Signal.like(remaining)
        wanted = self.cfg_columns
        odd = wanted == 0
        if _span(wanted)[1] > array.columns:
            odd |= wanted > array.columns
        m.d.comb += [
            left.eq(Mux(first, Mux(odd, array.columns, wanted), remaining)),
            self.side.last.eq(left <= array.lanes if array.slots > 1 else 1),
            self.side.active.eq(Mux(self.side.last, left, array.lanes)),
            self.slot.eq(Mux(self.take, Mux(self.side.last, 0, slot + 1), slot)),
        ]
        m.d.sync += slot.eq(self.slot)
        with m.If(self.take):
            m.d.sync += [remaining.eq(left - array.lanes), first.eq(self.side.last)]
        if self._config.derived.walk > 1:
            m.d.comb += self.side.group.eq(self.group)
        if self._config.derived.tiled:
            m.d.comb += self.current.eq(slot)
            with m.If(self.restart):
                m.d.sync += [slot.eq(0), first.eq(1)]
        for name in lane_settings(self._config):
            if name != "residue":
                self._sample(m, name, getattr(self.side, name), first)
        if self._config.derived.counts_shift:
            self._sample(m, "distance", self.distance, first)
            if "residue" in lane_settings(self._config):
                m.d.comb += self.side.residue.eq(self.distance)
        return m

    def _sample(self, m: Module, name: str, now: Value, first: Signal) -> None:
        """Take a setting from its pins at the first slot, and hold it for the others."""
        held = Signal.like(now, name=f"{name}_held", reset_less=True)
        m.d.comb += now.eq(Mux(first, self._pins(name), held))
        with m.If(self.take):
            m.d.sync += held.eq(now)

    def _pins(self, name: str) -> Value:
        config = self._config
        if name == "distance":
            return _clamped(self.cfg_shift, config.shift.min, config.shift.max) - config.shift.min
        if name == "offset_shift":
            return _clamped(self.cfg_offset_shift, 0, config.offset.max_shift)
        return getattr(self, f"cfg_{name}")


def _clamped(pins: Value, low: int, high: int) -> Value:
    """``pins`` limited to ``low..high``; what they cannot exceed is not compared."""
    least, most = _span(pins)
    limited = Mux(pins > high, high, pins) if most > high else pins
    return Mux(pins < low, low, limited) if least < low else limited


def _span(pins: Value) -> tuple[int, int]:
    """Lowest and highest number that the pins can show."""
    width, is_signed = len(pins), pins.shape().signed
    return (-(1 << (width - 1)), (1 << (width - 1)) - 1) if is_signed else (0, (1 << width) - 1)
