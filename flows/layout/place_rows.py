"""Rows of cells on a grid of sites: spread to the wanted width, filled up, and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

__all__ = ["Orientation", "Placed", "Row", "check_rows", "fill", "spread_rows"]

Orientation = Literal["N", "S", "FN", "FS"]
"""As DEF has it: S is turned by 180 degrees, FN mirrored at the vertical axis, FS at the horizontal."""


@dataclass(frozen=True)
class Placed:
    """A cell in its place: the instance, the library's cell, its first site from the left, and how it lies."""

    name: str
    kind: str
    site: int
    orientation: Orientation


@dataclass(frozen=True)
class Row:
    """Cells from the left to the right; ``flipped`` rows have ground at the top."""

    flipped: bool
    cells: tuple[Placed, ...]


def spread_rows(rows: Sequence[Row], widths: Mapping[str, int], sites: int) -> tuple[Row, ...]:
    """Put the cells of every row at places evenly spread over ``sites``, in the order they are in.

    Args:
        rows: the rows; the sites of their cells say the order only.
        widths: of the library's cells, in sites.
        sites: in a row.

    Raises:
        ValueError: a row has more cells than fit.
    """
    done = []
    for number, row in enumerate(rows):
        free = sites - sum(widths[cell.kind] for cell in row.cells)
        if free < 0:
            raise ValueError(f"row {number} needs {sites - free} sites and has {sites}")
        at, cells = 0, []
        for index, cell in enumerate(row.cells):
            gap = free * (index + 1) // (len(row.cells) + 1)
            cells.append(Placed(cell.name, cell.kind, at + gap, cell.orientation))
            at += widths[cell.kind]
        done.append(Row(row.flipped, tuple(cells)))
    return tuple(done)


def fill(rows: Sequence[Row], widths: Mapping[str, int], sites: int, filler: str, margin: int = 0) -> tuple[Row, ...]:
    """Rows without gaps: a filler, one site wide, wherever there is no cell, and ``margin`` of them at both ends.

    The cells move right by ``margin``, so that the first site is 0 again.
    """
    done = []
    for number, row in enumerate(rows):
        lies: Orientation = "FS" if row.flipped else "N"
        full = set(range(sites + 2 * margin))
        cells = [Placed(cell.name, cell.kind, cell.site + margin, cell.orientation) for cell in row.cells]
        for cell in cells:
            full -= set(range(cell.site, cell.site + widths[cell.kind]))
        cells += [Placed(f"nmpu_fill_{number}_{site}", filler, site, lies) for site in full]
        done.append(Row(row.flipped, tuple(sorted(cells, key=lambda cell: cell.site))))
    return tuple(done)


def check_rows(rows: Sequence[Row], widths: Mapping[str, int], sites: int, wanted: Mapping[str, str]) -> None:
    """See to it that a placement is legal.

    Args:
        rows: the rows, filled.
        widths: of the library's cells, in sites.
        sites: in a row.
        wanted: the library's cell of each instance.

    Raises:
        ValueError: a cell is missing, there twice, of another kind, outside its row, on top of another, lies the wrong
            way for its row, or leaves a gap, or two neighbouring rows lie the same way; the first that is found.
    """
    seen: dict[str, str] = {}
    for number, row in enumerate(rows):
        if number and row.flipped == rows[number - 1].flipped:
            raise ValueError(f"rows {number - 1} and {number} lie the same way, so that their supplies would meet")
        end = 0
        for cell in sorted(row.cells, key=lambda cell: cell.site):
            where = f"{cell.name} ({cell.kind}) at site {cell.site} of row {number}"
            if cell.name in seen:
                raise ValueError(f"{where} is placed twice")
            if cell.site < end:
                raise ValueError(f"{where} overlaps its neighbour, which ends at site {end}")
            if cell.site > end:
                raise ValueError(f"{where} leaves a gap from site {end}")
            if (cell.orientation in ("S", "FS")) != row.flipped:
                raise ValueError(f"{where} lies {cell.orientation}, which does not suit its row's supplies")
            seen[cell.name] = cell.kind
            end = cell.site + widths[cell.kind]
        if end != sites:
            raise ValueError(f"row {number} ends at site {end}, not at {sites}")
    for name, kind in wanted.items():
        if seen.get(name) != kind:
            raise ValueError(f"{name} ({kind}) is {'a ' + seen[name] if name in seen else 'not'} in the placement")
