"""Buffer trees on nets that drive more than ABC saw: it maps modules one by one, and 64 lanes may hang on one pin."""

from __future__ import annotations

import json
import math
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .cells import Cell
from .library import Library
from .tool import write_atomic
from .yosys import run_script

__all__ = ["Buffered", "Design", "buffered", "tree_buffer"]

CLOCK = "clk"
BUFFERED, BEFORE, AFTER = "buffered.v", "blocks.json", "buffered.json"
_GAIN = 16
"""How much more than its own input a buffer of a tree drives."""
_EASY = 4
"""What a gate drives without help, in output loads of the library: 16 inputs of a NAND2."""


@dataclass(frozen=True)
class Buffered:
    """A netlist whose large nets have trees.

    Args:
        verilog: the netlist; cells and instances are called as before, the buffers ``nmpu_buffer_<n>``.
        buffer: the library cell that the trees are of.
        count: how many were added, all instances counted.
    """

    verilog: Path
    buffer: str
    count: int


def buffered(blocks: Path, top: str, work: Path, library: Library) -> Buffered:
    """Put trees of buffers on nets that are loaded too much; the clock's are left alone.

    Leaves in ``work``: the script of Yosys, ``command``, ``log`` and ``buffered.v``.

    Args:
        blocks: a mapped netlist, with or without hierarchy.
        top: the module that is the top; those it does not use are left out.
        work: the folder to work in, made if absent.
        library: the cells.

    Raises:
        ToolFailed: Yosys cannot read the netlist.
        OSError: a file cannot be read or written.
    """
    work.mkdir(parents=True, exist_ok=True)
    write_atomic(work / "blocks.v", blocks.read_text())
    read = ["read_verilog blocks.v", f"hierarchy -top {top}", "clean", f"write_json {BEFORE}"]
    run_script(read, work, (BEFORE,), "blocks.ys")
    data = json.loads((work / BEFORE).read_text())
    design = Design(data["modules"], top, library)
    design.insert()
    for module in data["modules"].values():
        module["netnames"] = {}  # a second name of a net is an `assign`; OpenSTA does not come to an end over thousands
    write_atomic(work / AFTER, json.dumps(data))
    run_script([f"read_json {AFTER}", f"write_verilog -noattr -noexpr -simple-lhs {BUFFERED}"], work, (BUFFERED,))
    for file in ("blocks.v", BEFORE, AFTER):
        (work / file).unlink()
    return Buffered(work / BUFFERED, design.buffer.name, design.total(top))


def tree_buffer(library: Library) -> Cell:
    """The buffer that drives most for its area and is no more load than an output is taken to have.

    What a cell drives is the ``max_capacitance`` of the Liberty file; without any, the one with the largest input.
    """

    def worth(cell: Cell) -> tuple[float, float]:
        text = re.search(rf'\bcell\s*\(\s*"?{re.escape(cell.name)}"?\s*\)(.*?)\bcell\s*\(', library.lean, re.DOTALL)
        drive = re.search(r'\bmax_capacitance\s*:\s*"?([\d.eE+-]+)', text[1] if text else "")
        return float(drive[1]) / cell.area if drive else 0.0, _load(cell)

    fit = [cell for cell in library.buffers if _load(cell) <= library.output_load]
    return max(fit or library.buffers[:1], key=worth)


@dataclass
class _Pin:
    """A bit of what is connected to an input pin, and the pin's load, fF."""

    bits: list[Any]
    index: int
    load: float


class Design:
    """Modules as Yosys' ``write_json`` has them, changed in place.

    Args:
        modules: by name.
        top: the top module.
        library: the cells; what is neither cell nor module is a macro, whose pins are no load.
    """

    def __init__(self, modules: dict[str, Any], top: str, library: Library) -> None:
        self.buffer = tree_buffer(library)
        self._modules, self._top, self._library = modules, top, library
        self._easy, self._limit = _EASY * library.output_load, _GAIN * _load(self.buffer)
        self._loads: dict[str, dict[str, list[float]]] = {}
        self._added: Counter[str] = Counter()
        self._last = max(
            (
                bit
                for module in modules.values()
                for net in module["netnames"].values()
                for bit in net["bits"]
                if isinstance(bit, int)
            ),
            default=1,
        )

    def insert(self) -> None:
        """Put the trees in, the deepest modules first."""
        self._visit(self._top)

    def total(self, module: str) -> int:
        """Buffers that were added to one instance of ``module``, those of its submodules counted."""
        inside = (cell["type"] for cell in self._modules[module]["cells"].values())
        return self._added[module] + sum(self.total(kind) for kind in inside if kind in self._modules)

    def _visit(self, name: str) -> None:
        module = self._modules[name]
        pins: dict[int, list[_Pin]] = defaultdict(list)
        for cell in list(module["cells"].values()):
            if cell["type"] in self._modules and cell["type"] not in self._loads:
                self._visit(cell["type"])
            for port, bits in cell["connections"].items():
                for index, load in enumerate(self._inputs(cell["type"], port)):
                    if isinstance(bits[index], int):  # else a constant
                        pins[bits[index]].append(_Pin(bits, index, load))
        inputs = {port: found["bits"] for port, found in module["ports"].items() if found["direction"] == "input"}
        # What an input of an inner module drives is a load of the module around it, which can see all of it.
        outer = {bit for bits in inputs.values() for bit in bits} if name != self._top else set()
        for bit in pins.keys() - set(inputs.get(CLOCK, ())):
            pins[bit] = self._tree(name, bit, pins[bit], self._limit if bit in outer else self._easy)
        self._loads[name] = {
            port: [sum(pin.load for pin in pins[bit]) for bit in bits] for port, bits in inputs.items()
        }

    def _inputs(self, kind: str, port: str) -> list[float]:
        """Loads of the bits of a cell's or module's port, none where it is no input."""
        if kind in self._loads:
            return self._loads[kind].get(port, [])
        cell = self._library.cells.get(kind)
        return [pin.capacitance for pin in cell.pins if pin.name == port and pin.direction == "input"] if cell else []

    def _tree(self, name: str, root: int, pins: list[_Pin], limit: float) -> list[_Pin]:
        """Put buffers between a net and its pins until it has no more load than ``limit``; what it drives then."""
        cells = self._modules[name]["cells"]
        source, sink = self.buffer.inputs[0], self.buffer.outputs[0].name
        while sum(pin.load for pin in pins) > limit:
            groups, pins = _grouped(pins, self._limit), []
            for group in groups:
                self._added[name] += 1
                self._last += 1
                ends: dict[str, list[Any]] = {source: [root], sink: [self._last]}
                cells[f"nmpu_buffer_{self._added[name]}"] = _cell(self.buffer.name, ends)
                for pin in group:
                    pin.bits[pin.index] = self._last
                pins.append(_Pin(ends[source], 0, _load(self.buffer)))
        return pins


def _grouped(pins: list[_Pin], limit: float) -> list[list[_Pin]]:
    """Neighbours together, about as much load in each group, ``limit`` at most; a larger pin is alone."""
    total = sum(pin.load for pin in pins)
    share = total / math.ceil(total / limit)
    groups: list[list[_Pin]] = [[]]
    load = 0.0
    for pin in pins:
        if groups[-1] and (load >= share or load + pin.load > limit):
            groups.append([])
            load = 0.0
        groups[-1].append(pin)
        load += pin.load
    return groups


def _load(buffer: Cell) -> float:
    return max(pin.capacitance for pin in buffer.pins)


def _cell(kind: str, connections: dict[str, list[Any]]) -> dict[str, Any]:
    return {"hide_name": 0, "type": kind, "parameters": {}, "attributes": {}, "connections": connections}
