"""What cells dissipate, by the tables of a Liberty file: energies of transitions, and leakage."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .boolean import Expression
from .liberty import Group
from .library import Library

__all__ = ["CellEnergy", "Dissipation", "Leakage", "Table", "read_energies"]

Floats = NDArray[np.floating[Any]]

_SLEW, _LOAD = "input_transition_time", "total_output_net_capacitance"
_PIECE = re.compile(
    r'(\w+)\s*\(((?:[^()"]|"[^"]*")*)\)\s*(\{)?;?|(\w+)\s*:\s*("(?:[^"\\]|\\.)*"|[^;\n}]*);?|(\})', re.DOTALL
)
_WATTS = {"w": 1.0, "mw": 1e-3, "uw": 1e-6, "nw": 1e-9, "pw": 1e-12, "fw": 1e-15}
_VOLTS = {"v": 1.0, "mv": 1e-3}


@dataclass(frozen=True)
class Table:
    """Energies, J, over slew (s) and load (F), or over one of them, or a constant.

    Args:
        axes: name and values, rising, of each axis.
        values: an energy for each combination.
    """

    axes: tuple[tuple[str, Floats], ...]
    values: Floats

    def look_up(self, slew: Floats, load: Floats) -> Floats:
        """Energies in between, linear; beyond the ends, the line goes on."""
        at = [_place(values, slew if name == _SLEW else load) for name, values in self.axes]
        if not at:
            return np.full(np.shape(slew), float(self.values))
        (low, share), *rest = at
        if not rest:
            return self.values[low] * (1 - share) + self.values[low + 1] * share
        column, part = rest[0]
        near = self.values[low, column] * (1 - part) + self.values[low, column + 1] * part
        far = self.values[low + 1, column] * (1 - part) + self.values[low + 1, column + 1] * part
        return near * (1 - share) + far * share


@dataclass(frozen=True)
class Dissipation:
    """An ``internal_power`` group: energy of a transition of ``pin``, inside the cell.

    Args:
        pin: that rises or falls.
        related: for an output, the inputs whose transitions cause it; else empty.
        when: the state of the cell it is for, or None.
        rise, fall: energies; None: none.
    """

    pin: str
    related: tuple[str, ...]
    when: Expression | None
    rise: Table | None
    fall: Table | None


@dataclass(frozen=True)
class Leakage:
    """A power, W, in a state of the cell; in all others where ``when`` is None."""

    when: Expression | None
    watts: float


@dataclass(frozen=True)
class CellEnergy:
    """All that a cell dissipates."""

    internal: tuple[Dissipation, ...]
    leakage: tuple[Leakage, ...]


def read_energies(library: Library, names: Iterable[str]) -> dict[str, CellEnergy]:
    """The power tables of the cells ``names``; of those on rails of 0 V, none.

    Raises:
        ValueError: the library has none, a table cannot be used or is over something else than slew and load, or a unit
            is unknown or missing (that of voltage is 1 V where it is not said); one line.
        OSError: its file cannot be read.
    """
    text = re.sub(r"/\*.*?\*/", " ", library.path.read_bytes().decode("latin-1"), flags=re.DOTALL)
    volts = _scale(library, text, "voltage_unit", _VOLTS) or 1.0
    units = _Units(library, library.load_ff * 1e-15 * volts**2, _scale(library, text, "leakage_power_unit", _WATTS))
    templates = {
        name.strip('" '): dict(_entries(body))
        for name, body in re.findall(r"\bpower_lut_template\s*\(([^)]*)\)\s*\{([^{}]*)\}", text)
    }
    result: dict[str, CellEnergy] = {}
    for found in re.finditer(r'\bcell\s*\(\s*"?([^")\s]+)"?\s*\)\s*\{', text):
        if found[1] in names:
            result[found[1]] = units.cell(_tree(text, found[1], found.end()), templates)
    if not any(energy.internal for energy in result.values()):
        raise ValueError(f"{library.path} has no power tables (internal_power); a Liberty file that has them would do")
    return result


@dataclass(frozen=True)
class _Units:
    library: Library
    joules: float
    watts: float | None
    """Of leakage; None where the file does not say."""

    def cell(self, cell: Group, templates: dict[str, dict[str, str]]) -> CellEnergy:
        grounds = {pin.name for pin in cell.of("pg_pin") if "ground" in pin.attributes.get("pg_type", "")}
        internal = []
        for pin in cell.of("pin"):
            for group in pin.of("internal_power"):
                if group.attributes.get("related_pg_pin") in grounds:
                    continue
                tables = {t.kind: self.table(t, templates, cell.name) for t in group.groups}
                both = tables.get("power")
                said = group.attributes
                related, when = tuple(said.get("related_pin", "").split()), _when(said)
                edges = tables.get("rise_power", both), tables.get("fall_power", both)
                internal += [Dissipation(name.strip(), related, when, *edges) for name in pin.name.split(",")]
        return CellEnergy(tuple(internal), tuple(self.leakage(cell, grounds)))

    def leakage(self, cell: Group, grounds: set[str]) -> Iterator[Leakage]:
        groups = [g for g in cell.of("leakage_power") if g.attributes.get("related_pg_pin") not in grounds]
        for group in groups:
            yield Leakage(_when(group.attributes), self.power(group.attributes.get("value"), cell.name))
        if all("when" in group.attributes for group in groups):
            yield Leakage(None, self.power(cell.attributes.get("cell_leakage_power"), cell.name))

    def power(self, said: str | None, cell: str) -> float:
        """A leakage as the file has it, W; none where it does not say."""
        try:
            value = float(said or 0)
        except ValueError:
            raise ValueError(f"{self.library.path}: a leakage of {cell} is {said!r}; a number would do") from None
        if value and self.watts is None:
            raise ValueError(
                f"{self.library.path}: {cell} has leakage {value:g}, of which no unit is said; "
                'leakage_power_unit : "1nW" would do, if that is its unit'
            )
        return value * (self.watts or 0)

    def table(self, group: Group, templates: dict[str, dict[str, str]], cell: str) -> Table:
        where = f"{self.library.path}: a power table of {cell}"
        if group.name not in templates and group.name not in ("scalar", ""):
            known = ", ".join(templates) or "none"
            raise ValueError(f"{where} has no template: power_lut_template ({group.name}) would do; there are: {known}")
        said = templates.get(group.name, {}) | group.attributes
        axes = []
        for number in (1, 2, 3):
            kind = said.get(f"variable_{number}")
            if kind is None:
                break
            if kind not in (_SLEW, _LOAD):
                raise ValueError(f"{where} is over {kind}; only {_SLEW} and {_LOAD} are known")
            unit = self.library.time_ps * 1e-12 if kind == _SLEW else self.library.load_ff * 1e-15
            points = _numbers(said.get(f"index_{number}", "")) * unit
            if not len(points) or np.any(np.diff(points) <= 0):
                raise ValueError(f"{where} has no index_{number} that rises; numbers in it or in its template would do")
            axes.append((kind, points))
        values = _numbers(said.get("values", "")) * self.joules
        shape = tuple(len(numbers) for _, numbers in axes)
        if len(values) != math.prod(shape):
            raise ValueError(f"{where} ({group.name}) has {len(values)} values; {math.prod(shape)} would do")
        return _without_points(Table(tuple(axes), values.reshape(shape)))


def _without_points(table: Table) -> Table:
    """The table without axes of a single value."""
    long = tuple((name, values) for name, values in table.axes if len(values) > 1)
    return Table(long, table.values.reshape(tuple(len(values) for _, values in long)))


def _place(values: Floats, at: Floats) -> tuple[NDArray[np.int64], Floats]:
    """The interval of an axis, and how far in it."""
    low = np.clip(np.searchsorted(values, at) - 1, 0, len(values) - 2)
    return low, (at - values[low]) / (values[low + 1] - values[low])


def _numbers(text: str) -> Floats:
    return np.array(re.findall(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?", text), np.float64)


def _when(said: dict[str, str]) -> Expression | None:
    return Expression.parse(said["when"]) if "when" in said else None


def _scale(library: Library, text: str, unit: str, known: dict[str, float]) -> float | None:
    """A unit of the library; None where it is not said."""
    found = re.search(rf'\b{unit}\s*:\s*"?([^";\n}}]*)', text)
    if found is None:
        return None
    said = re.fullmatch(r"((?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)\s*([a-z]+)", found[1].strip().lower())
    if said is None or said[2] not in known:
        raise ValueError(
            f"{library.path}: {unit} {found[1].strip()!r} is not known; a number and one of {', '.join(known)} would do"
        )
    return float(said[1]) * known[said[2]]


def _entries(text: str) -> Iterator[tuple[str, str]]:
    """The attributes of a group without groups in it."""
    for piece in _PIECE.finditer(text):
        if piece[1]:
            yield piece[1], piece[2]
        elif piece[4]:
            yield piece[4], piece[5].strip().strip('"')


def _tree(text: str, cell: str, start: int) -> Group:
    """The group of a cell, whose text begins at ``start``, after its brace, with all that is in it."""
    stack = [Group("cell", cell)]
    for piece in _PIECE.finditer(text, start):
        if piece[6]:
            done = stack.pop()
            if not stack:
                return done
        elif piece[3]:
            group = Group(piece[1], piece[2].replace('"', "").strip())
            stack[-1].groups.append(group)
            stack.append(group)
        elif piece[1]:
            stack[-1].attributes[piece[1]] = piece[2]
        else:
            stack[-1].attributes[piece[4]] = piece[5].strip().strip('"')
    raise ValueError("the Liberty file ends inside a cell; it seems to be cut short")
