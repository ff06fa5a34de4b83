"""netgen without a screen: whether two netlists of black boxes are the same circuit.

Written for 1.5.133, which Debian has: it ends with status 0 whatever it finds, takes the pins of black boxes by their
places and not by their names, and capitals for small letters.  So both netlists are written here, with numbers for
names.  It takes equal cells in parallel for one, so cells are counted here as well; and it does not see that a port of
one circuit is connected to nothing, so a cell of its own stands at every port.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..tool import ToolFailed, run, write_together
from .circuit import Circuit
from .technology import Technology

__all__ = ["Compared", "Said", "compare", "parse_comparison"]

LAYOUT, NETLIST, OUT, JSON = "layout.spice", "netlist.spice", "compared.out", "compared.json"
_TOP = "top"
_EQUAL = "Circuits match uniquely."


@dataclass(frozen=True)
class Said:
    """What netgen says of two circuits.

    Args:
        equal: they are the same.
        nets: how many nets the layout has, and the netlist.
        version: netgen's.
    """

    equal: bool
    nets: tuple[int, int]
    version: str


@dataclass(frozen=True)
class Compared(Said):
    """What netgen says, and how many cells the layout has, and the netlist.

    They are ``equal`` only where there are as many cells of each type.
    """

    devices: tuple[int, int]


def compare(layout: Circuit, netlist: Circuit, technology: Technology, work: Path) -> Compared:
    """Have netgen compare two circuits: all cells, pins by name, nets, and ports by name.

    Ports that share a net count as one, called after all of them.

    Leaves in ``work``: ``layout.spice``, ``netlist.spice``, ``command``, ``log``, ``compared.out``, ``compared.json``.

    Raises:
        ToolMissing: netgen is not installed.
        ToolFailed: it came to no result.
        OSError: a file cannot be read or written.
    """
    work.mkdir(parents=True, exist_ok=True)
    for old in (OUT, JSON):
        (work / old).unlink(missing_ok=True)
    circuits = (layout, netlist)
    kinds = {cell.kind for circuit in circuits for cell in circuit.cells.values()}
    pins = {kind: sorted(_pins(kind, circuits)) for kind in sorted(kinds)}
    groups = sorted({group for circuit in circuits for group in _groups(circuit).values()})
    numbers = {group: f"p{number}" for number, group in enumerate(groups)}
    files = {work / LAYOUT: _spice(layout, pins, numbers), work / NETLIST: _spice(netlist, pins, numbers)}
    write_together(files)
    command = ["netgen-lvs", "-batch", "lvs", f"{LAYOUT} {_TOP}", f"{NETLIST} {_TOP}"]
    log = run([*command, str(technology.netgen_setup), OUT, "-json", "-blackbox"], work).log
    for file in (OUT, JSON):
        if not (work / file).is_file():
            raise ToolFailed(f"netgen ended without writing {file}", log)
    try:
        said = parse_comparison((work / JSON).read_text(), (work / OUT).read_text(), log.read_text(errors="replace"))
    except ValueError as error:
        raise ToolFailed(f"netgen came to no result: {error}", log) from None
    counted = [Counter(cell.kind for cell in circuit.cells.values()) for circuit in circuits]
    devices = (len(layout.cells), len(netlist.cells))
    return Compared(said.equal and counted[0] == counted[1], said.nets, said.version, devices)


def parse_comparison(found: str, out: str, log: str) -> Said:
    """What netgen wrote: ``compared.json``, ``compared.out`` and its log.

    Both files must say that the circuits match; the last line of the second says it alone.

    Raises:
        ValueError: they are not what netgen writes.
    """
    try:
        cells: list[dict[str, Any]] = json.loads(found)
        top = next(cell for cell in cells if cell["name"] == [_TOP, _TOP])
        left, right = top["nets"]
        clean = left == right and not top["badnets"] and not top["badelements"]
    except (KeyError, TypeError, ValueError, StopIteration):
        raise ValueError("not a comparison of two circuits called top") from None
    version = re.search(r"^Netgen (\S+) compiled", log, re.MULTILINE)
    lines = [line.strip() for line in out.splitlines() if line.strip()]
    if version is None or not lines:
        raise ValueError("no version in the log, or nothing in the output")
    return Said(clean and lines[-1] == _EQUAL, (left, right), version[1])


def _pins(kind: str, circuits: Iterable[Circuit]) -> set[str]:
    """All pins that a type of cell has anywhere."""
    return {pin for circuit in circuits for cell in circuit.cells.values() if cell.kind == kind for pin in cell.nets}


def _groups(circuit: Circuit) -> dict[str, tuple[str, ...]]:
    """The ports on each net that has any."""
    found: dict[str, list[str]] = {}
    for port, net in sorted(circuit.ports.items()):
        found.setdefault(net, []).append(port)
    return {net: tuple(ports) for net, ports in found.items()}


def _spice(circuit: Circuit, pins: Mapping[str, Sequence[str]], numbers: Mapping[tuple[str, ...], str]) -> str:
    """The circuit, with numbers for the names of its nets and cells; a pin on no net gets one of its own."""
    names = {net: numbers[group] for net, group in _groups(circuit).items()}
    boxes = [f"{kind} {' '.join(ends)}" for kind, ends in pins.items()]
    boxes += [f"port_{port} A" for port in numbers.values()]
    lines = [line for box in boxes for line in (f".subckt {box}", ".ends")]
    lines.append(f".subckt {_TOP} {' '.join(names.values())}")
    lines += [f"X{port} {port} port_{port}" for port in names.values()]
    loose = 0
    for number, (_, cell) in enumerate(sorted(circuit.cells.items())):
        words = []
        for pin in pins[cell.kind]:
            if pin in cell.nets:
                words.append(names.setdefault(cell.nets[pin], f"n{len(names)}"))
            else:
                loose += 1
                words.append(f"loose{loose}")
        lines.append(f"X{number} {' '.join(words)} {cell.kind}")
    return "\n".join([*lines, ".ends", ""])
