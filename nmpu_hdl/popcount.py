"""Population count: full adders, three bits of a weight at a time, until one of each weight is left."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from amaranth.hdl import Cat, Module, Signal, Value

__all__ = ["popcount"]


def popcount(m: Module, bits: Sequence[Value]) -> Value:
    """How many of ``bits`` are 1, unsigned, as wide as their number needs.

    ``n - width`` full and half adders or a few more; those that come first are added first, so that the depth grows
    with the logarithm of n.

    Args:
        m: the module that holds the adders.
        bits: one or more.
    """
    places: list[deque[Value]] = [deque(bits)]
    result: list[Value] = []
    while len(result) < len(places):
        due, following = places[len(result)], deque[Value]()
        while len(due) > 1:
            taken = [due.popleft() for _ in range(min(3, len(due)))]
            total, carry = _adder(m, taken)
            due.append(total)
            following.append(carry)
        result.append(due[0])
        if following:
            places.append(following)
    return Cat(*result)


def _adder(m: Module, bits: list[Value]) -> tuple[Value, Value]:
    total, carry = Signal(name="total"), Signal(name="carry")
    a, b = bits[:2]
    if len(bits) == 2:
        m.d.comb += [total.eq(a ^ b), carry.eq(a & b)]
        return total, carry
    either = Signal(name="either")
    m.d.comb += [either.eq(a ^ b), total.eq(either ^ bits[2]), carry.eq(a & b | either & bits[2])]
    return total, carry
