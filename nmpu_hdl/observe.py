"""What software may observe of the results: the extremes of ``a`` for calibration, and counts of clipped results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from .config import NmpuConfig
from .fixed import shape

__all__ = ["LEVELS", "Observe", "Tally"]

LEVELS = 2
"""Levels of a reduction tree between two registers."""

T = TypeVar("T")


class Observe(wiring.Component):
    """The least and the largest ``a`` of all active lanes of all beats since reset or ``clear``.

    A tree with a register each :data:`LEVELS` levels; it never stalls.  Out of reset the least is the largest number of
    ``derived.total``, and the largest the least one.

    Args:
        config: gives lanes and the range of ``a``.

    Attributes:
        valid: a beat is there.
        values: a number of ``derived.total`` a lane.
        active: active lanes, the lowest ones.
        clear: forget all beats up to this clock, this one and those in flight included.
        a_min, a_max: 64 bits, sign-extended.
        busy: a beat is in flight; where it is low, ``a_min`` and ``a_max`` hold all beats of earlier clocks.
        latency: clocks from a beat to the one in which ``a_min`` and ``a_max`` know of it.
    """

    def __init__(self, config: NmpuConfig) -> None:
        self._config = config
        lanes = config.array.lanes
        self.latency = (lanes - 1).bit_length() // LEVELS + 1
        super().__init__(
            {
                "valid": In(1),
                "values": In(data.ArrayLayout(shape(config.derived.total), lanes)),
                "active": In(range(lanes + 1)),
                "clear": In(1),
                "a_min": Out(64),
                "a_max": Out(64),
                "busy": Out(1),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        number = self._config.derived.total
        least = Signal(shape(number), init=number.high)
        largest = Signal(shape(number), init=number.low)
        # Lanes that are not active stand in with the value of lane 0, which is active if any is.
        leaves = []
        for k in range(self._config.array.lanes):
            leaf = Signal(shape(number), name=f"leaf_{k}")
            m.d.comb += leaf.eq(self.values[k] if k == 0 else Mux(self.active > k, self.values[k], self.values[0]))
            leaves.append((leaf, leaf))
        valid = _valid(m, self.valid & self.active.any(), self.latency - 1, self.clear, self.busy)
        low, high = _tree(leaves, _extremes, lambda pair, name: _register_pair(m, pair, name), self.latency - 1)
        with m.If(self.clear):
            m.d.sync += [least.eq(number.high), largest.eq(number.low)]
        with m.Elif(valid):
            m.d.sync += [least.eq(_lesser(low, least)), largest.eq(_greater(high, largest))]
        m.d.comb += [self.a_min.eq(least), self.a_max.eq(largest)]
        return m


class Tally(wiring.Component):
    """How many lanes of a beat were clipped: increments for counters.

    A tree with a register each :data:`LEVELS` levels; it never stalls.

    Args:
        config: gives the lanes.

    Attributes:
        valid: a beat is there.
        low, high: its flags, a bit a lane.
        clear: forget all beats up to this clock, this one and those in flight included.
        low_count, high_count: 16 bits; the number of flags of the beat ``latency`` clocks ago, 0 if there was none.
        busy: a beat is in flight, that of the counts shown included.
        latency: clocks from a beat to its counts.
    """

    def __init__(self, config: NmpuConfig) -> None:
        self._lanes = config.array.lanes
        self.latency = max(-(-(self._lanes - 1).bit_length() // LEVELS), 1)
        super().__init__(
            {
                "valid": In(1),
                "low": In(self._lanes),
                "high": In(self._lanes),
                "clear": In(1),
                "low_count": Out(16),
                "high_count": Out(16),
                "busy": Out(1),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        valid = _valid(m, self.valid, self.latency, self.clear, self.busy)
        for end in ("low", "high"):
            flags: Value = getattr(self, end)

            def register(value: Value, name: str, end: str = end) -> Value:
                return _register(m, value, f"{end}_{name}")

            total = _tree(list(flags), lambda a, b: a + b, register, self.latency)
            m.d.comb += getattr(self, f"{end}_count").eq(Mux(valid, total, 0))
        return m


def _tree(values: list[T], join: Callable[[T, T], T], register: Callable[[T, str], T], registers: int) -> T:
    """Reduce ``values`` by ``join``, with a register after each :data:`LEVELS` levels, ``registers`` of them in all."""
    made = 0
    level = 0
    while len(values) > 1 or made < registers:
        pairs = [join(a, b) for a, b in zip(values[::2], values[1::2], strict=False)]
        values = pairs + (values[-1:] if len(values) % 2 else [])
        level += 1
        if made < registers and (level % LEVELS == 0 or len(values) == 1):
            values = [register(value, f"level_{level}_{k}") for k, value in enumerate(values)]
            made += 1
    return values[0]


def _valid(m: Module, valid: Value, clocks: int, clear: Value, busy: Signal) -> Value:
    """``valid`` as it was ``clocks`` before, unless cleared since; ``busy`` is set to whether any is under way."""
    under_way = []
    for k in range(clocks):
        register = Signal(name=f"valid_{k}")
        m.d.sync += register.eq(valid & ~clear)
        under_way.append(register)
        valid = register
    m.d.comb += busy.eq(_any(under_way))
    return valid


def _any(values: list[Signal]) -> Value | int:
    result: Value | int = 0
    for value in values:
        result = value | result
    return result


def _extremes(a: tuple[Value, Value], b: tuple[Value, Value]) -> tuple[Value, Value]:
    if a[0] is a[1]:  # leaves: one comparison tells both
        below = a[0] < b[0]
        return Mux(below, a[0], b[0]), Mux(below, b[0], a[0])
    return _lesser(a[0], b[0]), _greater(a[1], b[1])


def _lesser(a: Value, b: Value) -> Value:
    return Mux(a < b, a, b)


def _greater(a: Value, b: Value) -> Value:
    return Mux(a > b, a, b)


def _register(m: Module, value: Value, name: str) -> Signal:
    register = Signal(Value.cast(value).shape(), name=name, reset_less=True)
    m.d.sync += register.eq(value)
    return register


def _register_pair(m: Module, pair: tuple[Value, Value], name: str) -> tuple[Value, Value]:
    return _register(m, pair[0], f"least_{name}"), _register(m, pair[1], f"largest_{name}")
