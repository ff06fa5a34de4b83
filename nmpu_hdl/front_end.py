"""The front end: many beats of what an array gives, one beat of operands.  Mirrors golden/front_end.py."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import C, Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from .config import NmpuConfig
from .frames import lacks_bytes
from .front_lane import FrontLane, step_layout, told_layout
from .front_settings import FrontChoice, front_choices
from .front_steps import Loop, count_planes, count_rounds, count_samples, limited
from .modules import place
from .ports import Port, config_ports

__all__ = ["FrontEnd", "held_name"]


class FrontEnd(wiring.Component):
    """Walks through the steps of a conversion, slot by slot or with all slots in each step, and hands operands on.

    Operands of a slot are on offer ``how.front_stages`` clock edges after its last beat was taken, and stay until
    they are taken; a beat is taken each clock unless operands on offer are not.  Settings are sampled with the first
    beat of a pass.

    Args:
        config: one with a front end.

    Attributes:
        i_valid, i_ready, i_data, i_last: beats; i_keep: (in a tile) their tkeep.
        go: beats may be taken.
        clear: (in a tile) forget the pass that was begun, and the operands on offer.
        (one input for each of :func:`nmpu_hdl.ports.front_ports`, and ``cfg_columns``)
        (in the core, for each of :func:`nmpu_hdl.ports.config_ports`, an input, and an output ``held_*``: its value
        with the first beat of the pass that is on offer)
        first: the beat that is due is the first of a pass.
        ahead: where it is: how many passes before it are still inside.
        frame: a beat is taken whose i_last, or i_keep, is not what it has to be.
        o_valid, o_ready, codes: operands of a slot, lane 0 lowest.
    """

    def __init__(self, config: NmpuConfig) -> None:
        self._config = config
        facts, array = config.derived.front_end, config.array
        self._choices = front_choices(config)
        self._passed: tuple[Port, ...] = () if config.derived.tiled else config_ports(config)
        super().__init__(
            {
                "i_valid": In(1),
                "i_ready": Out(1),
                "i_data": In(facts.beat_bits),
                "i_last": In(1),
                **({"i_keep": In(-(-facts.beat_bits // 8))} if config.derived.tiled else {}),
                "go": In(1),
                "clear": In(1),
                **{f"cfg_{choice.name}": In(choice.width) for choice in self._choices},
                "cfg_columns": In(config.array.columns.bit_length()),
                **{p.name: In(signed(p.width) if p.signed else p.width) for p in self._passed},
                **{held_name(p): Out(signed(p.width) if p.signed else p.width) for p in self._passed},
                "first": Out(1),
                "ahead": Out(range(facts.stages + 1)),
                "frame": Out(1),
                "o_valid": Out(1),
                "o_ready": In(1),
                "codes": Out(array.lanes * facts.operands * facts.operand.width),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        config = self._config
        beat, due = Signal(_beat_layout(config), name="beat"), Signal(_beat_layout(config), name="due")
        take, add, ends = Signal(name="take"), Signal(name="add"), Signal(name="ends")
        shown = Signal(config.derived.front_end.accumulators, name="shown", reset_less=True)
        first = Signal(name="at_first", init=1)
        chosen = self._sample(m, first, take)
        told, active = self._walk(m, chosen, take, beat, ends)
        lacking = self._lacking(m, active) if config.derived.tiled else C(0, 1)
        move = self._stages(m, beat, due, take, add)
        m.d.comb += [
            beat.first.eq(first),
            beat.ends.eq(ends),
            self.first.eq(first),
            self.i_ready.eq(move & self.go),
            take.eq(self.i_valid & self.i_ready),
            self.frame.eq(take & ((self.i_last != ends) | lacking)),
        ]
        with m.If(take):
            m.d.sync += first.eq(ends)
        with m.If(self.clear):
            m.d.sync += [self.o_valid.eq(0), first.eq(1)]
        with m.Elif(add & due.complete):
            m.d.sync += [self.o_valid.eq(1), shown.eq(due.here)]
        with m.Elif(self.o_ready):
            m.d.sync += self.o_valid.eq(0)
        self._hold(m, take & first, add & due.first)
        self._connect_lanes(m, platform, told, move, due, add, shown)
        return m

    def _stages(self, m: Module, beat: Any, due: Any, take: Signal, add: Signal) -> Value:
        """``due``: the beat whose amounts are at the accumulators, which it comes to with ``add``; whether one more
        could be taken."""
        room = ~self.o_valid | self.o_ready
        if self._config.derived.front_end.stages == 1:
            m.d.comb += [due.eq(beat), add.eq(take), self.ahead.eq(self.o_valid)]
            return room
        waiting, move = Signal(name="waiting"), Signal(name="move")
        ended = Signal(name="ended", reset_less=True)
        m.d.comb += [
            add.eq(waiting & room),
            move.eq(~waiting | room),
            # What is on offer, and what waits, are of one pass or of two.
            self.ahead.eq(Mux(self.o_valid & ended, 1 + waiting, self.o_valid | waiting)),
        ]
        with m.If(add & due.complete):
            m.d.sync += ended.eq(due.ends)
        with m.If(self.clear):
            m.d.sync += waiting.eq(0)
        with m.Elif(move):
            m.d.sync += waiting.eq(take)
        with m.If(take):
            m.d.sync += due.eq(beat)
        return move

    def _hold(self, m: Module, begins: Value, comes: Value) -> None:
        """Keep what the pins of the lanes show as a pass begins, until the next pass comes to the accumulators."""
        for port in self._passed:
            pins, held = getattr(self, port.name), getattr(self, held_name(port))
            if self._config.derived.front_end.stages == 1:
                with m.If(begins):
                    m.d.sync += held.eq(pins)
                continue
            following = Signal.like(pins, name=port.name.replace("cfg_", "next_", 1), reset_less=True)
            with m.If(begins):
                m.d.sync += following.eq(pins)
            with m.If(comes):
                m.d.sync += held.eq(following)

    def _sample(self, m: Module, first: Signal, take: Signal) -> dict[str, Value]:
        """Settings in force: with the first beat of a pass the pins, limited to their ranges, then those held."""
        columns = FrontChoice("columns", 1, self._config.array.columns, "")
        chosen: dict[str, Value] = {}
        for choice in (*self._choices, columns):
            now = Signal(choice.width, name=choice.name)
            held = Signal(choice.width, name=f"{choice.name}_now", reset_less=True)
            m.d.comb += now.eq(Mux(first, limited(getattr(self, f"cfg_{choice.name}"), choice), held))
            with m.If(take):
                m.d.sync += held.eq(now)
            chosen[choice.name] = now
        return chosen

    def _walk(self, m: Module, chosen: dict[str, Value], take: Signal, beat: Any, ends: Signal) -> tuple[Any, Value]:
        """The nested loops: what lanes are told of the beat that is taken, and its active lanes; it is in ``beat``.

        ``ends``: it is the last of its pass.
        """
        config, array, count = self._config, self._config.array, self._config.derived.front_end.accumulators
        told = Signal(told_layout(config), name="told")
        slot, gone = Signal(range(max(array.slots, 2)), name="slot"), Signal(range(array.columns + 1), name="gone")
        last_slot, begun = Signal(name="last_slot"), Signal(name="begun")
        m.d.comb += last_slot.eq(chosen["columns"] - gone <= array.lanes if array.slots > 1 else 1)
        slots = Loop(last_slot, ((slot, C(1, 1)), (gone, C(array.lanes))) if array.slots > 1 else ())
        w, x = (count_planes(m, config, letter, chosen) for letter in "wx")
        steps = [count_samples(m, config, chosen, told), w, x, count_rounds(m, "subarray", chosen.get("subarrays"))]
        nested = [*steps, slots] if config.front.order == "slot" else [slots, *steps]
        counting = [loop for loop in steps if loop.counters]
        m.d.comb += [
            beat.complete.eq(Cat(loop.end for loop in counting).all() if counting else 1),
            ends.eq(beat.complete & last_slot),
            begun.eq(Cat(loop.begun for loop in counting).any() if counting else 0),
            beat.here.eq(Cat(slot == k for k in range(count)) if count > 1 else 1),
            beat.step.onto.eq(Mux(begun, beat.here, 0)),
        ]
        self._signs(m, told, beat.step, chosen, w, x)
        due: Value = take
        for loop in (loop for loop in nested if loop.counters):
            with m.If(due):
                for counter, step in loop.counters:
                    m.d.sync += counter.eq(Mux(loop.end, 0, counter + step))
            due = due & loop.end
        with m.If(self.clear):
            m.d.sync += [counter.eq(0) for loop in nested for counter, _ in loop.counters]
        active = Mux(last_slot, chosen["columns"] - gone, array.lanes)
        return told, active

    def _lacking(self, m: Module, count: Value) -> Value:
        """Whether tkeep takes away a byte that is needed, with so many lanes active."""
        facts = self._config.derived.front_end
        active = Signal(self._config.array.lanes, name="active")
        m.d.comb += active.eq(Cat(count > k for k in range(len(active))))
        return lacks_bytes(self.i_keep, active, facts.bits, facts.reference_bits)

    def _signs(self, m: Module, told: Any, step: Any, chosen: dict[str, Value], w: Loop, x: Loop) -> None:
        """What lanes and accumulators are told of weights, signs and the zero point."""
        facts, members = self._config.derived.front_end, set(told_layout(self._config).members)
        exponents = [loop.counters[-1][0] for loop, reach in zip((x, w), facts.reach, strict=True) if reach]
        if exponents:
            m.d.comb += step.weight.eq(sum(exponents[1:], exponents[0]))
        if self._config.front.signed:
            x_minus, w_minus = chosen["x_signed"] & x.end, chosen["w_signed"] & w.end
            later = "w_minus" in members
            m.d.comb += step.minus.eq(x_minus if later else x_minus ^ w_minus)
            if later:
                m.d.comb += told.w_minus.eq(w_minus)
        for name in ("bipolar", "rows"):
            if name in members:
                m.d.comb += told[name].eq(chosen.get(name, C(facts.rows)))
        if facts.zero:
            reference = self.i_data[-facts.reference_bits :]
            m.d.comb += told.point.eq(Mux(w.begun, 0, chosen["zero"] * reference))

    def _connect_lanes(
        self, m: Module, platform: Any, told: Any, move: Value, due: Any, add: Signal, shown: Signal
    ) -> None:
        facts = self._config.derived.front_end
        load = Signal(facts.accumulators, name="load")
        m.d.comb += load.eq(Mux(add, due.here, 0))
        lanes = [FrontLane(self._config) for _ in range(self._config.array.lanes)]
        for k, lane in enumerate(lanes):
            place(m, platform, "front_lane", lane, f"front_lane_{k}")
            m.d.comb += [
                lane.raw.eq(self.i_data.word_select(k, facts.bits)),
                lane.step.eq(due.step),
                lane.load.eq(load),
                self.codes.word_select(k, len(lane.codes)).eq(lane.codes),
            ]
            if hasattr(lane, "told"):
                m.d.comb += lane.told.eq(told)
            if facts.stages > 1:
                m.d.comb += lane.move.eq(move)
            if facts.accumulators > 1:
                m.d.comb += lane.shown.eq(shown)


def _beat_layout(config: NmpuConfig) -> data.StructLayout:
    """What goes with a beat to the accumulators: a bit an accumulator, that of its slot; whether it completes the slot,
    and begins or ends a pass; and what they are told."""
    flags = {"complete": 1, "first": 1, "ends": 1}
    return data.StructLayout({"here": config.derived.front_end.accumulators, **flags, "step": step_layout(config)})


def held_name(port: Port) -> str:
    """The output that holds what a pin showed with the first beat of a pass."""
    return port.name.replace("cfg_", "held_", 1)
