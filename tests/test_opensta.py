"""OpenSTA: what its scripts begin with, what its answers are read as, and trees of buffers on large nets."""

from __future__ import annotations

import shutil
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from flows import opensta, timing_paths
from flows.buffers import Design, buffered, tree_buffer
from flows.library import NEUTRAL, Library
from flows.opensta import Surroundings, check_wires, preamble, run_script, wire_loads
from flows.synthesize import Netlist, synthesize
from flows.timing_analysis import parse_slack
from flows.timing_paths import parse_paths
from flows.tool import ToolFailed, ToolMissing
from nmpu_hdl.presets import preset
from nmpu_hdl.verilog import emit

DATA = Path(__file__).parent / "data"
needs_sta = pytest.mark.skipif(not shutil.which("sta"), reason="needs OpenSTA: apt-get install opensta")

MODEL = """
  wire_load ("two_ff") { resistance : 0; capacitance : 1; area : 0; slope : 2; fanout_length (1, 2); }
  wire_load (large) { resistance : 0; capacitance : 9; area : 0; slope : 1; fanout_length (1, 1); }
"""


@pytest.fixture(scope="module")
def wired(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """The neutral library with two wire-load models, in a folder with a space."""
    file = tmp_path_factory.mktemp("a library") / "with wires.lib"
    head, unit, rest = NEUTRAL.read_text().partition("capacitive_load_unit (1, ff);")
    file.write_text(head + unit + MODEL + rest)
    return Library.read(file)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory, wired: Library) -> Netlist:
    folder = tmp_path_factory.mktemp("a folder with spaces")
    (folder / "nmpu.v").write_text(emit(preset("tiny")))
    return synthesize(folder / "nmpu.v", "nmpu", folder / "work", wired)


def slack(netlist: Netlist, library: Library, work: Path, around: Surroundings) -> float:
    script = preamble(netlist.blocks.read_text(), netlist.top, work, library, around)
    return parse_slack(run_script([*script, "report_worst_slack -digits 6"], work))


@pytest.mark.parametrize(
    ("name", "blocks", "first"),
    [
        ("nangate45", {"arbiter", "input", "lane", "memory", "output", "pipeline", "sequencer"}, "DFF_X1"),
        ("asap7", {"input", "top", "output"}, ""),
        ("sky130", {"input", "top", "output"}, ""),
    ],
)
def test_recorded_paths(name: str, blocks: set[str], first: str) -> None:
    log = (DATA / f"opensta_{name}.log").read_text()
    found = parse_paths(log)
    worst = found.worst[0]
    assert worst.slack_ps == pytest.approx(parse_slack(log), abs=0.01), "the worst pair has the worst path of all"
    assert [path.slack_ps for path in found.worst] == sorted(path.slack_ps for path in found.worst)
    assert {path.start for path in found.worst} | {path.end for path in found.worst} == blocks
    assert len({(path.start, path.end) for path in found.worst}) == len(found.worst)
    assert worst.points[0].type == first
    assert set(found.fanout) == {point.pin for point in worst.points if point.drives}
    assert min(found.fanout.values()) >= 1
    for path in found.worst:
        arrivals = [point.arrival_ps for point in path.points]
        assert arrivals == sorted(arrivals)
        assert path.points[0].drives
        assert {point.block for point in path.points} >= {path.start, path.end} - {"top"}


def test_recorded_names() -> None:
    worst = parse_paths((DATA / "opensta_nangate45.log").read_text()).worst[0]
    assert (worst.start, worst.end) == ("memory", "lane")
    assert worst.points[0].cell.startswith("memory/words_0/_")
    assert worst.points[-1].cell.startswith("lane_0/_")
    assert not worst.points[-1].drives
    port = parse_paths((DATA / "opensta_asap7.log").read_text()).worst[0].points[0]
    assert (port.pin, port.cell, port.type, port.arrival_ps) == ("codes[1]", "codes[1]", "", 100)


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("", "has no end"),
        ("nmpu path input lane -3\n", "has no end"),
        ("nmpu path input lane\nnmpu done\n", "not a list of paths"),
        ("nmpu path input lane x\nnmpu done\n", "not a list of paths"),
        ("nmpu point 3 output INV_X1 lane lane_0/_1_/Y\nnmpu done\n", "not a list of paths"),
        ("nmpu fanout x lane_0/_1_/Y\nnmpu done\n", "not a list of paths"),
    ],
)
def test_other_logs(log: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_paths(log)
    with pytest.raises(ValueError, match="no worst slack"):
        parse_slack(log)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ((0,), "period = 0 ps: a clock needs a period above 0"),
        ((float("nan"),), "period = nan ps: a clock needs a period above 0"),
        ((1000, -1), "input delay = -1 ps: it must be 0 or more"),
        ((1000, 0, float("inf")), "output delay = inf ps: it must be 0 or more"),
        ((1000, 0, 0, "-2"), "wires = -2: fF for each pin must be 0 or more"),
        ((1000, 0, 0, "nan"), "wires = nan: fF for each pin must be 0 or more"),
    ],
)
def test_numbers_that_make_no_sense(words: tuple[Any, ...], complaint: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011
        Surroundings(*words)
    assert str(error.value) == complaint


def test_wire_loads_by_name(wired: Library) -> None:
    assert wire_loads(wired.path) == ("two_ff", "large")
    check_wires(Surroundings(1000, wires="large"), wired)
    with pytest.raises(
        ValueError, match=r"^wires = 'huge': nmpu_neutral has no such wire_load; .* one of two_ff, large"
    ):
        check_wires(Surroundings(1000, wires="huge"), wired)
    with pytest.raises(ValueError, match="has no such wire_load; none or a number of fF would do"):
        check_wires(Surroundings(1000, wires="huge"), Library.read())


def test_preamble_leaves_what_the_script_reads(tiny: Netlist, wired: Library, tmp_path: Path) -> None:
    assert " signed " in tiny.blocks.read_text(), "else this tests nothing"
    script = preamble(tiny.blocks.read_text(), "nmpu", tmp_path / "w", wired, Surroundings(750, 20, 30))
    assert " signed " not in (tmp_path / "w" / "netlist.v").read_text()
    assert (tmp_path / "w" / "library_0.lib").resolve() == wired.path.resolve()
    assert "create_clock -name clk -period 750 [get_ports clk]" in script
    assert "set_input_delay 20 -clock clk $inputs" in script
    assert "set_driving_cell -lib_cell BUF_X1 $inputs" in script


def test_without_sta(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not opensta.available()
    with pytest.raises(ToolMissing, match="sta is not installed; get it with: apt-get install opensta"):
        run_script(["puts 3"], tmp_path)


@needs_sta
def test_an_error_is_one_whatever_the_exit_status(tmp_path: Path) -> None:
    assert "12\n" in run_script(["puts [expr 3 * 4]"], tmp_path)
    with pytest.raises(ToolFailed, match=r"OpenSTA stopped: Error: .*nowhere"):
        run_script(["read_verilog nowhere.v", "puts 3"], tmp_path)
    assert opensta.version(tmp_path)[0].isdigit()


@needs_sta
def test_wires_slow_it_down(tiny: Netlist, wired: Library, tmp_path: Path) -> None:
    """fF for each pin do what a model of the library does that says the same."""
    found = {
        w: slack(tiny, wired, tmp_path / w, Surroundings(1000, wires=w)) for w in ("none", "0", "2", "two_ff", "4")
    }
    assert found["none"] == found["0"]
    assert found["none"] > found["2"] > found["4"]
    assert found["2"] == pytest.approx(found["two_ff"], abs=0.01)


@needs_sta
def test_delays_outside_and_the_period_move_the_slack(tiny: Netlist, wired: Library, tmp_path: Path) -> None:
    """Every nanosecond of the period is one of slack; a delay outside counts as soon as its path is the worst."""
    base, longer, inputs = (
        slack(tiny, wired, tmp_path / str(n), Surroundings(*words))
        for n, words in enumerate([(1000, 1000), (3000, 1000), (1000, 1500)])
    )
    assert longer == pytest.approx(base + 2000, abs=0.01)
    assert inputs == pytest.approx(base - 500, abs=0.01)


@needs_sta
def test_question_names_blocks(tiny: Netlist, wired: Library, tmp_path: Path) -> None:
    script = preamble(tiny.blocks.read_text(), "nmpu", tmp_path, wired, Surroundings(1000))
    found = parse_paths(run_script([*script, timing_paths.QUESTION, "report_worst_slack -digits 6"], tmp_path))
    assert found.worst[0].slack_ps == pytest.approx(parse_slack((tmp_path / "log").read_text()), abs=0.01)
    assert {path.end for path in found.worst} >= {"lane", "memory", "output", "pipeline", "sequencer"}


def _cell(kind: str, **pins: int) -> dict[str, Any]:
    return {"type": kind, "connections": {name: [bit] for name, bit in pins.items()}}


def _ports(**bits: int) -> dict[str, Any]:
    return {name: {"direction": "input", "bits": [bit]} for name, bit in bits.items()}


def test_trees_reach_all_and_load_none_too_much() -> None:
    """An inverter drives 12 modules of 20 inverters each, an input of the top 300 flip-flops with their clock."""
    library = Library.read()
    leaf = {f"i{n}": _cell("INV_X1", A=3, Y=10 + n) for n in range(20)}
    top = {f"leaf_{n}": _cell("leaf", clk=2, a=5) for n in range(12)} | {"root": _cell("INV_X1", A=4, Y=5)}
    top |= {f"f{n}": _cell("DFF_X1", CK=2, D=4, Q=100 + n) for n in range(300)}
    modules = {
        "top": {"ports": _ports(clk=2, x=4), "cells": top, "netnames": {"all": {"bits": list(range(2, 500))}}},
        "leaf": {"ports": _ports(clk=2, a=3), "cells": leaf, "netnames": {}},
    }
    before = {(name, pin): bits[0] for name, cell in top.items() for pin, bits in cell["connections"].items()}
    design = Design(modules, "top", library)
    design.insert()
    buffer = tree_buffer(library)
    assert (design.buffer, buffer.name) == (buffer, "BUF_X8")
    cells: dict[str, Any] = modules["top"]["cells"]
    source = {cell["connections"]["Y"][0]: cell["connections"]["A"][0] for cell in cells.values() if _is(cell, buffer)}
    assert len(source) == design.total("top") > 10
    loads: dict[int, float] = defaultdict(float)
    for name, cell in cells.items():
        pins = {"leaf": ["clk", "a"], "DFF_X1": ["CK", "D"]}.get(cell["type"], ["A"])
        for pin in pins:
            bit = cell["connections"][pin][0]
            at_leaf = 20 * 1.0 if cell["type"] == "leaf" else None
            loads[bit] += at_leaf or next((p.capacitance for p in library.cells[cell["type"]].pins if p.name == pin), 0)
            while bit in source:
                bit = source[bit]
            if (name, pin) in before:
                assert bit == before[name, pin], (name, pin)
            else:
                assert bit in (4, 5)
    limit = 16 * max(pin.capacitance for pin in buffer.pins)
    assert all(loads[bit] <= limit for bit in source)
    assert loads[4] <= 4 * library.output_load
    assert loads[5] <= 4 * library.output_load
    assert loads[2] > limit, "the clock's network is ideal, and left alone"


def _is(cell: dict[str, Any], buffer: Any) -> bool:
    return bool(cell["type"] == buffer.name)


def test_buffered_netlist_keeps_its_cells(tiny: Netlist, wired: Library, tmp_path: Path) -> None:
    done = buffered(tiny.blocks, "nmpu", tmp_path / "b", wired)
    text = done.verilog.read_text()
    assert text.count(f"  {done.buffer} nmpu_buffer_") == done.count > 0
    assert text.count("  DFFE_X1 _") == tiny.blocks.read_text().count("  DFFE_X1 _")
    lane = buffered(tiny.blocks, "nmpu_lane", tmp_path / "lane", wired)
    assert lane.verilog.read_text().count("\nmodule ") == 1
