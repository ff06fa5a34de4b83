"""The nested loops of a front end: planes, samples, sub-arrays; which round is due, and what it weighs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from amaranth.hdl import C, Cat, Module, Mux, Signal, Value

from .config import NmpuConfig
from .front_settings import FrontChoice

__all__ = ["Loop", "count_planes", "count_rounds", "count_samples", "limited"]


class Loop(NamedTuple):
    """One of the nested loops: whether its last round is due, and what counts, from 0 on by so much a round."""

    end: Value
    counters: tuple[tuple[Signal, Value], ...]

    @property
    def begun(self) -> Value:
        """Whether its first round is over."""
        return self.counters[0][0].any() if self.counters else C(0, 1)


def count_rounds(m: Module, name: str, rounds: Value | None) -> Loop:
    """A loop of so many rounds; of one, where there is no choice."""
    if rounds is None:
        return Loop(C(1, 1), ())
    count, end = Signal(len(rounds), name=name), Signal(name=f"{name}_end")
    m.d.comb += end.eq(count + 1 == rounds)
    return Loop(end, ((count, C(1, 1)),))


def count_planes(m: Module, config: NmpuConfig, letter: str, chosen: Mapping[str, Value]) -> Loop:
    """Planes of activations (x) or of weights (w), and the exponent of the weight of each."""
    front, facts = config.front, config.derived.front_end
    each = facts.beside if letter == "w" else 1
    reach = facts.reach["xw".index(letter)]
    exponent = Signal(range(max(reach, 1) + 1), name=f"{letter}_exponent")
    step = chosen.get(f"{letter}_step", C((front.w_bits if letter == "w" else front.x_bits) * each))
    loop = count_rounds(m, f"{letter}_plane", chosen.get(f"{letter}_planes"))
    return loop._replace(counters=(*loop.counters, (exponent, step))) if reach else loop


def count_samples(m: Module, config: NmpuConfig, chosen: Mapping[str, Value], told: Any) -> Loop:
    """Groups of samples; of the last of a conversion only so many count as it lacks."""
    facts = config.derived.front_end
    if config.codes.source != "samples":
        return Loop(C(1, 1), ())
    seen, left = Signal(range(facts.samples + 1), name="seen"), Signal(range(facts.samples + 1), name="left")
    end = Signal(name="samples_end")
    m.d.comb += [
        left.eq(chosen.get("samples", C(1)) - seen),
        end.eq(left <= facts.bits),
        told.valid.eq(Mux(end, left, facts.bits)),
        told.mask.eq(Cat(told.valid > k for k in range(facts.bits))),
    ]
    return Loop(end, ((seen, C(facts.bits)),) if facts.groups(facts.samples) > 1 else ())


def limited(pins: Value, choice: FrontChoice) -> Value:
    """What :meth:`FrontChoice.resolve` says; what pins cannot show is not compared."""
    odd = [pins > choice.most] * (choice.most < (1 << choice.width) - 1) + [pins == 0] * choice.least
    return Mux(Cat(*odd).any(), choice.most, pins) if odd else pins
