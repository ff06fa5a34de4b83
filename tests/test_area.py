"""Area: what is measured adds up, moves the right way, and the netlist does what the source does."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from flows.area import AreaResult, MacroArea, area, arrays, measure
from flows.library import NEUTRAL, Library
from flows.macros import parse_macro
from flows.models import cell_models
from flows.synthesize import Mapped, Netlist, parse_delays, parse_stat, synthesize
from flows.tool import ToolFailed
from flows.yosys import run_script
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.presets import load, preset
from nmpu_hdl.verilog import emit

DATA = Path(__file__).parent / "data" / "area"


def measured(config: NmpuConfig, work: Path, dont_use: tuple[str, ...] = (), library: Path | None = None) -> AreaResult:
    work.mkdir(exist_ok=True)
    source = work / "nmpu.v"
    source.write_text(emit(config))
    return area(source, config, work / "area", library=library, dont_use=dont_use)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("a folder with spaces")


@pytest.fixture(scope="module")
def tiny(folder: Path) -> AreaResult:
    return measured(preset("tiny"), folder)


def test_parse_recorded_statistics() -> None:
    modules, version = parse_stat((DATA / "modules.json").read_text())
    assert version == "0.70"
    assert list(modules) == ["nmpu_sequencer", "nmpu_pipeline", "nmpu_memory", "nmpu_lane", "nmpu_arbiter", "nmpu"]
    assert modules["nmpu"]["nmpu_lane"] == 2
    assert modules["nmpu_lane"]["DFFE_X1"] == 6


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"modules": 3, "creator": ""}'])
def test_parse_other_statistics(text: str) -> None:
    with pytest.raises(ValueError, match="not what stat -json writes"):
        parse_stat(text)


def test_parse_recorded_delays() -> None:
    delays = parse_delays((DATA / "abc.log").read_text())
    assert set(delays) == {"nmpu", "nmpu_arbiter", "nmpu_lane", "nmpu_memory", "nmpu_pipeline", "nmpu_sequencer"}
    assert max(delays, key=lambda name: delays[name]) == "nmpu_lane"
    assert parse_delays("ABC: Delay = 5.00 ps") == {}  # nobody's


def test_measure_without_tools() -> None:
    modules = {
        "nmpu": Mapped("nmpu", {"INV_X1": 3}, {"nmpu_lane": 2, "pair": 2}, None),
        "nmpu_lane": Mapped("nmpu_lane", {"DFF_X1": 2, "NAND2_X1": 4}, {}, 100.0),
        "pair": Mapped("pair", {}, {"leaf": 2}, None),
        "leaf": Mapped("leaf", {"NOR2_X1": 1}, {}, 120.0),
    }
    cells = {"INV_X1": 3, "DFF_X1": 4, "NAND2_X1": 8, "NOR2_X1": 4}
    result = measure(Netlist("nmpu", Path("netlist.v"), Path("blocks.v"), modules, cells, "0"), Library.read())
    assert result.ge == pytest.approx(3 * 0.67 + 4 * 5.67 + 8 + 4)
    assert result.sequential_ge == pytest.approx(4 * 5.67)
    assert result.lane_ge == pytest.approx(2 * 5.67 + 4)
    assert {b.name: b.instances for b in result.blocks} == {"nmpu": 1, "nmpu_lane": 2, "pair": 2, "leaf": 4}
    assert (result.critical_path_ps, result.critical_block) == (120.0, "leaf")
    assert result.area_um2 is None


def test_tiny_adds_up(tiny: AreaResult, folder: Path) -> None:
    blocks = {block.name: block for block in tiny.blocks}
    assert set(blocks) == {
        "nmpu",
        "nmpu_lane",
        "nmpu_sequencer",
        "nmpu_arbiter",
        "nmpu_pipeline",
        "nmpu_memory",
        "nmpu_words",
    }
    total = sum(block.ge * block.instances for block in tiny.blocks)
    assert 0.98 * total <= tiny.ge <= total + 0.01
    assert tiny.lane_ge == blocks["nmpu_lane"].ge
    assert blocks["nmpu_lane"].instances == 2
    assert tiny.ge > 2 * tiny.lane_ge
    library = Library.read()
    flip_flops = {name: count for name, count in tiny.cells.items() if library.cells[name].sequential}
    assert tiny.sequential_ge == pytest.approx(sum(library.cells[n].area * k for n, k in flip_flops.items()), abs=0.01)
    # 8 columns of 13-bit parameters, the 2 x 13 read register and 2 lanes of 4-bit results with 2 flags; then control
    assert 8 * 13 + 2 * 13 + 2 * 6 <= sum(flip_flops.values()) <= 8 * 13 + 2 * 13 + 2 * 6 + 24
    assert tiny.critical_path_ps is not None
    assert 200 < tiny.critical_path_ps < 2000
    assert tiny.tools["yosys"].startswith("0.")
    left = {path.name for path in (folder / "area").iterdir()}
    assert left == {"command", "log", "synthesize.ys", "source.v", "cells.lib", "constr"} | {
        "modules.json",
        "flat.json",
        "netlist.v",
        "blocks.v",
        "result.json",
    }
    assert AreaResult.model_validate_json((folder / "area" / "result.json").read_text()) == tiny


@pytest.mark.parametrize("odd", list("'\";\n"))
def test_folders_that_abc_cannot_take(odd: str, tmp_path: Path) -> None:
    source = tmp_path / "t.v"
    source.write_text("module t(input a, output y); assign y = !a; endmodule\n")
    with pytest.raises(ValueError, match=r"^the output folder .* in its path, which ABC cannot take; choose another$"):
        synthesize(source, "t", tmp_path / f"a{odd}b", Library.read())
    assert [p.name for p in tmp_path.iterdir()] == ["t.v"]


def test_same_area_again(tiny: AreaResult, tmp_path: Path) -> None:
    assert measured(preset("tiny"), tmp_path) == tiny


def test_wider_scales_cost_more(tiny: AreaResult, tmp_path: Path) -> None:
    wider = measured(load(preset_name="tiny", settings=["scale.format=UQ1.7"]), tmp_path)
    assert wider.lane_ge > 1.2 * tiny.lane_ge
    assert wider.sequential_ge > tiny.sequential_ge


def test_external_memory_is_not_counted(tiny: AreaResult, tmp_path: Path) -> None:
    outside = measured(load(preset_name="tiny", settings=["how.memory=external"]), tmp_path)
    assert not {"nmpu_memory", "nmpu_words"} & {block.name for block in outside.blocks}
    assert outside.ge < tiny.ge / 1.5
    assert any("memories in flip-flops (nmpu_words); how.memory = macro" in warning for warning in tiny.warnings)
    assert not any("flip-flops" in warning for warning in outside.warnings)


def test_arrays_of_a_tile() -> None:
    tile, bare = preset("tiny-tile"), load(preset_name="tiny-tile", settings=["how.memory=macro", "tile.pool=0"])
    kinds = ("descriptors_words", "params_words", "pool_words", "sums_words", "table_array")
    assert arrays(emit(tile)) == {f"nmpu_{kind}" for kind in kinds}
    assert arrays(emit(bare)) == set()


def test_macros_of_a_tile(tmp_path: Path) -> None:
    """Those whose area is known are counted, in every place; of the others it is said how to count them."""
    config, library = load(preset_name="tiny-tile", settings=["how.memory=macro"]), Library.read()
    (tmp_path / "nmpu.v").write_text(emit(config))
    sized = [parse_macro(text) for text in ("params:16:38:1000", "sums:9:99:500.5")]
    result = area(tmp_path / "nmpu.v", config, tmp_path / "area", sized=sized)
    logic = sum(library.cells[name].area * count for name, count in result.cells.items())
    assert result.top == "nmpu_axi"
    assert result.ge == pytest.approx(logic + 2 * 1000 + 500.5)
    assert 0.95 * logic <= sum(block.ge * block.instances for block in result.blocks) <= 1.05 * logic
    assert [(m.name, m.instances, m.words, m.bits, m.ge) for m in result.macros] == [
        ("params", 2, 16, 38, 1000),
        ("sums", 1, 4, 36, 500.5),
        ("table", 2, 32, 4, None),
        ("descriptors", 1, 192, 32, None),
    ]
    asked = re.findall(r"`--macro (\S+)`", "\n".join(result.warnings))
    assert asked == ["table:32:4:<NAND2s>", "descriptors:192:32:<NAND2s>"]
    left = {path.name for path in (tmp_path / "area").glob("*.lib")}
    assert left == {"cells.lib", "nmpu_macro_params.lib", "nmpu_macro_sums.lib"}


def test_sizes_of_macros(tmp_path: Path) -> None:
    """A size that is wrong is refused before anything is begun; one that is no longer given leaves nothing behind."""
    config, source = load(preset_name="tiny", settings=["how.memory=macro"]), tmp_path / "nmpu.v"
    source.write_text(emit(config))
    first = area(source, config, tmp_path / "area", sized=[parse_macro("params:4:26:77")])
    assert (tmp_path / "area" / "nmpu_macro_params.lib").exists()
    with pytest.raises(ValueError, match="params: 3 words of 26 bits are too small"):
        area(source, config, tmp_path / "area", sized=[parse_macro("params:3:26:77")])
    assert AreaResult.model_validate_json((tmp_path / "area" / "result.json").read_text()) == first
    again = area(source, config, tmp_path / "area")
    assert again.ge == pytest.approx(first.ge - 77)
    assert not (tmp_path / "area" / "nmpu_macro_params.lib").exists()


def test_macros_in_um2(tmp_path: Path) -> None:
    """A library whose NAND2 has 2 um2."""
    text = re.sub(r"area : ([\d.]+);", lambda found: f"area : {2 * float(found[1])};", NEUTRAL.read_text())
    (tmp_path / "own.lib").write_text(text.replace("library (nmpu_neutral)", "library (own)"))
    library = Library.read(tmp_path / "own.lib")
    assert library.nand2.area == 2
    modules = {
        "nmpu": Mapped("nmpu", {}, {"nmpu_lane": 1}, None),
        "nmpu_lane": Mapped("nmpu_lane", {"NAND2_X1": 3}, {}, 1.0),
    }
    boxes = [
        MacroArea(name="a", instances=2, words=4, bits=8, area_um2=10.0, ge=5.0),
        MacroArea(name="b", instances=1, words=4, bits=8, area_um2=None, ge=None),
    ]
    result = measure(
        Netlist("nmpu", Path("netlist.v"), Path("blocks.v"), modules, {"NAND2_X1": 3}, "0"), library, boxes
    )
    assert (result.ge, result.area_um2) == (3 + 2 * 5, 3 * 2 + 2 * 10)


def test_dont_use_is_obeyed(tiny: AreaResult, tmp_path: Path) -> None:
    avoiding = ("X*OR2_*", "DFFE_*", "NO_SUCH_*")
    result = measured(preset("tiny"), tmp_path, dont_use=avoiding)
    assert any(name.startswith(("XOR2", "DFFE")) for name in tiny.cells)
    assert not any(re.match("X.*OR2_|DFFE_", name) for name in result.cells)
    assert any("NO_SUCH_*" in warning for warning in result.warnings)
    assert sum(b.ge * b.instances for b in result.blocks if b.name not in ("nmpu_memory", "nmpu_words")) > 0


def test_flattened_before_mapping(tiny: AreaResult, folder: Path, tmp_path: Path) -> None:
    library = Library.read()
    netlist = synthesize(folder / "nmpu.v", "nmpu", tmp_path, library, flatten=True)
    assert list(netlist.modules) == ["nmpu"]
    ge = sum(library.cells[name].area * count for name, count in netlist.cells.items())
    assert ge == pytest.approx(tiny.ge, rel=0.15)


def test_tools_that_fail(folder: Path, tiny: AreaResult, tmp_path: Path) -> None:
    with pytest.raises(ToolFailed, match="failed with exit status 1"):
        run_script(["read_verilog nowhere.v"], tmp_path, ("x.json",))
    with pytest.raises(ToolFailed, match=r"ended without writing x\.json"):
        run_script(["log nothing"], tmp_path, ("x.json",))
    with pytest.raises(ToolFailed, match=r"stopped: .*ERROR: so it seems"):
        run_script(["tee -o x.json log yes", "log ERROR: so it seems"], tmp_path, ("x.json",))
    assert not (tmp_path / "x.json").exists()
    with pytest.raises(ValueError, match="has no module other; it has nmpu, "):
        synthesize(folder / "nmpu.v", "other", tmp_path, Library.read())


BENCH = """`timescale 1ns/1ps
module bench;
  reg clk = 0, rst = 1;
  integer k, j, compared = 0, wrong = 0;
  reg [{bits}:0] stimulus;
  {wires}
  nmpu rtl({rtl}, .clk(clk), .rst(rst));
  gates netlist({gates}, .clk(clk), .rst(rst));
  always @(negedge clk) begin
    for (j = 0; j <= {bits}; j = j + 1) stimulus[j] <= $random;
    rst <= $time < 40;
  end
  always @(posedge clk) if ($time > 100) begin
    {compare}
  end
  initial begin
    for (k = 0; k < 20000; k = k + 1) #5 clk = ~clk;
    $display("compared %0d wrong %0d", compared, wrong);
    $finish;
  end
endmodule
"""


@pytest.mark.skipif(not shutil.which("iverilog"), reason="needs Icarus Verilog")
def test_netlist_does_what_the_source_does(tiny: AreaResult, folder: Path, tmp_path: Path) -> None:
    """Source and netlist beside each other, with random pins; wherever the source knows its output they agree."""
    source, netlist = (folder / "nmpu.v").read_text(), (folder / "area" / "netlist.v").read_text()
    head = netlist[: netlist.index("wire _")]
    declared = re.findall(r"^  (input|output) (?:signed )?(?:\[(\d+):0\] )?(\w+);", head, re.MULTILINE)
    pins = {name: (direction, int(high or 0)) for direction, high, name in declared}
    connect: dict[str, list[str]] = {"r": [], "g": []}
    wires: list[str] = []
    compare: list[str] = []
    at = 0
    for name, (direction, high) in pins.items():
        if direction == "output":
            wires.append(f"wire [{high}:0] r_{name}, g_{name};")
            compare.append(f"if (^r_{name} !== 1'bx) begin compared = compared + 1;")
            compare.append(f"if (r_{name} !== g_{name}) wrong = wrong + 1; end")
            for side, ports in connect.items():
                ports.append(f".{name}({side}_{name})")
        elif name not in ("clk", "rst"):
            for ports in connect.values():
                ports.append(f".{name}(stimulus[{at + high}:{at}])")
            at += high + 1
    bench = BENCH.format(
        bits=at - 1,
        wires="\n  ".join(wires),
        compare="\n    ".join(compare),
        rtl=", ".join(connect["r"]),
        gates=", ".join(connect["g"]),
    )
    models = cell_models(Library.read(), tiny.cells)
    text = source + netlist.replace("module nmpu(", "module gates(") + models + bench
    (tmp_path / "all.v").write_text(text)
    subprocess.run(["iverilog", "-g2005", "-o", "all", "-s", "bench", "all.v"], cwd=tmp_path, check=True)
    said = subprocess.run(
        ["vvp", "-n", "all"], cwd=tmp_path, check=True, capture_output=True, text=True, timeout=120
    ).stdout
    found = re.search(r"compared (\d+) wrong (\d+)", said)
    assert found, said
    assert int(found[1]) > 20000
    assert int(found[2]) == 0


NANGATE = Path(__file__).parents[2] / "shared" / "lib" / "nangate45_typ.lib"


@pytest.mark.skipif(not NANGATE.exists(), reason=f"{NANGATE} is not on this machine")
@pytest.mark.parametrize(("stages", "ge", "picoseconds"), [(1, 1300, 1870), (2, 1500, 1250)])
def test_lane_of_the_paper_stays_small(stages: int, ge: float, picoseconds: float, tmp_path: Path) -> None:
    """Measured 1,241 GE / 1.69 ns and 1,399 GE / 1.18 ns (docs/area.md); ABC scatters by 3 to 5 %."""
    config = load(settings=[f"how.stages={stages}", "how.memory=external"])
    result = measured(config, tmp_path, ("*_X16", "*_X32"), NANGATE)
    assert result.lane_ge < ge
    assert result.critical_path_ps is not None
    assert result.critical_path_ps < picoseconds
