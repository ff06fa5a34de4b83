"""magic without a screen: a routed layout checked against the rules of its technology, and its netlist extracted.

Written for 8.3.105, which Debian has: its exit status is 0 after an error, a name with ``/`` or ``.`` breaks its
extraction, and it takes a DEF file in steps of a lambda unless its grid is made finer first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..tool import ToolFailed, run, write_atomic
from .circuit import Circuit, parse_spice
from .technology import Technology

__all__ = ["Found", "extract", "find_errors", "parse_errors", "version"]

LAYOUT, CELLS, ERRORS, SPICE = "layout.def", "cells.lef", "errors.txt", "layout.spice"
_FINER = 10
"""Steps of the grid in a lambda of 0.1 um: every place in a DEF file of 100 units a um is on it."""
_PLACES = 20
"""How many places of a rule magic writes down."""


@dataclass(frozen=True)
class Found:
    """Where a layout breaks a rule.

    Args:
        rule: the rule, in the technology's words.
        count: how many places.
        places: left, bottom, right and top of the first of them, um.
    """

    rule: str
    count: int
    places: tuple[tuple[float, float, float, float], ...]


@dataclass(frozen=True)
class _Read:
    """A DEF file as magic can read it: its text with plain names, and what ``i<n>`` and ``p<n>`` were called."""

    text: str
    design: str
    instances: Mapping[str, str]
    pins: Mapping[str, str]


def version(work: Path) -> str:
    """What magic says of its version.

    Raises:
        ToolMissing: it is not installed.
    """
    return run(["magic", "--version"], work, log_name="version.log").log.read_text().strip()


def find_errors(def_file: Path, technology: Technology, work: Path) -> tuple[Found, ...]:
    """Check a routed layout with all rules that magic has of the technology.

    Leaves in ``work``: the script, ``command``, ``log``, ``errors.txt`` and what magic read.

    Raises:
        ValueError: ``def_file`` is not a routed DEF file of the technology's cells.
        ToolMissing: magic is not installed.
        ToolFailed: magic could not read the layout, or wrote no errors.
        OSError: a file cannot be read or written.
    """
    layout = _read(def_file, technology)
    script = [
        "drc on",
        "drc check",
        "drc catchup",
        f"set file [open {ERRORS} w]",
        "set um [cif scale out]",
        "foreach {rule places} [drc listall why] {",
        '  puts $file "rule [llength $places] $rule"',
        f"  foreach place [lrange $places 0 {_PLACES - 1}] {{",
        "    foreach edge $place { puts -nonewline $file [format {%.3f } [expr {$edge * $um}]] }",
        "    puts $file {}",
        "  }",
        "}",
        "puts $file {end}",
        "close $file",
    ]
    _run(layout, script, technology, work, ERRORS)
    return parse_errors((work / ERRORS).read_text())


def parse_errors(text: str) -> tuple[Found, ...]:
    """What :func:`find_errors` had magic write: the rule with most places first.

    Raises:
        ValueError: it is not that, or has no end.
    """
    lines = text.splitlines()
    if lines[-1:] != ["end"]:
        raise ValueError("the list of errors has no end; magic did not come to the end of the layout")
    rules: list[tuple[str, int, list[tuple[float, float, float, float]]]] = []
    for line in lines[:-1]:
        head = re.fullmatch(r"rule (\d+) (\S.*)", line)
        if head:
            rules.append((head[2], int(head[1]), []))
            continue
        try:
            left, bottom, right, top = (float(word) for word in line.split())
            rules[-1][2].append((left, bottom, right, top))
        except (ValueError, IndexError):
            raise ValueError(f"not a list of errors: {line!r}") from None
    found = [Found(rule, count, tuple(places)) for rule, count, places in rules]
    return tuple(sorted(found, key=lambda each: (-each.count, each.rule)))


def extract(def_file: Path, technology: Technology, work: Path) -> Circuit:
    """The netlist that a routed layout's metal makes; the names of nets in the DEF file have no part in it.

    Cells are black boxes, fillers among them, called as in the DEF file.

    Leaves in ``work``: the script, ``command``, ``log``, ``layout.spice`` and what magic read.

    Raises:
        ValueError, ToolMissing, ToolFailed, OSError: as :func:`find_errors`.
    """
    layout = _read(def_file, technology)
    settings = ("hierarchy on", "format ngspice", "scale off", "renumber off", "blackbox on", "subcircuit top auto")
    script = [
        "extract all",
        *(f"ext2spice {setting}" for setting in settings),
        "ext2spice cthresh infinite",
        "ext2spice rthresh infinite",
        "ext2spice global off",
        "ext2spice",
    ]
    for old in work.glob("*.ext"):
        old.unlink()
    _run(layout, script, technology, work, f"{layout.design}.spice")
    nodes = (work / f"{layout.design}.ext").read_text()
    for file in work.glob("*.ext"):
        file.unlink()
    (work / f"{layout.design}.spice").replace(work / SPICE)
    circuit = parse_spice((work / SPICE).read_text(), layout.design)
    return _named(_all_ports(circuit, nodes), layout)


def _all_ports(circuit: Circuit, nodes: str) -> Circuit:
    """The circuit with the ports that share a net with another, which magic's SPICE leaves out, and its nodes have."""
    ports = dict(circuit.ports)
    same = re.findall(r'^equiv "([^"]+)" "([^"]+)"$', nodes, re.MULTILINE)
    for name in re.findall(r'^port "([^"]+)" ', nodes, re.MULTILINE):
        ports.setdefault(name, next((node for node, other in same if other == name), name))
    return Circuit(ports, circuit.cells)


def _named(circuit: Circuit, layout: _Read) -> Circuit:
    """The circuit with the names of the DEF file."""

    def net(node: str) -> str:
        instance, slash, pin = node.rpartition("/")
        return layout.instances.get(instance, instance) + slash + layout.pins.get(pin, pin)

    ports = {layout.pins.get(port, port): net(node) for port, node in circuit.ports.items()}
    cells = {layout.instances[name]: cell.renamed(net) for name, cell in circuit.cells.items()}
    return Circuit(ports, cells)


def _read(def_file: Path, technology: Technology) -> _Read:
    text = def_file.read_text()
    design = re.search(r"^\s*DESIGN\s+(\w+)\s*;", text, re.MULTILINE)
    if design is None:
        raise ValueError(f"{def_file} has no DESIGN; give the DEF file of a router")
    text, cells = _renamed(text, "COMPONENTS", "i")
    text, pins = _renamed(text, "PINS", "p")
    kinds = {kind for _, kind in cells.values()}
    alien = sorted(kinds - technology.macros.keys())
    if alien or not kinds:
        what = f"places {', '.join(alien)}, no cells of" if alien else "places no cell of"
        raise ValueError(f"{def_file} {what} {technology.name}; give a layout of its cells")
    return _Read(
        text,
        design[1],
        {safe: name for safe, (name, _) in cells.items()},
        {safe: re.sub(r"<(\d+)>$", r"[\1]", name) for safe, (name, _) in pins.items()},
    )


def _renamed(text: str, section: str, letter: str) -> tuple[str, dict[str, tuple[str, str]]]:
    """DEF text with plain names in a section; by those, each old name, unescaped, and the word behind it."""
    found = re.search(rf"^\s*{section}\s+\d+\s*;$.*?^\s*END\s+{section}\b", text, re.MULTILINE | re.DOTALL)
    if found is None:
        return text, {}
    names: dict[str, tuple[str, str]] = {}

    def plain(entry: re.Match[str]) -> str:
        safe = f"{letter}{len(names)}"
        names[safe] = entry[2].replace("\\", ""), entry[3]
        return f"{entry[1]}{safe} {entry[3]}"

    body = re.sub(r"(^\s*-\s+)(\S+)\s+(\S+)", plain, found[0], flags=re.MULTILINE)
    return text[: found.start()] + body + text[found.end() :], names


def _run(layout: _Read, script: Sequence[str], technology: Technology, work: Path, output: str) -> None:
    """Read the layout into magic, and run a script on it that is to write ``output``."""
    work.mkdir(parents=True, exist_ok=True)
    (work / output).unlink(missing_ok=True)
    (work / CELLS).unlink(missing_ok=True)
    (work / CELLS).symlink_to(technology.lef.resolve())
    write_atomic(work / LAYOUT, layout.text)
    lines = [
        "crashbackups stop",
        "drc off",
        f"scalegrid 1 {_FINER}",
        f"lef read {CELLS}",
        f"def read {LAYOUT}",
        f"load {layout.design}",
        "select top cell",
        "expand",
        *script,
        "quit -noprompt",
    ]
    write_atomic(work / "magic.tcl", "\n".join(lines) + "\n")
    log = run(["magic", "-dnull", "-noconsole", "-rcfile", str(technology.magic_rc), "magic.tcl"], work).log
    _check(log, len(layout.instances))
    if not (work / output).is_file():
        raise ToolFailed(f"magic ended without writing {output}", log)


def _check(log: Path, cells: int) -> None:
    """See to it that magic has read the whole layout, whatever its exit status."""
    text = log.read_text(errors="replace")
    error = re.search(r"^(?:DEF|LEF) read, Line \d+ \(Error\).*$|^connect\(\d\): no such node.*$", text, re.MULTILINE)
    if error:
        raise ToolFailed(f"magic stopped: {error[0].strip()}", log)
    read = re.search(r"Processed (\d+) subcell instances total", text)
    if read is None or int(read[1]) != cells:
        raise ToolFailed(f"magic read {read[1] if read else 'no'} cells of the {cells} in the layout", log)
