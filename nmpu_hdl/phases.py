"""Lanes that take several clocks for a column: in which of them they are."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Cat, Module, ShapeLike, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .config import NmpuConfig
from .modules import place

__all__ = ["Phases", "count_phases", "phase_ports"]


def phase_ports(config: NmpuConfig) -> dict[str, ShapeLike]:
    """What such a lane is told of the clock that is due.

    ``step``: the clock counts, for the column is there and its result would be taken; ``first``: (shared) the count
    ``n`` is due, not ``p``; ``digit``: (serial) a bit for each digit of the scales, high when it is due; ``shifting``:
    (serial, with a shift a column) all digits have been; ``late``: how many clocks ago the last one was, less one.
    """
    derived = config.derived
    if not derived.clocked:
        return {}
    if not derived.serial:
        return {"step": 1, "first": 1}
    ports: dict[str, ShapeLike] = {"step": 1, "digit": derived.digits}
    if config.shift.granularity == "column":
        ports |= {"shifting": 1, "late": range(max(derived.shift_cycles(), 2))}
    return ports


class Phases(wiring.Component):
    """Counts the clocks of a column, ``derived.lane_cycles`` of them, and starts over.

    Args:
        config: one whose lanes take several clocks for a column.

    Attributes:
        (one output for each of :func:`phase_ports`, but ``step``, which is an input)
        step: the clock counts.
        again: start over, for what the column is given may have changed.
        distance: (serial lanes, with a shift a layer) the shift less the least shift.
        final: this is the last clock of the column.
    """

    def __init__(self, config: NmpuConfig) -> None:
        self._config = config
        told = phase_ports(config)
        distance = {"distance": In(range(config.shift.max - config.shift.min + 1))}
        super().__init__(
            {
                **{name: In(form) if name == "step" else Out(form) for name, form in told.items()},
                "again": In(1),
                **(distance if config.derived.counts_shift else {}),
                "final": Out(1),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        config, derived = self._config, self._config.derived
        count = Signal(range(derived.lane_cycles()))
        if not derived.serial:
            m.d.comb += [self.first.eq(~count), self.final.eq(count)]
        else:
            last = derived.digits - 1
            if derived.counts_shift:
                last = last + (self.distance >> derived.digit - 1)
            elif config.shift.granularity == "column":
                last += derived.shift_cycles()
                m.d.comb += [self.shifting.eq(count >= derived.digits), self.late.eq(count - derived.digits)]
            m.d.comb += self.digit.eq(Cat(count == k for k in range(derived.digits)))
            m.d.comb += self.final.eq(count == last)
        with m.If(self.again | (self.step & self.final)):
            m.d.sync += count.eq(0)
        with m.Elif(self.step):
            m.d.sync += count.eq(count + 1)
        return m


def count_phases(
    m: Module, platform: Any, config: NmpuConfig, sequencer: wiring.Component, *, step: Value, again: Value
) -> dict[str, Value]:
    """The counter placed in ``m``, where lanes take several clocks for a column; nothing where they are parallel.

    Args:
        m: the top, or the unit of a tile.
        platform: what ``elaborate`` was given.
        config: the configuration.
        sequencer: tells the shift of the beat that is due.
        step, again: inputs of :class:`Phases`.

    Returns:
        What lanes are told (:func:`phase_ports`), and ``final``, by name.
    """
    if not config.derived.clocked:
        return {}
    phases = Phases(config)
    place(m, platform, "phases", phases)
    m.d.comb += [phases.step.eq(step), phases.again.eq(again)]
    if config.derived.counts_shift:
        m.d.comb += phases.distance.eq(sequencer.distance)
    return {name: getattr(phases, name) for name in (*phase_ports(config), "final")}
