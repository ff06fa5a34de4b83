"""Small additions to wires that the rules of the technology ask for and qrouter leaves out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .def_wires import Segment, Wires
from .lef import Rectangle
from .route_shapes import overlap, shape_of, via_shapes
from .technology import Technology

__all__ = ["mend"]

_LEAST_UM2 = 0.2
"""The least area of metal in MOSIS' rules, which LEF does not tell; a via's pad has 0.16."""
_NOTCH_UM = 0.3
"""The least space, in one net, too."""


def mend(
    wires: Mapping[str, Wires], pins: Mapping[str, Sequence[tuple[Rectangle, ...]]], technology: Technology
) -> dict[str, list[Segment]]:
    """The pieces of wire to add, by net.

    - A via upon a via has a pad between them that is too small by itself: it gets a short wire upwards, where there is
      always room, for wires up and down are further apart than those across.
    - Where a wire leads from a via to a pin nearby, the slot between the via's pad and the pin is filled.
    """
    added = {}
    for net, found in wires.items():
        shapes = [shape for pin in pins.get(net, ()) for shape in pin]
        pieces = [*_pads(found, shapes, technology), *_slots(found, shapes, technology)]
        if pieces:
            added[net] = pieces
    return added


def _pads(wires: Wires, pins: Sequence[Rectangle], technology: Technology) -> list[Segment]:
    """Longer metal for the pads of vias that nothing else touches; each but once, however many vias share it."""
    metal = [*pins, *(shape_of(segment, technology) for segment in wires.segments)]
    lonely = {
        (pad.layer, via.x, via.y): pad
        for via in wires.vias
        for pad in via_shapes(via, technology)
        if any(layer.name == pad.layer for layer in technology.layers)
        and not any(overlap(pad, shape) for shape in metal)
    }
    pieces = []
    for (layer, x, y), pad in lonely.items():
        width = round(pad.right - pad.left, 6)
        if width * (pad.top - pad.bottom) < _LEAST_UM2 - 1e-9:
            pieces.append(Segment(layer, x, y, x, round(pad.bottom + _LEAST_UM2 / width, 6), width))
    return pieces


def _slots(wires: Wires, pins: Sequence[Rectangle], technology: Technology) -> list[Segment]:
    """As wide as the pad, from the via to the pin, where no wire of that width is there yet."""
    lowest = technology.layers[0]
    pads = {
        (via.x, via.y): pad for via in wires.vias for pad in via_shapes(via, technology) if pad.layer == lowest.name
    }
    wide = [shape_of(segment, technology) for segment in wires.segments if segment.width_um]
    pieces = []
    for wire in wires.segments:
        if wire.layer != lowest.name or wire.width_um:
            continue
        reached = [pin for pin in pins if overlap(shape_of(wire, technology), pin)]
        for one, other in (((wire.x1, wire.y1), (wire.x2, wire.y2)), ((wire.x2, wire.y2), (wire.x1, wire.y1))):
            if one in pads and any(0 < _gap(pads[one], pin) < _NOTCH_UM for pin in reached):
                piece = _ahead(lowest.name, one, other, lowest.width_um / 2, pads[one])
                if not any(_covers(shape, shape_of(piece, technology)) for shape in wide):
                    pieces.append(piece)
    return pieces


def _ahead(layer: str, via: tuple[float, float], end: tuple[float, float], beyond: float, pad: Rectangle) -> Segment:
    """From a via to ``beyond`` the end of the wire that leaves it, as wide as its pad."""
    x, y = (round(b + (b > a) * beyond - (b < a) * beyond, 6) for a, b in zip(via, end, strict=True))
    return Segment(layer, *via, x, y, round(pad.top - pad.bottom, 6))


def _covers(outer: Rectangle, inner: Rectangle) -> bool:
    """With a little slack: these are sums of decimal fractions."""
    low = outer.left <= inner.left + 1e-6 and outer.bottom <= inner.bottom + 1e-6
    return outer.layer == inner.layer and low and inner.right <= outer.right + 1e-6 and inner.top <= outer.top + 1e-6


def _gap(a: Rectangle, b: Rectangle) -> float:
    """The space between two shapes, across or upwards; 0 or less where they touch."""
    return max(b.left - a.right, a.left - b.right, b.bottom - a.top, a.bottom - b.top)
