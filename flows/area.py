"""The area of the unit in a library: in all, a block, a lane, a macro; and the longest path as ABC estimates it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.macros import Macro, macros
from nmpu_hdl.ports import top_name

from .efforts import Effort
from .library import Library
from .macros import Sized, liberty, match
from .synthesize import Candidate, Netlist
from .target import check_target, synthesize_for
from .tool import write_atomic, write_together

__all__ = ["AreaResult", "Block", "MacroArea", "area", "arrays", "measure"]

_LANE = "nmpu_lane"


class Block(BaseModel):
    """A module: ``ge`` is one instance without its submodules, in NAND2 equivalents."""

    model_config = ConfigDict(frozen=True)

    name: str
    instances: int
    ge: float


class MacroArea(BaseModel):
    """A macro: ``words`` of ``bits`` are what is needed, ``area_um2`` and ``ge`` one instance of the size that was
    given.  Both are None where none was given; ``area_um2`` is None in the neutral library, too."""

    model_config = ConfigDict(frozen=True)

    name: str
    instances: int
    words: int
    bits: int
    area_um2: float | None
    ge: float | None


class AreaResult(BaseModel):
    """What ``nmpu area`` measures.

    Attributes:
        top: the top module.
        library: the library's name, as its file gives it.
        nand2: the cell whose area is 1 GE.
        nand2_area: its area, um2 (1 in the neutral library).
        ge: all cells of the flat netlist and the macros whose area is known, in NAND2 equivalents.  "Flat" means: each
            module mapped once and put in its places, the hierarchy dissolved, and cells that drive nothing removed.
        area_um2: the same in um2; None for the neutral library, whose areas are no um2.
        sequential_ge: flip-flops in it.
        lane_ge: one lane with its pipeline registers, mapped alone.
        critical_path_ps: the longest path inside a module as ABC estimates it, ps: without wires, clock-to-q, setup
            and whatever a path goes through in other modules.  Nominal in the neutral library (20 ps = one FO4 inverter
            delay).  None where ABC gave none.
        critical_block: the module of that path.
        blocks: every module, those that take most first; with the macros they add up to ``ge`` or a little more.
        macros: the memories that are black boxes.
        cells: cells of the flat netlist, by type.
        effort: what chose the way it was mapped.
        recipe: that way's name.
        candidates: all ways that were tried; none with effort ``fast``.
        tools: versions of the tools that took part.
        warnings: what a reader of the numbers has to know.
    """

    model_config = ConfigDict(frozen=True)

    top: str
    library: str
    nand2: str
    nand2_area: float
    ge: float
    area_um2: float | None
    sequential_ge: float
    lane_ge: float
    critical_path_ps: float | None
    critical_block: str | None
    blocks: tuple[Block, ...]
    macros: tuple[MacroArea, ...]
    cells: dict[str, int]
    effort: Effort = "fast"
    recipe: str = ""
    candidates: tuple[Candidate, ...] = ()
    tools: dict[str, str]
    warnings: tuple[str, ...]


def area(
    verilog: Path,
    config: NmpuConfig,
    work: Path,
    *,
    library: Path | None = None,
    dont_use: Sequence[str] = (),
    sized: Sequence[Sized] = (),
    target_ps: float | None = None,
    effort: Effort = "fast",
    say: Callable[[str], None] = lambda step: None,
) -> AreaResult:
    """Synthesize the unit and measure its area.

    Leaves in ``work`` what :func:`flows.synthesize.synthesize` leaves, ``result.json``, and a Liberty stub for each
    macro whose area is known, ``nmpu_macro_<name>.lib``; a library a file, as the format has it.  With a target, what
    :func:`flows.timing_analysis.least_period` leaves as well.

    Args:
        verilog: what ``generate`` wrote.
        config: the configuration it was generated from.
        work: the folder to work in, made if absent.
        library: a Liberty file; None for the neutral library.
        dont_use: patterns of cells to avoid, such as ``*_X32``.
        sized: the macros that the user has, in um2; with the neutral library, in NAND2 equivalents.
        target_ps: a period that the mapping is to meet with little area, without wires and delays of inputs and
            outputs; None: what the effort is for.
        effort: :mod:`flows.efforts` tells what each tries.
        say: told how far it is.

    Raises:
        ValueError: the library, a size or the target cannot be used; one line that says why.
        ToolFailed: Yosys or ABC failed.
        OSError: a file cannot be read or written.
    """
    check_target(target_ps)
    needed = macros(config)
    areas = {module: one.area for module, one in match(sized, needed).items()}
    cells = Library.read(library, dont_use)
    for stale in (work / "result.json", *work.glob("nmpu_macro_*.lib")):
        stale.unlink(missing_ok=True)
    top = top_name(config)
    netlist = synthesize_for(target_ps, verilog, top, work, cells, macros=needed, effort=effort, say=say)
    write_together({work / f"{m.module}.lib": liberty(m, areas[m.module]) for m in needed if m.module in areas})
    boxes = [_macro(m, netlist, cells, areas.get(m.module)) for m in needed]
    found = arrays(verilog.read_text()) & netlist.modules.keys()
    aims = {"fast": "the least delay", "delay": "the least period", "area": "the least area"}
    aim = aims.get(effort, "the least product of area and period")
    told = [f"mapped for a period of {target_ps:g} ps, not for {aim}"] if target_ps is not None else []
    result = measure(netlist, cells, boxes, told + _remarks(netlist, cells, boxes, found, dont_use))
    write_atomic(work / "result.json", result.model_dump_json(indent=2) + "\n")
    return result


def arrays(verilog: str) -> set[str]:
    """The modules that hold a memory as an array, which a synthesis makes of flip-flops."""
    modules = re.findall(r"^module (\w+)(.*?)^endmodule", verilog, re.MULTILINE | re.DOTALL)
    array = re.compile(r"^\s*reg .*\w \[\d+:\d+\];$", re.MULTILINE)
    return {name for name, text in modules if array.search(text)}


def measure(
    netlist: Netlist, library: Library, boxes: Sequence[MacroArea] = (), warnings: Sequence[str] = ()
) -> AreaResult:
    """The numbers of a netlist; runs nothing."""
    blocks = [
        Block(name=m.name, instances=netlist.instances(m.name), ge=_ge(m.cells, library))
        for m in netlist.modules.values()
    ]
    blocks.sort(key=lambda b: (-b.ge * b.instances, b.name))
    delays = [(m.delay_ps, m.name) for m in netlist.modules.values() if m.delay_ps is not None]
    worst = max(delays, default=(None, None))
    flip_flops = {name: n for name, n in netlist.cells.items() if library.cells[name].sequential}
    um2 = _area(netlist.cells, library) + sum((b.area_um2 or 0) * b.instances for b in boxes)
    return AreaResult(
        top=netlist.top,
        library=library.name,
        nand2=library.nand2.name,
        nand2_area=library.nand2.area,
        ge=round(_ge(netlist.cells, library) + sum((b.ge or 0) * b.instances for b in boxes), 3),
        area_um2=None if library.neutral else round(um2, 3),
        sequential_ge=_ge(flip_flops, library),
        lane_ge=next(b.ge for b in blocks if b.name == _LANE),
        critical_path_ps=worst[0],
        critical_block=worst[1],
        blocks=tuple(blocks),
        macros=tuple(boxes),
        cells=netlist.cells,
        effort=netlist.effort,
        recipe=netlist.recipe,
        candidates=netlist.candidates,
        tools={"yosys": netlist.yosys, "pyosys": version("pyosys")},
        warnings=tuple(warnings),
    )


def _area(cells: Mapping[str, int], library: Library) -> float:
    return sum(library.cells[name].area * count for name, count in cells.items())


def _ge(cells: Mapping[str, int], library: Library) -> float:
    return round(library.ge(_area(cells, library)), 3)


def _macro(macro: Macro, netlist: Netlist, library: Library, given: float | None) -> MacroArea:
    return MacroArea(
        name=macro.name,
        instances=netlist.macros.get(macro.module, 0),
        words=macro.words,
        bits=macro.bits,
        area_um2=None if library.neutral else given,
        ge=None if given is None else round(library.ge(given), 3),
    )


def _remarks(
    netlist: Netlist, library: Library, boxes: Sequence[MacroArea], found: set[str], dont_use: Sequence[str]
) -> list[str]:
    remarks = []
    if library.neutral:
        remarks.append("times of the neutral library are nominal: 20 ps stand for one FO4 inverter delay")
        if boxes:
            remarks.append("the neutral library knows no um2: areas of macros are taken as NAND2 equivalents")
    unit = "<NAND2s>" if library.neutral else "<um2>"
    for box in boxes:
        if box.ge is None:
            remarks.append(
                f"the area of the macro {box.name} is not known and not counted ({box.instances} of {box.words} words "
                f"x {box.bits} bits); `--macro {box.name}:{box.words}:{box.bits}:{unit}` counts it"
            )
    if found:
        total = sum(_ge(netlist.modules[name].cells, library) * netlist.instances(name) for name in found)
        remedy = "" if boxes else "; how.memory = macro leaves them to macros"
        remarks.append(f"{total:,.0f} GE are memories in flip-flops ({', '.join(sorted(found))}){remedy}")
    for pattern in dont_use:
        if not library.matches(pattern):
            remarks.append(f"--dont-use {pattern} matches no cell of {library.name}")
    return remarks
