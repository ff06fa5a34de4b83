"""The tree of resistors and capacitors that a routed net is: its pieces of wire and vias, from the driver to each pin.

A piece of wire has the resistance of its squares, and half of its capacitance at either end.  Wires, vias and pins
whose metal touches are joined, though their middles may be apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

from .def_nets import Net, Point, Shape, Wire
from .graph import End, Graph, Node, Place, Tree

__all__ = ["Metal", "grow"]


@dataclass(frozen=True)
class Metal:
    """A layer for wires, in units of length of a layout.

    Args:
        width: of a wire.
        pad: of a via, from its middle to each side.
        ohm_per_square: sheet resistance.
        plate_ff: capacitance of a square unit, fF.
        edge_ff: capacitance of a unit of each of the two edges, fF.
        via_ohm: resistance of a via to the next layer.
    """

    width: int
    pad: int
    ohm_per_square: float
    plate_ff: float
    edge_ff: float
    via_ohm: float


def grow(
    net: Net,
    root: End,
    pins: Mapping[End, Sequence[Shape]],
    layers: Sequence[str],
    metals: Sequence[Metal],
    vias: Mapping[str, int],
) -> Tree:
    """The tree of a net.

    Args:
        net: its wires and vias.
        root: the pin that drives it.
        pins: the metal of all its pins.
        layers: names of the layers for wires, the lowest first.
        metals: what they are like.
        vias: by kind of via, the number of the lower of the two layers that it joins.

    Raises:
        ValueError: a wire or via is of a layer or kind that there is not.
    """
    numbers = {name: number for number, name in enumerate(layers)}
    unknown = [w.layer for w in net.wires if w.layer not in numbers] + [v.kind for v in net.vias if v.kind not in vias]
    if unknown:
        raise ValueError(f"{unknown[0]} is no layer or via of the technology")
    graph = Graph(pins)
    pieces = [_Piece(numbers[wire.layer], wire, wire.width or metals[numbers[wire.layer]].width) for wire in net.wires]
    joints = _joints(net, pieces, metals, vias, graph)
    for piece in pieces:
        _cut(piece, joints, pieces, graph)
    for pin, shapes in pins.items():
        for shape in shapes:
            if shape.layer in numbers:
                _touch(pin, numbers[shape.layer], shape, joints, pieces, graph)
    for piece in pieces:
        metal = metals[piece.layer]
        for here, there, length in piece.parts():
            ff = length * (metal.plate_ff * piece.width + 2 * metal.edge_ff)
            graph.add(here, there, metal.ohm_per_square * length / piece.width, ff)
    for via in net.vias:
        low = vias[via.kind]
        graph.add((low, *via.at), (low + 1, *via.at), metals[low].via_ohm, 0.0)
    return graph.tree(root)


class _Piece:
    """A wire on its layer, and where it is cut."""

    def __init__(self, layer: int, wire: Wire, width: int) -> None:
        self.layer, self.wire, self.width = layer, wire, width
        self.cuts = {wire.start, wire.end}
        (x, y), (u, v) = wire.start, wire.end
        self.box = min(x, u), min(y, v), max(x, u), max(y, v)

    def near(self, at: Point, half: int) -> Point | None:
        """The place on the middle of the wire that belongs to a square around a place; None for one beside the wire."""
        left, bottom, right, top = self.box
        middle = min(max(at[0], left), right), min(max(at[1], bottom), top)
        off = max(abs(middle[0] - at[0]), abs(middle[1] - at[1]))
        return middle if off <= self.width // 2 + half else None

    def parts(self) -> Iterator[tuple[Node, Node, int]]:
        """What lies between cuts: both ends, and the length."""
        places = sorted(self.cuts)
        for here, there in pairwise(places):
            length = abs(here[0] - there[0]) + abs(here[1] - there[1])
            yield (self.layer, *here), (self.layer, *there), length


def _joints(
    net: Net, pieces: Sequence[_Piece], metals: Sequence[Metal], vias: Mapping[str, int], graph: Graph
) -> dict[Place, int]:
    """Where wires end and vias are, and half the width of the metal there; vias whose metal touches are joined."""
    pads = {(layer, *via.at): metals[layer].pad for via in net.vias for layer in (vias[via.kind], vias[via.kind] + 1)}
    ends = {(piece.layer, *end): piece.width // 2 for piece in pieces for end in (piece.wire.start, piece.wire.end)}
    for one, other in combinations(pads, 2):
        apart = max(abs(one[1] - other[1]), abs(one[2] - other[2]))
        if one[0] == other[0] and apart <= pads[one] + pads[other]:
            graph.join(one, other)
    return ends | pads


def _cut(piece: _Piece, joints: Mapping[Place, int], pieces: Sequence[_Piece], graph: Graph) -> None:
    """Cut a wire where others end on it or cross it, and where vias are."""
    for (layer, x, y), half in joints.items():
        middle = piece.near((x, y), half) if layer == piece.layer else None
        if middle is not None:
            piece.cuts.add(middle)
            graph.join((layer, *middle), (layer, x, y))
    left, bottom, right, top = piece.box
    for other in pieces:
        if other.layer == piece.layer and bottom == top and other.box[0] == other.box[2]:
            crossing = other.box[0], bottom
            if left < crossing[0] < right and other.box[1] < crossing[1] < other.box[3]:
                piece.cuts.add(crossing)
                other.cuts.add(crossing)


def _touch(
    pin: End, layer: int, shape: Shape, joints: Mapping[Place, int], pieces: Sequence[_Piece], graph: Graph
) -> None:
    """Join a rectangle of a pin's metal with all joints that touch it, and with wires that run over it."""

    def on(x: int, y: int, half: int) -> bool:
        return shape.left - half <= x <= shape.right + half and shape.bottom - half <= y <= shape.top + half

    for (level, x, y), half in joints.items():
        if level == layer and on(x, y, half):
            graph.join(pin, (layer, x, y))
    for piece in pieces:
        half = piece.width // 2
        if piece.layer == layer and not any(on(*cut, half) for cut in piece.cuts):
            left, bottom, right, top = piece.box
            x = min(max((shape.left + shape.right) // 2, left), right)
            y = min(max((shape.bottom + shape.top) // 2, bottom), top)
            if on(x, y, half):
                piece.cuts.add((x, y))
                graph.join(pin, (layer, x, y))
