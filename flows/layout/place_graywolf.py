"""What graywolf reads (``.cel``, ``.par``) and what it writes (``.pl1``)."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping

from .lef import Macro
from .place_netlist import Wiring
from .place_pins import Side
from .place_rows import Orientation, Placed, Row
from .technology import Technology

__all__ = ["cells_text", "parameters_text", "parse_rows"]

_PER_UM = 100
"""graywolf counts in hundredths of a um."""
_LETTERS: dict[Side, str] = {"bottom": "B", "top": "T", "left": "L", "right": "R"}
_ORIENTATIONS: dict[str, Orientation] = {"0": "N", "1": "FS", "2": "FN", "3": "S"}


def cells_text(wiring: Wiring, technology: Technology, sides: Mapping[Side, tuple[str, ...]]) -> str:
    """The cells with their pins, and the ports with their places, evenly spread along each side.

    Cells are ``c<n>``, nets ``n<n>`` and ports ``p<n>``, numbered as in the netlist: graywolf has ideas of its own
    about names.
    """
    nets = {net: number for number, net in enumerate(wiring.nets())}
    lines = []
    for number, instance in enumerate(wiring.instances):
        macro = technology.macros[instance.kind]
        width, height = _units(macro.width_um), _units(macro.height_um)
        left, bottom = -(width // 2), -(height // 2)
        lines.append(f"cell {number} c{number}")
        lines.append(f"left {left} right {left + width} bottom {bottom} top {bottom + height}")
        for pin, net in sorted(instance.nets.items()):
            if net in nets:
                x, y = _middle(macro, pin)
                lines.append(f"pin name {pin} signal n{nets[net]} layer 1 {left + x} {bottom + y}")
    places = {
        bit: (_LETTERS[side], (index + 0.5) / len(bits))
        for side, bits in sides.items()
        for index, bit in enumerate(bits)
    }
    across, up = _units(technology.layers[1].pitch_um) // 2, _units(technology.layers[0].pitch_um) // 2
    for number, port in enumerate(wiring.ports):
        if port.name in nets:
            side, place = places[port.name]
            lines += [
                f"pad {number + 1} name twpin_p{number}",
                f"corners 4 -{across} -{up} -{across} {up} {across} {up} {across} -{up}",
                f"restrict side {side}",
                f"sidespace {place:.6f}",
                f"pin name p{number} signal n{nets[port.name]} layer 1 0 0",
            ]
    return "\n".join([*lines, ""])


def parameters_text(given: str, rows: int, aspect: float, seed: int) -> str:
    """The technology's parameters with the number of rows, height / width, and the seed of the random numbers."""
    ours = {
        "random.seed": f"*random.seed : {seed}",
        "chip.aspect.ratio": f"TWMC*chip.aspect.ratio : {aspect:.4f}",
        "numrows": f"GENR*numrows : {rows}",
        "no.graphics": "TWSC*no.graphics : on",
    }
    kept = [line for line in given.splitlines() if not any(f"*{name}" in line for name in ours)]
    return "\n".join([*kept, *ours.values(), ""])


def parse_rows(text: str, wiring: Wiring) -> tuple[tuple[Row, ...], dict[str, tuple[int, int]]]:
    """The rows from below with their cells in order, and the places of the ports, from a ``.pl1`` file.

    A line is ``<cell> <left> <bottom> <right> <top> <orientation> <row>``; of what graywolf put in to lead wires
    through rows, nothing is kept.  The sites of the cells are their numbers in the row only.

    Raises:
        ValueError: it is not such a file, or not of this netlist.
    """
    rows: dict[int, list[tuple[int, str, str, Orientation]]] = defaultdict(list)
    ports: dict[str, tuple[int, int]] = {}
    try:
        for line in text.splitlines():
            name, left, bottom, right, top, lies, row = line.split()
            if name.startswith("twpin_p"):
                port = wiring.ports[int(name.removeprefix("twpin_p"))].name
                ports[port] = ((int(left) + int(right)) // 2, (int(bottom) + int(top)) // 2)
            elif re.fullmatch(r"c\d+", name):
                instance = wiring.instances[int(name[1:])]
                rows[int(row)].append((int(left), instance.name, instance.kind, _ORIENTATIONS[lies]))
    except (ValueError, KeyError, IndexError) as error:
        raise ValueError(f"this is not a placement of {wiring.top} by graywolf: {error!r}") from None
    found = []
    for _, cells in sorted(rows.items()):
        placed = [Placed(name, kind, number, lies) for number, (_, name, kind, lies) in enumerate(sorted(cells))]
        found.append(Row(placed[0].orientation in ("S", "FS"), tuple(placed)))
    return tuple(found), ports


def _units(um: float) -> int:
    return round(um * _PER_UM)


def _middle(macro: Macro, pin: str) -> tuple[int, int]:
    """The middle of a pin's first rectangle, from the lower left corner of the cell."""
    shape = macro.pins[pin].shapes[0]
    return _units((shape.left + shape.right) / 2), _units((shape.bottom + shape.top) / 2)
