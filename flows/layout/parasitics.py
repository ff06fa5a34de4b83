"""Resistance and capacitance of a routed layout's wires, for OpenSTA: SPEF with a tree for every net.

Of the technology's LEF file are resistance for each square, capacitance of a wire's area and of its two edges, all to
ground; of magic's technology file is the resistance of vias.  Left out is the capacitance from wire to wire (a
neighbour that switches the other way makes a wire slower, one that switches the same way faster), that of vias, and
metal inside of cells, which the Liberty file has in its pins and delays.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from ..tool import write_together
from .def_nets import Component, Def, Net, Shape
from .graph import End, Tree
from .lef import Macro
from .technology import Technology
from .tree import Metal, grow

__all__ = ["SPEF", "Parasitics", "extract_parasitics", "spef", "trees_of", "via_kinds", "via_ohms"]

SPEF = "parasitics.spef"


class Parasitics(BaseModel):
    """What wires have.

    Attributes:
        spef: the file.
        net_ff: capacitance of each net's wires, fF.
        total_ff: of all.
        largest_net: the net that has most.
        without_wire: nets of several pins that no wire joins; their cells abut.
    """

    model_config = ConfigDict(frozen=True)

    spef: Path
    net_ff: dict[str, float]
    total_ff: float
    largest_net: str
    without_wire: tuple[str, ...]


def extract_parasitics(def_file: Path, technology: Technology, work: Path) -> Parasitics:
    """Write the SPEF of a routed layout.

    Leaves in ``work``: :data:`SPEF` and ``result.json``.

    Args:
        def_file: the layout.
        technology: what it is made in.
        work: the folder to work in, made if absent.

    Raises:
        ValueError: the layout has a cell, layer or via that the technology has not, or a pin that its net's wires do
            not reach.
        OSError: a file cannot be read or written.
    """
    work.mkdir(parents=True, exist_ok=True)
    (work / "result.json").unlink(missing_ok=True)
    layout = Def.read(def_file)
    trees = trees_of(layout, technology)
    found = {net: round(tree.total_ff, 6) for net, tree in trees.items()}
    result = Parasitics(
        spef=work / SPEF,
        net_ff=found,
        total_ff=round(sum(found.values()), 3),
        largest_net=max(found, key=lambda net: found[net], default=""),
        without_wire=tuple(net for net, ff in found.items() if ff == 0),
    )
    text = {work / SPEF: spef(layout, trees, technology)}
    write_together(text | {work / "result.json": result.model_dump_json(indent=2) + "\n"})
    return result


def trees_of(layout: Def, technology: Technology) -> dict[str, Tree]:
    """The tree of each net of at least two pins.

    Raises:
        ValueError: as :func:`extract_parasitics`.
    """
    (kinds, pads), ohms = via_kinds(technology), via_ohms(technology.magic_tech.read_text(), len(technology.layers))
    names, units = [layer.name for layer in technology.layers], layout.units
    metals = [
        Metal(
            width=round(layer.width_um * units),
            pad=round(pads.get(layer.name, 0.0) * units),
            ohm_per_square=layer.ohm_per_square,
            plate_ff=layer.plate_ff_per_um2 / units**2,
            edge_ff=layer.edge_ff_per_um / units,
            via_ohm=ohm,
        )
        for layer, ohm in zip(technology.layers, ohms, strict=True)
    ]
    trees = {}
    for name, net in layout.nets.items():
        if len(net.pins) < 2:
            continue
        pins = {end: _metal(end, layout, technology.macros) for end in net.pins}
        try:
            tree = grow(net, _driver(name, net, layout, technology.macros), pins, names, metals, kinds)
        except ValueError as error:
            raise ValueError(f"net {name} of {layout.design}: {error}") from None
        if tree.loose:
            missing = ", ".join("/".join(pin) for pin in tree.loose)
            raise ValueError(f"net {name} of {layout.design}: no wire reaches {missing}; route it again")
        trees[name] = tree
    return trees


def via_kinds(technology: Technology) -> tuple[dict[str, int], dict[str, float]]:
    """By kind of via, the number of the lower of the layers that it joins; and by layer, half the width
    of its vias' metal, um."""
    numbers = {layer.name: number for number, layer in enumerate(technology.layers)}
    kinds: dict[str, int] = {}
    pads: dict[str, float] = {}
    for name, shapes in technology.vias.items():
        metal = [shape for shape in shapes if shape.layer in numbers]
        kinds[name] = min(numbers[shape.layer] for shape in metal)
        pads |= {shape.layer: max(shape.right, pads.get(shape.layer, 0.0)) for shape in metal}
    return kinds, pads


def via_ohms(magic: str, layers: int) -> list[float]:
    """Resistance of a via above each of ``layers``, ohms, from magic's technology file.

    That has milliohms of the stack from metal 1 up, as MOSIS measures it; a via is the difference of two.  Those that
    it does not have are as the last that it has; without any they are 0.
    """
    said = re.findall(r"^\s*contact\s+m(\d)c\s+\d+\s+(\d+)\s*$", magic, re.MULTILINE)
    found = {int(upper) - 2: int(value) / 1000 for upper, value in said}
    stack, last, ohms = 0.0, 0.0, []
    for number in range(layers):
        if number in found:
            last, stack = max(found[number] - stack, 0.0), found[number]
        ohms.append(round(last, 3))
    return ohms


def spef(layout: Def, trees: Mapping[str, Tree], technology: Technology) -> str:
    """SPEF text of nets' trees."""
    head = [
        '*SPEF "IEEE 1481-1998"',
        f'*DESIGN "{layout.design}"',
        '*DATE ""',
        '*VENDOR "nmpu-hdl"',
        '*PROGRAM "nmpu layout"',
        '*VERSION ""',
        '*DESIGN_FLOW ""',
        "*DIVIDER /",
        "*DELIMITER :",
        "*BUS_DELIMITER [ ]",
        "*T_UNIT 1 PS",
        "*C_UNIT 1 FF",
        "*R_UNIT 1 OHM",
        "*L_UNIT 1 HENRY",
    ]
    ports = [f"{name} {_way(port.direction)}" for name, port in layout.ports.items() if name in trees]
    head += ["", "*PORTS", *ports] if ports else []
    nets = [line for name, tree in trees.items() for line in _net(name, tree, layout, technology.macros)]
    return "\n".join([*head, *nets, ""])


def _net(name: str, tree: Tree, layout: Def, macros: Mapping[str, Macro]) -> Iterator[str]:
    def told(node: End | int) -> str:
        if isinstance(node, int):
            return f"{name}:{node}"
        return node[1] if node[0] == "PIN" else f"{node[0]}:{node[1]}"

    yield ""
    yield f"*D_NET {name} {tree.total_ff:.6g}"
    yield "*CONN"
    for end in layout.nets[name].pins:
        component, pin = end
        if component == "PIN":
            yield f"*P {pin} {_way(layout.ports[pin].direction)}"
        else:
            kind = layout.components[component].macro
            yield f"*I {told(end)} {_way(macros[kind].pins[pin].direction)} *D {kind}"
    yield "*CAP"
    for number, (node, ff) in enumerate(tree.ff.items(), 1):
        yield f"{number} {told(node)} {ff:.6g}"
    yield "*RES"
    for number, (near, far, ohm) in enumerate(tree.resistors, 1):
        yield f"{number} {told(near)} {told(far)} {ohm:.6g}"
    yield "*END"


def _way(direction: str) -> str:
    return {"INPUT": "I", "OUTPUT": "O"}.get(direction, "B")


def _driver(name: str, net: Net, layout: Def, macros: Mapping[str, Macro]) -> End:
    """The pin that drives a net: an output of a cell, or an input of the block."""
    for component, pin in net.pins:
        if component == "PIN":
            drives = layout.ports[pin].direction == "INPUT"
        else:
            drives = _macro(layout.components[component], macros).pins[pin].direction == "OUTPUT"
        if drives:
            return component, pin
    raise ValueError(f"nothing drives it; its pins are {', '.join('/'.join(pin) for pin in net.pins)}")


def _macro(component: Component, macros: Mapping[str, Macro]) -> Macro:
    if component.macro not in macros:
        raise ValueError(f"the technology has no cell {component.macro}")
    return macros[component.macro]


def _metal(end: End, layout: Def, macros: Mapping[str, Macro]) -> Sequence[Shape]:
    """The metal of a pin where it lies, in the layout's units."""
    if end[0] == "PIN":
        return layout.ports[end[1]].shapes
    component = layout.components[end[0]]
    macro, units = _macro(component, macros), layout.units
    wide, high = round(macro.width_um * units), round(macro.height_um * units)
    shapes = []
    for shape in macro.pins[end[1]].shapes:
        box = [round(um * units) for um in (shape.left, shape.bottom, shape.right, shape.top)]
        left, bottom, right, top = _turned(box, component.turned, wide, high)
        x, y = component.at
        shapes.append(Shape(shape.layer, x + left, y + bottom, x + right, y + top))
    return shapes


def _turned(box: Sequence[int], how: str, wide: int, high: int) -> tuple[int, int, int, int]:
    """A rectangle of a cell of that size, turned as DEF says: upside down (``FS``, ``S``), mirrored (``FN``, ``S``)."""
    left, bottom, right, top = box
    if how not in ("N", "S", "FN", "FS"):
        raise ValueError(f"a cell is turned {how}; rows have N, S, FN and FS only")
    if how in ("S", "FN"):
        left, right = wide - right, wide - left
    if how in ("S", "FS"):
        bottom, top = high - top, high - bottom
    return left, bottom, right, top
