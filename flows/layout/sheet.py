"""What a picture of a layout is painted with: the shapes of each layer, pins with names, a legend, a scale, a title.

Needs klayout; lengths are um.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from klayout import db

from .technology import Technology
from .text import Label, Pen

__all__ = ["Paint", "Sheet", "sheet"]

_METALS = ("#4f86b8", "#c9675c", "#5f9f68", "#9a78b5", "#cf9a45", "#4aa0a2")
_INK = "#33363b"
_OVERHANG = 0.6
"""How far outside the die wires are shown, um: half a via and more."""
_SIDES = ("left", "bottom", "right", "top")


@dataclass(frozen=True)
class Paint:
    """A layer of the picture: its name in the legend or nothing, its colour, how much of what is below it covers
    (0 to 1), and its shapes."""

    name: str
    colour: str
    cover: float
    shapes: db.Region


@dataclass(frozen=True)
class Sheet:
    """A picture: what is painted, the lowest first, the words and their colour, and how far it reaches, um."""

    paints: tuple[Paint, ...]
    words: tuple[db.DText, ...]
    ink: str
    frame: db.DBox
    dbu: float


def sheet(layout: db.Layout, technology: Technology, window: db.DBox | None) -> Sheet:
    """All that is painted.

    Args:
        layout: a block, as klayout's reader of LEF and DEF gives it.
        technology: what it is made in.
        window: the part to draw, um; None: all of it, with the names of its pins around it.

    Raises:
        ValueError: nothing of the block is in ``window``.
    """
    top = layout.top_cell()
    die = top.dbbox_per_layer(_layers(layout)["OUTLINE"])
    shown = die if window is None else window & die
    if shown.empty() or not shown.area():
        raise ValueError(f"window = {window}: nothing of the block is there, which is {die} um")
    pen = Pen(shown, layout.dbu)
    clip = pen.box(shown.left, shown.bottom, shown.right, shown.top)
    around = clip if window else clip.sized(round(_OVERHANG / layout.dbu))
    drawn = [*_cells(layout, technology, pen), *_wires(layout, technology)]
    paints = [Paint(each.name, each.colour, each.cover, each.shapes & around) for each in drawn]
    paints = [paint for paint in paints if not paint.shapes.is_empty()]
    size = f"{die.width():.1f} um x {die.height():.1f} um"
    if window is not None:
        size = f"{shown.width():g} um x {shown.height():g} um at {shown.left:g}, {shown.bottom:g} of {size}"
    reach = pen.label([] if window else list(_names(layout, die)))
    pen.title(f"{top.name}   {size}", shown.left, reach.top + 2 * pen.unit)
    legend, low = _legend(paints, pen, reach.bottom - 2 * pen.unit)
    pen.scale(shown.right, low)
    pen.lines += _hollow(clip, pen, 0.15)
    frame = db.DBox(reach.left, low - 2 * pen.unit, reach.right, reach.top + 5 * pen.unit)
    return Sheet((*paints, *legend, Paint("", _INK, 1, pen.lines)), tuple(pen.words), _INK, frame, layout.dbu)


def _layers(layout: db.Layout) -> dict[str, int]:
    return {layout.get_info(index).name: index for index in layout.layer_indexes()}


def _flat(layout: db.Layout, *names: str) -> db.Region:
    """All shapes of some layers, in the cells and above them."""
    found, known = db.Region(), _layers(layout)
    for name in names:
        if name in known:
            found += db.Region(layout.top_cell().begin_shapes_rec(known[name]))
    return found.merged()


def _cells(layout: db.Layout, technology: Technology, pen: Pen) -> Iterator[Paint]:
    """Fillers and cells, their edges, and the metal they come with."""
    fillers, cells = db.Region(), db.Region()
    metals: dict[str, db.Region] = {}
    known = _layers(layout)
    for instance in layout.top_cell().each_inst():
        kind = instance.cell.name
        if kind not in technology.macros:
            continue
        box = instance.cell.bbox_per_layer(known["OUTLINE"]).transformed(instance.cplx_trans)
        (fillers if kind == technology.filler else cells).insert(box)
        for name, index in known.items():
            if re.fullmatch(r"metal\d(\.(PIN|OBS))?", name):
                shapes = db.Region(instance.cell.begin_shapes_rec(index)).transformed(instance.cplx_trans)
                metals.setdefault(name.partition(".")[0], db.Region()).insert(shapes)
    yield Paint("filler", "#f4f2ea", 1, fillers)
    yield Paint("cell", "#e9e4d4", 1, cells)
    yield Paint("", "#c8c1ae", 1, _hollow(cells, pen, 0.06) + _hollow(fillers, pen, 0.03))
    for number, layer in enumerate(technology.layers):
        if layer.name in metals:
            yield Paint(f"{layer.name} in cells", _METALS[number % len(_METALS)], 0.4, metals[layer.name].merged())


def _hollow(boxes: db.Region, pen: Pen, width: float) -> db.Region:
    """The edges of shapes, each by itself; the width is in units of the pen."""
    made = db.Region()
    thick = max(1, round(width * pen.unit / pen.dbu))
    for polygon in boxes.each():
        whole = db.Region(polygon)
        made += whole - whole.sized(-thick)
    return made


def _wires(layout: db.Layout, technology: Technology) -> Iterator[Paint]:
    """What is routed, layer by layer, with the vias above all."""
    top, known = layout.top_cell(), _layers(layout)
    outside = [instance for instance in top.each_inst() if instance.cell.name not in technology.macros]
    cuts = db.Region()
    for number, layer in enumerate(technology.layers):
        if layer.name not in known:
            continue
        index = known[layer.name]
        shapes = db.Region(top.shapes(index))
        for instance in outside:
            shapes += db.Region(instance.cell.begin_shapes_rec(index)).transformed(instance.cplx_trans)
        yield Paint(layer.name, _METALS[number % len(_METALS)], 0.85, shapes.merged())
    for name, index in sorted(known.items()):
        if re.fullmatch(r"via\d?", name):
            for instance in outside:
                cuts += db.Region(instance.cell.begin_shapes_rec(index)).transformed(instance.cplx_trans)
    yield Paint("via", "#3f4247", 0.9, cuts)


def _names(layout: db.Layout, die: db.DBox) -> Iterator[Label]:
    """The pins, those of a bus that are side by side as one."""
    found = []
    for name, index in _layers(layout).items():
        if name.endswith(".LABEL"):
            found += [shape.dtext for shape in layout.top_cell().shapes(index).each() if shape.is_text()]
    for side, texts in groupby(sorted(found, key=lambda text: _place(text, die)), lambda text: _place(text, die)[0]):
        for bus, run in groupby(texts, lambda text: text.string.partition("[")[0]):
            pins = list(run)
            yield Label(_called(bus, [pin.string for pin in pins]), side, *_along(pins[0], pins[-1], side))


def _place(text: db.DText, die: db.DBox) -> tuple[str, float]:
    """The side that a pin is nearest to, and where along it."""
    x, y = text.x, text.y
    distances = (x - die.left, y - die.bottom, die.right - x, die.top - y)
    side = _SIDES[distances.index(min(distances))]
    return side, y if side in ("left", "right") else x


def _along(first: db.DText, last: db.DText, side: str) -> tuple[float, float]:
    return (first.y, last.y) if side in ("left", "right") else (first.x, last.x)


def _called(bus: str, names: list[str]) -> str:
    """``codes[3]``, ``codes[0:15]`` from left to right or bottom to top, or the name of a single pin."""
    if len(names) == 1:
        return names[0]
    first, last = (name.partition("[")[2].rstrip("]") for name in (names[0], names[-1]))
    return f"{bus}[{first}:{last}]"


def _legend(paints: Iterable[Paint], pen: Pen, top: float) -> tuple[list[Paint], float]:
    """Write the names of the layers in rows below ``top``; the boxes beside them, and the bottom of the last row."""
    unit, height = pen.unit, 1.6 * pen.unit
    left, bottom = pen.frame.left, top - height
    limit = pen.frame.right - pen.frame.width() / 4  # the scale is at the right
    made = list[Paint]()
    for paint in paints:
        if not paint.name:
            continue
        length = 3 * unit + pen.length(paint.name, height)
        if left + length > limit and made:
            left, bottom = pen.frame.left, bottom - 1.7 * height
        box = pen.box(left, bottom, left + 2.2 * unit, bottom + height)
        made.append(Paint("", paint.colour, paint.cover, box))
        pen.lines += _hollow(box, pen, 0.06)
        pen.write(paint.name, left + 3 * unit, bottom + height / 2, height)
        left += length + 1.5 * unit
    return made, bottom
