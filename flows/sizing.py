"""A mapped module given to ABC as it is: its gates sized, its longest path, and a proof that it is what another is."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from .gate_graph import Root, cell_entry
from .library import Library
from .tool import ToolFailed, ToolMissing, run, write_together

__all__ = ["parse_delay", "parse_gates", "resize"]


def resize(
    name: str, module: Mapping[str, Any], original: Mapping[str, Any], library: Library, work: Path, target_ps: int
) -> tuple[dict[str, Any], float]:
    """Size the gates of a module for a period, tell its longest path, and prove that it still does what it did.

    Yosys gives ABC what lies between cells that are not simple; this gives it all gates, adders as well.  Leaves in
    ``work`` files that begin with ``name``: the command, the log, and what ABC read and wrote.

    Args:
        name: of the module.
        module: as Yosys' ``write_json`` has it, mapped.
        original: the same with other gates, whose flip-flops and ports are joined to the same bits.
        library: what both are mapped to.
        work: the folder, with ``cells.lib`` and ``constr`` as :func:`flows.synthesize.synthesize` leaves them.
        target_ps: what to size for: 1 for the least delay, a large number for the least area.

    Returns:
        The module, and ABC's estimate in ps, without wires, clock-to-q and setup.

    Raises:
        ToolFailed: ABC failed, or the two are not the same.
        OSError: a file cannot be read or written.
    """
    first, gates, sized = (f"{name}_{kind}.blif" for kind in ("original", "gates", "sized"))
    write_together({work / first: _blif(original, library), work / gates: _blif(module, library)})
    (work / sized).unlink(missing_ok=True)
    steps = ["read_lib cells.lib", "read_constr constr", f"read_blif {gates}", "topo", f"upsize -D {target_ps}"]
    steps += [f"dnsize -D {target_ps}", "stime -p", f"write_blif {sized}", f"cec {first} {sized}"]
    run([_abc(), "-c", "; ".join(steps)], work, log_name=f"{name}.log")
    log = work / f"{name}.log"
    text = log.read_text(errors="replace")
    delay = parse_delay(text)
    if delay is None or not (work / sized).is_file():
        raise ToolFailed("ABC ended without sizes", log)
    if "Networks are equivalent" not in text:
        raise ToolFailed("ABC could not prove that a netlist with adder cells does what it did without", log)
    made = (work / sized).read_text()
    if re.search(r"^\.names", made, re.MULTILINE):
        raise ToolFailed("ABC made a net that no gate of the library drives", log)
    return _replaced(module, library, parse_gates(made)), delay


def _abc() -> str:
    """The ABC that comes with pyosys, which is not imported: from then on extensions would see each other's symbols.

    Raises:
        ToolMissing: it is not there.
    """
    spec = importlib.util.find_spec("pyosys")
    if spec is None or spec.origin is None:
        raise ToolMissing("pyosys is not installed; get it with: pip install pyosys")
    return str(Path(spec.origin).with_name("yosys-abc"))


def parse_delay(log: str) -> float | None:
    """The longest path in ps that the last ``stime`` in ABC's log tells; None where there is none."""
    found = re.findall(r"Delay\s*=\s*([\d.]+)\s*ps", log)
    return float(found[-1]) if found else None


def parse_gates(blif: str) -> list[tuple[str, dict[str, str]]]:
    """Cells, and the nets at their pins, in mapped BLIF."""
    lines = (line.split() for line in blif.replace("\\\n", " ").splitlines() if line.startswith(".gate "))
    return [(words[1], dict(word.split("=", 1) for word in words[2:])) for words in lines]


def _simple(cell: Mapping[str, Any], library: Library) -> bool:
    kind = library.cells.get(cell["type"])
    return kind is not None and kind.truths is not None and bool(kind.inputs)


def _blif(module: Mapping[str, Any], library: Library) -> str:
    gates, drives = [], set[Root]()
    outside: set[Root] = {"0", "1", "x"}
    outside |= {bit for port in module["ports"].values() for bit in port["bits"]}
    for cell in module["cells"].values():
        if not _simple(cell, library):
            outside |= {bit for bits in cell["connections"].values() for bit in bits}
            continue
        joined = {pin: bits[0] for pin, bits in cell["connections"].items()}
        gates.append(" ".join([".gate", cell["type"], *(f"{pin}=n{bit}" for pin, bit in joined.items())]))
        drives |= {joined[pin.name] for pin in library.cells[cell["type"]].outputs if pin.name in joined}
    inputs, outputs = (
        " ".join(f"n{bit}" for bit in sorted(one, key=str)) for one in (outside - drives, outside & drives)
    )
    return "\n".join([".model lane", f".inputs {inputs}", f".outputs {outputs}", *gates, ".end", ""])


def _replaced(
    module: Mapping[str, Any], library: Library, gates: Iterable[tuple[str, dict[str, str]]]
) -> dict[str, Any]:
    """The module with other gates; nets that ABC has renamed get numbers of their own."""
    cells = {name: cell for name, cell in module["cells"].items() if not _simple(cell, library)}
    used = [bit for cell in module["cells"].values() for joined in cell["connections"].values() for bit in joined]
    used += [bit for part in ("ports", "netnames") for one in module[part].values() for bit in one["bits"]]
    bits: dict[str, Root] = {f"n{bit}": bit for bit in [*used, "0", "1", "x"]}
    last = max((bit for bit in used if isinstance(bit, int)), default=1)
    for number, (kind, pins) in enumerate(gates):
        for net in pins.values():
            if net not in bits:
                bits[net] = last = last + 1
        cells[f"$nmpu$gate${number}"] = cell_entry(kind, {pin: [bits[net]] for pin, net in pins.items()})
    there = {bit for cell in cells.values() for joined in cell["connections"].values() for bit in joined}
    wires = {name: wire for name, wire in module["netnames"].items() if there.issuperset(wire["bits"])}
    return {**module, "cells": cells, "netnames": wires}
