"""The area of the unit in a library: in all, a block, a lane; and the longest path as ABC estimates it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from nmpu_hdl.config import NmpuConfig

from .library import Library
from .synthesize import Netlist, synthesize
from .tool import write_atomic

__all__ = ["AreaResult", "Block", "area", "measure"]

_TOP, _LANE, _MEMORY = "nmpu", "nmpu_lane", ("nmpu_memory", "nmpu_words")


class Block(BaseModel):
    """A module: ``ge`` is one instance without its submodules, in NAND2 equivalents."""

    model_config = ConfigDict(frozen=True)

    name: str
    instances: int
    ge: float


class AreaResult(BaseModel):
    """What ``nmpu area`` measures.

    Attributes:
        top: the top module.
        library: the library's name, as its file gives it.
        nand2: the cell whose area is 1 GE.
        nand2_area: its area, um2 (1 in the neutral library).
        ge: all cells of the flat netlist, in NAND2 equivalents.  "Flat" means: each module mapped once and put in its
            places, the hierarchy dissolved, and cells that drive nothing removed.
        area_um2: the same in um2; None for the neutral library, whose areas are no um2.
        sequential_ge: flip-flops in it.
        lane_ge: one lane with its pipeline registers, mapped alone.
        critical_path_ps: the longest path inside a module as ABC estimates it, ps: without wires, clock-to-q, setup
            and whatever a path goes through in other modules.  Nominal in the neutral library (20 ps = one FO4 inverter
            delay).  None where ABC gave none.
        critical_block: the module of that path.
        blocks: every module, those that take most first; they add up to ``ge`` or a little more.
        cells: cells of the flat netlist, by type.
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
    cells: dict[str, int]
    tools: dict[str, str]
    warnings: tuple[str, ...]


def area(
    verilog: Path, config: NmpuConfig, work: Path, *, library: Path | None = None, dont_use: Sequence[str] = ()
) -> AreaResult:
    """Synthesize the unit and measure its area.

    Leaves in ``work`` what :func:`flows.synthesize.synthesize` leaves, and ``result.json``.

    Args:
        verilog: what ``generate`` wrote.
        config: the configuration it was generated from.
        work: the folder to work in, made if absent.
        library: a Liberty file; None for the neutral library.
        dont_use: patterns of cells to avoid, such as ``*_X32``.

    Raises:
        ValueError: the library cannot be used; one line that says why.
        ToolFailed: Yosys or ABC failed.
        OSError: a file cannot be read or written.
    """
    cells = Library.read(library, dont_use)
    (work / "result.json").unlink(missing_ok=True)
    netlist = synthesize(verilog, _TOP, work, cells)
    result = measure(netlist, cells, _remarks(netlist, cells, config, dont_use))
    write_atomic(work / "result.json", result.model_dump_json(indent=2) + "\n")
    return result


def measure(netlist: Netlist, library: Library, warnings: Sequence[str] = ()) -> AreaResult:
    """The numbers of a netlist; runs nothing."""
    blocks = [
        Block(name=m.name, instances=netlist.instances(m.name), ge=_ge(m.cells, library))
        for m in netlist.modules.values()
    ]
    blocks.sort(key=lambda b: (-b.ge * b.instances, b.name))
    delays = [(m.delay_ps, m.name) for m in netlist.modules.values() if m.delay_ps is not None]
    worst = max(delays, default=(None, None))
    flip_flops = {name: n for name, n in netlist.cells.items() if library.cells[name].sequential}
    um2 = _area(netlist.cells, library)
    return AreaResult(
        top=netlist.top,
        library=library.name,
        nand2=library.nand2.name,
        nand2_area=library.nand2.area,
        ge=_ge(netlist.cells, library),
        area_um2=None if library.neutral else round(um2, 3),
        sequential_ge=_ge(flip_flops, library),
        lane_ge=next(b.ge for b in blocks if b.name == _LANE),
        critical_path_ps=worst[0],
        critical_block=worst[1],
        blocks=tuple(blocks),
        cells=netlist.cells,
        tools={"yosys": netlist.yosys, "pyosys": version("pyosys")},
        warnings=tuple(warnings),
    )


def _area(cells: Mapping[str, int], library: Library) -> float:
    return sum(library.cells[name].area * count for name, count in cells.items())


def _ge(cells: Mapping[str, int], library: Library) -> float:
    return round(library.ge(_area(cells, library)), 3)


def _remarks(netlist: Netlist, library: Library, config: NmpuConfig, dont_use: Sequence[str]) -> list[str]:
    remarks = []
    if library.neutral:
        remarks.append("times of the neutral library are nominal: 20 ps stand for one FO4 inverter delay")
    if config.how.memory == "internal":
        memory = sum(_ge(netlist.modules[m].cells, library) * netlist.instances(m) for m in _MEMORY)
        remarks.append(
            f"{memory:,.0f} GE are the parameter memory in flip-flops; how.memory = external leaves it to a macro"
        )
    for pattern in dont_use:
        if not library.matches(pattern):
            remarks.append(f"--dont-use {pattern} matches no cell of {library.name}")
    return remarks
