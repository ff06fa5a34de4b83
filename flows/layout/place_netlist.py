"""A mapped netlist made fit for layout: one name a net, no constants at pins, no net at more than one port."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..library import Library
from ..tool import write_atomic
from ..yosys import run_script
from .place_fold import Bit, Gate, fold

__all__ = ["Instance", "PortBit", "Wiring", "read_netlist", "wiring"]

_SOURCE, _JSON = "mapped.v", "mapped.json"


@dataclass(frozen=True)
class Instance:
    """A cell of the netlist: the instance's name, the library's, and the net at each pin."""

    name: str
    kind: str
    nets: Mapping[str, str]


@dataclass(frozen=True)
class PortBit:
    """A bit of a port: its name, such as ``codes[3]``, which is that of its net, too, and its direction."""

    name: str
    direction: str


@dataclass(frozen=True)
class Wiring:
    """A flat netlist, ready for layout.

    Args:
        top: the module.
        instances: the cells.
        ports: the bits of all ports that take part, in the order of the source.
        constants: bits of outputs that are 0 or 1 always, by name; there is nothing to lay out for them.
        undriven: bits of outputs that nothing drives, left out likewise.
        buffers: how many were added, for outputs that would have shared a net with another port.
        folded: how many cells were replaced or removed since a pin of theirs was constant.
    """

    top: str
    instances: tuple[Instance, ...]
    ports: tuple[PortBit, ...]
    constants: Mapping[str, int]
    undriven: tuple[str, ...]
    buffers: int
    folded: int

    def nets(self) -> dict[str, list[tuple[str, str]]]:
        """All nets that join at least two pins: of cells as ``(instance, pin)``, of ports as ``("PIN", bit)``."""
        found: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for port in self.ports:
            found[port.name].append(("PIN", port.name))
        for instance in self.instances:
            for pin, net in instance.nets.items():
                found[net].append((instance.name, pin))
        return {net: pins for net, pins in found.items() if len(pins) > 1}

    @property
    def unloaded(self) -> tuple[str, ...]:
        """Bits of inputs that drive nothing; they keep their pins."""
        used = {net for instance in self.instances for net in instance.nets.values()}
        return tuple(port.name for port in self.ports if port.name not in used)

    def verilog(self) -> str:
        """The netlist as Verilog, without ``assign`` and without the bits of ports that were left out."""
        spans: dict[str, list[PortBit]] = defaultdict(list)
        for port in self.ports:
            spans[port.name.partition("[")[0]].append(port)
        lines = [f"module {self.top} ({', '.join(spans)});"]
        for name, bits in spans.items():
            indices = [int(bit.name[len(name) + 1 : -1]) for bit in bits if bit.name != name]
            span = f"[{max(indices)}:{min(indices)}] " if indices else ""
            lines.append(f"  {bits[0].direction} {span}{name};")
        used = {net for instance in self.instances for net in instance.nets.values()}
        lines += [f"  wire {net};" for net in sorted(used - {port.name for port in self.ports})]
        for instance in self.instances:
            pins = ", ".join(f".{pin}({net})" for pin, net in sorted(instance.nets.items()))
            lines.append(f"  {instance.kind} {instance.name} ({pins});")
        return "\n".join([*lines, "endmodule", ""])


def read_netlist(netlist: Path, top: str, work: Path, library: Library) -> Wiring:
    """Read a mapped netlist by Yosys and make it fit for layout.

    - Names of cells and nets are letters, digits and underscores; a net at a port has the name of the port's bit.
    - Constants at pins of cells are folded into the cells, as far as the library has no cell that gives a constant.
    - Outputs that are the same net as an input or another output get a buffer: two ports on one net are the same to
      whoever extracts the layout.
    - Outputs that are constant are left out, and listed.

    Leaves in ``work``: ``mapped.v``, a copy; Yosys' script, ``command`` and ``log``.

    Args:
        netlist: flat Verilog of library cells.
        top: its module.
        work: the folder to work in, made if absent.
        library: the cells.

    Raises:
        ToolFailed: Yosys cannot read it.
        ValueError: it has no such module, or something that is no cell of the library, or a constant that cannot be
            folded.
        OSError: a file cannot be read or written.
    """
    text = netlist.read_text()
    names = re.findall(r"^\s*module\s+\\?([\w$]+)", text, re.MULTILINE)
    if top not in names:
        raise ValueError(f"{netlist} has no module {top}; it has {', '.join(names) or 'none'}")
    work.mkdir(parents=True, exist_ok=True)
    write_atomic(work / _SOURCE, text)
    run_script([f"read_verilog {_SOURCE}", f"hierarchy -top {top}", f"write_json {_JSON}"], work, (_JSON,), "read.ys")
    module = json.loads((work / _JSON).read_text())["modules"][top]
    (work / _JSON).unlink()
    return wiring(module, top, library)


def wiring(module: Mapping[str, Any], top: str, library: Library) -> Wiring:
    """A module, as Yosys' ``write_json`` has it, made fit for layout; see :func:`read_netlist`.

    Raises:
        ValueError: as :func:`read_netlist`.
    """
    alien = Counter(cell["type"] for cell in module["cells"].values() if cell["type"] not in library.cells)
    if alien:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(alien.items()))
        raise ValueError(f"{top} has {kinds}, no cells of {library.name}; map it flat, and without macros")
    gates = [
        Gate(name, cell["type"], {pin: bits[0] for pin, bits in cell["connections"].items() if bits})
        for name, cell in module["cells"].items()
    ]
    ports = list(_bits(module))
    folded = fold(gates, [bit for _, direction, bit in ports if direction == "output"], library)
    made = _Naming(library, folded.gates)
    for name, direction, bit in ports:
        made.port(name, direction, folded.resolve(bit) if direction == "output" else bit)
    instances = made.instances(module["netnames"])
    return Wiring(
        top, instances, tuple(made.ports), made.constants, tuple(made.undriven), len(made.buffers), folded.count
    )


def _bits(module: Mapping[str, Any]) -> Iterator[tuple[str, str, Bit]]:
    """Name, direction and net of every bit of a port; inputs first, so that a net at both has the input's name."""
    for wanted in ("input", "output"):
        for name, port in module["ports"].items():
            if port["direction"] == wanted:
                for index, bit in enumerate(port["bits"]):
                    vector = len(port["bits"]) > 1 or port.get("offset")
                    yield (f"{name}[{index + port.get('offset', 0)}]" if vector else name), wanted, bit


class _Naming:
    """Names of nets and instances, given one by one: ports first, then the rest."""

    def __init__(self, library: Library, gates: tuple[Gate, ...]) -> None:
        self._buffer = library.buffers[0]
        outputs = {kind: {pin.name for pin in library.cells[kind].outputs} for kind in {gate.kind for gate in gates}}
        self._driven = {bit for gate in gates for pin, bit in gate.pins.items() if pin in outputs[gate.kind]}
        self._gates = gates
        self._nets: dict[Bit, str] = {}
        self.ports: list[PortBit] = []
        self.constants: dict[str, int] = {}
        self.undriven: list[str] = []
        self.buffers: list[Instance] = []

    def port(self, name: str, direction: str, bit: Bit) -> None:
        """A bit of a port, and what is at it."""
        if direction == "output" and isinstance(bit, str):
            self.constants[name] = int(bit)
        elif direction == "output" and bit in self._nets:
            ends = {self._buffer.inputs[0]: self._nets[bit], self._buffer.outputs[0].name: name}
            self.buffers.append(Instance(f"nmpu_port_{len(self.buffers)}", self._buffer.name, ends))
            self.ports.append(PortBit(name, direction))
        elif direction == "output" and bit not in self._driven:
            self.undriven.append(name)
        else:
            self._nets[bit] = name
            self.ports.append(PortBit(name, direction))

    def instances(self, known: Mapping[str, Any]) -> tuple[Instance, ...]:
        """All cells, with nets named as the source names them where that is possible."""
        taken = {name.partition("[")[0] for name in self._nets.values()} | {port.name for port in self.ports}
        taken |= {buffer.name for buffer in self.buffers}
        for name, net in known.items():
            for index, bit in enumerate(net["bits"]):
                if isinstance(bit, int) and bit not in self._nets:
                    self._nets[bit] = _plain(name if len(net["bits"]) == 1 else f"{name}_{index}", taken)
        for bit in sorted({bit for gate in self._gates for bit in gate.pins.values()} - self._nets.keys(), key=str):
            self._nets[bit] = _plain("folded", taken)
        made = [
            Instance(
                _plain(gate.name, taken),
                gate.kind,
                {pin: self._nets[bit] for pin, bit in gate.pins.items()},
            )
            for gate in self._gates
        ]
        return (*made, *self.buffers)


def _plain(name: str, taken: set[str]) -> str:
    """``name`` of letters, digits and underscores only, made different from all that are ``taken``."""
    word = re.sub(r"\W", "_", name)
    word = word if re.match(r"[A-Za-z_]", word) else f"_{word}"
    number, free = 1, word
    while free in taken:
        number += 1
        free = f"{word}_{number}"
    taken.add(free)
    return free
