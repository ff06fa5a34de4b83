"""Power of every cell from the activity of its pins and the tables of its library.

For each transition of an output half of C V**2, and the energy inside of the cell by the tables: that of its related
input, each input having as much of it as it toggles and decides the output.  Its slew is that of the edge that causes
the output's by the cell's function, or the mean of both edges where either may.  For each transition of an input, where
the tables have any, the energy for the states in which they have it; and half of C V**2 for an input that hangs on a
port of the top, such as the clock's pin of a flip-flop, which no output's load has in it.  States are as likely as the
shares of time make them if pins are independent; but the data of a flip-flop differ from its state as often as the
state changes.

Not OpenSTA's own ``report_power``: version 2.0.17, which Debian has, overwrites activities that are set on pins inside
by those that it propagates, and counts the energies of a rise and of a fall for each transition.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .boolean import Expression
from .cells import Cell
from .power_pins import CellPins
from .power_tables import CellEnergy, Dissipation

__all__ = ["Behaviour", "Floats", "Watts", "dissipate"]

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Behaviour:
    """What a pin does, for each instance of a cell: transitions a second, and the share of time that it is 1."""

    rate: Floats
    high: Floats


@dataclass(frozen=True)
class Watts:
    """Power of each instance of a cell, W: of loads, of its inputs on ports of the top, inside, and leakage."""

    switching: Floats
    inputs: Floats
    internal: Floats
    leakage: Floats

    @property
    def dynamic(self) -> Floats:
        """All but leakage."""
        return self.switching + self.inputs + self.internal


def dissipate(
    cell: Cell, energy: CellEnergy, pins: CellPins, does: dict[str, Behaviour], volts: float, clock_rate: float
) -> Watts:
    """The power of all instances of a cell.

    Args:
        cell: what it does.
        energy: its tables.
        pins: the instances.
        does: all pins, inputs and outputs.
        volts: supply.
        clock_rate: cycles a second, for flip-flops.
    """
    count = len(pins.paths)
    states = _States(cell, does, clock_rate, count)
    loads = {name: np.array(values) for name, values in pins.loads.items()}
    switching = sum((0.5 * volts**2 * load * does[name].rate for name, load in loads.items()), np.zeros(count))
    inputs, internal = np.zeros(count), np.zeros(count)
    for pin in cell.pins:
        if pin.name in does and pin.name in pins.drivers:
            ported = np.array([_is_port(driver) for driver in pins.drivers[pin.name]])
            inputs += 0.5 * volts**2 * pin.capacitance * 1e-15 * does[pin.name].rate * ported
        groups = [group for group in energy.internal if group.pin == pin.name]
        if pin.name not in does or not groups:
            continue
        load = loads.get(pin.name, np.zeros(count))
        weights = states.causes(pin.name, groups) if pin.direction == "output" else states.shares(groups)
        for group, weight in zip(groups, weights, strict=True):
            source = group.related[0] if group.related else pin.name
            slews = _slews(pins, source, states.sense(source, pin.name))
            for table, slew in zip((group.rise, group.fall), slews, strict=True):
                if table:
                    internal += 0.5 * does[pin.name].rate * weight * table.look_up(slew, load)
    leakage = np.zeros(count)
    for leak, weight in zip(energy.leakage, states.parts([leak.when for leak in energy.leakage]), strict=True):
        leakage += leak.watts * weight
    return Watts(switching, inputs, internal, leakage)


def _is_port(driver: str) -> bool:
    """A port of the top, not a cell's output, and not a net that nothing drives."""
    return "/" not in driver and not driver.startswith(("=", "-"))


def _slews(pins: CellPins, source: str, sense: int) -> tuple[Floats, Floats]:
    """Slews of an input, s, at a rise and at a fall of what follows it (1), is against it (-1), or may be both (0)."""
    rise, fall = (np.array(edges.get(source) or [0.0] * len(pins.paths)) for edges in (pins.rises, pins.falls))
    mean = (rise + fall) / 2
    return {1: (rise, fall), -1: (fall, rise)}.get(sense, (mean, mean))


class _States:
    """How likely the states of a cell are: all combinations of its inputs, and of the bit that it holds.

    Bit ``i`` of a combination's number is the value of ``_names[i]``.
    """

    def __init__(self, cell: Cell, does: dict[str, Behaviour], clock_rate: float, count: int) -> None:
        self._does, self._count = does, count
        storage = cell.storage[0] if len(cell.storage) == 1 else None
        self._names = [*cell.inputs, *([storage.state] if storage else [])]
        rows = 1 << len(self._names)
        self._ones = (1 << rows) - 1
        self._values = {n: sum(1 << k for k in range(rows) if k >> i & 1) for i, n in enumerate(self._names)}
        if storage and storage.inverse:
            self._values[storage.inverse] = self._ones ^ self._values[storage.state]
        for pin in cell.outputs:
            if pin.function and pin.function.signals <= self._values.keys():
                self._values[pin.name] = pin.function.evaluate(self._values, self._ones)
        self._share = np.ones((rows, count))
        for name in cell.inputs:
            self._share *= self._either(self._values[name], does[name].high)
        if storage:
            high, rate = self._held(cell, storage.state)
            held = self._values[storage.state]
            if storage.edge and storage.data.signals <= self._values.keys():
                self._pair(storage.data.evaluate(self._values, self._ones), held, high, rate / clock_rate)
            else:
                self._share *= self._either(held, high)

    def _rows(self, table: int) -> NDArray[np.bool_]:
        return np.array([table >> k & 1 for k in range(len(self._share))], np.bool_)

    def _either(self, table: int, high: Floats) -> Floats:
        return np.where(np.array([table >> k & 1 for k in range(1 << len(self._names))])[:, None], high, 1 - high)

    def _held(self, cell: Cell, state: str) -> tuple[Floats, Floats]:
        """Share of time that the state is 1, and its transitions a second, from an output that shows it."""
        for pin in cell.outputs:
            if pin.name in self._does and pin.name in self._values:
                same = self._values[pin.name] == self._values[state]
                if same or self._values[pin.name] == self._ones ^ self._values[state]:
                    shown = self._does[pin.name]
                    return (shown.high if same else 1 - shown.high), shown.rate
        return np.full(self._count, 0.5), np.zeros(self._count)

    def _pair(self, data: int, held: int, high: Floats, change: Floats) -> None:
        """Data and state of a flip-flop: they differ in as many cycles as the state changes."""
        half = np.minimum(change / 2, np.minimum(high, 1 - high))
        together = {(1, 0): half, (0, 1): half, (1, 1): high - half, (0, 0): 1 - high - half}
        wanted, is_held = self._rows(data), self._rows(held)
        for (d, s), share in together.items():
            chosen = (wanted == d) & (is_held == s)
            total = self._share[chosen].sum(axis=0)
            # A state that independent inputs never lead to, but the data do: all inputs alike.
            spread = np.where(total > 0, self._share[chosen] / np.where(total > 0, total, 1), 1 / max(chosen.sum(), 1))
            self._share[chosen] = spread * share

    def _likely(self, table: int) -> Floats:
        result: Floats = self._share[self._rows(table)].sum(axis=0)
        return result

    def _table(self, when: Expression) -> int:
        return when.evaluate(self._values, self._ones) if when.signals <= self._values.keys() else 0

    def parts(self, conditions: list[Expression | None]) -> list[Floats]:
        """How likely each condition is; None is what the others leave."""
        known = [None if when is None else self._likely(self._table(when)) for when in conditions]
        rest = np.clip(1 - sum((share for share in known if share is not None), np.zeros(self._count)), 0, 1)
        return [rest if share is None else share for share in known]

    def shares(self, groups: list[Dissipation]) -> list[Floats]:
        """The weights of an input's groups, in which its own value does not matter."""
        return self.parts([group.when for group in groups])

    def sense(self, name: str, pin: str) -> int:
        """Whether a pin follows an input (1), is against it (-1), or either is so or not known (0)."""
        if name not in self._names or pin not in self._values:
            return 0
        step, table = 1 << self._names.index(name), self._values[pin]
        pairs = {(table >> k & 1, table >> (k | step) & 1) for k in range(len(self._share)) if not k & step}
        return ((0, 1) in pairs) - ((1, 0) in pairs)

    def causes(self, output: str, groups: list[Dissipation]) -> list[Floats]:
        """The weights of an output's groups; they add up to 1."""
        weights: list[Floats] = []
        for related in dict.fromkeys(group.related for group in groups):
            same = [group for group in groups if group.related == related]
            known = [None if g.when is None else self._likely(self._table(g.when)) for g in same]
            named = sum((share for share in known if share is not None), np.zeros(self._count))
            rest = np.clip(self._decides(related, output) - named, 0, 1)
            rate = sum((self._does[name].rate for name in related if name in self._does), np.zeros(self._count))
            weights += [rate * (rest if share is None else share) for share in known]
        order = [k for r in dict.fromkeys(g.related for g in groups) for k, g in enumerate(groups) if g.related == r]
        total = sum(weights, np.zeros(self._count))
        even = 1 / len(groups)
        return [
            np.where(total > 0, weights[order.index(k)] / np.where(total > 0, total, 1), even)
            for k in range(len(groups))
        ]

    def _decides(self, related: tuple[str, ...], output: str) -> Floats:
        """How likely it is that the output changes with these inputs; 1 where a clock is in between."""
        result = np.zeros(self._count)
        for name in related:
            if name not in self._names or output not in self._values:
                return np.ones(self._count)
            step, table = 1 << self._names.index(name), self._values[output]
            swapped = sum(1 << k for k in range(len(self._share)) if table >> (k ^ step) & 1)
            result += self._likely(table ^ swapped)
        return result if result.any() else np.ones(self._count)
