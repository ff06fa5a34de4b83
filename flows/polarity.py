"""The polarity of every signal, so that gates and inverters together take the least area.

A gate may take and drive complements, as another cell (a NAND2 is an OR2 of complements, an XOR2 an XNOR2), and a full
adder as it is if all its inputs and outputs are: what that costs is the inverters that others then need.  ABC chooses
before it knows of adder cells, and looks at few neighbours; here simulated annealing looks at all.  Gates that somebody
has sized, and half adders, stay as they are.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from itertools import permutations
from random import Random
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .cells import Cell
from .gate_graph import Gate, Graph, Root
from .library import Library

__all__ = ["choose_polarities"]

_MOVES = 300
"""For each gate; twice as many save less than 0.5 % more."""

_HEAT = 0.5
"""At first, in inverters; half and twice as much save less in four libraries."""

_SEED = 1


class _Variant(NamedTuple):
    """A cell that does what another does: the other's input for each of its own, and which are complements."""

    cell: Cell
    order: tuple[int, ...]
    mask: int
    inverted: bool


def choose_polarities(graph: Graph, library: Library) -> None:
    """Change gates for such as take and drive complements where that saves area; the same for the same graph."""
    annealing, before, area = _Annealing(graph, library), dict(graph.gates), graph.area()
    annealing.run()
    if graph.area() > area:
        graph.gates = before


class _Annealing:
    def __init__(self, graph: Graph, library: Library) -> None:
        self._graph, self._inverter = graph, library.inverters[0].area
        self._wanted = Counter[tuple[Root, bool]](graph.fixed)
        self._wanted.update(one for gate in graph.gates.values() for one in gate.inputs)
        self._driven = {root: one.inverted for root, one in graph.driven().items()}
        variants = _Variants(library)
        choices = {name: variants.choices(gate) for name, gate in graph.gates.items()}
        self._choices = {name: found for name, found in choices.items() if len(found) > 1}
        self._roots = {name: _roots(found[0]) for name, found in self._choices.items()}

    def run(self) -> None:
        random, names = Random(_SEED).random, list(self._choices)
        moves = _MOVES * len(names)
        for move in range(moves):
            heat = _HEAT * self._inverter * (1 - move / moves) ** 2
            name = names[int(random() * len(names))]
            choices, roots = self._choices[name], self._roots[name]
            new, old = choices[int(random() * len(choices))], self._graph.gates[name]
            if new is old:
                continue
            before = self._inverters(roots)
            self._change(name, old, new)
            more = new.cell.area - old.cell.area + self._inverter * (self._inverters(roots) - before)
            if more > 0 and random() > math.exp(-more / heat):
                self._change(name, new, old)

    def _inverters(self, roots: tuple[Root, ...]) -> int:
        """At these signals: where what is not driven is wanted."""
        wanted, driven = self._wanted, self._driven
        return sum(wanted[root, not driven.get(root, False)] > 0 for root in roots)

    def _change(self, name: str, old: Gate, new: Gate) -> None:
        wanted = self._wanted
        for one in old.inputs:
            wanted[one] -= 1
        for one in new.inputs:
            wanted[one] += 1
        for root, inverted in new.outputs:
            self._driven[root] = inverted
        self._graph.gates[name] = new


def _roots(gate: Gate) -> tuple[Root, ...]:
    """The signals at a gate that inverters can be at."""
    return tuple(dict.fromkeys(one.root for one in (*gate.inputs, *gate.outputs) if one.root not in ("0", "x")))


class _Variants:
    """What each cell of one output may be changed for."""

    def __init__(self, library: Library) -> None:
        self._smallest: dict[tuple[int, int], Cell] = {}
        self._found: dict[str, list[_Variant]] = {}
        for cell in library.cells.values():
            if cell.usable and cell.area > 0 and cell.truths is not None and len(cell.truths) == 2:
                inputs, truth = cell.truths
                best = self._smallest.setdefault((inputs, _ordered(truth, inputs)[0]), cell)
                if cell.area < best.area:
                    self._smallest[inputs, _ordered(truth, inputs)[0]] = cell

    def choices(self, gate: Gate) -> list[Gate]:
        """What the gate may be, first what it is."""
        if len(gate.outputs) > 1:
            if len(gate.inputs) < 3:
                return [gate]
            inputs, outputs = (tuple(one.flipped() for one in pins) for pins in (gate.inputs, gate.outputs))
            return [gate, Gate(gate.cell, inputs, outputs)]
        found = [gate]
        for cell, order, mask, inverted in self._of(gate.cell):
            inputs = tuple(gate.inputs[k].flipped(bool(mask >> k & 1)) for k in order)
            found.append(Gate(cell, inputs, (gate.outputs[0].flipped(inverted),)))
        return list(dict.fromkeys(found)) if len(found) > 1 else found

    def _of(self, cell: Cell) -> list[_Variant]:
        if cell.name not in self._found:
            inputs, truth = cell.truths or (0, 0)
            smallest = self._smallest.get((inputs, _ordered(truth, inputs)[0]), cell)
            sized = cell.area > smallest.area
            self._found[cell.name] = [] if sized else list(self._search(inputs, truth))
        return self._found[cell.name]

    def _search(self, inputs: int, truth: int) -> Iterator[_Variant]:
        for mask in range(1 << inputs):
            for inverted in (False, True):
                rows = ((truth >> (row ^ mask) & 1) ^ inverted for row in range(1 << inputs))
                key, order = _ordered(sum(bit << row for row, bit in enumerate(rows)), inputs)
                cell = self._smallest.get((inputs, key))
                if cell is not None and cell.truths is not None:
                    joined = dict(zip(_ordered(cell.truths[1], inputs)[1], order, strict=True))
                    yield _Variant(cell, tuple(joined[k] for k in range(inputs)), mask, inverted)


@lru_cache(maxsize=10000)
def _ordered(truth: int, inputs: int) -> tuple[int, tuple[int, ...]]:
    """The least truth table that an order of the inputs gives, and the order: the old number of each new input."""
    orders, rows = _orders(inputs)
    table = np.array([truth >> row & 1 for row in range(1 << inputs)], np.uint64)
    values = (table[rows] << np.arange(1 << inputs, dtype=np.uint64)).sum(axis=1, dtype=np.uint64)
    best = int(values.argmin())
    return int(values[best]), orders[best]


@lru_cache(maxsize=8)
def _orders(inputs: int) -> tuple[list[tuple[int, ...]], NDArray[np.int64]]:
    """All orders, and for each the row of the old table that every row of the new one is."""
    orders = list(permutations(range(inputs)))
    bits = np.arange(1 << inputs)[:, None] >> np.arange(inputs) & 1
    return orders, np.array([bits @ (1 << np.array(order, np.int64)) for order in orders])
