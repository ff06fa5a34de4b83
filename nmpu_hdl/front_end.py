"""The front end: many beats of what an array gives, one beat of operands.  Mirrors golden/front_end.py."""

from __future__ import annotations

from typing import Any, NamedTuple

from amaranth.hdl import C, Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .config import NmpuConfig
from .front_lane import FrontLane, told_layout
from .front_settings import FrontChoice, front_choices
from .modules import place
from .ports import Port, config_ports

__all__ = ["FrontEnd", "held_name"]


class FrontEnd(wiring.Component):
    """Walks through the steps of a conversion, slot by slot or with all slots in each step, and hands operands on.

    Operands of a slot are on offer in the clock after the slot's last beat was taken, and stay until they are; a beat
    is taken each clock unless operands on offer are not.  Settings are sampled with the first beat of a pass.

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
                "frame": Out(1),
                "o_valid": Out(1),
                "o_ready": In(1),
                "codes": Out(array.lanes * facts.operands * facts.operand.width),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        take, complete, ends = Signal(name="take"), Signal(name="complete"), Signal(name="ends")
        shown = Signal(self._config.derived.front_end.accumulators, name="shown", reset_less=True)
        first = Signal(name="at_first", init=1)
        chosen = self._sample(m, first, take)
        told, here, active = self._walk(m, chosen, take, complete, ends)
        lacking = self._lacking(active) if self._config.derived.tiled else C(0, 1)
        m.d.comb += [
            self.first.eq(first),
            self.i_ready.eq((~self.o_valid | self.o_ready) & self.go),
            take.eq(self.i_valid & self.i_ready),
            self.frame.eq(take & ((self.i_last != ends) | lacking)),
        ]
        with m.If(take):
            m.d.sync += first.eq(ends)
        with m.If(self.clear):
            m.d.sync += [self.o_valid.eq(0), first.eq(1)]
        with m.Elif(take & complete):
            m.d.sync += [self.o_valid.eq(1), shown.eq(here)]
        with m.Elif(self.o_ready):
            m.d.sync += self.o_valid.eq(0)
        self._connect_lanes(m, platform, told, take, here, shown)
        return m

    def _sample(self, m: Module, first: Signal, take: Signal) -> dict[str, Value]:
        """Settings in force: with the first beat of a pass the pins, limited to their ranges, then those held."""
        columns = FrontChoice("columns", 1, self._config.array.columns, "")
        chosen: dict[str, Value] = {}
        for choice in (*self._choices, columns):
            now = Signal(choice.width, name=choice.name)
            held = Signal(choice.width, name=f"{choice.name}_now", reset_less=True)
            m.d.comb += now.eq(Mux(first, _limited(getattr(self, f"cfg_{choice.name}"), choice), held))
            with m.If(take):
                m.d.sync += held.eq(now)
            chosen[choice.name] = now
        for port in self._passed:
            with m.If(take & first):
                m.d.sync += getattr(self, held_name(port)).eq(getattr(self, port.name))
        return chosen

    def _walk(
        self, m: Module, chosen: dict[str, Value], take: Signal, complete: Signal, ends: Signal
    ) -> tuple[Any, Signal, Value]:
        """The nested loops: what lanes are told of the beat that is due, its accumulator (a bit each), active lanes.

        ``complete``: it is the last of its slot; ``ends``: the last of its pass.
        """
        config, array = self._config, self._config.array
        told = Signal(told_layout(config), name="told")
        slot, gone = Signal(range(max(array.slots, 2)), name="slot"), Signal(range(array.columns + 1), name="gone")
        here = Signal(config.derived.front_end.accumulators, name="here")
        last_slot, begun = Signal(name="last_slot"), Signal(name="begun")
        m.d.comb += last_slot.eq(chosen["columns"] - gone <= array.lanes if array.slots > 1 else 1)
        slots = _Loop(last_slot, ((slot, C(1, 1)), (gone, C(array.lanes))) if array.slots > 1 else ())
        w, x = self._planes(m, "w", chosen), self._planes(m, "x", chosen)
        steps = [self._samples(m, chosen, told), w, x, _counted(m, "subarray", chosen.get("subarrays"))]
        nested = [*steps, slots] if config.front.order == "slot" else [slots, *steps]
        counting = [loop for loop in steps if loop.counters]
        m.d.comb += [
            complete.eq(Cat(loop.end for loop in counting).all() if counting else 1),
            ends.eq(complete & last_slot),
            begun.eq(Cat(loop.begun for loop in counting).any() if counting else 0),
            here.eq(Cat(slot == k for k in range(len(here))) if len(here) > 1 else 1),
            told.onto.eq(Mux(begun, here, 0)),
        ]
        self._signs(m, told, chosen, w, x)
        due: Value = take
        for loop in (loop for loop in nested if loop.counters):
            with m.If(due):
                for counter, step in loop.counters:
                    m.d.sync += counter.eq(Mux(loop.end, 0, counter + step))
            due = due & loop.end
        with m.If(self.clear):
            m.d.sync += [counter.eq(0) for loop in nested for counter, _ in loop.counters]
        active = Mux(last_slot, chosen["columns"] - gone, array.lanes)
        return told, here, active

    def _lacking(self, active: Value) -> Value:
        """Whether tkeep takes away a byte that is needed: one that begins in an active lane, or behind the lanes."""
        facts, lanes = self._config.derived.front_end, self._config.array.lanes
        needed = []
        for byte in range(len(self.i_keep)):
            lane = 8 * byte // facts.bits
            behind = 8 * byte + 8 > lanes * facts.bits and facts.reference_bits
            needed.append(C(1, 1) if behind or lane >= lanes else active > lane)
        return (Cat(*needed) & ~self.i_keep).any()

    def _planes(self, m: Module, letter: str, chosen: dict[str, Value]) -> _Loop:
        """Planes of activations (x) or of weights (w), and the exponent of the weight of each."""
        front, facts = self._config.front, self._config.derived.front_end
        each = facts.beside if letter == "w" else 1
        reach = facts.reach["xw".index(letter)]
        exponent = Signal(range(max(reach, 1) + 1), name=f"{letter}_exponent")
        step = chosen.get(f"{letter}_step", C((front.w_bits if letter == "w" else front.x_bits) * each))
        loop = _counted(m, f"{letter}_plane", chosen.get(f"{letter}_planes"))
        return loop._replace(counters=(*loop.counters, (exponent, step))) if reach else loop

    def _samples(self, m: Module, chosen: dict[str, Value], told: Any) -> _Loop:
        """Groups of samples; of the last of a conversion only so many count as it lacks."""
        facts = self._config.derived.front_end
        if self._config.codes.source != "samples":
            return _Loop(C(1, 1), ())
        seen, left = Signal(range(facts.samples + 1), name="seen"), Signal(range(facts.samples + 1), name="left")
        end = Signal(name="samples_end")
        m.d.comb += [
            left.eq(chosen.get("samples", C(1)) - seen),
            end.eq(left <= facts.bits),
            told.valid.eq(Mux(end, left, facts.bits)),
            told.mask.eq(Cat(told.valid > k for k in range(facts.bits))),
        ]
        return _Loop(end, ((seen, C(facts.bits)),) if facts.groups(facts.samples) > 1 else ())

    def _signs(self, m: Module, told: Any, chosen: dict[str, Value], w: _Loop, x: _Loop) -> None:
        """What lanes are told of weights, signs and the zero point."""
        facts, members = self._config.derived.front_end, set(told_layout(self._config).members)
        exponents = [loop.counters[-1][0] for loop, reach in zip((x, w), facts.reach, strict=True) if reach]
        if exponents:
            m.d.comb += told.weight.eq(sum(exponents[1:], exponents[0]))
        if "minus" in members:
            x_minus, w_minus = chosen["x_signed"] & x.end, chosen["w_signed"] & w.end
            later = "w_minus" in members
            m.d.comb += told.minus.eq(x_minus if later else x_minus ^ w_minus)
            if later:
                m.d.comb += told.w_minus.eq(w_minus)
        for name in ("bipolar", "rows"):
            if name in members:
                m.d.comb += told[name].eq(chosen.get(name, C(self._config.front.rows)))
        if facts.zero:
            reference = self.i_data[-facts.reference_bits :]
            m.d.comb += told.point.eq(Mux(w.begun, 0, chosen["zero"] * reference))

    def _connect_lanes(self, m: Module, platform: Any, told: Any, take: Signal, here: Signal, shown: Signal) -> None:
        """``here``, ``shown``: a bit an accumulator, that of the beat and that of the operands on offer."""
        facts = self._config.derived.front_end
        load = Signal(facts.accumulators, name="load")
        m.d.comb += load.eq(Mux(take, here, 0))
        lanes = [FrontLane(self._config) for _ in range(self._config.array.lanes)]
        for k, lane in enumerate(lanes):
            place(m, platform, "front_lane", lane, f"front_lane_{k}")
            m.d.comb += [
                lane.raw.eq(self.i_data.word_select(k, facts.bits)),
                lane.told.eq(told),
                lane.load.eq(load),
                self.codes.word_select(k, len(lane.codes)).eq(lane.codes),
            ]
            if facts.accumulators > 1:
                m.d.comb += lane.shown.eq(shown)


class _Loop(NamedTuple):
    """One of the nested loops: whether its last round is due, and what counts, from 0 on by so much a round."""

    end: Value
    counters: tuple[tuple[Signal, Value], ...]

    @property
    def begun(self) -> Value:
        """Whether its first round is over."""
        return self.counters[0][0].any() if self.counters else C(0, 1)


def _counted(m: Module, name: str, rounds: Value | None) -> _Loop:
    """A loop of so many rounds; of one, where there is no choice."""
    if rounds is None:
        return _Loop(C(1, 1), ())
    count, end = Signal(len(rounds), name=name), Signal(name=f"{name}_end")
    m.d.comb += end.eq(count + 1 == rounds)
    return _Loop(end, ((count, C(1, 1)),))


def _limited(pins: Value, choice: FrontChoice) -> Value:
    """What :meth:`FrontChoice.resolve` says; what pins cannot show is not compared."""
    odd = [pins > choice.most] * (choice.most < (1 << choice.width) - 1) + [pins == 0] * choice.least
    return Mux(Cat(*odd).any(), choice.most, pins) if odd else pins


def held_name(port: Port) -> str:
    """The output that holds what a pin showed with the first beat of a pass."""
    return port.name.replace("cfg_", "held_", 1)
