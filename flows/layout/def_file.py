"""DEF, the format of a layout, as it is before routing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from .place_floor import Floor, PinPlace
from .place_rows import Row
from .technology import Technology

__all__ = ["PER_UM", "STRAP_UM", "straps", "write_def"]

PER_UM = 100
"""Units of DEF in a um; the technology's grid is 0.05 um."""
STRAP_UM = 1.0
"""Width of a strap of a supply."""
_STRAPS_UM = (0.7, 2.3)
"""The middles of ground's strap and of power's, from the outer end of a row."""
_VIA_UM = 0.25
"""Middle of each of the two vias from a strap to a rail, from the strap's middle."""
_INWARD_UM = 0.3
"""How far a pin reaches inwards from its middle: with that, it is large enough for the rules where no wire joins it."""


def write_def(
    top: str,
    floor: Floor,
    rows: Sequence[Row],
    pins: Sequence[PinPlace],
    nets: Mapping[str, Sequence[tuple[str, str]]],
    technology: Technology,
) -> str:
    """A placed design whose nets have no wires yet.

    The supplies' rails are parts of the cells, which abut.  At both ends of the rows, above fillers, a strap of the
    second layer for each supply joins its rails.
    """
    lines = [
        "VERSION 5.6 ;",
        "NAMESCASESENSITIVE ON ;",
        'DIVIDERCHAR "/" ;',
        'BUSBITCHARS "[]" ;',
        f"DESIGN {top} ;",
        f"UNITS DISTANCE MICRONS {PER_UM} ;",
        f"DIEAREA ( 0 0 ) ( {_units(floor.width_um)} {_units(floor.height_um)} ) ;",
        *_rows(floor, rows),
        *_tracks(floor, technology),
        *_components(floor, rows),
        *_pins(floor, pins, technology),
        *_supplies(floor, rows, technology),
        f"NETS {len(nets)} ;",
    ]
    for net, ends in nets.items():
        lines += [f"- {net}", *(f"  ( {instance} {pin} )" for instance, pin in ends), "  ;"]
    return "\n".join([*lines, "END NETS", "END DESIGN", ""])


def _units(um: float) -> int:
    return round(um * PER_UM)


def _rows(floor: Floor, rows: Sequence[Row]) -> Iterator[str]:
    for number, row in enumerate(rows):
        y, lies = _units(floor.bottom_um + number * floor.row_um), "FS" if row.flipped else "N"
        span = f"DO {floor.sites} BY 1 STEP {_units(floor.site_um)} 0"
        yield f"ROW ROW_{number} core {_units(floor.left_um)} {y} {lies} {span} ;"


def _tracks(floor: Floor, technology: Technology) -> Iterator[str]:
    """Where wires may run: on the grid of the cells' pins, which begins at the corner of the die."""
    for layer in technology.layers:
        axis, length = ("Y", floor.height_um) if layer.direction == "horizontal" else ("X", floor.width_um)
        count = int((length - layer.offset_um) / layer.pitch_um + 1e-6) + 1
        span = f"{_units(layer.offset_um)} DO {count} STEP {_units(layer.pitch_um)}"
        yield f"TRACKS {axis} {span} LAYER {layer.name} ;"


def _components(floor: Floor, rows: Sequence[Row]) -> Iterator[str]:
    yield f"COMPONENTS {sum(len(row.cells) for row in rows)} ;"
    for number, row in enumerate(rows):
        y = _units(floor.bottom_um + number * floor.row_um)
        for cell in row.cells:
            x = _units(floor.left_um + cell.site * floor.site_um)
            yield f"- {cell.name} {cell.kind} + PLACED ( {x} {y} ) {cell.orientation} ;"
    yield "END COMPONENTS"


def _pins(floor: Floor, pins: Sequence[PinPlace], technology: Technology) -> Iterator[str]:
    """Every pin reaches from its track to the edge of the die."""
    yield f"PINS {len(pins) + 2} ;"
    for pin in pins:
        half, inward = _units(technology.layer(pin.layer).width_um / 2), _units(_INWARD_UM)
        x, y = _units(pin.x_um), _units(pin.y_um)
        box = {
            "left": (-x, -half, inward, half),
            "right": (-inward, -half, _units(floor.width_um) - x, half),
            "bottom": (-half, -y, half, inward),
            "top": (-half, -inward, half, _units(floor.height_um) - y),
        }[pin.side]
        yield _pin(pin.name, pin.direction, "SIGNAL", pin.layer, box, (x, y))
    half = _units(STRAP_UM / 2)
    for net, use, x_um in straps(floor, technology)[:2]:
        yield _pin(net, "INOUT", use, technology.layers[1].name, (-half, 0, half, 2 * half), (_units(x_um), 0))
    yield "END PINS"


def _pin(name: str, direction: str, use: str, layer: str, box: tuple[int, ...], at: tuple[int, int]) -> str:
    shape = f"( {box[0]} {box[1]} ) ( {box[2]} {box[3]} )"
    said = f"- {name} + NET {name} + DIRECTION {direction.upper()} + USE {use}"
    return f"{said}\n  + LAYER {layer} {shape}\n  + PLACED ( {at[0]} {at[1]} ) N ;"


def straps(floor: Floor, technology: Technology) -> list[tuple[str, str, float]]:
    """Net, use and middle of the straps: two on the left, two on the right."""
    nets = list(zip((technology.ground, technology.power), ("GROUND", "POWER"), _STRAPS_UM, strict=True))
    left = [(net, use, floor.left_um + um) for net, use, um in nets]
    return [*left, *((net, use, floor.width_um - floor.left_um - um) for net, use, um in nets)]


def _supplies(floor: Floor, rows: Sequence[Row], technology: Technology) -> Iterator[str]:
    """Straps, and two vias wherever one crosses a rail of its net."""
    metal, via = technology.layers[1].name, technology.via
    rails = [(floor.bottom_um + n * floor.row_um, rows[n].flipped) for n in range(len(rows))]
    rails.append((floor.bottom_um + len(rows) * floor.row_um, not rows[-1].flipped))
    yield "SPECIALNETS 2 ;"
    for wanted in (technology.ground, technology.power):
        words = []
        for net, _, x_um in straps(floor, technology):
            if net == wanted:
                x, top = _units(x_um), _units(floor.height_um)
                words.append(f"{metal} {_units(STRAP_UM)} ( {x} 0 ) ( {x} {top} )")
                words += [
                    f"{technology.layers[0].name} {_units(_VIA_UM * 2)} ( {x + side} {_units(y)} ) {via}"
                    for y, powered in rails
                    if powered == (net == technology.power)
                    for side in (-_units(_VIA_UM), _units(_VIA_UM))
                ]
        use = "POWER" if wanted == technology.power else "GROUND"
        yield f"- {wanted} ( PIN {wanted} ) ( * {wanted} )\n  + ROUTED " + "\n  NEW ".join(words) + f"\n  + USE {use} ;"
    yield "END SPECIALNETS"
