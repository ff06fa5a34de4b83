"""LEF, the format in which a technology tells its layers and the outlines of its cells, read as far as layout needs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

__all__ = ["Layer", "Lef", "Macro", "MacroPin", "Rectangle"]

Direction = Literal["horizontal", "vertical"]
Statement = list[str]


@dataclass(frozen=True)
class Rectangle:
    """A piece of a layer, um."""

    layer: str
    left: float
    bottom: float
    right: float
    top: float


@dataclass(frozen=True)
class Layer:
    """A layer for wires.

    Args:
        name: as LEF and DEF call it.
        direction: of its wires.
        pitch_um: from the middle of a wire to the next one's.
        offset_um: of the first wire from the origin.
        width_um: of a wire.
        spacing_um: between wires.
        ohm_per_square: sheet resistance; 0 where the file has none.
        plate_ff_per_um2: capacitance of the area, fF/um2; 0 where the file has none.
        edge_ff_per_um: capacitance of each of the two edges, fF/um; 0 where the file has none.
    """

    name: str
    direction: Direction
    pitch_um: float
    offset_um: float
    width_um: float
    spacing_um: float
    ohm_per_square: float
    plate_ff_per_um2: float
    edge_ff_per_um: float


@dataclass(frozen=True)
class MacroPin:
    """A pin of a cell.

    Args:
        name: the pin.
        direction: ``INPUT``, ``OUTPUT`` or ``INOUT``; LEF's ``OUTPUT TRISTATE`` is an output.
        use: ``SIGNAL``, ``CLOCK``, ``POWER``, ``GROUND``; a signal where the file says nothing.
        shapes: its rectangles, from the lower left corner of the cell.
    """

    name: str
    direction: str
    use: str
    shapes: tuple[Rectangle, ...]

    @property
    def supply(self) -> bool:
        """Whether it is for power or ground."""
        return self.use in ("POWER", "GROUND")


@dataclass(frozen=True)
class Macro:
    """A cell: its size in um, its class (``CORE``, ``PAD``...) and pins by name."""

    name: str
    kind: str
    width_um: float
    height_um: float
    pins: Mapping[str, MacroPin]


@dataclass(frozen=True)
class Lef:
    """What a file has.

    Args:
        layers: the layers for wires, lowest first.
        vias: the shapes of the fixed vias, around their middle, by name.
        sites: width and height in um of the places for cells, by name.
        macros: the cells by name.
    """

    layers: tuple[Layer, ...]
    vias: Mapping[str, tuple[Rectangle, ...]]
    sites: Mapping[str, tuple[float, float]]
    macros: Mapping[str, Macro]

    @classmethod
    def read(cls, path: Path) -> Lef:
        """Read a file.

        Raises:
            ValueError: it has no layers for wires, or a statement that is needed is not as LEF has it.
            OSError: it cannot be read.
        """
        return cls.parse(path.read_text(), str(path))

    @classmethod
    def parse(cls, text: str, name: str) -> Lef:
        """Read LEF text; ``name`` is what messages call it.

        Raises:
            ValueError: as :meth:`read`.
        """
        layers, vias, sites, macros = [], {}, {}, {}
        try:
            for kind, title, body in _sections(text):
                if kind == "LAYER" and ["TYPE", "ROUTING"] in body:
                    layers.append(_layer(title, body))
                elif kind == "VIA":
                    vias[title] = _shapes(body)
                elif kind == "SITE":
                    sites[title] = _size(body)
                elif kind == "MACRO":
                    macros[title] = _macro(title, body)
        except (KeyError, IndexError, ValueError) as error:
            raise ValueError(f"{name} is not LEF as layout needs it: {error}") from None
        if not layers:
            raise ValueError(f"{name} has no layer of TYPE ROUTING; give the LEF file of a technology")
        return cls(tuple(layers), vias, sites, macros)


def _statements(text: str) -> Iterator[Statement]:
    """Words up to a semicolon or, where there is none (``MACRO x``, ``PORT``, ``END x``), to the end of the line."""
    words: Statement = []
    for line in text.splitlines():
        for word in line.split("#")[0].replace(";", " ; ").split():
            if word == ";":
                yield words
                words = []
            else:
                words.append(word)
        if words and words[0] in ("LAYER", "MACRO", "PIN", "SITE", "VIA", "VIARULE", "PORT", "OBS", "END", "UNITS"):
            yield words
            words = []
    if words:
        yield words


def _sections(text: str) -> Iterator[tuple[str, str, list[Statement]]]:
    """Kind, name and statements of every layer, site, macro, via."""
    kind, title, body = "", "", list[Statement]()
    for words in _statements(text):
        if not kind and words[0] in ("LAYER", "SITE", "MACRO", "VIA", "VIARULE"):
            kind, title, body = words[0], words[1], []
        elif kind and words == ["END", title]:
            yield kind, title, body
            kind = ""
        elif kind:
            body.append(words)
    if kind:
        raise ValueError(f"{kind} {title} has no end")


def _layer(name: str, body: list[Statement]) -> Layer:
    values = {words[0]: words[1:] for words in body}
    direction = values["DIRECTION"][0].lower()
    if direction not in ("horizontal", "vertical"):
        raise ValueError(f"the wires of {name} run {direction}")

    def number(keyword: str) -> float:
        return float(values.get(keyword, ["0"])[-1])  # last: `RESISTANCE RPERSQ 0.08`

    pitch, offset = float(values["PITCH"][0]), values.get("OFFSET")
    return Layer(
        name=name,
        direction=cast(Direction, direction),
        pitch_um=pitch,
        offset_um=float(offset[0]) if offset else pitch / 2,
        width_um=float(values["WIDTH"][0]),
        spacing_um=float(values.get("SPACING", ["0"])[0]),
        ohm_per_square=number("RESISTANCE"),
        plate_ff_per_um2=round(number("CAPACITANCE") * 1000, 9),  # the file has pF
        edge_ff_per_um=round(number("EDGECAPACITANCE") * 1000, 9),
    )


def _size(body: list[Statement]) -> tuple[float, float]:
    words = next((words for words in body if words[0] == "SIZE"), None)
    if words is None or not re.fullmatch(r"SIZE \S+ BY \S+", " ".join(words)):
        raise ValueError("there is a site or a macro without a SIZE")
    return float(words[1]), float(words[3])


def _macro(name: str, body: list[Statement]) -> Macro:
    width, height = _size(body)
    kind = next((words[1] for words in body if words[0] == "CLASS"), "")
    pins: dict[str, MacroPin] = {}
    inside: list[Statement] = []
    pin = ""
    for words in body:
        if words[0] == "PIN":
            pin, inside = words[1], []
        elif words == ["END", pin]:
            pins[pin] = _pin(pin, inside)
            pin = ""
        elif pin:
            inside.append(words)
    return Macro(name, kind, width, height, pins)


def _pin(name: str, body: list[Statement]) -> MacroPin:
    values = {words[0]: words[1] for words in body if words[0] in ("DIRECTION", "USE")}
    return MacroPin(name, values.get("DIRECTION", "INOUT"), values.get("USE", "SIGNAL"), _shapes(body))


def _shapes(body: list[Statement]) -> tuple[Rectangle, ...]:
    """Rectangles, each of the layer that was named before."""
    shapes, layer = [], ""
    for words in body:
        if words[0] == "LAYER":
            layer = words[1]
        elif words[0] == "RECT":
            left, bottom, right, top = (float(word) for word in words[1:5])
            shapes.append(Rectangle(layer, left, bottom, right, top))
    return tuple(shapes)
