"""The metal of every net of a routed layout, and whether it is in one piece."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from .def_file import PER_UM
from .def_wires import Segment, Via, Wires, section
from .lef import Macro, Rectangle
from .technology import Technology

__all__ = ["broken", "outside", "overlap", "pin_shapes", "placed_shapes", "shape_of", "via_shapes"]

_SLACK = 1e-6
_BUCKET = 10.0
"""Shapes are looked for in squares of this side, um."""


def placed_shapes(macro: Macro, pin: str, x: float, y: float, orientation: str) -> tuple[Rectangle, ...]:
    """The rectangles of a cell's pin where the cell's lower left corner is at ``x``, ``y``, um."""
    shapes = []
    for shape in macro.pins[pin].shapes:
        left, right, bottom, top = shape.left, shape.right, shape.bottom, shape.top
        if orientation in ("S", "FN"):
            left, right = macro.width_um - right, macro.width_um - left
        if orientation in ("S", "FS"):
            bottom, top = macro.height_um - top, macro.height_um - bottom
        shapes.append(Rectangle(shape.layer, x + left, y + bottom, x + right, y + top))
    return tuple(shapes)


def pin_shapes(placed: str, technology: Technology) -> dict[str, list[tuple[Rectangle, ...]]]:
    """The shapes of all pins of all nets, pin by pin, from DEF as :func:`flows.layout.def_file.write_def` writes it."""
    cells = {}
    for statement in section(placed, "COMPONENTS"):
        name, kind, *_, x, y, _, lies = statement.split()
        cells[name] = (technology.macros[kind], int(x) / PER_UM, int(y) / PER_UM, lies)
    ports = {}
    for statement in section(placed, "PINS"):
        name, layer = statement.split()[0], statement.partition("LAYER ")[2].split()[0]
        left, bottom, right, top, west, south = (
            int(number) / PER_UM for number in re.findall(r"(?<=\s)-?\d+(?=\s)", statement)
        )
        ports[name] = Rectangle(layer, west + left, south + bottom, west + right, south + top)
    found: dict[str, list[tuple[Rectangle, ...]]] = {}
    for statement in section(placed, "NETS"):
        net = statement.split()[0]
        ends = re.findall(r"\( (\S+) (\S+) \)", statement.partition("+ ROUTED")[0])
        found[net] = [
            (ports[pin],) if cell == "PIN" else placed_shapes(cells[cell][0], pin, *cells[cell][1:])
            for cell, pin in ends
        ]
    return found


def overlap(a: Rectangle, b: Rectangle) -> bool:
    """Whether two shapes are on one layer and touch along an edge at least."""
    across = min(a.right, b.right) - max(a.left, b.left)
    up = min(a.top, b.top) - max(a.bottom, b.bottom)
    return a.layer == b.layer and across >= -_SLACK and up >= -_SLACK and across + up > _SLACK


def shape_of(segment: Segment, technology: Technology) -> Rectangle:
    """The metal of a piece of wire; one of the layer's own width reaches half of it beyond both ends."""
    half = (segment.width_um or technology.layer(segment.layer).width_um) / 2
    beyond = 0.0 if segment.width_um else half
    flat = segment.y1 == segment.y2
    across, up = (beyond, half) if flat else (half, beyond)
    return Rectangle(
        segment.layer,
        min(segment.x1, segment.x2) - across,
        min(segment.y1, segment.y2) - up,
        max(segment.x1, segment.x2) + across,
        max(segment.y1, segment.y2) + up,
    )


def via_shapes(via: Via, technology: Technology) -> tuple[Rectangle, ...]:
    """The metal and the cut of a via."""
    return tuple(
        Rectangle(shape.layer, via.x + shape.left, via.y + shape.bottom, via.x + shape.right, via.y + shape.top)
        for shape in technology.vias[via.name]
    )


def broken(
    wires: Mapping[str, Wires], pins: Mapping[str, Sequence[tuple[Rectangle, ...]]], technology: Technology
) -> list[str]:
    """The nets whose pins are not all joined by wires and vias."""
    return [
        net
        for net, ends in pins.items()
        if not _whole(list(_groups(wires.get(net, Wires((), ())), ends, technology)), len(ends))
    ]


def outside(wires: Mapping[str, Wires], width_um: float, height_um: float, technology: Technology) -> list[str]:
    """The nets with metal beyond the edges of the die."""
    shapes = (
        (net, shape) for net, found in wires.items() for group in _groups(found, (), technology) for shape in group
    )
    found = (
        net
        for net, shape in shapes
        if min(shape.left, shape.bottom, width_um - shape.right, height_um - shape.top) < -_SLACK
    )
    return list(dict.fromkeys(found))


def _groups(
    wires: Wires, ends: Sequence[tuple[Rectangle, ...]], technology: Technology
) -> Iterator[tuple[Rectangle, ...]]:
    """Shapes that belong together: those of each pin, then each wire, then each via."""
    yield from ends
    for segment in wires.segments:
        yield (shape_of(segment, technology),)
    for via in wires.vias:
        yield via_shapes(via, technology)


def _whole(groups: Sequence[tuple[Rectangle, ...]], needed: int) -> bool:
    """Whether the first ``needed`` groups are joined, directly or by way of others."""
    buckets: dict[tuple[str, int, int], list[int]] = defaultdict(list)
    for number, shapes in enumerate(groups):
        for shape in shapes:
            for column in range(int(shape.left // _BUCKET), int(shape.right // _BUCKET) + 1):
                for row in range(int(shape.bottom // _BUCKET), int(shape.top // _BUCKET) + 1):
                    buckets[shape.layer, column, row].append(number)
    parent = list(range(len(groups)))

    def root(number: int) -> int:
        while parent[number] != number:
            parent[number] = parent[parent[number]]
            number = parent[number]
        return number

    for members in buckets.values():
        for place, a in enumerate(members):
            for b in members[:place]:
                if root(a) != root(b) and any(overlap(x, y) for x in groups[a] for y in groups[b]):
                    parent[root(a)] = root(b)
    return len({root(number) for number in range(needed)}) <= 1
