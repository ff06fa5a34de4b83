"""The wires of a routed layout, read from DEF."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from .def_file import PER_UM

__all__ = ["Segment", "Via", "Wires", "parse_wires", "section", "written"]


@dataclass(frozen=True)
class Segment:
    """A straight piece of wire, um.

    ``width_um`` is 0 for wires of their layer's width, which reach half of it beyond both ends; others end where they
    say.
    """

    layer: str
    x1: float
    y1: float
    x2: float
    y2: float
    width_um: float = 0.0

    @property
    def length_um(self) -> float:
        """From end to end."""
        return abs(self.x2 - self.x1) + abs(self.y2 - self.y1)


@dataclass(frozen=True)
class Via:
    """A via of the technology, such as ``M2_M1``, and its middle, um."""

    name: str
    x: float
    y: float


@dataclass(frozen=True)
class Wires:
    """What a net is made of, the pins of cells not counted."""

    segments: tuple[Segment, ...]
    vias: tuple[Via, ...]


def section(text: str, name: str) -> list[str]:
    """The statements of all sections of DEF with that name, each from after its ``-`` to before its semicolon."""
    found = re.findall(rf"^{name} \d+ ;?(.*?)^END {name}$", text, re.MULTILINE | re.DOTALL)
    statements = [statement for body in found for statement in re.split(r"^- ", body, flags=re.MULTILINE)[1:]]
    return [statement.rpartition(";")[0].strip() for statement in statements]


def parse_wires(text: str) -> dict[str, Wires]:
    """The wires of all nets of a DEF file, by net; of a net without wires, none.  Supplies are not among them.

    Raises:
        ValueError: it does not say its units, or a wire is not as DEF has it.
    """
    scale = re.search(r"^UNITS DISTANCE MICRONS (\d+)", text, re.MULTILINE)
    if scale is None:
        raise ValueError("the layout does not say its units")
    wires: dict[str, tuple[list[Segment], list[Via]]] = {}
    for statement in section(text, "NETS"):
        wires[statement.split()[0]] = ([], [])
    for statement in section(text, "NETS") + section(text, "SPECIALNETS"):
        name, _, routed = statement.partition("+ ROUTED ")
        if name.split()[0] in wires:
            for piece in filter(None, re.split(r"\bNEW\b", routed)):
                segments, vias = _piece(piece, float(scale[1]))
                wires[name.split()[0]][0].extend(segments)
                wires[name.split()[0]][1].extend(vias)
    return {net: Wires(tuple(segments), tuple(vias)) for net, (segments, vias) in wires.items()}


def _piece(text: str, scale: float) -> tuple[list[Segment], list[Via]]:
    """A path: layer, perhaps a width, points that may leave out what has not changed, perhaps a via at the end."""
    start = re.match(r"\s*(\S+)(?:\s+(\d+))?\s+\(", text)
    if start is None:
        raise ValueError(f"a wire has no points: {text.strip()}")
    layer, width = start[1], float(start[2] or 0) / scale
    points = list(_points(text, scale))
    segments = [
        Segment(layer, x1, y1, x2, y2, width) for (x1, y1), (x2, y2) in pairwise(points) if (x1, y1) != (x2, y2)
    ]
    name = re.search(r"\)\s*([A-Za-z]\w*)\s*$", text)
    return segments, [Via(name[1], *points[-1])] if name else []


def _points(text: str, scale: float) -> Iterator[tuple[float, float]]:
    x = y = 0.0
    for across, up in re.findall(r"\(\s*(\S+)\s+(\S+)\s*\)", text):
        x = x if across == "*" else float(across) / scale
        y = y if up == "*" else float(up) / scale
        yield x, y


def written(segment: Segment) -> str:
    """A piece of wire as DEF has it."""
    width = f" {round(segment.width_um * PER_UM)}" if segment.width_um else ""
    ends = ((segment.x1, segment.y1), (segment.x2, segment.y2))
    return f"{segment.layer}{width} " + " ".join(f"( {round(x * PER_UM)} {round(y * PER_UM)} )" for x, y in ends)
