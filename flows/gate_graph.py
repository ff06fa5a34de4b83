"""A mapped module as a graph of gates, its inverters dissolved into the polarity of what they join."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from .cells import Cell
from .library import Library

__all__ = ["Gate", "Graph", "Literal", "Root", "cell_entry"]

Root = int | str
"""A bit in Yosys' JSON: a number, or the constant ``0`` or ``x``."""

_CONSTANTS = ("0", "x")


class Literal(NamedTuple):
    """A signal or its complement."""

    root: Root
    inverted: bool = False

    def flipped(self, by: bool = True) -> Literal:
        """The complement, if ``by``."""
        return Literal(self.root, self.inverted != by)


@dataclass(frozen=True)
class Gate:
    """A combinational cell: what it takes and what it drives, in the order of the cell's pins."""

    cell: Cell
    inputs: tuple[Literal, ...]
    outputs: tuple[Literal, ...]


class Graph:
    """The gates of a module by name; ``fixed`` is what flip-flops, ports and everything else take of them.

    Inverters are made where both polarities of a signal are wanted, or the one that its gate does not drive: always
    the smallest.  Larger ones, which somebody has sized, stay as they are.

    Args:
        module: a module as Yosys' ``write_json`` has it, mapped to ``library``.
        library: its cells.
    """

    def __init__(self, module: Mapping[str, Any], library: Library) -> None:
        self._module, self._inverter = module, library.inverters[0]
        self._sources = self._dissolved(library)
        self.gates: dict[str, Gate] = {}
        self._others: dict[str, Any] = {}
        for name, cell in module["cells"].items():
            kind = library.cells.get(cell["type"])
            if kind is not None and _is_gate(kind, cell):
                pins = {pin: self._literal(bits[0]) for pin, bits in cell["connections"].items()}
                outputs = tuple(pins[pin.name] for pin in kind.outputs)
                self.gates[name] = Gate(kind, tuple(pins[pin] for pin in kind.inputs), outputs)
            elif self._sources.keys().isdisjoint(self._drives(kind, cell)):
                self._others[name] = cell
        bits = [bit for cell in self._others.values() for bits in cell["connections"].values() for bit in bits]
        bits += [bit for port in module["ports"].values() for bit in port["bits"]]
        self.fixed = frozenset(map(self._literal, bits))

    def area(self) -> float:
        """Of gates and inverters, in the library's unit."""
        return sum(gate.cell.area for gate in self.gates.values()) + self._inverter.area * len(self._to_invert())

    def drivers(self) -> dict[Root, str]:
        """The gate that drives a signal or its complement."""
        return {output.root: name for name, gate in self.gates.items() for output in gate.outputs}

    def driven(self) -> dict[Root, Literal]:
        """The polarity in which a signal comes, of those that gates drive; the others come as they are."""
        return {output.root: output for gate in self.gates.values() for output in gate.outputs}

    def module(self) -> dict[str, Any]:
        """The module as ``read_json`` takes it; what its ports and flip-flops are joined to has not changed."""
        bits = {Literal(root, True): bit for bit, root in self._sources.items()}
        bits |= {Literal("0", True): "1", Literal("x", True): "x"}
        there = [bit for part in ("ports", "netnames") for one in self._module[part].values() for bit in one["bits"]]
        last = max((bit for bit in [*there, *self._sources, *self.drivers()] if isinstance(bit, int)), default=1)

        def bit(one: Literal) -> Root:
            nonlocal last
            if not one.inverted:
                return one.root
            if one not in bits:
                bits[one] = last = last + 1
            return bits[one]

        cells, (taken,), drives = dict(self._others), self._inverter.inputs, self._inverter.outputs[0].name
        for name, gate in self.gates.items():
            names = (*gate.cell.inputs, *(pin.name for pin in gate.cell.outputs))
            joined = zip(names, (*gate.inputs, *gate.outputs), strict=True)
            cells[name] = cell_entry(gate.cell.name, {pin: [bit(one)] for pin, one in joined})
        for one in self._to_invert():
            joined_bits = {taken: [bit(one.flipped())], drives: [bit(one)]}
            cells[f"$nmpu$not${bit(one)}"] = cell_entry(self._inverter.name, joined_bits)
        used = {bit for cell in cells.values() for bits in cell["connections"].values() for bit in bits}
        wires = {name: wire for name, wire in self._module["netnames"].items() if used.issuperset(wire["bits"])}
        return {**self._module, "cells": cells, "netnames": wires}

    def _to_invert(self) -> list[Literal]:
        """What an inverter has to drive."""
        driven = self.driven()
        wanted = [*sorted(self.fixed, key=str), *(one for gate in self.gates.values() for one in gate.inputs)]
        found = [one for one in wanted if one.root not in _CONSTANTS and one != driven.get(one.root, Literal(one.root))]
        return list(dict.fromkeys(found))

    def _dissolved(self, library: Library) -> dict[Root, Root]:
        """What an inverter takes, by what it drives; of one that feeds another or has a twin it is none."""
        found: dict[Root, Root] = {}
        for cell in self._module["cells"].values():
            kind = library.cells.get(cell["type"])
            if kind is not None and kind.truths == self._inverter.truths and kind.area <= self._inverter.area:
                found[cell["connections"][kind.outputs[0].name][0]] = cell["connections"][kind.inputs[0]][0]
        first = {source: bit for bit, source in reversed(found.items()) if source not in found}
        return {bit: source for source, bit in first.items() if source not in ("0", "1", "x")}

    def _drives(self, kind: Cell | None, cell: Mapping[str, Any]) -> list[Root]:
        pins = (pin.name for pin in kind.outputs) if kind is not None else ()
        return [bit for pin in pins for bit in cell["connections"].get(pin, ())]

    def _literal(self, bit: Root) -> Literal:
        if bit in self._sources:
            return Literal(self._sources[bit], True)
        return Literal("0", True) if bit == "1" else Literal(bit)


def _is_gate(kind: Cell, cell: Mapping[str, Any]) -> bool:
    """Something with two inputs or more, all of whose pins are joined to something."""
    pins = {*kind.inputs, *(pin.name for pin in kind.outputs)}
    return kind.truths is not None and len(kind.inputs) > 1 and pins == cell["connections"].keys()


def cell_entry(kind: str, joined: Mapping[str, Sequence[Root]]) -> dict[str, Any]:
    """A cell as Yosys' JSON has it."""
    return {"hide_name": 1, "type": kind, "parameters": {}, "attributes": {}, "connections": joined}
