"""LEF read, and the technology whose files Debian has."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.layout.lef import Layer, Lef, Macro, MacroPin, Rectangle
from flows.layout.technology import osu018
from flows.tool import ToolMissing

DATA = Path(__file__).parent / "data"


def test_layers_of_a_small_file() -> None:
    lef = Lef.read(DATA / "small.lef")
    assert lef.layers == (
        Layer("metal1", "horizontal", 1.0, 0.5, 0.3, 0.3, 0.08, 0.038, 0.08),
        Layer("metal2", "vertical", 0.8, 0.4, 0.3, 0.3, 0.0, 0.0, 0.0),
    )
    assert lef.sites == {"core": (0.8, 10.0)}
    assert lef.vias == {
        "M2_M1": (
            Rectangle("metal1", -0.2, -0.2, 0.2, 0.2),
            Rectangle("via", -0.1, -0.1, 0.1, 0.1),
            Rectangle("metal2", -0.2, -0.2, 0.2, 0.2),
        )
    }


def test_cells_of_a_small_file() -> None:
    macros = Lef.read(DATA / "small.lef").macros
    assert list(macros) == ["FILL", "INVX1", "CK"]
    assert macros["FILL"] == Macro(
        "FILL",
        "CORE",
        0.8,
        10.0,
        {"gnd": MacroPin("gnd", "INOUT", "GROUND", (Rectangle("metal1", -0.2, -0.3, 1.0, 0.3),))},
    )
    inverter = macros["INVX1"].pins
    assert list(inverter) == ["A", "Y"], "what is obstructed is no pin"
    assert [shape.layer for shape in inverter["Y"].shapes] == ["metal1", "metal2"]
    assert not inverter["A"].supply
    assert macros["FILL"].pins["gnd"].supply
    assert macros["CK"].pins["CLK"].use == "CLOCK"
    assert macros["CK"].pins["Z"].direction == "OUTPUT"
    assert macros["CK"].pins["CLK"].shapes == (Rectangle("metal1", 0.2, 1.9, 0.6, 2.7),)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", r"x\.lef has no layer of TYPE ROUTING; give the LEF file of a technology"),
        ("MACRO A\n SIZE 1 BY 1 ;\n", r"x\.lef is not LEF as layout needs it: MACRO A has no end"),
        ("MACRO A\n CLASS CORE ;\nEND A\n", r"not LEF as layout needs it: there is a site or a macro without a SIZE"),
        ("LAYER m\n TYPE ROUTING ;\n DIRECTION DIAG45 ;\nEND m\n", r"the wires of m run diag45"),
        ("LAYER m\n TYPE ROUTING ;\n DIRECTION VERTICAL ;\n WIDTH 1 ;\nEND m\n", r"PITCH"),
        ("MACRO A\n SIZE 1 BY x ;\nEND A\n", r"could not convert string to float: 'x'"),
    ],
)
def test_other_files(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Lef.parse(text, "x.lef")


def test_without_the_technology(tmp_path: Path) -> None:
    (tmp_path / "osu018_stdcells.lib").touch()
    with pytest.raises(ToolMissing) as caught:
        osu018(tmp_path)
    said = str(caught.value)
    assert said.startswith(f"the OSU 180 nm cells are not installed ({tmp_path} has no osu018_stdcells.lef, ")
    assert said.endswith("; get them with: apt-get install qflow-tech-osu018")
    assert "osu018_stdcells.lib" not in said
    assert "\n" not in said


def test_the_technology() -> None:
    try:
        found = osu018()
    except ToolMissing as missing:
        pytest.skip(str(missing))
    assert [layer.name for layer in found.layers] == [f"metal{number}" for number in range(1, 7)]
    assert [layer.direction for layer in found.layers] == ["horizontal", "vertical"] * 3
    assert (found.site_width_um, found.site_height_um) == (0.8, 10.0)
    assert found.macros["INVX1"].width_um == 1.6
    assert found.macros[found.filler].width_um == found.site_width_um
    assert {pin.name for pin in found.macros["DFFPOSX1"].pins.values() if pin.supply} == {found.power, found.ground}
    assert {"metal1", "metal2"} <= {shape.layer for shape in found.vias[found.via]}
    assert found.layer("metal2").pitch_um == 0.8
    with pytest.raises(ValueError, match="osu018 has no layer metal9; it has metal1, metal2"):
        found.layer("metal9")
