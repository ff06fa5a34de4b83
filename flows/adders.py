"""Full and half adder cells of the library in the place of gates that do the same and take more area.

They are found by function in the mapped netlist, whatever the gates are: two signals that are the sum and the carry, or
complements of them, of the same three (or two) signals or complements of them.  What the mapping has merged with
something else is left alone.  To keep adders away from ABC instead (Yosys' ``extract_fa`` before it) lost 4 % in
nangate45 where this saves 4 %, for ABC then works on the pieces between them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from graphlib import TopologicalSorter
from typing import NamedTuple

from .cells import Cell
from .gate_graph import Gate, Graph, Literal, Root
from .library import Library

__all__ = ["place_adders"]

_SUMS = {2: (0b0110, 0b1001), 3: (0b10010110, 0b01101001)}
_CARRY = {2: 0b1000, 3: 0b11101000}
"""Truth tables by the number of inputs; both sums, and the carry of inputs as they are."""

_CUTS = 40
"""Sets of leaves that are kept for each signal; few have more than a dozen."""

_Cuts = dict[tuple[Root, ...], int]
"""Sets of at most three signals that another is a function of, and the truth table."""


class _Found(NamedTuple):
    """A place for an adder: what it saves, the new gate, and the gates that it replaces."""

    gain: float
    leaves: tuple[Root, ...]
    gate: Gate
    gone: tuple[str, ...]


def place_adders(graph: Graph, library: Library) -> None:
    """Put in adder cells wherever they save area, inverters left aside, the best places first."""
    cells = {kind: adders[0] for kind, adders in ((3, library.full_adders), (2, library.half_adders)) if adders}
    while cells:
        drivers, kept, gone = graph.drivers(), set[str](), set[str]()
        for found in sorted(_places(graph, cells), key=lambda one: (-one.gain, str(one.leaves))):
            feeding = {drivers[leaf] for leaf in found.leaves if leaf in drivers}
            if feeding & gone or not (gone | kept).isdisjoint(found.gone):
                continue  # an adder that is there already has changed this place
            kept, gone = kept | feeding, gone.union(found.gone)
            for name in found.gone:
                del graph.gates[name]
            graph.gates["$nmpu$adder$" + "$".join(str(output.root) for output in found.gate.outputs)] = found.gate
        if not gone:
            break


def _places(graph: Graph, cells: dict[int, Cell]) -> Iterator[_Found]:
    sums, carries = defaultdict[tuple[Root, ...], list[Root]](list), defaultdict[tuple[Root, ...], list[Root]](list)
    cuts = _cuts(graph)
    masks = {kind: {_masked(_CARRY[kind], kind, mask): mask for mask in range(1 << kind)} for kind in cells}
    for root, functions in cuts.items():
        for leaves, truth in functions.items():
            kind = len(leaves)
            if kind in cells and truth in _SUMS[kind]:
                sums[leaves].append(root)
            elif kind in cells and {truth, truth ^ _all(kind)} & masks[kind].keys():
                carries[leaves].append(root)
    uses = Counter(one.root for one in graph.fixed)
    uses.update(one.root for gate in graph.gates.values() for one in gate.inputs)
    drivers = graph.drivers()
    for leaves in sums.keys() & carries.keys():
        cell = cells[len(leaves)]
        for total in sums[leaves]:
            for carry in carries[leaves]:
                gone = _freed(graph, drivers, uses, (total, carry), leaves)
                gain = sum(graph.gates[name].cell.area for name in gone) - cell.area
                if gain > 0:
                    gate = _adder(cell, leaves, (total, cuts[total][leaves]), (carry, cuts[carry][leaves]))
                    yield _Found(round(gain, 6), leaves, gate, gone)


def _adder(cell: Cell, leaves: tuple[Root, ...], total: tuple[Root, int], carry: tuple[Root, int]) -> Gate:
    """The cell that drives two signals, given their truth tables, or complements of them."""
    kind = len(leaves)
    masks = {_masked(_CARRY[kind], kind, mask): mask for mask in reversed(range(1 << kind))}
    opposite = carry[1] not in masks
    mask = masks[carry[1] ^ _all(kind) if opposite else carry[1]]
    outputs = []
    for truth in (cell.truths or ())[1:]:
        if truth in _SUMS[kind]:
            odd = (truth & 1) ^ (total[1] & 1) ^ (mask.bit_count() & 1)
            outputs.append(Literal(total[0], bool(odd)))
        else:
            outputs.append(Literal(carry[0], (truth != _CARRY[kind]) != opposite))
    return Gate(cell, tuple(Literal(leaf, bool(mask >> k & 1)) for k, leaf in enumerate(leaves)), tuple(outputs))


def _freed(
    graph: Graph, drivers: dict[Root, str], uses: Counter[Root], roots: Iterable[Root], leaves: tuple[Root, ...]
) -> tuple[str, ...]:
    """The gates that nobody needs when ``roots`` come from elsewhere."""
    left, gone, waiting = Counter[Root](), list[str](), list(roots)
    while waiting:
        name = drivers[waiting.pop()]
        gone.append(name)
        for root in (one.root for one in graph.gates[name].inputs):
            left[root] += 1
            free = left[root] == uses[root] and root not in leaves and root not in roots and root in drivers
            if free and len(graph.gates[drivers[root]].outputs) == 1:
                waiting.append(root)
    return tuple(gone)


def _cuts(graph: Graph) -> dict[Root, _Cuts]:
    """Of every signal that a gate of one output drives, and of what such gates take."""
    drivers = graph.drivers()
    order = TopologicalSorter(
        {
            name: list(dict.fromkeys(drivers[one.root] for one in gate.inputs if one.root in drivers))
            for name, gate in graph.gates.items()
        }
    )
    cuts: dict[Root, _Cuts] = {}
    for name in order.static_order():
        gate = graph.gates[name]
        for one in gate.inputs:
            cuts.setdefault(one.root, {(): 0} if one.root == "0" else {(one.root,): 0b10})
        if len(gate.outputs) == 1:
            cuts[gate.outputs[0].root] = {(gate.outputs[0].root,): 0b10} | _through(gate, cuts)
    driven = {gate.outputs[0].root for gate in graph.gates.values() if len(gate.outputs) == 1}
    return {root: found for root, found in cuts.items() if root in driven}


def _through(gate: Gate, cuts: dict[Root, _Cuts]) -> _Cuts:
    """A set of leaves for each choice of one for every input."""
    chosen: dict[tuple[Root, ...], tuple[tuple[Root, ...], ...]] = {(): ()}
    for one in gate.inputs:
        joined: dict[tuple[Root, ...], tuple[tuple[Root, ...], ...]] = {}
        for leaves, before in chosen.items():
            for more in cuts[one.root]:
                union = tuple(sorted({*leaves, *more}, key=str))
                if len(union) <= max(_CARRY):
                    joined.setdefault(union, (*before, more))
        chosen = joined
    function = gate.cell.outputs[0].function
    found: _Cuts = {}
    for leaves, parts in sorted(chosen.items(), key=lambda pair: len(pair[0]))[:_CUTS]:
        ones = _all(len(leaves))
        columns = [
            _spread(cuts[one.root][part], part, leaves) ^ (ones if one.inverted else 0)
            for one, part in zip(gate.inputs, parts, strict=True)
        ]
        if function is not None:
            value = function.evaluate(dict(zip(gate.cell.inputs, columns, strict=True)), ones)
            found[leaves] = value ^ (ones if gate.outputs[0].inverted else 0)
    return found


def _spread(truth: int, part: tuple[Root, ...], leaves: tuple[Root, ...]) -> int:
    """A truth table in terms of more leaves."""
    places = [leaves.index(leaf) for leaf in part]
    rows = (sum((row >> place & 1) << k for k, place in enumerate(places)) for row in range(1 << len(leaves)))
    return sum((truth >> row & 1) << k for k, row in enumerate(rows))


def _masked(truth: int, inputs: int, mask: int) -> int:
    """The truth table where the inputs in ``mask`` are complements."""
    return sum((truth >> (row ^ mask) & 1) << row for row in range(1 << inputs))


def _all(inputs: int) -> int:
    return (1 << (1 << inputs)) - 1
