"""What qrouter is given, a script and a layout without supplies, and what it says and writes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .def_file import STRAP_UM, straps
from .def_wires import parse_wires, section, written
from .place_floor import Floor
from .route_mend import mend
from .route_shapes import pin_shapes
from .technology import Technology

__all__ = ["INPUT", "OUTPUT", "merged", "parse_failed", "script", "signals_only"]

INPUT, OUTPUT = "unrouted.def", "qrouter.def"
_OUTSIDE_UM = 10.0
_WHOLE = re.MULTILINE | re.DOTALL


def script(floor: Floor, technology: Technology) -> str:
    """What qrouter is to do, in its Tcl.

    A wire that is in the way of others is taken up and laid anew, with more effort each time, and at the end all are,
    once, to get shorter.  The supplies are told as obstructions: as nets, qrouter would try to route them.
    """
    boxes = (f"{' '.join(f'{um:.3f}' for um in box)} {layer}" for layer, box in _obstructions(floor, technology))
    lines = [
        "verbose 1",
        f"read_lef {{{technology.lef}}}",
        f"layers {len(technology.layers)}",
        "via stack all",
        f"vdd {technology.power}",
        f"gnd {technology.ground}",
        *(f"obstruction {box}" for box in boxes),
        f"read_def {INPUT}",
        "set left [stage1]",
        "foreach {mask effort} {10 10 30 10 100 20 none 50 none 100} {",
        "  if {$left} {set left [stage2 mask $mask effort $effort]}",
        "}",
        "if {!$left} {set left [stage3]}",
        "if {$left} {set left [stage2 mask none]}",
        "cleanup all",
        f"write_def {OUTPUT}",
        'puts "nmpu: failed $left [failing]"',
        "quit",
    ]
    return "\n".join([*lines, ""])


def _obstructions(floor: Floor, technology: Technology) -> Iterator[tuple[str, tuple[float, float, float, float]]]:
    """Where no wire may be, in um: below the straps, around the rows but for wires straight out of a pin, and outside
    the die, where qrouter has some tracks, too."""
    width, height = floor.width_um, floor.height_um
    for layer in technology.layers:
        yield layer.name, (-_OUTSIDE_UM, -_OUTSIDE_UM, 0, height + _OUTSIDE_UM)
        yield layer.name, (width, -_OUTSIDE_UM, width + _OUTSIDE_UM, height + _OUTSIDE_UM)
        yield layer.name, (0, -_OUTSIDE_UM, width, 0)
        yield layer.name, (0, height, width, height + _OUTSIDE_UM)
    x, y = floor.left_um - technology.site_width_um / 2, floor.bottom_um - technology.layers[0].pitch_um / 2
    for number, layer in enumerate(technology.layers):
        if number == 0 or layer.direction == "vertical":
            yield layer.name, (0, 0, x, height)
            yield layer.name, (width - x, 0, width, height)
        if number == 0 or layer.direction == "horizontal":
            yield layer.name, (0, 0, width, y)
            yield layer.name, (0, height - y, width, height)
    for _, _, middle in straps(floor, technology):
        yield technology.layers[1].name, (middle - STRAP_UM / 2, 0, middle + STRAP_UM / 2, height)


def signals_only(placed: str, technology: Technology) -> str:
    """A placement without the supplies' pins and straps."""
    text = re.sub(r"^SPECIALNETS .*?^END SPECIALNETS\n", "", placed, flags=_WHOLE)
    supplies = "|".join(map(re.escape, (technology.power, technology.ground)))
    text, count = re.subn(rf"^- ({supplies}) \+ NET [^;]*;\n", "", text, flags=re.MULTILINE)
    return re.sub(r"^PINS (\d+)", lambda found: f"PINS {int(found[1]) - count}", text, flags=re.MULTILINE)


def parse_failed(log: str) -> list[str]:
    """The nets that our script says were left over.

    Raises:
        ValueError: the script did not come to its end.
    """
    found = re.search(r"^nmpu: failed (\d+)(.*)$", log, re.MULTILINE)
    if found is None:
        raise ValueError("qrouter did not come to the end of its script")
    names = found[2].replace("{", " ").replace("}", " ").split()
    return names or [f"({found[1]})"] if int(found[1]) else []


def _with_length(net: str) -> str:
    """A net without the pieces that are a single point; empty where nothing is left.

    qrouter writes such where a wire was to reach a pin beside the grid; :mod:`flows.layout.route_mend` draws it.
    """
    name, _, routed = net.partition("+ ROUTED ")
    pieces = [piece.strip() for piece in routed.split("NEW ") if piece.count("(") > 1]
    return f"{name}+ ROUTED " + "\n  NEW ".join(pieces) if pieces else ""


def merged(placed: str, routed: str, technology: Technology) -> str:
    """A placement with the wires that qrouter wrote, mended.

    qrouter has pieces at pins beside the grid as special nets, for they have a width of their own; here they follow
    the supplies, and so do the pieces that are added.

    Raises:
        ValueError: qrouter's output has no wires as DEF has them.
    """
    added = mend(parse_wires(routed), pin_shapes(placed, technology), technology)
    nets = "".join(f"- {net} ;\n" for net in section(routed, "NETS"))
    special = [kept for found in section(routed, "SPECIALNETS") if (kept := _with_length(found))]
    special += [f"{name}\n+ ROUTED " + "\n  NEW ".join(map(written, pieces)) for name, pieces in added.items()]
    text = re.sub(r"^(NETS \d+ ;\n).*?^END NETS\n", lambda found: f"{found[1]}{nets}END NETS\n", placed, flags=_WHOLE)
    text = text.replace("SPECIALNETS 2 ;", f"SPECIALNETS {2 + len(special)} ;")
    return text.replace("END SPECIALNETS\n", "".join(f"- {net} ;\n" for net in special) + "END SPECIALNETS\n")
