"""Efforts: adder cells, polarities and sizes keep what a netlist does, and what is kept is the best that was tried."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flows.adders import place_adders
from flows.area import AreaResult, area
from flows.efforts import EFFORTS, LADDER, Effort, merit, recipes
from flows.gate_graph import Graph, Literal
from flows.generate import generate
from flows.library import NEUTRAL, Library
from flows.models import cell_models
from flows.polarity import choose_polarities
from flows.recipe import Recipe
from flows.simulate import simulate
from flows.sizing import parse_delay, parse_gates, resize
from flows.synthesize import Netlist, synthesize
from flows.target import synthesize_for
from flows.timing import timing
from flows.tool import ToolFailed, find
from flows.yosys import run_script
from nmpu_hdl.presets import preset

NANGATE, ASAP7 = (
    Path(__file__).parents[2] / "shared" / "lib" / name for name in ("nangate45_typ.lib", "asap7_rvt_tt.lib")
)
SMALL = Path(__file__).parent / "data" / "activity" / "small.lib"
RECIPES = {recipe.name: recipe for recipe in recipes("best", None)}
needs_sta = pytest.mark.skipif(find("sta") is None, reason="sta is not installed (apt-get install opensta)")

SUM = """module nmpu_lane(input [4:0] a, b, c, d, input [1:0] k, output [6:0] y, output reg z, input clk);
  wire [6:0] s = {2'd0, a} + {2'd0, b} + {2'd0, ~c} + {2'd0, d};
  assign y = k[0] ? s : ~s;
  always @(posedge clk) z <= ^s ^ k[1];
endmodule
"""


def ripples(name: str) -> Recipe:
    return RECIPES[f"adders-ripple-{name}"]


def mapped(work: Path, library: Library, recipe: Recipe) -> Netlist:
    work.mkdir(exist_ok=True)
    (work / "sum.v").write_text(SUM)
    return synthesize(work / "sum.v", "nmpu_lane", work, library, recipe=recipe)


def adders(netlist: Netlist, library: Library) -> int:
    return sum(n for name, n in netlist.cells.items() if len(library.cells[name].outputs) > 1)


def total(netlist: Netlist, library: Library) -> float:
    return sum(library.cells[name].area * n for name, n in netlist.cells.items())


def proves_equal(source: Path, netlist: Netlist, library: Library) -> bool:
    """Yosys' SAT solver finds no inputs that tell them apart, whatever was before the first clock."""
    work, models = netlist.verilog.parent, cell_models(library, netlist.cells)
    (work / "cells.v").write_text(re.sub(r"^  initial .*$", "", models, flags=re.MULTILINE))
    script = [f"read_verilog {source.name}", "proc", "rename nmpu_lane gold", "design -stash gold"]
    script += [f"read_verilog {netlist.verilog.name} cells.v", "hierarchy -top nmpu_lane", "proc", "flatten"]
    script += ["rename nmpu_lane gate", "design -copy-from gold gold", "miter -equiv -make_assert gold gate miter"]
    script += ["hierarchy -top miter", "flatten", "sat -seq 3 -prove-skip 1 -prove-asserts miter", "tee -o proof stat"]
    run_script(script, netlist.verilog.parent, ("proof",), "prove.ys", "prove.log")
    log = (netlist.verilog.parent / "prove.log").read_text()
    assert ("proof finished - no model found: SUCCESS!" in log) != ("proof finished - model found: FAIL!" in log)
    return "SUCCESS!" in log


@pytest.fixture(scope="module")
def inverted(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """The neutral library with adders as ASAP7 has them: small, and both outputs inverted."""
    text, found = re.subn(
        r'(function : )"(\(A & B\) \| \(A & CI\) \| \(B & CI\)|A \^ B \^ CI)"', r'\1"!(\2)"', NEUTRAL.read_text()
    )
    assert found == 2
    path = tmp_path_factory.mktemp("inverted") / "inverted.lib"
    path.write_text(text.replace("area : 5.33", "area : 2.4"))
    library = Library.read(path)
    assert library.full_adders[0].truths == (3, 0b00010111, 0b01101001)
    return library


@pytest.mark.parametrize("name", ["adders", "adders-ripple-dc2", "adders-ripple-dch"])
def test_adder_cells_do_what_gates_did(name: str, inverted: Library, tmp_path: Path) -> None:
    for library, least in ((Library.read(), 0), (inverted, 6)):
        netlist = mapped(tmp_path / library.path.stem, library, RECIPES[name])
        assert adders(netlist, library) >= least
        assert netlist.recipe == name
        assert proves_equal(tmp_path / library.path.stem / "sum.v", netlist, library)
        lane = netlist.modules["nmpu_lane"]
        assert lane.cells == netlist.cells
        assert lane.delay_ps is not None
        assert lane.delay_ps > 100
    plain = synthesize(tmp_path / "inverted" / "sum.v", "nmpu_lane", tmp_path / "plain", inverted)
    assert total(netlist, inverted) < 0.85 * total(plain, inverted)


def test_a_netlist_that_is_another_is_told(inverted: Library, tmp_path: Path) -> None:
    """The proof of these tests is one: with an adder's outputs exchanged it fails."""
    netlist = mapped(tmp_path, inverted, ripples("dch"))
    text = netlist.verilog.read_text()
    wrong, count = re.subn(r"\.CO\((.*?)\),(.*?)\.S\((.*?)\)", r".CO(\3),\2.S(\1)", text, count=1, flags=re.DOTALL)
    assert count == 1
    netlist.verilog.write_text(wrong)
    assert not proves_equal(tmp_path / "sum.v", netlist, inverted)


def test_a_library_without_adders(tmp_path: Path) -> None:
    library = Library.read(dont_use=("FA_*", "HA_*"))
    assert not library.full_adders
    netlist = mapped(tmp_path, library, ripples("dc2"))
    assert adders(netlist, library) == 0
    assert proves_equal(tmp_path / "sum.v", netlist, library)


def test_every_way_is_the_same_netlist_again(inverted: Library, tmp_path: Path) -> None:
    for recipe in RECIPES.values():
        first = mapped(tmp_path / "a", inverted, recipe).verilog.read_text()
        assert mapped(tmp_path / "b", inverted, recipe).verilog.read_text() == first


def module_of(cells: dict[str, tuple[str, dict[str, Any]]], ports: dict[str, tuple[str, list[Any]]]) -> dict[str, Any]:
    made = {
        name: {
            "type": kind,
            "parameters": {},
            "attributes": {},
            "connections": {pin: [bit] for pin, bit in pins.items()},
        }
        for name, (kind, pins) in cells.items()
    }
    named = {name: {"direction": direction, "bits": bits} for name, (direction, bits) in ports.items()}
    return {"attributes": {}, "ports": named, "cells": made, "netnames": {}}


PORTS = {"a": ("input", [2]), "b": ("input", [3]), "c": ("input", [4]), "y": ("output", [9, 10])}
FULL_ADDER = module_of(
    {
        "x": ("XOR2_X1", {"A": 2, "B": 3, "Z": 5}),
        "s": ("XOR2_X1", {"A": 5, "B": 4, "Z": 9}),
        "n": ("NAND2_X1", {"A1": 2, "A2": 3, "ZN": 6}),
        "m": ("NAND2_X1", {"A1": 5, "A2": 4, "ZN": 7}),
        "k": ("NAND2_X1", {"A1": 6, "A2": 7, "ZN": 8}),
        "i": ("INV_X1", {"A": 8, "ZN": 10}),
    },
    PORTS,
)
"""A full adder of 7 GE, and an inverter at its carry."""


def renamed(module: dict[str, Any], library: Library) -> dict[str, Any]:
    """Pins as the library calls them, in the order of its pins."""
    cells = {}
    for name, cell in module["cells"].items():
        kind = library.cells[cell["type"]]
        pins = (*kind.inputs, *(pin.name for pin in kind.outputs))
        cells[name] = {**cell, "connections": dict(zip(pins, cell["connections"].values(), strict=True))}
    return {**module, "cells": cells}


def test_a_full_adder_is_found_whatever_its_gates() -> None:
    library = Library.read()
    graph = Graph(renamed(FULL_ADDER, library), library)
    assert len(graph.gates) == 5
    assert Literal(8, True) in graph.fixed
    before = graph.area()
    place_adders(graph, library)
    ((_, gate),) = graph.gates.items()
    assert gate.cell.name == "FA_X1"
    assert {one.root for one in gate.inputs} == {2, 3, 4}
    assert gate.outputs == (Literal(8), Literal(9))
    assert before - graph.area() == pytest.approx(7 - 5.33, abs=0.1)
    kinds = [cell["type"] for cell in graph.module()["cells"].values()]
    assert sorted(kinds) == ["FA_X1", "INV_X1"]


def test_what_somebody_else_takes_is_left(tmp_path: Path) -> None:
    """A port takes what is inside of the adder: then its gates stay, and an adder would save nothing."""
    library = Library.read()
    module = renamed(FULL_ADDER, library)
    module["ports"] = {**module["ports"], "z": {"direction": "output", "bits": [5, 6, 7]}}
    graph = Graph(module, library)
    place_adders(graph, library)
    assert "FA_X1" not in [gate.cell.name for gate in graph.gates.values()]


def resized(
    module: dict[str, Any], original: dict[str, Any], library: Library, work: Path
) -> tuple[dict[str, Any], float]:
    (work / "cells.lib").write_text(library.lean)
    (work / "constr").write_text("set_driving_cell BUF_X1\nset_load 10\n")
    return resize("t", module, original, library, work, 1)


def test_polarities_take_inverters_away(tmp_path: Path) -> None:
    """Two inverters before an OR2 and one behind it make a NAND2, one more."""
    library = Library.read()
    cells = {
        "i": ("INV_X1", {"A": 2, "ZN": 5}),
        "j": ("INV_X1", {"A": 3, "ZN": 6}),
        "o": ("OR2_X1", {"A1": 5, "A2": 6, "ZN": 7}),
        "x": ("XOR2_X1", {"A": 7, "B": 4, "Z": 8}),
        "k": ("INV_X1", {"A": 8, "ZN": 9}),
    }
    module = renamed(module_of(cells, {**PORTS, "y": ("output", [9])}), library)
    graph = Graph(module, library)
    choose_polarities(graph, library)
    changed = graph.module()
    assert sorted(cell["type"] for cell in changed["cells"].values()) in (
        ["NAND2_X1", "XNOR2_X1"],
        ["AND2_X1", "XOR2_X1"],
    )
    sized, delay = resized(changed, module, library, tmp_path)
    assert delay > 10
    assert len(sized["cells"]) == 2


def test_wrong_polarities_are_found(tmp_path: Path) -> None:
    library = Library.read()
    module = renamed(FULL_ADDER, library)
    graph = Graph(module, library)
    gate = graph.gates["s"]
    graph.gates["s"] = replace(gate, inputs=(gate.inputs[0].flipped(), gate.inputs[1]))
    with pytest.raises(ToolFailed, match="ABC could not prove that a netlist with adder cells does what it did"):
        resized(graph.module(), module, library, tmp_path)


def test_parsers_of_abc() -> None:
    log = "\x1b[1;35mDelay =  2073.50 ps\x1b[0m  ( 19.2 %)\n Path 1\n\x1b[1;35mDelay =   981.04 ps\x1b[0m"
    assert parse_delay(log) == 981.04
    assert parse_delay("no such line") is None
    blif = ".model m\n.inputs a \\\n b\n.gate FA_X1 A=a B=b CI=n1 \\\n CO=c S=s\n.gate INV_X1 A=s ZN=new_n4\n.end\n"
    assert parse_gates(blif) == [
        ("FA_X1", {"A": "a", "B": "b", "CI": "n1", "CO": "c", "S": "s"}),
        ("INV_X1", {"A": "s", "ZN": "new_n4"}),
    ]


def test_what_is_tried_and_kept() -> None:
    assert recipes("fast", None) == LADDER[:1]
    assert recipes("fast", 1000) == LADDER
    assert {recipe.name for effort in EFFORTS for recipe in recipes(effort, None)} == RECIPES.keys() | {"amap"}
    assert recipes("area", 1000) == recipes("best", 1000)
    assert len({recipe.name for recipe in recipes("best", None)}) == len(recipes("best", None))
    found = {"small": (100.0, 900.0), "middle": (120.0, 700.0), "quick": (400.0, 300.0)}

    def kept(effort: Effort, target: float | None) -> str:
        return min(found, key=lambda name: merit(effort, target, *found[name]))

    assert [kept(effort, None) for effort in ("area", "delay", "best")] == ["small", "quick", "middle"]
    assert [kept("best", target) for target in (900, 800, 300, 200)] == ["small", "middle", "quick", "quick"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("efforts")
    generate(preset("tiny"), place)
    return place


@pytest.fixture(scope="module")
def measured(folder: Path) -> Callable[[Effort], AreaResult]:
    done: dict[Effort, AreaResult] = {}

    def measure(effort: Effort) -> AreaResult:
        if effort not in done:
            done[effort] = area(folder / "nmpu.v", preset("tiny"), folder / effort, effort=effort, say=said.append)
        return done[effort]

    said: list[str] = []
    return measure


def test_each_effort_is_for_what_it_says(measured: Callable[[Effort], AreaResult], folder: Path) -> None:
    fast, least, quick = (measured(effort) for effort in ("fast", "area", "delay"))
    assert (fast.effort, fast.recipe, fast.candidates) == ("fast", "amap", ())
    assert least.lane_ge < 0.95 * fast.lane_ge
    assert (quick.critical_path_ps or 0) < 0.8 * (fast.critical_path_ps or 0)
    for result in (least, quick):
        (kept,) = [one for one in result.candidates if one.kept]
        assert kept.recipe == result.recipe
        assert kept.lane_ge == pytest.approx(result.lane_ge, abs=0.01)
        assert [one.recipe for one in result.candidates] == [one.name for one in recipes(result.effort, None)]
    assert min(one.lane_ge or 0 for one in least.candidates) == pytest.approx(least.lane_ge, abs=0.01)
    assert AreaResult.model_validate_json((folder / "area" / "result.json").read_text()) == least


def test_the_least_product_is_kept(folder: Path, tmp_path: Path) -> None:
    said: list[str] = []
    best = area(folder / "nmpu.v", preset("tiny"), tmp_path, effort="best", say=said.append)
    products = {one.recipe: (one.lane_ge or 0) * (one.period_ps or 0) for one in best.candidates}
    assert products.keys() == RECIPES.keys()
    assert best.recipe == min(products, key=lambda name: products[name])
    assert f"map: {len(RECIPES)} of {len(RECIPES)} ways done, the last: " in said[-2]
    assert said[-1] == f"map by {best.recipe}"


@needs_sta
def test_a_target_is_met_with_the_least_area(folder: Path, tmp_path: Path) -> None:
    result = timing(folder / "nmpu.v", preset("tiny"), tmp_path, target_ps=900, effort="area")
    meeting = {one.recipe: one.lane_ge or 0 for one in result.candidates if one.period_ps and one.period_ps <= 900}
    assert len(meeting) > 1
    assert result.recipe == min(meeting, key=lambda name: meeting[name])
    assert result.min_period_ps <= 900


def test_a_target_that_nothing_meets(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By ABC's estimates, for sta is not found: the fastest of all."""
    monkeypatch.setenv("PATH", str(tmp_path))
    library = Library.read()
    hard = synthesize_for(20, folder / "nmpu.v", "nmpu", tmp_path / "hard", library, effort="delay")
    periods = [one.period_ps for one in hard.candidates if one.period_ps is not None]
    (kept,) = [one.period_ps for one in hard.candidates if one.kept]
    assert kept == min(periods) > 20


def test_ways_that_abc_cannot_go(folder: Path, tmp_path: Path) -> None:
    """Tables of two points: what maps by delay breaks down, and the rest goes on."""
    library = Library.read(SMALL)
    netlist = synthesize_for(None, folder / "nmpu.v", "nmpu", tmp_path, library, effort="delay")
    assert [one.lane_ge for one in netlist.candidates] in ([None, None], [])
    best = synthesize_for(None, folder / "nmpu.v", "nmpu", tmp_path, library, effort="best")
    without = {one.recipe for one in best.candidates if one.lane_ge is None}
    assert "map" in without
    assert "amap" not in without
    assert best.blocks.exists()


def nmpu(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "flows", *words], capture_output=True, text=True, check=False)


def test_the_commands_take_an_effort(tmp_path: Path) -> None:
    words = ["--preset", "tiny", "-o", str(tmp_path), "--effort"]
    done = nmpu("timing", *words, "delay", "--json")
    said = json.loads(done.stdout)
    assert (done.returncode, done.stderr, said["effort"]) == (0, "", "delay")
    assert [one["recipe"] for one in said["candidates"]] == ["map", "map-twice"]
    shown = nmpu("area", *words, "delay")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "ways that were tried" in shown.stdout
    assert re.search(r"map.* kept", shown.stdout)
    for refused, part in (
        (("sim", *words, "area"), "--effort choose cells for --gates"),
        (("area", *words, "x"), "'x'"),
    ):
        done = nmpu(*refused)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert part in done.stderr


GATES = [
    pytest.param(
        library, avoid, effort, marks=[pytest.mark.skipif(not library.exists(), reason=f"{library} is not here"), *more]
    )
    for library, avoid in ((NANGATE, ("*_X16", "*_X32")), (ASAP7, ("*x1p*", "*xp*", "SDF*", "ICG*")))
    for effort in ("area", "delay", "best")
    for more in [[] if (library, effort) == (ASAP7, "area") else [pytest.mark.deep]]
]


@pytest.mark.parametrize(("library", "avoid", "effort"), GATES)
def test_regression_on_gates(
    library: Path, avoid: tuple[str, ...], effort: Effort, folder: Path, runtime: Path, tmp_path: Path
) -> None:
    """The whole of it, as on the emitted Verilog."""
    cells = Library.read(library, avoid)
    netlist = synthesize_for(None, folder / "nmpu.v", "nmpu", tmp_path / "netlist", cells, effort=effort)
    models = tmp_path / "cells.v"
    models.write_text(cell_models(cells, netlist.cells))
    result = simulate(folder, tmp_path, netlist=netlist.verilog, models=[models], runtime=runtime)
    assert (result.failed, result.tests > 10) == (0, True)
    if effort == "area" and library == ASAP7:
        assert adders(netlist, cells) > 2
