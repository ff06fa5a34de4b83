"""What a router leaves undone in a routed layout: metal that is too small for the rules, since LEF says no areas."""

from __future__ import annotations

import re

from .def_wires import Via, Wires, parse_wires
from .technology import Technology

__all__ = ["mended"]

_REACH_UM = 0.15
"""How far a wire is drawn to either side of a lone pad, um: 0.4 um x 0.4 um and that are 0.22 um2, and 0.2 are asked
for.  Upwards and downwards, since tracks are 1 um apart there, and 0.8 um sideways."""
_NEAR_UM = 1.0
"""How far from its via a piece of wire beside a pin may begin, um."""
_LINES = re.MULTILINE | re.DOTALL
_NET = re.compile(r"^- (\S+)[^;]*;", re.MULTILINE)
_POINT = re.compile(r"(metal\d+) (\d+) \( (-?\d+) (-?\d+) \)(?=\s*(?:;|NEW))")


def mended(text: str, technology: Technology) -> str:
    """A routed DEF file whose small pieces of metal keep the rules.

    - A pad between two vias that stand on each other, with no wire to it on its layer, gets a short wire across.
    - A piece beside a pin that qrouter wrote as a single point, where it is to reach to the via, is drawn to there;
      else there is a notch between the pad and the pin.

    Raises:
        ValueError: the text has no nets, or a wire is not as DEF has it.
    """
    units = re.search(r"^UNITS DISTANCE MICRONS (\d+)", text, re.MULTILINE)
    wires = parse_wires(text)  # which says so if there are no units
    scale = float(units[1]) if units else 0.0

    def crossed(net: re.Match[str]) -> str:
        added = _patches(wires[net[1]], technology, scale)
        return net[0][:-1].rstrip() + "".join(f"\n  NEW {piece}" for piece in added) + " ;" if added else net[0]

    def drawn(net: re.Match[str]) -> str:
        found = wires.get(net[1])
        return re.sub(_POINT, lambda piece: _to_via(piece, found, scale), net[0]) if found else net[0]

    text = re.sub(r"^NETS .*?^END NETS$", lambda found: re.sub(_NET, crossed, found[0]), text, flags=_LINES)
    return re.sub(r"^SPECIALNETS .*?^END SPECIALNETS$", lambda found: re.sub(_NET, drawn, found[0]), text, flags=_LINES)


def _patches(net: Wires, technology: Technology, scale: float) -> list[str]:
    """Wires across the pads above the lowest layer that no wire of their layer touches."""
    pads = {(layer, via.x, via.y) for via in net.vias for layer in _layers(via, technology)}
    added = []
    for layer, x, y in sorted(pads):
        touched = any(
            wire.layer == layer
            and min(wire.x1, wire.x2) <= x <= max(wire.x1, wire.x2)
            and min(wire.y1, wire.y2) <= y <= max(wire.y1, wire.y2)
            for wire in net.segments
        )
        if layer != technology.layers[0].name and not touched:
            at, reach = (round(x * scale), round(y * scale)), round(_REACH_UM * scale)
            added += [f"{layer} ( {at[0]} {at[1]} ) ( * {at[1] + step} )" for step in (-reach, reach)]
    return added


def _layers(via: Via, technology: Technology) -> list[str]:
    """The layers that a via joins: ``M3_M2`` the second and the third."""
    return [technology.layers[int(number) - 1].name for number in re.findall(r"M(\d+)", via.name)]


def _to_via(piece: re.Match[str], net: Wires, scale: float) -> str:
    """A piece of wire that is a single point, drawn to the nearest via of its net; as it is, where none is near."""
    x, y = int(piece[3]), int(piece[4])
    ends = [(round(via.x * scale), round(via.y * scale)) for via in net.vias]
    near = [end for end in ends if (end[0] == x) != (end[1] == y)]
    end = min(near, key=lambda end: abs(end[0] - x) + abs(end[1] - y), default=None)
    if end is None or abs(end[0] - x) + abs(end[1] - y) > _NEAR_UM * scale:
        return piece[0]
    return f"{piece[0]} ( {end[0]} {end[1]} )"
