"""Placement: a mapped netlist to rows of cells and places of pins, by graywolf."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from time import perf_counter

from pydantic import BaseModel, ConfigDict

from ..library import Library
from ..tool import ToolFailed, require, run, write_atomic
from .def_file import write_def
from .place_floor import END_SITES, Floor, PinPlace, pin_places, plan
from .place_graywolf import cells_text, parameters_text, parse_rows
from .place_netlist import Wiring, read_netlist
from .place_pins import PinSides, Side, core_sides, lane_sides
from .place_rows import Row, check_rows, fill, spread_rows
from .technology import Technology

__all__ = ["PinSides", "Placement", "core_sides", "lane_sides", "place"]

_NAME, _NETLIST, _DEF = "design", "netlist.v", "placed.def"
_SEED = 12345
_LEAST_SECONDS, _SECONDS_PER_CELL = 120.0, 0.2
"""graywolf comes to no end where rows are too short for it; ten times what it takes on one slow core is enough."""
_MORE_ROWS = 4
"""How often a row is added where graywolf left one too long for the width."""


class Placement(BaseModel):
    """A placed netlist.

    Attributes:
        top: its module.
        netlist: the Verilog of what is laid out, which differs from the mapped netlist as :func:`read_netlist` says.
        def_file: the placement, without wires.
        floor: the die and its rows.
        cells: how many, fillers not counted.
        cell_area_um2: their area.
        utilisation: that area as a share of the die.
        density: as a share of the rows without their ends, which are below the supplies' straps.
        pins: all pins but the supplies'.
        constants: bits of outputs that are 0 or 1 always, left out: they have to be tied where the layout is used.
        undriven: bits of outputs that nothing drives, left out.
        unloaded: bits of inputs that drive nothing; they have a pin.
        port_buffers: buffers for outputs that were the same net as another port.
        folded: cells that were replaced or removed since a pin of theirs was constant.
        seconds: wall-clock time of graywolf.
    """

    model_config = ConfigDict(frozen=True)

    top: str
    netlist: Path
    def_file: Path
    floor: Floor
    cells: int
    cell_area_um2: float
    utilisation: float
    density: float
    pins: tuple[PinPlace, ...]
    constants: dict[str, int]
    undriven: tuple[str, ...]
    unloaded: tuple[str, ...]
    port_buffers: int
    folded: int
    seconds: float


def place(
    netlist: Path,
    top: str,
    work: Path,
    technology: Technology,
    *,
    sides: PinSides,
    density: float = 0.8,
    width_um: float | None = None,
) -> Placement:
    """Place the cells of a netlist in rows, and its ports along the edges.

    graywolf says which cells are in which row, in which order, for pins that are already where they will be; the cells
    are then spread over the width of the row, fillers are put between them, and the result is checked.  graywolf draws
    from random numbers of a fixed seed: the same inputs give the same placement.

    Leaves in ``work``: graywolf's files (``design.cel``, ``design.par``, ``design.pl1``...), ``command``, ``log``,
    ``netlist.v``, ``placed.def`` and ``result.json``; in ``work/netlist`` what :func:`read_netlist` leaves.

    Args:
        netlist: flat Verilog of the technology's cells.
        top: its module.
        work: the folder to work in, made if absent.
        technology: the cells and the grid.
        sides: where the ports are.
        density: how much of the rows is to be cells, above 0 and up to 1; the rest are fillers.
        width_um: how wide the die may be; None: as wide as high.

    Raises:
        ToolMissing: graywolf is not installed.
        ToolFailed: it failed, or left no placement.
        ValueError: the netlist, density or width cannot be used; one line that says why.
        OSError: a file cannot be read or written.
    """
    if not 0 < density <= 1:
        raise ValueError(f"density = {density:g}: it must be above 0 and at most 1, such as 0.8")
    require("graywolf")
    work.mkdir(parents=True, exist_ok=True)
    (work / "result.json").unlink(missing_ok=True)
    wiring = read_netlist(netlist, top, work / "netlist", Library.read(technology.liberty))
    widths = _widths(wiring, technology)
    pins = sides.bits([port.name for port in wiring.ports])
    total = sum(widths[instance.kind] for instance in wiring.instances)
    floor = plan(total, max(widths.values()), density, width_um, pins, technology)
    floor, rows, seconds = _fitted(wiring, technology, pins, floor, widths, width_um, work)
    check_rows(rows, widths, floor.sites, {instance.name: instance.kind for instance in wiring.instances})
    places = pin_places(pins, {port.name: port.direction for port in wiring.ports}, floor, technology)
    write_atomic(work / _NETLIST, wiring.verilog())
    write_atomic(work / _DEF, write_def(top, floor, rows, places, wiring.nets(), technology))
    result = _result(wiring, floor, total, places, round(seconds, 2), work)
    write_atomic(work / "result.json", result.model_dump_json(indent=2) + "\n")
    return result


def _result(
    wiring: Wiring, floor: Floor, sites: int, places: tuple[PinPlace, ...], seconds: float, work: Path
) -> Placement:
    """The result, for cells of ``sites`` in all."""
    area = sites * floor.site_um * floor.row_um
    return Placement(
        top=wiring.top,
        netlist=work / _NETLIST,
        def_file=work / _DEF,
        floor=floor,
        cells=len(wiring.instances),
        cell_area_um2=round(area, 3),
        utilisation=round(area / (floor.width_um * floor.height_um), 4),
        density=round(sites / (floor.rows * (floor.sites - 2 * END_SITES)), 4),
        pins=places,
        constants=dict(wiring.constants),
        undriven=wiring.undriven,
        unloaded=wiring.unloaded,
        port_buffers=wiring.buffers,
        folded=wiring.folded,
        seconds=seconds,
    )


def _widths(wiring: Wiring, technology: Technology) -> dict[str, int]:
    """Widths in sites of the cells in use and of the filler.

    Raises:
        ValueError: the technology has no outline of a cell, or one that is not on its grid.
    """
    widths = {}
    for kind in sorted({instance.kind for instance in wiring.instances} | {technology.filler}):
        macro = technology.macros.get(kind)
        if macro is None:
            raise ValueError(f"{technology.lef} has no MACRO {kind}, which the netlist uses")
        sites = round(macro.width_um / technology.site_width_um)
        odd = abs(sites * technology.site_width_um - macro.width_um) > 1e-6
        if odd or macro.height_um != technology.site_height_um:
            raise ValueError(f"{kind} is {macro.width_um:g} x {macro.height_um:g} um, which are no whole sites")
        widths[kind] = sites
    return widths


def _fitted(
    wiring: Wiring,
    technology: Technology,
    pins: Mapping[Side, tuple[str, ...]],
    floor: Floor,
    widths: Mapping[str, int],
    width_um: float | None,
    work: Path,
) -> tuple[Floor, tuple[Row, ...], float]:
    """Rows that fit.  graywolf's are of unlike length: where one is too long, all get longer or, at a given width,
    there is one more of them."""
    start = perf_counter()
    for _ in range(_MORE_ROWS + 1):
        rows = _run(wiring, technology, pins, floor, work)
        longest = max(sum(widths[cell.kind] for cell in row.cells) for row in rows) + 2 * END_SITES
        if longest <= floor.sites or width_um is None:
            sites = max(longest, floor.sites)
            floor = replace(floor, sites=sites, rows=len(rows))
            inner = spread_rows(rows, widths, sites - 2 * END_SITES)
            filled = fill(inner, widths, sites - 2 * END_SITES, technology.filler, END_SITES)
            return floor, filled, perf_counter() - start
        floor = replace(floor, rows=floor.rows + 1)
    got = (longest - floor.sites) * floor.site_um + floor.width_um
    raise ValueError(f"width = {width_um:g} um: the least that worked is {got:g} um; a lower density leaves more room")


def _run(
    wiring: Wiring, technology: Technology, pins: Mapping[Side, tuple[str, ...]], floor: Floor, work: Path
) -> tuple[Row, ...]:
    """The rows as graywolf has them."""
    for stale in work.glob(f"{_NAME}.*"):
        stale.unlink()
    aspect = floor.rows * floor.row_um / (floor.sites * floor.site_um)
    write_atomic(work / f"{_NAME}.cel", cells_text(wiring, technology, pins))
    given = technology.graywolf_par.read_text()
    write_atomic(work / f"{_NAME}.par", parameters_text(given, floor.rows, aspect, _SEED))
    limit = round(_LEAST_SECONDS + _SECONDS_PER_CELL * len(wiring.instances))
    start = perf_counter()
    try:
        done = run(["timeout", f"{limit}", "graywolf", "-n", _NAME], work)
    except ToolFailed as error:
        if perf_counter() - start < limit:
            raise
        raise ToolFailed(f"graywolf came to no end in {limit} s; ask for another width", error.log) from None
    output = work / f"{_NAME}.pl1"
    if not output.is_file() or not output.stat().st_size:
        raise ToolFailed(f"graywolf ended without writing {output.name}", done.log)
    try:
        rows, _ = parse_rows(output.read_text(), wiring)
    except ValueError as error:
        raise ToolFailed(str(error), done.log) from None
    return rows
