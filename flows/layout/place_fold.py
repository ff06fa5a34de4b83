"""Constants at the pins of cells, folded into the cells: what a mapping module by module leaves at their borders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

from ..cells import Cell
from ..library import Library

__all__ = ["Bit", "Folded", "Gate", "fold"]

Bit = int | str
"""A net's number, or ``0``, ``1`` or ``x`` for a constant, as Yosys writes them."""


@dataclass(frozen=True)
class Gate:
    """A cell: the instance's name, the library's, and what is at each pin."""

    name: str
    kind: str
    pins: Mapping[str, Bit]


@dataclass(frozen=True)
class Folded:
    """What is left.

    Args:
        gates: the cells; those that were replaced have a new type and may have fewer pins.
        values: nets that turned out to be a constant or another net.
        count: cells that were replaced or removed.
    """

    gates: tuple[Gate, ...]
    values: Mapping[int, Bit]
    count: int

    def resolve(self, bit: Bit) -> Bit:
        """What a net of the source is now; undefined counts as 0."""
        return _resolve(bit, self.values)


def fold(gates: Iterable[Gate], outputs: Iterable[Bit], library: Library) -> Folded:
    """Replace cells with a constant at an input by smaller ones, or by a constant, or by a wire, as far as it goes.

    Args:
        gates: the cells, each of them in the library.
        outputs: nets that are needed outside; a cell that comes to drive nothing is removed.
        library: the cells; only those it holds usable are put in.

    Raises:
        ValueError: the library has no cell for what is left of one, or a flip-flop has a constant at a pin.
    """
    folder, before = _Folder(library), tuple(gates)
    current = list(before)
    while True:
        made = [new for gate in current for new in folder.folded(gate)]
        if made == current:
            break
        current = made
    kept = _alive(current, [_resolve(bit, folder.values) for bit in outputs], library)
    same = {(gate.name, gate.kind) for gate in kept}
    count = sum((gate.name, gate.kind) not in same for gate in before)
    return Folded(tuple(kept), folder.values, count)


def _resolve(bit: Bit, values: Mapping[int, Bit]) -> Bit:
    while isinstance(bit, int) and bit in values:
        bit = values[bit]
    return bit if isinstance(bit, int) or bit == "1" else "0"


class _Folder:
    """What is known of nets while cells are replaced; nets of its own have numbers below 0."""

    def __init__(self, library: Library) -> None:
        self.values: dict[int, Bit] = {}
        self._library, self._own = library, 0

    def folded(self, gate: Gate) -> list[Gate]:
        """What takes the place of a gate."""
        cell = self._library.cells[gate.kind]
        outputs = {pin.name for pin in cell.outputs}
        pins = {pin: bit if pin in outputs else _resolve(bit, self.values) for pin, bit in gate.pins.items()}
        constant = [pin for pin in cell.inputs if isinstance(pins.get(pin), str)]
        if not constant:
            return [Gate(gate.name, gate.kind, pins)]
        if cell.truths is None:
            raise ValueError(
                f"pin {constant[0]} of {gate.name} ({gate.kind}) is constant, and cells with a state are not folded; "
                "map the design as one module, so that Yosys removes it"
            )
        made = []
        for table, pin in zip(cell.truths[1:], cell.outputs, strict=True):
            net = pins.get(pin.name)
            if isinstance(net, int):
                name = gate.name if len(cell.outputs) == 1 else f"{gate.name}_{pin.name}"
                made += self._replaced(name, net, [pins[name] for name in cell.inputs], table)
        return made

    def _replaced(self, name: str, net: int, inputs: Sequence[Bit], table: int) -> list[Gate]:
        """The gates for one output: ``table`` with the constants put in, as a cell of what still matters."""
        signals = list(dict.fromkeys(bit for bit in inputs if isinstance(bit, int)))

        def value(row: int) -> int:
            bits = [int(bit) if isinstance(bit, str) else row >> signals.index(bit) & 1 for bit in inputs]
            return table >> sum(bit << place for place, bit in enumerate(bits)) & 1

        rows = [value(row) for row in range(1 << len(signals))]
        live = [p for p in range(len(signals)) if any(rows[r] != rows[r ^ 1 << p] for r in range(len(rows)))]
        left = [rows[sum((row >> k & 1) << p for k, p in enumerate(live))] for row in range(1 << len(live))]
        if not live or left == [0, 1]:
            self.values[net] = signals[live[0]] if live else str(left[0])
            return []
        cell, order, inverted = _cell_for(left, self._library, name)
        made, wires = [], {}
        for place, variable in enumerate(order):
            wires[cell.inputs[place]] = signals[live[variable]]
            if inverted >> place & 1:
                self._own -= 1
                inverter = self._library.inverters[0]
                ends = {inverter.inputs[0]: signals[live[variable]], inverter.outputs[0].name: self._own}
                made.append(Gate(f"{name}_not_{place}", inverter.name, ends))
                wires[cell.inputs[place]] = self._own
        return [*made, Gate(name, cell.name, {**wires, cell.outputs[0].name: net})]


def _cell_for(rows: list[int], library: Library, name: str) -> tuple[Cell, tuple[int, ...], int]:
    """The cell with one output whose truth table is ``rows``, which variable is at each of its inputs, and which inputs
    (a bit each) need an inverter; as few of these as can be, and then the smallest cell.

    Raises:
        ValueError: the library has none.
    """
    arity = len(rows).bit_length() - 1
    fit = [c for c in library.cells.values() if c.usable and c.truths is not None and len(c.truths) == 2]
    fit = sorted((c for c in fit if len(c.inputs) == arity), key=lambda cell: (cell.area, cell.name))
    for inverted in sorted(range(1 << arity), key=lambda mask: (mask.bit_count(), mask)):
        for cell in fit:
            for order in permutations(range(arity)):
                table = sum(
                    rows[sum(((row ^ inverted) >> pin & 1) << variable for pin, variable in enumerate(order))] << row
                    for row in range(len(rows))
                )
                if cell.truths == (arity, table):
                    return cell, order, inverted
    raise ValueError(
        f"{name} has a constant at a pin, and {library.name} has no cell for what is left of it; "
        "map the design as one module, so that Yosys removes it"
    )


def _alive(gates: list[Gate], needed: Iterable[Bit], library: Library) -> list[Gate]:
    """Without the gates that drive nothing, nor anything that drives something."""
    outputs = {kind: {pin.name for pin in library.cells[kind].outputs} for kind in {gate.kind for gate in gates}}
    drivers = {bit: gate for gate in gates for pin, bit in gate.pins.items() if pin in outputs[gate.kind]}
    todo, alive = list(needed), set[str]()
    while todo:
        gate = drivers.get(todo.pop())
        if gate is not None and gate.name not in alive:
            alive.add(gate.name)
            todo += [bit for pin, bit in gate.pins.items() if pin not in outputs[gate.kind]]
    return [gate for gate in gates if gate.name in alive]
