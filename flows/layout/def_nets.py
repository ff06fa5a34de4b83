"""DEF, the format of a placed and routed block: where its cells and pins are, and the wires of its nets.

Lengths are in the file's own units, whole numbers; :attr:`Def.units` of them are a micrometre.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Component", "Def", "Net", "Port", "Shape", "Via", "Wire"]

Point = tuple[int, int]


@dataclass(frozen=True)
class Component:
    """A cell: its macro, its lower left corner, and how it is turned (``N``, ``FS``...)."""

    macro: str
    at: Point
    turned: str


@dataclass(frozen=True)
class Shape:
    """A rectangle of a layer."""

    layer: str
    left: int
    bottom: int
    right: int
    top: int


@dataclass(frozen=True)
class Port:
    """A pin of the block: its net, ``INPUT`` or ``OUTPUT`` or ``INOUT``, and its metal."""

    net: str
    direction: str
    shapes: tuple[Shape, ...]


@dataclass(frozen=True)
class Wire:
    """A straight piece of wire from middle to middle; ``width`` is 0 where it is the layer's."""

    layer: str
    start: Point
    end: Point
    width: int = 0


@dataclass(frozen=True)
class Via:
    """A via of a kind that the technology has."""

    kind: str
    at: Point


@dataclass
class Net:
    """A net: its pins as (component, pin) or ``("PIN", port)``, and what it is routed with."""

    pins: list[tuple[str, str]] = field(default_factory=list)
    wires: list[Wire] = field(default_factory=list)
    vias: list[Via] = field(default_factory=list)


@dataclass(frozen=True)
class Def:
    """A block.

    Args:
        design: its name.
        units: of length in a micrometre.
        components, ports, nets: by name; nets of power and ground are left out.
    """

    design: str
    units: int
    components: dict[str, Component]
    ports: dict[str, Port]
    nets: dict[str, Net]

    @classmethod
    def read(cls, path: Path) -> Def:
        """Read a file.

        Raises:
            ValueError: it is not DEF, or cut short.
            OSError: it cannot be read.
        """
        return cls.parse(path.read_text(), str(path))

    @classmethod
    def parse(cls, text: str, name: str) -> Def:
        """Read DEF text; ``name`` is what messages call it.

        Raises:
            ValueError: as :meth:`read`.
        """
        design = re.search(r"^\s*DESIGN\s+(\S+)\s*;", text, re.MULTILINE)
        units = re.search(r"^\s*UNITS\s+DISTANCE\s+MICRONS\s+(\d+)\s*;", text, re.MULTILINE)
        if design is None or units is None or not re.search(r"^\s*END\s+DESIGN\b", text, re.MULTILINE):
            raise ValueError(f"{name} is not DEF, or is cut short")
        try:
            components = dict(_component(words) for words in _section(text, "COMPONENTS"))
            ports = dict(_port(words) for words in _section(text, "PINS"))
            nets: dict[str, Net] = {}
            for words in _section(text, "NETS"):
                _route(nets.setdefault(words[0], Net()), words[1:])
            for words in _section(text, "SPECIALNETS"):  # where a wire is not as wide as its layer's
                if words[0] in nets:
                    _route(nets[words[0]], words[1:])
        except (IndexError, ValueError) as error:
            raise ValueError(f"{name} is not DEF as layout needs it: {error}") from None
        return cls(design[1], int(units[1]), components, ports, nets)


def _section(text: str, title: str) -> Iterator[list[str]]:
    """The words of every entry of a section, without its dash and semicolon.

    qrouter adds a second section of special nets, which ends with the design.
    """
    ends = rf"(?:{title}|DESIGN)\b"
    sections = re.findall(rf"^\s*{title}\s+\d+\s*;(.*?)(?=^\s*END\s+{ends})", text, re.MULTILINE | re.DOTALL)
    for entry in re.findall(r"(?:^|\s)-\s+(.*?)\s*;(?=\s)", "".join(sections), re.DOTALL):
        yield entry.split()


def _component(words: list[str]) -> tuple[str, Component]:
    placed = next(k for k, word in enumerate(words) if word in ("PLACED", "FIXED"))
    return words[0], Component(words[1], (int(words[placed + 2]), int(words[placed + 3])), words[placed + 5])


def _port(words: list[str]) -> tuple[str, Port]:
    net, shapes = words[words.index("NET") + 1], []
    placed = next((k for k, word in enumerate(words) if word in ("PLACED", "FIXED")), None)
    x, y = (0, 0) if placed is None else (int(words[placed + 2]), int(words[placed + 3]))
    for k, word in enumerate(words):
        if word == "LAYER":
            left, bottom, right, top = (int(words[k + offset]) for offset in (3, 4, 7, 8))
            shapes.append(Shape(words[k + 1], x + left, y + bottom, x + right, y + top))
    direction = words[words.index("DIRECTION") + 1] if "DIRECTION" in words else "INOUT"
    return words[0], Port(net, direction, tuple(shapes))


def _route(net: Net, words: list[str]) -> None:
    """Take the pins and the wiring of an entry."""
    start = next((k for k, word in enumerate(words) if word == "+"), len(words))
    ends = [k for k in range(start) if words[k] == "("]
    net.pins += [(words[k + 1], words[k + 2]) for k in ends if (words[k + 1], words[k + 2]) not in net.pins]
    at = start
    while at < len(words):
        at = _path(net, words, at + 1) if words[at] in ("ROUTED", "NEW", "FIXED") else at + 1


def _path(net: Net, words: list[str], at: int) -> int:
    """One path: layer, width where it has its own, points and vias; where the words after it begin."""
    layer, width = words[at], 0
    at += 1
    if words[at].isdigit():
        width = int(words[at])
        at += 1
    here: Point | None = None
    while at < len(words) and words[at] not in ("NEW", "+"):
        if words[at] == "(":
            close = words.index(")", at)
            there = _point(words[at + 1 : close], here)
            if here is not None and there != here:
                net.wires.append(Wire(layer, here, there, width))
            here, at = there, close + 1
        elif words[at] in ("SHAPE", "STYLE", "TAPERRULE"):
            at += 2
        else:
            if here is not None and words[at] != "TAPER":
                net.vias.append(Via(words[at], here))
            at += 1
    return at


def _point(words: list[str], before: Point | None) -> Point:
    """A point, whose ``*`` is the coordinate of the one before."""
    if before is None:
        return int(words[0]), int(words[1])
    x, y = (old if word == "*" else int(word) for word, old in zip(words[:2], before, strict=True))
    return x, y
