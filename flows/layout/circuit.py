"""Netlists as a layout's check compares them: which cell's pins are on one net, whatever the net is called."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..tool import write_atomic
from ..yosys import run_script

__all__ = ["Circuit", "End", "Placed", "differences", "parse_spice", "read_verilog"]

End = tuple[str, str]
"""Instance and pin; the instance of a port is empty."""
_SHOWN = 4
"""How many ends of a piece of a net a difference names."""


@dataclass(frozen=True)
class Placed:
    """A cell of a netlist: its type, and the net at each of its pins."""

    kind: str
    nets: Mapping[str, str]

    def renamed(self, name: Callable[[str], str]) -> Placed:
        """The cell with other names of nets."""
        return Placed(self.kind, {pin: name(net) for pin, net in self.nets.items()})


@dataclass(frozen=True)
class Circuit:
    """A flat netlist.

    Args:
        ports: the net of every port, bit by bit (``codes[3]``).
        cells: the cells by name.
    """

    ports: Mapping[str, str]
    cells: Mapping[str, Placed]

    def renamed(self, names: Mapping[str, str]) -> Circuit:
        """The circuit with other names for some nets; nets of one name become one."""

        def name(net: str) -> str:
            return names.get(net, net)

        ports = {port: name(net) for port, net in self.ports.items()}
        return Circuit(ports, {cell: placed.renamed(name) for cell, placed in self.cells.items()})

    def without(self, kinds: Iterable[str]) -> Circuit:
        """The circuit without the cells of these types."""
        left_out = frozenset(kinds)
        return Circuit(self.ports, {name: cell for name, cell in self.cells.items() if cell.kind not in left_out})

    def nets(self) -> dict[str, frozenset[End]]:
        """What is on each net."""
        found: dict[str, set[End]] = defaultdict(set)
        for port, net in self.ports.items():
            found[net].add(("", port))
        for name, cell in self.cells.items():
            for pin, net in cell.nets.items():
                found[net].add((name, pin))
        return {net: frozenset(ends) for net, ends in found.items()}


def differences(layout: Circuit, netlist: Circuit) -> tuple[str, ...]:
    """What is missing, too much, open or shorted in a layout, by the names of cells and ports, a sentence each.

    None where the names show no difference; the circuits may differ all the same only in names.
    """
    told = []
    for what, left, right in (("port", layout.ports, netlist.ports), ("cell", layout.cells, netlist.cells)):
        told += [f"{what} {name} is in the netlist only" for name in sorted(right.keys() - left.keys())]
        told += [f"{what} {name} is in the layout only" for name in sorted(left.keys() - right.keys())]
    for name in sorted(layout.cells.keys() & netlist.cells.keys()):
        kinds = layout.cells[name].kind, netlist.cells[name].kind
        if kinds[0] != kinds[1]:
            told.append(f"cell {name} is {kinds[0]} in the layout, {kinds[1]} in the netlist")
    there, here = layout.nets(), netlist.nets()
    for net, pieces in _pieces(here, there):
        told.append(f"net {net} is in {len(pieces)} pieces in the layout: {' | '.join(map(_ends, pieces.values()))}")
    for _, pieces in _pieces(there, here):
        told.append(f"nets {' and '.join(sorted(pieces))} are one in the layout")
    return tuple(told)


def _pieces(
    whole: Mapping[str, frozenset[End]], other: Mapping[str, frozenset[End]]
) -> Iterator[tuple[str, dict[str, list[End]]]]:
    """The nets of one circuit that are several in the other: their ends by the other's nets."""
    where = {end: net for net, ends in other.items() for end in ends}
    for net, ends in whole.items():
        pieces: dict[str, list[End]] = defaultdict(list)
        for end in sorted(ends & where.keys()):
            pieces[where[end]].append(end)
        if len(pieces) > 1:
            yield net, pieces


def _ends(ends: Sequence[End]) -> str:
    """The first of some ends, as ``instance/pin`` or ``port``."""
    words = [f"{instance}/{pin}" if instance else f"port {pin}" for instance, pin in ends]
    return ", ".join(words[:_SHOWN] + (["..."] if len(words) > _SHOWN else []))


def parse_spice(text: str, top: str) -> Circuit:
    """A hierarchical SPICE netlist, two levels deep, as magic extracts it: the cells below ``top`` are black boxes.

    Raises:
        ValueError: there is no such subcircuit, or something in it that is no instance of another.
    """
    pins: dict[str, list[str]] = {}
    inside, lines = "", list[list[str]]()
    for line in re.sub(r"\n\+", " ", text).splitlines():
        words = line.split()
        if not words or line.startswith("*"):
            continue
        if words[0].lower() == ".subckt":
            inside, pins[words[1]] = words[1], words[2:]
        elif words[0].lower() == ".ends":
            inside = ""
        elif inside == top:
            lines.append(words)
    if top not in pins:
        raise ValueError(f"no subcircuit {top}; there are {', '.join(pins) or 'none'}")
    cells = {}
    for name, *nets, kind in lines:
        if not name.startswith("X") or kind not in pins or len(pins[kind]) != len(nets):
            raise ValueError(f"{top} has {name}, which is not an instance of a subcircuit above it")
        cells[name[1:]] = Placed(kind, dict(zip(pins[kind], nets, strict=True)))
    return Circuit({port: port for port in pins[top]}, cells)


def read_verilog(netlist: Path, top: str, work: Path, power: str, ground: str) -> Circuit:
    """Read a mapped netlist, flat or not, by Yosys; a constant is the supply of that name.

    A pin that nothing is connected to is on no net.  Leaves in ``work``: a copy of the netlist, Yosys' script,
    ``command`` and ``log``.

    Raises:
        ValueError: there is no such module.
        ToolFailed: Yosys cannot read it.
        OSError: a file cannot be read or written.
    """
    text = netlist.read_text()
    if not re.search(rf"^\s*module\s+\\?{re.escape(top)}\b", text, re.MULTILINE):
        raise ValueError(f"{netlist} has no module {top}; name the one that was laid out")
    work.mkdir(parents=True, exist_ok=True)
    write_atomic(work / "netlist.v", text)
    commands = ["read_verilog netlist.v", f"hierarchy -top {top}", "flatten", "write_json netlist.json"]
    run_script(commands, work, ("netlist.json",), "read.ys")
    module = json.loads((work / "netlist.json").read_text())["modules"][top]
    (work / "netlist.json").unlink()
    return _circuit(module, power, ground)


def _circuit(module: Mapping[str, Any], power: str, ground: str) -> Circuit:
    """A module as Yosys' ``write_json`` has it; what is undefined is on no net."""
    names: dict[int | str, str] = {"1": power, "0": ground}
    ports: dict[str, int | str] = {}
    for port, found in module["ports"].items():
        offset, bits = found.get("offset", 0), found["bits"]
        vector = len(bits) > 1 or offset
        ports |= {f"{port}[{offset + index}]" if vector else port: bit for index, bit in enumerate(bits)}
    for name, bit in ports.items():
        names.setdefault(bit, name)
    for cell, found in module["cells"].items():
        for pin, bits in found["connections"].items():
            for bit in bits:
                names.setdefault(bit, f"{cell}/{pin}")  # as magic calls a net that has no port
    cells = {
        name: Placed(cell["type"], {pin: names[bits[0]] for pin, bits in cell["connections"].items() if _known(bits)})
        for name, cell in module["cells"].items()
    }
    return Circuit({port: names[bit] for port, bit in ports.items() if _known([bit])}, cells)


def _known(bits: list[int | str]) -> bool:
    return bool(bits) and bits[0] not in ("x", "z")
