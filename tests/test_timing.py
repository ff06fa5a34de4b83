"""Timing: what is found of the unit and of a lane, what a target or stages change, and what is said of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flows.area import area
from flows.generate import generate
from flows.library import Library
from flows.opensta import Surroundings
from flows.pipeline import Pipelined, TooSlow, pipeline
from flows.synthesize import Netlist, synthesize
from flows.target import synthesize_for
from flows.timing import LANE, timing
from flows.timing_analysis import analyse
from flows.timing_result import TimingResult
from nmpu_hdl.presets import build, load, preset

needs_sta = pytest.mark.skipif(not shutil.which("sta"), reason="needs OpenSTA: apt-get install opensta")
NANGATE = Path(__file__).parents[2] / "shared" / "lib" / "nangate45_typ.lib"
needs_nangate = pytest.mark.skipif(not NANGATE.exists(), reason=f"{NANGATE} is not on this machine")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("a folder with spaces")
    generate(preset("tiny"), folder)
    return folder


@pytest.fixture(scope="module")
def tiny(folder: Path) -> TimingResult:
    return timing(folder / "nmpu.v", preset("tiny"), folder / "timing", period_ps=2000, input_delay_ps=10)


@pytest.fixture(scope="module")
def netlist(folder: Path) -> Netlist:
    return synthesize(folder / "nmpu.v", "nmpu", folder / "netlist", Library.read())


@needs_sta
def test_the_worst_path_adds_up(tiny: TimingResult, folder: Path) -> None:
    assert tiny.source == "opensta"
    assert TimingResult.model_validate_json((folder / "timing" / "result.json").read_text()) == tiny
    worst = tiny.paths[0]
    assert sum(step.delay_ps for step in tiny.critical) == pytest.approx(worst.arrival_ps, abs=0.1)
    assert tiny.slack_ps == worst.slack_ps == min(path.slack_ps for path in tiny.paths)
    assert tiny.min_period_ps == pytest.approx(2000 - tiny.slack_ps)
    assert tiny.f_max_mhz == pytest.approx(1e6 / tiny.min_period_ps, abs=0.01)
    assert tiny.min_period_ps > worst.arrival_ps, "setup is counted"
    assert worst.cells == sum(step.type != "" for step in tiny.critical) > 10
    assert tiny.critical[0].cell == worst.start_point
    assert tiny.critical_block == worst.end == "lane"
    assert worst.through[0] == worst.start
    assert worst.through[-1] == worst.end
    assert {"yosys", "pyosys", "opensta"} == tiny.tools.keys()
    assert any("nominal" in warning for warning in tiny.warnings)
    assert any("wires have neither" in warning for warning in tiny.warnings)
    assert (tiny.voltage, tiny.temperature, tiny.conditions) == (1, 25, "nominal")


@needs_sta
def test_the_least_period_does_not_depend_on_the_period(tiny: TimingResult, folder: Path, netlist: Netlist) -> None:
    other = analyse(netlist, Library.read(), folder / "other", Surroundings(500, 10))
    assert other.min_period_ps == pytest.approx(tiny.min_period_ps, abs=0.01)
    assert other.slack_ps == pytest.approx(tiny.slack_ps - 1500, abs=0.01)


@needs_sta
def test_a_lane_by_itself(tiny: TimingResult, folder: Path, netlist: Netlist) -> None:
    lane = analyse(netlist, Library.read(), folder / "lane", Surroundings(1000), top=LANE)
    assert {path.start for path in lane.paths} | {path.end for path in lane.paths} == {"input", "top", "output"}
    assert 0.7 * tiny.min_period_ps < lane.min_period_ps < tiny.min_period_ps
    with pytest.raises(ValueError, match="top = 'lane' is no module; nmpu"):
        analyse(netlist, Library.read(), folder / "lane", Surroundings(1000), top="lane")


def test_abc_s_estimate_without_sta(
    netlist: Netlist, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    result = analyse(netlist, Library.read(), tmp_path, Surroundings(1000))
    delays = {name: module.delay_ps for name, module in netlist.modules.items()}
    assert result.source == "abc"
    assert result.min_period_ps == max(delay for delay in delays.values() if delay is not None)
    assert delays[result.critical_block] == result.min_period_ps
    assert result.slack_ps == pytest.approx(1000 - result.min_period_ps)
    assert (result.paths, result.critical) == ((), ())
    assert "sta is not installed: this is ABC's estimate" in result.warnings[0]
    assert "opensta" not in result.tools
    lane = analyse(netlist, Library.read(), tmp_path, Surroundings(1000), top=LANE)
    assert lane.min_period_ps == delays[LANE]


@needs_sta
def test_paths_to_macros_are_said_not_to_be_timed(tmp_path: Path) -> None:
    config = load(preset_name="tiny", settings=["how.memory=macro"])
    generate(config, tmp_path)
    result = timing(tmp_path / "nmpu.v", config, tmp_path / "timing")
    assert result.macros == ("nmpu_macro_params",)
    assert any("paths to and from macros are not timed" in w and "nmpu_macro_params" in w for w in result.warnings)


@pytest.mark.parametrize("sta", [pytest.param(True, marks=needs_sta), False])
def test_a_lax_target_takes_less_area(
    sta: bool, netlist: Netlist, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not sta:
        monkeypatch.setenv("PATH", str(tmp_path))
    library = Library.read()
    lax = synthesize_for(5000, folder / "nmpu.v", "nmpu", tmp_path, library)

    def total(found: Netlist) -> float:
        return sum(library.cells[name].area * count for name, count in found.cells.items())

    assert total(lax) < total(netlist)
    hard = synthesize_for(1, folder / "nmpu.v", "nmpu", tmp_path, library)  # nothing meets it: the fastest there is
    assert total(hard) > total(netlist)
    assert (hard.modules[LANE].delay_ps or 0) < (netlist.modules[LANE].delay_ps or 0)


def test_recipes_that_abc_cannot_follow(folder: Path, tmp_path: Path) -> None:
    """Its faster recipes break down on tables of two points: what is left is the default."""
    library = Library.read(Path(__file__).parent / "data" / "activity" / "small.lib")
    plain = synthesize(folder / "nmpu.v", "nmpu", tmp_path / "plain", library)
    hard = synthesize_for(1, folder / "nmpu.v", "nmpu", tmp_path / "hard", library)
    assert (hard.cells, hard.modules) == (plain.cells, plain.modules)
    assert hard.blocks.exists()


@needs_sta
@needs_nangate
def test_a_hard_target_is_met_with_more_area(folder: Path, tmp_path: Path) -> None:
    """Measured 1.31 ns and 393 GE a lane for the least delay of the default recipe, 365 GE and 528 GE for these."""
    done = {}
    for target in (None, 1600, 1000):
        found = timing(folder / "nmpu.v", preset("tiny"), tmp_path / "t", library=NANGATE, target_ps=target)
        measured = area(folder / "nmpu.v", preset("tiny"), tmp_path / "a", library=NANGATE, target_ps=target)
        done[target] = found.min_period_ps, measured.lane_ge
        if target:
            assert found.period_ps == target
            assert found.min_period_ps <= target
            assert f"mapped for a period of {target} ps, not for the least delay" in measured.warnings
    assert done[1600][1] < done[None][1] < done[1000][1]
    assert done[1000][0] < done[None][0]


def test_pipeline_stops_at_the_first_that_meets_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ABC's estimate will do here.  An interrupted search goes on with the attempt that was not finished."""
    monkeypatch.setenv("PATH", str(tmp_path))

    class Interrupted(Exception):
        pass

    def interrupt(step: str) -> None:
        if step == "stages 2":
            raise Interrupted

    with pytest.raises(Interrupted):
        pipeline(preset("tiny"), tmp_path / "out", 600, interrupt)
    assert not (tmp_path / "out" / "nmpu.v").exists()
    first = (tmp_path / "out" / "timing" / "stages_1" / "log").stat().st_mtime_ns
    said: list[str] = []
    found: Pipelined = pipeline(preset("tiny"), tmp_path / "out", 600, said.append)
    assert said == ["stages 1", "stages 2"]
    assert (tmp_path / "out" / "timing" / "stages_1" / "log").stat().st_mtime_ns == first, "it was not done again"
    assert found.config.how.stages == 2
    assert list(found.tried) == [1, 2]
    assert found.tried[1] > 600 >= found.tried[2] == found.timing.min_period_ps
    generate(load(preset_name="tiny", settings=["how.stages=2"]), tmp_path / "same")
    for name in ("nmpu.v", "config.json", "manifest.json"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "same" / name).read_bytes()
    assert json.loads((tmp_path / "out" / "timing" / "result.json").read_text())["min_period_ps"] == found.tried[2]


def test_pipeline_of_a_tile_begins_with_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    tile = preset("tiny-tile")
    found = pipeline(build(tile.model_dump(mode="json")), tmp_path / "out", 10000, lambda step: None)
    assert list(found.tried) == [2]


def test_pipeline_that_no_number_meets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        TooSlow, match=r"^no number of stages from 1 to 4 meets 9 ps; the best, how.stages = \d, needs \d"
    ):
        pipeline(preset("tiny"), tmp_path / "out", 9, lambda step: None)
    assert not (tmp_path / "out" / "nmpu.v").exists()


def nmpu(work: Path, *words: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, **({"PATH": path} if path else {})}
    command = [sys.executable, "-m", "flows", "timing", "--preset", "tiny", *words]
    return subprocess.run(command, cwd=work, env=env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--period", "0"], "period = 0 ps: a clock needs a period above 0"),
        (["--period", "-5"], "period = -5 ps: a clock needs a period above 0"),
        (["--input-delay", "-1"], "input delay = -1 ps: it must be 0 or more"),
        (["--output-delay", "-1"], "output delay = -1 ps: it must be 0 or more"),
        (["--target-period", "0"], "target period = 0 ps: it must be above 0"),
        (["--wires", "thin"], "wires = 'thin': nmpu_neutral has no such wire_load; none or a number of fF would do"),
        (["--wires", "-1"], "wires = -1: fF for each pin must be 0 or more"),
        (["--pipeline", "auto"], "--pipeline auto looks for stages that meet a period; add --target-period PS"),
        (["--pipeline", "3", "--target-period", "9"], "'3'"),
        (["--pipeline", "auto", "--target-period", "-1"], "target period = -1 ps: it must be above 0"),
    ],
)
def test_mistakes_are_one_line(words: list[str], complaint: str, tmp_path: Path) -> None:
    done = nmpu(tmp_path, *words)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
    assert complaint in done.stderr
    assert not (tmp_path / "build" / "tiny" / "timing" / "result.json").exists()


def test_too_slow_is_one_line_and_status_1(tmp_path: Path) -> None:
    done = nmpu(tmp_path, "--pipeline", "auto", "--target-period", "20", path=str(tmp_path))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done.stderr
    assert "no number of stages from 1 to 4 meets 20 ps; the best, how.stages = " in done.stderr


def test_what_people_and_machines_are_told(tmp_path: Path) -> None:
    people = nmpu(tmp_path, "--period", "3000", path=str(tmp_path))
    assert people.stderr == ""
    assert "least period (ABC's estimate): " in people.stdout
    assert "slack at 3,000 ps: 2," in people.stdout
    assert "note: sta is not installed: this is ABC's estimate" in people.stdout
    machines = json.loads(nmpu(tmp_path, "--period", "3000", "--json", path=str(tmp_path)).stdout)
    assert (machines["source"], machines["period_ps"]) == ("abc", 3000)


@needs_sta
def test_people_are_shown_paths(tmp_path: Path) -> None:
    said = nmpu(tmp_path).stdout
    assert "least period (OpenSTA): " in said
    assert "more pairs with more slack" in said
    assert "memory" in said
