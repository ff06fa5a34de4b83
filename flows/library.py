"""A standard-cell library: its units, and its cells found by what they do rather than by what they are called."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path

from .cells import Cell, cell_of, takes_no_area
from .liberty import Group, read

__all__ = ["NEUTRAL", "Library"]

NEUTRAL = Path(__file__).with_name("neutral.lib")
"""The technology-neutral library that comes with the package."""

_NAND2, _BUFFER, _INVERTER = (2, 0b0111), (1, 0b10), (1, 0b01)
"""Number of inputs, and the truth table of the only output."""

_NEEDED: dict[str, set[tuple[int, ...]]] = {
    "an inverter": {_INVERTER},
    "a buffer": {_BUFFER},
    "an AND2, NAND2, OR2 or NOR2": {(2, 0b1000), _NAND2, (2, 0b1110), (2, 0b0001)},
}
"""Without one of each, ABC breaks down."""

_FULL_ADDER = (3, {0b10010110, 0b01101001}, {0b11101000, 0b00010111})
_HALF_ADDER = (2, {0b0110, 0b1001}, {0b1000, 0b0111})
"""Number of inputs, truth tables of sum and of carry; either may be inverted, as in ASAP7."""

_FRACTIONAL = re.compile(r"x\d*p\d", re.IGNORECASE)
"""A drive strength that is not whole, as in NAND2xp5 or NAND2_X0P5: trimmed variants, not the plain gate."""

_SECONDS = {"s": 1e12, "ms": 1e9, "us": 1e6, "ns": 1e3, "ps": 1.0, "fs": 1e-3}
_FARADS = {"pf": 1e3, "ff": 1.0, "nf": 1e6}


@dataclass(frozen=True)
class Library:
    """What a Liberty file says, as far as mapping needs it.

    Args:
        path: the file.
        name: the library's name in the file.
        time_ps: its unit of time, ps.
        load_ff: its unit of capacitance, fF.
        voltage: nominal supply, V, or None.
        temperature: nominal, degrees Celsius, or None.
        conditions: name of the default operating conditions, or empty.
        cells: all cells by name, in the file's order.
        lean: the file without cells that must not be used and without power tables: what the tools are given.
    """

    path: Path
    name: str
    time_ps: float
    load_ff: float
    voltage: float | None
    temperature: float | None
    conditions: str
    cells: dict[str, Cell]
    lean: str = field(repr=False)

    @classmethod
    def read(cls, path: Path | None = None, dont_use: Iterable[str] = ()) -> Library:
        """Read a Liberty file, the neutral one unless told.

        Cells whose area is 0 or absent are not used: fillers and the like, or gates that ABC would take for free.  An
        area that is negative or no number is a mistake, and refused unless the cell is left out.

        Args:
            path: the file.
            dont_use: patterns (``*_X16``) of cells to leave out, besides those the file marks itself.

        Raises:
            ValueError: one line: the file is missing, not Liberty or cut short, a unit is unknown, an area, capacitance
                or function of a cell in use makes no sense, or a kind of cell that mapping needs is missing.
        """
        path, patterns = path or NEUTRAL, tuple(dont_use)

        def unwanted(cell: Group) -> bool:
            named = any(fnmatchcase(cell.name, pattern) for pattern in patterns)
            return named or _true(cell, "dont_use") or takes_no_area(cell)

        group, lean = read(path, unwanted)
        said = group.attributes
        try:
            load_ff = _unit(said.get("capacitive_load_unit", "1,pf"), _FARADS)
            library = cls(
                path=path,
                name=group.name,
                time_ps=_unit(said.get("time_unit", "1ns"), _SECONDS),
                load_ff=load_ff,
                voltage=_number(group, "nom_voltage"),
                temperature=_number(group, "nom_temperature"),
                conditions=said.get("default_operating_conditions", ""),
                cells={cell.name: cell_of(cell, load_ff, not unwanted(cell)) for cell in group.of("cell")},
                lean=lean,
            )
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
        library._check(patterns)
        return library

    def _check(self, dont_use: Sequence[str]) -> None:
        cells = self.cells.values()
        left = f" that --dont-use {' '.join(dont_use)} leaves" if dont_use else ""
        none = f"{self.path}: none of its {len(self.cells)} cells"
        if not self._with(lambda truths: truths == _NAND2, usable=False):
            free = _free(c for c in cells if c.truths == _NAND2)
            raise ValueError(f"{none} is a NAND2, so there is no area unit{free}")
        if not self.flip_flops:
            raise ValueError(f"{none}{left} is a flip-flop{_free(c for c in cells if any(s.edge for s in c.storage))}")
        for kind, truths in _NEEDED.items():
            if not self._with(truths.__contains__):
                free = _free(c for c in cells if c.truths in truths)
                raise ValueError(f"{none}{left} is {kind}, without which ABC cannot work{free}")

    @property
    def neutral(self) -> bool:
        """It is the technology-neutral library: areas are NAND2 equivalents, and times nominal."""
        return self.name == "nmpu_neutral"

    @cached_property
    def nand2(self) -> Cell:
        """The smallest plain two-input NAND; its area is 1 GE."""
        return self._smallest(self._with(lambda truths: truths == _NAND2, usable=False))[0]

    @cached_property
    def buffers(self) -> tuple[Cell, ...]:
        """Usable buffers, the smallest first."""
        return self._smallest(self._with(lambda truths: truths == _BUFFER))

    @cached_property
    def inverters(self) -> tuple[Cell, ...]:
        """Usable inverters, the smallest first."""
        return self._smallest(self._with(lambda truths: truths == _INVERTER))

    @cached_property
    def full_adders(self) -> tuple[Cell, ...]:
        """Usable full adders, the smallest first; an output may be inverted."""
        return self._smallest(self._with(lambda truths: _is_adder(truths, _FULL_ADDER)))

    @cached_property
    def half_adders(self) -> tuple[Cell, ...]:
        """Usable half adders, the smallest first; an output may be inverted."""
        return self._smallest(self._with(lambda truths: _is_adder(truths, _HALF_ADDER)))

    @cached_property
    def flip_flops(self) -> tuple[Cell, ...]:
        """Usable flip-flops: those without clear and preset first, those of the rising edge, then the smallest."""

        def plain(cell: Cell) -> tuple[bool, bool, float, str]:
            forced = any(s.clear or s.preset for s in cell.storage)
            return forced, any(not s.clock.name for s in cell.storage), cell.area, cell.name

        found = [c for c in self.cells.values() if c.usable and not c.special and any(s.edge for s in c.storage)]
        return tuple(sorted(found, key=plain))

    @cached_property
    def driver(self) -> Cell:
        """What drives inputs when delays are estimated: the smallest buffer."""
        return self.buffers[0]

    @cached_property
    def output_load(self) -> float:
        """What outputs drive when delays are estimated, fF: four inputs of a NAND2."""
        return 4 * max(pin.capacitance for pin in self.nand2.pins)

    def matches(self, pattern: str) -> bool:
        """Whether any cell's name fits ``pattern``."""
        return any(fnmatchcase(name, pattern) for name in self.cells)

    def ge(self, area: float) -> float:
        """An area of this library in gate equivalents."""
        return area / self.nand2.area

    def _with(self, wanted: Callable[[tuple[int, ...]], bool], usable: bool = True) -> list[Cell]:
        cells = (cell for cell in self.cells.values() if cell.usable or not usable)
        return [cell for cell in cells if cell.area > 0 and cell.truths is not None and wanted(cell.truths)]

    @staticmethod
    def _smallest(cells: list[Cell]) -> tuple[Cell, ...]:
        """Plain ones first, then by area; of equals the one with the shortest name (buf, not clkbuf)."""
        return tuple(sorted(cells, key=lambda c: (bool(_FRACTIONAL.search(c.name)), c.area, len(c.name), c.name)))


def _free(cells: Iterable[Cell]) -> str:
    """A remark on the first of these cells that has no area, and therefore was left out."""
    name = next((cell.name for cell in cells if cell.area == 0), None)
    return f"; cell {name} is one, but needs an area above 0" if name else ""


def _is_adder(truths: tuple[int, ...], adder: tuple[int, set[int], set[int]]) -> bool:
    arity, total, carry = adder
    outputs = truths[1:]
    return (
        truths[0] == arity and len(outputs) == 2 and any(a in total and b in carry for a, b in (outputs, outputs[::-1]))
    )


def _true(group: Group, name: str) -> bool:
    return group.attributes.get(name, "").lower() == "true"


def _number(group: Group, name: str) -> float | None:
    text = group.attributes.get(name)
    try:
        return float(text) if text else None
    except ValueError:
        raise ValueError(f"{name} {text!r} is not a number") from None


def _unit(text: str, prefixes: dict[str, float]) -> float:
    match = re.fullmatch(r"((?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*,?\s*([a-z]+)", text.strip().lower())
    if match is None or match[2] not in prefixes:
        raise ValueError(f"{text!r} is not a unit known here; {', '.join(prefixes)} are")
    return float(match[1]) * prefixes[match[2]]
