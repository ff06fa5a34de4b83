"""Whether a routed layout keeps the rules of its technology, and whether it is the circuit that was to be laid out."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from ..tool import require, write_atomic
from . import magic, netgen
from .circuit import Circuit, Placed, differences, read_verilog
from .technology import Technology

__all__ = ["BrokenRule", "NetlistCheck", "RuleCheck", "check_rules", "compare_netlists"]

_DIFFERENCES = 20
"""How many differences a result tells."""
_COVERS = (
    "wires, vias, and the metal of cells' pins and obstructions, among themselves: width, spacing, area, overlap of "
    "vias. Not what is inside the cells and below metal1 (transistors, wells, contacts), nor spacing between the "
    "insides of neighbours: the technology has no GDS of its cells, so magic sees the outlines of the LEF file"
)
_EXPLANATIONS = {
    r"Metal\d area < \d+": "real: the pad between two vias that stand on each other (0.4 um x 0.4 um), or a pin "
    "without a wire, is smaller than the 0.2 um2 the process asks for; the LEF file says nothing of areas, so the "
    "router does not know. Pads are lengthened after routing, but where something is near",
    r"Metal\d spacing < \d+": "real: two pieces of metal are too near. Within a net it is a notch, as between a via's "
    "pad and the pin of a cell beside it, and does no harm; between nets it is a wire beside metal of a cell that is "
    "off the router's tracks",
    r"Metal\d width < \d+": "real: a piece of metal is narrower than a wire may be; two shapes of one net overlap by "
    "less than the width where the router ends beside a pin's middle",
    r"contact|via": "real: a via overlaps another or its metal does not reach far enough around it",
}


class BrokenRule(BaseModel):
    """A rule that a layout breaks.

    Attributes:
        rule: in the technology's words; lengths in them are in lambda (0.1 um for osu018).
        count: how many places.
        places: left, bottom, right and top of the first of them, um.
        explanation: what it is about, or ``not known``.
    """

    model_config = ConfigDict(frozen=True)

    rule: str
    count: int
    places: tuple[tuple[float, float, float, float], ...]
    explanation: str


class RuleCheck(BaseModel):
    """What magic's check of the rules finds.

    Attributes:
        errors: places where a rule is broken; 0 is clean.
        rules: the broken rules, that with most places first.
        covers: what was checked and what was not.
        magic: its version.
    """

    model_config = ConfigDict(frozen=True)

    errors: int
    rules: tuple[BrokenRule, ...]
    covers: str
    magic: str


class NetlistCheck(BaseModel):
    """What the comparison of a layout with its netlist finds; of each pair the first is of the layout.

    Attributes:
        matches: netgen calls them the same circuit: the same cells, their pins and the ports on the same nets.
        devices: cells, fillers not counted.
        nets: nets that something is connected to, the two of the supply counted.
        ports: ports, bit by bit, without the supply's two.
        fillers: fillers in the layout.
        supplies: in how many pieces each supply net is; 1: joined in the layout, more: by what is around it, and
            the comparison takes the pieces as one.
        differences: the first of what differs, by the names of the netlist; none where it matches.
        magic: its version, which extracted the layout.
        netgen: its version.
    """

    model_config = ConfigDict(frozen=True)

    matches: bool
    devices: tuple[int, int]
    nets: tuple[int, int]
    ports: tuple[int, int]
    fillers: int
    supplies: dict[str, int]
    differences: tuple[str, ...]
    magic: str
    netgen: str


def check_rules(def_file: Path, technology: Technology, work: Path) -> RuleCheck:
    """Check a routed layout with all rules that magic has of the technology.

    The cells are what the LEF file shows of them: pins and obstructions in metal.  So the check covers routing, vias,
    and their spacing to each other and to the cells; it does not look into the cells, see ``RuleCheck.covers``.

    Leaves in ``work``: ``result.json``, and magic's script, ``command``, ``log``, ``errors.txt`` and what it read.

    Args:
        def_file: a routed DEF file.
        technology: what it is made in.
        work: the folder to work in, made if absent.

    Raises:
        ValueError: ``def_file`` is not a DEF file of the technology's cells.
        ToolMissing: magic is not installed.
        ToolFailed: magic could not read the layout, or wrote no errors.
        OSError: a file cannot be read or written.
    """
    require("magic")
    work.mkdir(parents=True, exist_ok=True)
    (work / "result.json").unlink(missing_ok=True)
    found = magic.find_errors(def_file, technology, work)
    rules = tuple(
        BrokenRule(rule=each.rule, count=each.count, places=each.places, explanation=explain(each.rule))
        for each in found
    )
    result = RuleCheck(errors=sum(rule.count for rule in rules), rules=rules, covers=_COVERS, magic=magic.version(work))
    write_atomic(work / "result.json", result.model_dump_json(indent=2) + "\n")
    return result


def explain(rule: str) -> str:
    """What is known of a rule, in one sentence or two, or ``not known``."""
    return next((text for words, text in _EXPLANATIONS.items() if re.search(words, rule)), "not known")


def compare_netlists(def_file: Path, netlist: Path, top: str, technology: Technology, work: Path) -> NetlistCheck:
    """Compare the circuit that a routed layout's metal makes with the netlist that was to be laid out.

    magic extracts it from the geometry, without a look at the names of nets in the DEF file, with the cells as black
    boxes; netgen compares.  Fillers are left out.  A constant in the netlist is a supply net.

    Leaves in ``work``: ``result.json``, and the folders ``extract``, ``netlist`` and ``compare``.

    Args:
        def_file: a routed DEF file.
        netlist: mapped Verilog.
        top: its module.
        technology: what the layout is made in.
        work: the folder to work in, made if absent.

    Raises:
        ValueError: ``def_file`` is not a DEF file of the technology's cells, or the netlist has no such module.
        ToolMissing: magic or netgen is not installed.
        ToolFailed: a tool could not read its input, or came to no result.
        OSError: a file cannot be read or written.
    """
    require("magic", "netgen-lvs")
    work.mkdir(parents=True, exist_ok=True)
    (work / "result.json").unlink(missing_ok=True)
    supplies = (technology.power, technology.ground)
    wanted = _supplied(read_verilog(netlist, top, work / "netlist", *supplies), technology)
    extracted = magic.extract(def_file, technology, work / "extract")
    joined, pieces = _joined(extracted, technology)
    placed = joined.without([technology.filler])
    compared = netgen.compare(placed, wanted, technology, work / "compare")
    result = NetlistCheck(
        matches=compared.equal,
        devices=compared.devices,
        nets=compared.nets,
        ports=(len(placed.ports) - len(supplies), len(wanted.ports) - len(supplies)),
        fillers=len(extracted.cells) - len(placed.cells),
        supplies=pieces,
        differences=() if compared.equal else differences(placed, wanted)[:_DIFFERENCES],
        magic=magic.version(work / "extract"),
        netgen=compared.version,
    )
    write_atomic(work / "result.json", result.model_dump_json(indent=2) + "\n")
    return result


def _supplied(netlist: Circuit, technology: Technology) -> Circuit:
    """The netlist with the supply at every cell and at two ports."""
    alien = sorted({cell.kind for cell in netlist.cells.values()} - technology.macros.keys())
    if alien:
        raise ValueError(f"the netlist has {', '.join(alien)}, no cells of {technology.name}; map it to its library")
    cells = {}
    for name, cell in netlist.cells.items():
        pins = technology.macros[cell.kind].pins
        rails = {supply: supply for supply in (technology.power, technology.ground) if supply in pins}
        cells[name] = Placed(cell.kind, {**cell.nets, **rails})
    supplies = {supply: supply for supply in (technology.power, technology.ground)}
    return Circuit({**netlist.ports, **supplies}, cells).without([technology.filler])


def _joined(layout: Circuit, technology: Technology) -> tuple[Circuit, dict[str, int]]:
    """The layout with all pieces of a supply as one net, and how many pieces there were.

    Where power and ground are shorted, they stay one net.
    """
    pieces: dict[str, set[str]] = {}
    for supply in (technology.power, technology.ground):
        pieces[supply] = {cell.nets[supply] for cell in layout.cells.values() if supply in cell.nets}
        pieces[supply] |= {net for port, net in layout.ports.items() if port == supply}
    power, ground = pieces.values()
    names = dict.fromkeys(power, technology.power) | dict.fromkeys(ground, technology.ground)
    if power & ground:
        names = dict.fromkeys([*names, technology.ground], technology.power)
    supplies = {technology.power: technology.power, technology.ground: names.get(technology.ground, technology.ground)}
    whole = layout.renamed(names)
    return Circuit({**whole.ports, **supplies}, whole.cells), {name: len(nets) for name, nets in pieces.items()}
