"""Fewer lanes than a beat has columns: who is next, and where results wait for the rest of their beat."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from .config import NmpuConfig

__all__ = ["Collector", "Walker", "result_layout"]


def result_layout(config: NmpuConfig) -> data.StructLayout:
    """What a lane gives for a column."""
    return data.StructLayout({"y": config.output.format.width, "low": 1, "high": 1})


class Walker(wiring.Component):
    """The counter that walks through the groups of a beat; a group is as many columns as lanes are built.

    Args:
        config: one whose ``derived.walk`` is above 1.

    Attributes:
        step: the lanes take the group that is due.
        again: begin with the first group again, for the parameters of this beat may have changed.
        group: the group that is due.
        word: the word of parameters that is due in the next clock.
        slot: the slot that is due in the next clock.
        final: the group that is due is the last of its beat.
    """

    def __init__(self, config: NmpuConfig) -> None:
        self._walk = config.derived.walk
        super().__init__(
            {
                "step": In(1),
                "again": In(1),
                "slot": In(range(max(config.array.slots, 2))),
                "group": Out(range(self._walk)),
                "word": Out(range(config.derived.words)),
                "final": Out(1),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        following = Signal.like(self.group)
        m.d.comb += [
            self.final.eq(self.group == self._walk - 1),
            following.eq(Mux(self.step, Mux(self.final, 0, self.group + 1), self.group)),
            self.word.eq(self.slot * self._walk + Mux(self.again, 0, following)),
        ]
        m.d.sync += self.group.eq(Mux(self.again, 0, following))
        return m


class Collector(wiring.Component):
    """Holds the results of a beat's groups until the last comes out of the lanes; that one passes through.

    Args:
        config: one whose ``derived.walk`` is above 1.

    Attributes:
        load: a group comes out.
        group: which.
        i: what the lanes give for it.
        o: the results of all columns of the beat, once its last group comes out.
    """

    def __init__(self, config: NmpuConfig) -> None:
        self._built, self._walk = config.derived.built, config.derived.walk
        result = result_layout(config)
        super().__init__(
            {
                "load": In(1),
                "group": In(range(self._walk)),
                "i": In(data.ArrayLayout(result, self._built)),
                "o": Out(data.ArrayLayout(result, config.array.lanes)),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        held = [Signal(len(self.i.as_value()), name=f"held_{g}", reset_less=True) for g in range(self._walk - 1)]
        for g, register in enumerate(held):
            with m.If(self.load & (self.group == g)):
                m.d.sync += register.eq(self.i.as_value())
        m.d.comb += self.o.eq(Cat(*held, self.i.as_value()))
        return m
