"""Layout: what is laid out, what is said where a tool is missing, and whole layouts from nothing to a picture."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from flows import measure_commands
from flows.layout.asked import DENSITY, LANE, Asked, core_of, top_of
from flows.layout.core import below, inputs_of, inside, pins_of
from flows.layout.result import LayoutResult
from flows.layout.step import PICTURE, layout
from flows.screen import print_layout
from flows.tool import ToolMissing
from flows.vcd import Activity, Net
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.presets import load, preset

TOOLS = ("graywolf", "qrouter", "magic", "netgen-lvs", "sta")
CELLS = Path("/usr/share/qflow/tech/osu018/osu018_stdcells.lef")
absent = [tool for tool in TOOLS if not shutil.which(tool)] + ([] if CELLS.exists() else ["qflow-tech-osu018"])
needs_all = pytest.mark.skipif(bool(absent), reason=f"{', '.join(absent)} not installed: apt-get install them")

MAPPED = """module nmpu_lane(clk, codes, y, low);
  input clk;
  wire clk;
  input [3:0] codes;
  output signed [2:0] y;
  wire [2:0] y;
  output low;
  INVX1 _0_ (
    .A(codes[0]),
    .Y(y[0])
  );
endmodule

module nmpu(clk, a, b);
  input clk;
  nmpu_lane lane_0 (
    .clk(clk)
  );
endmodule
"""
LAID = """module nmpu_lane (clk, codes, y);
  input clk;
  input [3:0] codes;
  output [1:0] y;
  wire _1_;
  INVX1 _0_ (.A(codes[0]), .Y(_1_));
  INVX2 one_ (.A(_1_), .Y(y[0]));
endmodule
"""


def test_lane_is_that_of_a_core_of_one() -> None:
    """Whatever memory and lanes the configuration has; what the lane itself is stays."""
    config = load(settings=["how.stages=2", "shift.max=4", "how.built=8"])
    core = core_of(config, None)
    assert (core.array.lanes, core.array.columns, core.how.memory, core.how.built) == (1, 32, "external", 0)
    assert (core.shift, core.how.stages) == (config.shift, 2)
    assert top_of(core, Asked()) == LANE


def test_core_has_the_lanes_asked_for_and_the_slots_of_the_configuration() -> None:
    core = core_of(preset("paper"), 4)  # 256 columns in 64 lanes
    assert (core.array.lanes, core.array.columns, core.how.memory) == (4, 16, "external")
    assert top_of(core, Asked(lanes=4)) == "nmpu"
    assert core_of(load(settings=["array.lanes=256"]), 2).array.columns == 4


def test_tile_is_not_laid_out() -> None:
    with pytest.raises(ValueError, match=r"^tile\.kind = axi: .*--set tile\.kind=none would do$"):
        core_of(preset("tile"), None)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"lanes": 0}, r"^lanes = 0: 1 to 64 would do$"),
        ({"lanes": 65}, r"^lanes = 65: 1 to 64 would do$"),
        ({"width_um": 0.0}, r"^width = 0 um: it must be above 0$"),
        ({"width_um": float("nan")}, r"^width = nan um: it must be above 0$"),
        ({"density": 0.0}, r"^density = 0: it must be above 0 and at most 1, such as 0\.8$"),
        ({"density": 1.01}, r"^density = 1\.01: it must be above 0 and at most 1"),
        ({"target_ps": -1.0}, r"^target period = -1 ps: it must be above 0$"),
    ],
)
def test_what_cannot_be_asked_for(words: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Asked(**words)


@pytest.mark.parametrize("tool", TOOLS)
def test_each_tool_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tool: str) -> None:
    """One line that names the package, before anything is done."""
    monkeypatch.setattr("flows.tool.find", lambda name: None if name == tool else f"/usr/bin/{name}")
    package = {"sta": "opensta"}.get(tool, tool)
    with pytest.raises(ToolMissing, match=rf"^{tool} is not installed; get it with: apt-get install {package}$"):
        layout(preset("tiny"), tmp_path / "work", Asked(), print)
    assert not (tmp_path / "work").exists()


def test_klayout_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.tool.find", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ToolMissing, match=r"^klayout is not installed; get it with: pip install 'nmpu-hdl\[layout\]'$"):
        layout(preset("tiny"), tmp_path / "work", Asked(), print)
    assert not (tmp_path / "work").exists()


def test_what_is_laid_out_stands_in_a_wrapper() -> None:
    """Ports of the source outside, those that the layout has inside, constants in place of the others."""
    text = inside(MAPPED, LAID, LANE, {"y[2]": 1, "low": 0})
    wrapper = text[: text.index("endmodule")]
    assert "output [2:0] y;" in wrapper
    assert "assign y[2] = 1'b1;" in wrapper
    assert "assign low = 1'b0;" in wrapper
    joined = "nmpu_laid laid (\n    .clk(clk),\n    .codes(codes[3:0]),\n    .y(y[1:0])\n  );"
    assert joined in wrapper
    assert re.findall(r"^module (\w+)", text, re.MULTILINE) == [LANE, "nmpu", "nmpu_laid"]
    with pytest.raises(ValueError, match=r"^there is no module nmpu in what was laid out$"):
        inside(MAPPED, LAID, "nmpu", {})


def test_pins_and_inputs_of_what_is_laid_out() -> None:
    assert pins_of(LAID) == {"_0_/A": "codes[0]", "_0_/Y": "_1_", "one_/A": "_1_", "one_/Y": "y[0]"}
    assert inputs_of(LAID) == {"clk", *(f"codes[{k}]" for k in range(4))}


def test_activity_by_the_names_in_the_layout() -> None:
    seen = {"clk": 8, "lane_0/y[0]": 3, "lane_0/laid/clk": 8, "lane_0/laid/_1_": 2}
    found = below(Activity(10.0, {name: Net(toggles, 5.0) for name, toggles in seen.items()}))
    assert {name: net.toggles for name, net in found.nets.items()} == {"clk": 8, "_1_": 2}
    assert found.duration == 10


def test_command_writes_for_librelane_without_any_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.tool.find", lambda name: None)
    app = typer.Typer()
    app.command()(measure_commands.layout)
    told = CliRunner().invoke(app, ["--preset", "tiny", "-o", str(tmp_path), "--librelane", "--json"])
    assert told.exit_code == 0, told.output
    assert json.loads(told.stdout) == [
        str(tmp_path / "layout" / "librelane" / pdk / "config.json") for pdk in ("sky130A", "ihp-sg13g2")
    ]


def whole(config: NmpuConfig, work: Path, asked: Asked) -> LayoutResult:
    """A layout, and what holds for any."""
    steps: list[str] = []
    result = layout(config, work, asked, steps.append)
    assert result == LayoutResult.model_validate_json((work / "result.json").read_text())
    assert list(result.seconds) == steps
    assert (work / PICTURE).read_bytes().startswith(b"\x89PNG")
    assert result.netlist.matches, result.netlist.differences
    assert result.die_area_um2 == pytest.approx(result.width_um * result.height_um)
    assert result.width_per_column_um == pytest.approx(result.width_um / (asked.lanes or 1), abs=1e-3)
    assert result.utilisation == pytest.approx(result.cell_area_um2 / result.die_area_um2, abs=1e-3)
    assert sum(result.wire_um.values()) > 0
    assert result.capacitance_ff > 0
    assert result.timing.routed.min_period_ps > result.timing.estimate.min_period_ps
    assert {(path.start, path.end) for path in result.timing.routed.paths} >= {
        ("input", "register"),
        ("register", "register"),
        ("register", "output"),
    }
    assert result.power is not None
    assert result.power.annotated == 1
    assert result.power.estimate.input_wires_mw == 0
    assert result.power.routed.total_mw > result.power.estimate.total_mw
    assert result.power.ratio == pytest.approx(
        result.power.routed.energy_per_column_pj / result.power.estimate.energy_per_column_pj, abs=1e-4
    )
    return result


@needs_all
def test_small_lane(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From the smallest preset; what is shown has what was found."""
    result = whole(preset("tiny"), tmp_path, Asked(density=0.7))
    assert result.top == LANE
    for step in ("synthesize", "place", "route", "power/sim"):
        assert (tmp_path / step / "log").is_file(), step
    for step in ("place", "route", "rules", "netlist", "parasitics", "timing", "power"):
        assert json.loads((tmp_path / step / "result.json").read_text()), step
    print_layout(result)
    shown = capsys.readouterr().out
    assert f"{result.rules.errors} errors (magic)" in shown
    assert "the same circuit as the netlist" in shown
    assert f"{result.timing.routed.f_max_mhz:,.1f}" in shown


@needs_all
@pytest.mark.deep  # make layout, which CI runs too, lays it out
def test_lane_of_the_paper(tmp_path: Path) -> None:
    """As the issue has it: two stages, about 280 um x 200 um, and slower by some per cent with its wires."""
    result = whole(load(settings=["how.stages=2"]), tmp_path, Asked(density=DENSITY))
    assert result.die_area_um2 < 60_000
    assert result.pins == 63
    assert 1 < result.timing.ratio < 1.2
    assert result.power is not None
    assert 1 < result.power.ratio < 1.2


@needs_all
@pytest.mark.deep
def test_array_of_four_lanes(tmp_path: Path) -> None:
    result = whole(load(settings=["how.stages=2"]), tmp_path, Asked(lanes=4))
    assert (result.top, result.lanes) == ("nmpu", 4)
    assert result.width_per_column_um < 150
