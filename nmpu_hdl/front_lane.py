"""The front end of one column: what a beat carries for it, with its weight, added to what came before."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Cat, Module, Mux, ShapeLike, Signal, Value, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from .config import NmpuConfig
from .fixed import shape
from .popcount import popcount

__all__ = ["FrontLane", "step_layout", "told_layout"]


def step_layout(config: NmpuConfig) -> data.StructLayout:
    """What all accumulators are told of the beat that is added.

    ``onto``: a bit an accumulator: add to it, and to nothing if all are 0; ``weight``: exponent of its weight;
    ``minus``: it counts negative.
    """
    facts = config.derived.front_end
    told: dict[str, ShapeLike] = {"onto": facts.accumulators}
    if sum(facts.reach):
        told["weight"] = range(sum(facts.reach) + 1)
    if config.front.signed:
        told["minus"] = 1
    return data.StructLayout(told)


def told_layout(config: NmpuConfig) -> data.StructLayout:
    """What all lanes are told of the beat that is due, for the amount that it adds.

    ``w_minus``: (where something is added after that sign) the plane of weights counts negative; ``bipolar``,
    ``rows``: the settings; ``mask``, ``valid``: (samples) which are there, and how many; ``point``: zero point times
    sum of activations.
    """
    facts, front = config.derived.front_end, config.front
    told: dict[str, ShapeLike] = {}
    if front.signed and (facts.zero or facts.beside > 1):
        told["w_minus"] = 1
    if len(facts.bipolar) > 1:
        told["bipolar"] = 1
    if config.codes.source == "planes" and any(facts.bipolar):
        told["rows"] = range(facts.rows + 1)
    if config.codes.source == "samples":
        told |= {"mask": facts.bits, "valid": range(facts.bits + 1)}
    if facts.zero:
        told["point"] = facts.zero + facts.reference_bits
    return data.StructLayout(told)


class FrontLane(wiring.Component):
    """Accumulators of one column a slot, and what is before their adder.  docs/front.md.

    A beat that is taken is in its accumulator after ``how.front_stages`` clock edges.

    Args:
        config: one with a front end.

    Attributes:
        raw: what the beat carries for this lane.
        told: :func:`told_layout` (where there is something to tell).
        move: (with two stages) the register of the amount loads.
        step: :func:`step_layout`.
        load: a bit an accumulator: the amount is one of its slot, and is added.
        shown: a bit an accumulator (where there are several): the one that is shown.
        codes: operands in ``derived.operand``, ``p`` (or ``x``) lowest.
    """

    def __init__(self, config: NmpuConfig) -> None:
        self._config = config
        facts = config.derived.front_end
        super().__init__(
            {
                "raw": In(facts.bits),
                **({"told": In(told_layout(config))} if told_layout(config).size else {}),
                **({"move": In(1)} if facts.stages > 1 else {}),
                "step": In(step_layout(config)),
                "load": In(facts.accumulators),
                **({"shown": In(facts.accumulators)} if facts.accumulators > 1 else {}),
                "codes": Out(facts.operands * facts.operand.width),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        amounts = self._amounts(m)
        if self._config.derived.front_end.stages > 1:
            amounts = [self._registered(m, amount, k) for k, amount in enumerate(amounts)]
        m.d.comb += self.codes.eq(Cat(self._accumulate(m, one, k) for k, one in enumerate(amounts)))
        return m

    def _registered(self, m: Module, amount: Value, operand: int) -> Value:
        register = Signal(amount.shape(), name=f"amount_{operand}", reset_less=True)
        with m.If(self.move):
            m.d.sync += register.eq(amount)
        return register

    def _amounts(self, m: Module) -> list[Value]:
        """What the beat adds before its weight, but for the sign ``minus``; one an operand."""
        config, facts = self._config, self._config.derived.front_end
        if config.codes.source == "slices":
            width = facts.beside * config.codes.format.width
            return [self._slices(m, self.raw.word_select(k, width)) for k in range(facts.operands)]
        if config.codes.source == "samples":
            ones = popcount(m, [bit & on for bit, on in zip(self.raw, self.told.mask, strict=True)])
            return [self._either(m, ones, (ones << 1) - self.told.valid)]
        count = popcount(m, list(self.raw)) if facts.counted else self.raw
        amount = self._either(m, count, self.told.rows - (count << 1) if any(facts.bipolar) else count)
        if not facts.zero:
            return [amount]
        corrected = _named(m, "corrected", self._turned(amount) - self.told.point)
        return [corrected]

    def _either(self, m: Module, unipolar: Value, bipolar: Value) -> Value:
        """What is chosen of the two ways to read bits."""
        choices = self._config.derived.front_end.bipolar
        if len(choices) > 1:
            return _named(m, "amount", Mux(self.told.bipolar, bipolar, unipolar))
        return _named(m, "amount", bipolar if choices[0] else unipolar)

    def _turned(self, value: Value) -> Value:
        """With the sign of its plane of weights."""
        return Mux(self.told.w_minus, -value, value) if self._config.front.signed else value

    def _slices(self, m: Module, codes: Value) -> Value:
        """The slices of a weight that arrived together, added up with their weights."""
        facts, form = self._config.derived.front_end, self._config.codes.format
        parts = [codes.word_select(j, form.width) for j in range(facts.beside)]
        if form.signed:
            parts = [part.as_signed() for part in parts]
        if facts.beside == 1:
            return parts[0]
        total: Value = parts[0]
        for j, part in enumerate(parts[1:], 1):
            turned = self._turned(part) if j == facts.beside - 1 else part
            total = _named(m, f"slices_{j}", total + (turned << j * self._config.front.w_bits))
        return total

    def _accumulate(self, m: Module, amount: Value, operand: int) -> Value:
        """Add to the accumulator of the slot; returns that of the slot that is shown."""
        facts, number = self._config.derived.front_end, self._config.derived.operand
        weighted = amount << self.step.weight if sum(facts.reach) else amount
        term = Signal(shape(number), name=f"term_{operand}")
        m.d.comb += term.eq(weighted)
        kept = [Signal(shape(number), name=f"sum_{operand}_{k}", reset_less=True) for k in range(facts.accumulators)]
        before, total = Signal(shape(number), name=f"before_{operand}"), Signal(shape(number), name=f"total_{operand}")
        m.d.comb += before.eq(_chosen(kept, self.step.onto))
        if self._config.front.signed:
            minus = self.step.minus  # it goes into the carry: one adder adds and subtracts
            inverted = term.as_unsigned() ^ minus.replicate(number.width)
            m.d.comb += total.eq((Cat(minus, before) + Cat(minus, inverted))[1 : number.width + 1])
        else:
            m.d.comb += total.eq(before + term)
        for load, register in zip(self.load, kept, strict=True):
            with m.If(load):
                m.d.sync += register.eq(total)
        return kept[0].as_unsigned() if len(kept) == 1 else _chosen(kept, self.shown)


def _chosen(words: list[Signal], which: Value) -> Value:
    """The word whose bit is 1, or 0 if none is."""
    each = [Mux(bit, word.as_unsigned(), 0) for bit, word in zip(which, words, strict=True)]
    result: Value = each[0]
    for one in each[1:]:
        result = result | one
    return result


def _named(m: Module, name: str, value: Value) -> Signal:
    form = value.shape()
    signal = Signal(signed(form.width) if form.signed else unsigned(form.width), name=name)
    m.d.comb += signal.eq(value)
    return signal
