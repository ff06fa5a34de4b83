"""Resistors between places of a net, and the tree of them that leads from its driver to each pin."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

__all__ = ["End", "Graph", "Node", "Place", "Tree"]

End = tuple[str, str]
"""A pin: component and pin, or ``("PIN", port)``."""

Place = tuple[int, int, int]
"""A layer's number, and where on it."""

Node = Place | End


@dataclass(frozen=True)
class Tree:
    """A net from its driver.

    Args:
        root: the driver.
        ff: capacitance to ground, fF, by node; nodes are pins or numbers.
        resistors: the node nearer to the driver, the other, ohm.
        loose: pins that no wire reaches.
    """

    root: End
    ff: Mapping[End | int, float]
    resistors: Sequence[tuple[End | int, End | int, float]]
    loose: tuple[End, ...]

    @property
    def total_ff(self) -> float:
        """Capacitance of all wires, fF."""
        return sum(self.ff.values())


class Graph:
    """Nodes, some of which are one and the same, and what is between them.

    Args:
        pins: all pins of the net.
    """

    def __init__(self, pins: Iterable[End]) -> None:
        self._pins = tuple(pins)
        self._above: dict[Node, Node] = {}
        self._parts: list[tuple[Node, Node, float, float]] = []

    def join(self, one: Node, other: Node) -> None:
        """Make two nodes one; a pin stands for what it is joined with."""
        one, other = self._find(one), self._find(other)
        if one != other:
            if len(other) == 2:  # a pin
                one, other = other, one
            self._above[other] = one

    def add(self, one: Node, other: Node, ohm: float, ff: float) -> None:
        """A resistor with its capacitance."""
        self._parts.append((one, other, ohm, ff))

    def tree(self, root: End) -> Tree:
        """What the root reaches, every node by the way of least resistance; the other resistors of a loop are left out.

        Capacitance that it does not reach is the root's.
        """
        around: dict[Node, list[tuple[float, Node]]] = defaultdict(list)
        held: dict[Node, float] = defaultdict(float)
        for one, other, ohm, ff in self._parts:
            ends = self._find(one), self._find(other)
            for node, far in (ends, ends[::-1]):
                held[node] += ff / 2
                if node != far:
                    around[node].append((ohm, far))
        names, resistors = self._walk(self._find(root), around)
        ends_of = {pin: names.get(self._find(pin)) for pin in self._pins}
        same = [(name, pin, 0.0) for pin, name in ends_of.items() if name is not None and name != pin]
        loads: dict[End | int, float] = defaultdict(float)
        for node, ff in held.items():
            loads[names.get(node, root)] += ff
        loose = tuple(pin for pin, name in ends_of.items() if name is None)
        return Tree(root, dict(loads), [*resistors, *same], loose)

    def _walk(
        self, start: Node, around: Mapping[Node, Sequence[tuple[float, Node]]]
    ) -> tuple[dict[Node, End | int], list[tuple[End | int, End | int, float]]]:
        """Names of the nodes that are reached, and the resistors of the shortest ways."""
        names: dict[Node, End | int] = {}
        resistors: list[tuple[End | int, End | int, float]] = []
        queue: list[tuple[float, int, Node, End | int | None, float]] = [(0.0, 0, start, None, 0.0)]
        order = 0
        while queue:
            ohms, _, node, before, ohm = heapq.heappop(queue)
            if node in names:
                continue
            names[node] = (node[0], node[1]) if len(node) == 2 else len(names) + 1
            if before is not None:
                resistors.append((before, names[node], ohm))
            for more, far in around.get(node, ()):
                order += 1
                heapq.heappush(queue, (ohms + more, order, far, names[node], more))
        return names, resistors

    def _find(self, node: Node) -> Node:
        while node in self._above:
            node = self._above[node]
        return node
