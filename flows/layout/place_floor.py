"""The die of a layout: how many rows of how many sites, what is around them, and where the pins are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .place_pins import Side, spread
from .technology import Technology

__all__ = ["END_SITES", "Floor", "PinPlace", "pin_places", "plan"]

END_SITES = 5
"""Fillers at both ends of a row, below the straps of the supplies."""
_WIDEST = 4
"""Of the widest cell, what a row has to hold: with less, graywolf comes to no end."""
_TRACKS_AROUND = 3
"""Tracks of wires between the rows and the edge of the die."""


@dataclass(frozen=True)
class Floor:
    """Rows of cells in the middle of a die.

    Args:
        sites: in a row, the ends under the straps counted.
        rows: how many.
        left_um, bottom_um: the lower left corner of the first row; there is as much room right and above.
        site_um: width of a site.
        row_um: height of a row.
    """

    sites: int
    rows: int
    left_um: float
    bottom_um: float
    site_um: float
    row_um: float

    @property
    def width_um(self) -> float:
        """Of the die."""
        return round(2 * self.left_um + self.sites * self.site_um, 6)

    @property
    def height_um(self) -> float:
        """Of the die."""
        return round(2 * self.bottom_um + self.rows * self.row_um, 6)


@dataclass(frozen=True)
class PinPlace:
    """A pin at the edge of the die: its port's bit, direction, side, layer and middle in um."""

    name: str
    direction: str
    side: Side
    layer: str
    x_um: float
    y_um: float


def plan(
    cell_sites: int,
    widest: int,
    density: float,
    width_um: float | None,
    pins: Mapping[Side, Sequence[str]],
    technology: Technology,
) -> Floor:
    """The die for cells of ``cell_sites`` in all: as square as can be, or no wider than ``width_um``.

    Args:
        cell_sites: the sum of all cells' widths, in sites.
        widest: the widest cell's width, in sites.
        density: how much of the rows is cells, without the ends under the straps.
        width_um: the die's greatest width; None: as wide as high.
        pins: the pins of every side.
        technology: the grid.

    Raises:
        ValueError: the pins of bottom or top, or the widest cells, need more width than ``width_um``.
    """
    across, up = technology.layers[1].pitch_um, technology.layers[0].pitch_um
    site, row = technology.site_width_um, technology.site_height_um
    left, bottom = round(_TRACKS_AROUND * across, 6), round(_TRACKS_AROUND * up, 6)
    needed = math.ceil(cell_sites / density)
    least = max(_WIDEST * widest, math.ceil(across / site * max(len(pins["bottom"]), len(pins["top"]))))
    lowest = max(1, math.ceil(max(len(pins["left"]), len(pins["right"])) * up / row))
    if width_um is None:
        rows = max(lowest, round(math.sqrt(needed * site * row) / row))
    else:
        around = 2 * (left + END_SITES * site)
        inner = math.floor((width_um - around) / site + 1e-6)
        if inner < least:
            need = least * site + around
            raise ValueError(f"width = {width_um:g} um is too narrow: the least for its pins and cells is {need:g} um")
        rows = max(lowest, math.ceil(needed / inner))
    inner = max(least, math.ceil(needed / rows))
    return Floor(inner + 2 * END_SITES, rows, left, bottom, site, row)


def pin_places(
    pins: Mapping[Side, Sequence[str]], directions: Mapping[str, str], floor: Floor, technology: Technology
) -> tuple[PinPlace, ...]:
    """Places for all pins, on tracks and evenly spread along the rows' width or height.

    Pins of bottom and top are on metal2, those of left and right on metal3.

    Raises:
        ValueError: a side has more pins than tracks.
    """
    below, beside = technology.layers[1], technology.layers[2]
    places = []
    for side, names in pins.items():
        layer = below if side in ("bottom", "top") else beside
        flat = layer is below
        start = floor.left_um + END_SITES * floor.site_um if flat else floor.bottom_um
        length = (floor.width_um if flat else floor.height_um) - 2 * start
        tracks = spread(len(names), math.floor(length / layer.pitch_um + 1e-6))
        for name, track in zip(names, tracks, strict=True):
            along = round(start + layer.offset_um + track * layer.pitch_um, 6)
            far = floor.height_um if flat else floor.width_um
            other = beside if flat else below
            across = other.offset_um if side in ("bottom", "left") else round(far - other.offset_um, 6)
            x, y = (along, across) if flat else (across, along)
            places.append(PinPlace(name, directions[name], side, layer.name, x, y))
    return tuple(places)
