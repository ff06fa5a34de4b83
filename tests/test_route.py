"""Routing: what qrouter is given and writes, the metal of nets, and all of it on a dozen cells."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from flows import tool
from flows.layout.def_wires import Segment, Via, Wires, parse_wires, section, written
from flows.layout.lef import Macro, MacroPin, Rectangle
from flows.layout.place import Placement, lane_sides, place
from flows.layout.place_floor import Floor
from flows.layout.route import RoutedPlacement, Routing, Unrouted, place_and_route, route
from flows.layout.route_mend import mend
from flows.layout.route_qrouter import merged, parse_failed, script, signals_only
from flows.layout.route_shapes import broken, outside, overlap, pin_shapes, placed_shapes
from flows.layout.technology import Technology, osu018
from flows.library import Library
from flows.synthesize import synthesize
from flows.tool import ToolFailed, ToolMissing
from nmpu_hdl.presets import preset
from nmpu_hdl.verilog import emit

from .tiny_layout import SIDES, tiny_netlist

DATA = Path(__file__).parent / "data"
PLACED, WIRED = ((DATA / name).read_text() for name in ("placed_tiny.def", "qrouter_tiny.def"))
missing = [name for name in ("graywolf", "qrouter") if not shutil.which(name)]
needs_tools = pytest.mark.skipif(bool(missing), reason=f"needs apt-get install {' '.join(missing)}")

SMALL = """UNITS DISTANCE MICRONS 100 ;
SPECIALNETS 2 ;
- vdd ( * vdd )
  + ROUTED metal2 120 ( 320 0 ) ( 320 21600 )
  NEW metal1 0 ( 290 1300 ) M2_M1 ;
- a[0]
+ ROUTED metal1 40 ( 1465 1950 ) ( 1530 * ) ;
END SPECIALNETS
NETS 2 ;
- a[0]
  ( PIN a[0] )
  ( u1 A )
+ ROUTED metal1 ( 2925 1650 ) ( 2920 * ) ( * 1850 )
  NEW metal2 ( 1480 2950 ) ( * 1950 ) M2_M1
  NEW metal1 ( 1480 2950 ) M2_M1 ;
- b
  ( u1 Y )
  ;
END NETS
"""


@pytest.fixture(scope="module")
def technology() -> Technology:
    try:
        return osu018()
    except ToolMissing as absent:
        pytest.skip(str(absent))


def test_wires_of_a_small_file() -> None:
    found = parse_wires(SMALL)
    assert list(found) == ["a[0]", "b"], "supplies are not among them"
    assert found["a[0]"].segments == (
        Segment("metal1", 29.25, 16.5, 29.2, 16.5),
        Segment("metal1", 29.2, 16.5, 29.2, 18.5),
        Segment("metal2", 14.8, 29.5, 14.8, 19.5),
        Segment("metal1", 14.65, 19.5, 15.3, 19.5, 0.4),
    )
    assert found["a[0]"].vias == (Via("M2_M1", 14.8, 19.5), Via("M2_M1", 14.8, 29.5))
    assert found["b"] == Wires((), ())
    assert sum(segment.length_um for segment in found["a[0]"].segments) == pytest.approx(12.7)
    assert written(found["a[0]"].segments[-1]) == "metal1 40 ( 1465 1950 ) ( 1530 1950 )"
    assert [statement.split()[0] for statement in section(SMALL, "SPECIALNETS")] == ["vdd", "a[0]"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("NETS 0 ;\nEND NETS\n", "the layout does not say its units"),
        (SMALL.replace("( 1480 2950 ) M2_M1", "M2_M1"), "a wire has no points: metal1 M2_M1"),
    ],
)
def test_other_files(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse_wires(text)


@pytest.mark.parametrize(
    ("orientation", "left", "bottom"), [("N", 11.0, 22.0), ("FN", 14.0, 22.0), ("FS", 11.0, 27.0), ("S", 14.0, 27.0)]
)
def test_cells_turned(orientation: str, left: float, bottom: float) -> None:
    pin = MacroPin("A", "INPUT", "SIGNAL", (Rectangle("metal1", 1.0, 2.0, 2.0, 3.0),))
    macro = Macro("X", "CORE", 6.0, 10.0, {"A": pin})
    assert placed_shapes(macro, "A", 10.0, 20.0, orientation) == (
        Rectangle("metal1", left, bottom, left + 1.0, bottom + 1.0),
    )


@pytest.mark.parametrize(
    ("other", "met"),
    [
        (Rectangle("m", 1, 1, 2, 2), True),
        (Rectangle("m", 2, 0, 3, 2), True),
        (Rectangle("m", 2, 2, 3, 3), False),
        (Rectangle("m", 2.1, 0, 3, 2), False),
        (Rectangle("n", 1, 1, 2, 2), False),
    ],
)
def test_overlap(other: Rectangle, *, met: bool) -> None:
    assert overlap(Rectangle("m", 0, 0, 2, 2), other) is met


def test_what_is_said_of_failures() -> None:
    assert parse_failed("Final: No failed routes!\nnmpu: failed 0 \n") == []
    assert parse_failed("nmpu: failed 2 _12_ {a[3]}\n") == ["_12_", "a[3]"]
    assert parse_failed("nmpu: failed 1 {}\n") == ["(1)"], "a failure that has no name is one"
    with pytest.raises(ValueError, match="qrouter did not come to the end of its script"):
        parse_failed("Finished routing net b\n")


def test_script(technology: Technology) -> None:
    lines = script(Floor(47, 3, 2.4, 3.0, 0.8, 10.0), technology).splitlines()
    assert f"read_lef {{{technology.lef}}}" in lines
    assert lines.index("read_def unrouted.def") > max(
        n for n, line in enumerate(lines) if line.startswith("obstruction")
    )
    straps = [line for line in lines if line.startswith("obstruction") and line.endswith("36.000 metal2")]
    assert "obstruction 2.600 0.000 3.600 36.000 metal2" in straps
    assert lines[-1] == "quit"


def test_without_supplies(technology: Technology) -> None:
    text = signals_only(PLACED, technology)
    assert "SPECIALNETS" not in text
    assert len(section(text, "PINS")) == len(section(PLACED, "PINS")) - 2
    assert f"PINS {len(section(text, 'PINS'))} ;" in text
    assert section(text, "NETS") == section(PLACED, "NETS")


def test_recorded_wires(technology: Technology) -> None:
    text = merged(PLACED, WIRED, technology)
    assert len(section(text, "NETS")) == 17
    special = section(text, "SPECIALNETS")
    assert f"SPECIALNETS {len(special)} ;" in text
    assert {statement.split()[0] for statement in special} > {"vdd", "gnd", "clk", "a[0]"}
    assert section(text, "COMPONENTS") == section(PLACED, "COMPONENTS")
    assert section(text, "PINS") == section(PLACED, "PINS")
    wires, pins = parse_wires(text), pin_shapes(PLACED, technology)
    assert wires.keys() == pins.keys()
    assert broken(wires, pins, technology) == []
    assert mend(wires, pins, technology) == {}, "nothing is left to mend"


@pytest.mark.parametrize(("net", "piece"), [("b", 0), ("clk", 2), ("y[0]", 1), ("a[2]", 3)])
def test_a_missing_piece_is_found(net: str, piece: int, technology: Technology) -> None:
    wires, pins = parse_wires(WIRED), pin_shapes(PLACED, technology)
    long = [segment for segment in wires[net].segments if segment.length_um > 0.8]
    gone = long[min(piece, len(long) - 1)]
    less = Wires(tuple(segment for segment in wires[net].segments if segment != gone), wires[net].vias)
    assert broken({**wires, net: less}, pins, technology) == [net]
    without = Wires(wires[net].segments, wires[net].vias[1:])
    assert broken({**wires, net: without}, pins, technology) == [net]
    assert broken({name: found for name, found in wires.items() if name != net}, pins, technology) == [net]


def test_wires_outside_are_found(technology: Technology) -> None:
    wires = parse_wires(WIRED)
    assert outside(wires, 51.2, 36.0, technology) == []
    assert "clk" in outside(wires, 30.0, 36.0, technology)
    beyond = {"n": Wires((Segment("metal3", 51.0, 9.5, 51.1, 9.5),), ())}
    assert outside(beyond, 51.2, 36.0, technology) == ["n"], "a wire reaches half its width further"


def test_pads_between_vias(technology: Technology) -> None:
    stack = (Via("M2_M1", 4.0, 5.5), Via("M3_M2", 4.0, 5.5))
    pin = [(Rectangle("metal1", 3.8, 5.3, 4.2, 6.5),)]
    wire = Segment("metal3", 4.0, 5.5, 8.0, 5.5)
    assert mend({"n": Wires((wire,), stack)}, {"n": pin}, technology) == {
        "n": [Segment("metal2", 4.0, 5.5, 4.0, 5.8, 0.4)]
    }
    joined = (wire, Segment("metal2", 4.0, 5.5, 4.0, 9.5))
    assert mend({"n": Wires(joined, stack)}, {"n": pin}, technology) == {}


def test_slot_at_a_pin(technology: Technology) -> None:
    via, pin = Via("M2_M1", 4.0, 5.5), [(Rectangle("metal1", 4.3, 4.0, 4.7, 7.0),)]
    wires = (Segment("metal1", 4.15, 5.5, 4.0, 5.5), Segment("metal2", 4.0, 5.5, 4.0, 9.5))
    assert mend({"n": Wires(wires, (via,))}, {"n": pin}, technology) == {
        "n": [Segment("metal1", 4.0, 5.5, 4.3, 5.5, 0.4)]
    }


def placed(work: Path, technology: Technology) -> Placement:
    work.mkdir(parents=True)
    (work / "tiny.v").write_text(tiny_netlist("osu018"))
    return place(work / "tiny.v", "tiny", work / "place", technology, sides=SIDES, density=0.7)


@needs_tools
def test_routed(technology: Technology, tmp_path: Path) -> None:
    placement = placed(tmp_path / "a folder", technology)
    found = route(placement, tmp_path / "a folder" / "route", technology)
    text = found.def_file.read_text()
    wires = parse_wires(text)
    assert found.nets == len(wires) == 17
    assert sum(found.wire_um.values()) == pytest.approx(
        sum(segment.length_um for net in wires.values() for segment in net.segments), abs=0.1
    )
    assert found.vias["M2_M1"] >= 17
    assert outside(wires, found.width_um, found.height_um, technology) == []
    assert (found.width_um, found.height_um) == (placement.floor.width_um, placement.floor.height_um)
    assert broken(wires, pin_shapes(text, technology), technology) == []
    assert Routing.model_validate_json((tmp_path / "a folder" / "route" / "result.json").read_text()) == found
    again = route(placement, tmp_path / "again", technology)
    assert again.def_file.read_bytes() == found.def_file.read_bytes()


@needs_tools
@pytest.mark.deep
@pytest.mark.parametrize("width_um", [None, 100.0])
def test_lane(width_um: float | None, technology: Technology, tmp_path: Path) -> None:
    (tmp_path / "nmpu.v").write_text(emit(preset("paper")))
    mapped = synthesize(tmp_path / "nmpu.v", "nmpu_lane", tmp_path / "map", Library.read(technology.liberty))
    sides = lane_sides()
    found = place_and_route(
        mapped.verilog, "nmpu_lane", tmp_path, technology, sides=sides, density=0.95, width_um=width_um
    )
    assert found.tries[-1].unrouted == 0
    assert found.routing.width_um <= (width_um or 1.2 * found.routing.height_um)
    assert found.placement.port_buffers == found.placement.folded == 0
    codes = sorted((pin.x_um, pin.name) for pin in found.placement.pins if pin.side == "bottom")
    assert [name for _, name in codes] == [f"codes[{bit}]" for bit in range(20)]


@needs_tools
@pytest.mark.parametrize("failures", [1, 3])
def test_tried_again(failures: int, technology: Technology, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = shutil.which("qrouter")
    (tmp_path / "bin").mkdir()
    fake = tmp_path / "bin" / "qrouter"
    fake.write_text(
        f"#!/bin/sh\necho x >> {tmp_path}/count\n"
        f'[ "$(wc -l < {tmp_path}/count)" -gt {failures} ] && exec {real} "$@"\necho "nmpu: failed 2 n_1 {{y[0]}}"\n'
    )
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{tool.environment()['PATH']}")
    (tmp_path / "tiny.v").write_text(tiny_netlist("osu018"))

    def tried() -> RoutedPlacement:
        return place_and_route(tmp_path / "tiny.v", "tiny", tmp_path / "w", technology, sides=SIDES, density=0.7)

    if failures < 3:
        found = tried()
        assert [(one.density, one.unrouted) for one in found.tries] == [(0.7, 2), (0.6, 0)]
        assert found.placement.density <= 0.6
    else:
        with pytest.raises(Unrouted, match=r"^2 nets have not all their wires \(n_1 y\[0\]\)") as caught:
            tried()
        assert caught.value.nets == ["n_1", "y[0]"]
        assert not (tmp_path / "w" / "route" / "result.json").exists()


@needs_tools
def test_qrouter_writes_nothing(technology: Technology, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    placement = placed(tmp_path / "t", technology)
    (tmp_path / "bin").mkdir()
    fake = tmp_path / "bin" / "qrouter"
    fake.write_text("#!/bin/sh\necho 'nmpu: failed 0 '\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{tool.environment()['PATH']}")
    with pytest.raises(ToolFailed, match=r"^qrouter ended without writing qrouter\.def; the log is"):
        route(placement, tmp_path / "w", technology)
    fake.write_text("#!/bin/sh\necho Oh\n")
    with pytest.raises(ToolFailed, match=r"^qrouter did not come to the end of its script; the log is"):
        route(placement, tmp_path / "w", technology)


def test_without_qrouter(technology: Technology, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        ToolMissing, match=r"^graywolf, qrouter are not installed; get it with: apt-get install graywolf; "
    ):
        place_and_route(tmp_path / "x.v", "x", tmp_path / "w", technology, sides=SIDES)
    assert not (tmp_path / "w").exists()
    assert not re.search(r"see the manual", "".join(tool._HOW_TO_GET[name] for name in ("magic", "netgen-lvs")))
