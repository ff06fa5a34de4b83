"""LibreLane's files: what is in them, that its own loader takes them, and that OpenSTA takes the constraints."""

from __future__ import annotations

import importlib
import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from flows.layout.asked import LANE, Asked, core_of
from flows.layout.librelane import PDKS, die, librelane, port_bits
from flows.opensta import run_script
from nmpu_hdl.presets import load, preset
from nmpu_hdl.verilog import emit

SKY130 = Path(__file__).parents[2] / "shared" / "lib" / "sky130hd_tt.lib"


def lines_of_sides(order: str) -> dict[str, list[str]]:
    """The bits of each side of a file with the order of pins, without the escapes of regular expressions."""
    blocks = [block.splitlines() for block in order.strip().split("\n\n")]
    return {block[0]: [line.replace("\\", "") for line in block[1:]] for block in blocks}


def test_lane(tmp_path: Path) -> None:
    """Codes at the bottom, activations at the top, in their order; every pin once; the clock that is asked for."""
    files = librelane(load(settings=["how.stages=2"]), tmp_path, Asked(target_ps=4200, density=0.55))
    assert [file.parent.name for file in files] == ["sky130A", "ihp-sg13g2"]
    for file, pdk in zip(files, PDKS, strict=True):
        variables = json.loads(file.read_text())
        assert variables["DESIGN_NAME"] == LANE
        assert (variables["PDK"], variables["STD_CELL_LIBRARY"]) == (pdk.name, pdk.cells)
        assert (variables["CLOCK_PERIOD"], variables["FP_CORE_UTIL"]) == (4.2, 55)
        assert variables["FP_SIZING"] == "relative"
        sides = lines_of_sides((file.parent / "pin_order.cfg").read_text())
        assert sides["#S"] == [f"codes[{k}]" for k in range(20)]
        assert sides["#N"] == [*(f"y[{k}]" for k in range(8)), "low", "high"]
        verilog = (file.parent / "nmpu.v").read_text()
        assert sorted(bit for bits in sides.values() for bit in bits) == sorted(port_bits(verilog, LANE))
        assert "create_clock -name clk -period 4.2 [get_ports clk]" in (file.parent / "constraints.sdc").read_text()


def test_core_has_lanes_from_left_to_right(tmp_path: Path) -> None:
    file, _ = librelane(preset("tiny"), tmp_path, Asked(lanes=2))
    sides = lines_of_sides((file.parent / "pin_order.cfg").read_text())
    assert json.loads(file.read_text())["DESIGN_NAME"] == "nmpu"
    tops = [bit for bit in sides["#N"] if not bit.startswith("m_axis_tuser")]
    assert tops == [f"m_axis_tdata[{k}]" for k in range(len(tops))]
    flags = [bit for bit in sides["#N"] if bit.startswith("m_axis_tuser")]
    assert flags == [f"m_axis_tuser[{k}]" for k in (0, 2, 1, 3)]  # low end and high end of lane 0, then of lane 1


def test_width_makes_a_die_as_high_as_its_cells_need(tmp_path: Path) -> None:
    file, other = librelane(preset("tiny"), tmp_path, Asked(width_um=40))
    variables = json.loads(file.read_text())
    left, bottom, right, top = variables["DIE_AREA"]
    assert (left, bottom, right, variables["FP_SIZING"]) == (0, 0, 40, "absolute")
    rows = (top - 2 * 4 * 2.72) / 2.72
    assert rows == pytest.approx(round(rows))
    assert rows >= 1
    assert json.loads(other.read_text())["DIE_AREA"][3] > top  # 130 nm cells of twice the area


def test_height_by_hand() -> None:
    """1,000 GE of 3.7536 um2 at half the density are 7,507.2 um2; 100 um less 11.04 leave 88.96: 84.4 um, 32 rows."""
    found = die(PDKS[0], Asked(width_um=100, density=0.5), 1000)
    assert found["DIE_AREA"] == [0, 0, 100, round((32 + 8) * 2.72, 3)]


def test_too_narrow(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^width = 11 um: LibreLane leaves 11\.04 um free beside the cells"):
        librelane(preset("tiny"), tmp_path, Asked(width_um=11))


def test_equal_configurations_give_equal_bytes(tmp_path: Path) -> None:
    texts = []
    for name in ("one", "two"):
        files = librelane(preset("tiny"), tmp_path / name, Asked(width_um=60))
        texts.append([path.read_text() for file in files for path in sorted(file.parent.iterdir())])
    assert texts[0] == texts[1]
    assert len(texts[0]) == 8


def test_port_bits_of_another_module() -> None:
    with pytest.raises(ValueError, match=r"^this Verilog has no module nothing with ports$"):
        port_bits(emit(core_of(preset("tiny"), None)), "nothing")


@pytest.mark.parametrize("lanes", [None, 2])
def test_loader(tmp_path: Path, lanes: int | None) -> None:
    """LibreLane's loader knows all variables, takes their values, and finds the files; its parser reads the pins.

    It has no technology here: variables that a technology has, such as the names of its layers, are left out.
    """
    config = pytest.importorskip("librelane.config", reason="librelane is not installed: pip install librelane")
    flow = importlib.import_module("librelane.flows").Flow.factory.get("Classic")
    steps = [variable for step in flow.Steps for variable in step.config_vars]
    every = [*config.universal_flow_config_variables, *flow.config_vars, *steps]
    known = {variable.name: variable for variable in every if not variable.pdk or variable.name == "STD_CELL_LIBRARY"}
    for file in librelane(preset("tiny"), tmp_path, Asked(lanes=lanes, width_um=60 if lanes is None else None)):
        loaded = load_with(config, file, list(known.values()), tmp_path)
        variables = json.loads(file.read_text())
        assert loaded["DESIGN_NAME"] == variables["DESIGN_NAME"]
        assert float(loaded["CLOCK_PERIOD"]) == variables["CLOCK_PERIOD"]
        assert [Path(path) for path in loaded["VERILOG_FILES"]] == [file.parent / "nmpu.v"]
        assert Path(loaded["IO_PIN_ORDER_CFG"]).is_file()
        assert Path(loaded["PNR_SDC_FILE"]).is_file()
        variables["FP_CORE_UTILISATION"] = variables.pop("FP_CORE_UTIL")
        file.write_text(json.dumps(variables))
        with pytest.raises(ValueError, match="FP_CORE_UTILISATION"):
            load_with(config, file, list(known.values()), tmp_path)
        check_order(file.parent / "pin_order.cfg")


def load_with(config: Any, file: Path, variables: list[Any], folder: Path) -> Mapping[str, Any]:
    """What LibreLane's loader makes of a configuration, without a technology."""
    (folder / json.loads(file.read_text())["PDK"]).mkdir(exist_ok=True)
    loaded, _ = config.Config.load(str(file), variables, pdk_root=str(folder), _load_pdk_configs=False)
    found: Mapping[str, Any] = loaded
    return found


def check_order(file: Path) -> None:
    """LibreLane's parser finds the bits that are on each side."""
    folder = Path(importlib.import_module("librelane").__path__[0]) / "scripts" / "odbpy"
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)  # its steps have it as a script beside them, not in the package
        parse = importlib.import_module("ioplace_parser").parse
    wanted = lines_of_sides(file.read_text())
    found = parse(file.read_text())
    assert {f"#{side}": [re.sub(r"\\", "", pin) for pin in said.pins] for side, said in found.items()} == wanted


@pytest.mark.skipif(not shutil.which("sta"), reason="needs OpenSTA: apt-get install opensta")
@pytest.mark.skipif(not SKY130.exists(), reason=f"{SKY130} is not on this machine")
def test_constraints(tmp_path: Path) -> None:
    """OpenSTA takes the constraints, with the variables as LibreLane sets them for sky130A."""
    file, _ = librelane(preset("tiny"), tmp_path / "files", Asked(target_ps=5000))
    said = {
        "SYNTH_DRIVING_CELL": "sky130_fd_sc_hd__inv_2/Y",
        "OUTPUT_CAP_LOAD": "33.442",
        "MAX_FANOUT_CONSTRAINT": "10",
        "MAX_TRANSITION_CONSTRAINT": "0.75",
        "CLOCK_UNCERTAINTY_CONSTRAINT": "0.25",
        "CLOCK_TRANSITION_CONSTRAINT": "0.15",
        "TIME_DERATING_CONSTRAINT": "5",
    }
    (tmp_path / "one.v").write_text(
        "module one(clk, d, q);\n  input clk, d;\n  output q;\n"
        "  sky130_fd_sc_hd__dfxtp_1 flop (.CLK(clk), .D(d), .Q(q));\nendmodule\n"
    )
    script = [
        f"read_liberty {SKY130}",
        "read_verilog one.v",
        "link_design one",
        *(f"set ::env({name}) {value}" for name, value in said.items()),
        f"read_sdc {file.parent / 'constraints.sdc'}",
        "report_clock_properties",
        "report_checks",
    ]
    log = run_script(script, tmp_path)
    assert re.search(r"^clk +5\.00 ", log, re.MULTILINE)
    assert "clock uncertainty" in log
    assert "Warning" not in log
