"""Verilog to a netlist of library cells, by Yosys and ABC."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from nmpu_hdl.macros import Macro

from .library import Library
from .macros import stub
from .netlist import Candidate, Mapped, Netlist
from .recipe import RECIPE, Recipe
from .refine import refine
from .tool import ToolFailed, write_together
from .yosys import run_script

__all__ = ["RECIPE", "Candidate", "Mapped", "Netlist", "Recipe", "parse_delays", "parse_stat", "synthesize"]

CACHE = "cells.cache"
NETLIST, BLOCKS, MODULES, FLAT, STUBS = "netlist.v", "blocks.v", "modules.json", "flat.json", "stubs.v"
MAPPED, ARITHMETIC = "mapped.il", "arithmetic.json"

_NETLISTS = (
    "setundef -zero",
    "opt_clean",
    f"tee -q -o {MODULES} stat -json",
    f"write_verilog -noattr -noexpr -simple-lhs {BLOCKS}",
    "flatten -noscopeinfo",
    "opt_clean -purge",
    f"tee -q -o {FLAT} stat -json",
    f"write_verilog -noattr -noexpr -simple-lhs {NETLIST}",
)
"""What makes the netlists of a design that is mapped."""


def synthesize(
    verilog: Path,
    top: str,
    work: Path,
    library: Library,
    *,
    flatten: bool = False,
    recipe: Recipe = RECIPE,
    macros: Sequence[Macro] = (),
) -> Netlist:
    """Map a design to a library.

    Each module is optimized and mapped once, by itself, and its netlist is then put wherever it is instantiated: 64
    lanes cost the time of one, and no gate is shared or moved across a module's edge.  With ``flatten`` everything is
    optimized as one, which may save a little and takes far longer.

    Leaves in ``work``: the script, its copies of source and library (``source.v``, ``cells.lib``), ``constr``,
    ``command``, ``log``, ``netlist.v``, ``blocks.v`` and Yosys' statistics (``modules.json``, ``flat.json``); with
    macros their ``stubs.v``.  With adder cells the log is of what follows them, ``mapping.log`` of what comes before.

    Args:
        verilog: the source, all modules in one file.
        top: the top module.
        work: the folder to work in.
        library: the cells; those it holds unusable are not used.
        flatten: dissolve the hierarchy before, not after, the mapping.
        recipe: how.
        macros: modules that the source instantiates and does not have; they stay black boxes.

    Raises:
        ToolFailed: Yosys or ABC failed, or left something that is not a cell of the library.
        ValueError: there is no such module in the source, or ABC cannot take the path of ``work``.
        OSError: a file cannot be read or written.
    """
    source = verilog.read_text()
    names = re.findall(r"^\s*module\s+\\?([\w$]+)", source, re.MULTILINE)
    if top not in names:
        raise ValueError(f"{verilog} has no module {top}; it has {', '.join(names) or 'none'}")
    odd = re.search(r"['\";\x00-\x08\x0a-\x1f\x7f]", str(work.resolve()))
    if odd:  # ABC is given the library with its whole path
        raise ValueError(
            f"the output folder {str(work)!r} has {odd[0]!r} in its path, which ABC cannot take; choose another"
        )
    work.mkdir(parents=True, exist_ok=True)
    files = {"source.v": source, "cells.lib": library.lean, "constr": _constraints(library), **dict(recipe.files)}
    files |= {STUBS: "\n".join(map(stub, macros))} if macros else {}
    write_together({work / name: text for name, text in files.items()})
    with _cache(work) as cache:
        mapping = _mapping(top, [top] if flatten else names, flatten, recipe, bool(macros), cache)
        delays = _run(mapping, [name for name in names if name in recipe.arithmetic], recipe, work, library)
    counts, yosys = parse_stat((work / MODULES).read_text())
    flat, _ = parse_stat((work / FLAT).read_text())
    modules, boxes = {}, {macro.module for macro in macros}
    for name, found in counts.items():
        own, instances = _sorted_out(name, found, library, boxes | counts.keys(), work / "log")
        modules[name] = Mapped(name, own, instances, delays.get(name))
    cells, left = _sorted_out(top, flat[top], library, boxes, work / "log")
    return Netlist(top, work / NETLIST, work / BLOCKS, modules, cells, yosys, left, recipe.name)


def parse_stat(text: str) -> tuple[dict[str, dict[str, int]], str]:
    """Cells by type of every module, and the version, from what Yosys' ``stat -json`` writes.

    Raises:
        ValueError: it is something else.
    """
    try:
        data: dict[str, Any] = json.loads(text)
        modules = {
            name.removeprefix("\\"): {cell.removeprefix("\\"): int(n) for cell, n in found["num_cells_by_type"].items()}
            for name, found in data["modules"].items()
        }
        version = re.search(r"\d\S*", data["creator"])
    except (KeyError, AttributeError, ValueError, TypeError) as error:
        raise ValueError(f"this is not what stat -json writes: {error!r}") from None
    return modules, version[0] if version else data["creator"]


def parse_delays(log: str) -> dict[str, float]:
    """The longest path of every module in ps, from the log; modules without logic are not in it."""
    delays: dict[str, float] = {}
    module = ""
    for line in log.splitlines():
        if line.startswith("nmpu: module "):
            module = line.split()[2]
        elif module and line.startswith("ABC:"):
            found = re.search(r"\bDelay\s*=\s*([\d.]+)\s*ps", line)
            if found:
                delays[module] = float(found[1])
    return delays


@contextmanager
def _cache(work: Path) -> Iterator[str]:
    """A folder for the libraries that ABC has read, removed at the end.

    Not the one that Yosys shares, which takes a library that was just rewritten for the old one.  And not below
    ``work`` where its path has a space: ABC's ``map`` cannot find them there.
    """
    if not re.search(r"\s", str(work.resolve())):
        shutil.rmtree(work / CACHE, ignore_errors=True)
        yield CACHE
        shutil.rmtree(work / CACHE, ignore_errors=True)
    else:
        with TemporaryDirectory(prefix="nmpu-") as folder:
            yield folder


def _run(mapping: list[str], arithmetic: list[str], recipe: Recipe, work: Path, library: Library) -> dict[str, float]:
    """Map, and leave the netlists; the longest path of every module in ps."""
    outputs = (NETLIST, BLOCKS, MODULES, FLAT)
    if not recipe.adders:
        return parse_delays(run_script([*mapping, *_NETLISTS], work, outputs))
    save = [f"write_rtlil {MAPPED}", f"select {' '.join(arithmetic) or '-none'}", f"write_json -selected {ARITHMETIC}"]
    delays = parse_delays(run_script([*mapping, *save], work, (MAPPED, ARITHMETIC), "mapping.ys", "mapping.log"))
    data = json.loads((work / ARITHMETIC).read_text())
    for name, module in data["modules"].items():
        data["modules"][name], delay = refine(name, module, library, work, recipe.target_ps)
        delays |= {name: delay} if delay is not None else {}
    write_together({work / ARITHMETIC: json.dumps(data)})
    gone = [f"delete {name}" for name in data["modules"]]
    load = [f"read_rtlil {MAPPED}", *gone, *([f"read_json {ARITHMETIC}"] if gone else [])]
    run_script([*load, *_NETLISTS], work, outputs)
    return delays


def _mapping(top: str, modules: list[str], flatten: bool, recipe: Recipe, stubs: bool, cache: str) -> list[str]:
    abc = f"abc -liberty cells.lib -constr constr -D {recipe.target_ps}"
    # In line, for ABC takes no file whose path has a space.
    arithmetic = f" -script +{';'.join(recipe.abc).replace(' ', ',')}"
    sources = ["source.v", *([STUBS] if stubs else [])]
    commands = [f"libcache -scl -dir {cache}", f"read_verilog {' '.join(sources)}", f"hierarchy -check -top {top}"]
    if flatten:
        commands += ["proc", "flatten -noscopeinfo", "opt_clean"]
    commands += [*recipe.logic, "dfflibmap -liberty cells.lib", "simplemap", "opt -fast"]
    for module in modules:  # one by one, so that the log tells whose delay it is
        own = arithmetic if recipe.abc and module in recipe.arithmetic else ""
        commands += [f"log nmpu: module {module}", f"{abc}{own} {module}"]
    return [*commands, "log nmpu: done"]


def _constraints(library: Library) -> str:
    """What ABC is told of the surroundings; without it, it neither sizes gates nor estimates a delay."""
    return f"set_driving_cell {library.driver.name}\nset_load {library.output_load:.6g}\n"


def _sorted_out(
    module: str, counts: dict[str, int], library: Library, modules: Container[str], log: Path
) -> tuple[dict[str, int], dict[str, int]]:
    """Library cells and submodules apart."""
    cells, instances = Counter[str](), Counter[str]()
    for kind, count in counts.items():
        if kind in library.cells:
            cells[kind] += count
        elif kind in modules:
            instances[kind] += count
        else:
            raise ToolFailed(f"{library.name} has no cell for the {count} {kind} in {module}", log)
    return dict(sorted(cells.items())), dict(sorted(instances.items()))
