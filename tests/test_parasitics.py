"""Parasitics: trees, resistances, capacitances and Elmore's delay by hand, and what OpenSTA makes of the SPEF."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from flows.layout.def_nets import Def, Net, Shape, Via, Wire
from flows.layout.graph import End, Tree
from flows.layout.parasitics import extract_parasitics, spef, trees_of, via_kinds, via_ohms
from flows.layout.technology import Technology, osu018
from flows.layout.timing import read_wires, refuse_warnings
from flows.layout.tree import Metal, grow
from flows.opensta import run_script
from flows.tool import ToolFailed

DATA = Path(__file__).parent / "data"
SMALL = DATA / "layout" / "small.def"
METAL = Metal(width=50, pad=30, ohm_per_square=0.1, plate_ff=0.0, edge_ff=0.01, via_ohm=5.0)
"""Of 100 units, 0.2 ohm and 2 fF."""


@pytest.fixture
def technology(tmp_path: Path) -> Technology:
    """OSU's with two layers, whose wires have 0.2 and 0.4 ohm/um and 0.22 and 0.11 fF/um; vias of 5 ohm."""
    folder = tmp_path / "technology"
    folder.mkdir()
    for name in ("stdcells.lib", "stdcells.sp", "par", "magicrc"):
        (folder / f"osu018{'.' if '.' not in name else '_'}{name}").touch()
    (folder / "osu018_setup.tcl").touch()
    (folder / "SCN6M_SUBM.10.tech").write_text("extract\n contact pc 4 10800\n contact m2c 4 5000\n")
    shutil.copy(DATA / "layout" / "small.lef", folder / "osu018_stdcells.lef")
    return osu018(folder)


def ohms_to(tree: Tree, end: End | int) -> dict[End | int, float]:
    """The nodes on the way from the driver to a node, and the resistance up to each."""
    before = {far: (near, ohm) for near, far, ohm in tree.resistors}
    if end == tree.root:
        return {tree.root: 0.0}
    near, ohm = before[end]
    way = ohms_to(tree, near)
    return way | {end: way[near] + ohm}


def elmore(tree: Tree, end: End) -> float:
    """Elmore's delay to a pin in fs: every capacitance times the resistance that its way has in common."""
    way = ohms_to(tree, end)
    return sum(ff * max(ohm for node, ohm in way.items() if node in ohms_to(tree, at)) for at, ff in tree.ff.items())


def test_tree_by_hand(technology: Technology) -> None:
    """From u1/Y 8 um of metal1, a via, 50 um of metal2; from there 52.5 um to u3/A, and 9.6 um to u2/A.

    The router's stubs are 0.4 um wide: 2 um to u2 (0.5 ohm), 0.2 um to u3 (0.05 ohm).
    """
    tree = trees_of(Def.read(SMALL), technology)["n"]
    assert tree.root == ("u1", "Y")
    assert max(ohms_to(tree, ("u3", "A")).values()) == pytest.approx(1.6 + 5 + 20 + 21 + 5)
    wire1, half, other, branch = 0.22 * 8, 0.11 * 50, 0.11 * 52.5, 0.11 * 9.6
    stubs = [(0.04 * 0.4 + 2 * 0.1) * length for length in (2, 0.2)]
    assert tree.total_ff == pytest.approx(wire1 + half + other + branch + sum(stubs))
    beyond = half + other + branch + sum(stubs)  # the first via
    split = half / 2 + other + branch + sum(stubs)
    delay = 1.6 * (wire1 / 2 + beyond) + 5 * beyond + 20 * split + 21 * (other / 2 + stubs[1]) + 5 * stubs[1]
    assert elmore(tree, ("u3", "A")) == pytest.approx(delay)


PLACES = {"N": (300, 250), "FS": (300, 750), "FN": (100, 250), "S": (100, 750)}
"""Where u1/Y is, by how u1 lies."""


@pytest.mark.parametrize("turned", PLACES)
def test_pins_are_where_the_cells_lie(technology: Technology, turned: str) -> None:
    """A wire to where u1/Y is finds it; one to where it would be if u1 lay otherwise does not."""
    for how, (x, y) in PLACES.items():
        beside = -300 if y < 500 else 1300
        text = SMALL.read_text().replace("u1 INV + PLACED ( 0 0 ) N", f"u1 INV + PLACED ( 0 0 ) {turned}")
        text = text.replace("( 300 250 ) ( 1100 * )", f"( {x} {y} ) ( * {beside} ) ( 1100 * ) ( * 250 )")
        layout = Def.parse(text, "turned")
        del layout.nets["a[0]"]
        if how == turned:
            assert trees_of(layout, technology)["n"].loose == ()
        else:
            with pytest.raises(ValueError, match=r"^net n of small: no wire reaches u2/A, u3/A; route it again$"):
                trees_of(layout, technology)


def test_rows_turn_no_cell_on_its_side(technology: Technology) -> None:
    layout = Def.parse(SMALL.read_text().replace("( 0 0 ) N", "( 0 0 ) E"), "turned")
    with pytest.raises(ValueError, match=r"^a cell is turned E; rows have N, S, FN and FS only$"):
        trees_of(layout, technology)


def test_def_of_qrouter() -> None:
    """Ports, turned cells, `*` in points, wires of their own width in a second section that has no end; no supplies."""
    layout = Def.read(SMALL)
    assert (layout.design, layout.units, list(layout.nets)) == ("small", 100, ["a[0]", "n", "y", "idle"])
    assert layout.components["u3"].turned == "FS"
    assert layout.ports["a[0]"].shapes == (Shape("metal2", 75, 0, 125, 50),)
    assert (layout.ports["a[0]"].direction, layout.ports["y"].direction) == ("INPUT", "OUTPUT")
    assert layout.nets["a[0]"].wires == [Wire("metal2", (100, 0), (100, 500))]
    assert layout.nets["n"].wires[-2:] == [
        Wire("metal1", (2060, 5250), (2060, 5450), 40),
        Wire("metal1", (1100, 10500), (1100, 10520), 40),
    ]
    assert layout.nets["n"].vias[0] == Via("M2_M1", (1100, 250))
    assert layout.nets["idle"].pins == [("PIN", "idle")]


def test_cut_short() -> None:
    text = SMALL.read_text()
    with pytest.raises(ValueError, match=r"^x\.def is not DEF, or is cut short$"):
        Def.parse(text[: len(text) // 2], "x.def")


def wired(*wires: Wire, vias: tuple[Via, ...] = (), ends: dict[End, Shape] | None = None) -> Tree:
    """The tree of a net whose driver is at the origin and whose other pin is at (100, 100), both of ``low``."""
    pins = ends or {("a", "Y"): Shape("low", 0, 0, 0, 0), ("b", "A"): Shape("low", 100, 100, 100, 100)}
    shapes = {end: [shape] for end, shape in pins.items()}
    return grow(
        Net(list(pins), list(wires), list(vias)), ("a", "Y"), shapes, ("low", "high"), (METAL, METAL), {"up": 0}
    )


def test_wires_that_end_on_the_middle_of_others() -> None:
    tree = wired(Wire("low", (-50, 0), (150, 0)), Wire("low", (100, 0), (100, 100)))
    assert max(ohms_to(tree, ("b", "A")).values()) == pytest.approx(0.4)
    assert tree.total_ff == pytest.approx(6)


def test_wires_that_cross() -> None:
    tree = wired(Wire("low", (-50, 0), (150, 0)), Wire("low", (100, -70), (100, 100)))
    assert max(ohms_to(tree, ("b", "A")).values()) == pytest.approx(0.4)


def test_metal_that_touches_is_joined() -> None:
    """Wires of 50 units whose middles are 50 apart touch, with 51 they do not; nor do vias of 60 with more than 60."""
    tree = wired(Wire("low", (0, 0), (100, 0)), Wire("low", (100, 50), (100, 100)))
    assert max(ohms_to(tree, ("b", "A")).values()) == pytest.approx(0.2 + 0.1)
    assert wired(Wire("low", (0, 0), (100, 0)), Wire("low", (100, 51), (100, 100))).loose == (("b", "A"),)
    for apart, loose in ((60, ()), (61, (("b", "A"),))):
        vias = Via("up", (0, 0)), Via("up", (apart, 0))
        assert wired(Wire("low", (apart, 0), (100, 100)), vias=vias).loose == loose


def test_layers_meet_in_vias_only() -> None:
    wires = Wire("low", (0, 0), (100, 0)), Wire("high", (100, 0), (100, 100))
    assert wired(*wires).loose == (("b", "A"),)
    tree = wired(*wires, vias=(Via("up", (100, 0)), Via("up", (100, 100))))
    assert max(ohms_to(tree, ("b", "A")).values()) == pytest.approx(0.2 + 5 + 0.2 + 5)


def test_loop_keeps_its_capacitance_and_the_shorter_way() -> None:
    tree = wired(
        Wire("low", (0, 0), (100, 0)),
        Wire("low", (100, 0), (100, 100)),
        Wire("low", (0, 0), (0, 300)),
        Wire("low", (0, 300), (100, 300)),
        Wire("low", (100, 300), (100, 100)),
    )
    assert max(ohms_to(tree, ("b", "A")).values()) == pytest.approx(0.4)
    assert tree.total_ff == pytest.approx(2 * 8)
    reached = {far for _, far, _ in tree.resistors}
    assert len(reached) == len(tree.resistors)  # a tree: every node has one way to the driver


def test_metal_of_a_pin_joins_wires() -> None:
    """Two wires that end at different places of a pin, and one that runs over a pin without an end there."""
    ends = {
        ("a", "Y"): Shape("low", 0, 0, 0, 0),
        ("b", "A"): Shape("low", 90, -10, 200, 10),
        ("c", "A"): Shape("low", 300, -5, 310, 5),
    }
    tree = wired(Wire("low", (0, 0), (100, 0)), Wire("low", (200, 0), (400, 0)), ends=ends)
    assert max(ohms_to(tree, ("b", "A")).values()) == pytest.approx(0.2)
    assert max(ohms_to(tree, ("c", "A")).values()) == pytest.approx(0.2 + 0.002 * 105)


def test_unknown_layer() -> None:
    with pytest.raises(ValueError, match=r"^poly is no layer or via of the technology$"):
        wired(Wire("poly", (0, 0), (100, 0)))


def test_vias(technology: Technology) -> None:
    """The lower layer by kind; ohms from magic's file, which has those of stacks; above, the last; 0 without any."""
    assert via_kinds(technology) == ({"M2_M1": 0}, {"metal1": 0.5, "metal2": 0.5})
    assert via_ohms("contact pc 4 10800\n  contact m2c 4 5680\n  contact m3c 4 10690\n", 4) == [
        5.68,
        5.01,
        5.01,
        5.01,
    ]
    assert via_ohms("extract", 2) == [0, 0]


def test_spef(technology: Technology, tmp_path: Path) -> None:
    """Every net of two pins or more, with the capacitance of its wires, and all pins by their names."""
    found = extract_parasitics(SMALL, technology, tmp_path / "out")
    text = found.spef.read_text()
    assert re.findall(r"^\*D_NET (\S+)", text, re.MULTILINE) == ["a[0]", "n", "y"]
    assert re.search(r"^\*PORTS\na\[0\] I\ny O\n", text, re.MULTILINE)
    assert "*I u1:Y O *D INV\n*I u2:A I *D INV\n*I u3:A I *D INV\n*CAP\n" in text
    assert found.total_ff == pytest.approx(sum(found.net_ff.values()), abs=1e-3)
    assert found.largest_net == "n"
    assert found.net_ff["a[0]"] == pytest.approx(0.55)
    assert found.without_wire == ()
    assert text == spef(Def.read(SMALL), trees_of(Def.read(SMALL), technology), technology)


CELLS = """library (small) {
  delay_model : table_lookup;
  time_unit : "1ps";
  voltage_unit : "1V";
  current_unit : "1mA";
  capacitive_load_unit (1, ff);
  nom_voltage : 1;
  input_threshold_pct_rise : 50;
  input_threshold_pct_fall : 50;
  output_threshold_pct_rise : 50;
  output_threshold_pct_fall : 50;
  slew_lower_threshold_pct_rise : 20;
  slew_lower_threshold_pct_fall : 20;
  slew_upper_threshold_pct_rise : 80;
  slew_upper_threshold_pct_fall : 80;
  lu_table_template (t) { variable_1 : total_output_net_capacitance; index_1 ("1, 10000"); }
  cell (INV) {
    area : 1;
    pin (A) { direction : input; capacitance : 2; }
    pin (Y) {
      direction : output;
      function : "!A";
      timing () {
        related_pin : "A";
        timing_sense : negative_unate;
        cell_rise (t) { values ("1, 1"); }
        cell_fall (t) { values ("1, 1"); }
        rise_transition (t) { values ("1, 1"); }
        fall_transition (t) { values ("1, 1"); }
      }
    }
  }
}
"""


@pytest.mark.skipif(not shutil.which("sta"), reason="needs OpenSTA: apt-get install opensta")
def test_opensta_has_the_loads_and_elmores_delay(technology: Technology, tmp_path: Path) -> None:
    """OpenSTA's load of u1 is that of all wires and pins; wires of a thousand times the resistance, so that the
    driver's is nothing to theirs, delay as Elmore says."""
    layout = Def.read(SMALL)
    trees = trees_of(layout, technology)
    slow = replace(trees["n"], resistors=[(near, far, 1000 * ohm) for near, far, ohm in trees["n"].resistors])
    (tmp_path / "small.lib").write_text(CELLS)
    (tmp_path / "small.v").write_text(
        "module small(a, y, z);\n  input [0:0] a;\n  output y, z;\n  wire n;\n"
        "  INV u1 (.A(a[0]), .Y(n));\n  INV u2 (.A(n), .Y(y));\n  INV u3 (.A(n), .Y(z));\nendmodule\n"
    )
    (tmp_path / "wires.spef").write_text(spef(layout, trees | {"n": slow}, technology))
    script = [
        "read_liberty small.lib",
        "read_verilog small.v",
        "link_design small",
        "set_cmd_units -time ps -capacitance fF",
        "read_spef wires.spef",
        "create_clock -name virtual -period 1000",
        "set_input_delay 0 -clock virtual [all_inputs]",
        "set_output_delay 0 -clock virtual [all_outputs]",
        'puts "load [[lindex [get_nets n] 0] capacitance rise [sta::cmd_corner] max]"',
        "report_checks -to z -fields {input_pins} -digits 6",
    ]
    log = run_script(script, tmp_path)
    refuse_warnings(log, tmp_path / "log")
    load = re.search(r"^load (\S+)$", log, re.MULTILINE)
    assert load is not None
    pins = 2 * 2.0
    assert float(load[1]) * 1e15 == pytest.approx(slow.total_ff + pins, rel=1e-4)
    times = {pin: float(time) for time, pin in re.findall(r"^ *\S+ +(\S+) [v^] (u\S+) ", log, re.MULTILINE)}
    loaded = replace(slow, ff=dict(slow.ff) | {("u2", "A"): 2.0, ("u3", "A"): slow.ff[("u3", "A")] + 2})
    delay = times["u3/A"] - times["u1/Y"]
    assert delay == pytest.approx(elmore(loaded, ("u3", "A")) / 1000, rel=0.02)


@pytest.mark.skipif(not shutil.which("sta"), reason="needs OpenSTA: apt-get install opensta")
def test_wires_that_opensta_does_not_understand_are_a_failure(tmp_path: Path) -> None:
    """It only warns, and goes on without them."""
    broken = tmp_path / "broken.spef"
    broken.write_text('*SPEF "IEEE 1481-1998"\n*D_NET\n')
    (tmp_path / "one.v").write_text("module one(a, y);\n  input a;\n  output y;\nendmodule\n")
    log = run_script(["read_verilog one.v", "link_design one", *read_wires(broken, tmp_path)[:1]], tmp_path)
    with pytest.raises(ToolFailed, match=r"^OpenSTA does not understand the wires: Warning: wires\.spef, line 2"):
        refuse_warnings(log, tmp_path / "log")
