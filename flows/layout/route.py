"""Routing: wires for a placed netlist, by qrouter; and placement and routing together, until all nets have theirs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from ..tool import ToolFailed, require, run, write_atomic
from .def_wires import Wires, parse_wires
from .place import PinSides, Placement, place
from .route_qrouter import INPUT, OUTPUT, merged, parse_failed, script, signals_only
from .route_shapes import broken, outside, pin_shapes
from .technology import Technology

__all__ = ["RoutedPlacement", "Routing", "Try", "Unrouted", "place_and_route", "route"]

_DEF, _SCRIPT = "routed.def", "route.tcl"
_TRIES, _LESS = 3, 0.1
"""How often, and by what the density is lowered each time."""


class Unrouted(ToolFailed):
    """Some nets did not get all their wires, or have some outside the die.

    Attributes:
        nets: which.
    """

    def __init__(self, nets: list[str], log: Path) -> None:
        some = " ".join(nets[:8])
        verb = "net has" if len(nets) == 1 else "nets have"
        super().__init__(f"{len(nets)} {verb} not all their wires ({some}); a lower density leaves more room", log)
        self.nets = nets


class Routing(BaseModel):
    """A routed layout.

    Attributes:
        def_file: the layout.
        netlist: the Verilog of what is laid out.
        width_um, height_um: of the die.
        rows: of cells.
        cells: how many, fillers not counted.
        cell_area_um2: their area.
        utilisation: that area as a share of the die.
        nets: how many have wires.
        wire_um: length of the wires by layer.
        vias: how many, by name.
        seconds: wall-clock time of qrouter.
    """

    model_config = ConfigDict(frozen=True)

    def_file: Path
    netlist: Path
    width_um: float
    height_um: float
    rows: int
    cells: int
    cell_area_um2: float
    utilisation: float
    nets: int
    wire_um: dict[str, float]
    vias: dict[str, int]
    seconds: float


class Try(BaseModel):
    """A placement that was routed: the density asked for, the die, nets left over, seconds of both tools."""

    model_config = ConfigDict(frozen=True)

    density: float
    width_um: float
    height_um: float
    unrouted: int
    seconds: float


class RoutedPlacement(BaseModel):
    """A netlist placed and routed, with what was tried; the last try is the one that came out well."""

    model_config = ConfigDict(frozen=True)

    placement: Placement
    routing: Routing
    tries: tuple[Try, ...]


def place_and_route(
    netlist: Path,
    top: str,
    work: Path,
    technology: Technology,
    *,
    sides: PinSides,
    density: float = 0.8,
    width_um: float | None = None,
) -> RoutedPlacement:
    """Place and route a netlist; where nets are left over, again with a density lower by 0.1, three times in all.

    Leaves in ``work``: ``place`` and ``route``, of the last try.

    Args:
        netlist: flat Verilog of the technology's cells.
        top: its module.
        work: the folder to work in, made if absent.
        technology: the cells and the grid.
        sides: where the ports are.
        density: how much of the rows is to be cells at first.
        width_um: how wide the die may be; None: as wide as high.

    Raises:
        Unrouted: nets were left over at the last try, too.
        ToolMissing, ToolFailed, ValueError, OSError: as the two steps do.
    """
    require("graywolf", "qrouter")
    tries: list[Try] = []
    while True:
        asked = density - _LESS * len(tries)
        placed = place(netlist, top, work / "place", technology, sides=sides, density=asked, width_um=width_um)
        size = placed.floor.width_um, placed.floor.height_um
        try:
            routed = route(placed, work / "route", technology)
        except Unrouted as error:
            tries.append(_try(asked, size, len(error.nets), placed.seconds))
            if len(tries) == _TRIES or asked <= 2 * _LESS:
                raise
        else:
            tries.append(_try(asked, size, 0, placed.seconds + routed.seconds))
            return RoutedPlacement(placement=placed, routing=routed, tries=tuple(tries))


def _try(density: float, size: tuple[float, float], unrouted: int, seconds: float) -> Try:
    return Try(
        density=round(density, 4), width_um=size[0], height_um=size[1], unrouted=unrouted, seconds=round(seconds, 2)
    )


def route(placement: Placement, work: Path, technology: Technology) -> Routing:
    """Route all nets of a placement.  The same placement gives the same wires.

    What qrouter says is not taken for granted: that the pins of every net are joined, and that no wire leaves the die,
    is checked in the layout.  Small
    pieces of metal are added where the rules of the technology ask for them, see :mod:`flows.layout.route_mend`.

    Leaves in ``work``: qrouter's script, input and output (``route.tcl``, ``unrouted.def``, ``qrouter.def``),
    ``command``, ``log``, ``routed.def`` and ``result.json``.

    Args:
        placement: what is to be routed.
        work: the folder to work in, made if absent.
        technology: that of the placement.

    Raises:
        ToolMissing: qrouter is not installed.
        Unrouted: nets are left over.
        ToolFailed: qrouter failed otherwise.
        OSError: a file cannot be read or written.
    """
    require("qrouter")
    work.mkdir(parents=True, exist_ok=True)
    for stale in ("result.json", OUTPUT, _DEF):
        (work / stale).unlink(missing_ok=True)
    placed = placement.def_file.read_text()
    write_atomic(work / INPUT, signals_only(placed, technology))
    write_atomic(work / _SCRIPT, script(placement.floor, technology))
    done = run(["qrouter", "-nog", "-s", _SCRIPT], work)  # without graphics: it takes no screen
    try:
        failed = parse_failed(done.log.read_text(errors="replace"))
        if failed:
            raise Unrouted(failed, done.log)
        if not (work / OUTPUT).is_file():
            raise ToolFailed(f"qrouter ended without writing {OUTPUT}", done.log)
        routed = merged(placed, (work / OUTPUT).read_text(), technology)
        wires = parse_wires(routed)
    except ValueError as error:
        raise ToolFailed(str(error), done.log) from None
    wrong = broken(wires, pin_shapes(placed, technology), technology)
    wrong += outside(wires, placement.floor.width_um, placement.floor.height_um, technology)
    if wrong:
        raise Unrouted(wrong, done.log)
    write_atomic(work / _DEF, routed)
    result = _measured(wires, placement, work / _DEF, round(done.seconds, 2))
    write_atomic(work / "result.json", result.model_dump_json(indent=2) + "\n")
    return result


def _measured(wires: Mapping[str, Wires], placement: Placement, file: Path, seconds: float) -> Routing:
    lengths, vias = defaultdict[str, float](float), Counter[str]()
    for found in wires.values():
        for segment in found.segments:
            lengths[segment.layer] += segment.length_um
        vias.update(via.name for via in found.vias)
    return Routing(
        def_file=file,
        netlist=placement.netlist,
        width_um=placement.floor.width_um,
        height_um=placement.floor.height_um,
        rows=placement.floor.rows,
        cells=placement.cells,
        cell_area_um2=placement.cell_area_um2,
        utilisation=placement.utilisation,
        nets=len(wires),
        wire_um={layer: round(length, 2) for layer, length in sorted(lengths.items())},
        vias=dict(sorted(vias.items())),
        seconds=seconds,
    )
