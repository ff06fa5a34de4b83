"""The comparison: its designs, its ratios and its page on recorded numbers, and a whole one on a tiny configuration."""

from __future__ import annotations

import importlib.util
import json
import math
import os
import shlex
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from flows.compare import compare, render
from flows.compare_chart import chart
from flows.compare_designs import FLOATS, core, floating, unit, words
from flows.compare_measure import Job, fastest, lane_of_floats, measured, pipelined
from flows.compare_ratios import Rows, ratios
from flows.compare_result import Comparison, LaneRow
from flows.library import Library
from flows.parallel import Crew
from flows.tool import ToolFailed, run
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.presets import load, preset

from .benchmarks import results
from .benchmarks.results import page

ROOT = Path(__file__).parents[1]
RECORDED = Path(__file__).parent / "data" / "compare_nangate45.json"
needs_sta = pytest.mark.skipif(not shutil.which("sta"), reason="needs OpenSTA: apt-get install opensta")


@pytest.fixture(scope="module")
def recorded() -> Comparison:
    return Comparison.model_validate_json(RECORDED.read_text())


def rows(result: Comparison) -> Rows:
    return Rows(
        fixed=result.lane("fixed", "configured"),
        plain=result.lane("fp16 fused", "unpipelined"),
        quick=result.lane("fp16 fused", "pipelined"),
        fast=result.lane("fixed", "fastest"),
        fast_float=result.lane("fp16 fused", "fastest"),
        nmpu=result.unit("NMPU", "configured"),
        alone=result.unit("NMPU, one lane built", "configured"),
        plain_unit=result.unit("FP16 unit, one lane built", "unpipelined"),
        quick_unit=result.unit("FP16 unit, one lane built", "pipelined"),
    )


# -- designs --


@pytest.mark.parametrize(
    "config",
    [
        preset("paper"),
        preset("tiny"),
        load(settings=["how.stages=3", "codes.format=UQ8.0", "guard=2", "rounding.modes=half_even,floor"]),
        floating(unit(preset("paper"), 1), 6, fused=False),
        floating(core(preset("tiny")), 1, counts=1, lean=True),
    ],
)
def test_words_make_the_configuration_again(config: NmpuConfig) -> None:
    said = shlex.split(words("area", config, Path("a b.lib"), ("*_X16",), target=1726.0))
    assert said[:3] == ["nmpu", "area", "--preset"]
    settings = [said[k + 1] for k, word in enumerate(said) if word == "--set"]
    assert load(preset_name=said[3], settings=settings).model_dump() | {"name": ""} == config.model_dump() | {
        "name": ""
    }
    assert said[-6:] == ["--lib", "a b.lib", "--dont-use", "*_X16", "--target-period", "1726"]


def test_designs_have_the_lane_of_the_configuration() -> None:
    config = load(settings=["how.stages=2", "how.built=8", "how.memory=macro"])
    small, outside, serial = core(config), unit(config), unit(config, 1)
    assert (small.array.columns, small.array.lanes, small.derived.built, small.how.memory) == (16, 4, 4, "internal")
    assert (outside.derived.built, serial.derived.walk, outside.how.memory) == (8, 64, "external")
    assert small.how.stages == outside.how.stages == 2
    assert small.scale == config.scale
    lanes = {name: floating(small, 5, **how).arithmetic for name, how in FLOATS.items()}
    assert len(set(lanes.values())) == len(FLOATS) == 3
    assert {lane.kind for lane in lanes.values()} == {"fp16"}


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        (["arithmetic.kind=fp16"], "compare starts from a core of fixed point; fixed and none would do"),
        (["tile.kind=axi", "how.stages=2"], "tile.kind = axi: compare starts from a core of fixed point"),
        (["activation.modes=leaky"], "activation.modes: leaky is not for arithmetic.kind = fp16"),
    ],
)
def test_configurations_without_a_counterpart(settings: list[str], complaint: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=complaint):
        compare(load(settings=settings), tmp_path / "compare", print)
    assert not (tmp_path / "compare").exists()


def test_stages_are_chosen_for_a_period(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="target period = None"):
        pipelined(Job(floating(preset("tiny"), 1), tmp_path, None, ()))


# -- processes --


def broken(folder: Path) -> None:
    run([sys.executable, "-c", "print('its last words'); exit(3)"], folder)


def test_a_crew_does_its_tasks_and_says_so() -> None:
    told: list[tuple[str, int, int]] = []
    with Crew(lambda *what: told.append(what)) as crew:
        tasks = [crew.do(f"root of {number}", math.isqrt, number) for number in (4, 9, 16)]
        assert [task.result() for task in tasks] == [2, 3, 4]
    assert sorted(name for name, _, _ in told) == ["root of 16", "root of 4", "root of 9"]
    assert [ended for _, ended, _ in told] == [1, 2, 3]


def test_a_crew_s_failures(tmp_path: Path) -> None:
    with (
        pytest.raises(ToolFailed, match=r"exit status 3; the log is .*/log\nits last words$") as caught,
        Crew(print) as crew,
    ):
        crew.do("broken", broken, tmp_path).result()
    assert caught.value.log == tmp_path / "log"
    with pytest.raises(ValueError, match="nonnegative"), Crew(print) as crew:
        crew.do("root", math.isqrt, -1).result()


# -- ratios --


def test_ratios_of_recorded_rows(recorded: Comparison) -> None:
    assert ratios(rows(recorded), recorded.library) == recorded.ratios
    found = {ratio.name: ratio for ratio in recorded.ratios}
    fixed, plain, quick = (getattr(rows(recorded), name) for name in ("fixed", "plain", "quick"))
    slow = plain.period_ps / quick.target_ps
    assert found["lane area, equal throughput"].ours == pytest.approx(slow * plain.ge / fixed.ge, abs=0.001)
    assert found["lane period"].ours == pytest.approx(plain.period_ps / fixed.period_ps, abs=0.001)
    serial, nmpu = rows(recorded).plain_unit, rows(recorded).nmpu
    assert (serial.cycles, nmpu.cycles) == (257, 5)
    assert found["time"].ours == pytest.approx(257 * serial.period_ps / (5 * nmpu.period_ps), rel=1e-4)
    assert [ratio.paper for ratio in recorded.ratios[:5]].count(None) == 0
    assert all(bool(r.note) == (r.paper is not None and r.ours < r.paper) for r in recorded.ratios)


def test_a_lane_that_does_not_keep_up_counts_more(recorded: Comparison) -> None:
    given = rows(recorded)
    slow = given.quick.model_copy(update={"meets": False, "equal_ge": 2 * given.quick.ge})
    name = "lane area, equal throughput and clock"
    one, two = (
        next(r for r in ratios(x, "") if r.name == name) for x in (given, Rows(**vars(given) | {"quick": slow}))
    )
    assert two.ours == pytest.approx(2 * given.quick.ge / given.fixed.ge, abs=0.001)
    assert one.note
    assert "slower still" not in one.note
    assert not two.note or "slower still" in two.note


def test_public_cores_explain_in_their_own_library_only(recorded: Comparison) -> None:
    def notes(library: str, **changed: float) -> str:
        given = rows(recorded)
        plain = given.plain.model_copy(update=changed)
        return " ".join(ratio.note for ratio in ratios(Rows(**vars(given) | {"plain": plain}), library))

    assert "HardFloat's of two counts has 6,586 GE" in notes("NangateOpenCellLibrary")
    assert "HardFloat" not in notes("asap7")
    assert "HardFloat" not in notes("NangateOpenCellLibrary", ge=7000.0), "ours would be the larger one"


def test_rows_hold_together(recorded: Comparison) -> None:
    fixed = recorded.lane("fixed", "configured")
    for row in recorded.lane_rows:
        assert row.ns == pytest.approx(row.cycles * row.period_ps / 1000, abs=0.01)
        assert row.cycles == recorded.columns + row.stages
        assert row.results == pytest.approx(1e12 / row.period_ps / row.ge, abs=1)
        assert row.equal_ge >= row.ge
        assert (row.meets is None) == (row.target_ps is None) == (row.form != "pipelined")
        assert row.target_ps in (None, math.ceil(fixed.period_ps))
        assert (row.energy_pj is None) == (row.method is None) == (row.form == "fastest")
        assert len(row.commands) == (2 if row.form == "fastest" else 3)
    for unit_row in recorded.unit_rows:
        assert unit_row.lanes_ge < unit_row.ge
        assert unit_row.memory_bits == recorded.columns * (48 if unit_row.name.startswith("FP16") else 25)


# -- what is written --


def test_the_page_of_recorded_rows(recorded: Comparison) -> None:
    text = render(recorded, drawn=True)
    assert "![area, time and energy](compare.svg)" in text
    for row in recorded.lane_rows:
        speed = ", for speed" if row.form == "fastest" else ""
        assert f"| {row.name}{speed} | {row.stages} | {row.ge:,.0f} |" in text
    for ratio in recorded.ratios:
        assert f"| {ratio.name} | {ratio.ours:,.1f} |" in text
        assert ratio.note in text
    commands = [row.commands for row in recorded.lane_rows] + [row.commands for row in recorded.unit_rows]
    for command in [one for several in commands for one in several]:
        assert f"`{command}`" in text
    assert "| not known |" not in text
    assert "No chart: matplotlib is not installed" in render(recorded, drawn=False)


def test_the_page_without_power_and_timing(recorded: Comparison) -> None:
    def bare(row: LaneRow) -> LaneRow:
        return row.model_copy(update={"energy_pj": None, "method": None, "area_um2": None})

    lanes = tuple(map(bare, recorded.lane_rows))
    update = {"lane_rows": lanes, "timed": "abc", "library": "nmpu_neutral"}
    text = render(recorded.model_copy(update=update), drawn=False)
    assert "its times are nominal" in text
    assert "ABC's estimates" in text
    line = next(line for line in text.splitlines() if line.startswith("| fixed |"))
    assert (line.count("not known"), line.count("not measured")) == (1, 1)


def test_the_chart_is_the_same_again(recorded: Comparison, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    first = chart(recorded)
    assert first is not None
    assert first == chart(recorded)
    assert first.startswith("<?xml")
    assert "<dc:date>" not in first
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert chart(recorded) is None


def test_the_page_of_results(recorded: Comparison) -> None:
    text = page([[recorded, recorded], [recorded]], ["results_a.svg", None], "2026-11-21")
    assert text.startswith("# Results\n\n`make results` writes this page and its charts.")
    assert "measured on 2026-11-21" in text
    assert f"opensta {recorded.tools['opensta']}" in text
    assert "(results_a.svg)" in text
    assert "(compare.svg)" not in text
    assert text.count("\n# ") == 0
    assert text.count("\n## Fixed point beside binary16") == 2
    time = next(ratio for ratio in recorded.ratios if ratio.name == "time")
    assert f"| time | 139 | {time.ours:,.1f} | {time.ours:,.1f} |" in text
    fixed = recorded.lane("fixed", "configured")
    assert text.count(f"| `{recorded.library}` | 1 | {fixed.ge:,.0f} | {fixed.period_ps:,.0f} |") == 3


def test_a_part_of_the_page_leaves_the_others_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "DOCS", tmp_path)
    page_file = tmp_path / "results.md"
    page_file.write_text("<!-- part floats -->\n# Results\n\nold\n\n<!-- part layouts -->\n## Layouts\n")
    results.write_part(results.Part.LANES, "## Lanes\n", {"lanes.svg": "<svg/>", "none.svg": None})
    expected = (
        "<!-- part floats -->\n# Results\n\nold\n\n<!-- part lanes -->\n## Lanes\n\n<!-- part layouts -->\n## Layouts\n"
    )
    assert page_file.read_text() == expected
    results.write_part(results.Part.FLOATS, "# Results\n\nnew", {})
    assert page_file.read_text() == expected.replace("old", "new")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["lanes.svg", "results.md"]


def test_docs_are_what_the_page_makes() -> None:
    """Headings, links and charts of docs/results.md are there; its paper's figures are those of the code."""
    text = (ROOT / "docs" / "results.md").read_text()
    assert "| time | 139 |" in text
    assert "| unit area, in fixed lanes | 505 |" in text
    for name in (f"{kind}_{lib}.svg" for kind in ("results", "lanes") for lib in ("nangate45_typ", "asap7_rvt_tt")):
        assert f"({name})" in text
        assert (ROOT / "docs" / name).read_text().startswith("<?xml")


# -- a whole one --


def without_tools(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "bin").mkdir()
    return {**os.environ, "PATH": str(tmp_path / "bin")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("whole") / "compare"


@pytest.fixture(scope="module")
def tiny(folder: Path) -> Comparison:
    return compare(preset("tiny"), folder, lambda step: None)


@pytest.mark.deep
def test_a_whole_comparison(tiny: Comparison, folder: Path) -> None:
    assert Comparison.model_validate_json((folder / "result.json").read_text()) == tiny
    assert (folder / "compare.md").read_text() == render(tiny, drawn=(folder / "compare.svg").exists())
    assert [(row.name, row.form) for row in tiny.lane_rows[:2]] == [("fixed", "configured"), ("fixed", "fastest")]
    assert [row.form for row in tiny.lane_rows[2:]] == ["unpipelined", "pipelined", "fastest"] * 3
    fixed, plain, quick = tiny.lane_rows[0], tiny.lane_rows[2], tiny.lane_rows[3]
    assert plain.ge > 3 * fixed.ge
    assert plain.period_ps > 2 * fixed.period_ps
    assert 1 < quick.stages <= 6
    assert quick.meets or quick.stages == 6
    assert quick.flip_flops > plain.flip_flops == fixed.flip_flops
    assert all(row.energy_pj is None and row.area_um2 is None for row in tiny.lane_rows)
    assert any("neutral library has no power tables" in warning for warning in tiny.warnings)
    built = {row.name: row.built for row in tiny.unit_rows}
    assert built == {
        "NMPU": 2,
        "NMPU, one lane built": 1,
        "FP16 unit, one lane built": 1,
        "FP16 unit, all lanes built": 2,
    }
    assert [row.cycles for row in tiny.unit_rows[:2]] == [5, 9]


@pytest.mark.deep
def test_a_second_run_takes_up_the_first(tiny: Comparison, folder: Path) -> None:
    names = ("result.json", "compare.md")
    before = {name: (folder / name).read_bytes() for name in names}
    stamps = {path: path.stat().st_mtime_ns for path in folder.glob("*/for/result.json")}
    assert compare(preset("tiny"), folder, lambda step: None) == tiny
    assert {name: (folder / name).read_bytes() for name in names} == before
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps


@pytest.mark.deep
@needs_sta
def test_a_row_s_commands_give_its_numbers(tiny: Comparison, tmp_path: Path) -> None:
    row = tiny.lane("fp16 lean", "pipelined")
    said = [
        json.loads(
            subprocess.run(
                [sys.executable, "-m", "flows", *shlex.split(command)[1:], "--json"],
                cwd=tmp_path,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                capture_output=True,
                check=True,
                text=True,
            ).stdout
        )
        for command in row.commands
    ]
    assert said[0]["lane_ge"] == row.ge
    assert said[1]["min_period_ps"] == row.period_ps


@pytest.mark.deep
def test_a_whole_comparison_without_sta(folder: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "flows", "compare", "--preset", "tiny", "--json", "-o", "out"],
        cwd=tmp_path,
        env=without_tools(tmp_path) | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=True,
        text=True,
    )
    found = json.loads(done.stdout)
    assert found["timed"] == "abc"
    assert any("sta is not installed: this is ABC's estimate" in warning for warning in found["warnings"])
    assert "ABC's estimates" in (tmp_path / "out" / "compare" / "compare.md").read_text()


def test_lanes_without_sta(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ABC's estimates, no power, and one line that says how to get it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    job = Job(core(preset("tiny")), tmp_path / "row", Library.read().path, (), passes=1)
    found = measured(job)
    assert found.mapped.timing.source == "abc"
    assert found.power is None
    assert found.remark == "sta is not installed: energies are not known; apt-get install opensta"
    assert measured(replace(job, passes=0)).remark == ""


@needs_sta
def test_lanes_in_a_library_without_power_tables(tmp_path: Path) -> None:
    found = measured(Job(core(preset("tiny")), tmp_path / "row", Library.read().path, (), passes=1))
    assert found.mapped.timing.source == "opensta"
    assert found.power is None
    assert "energies are not known: nmpu_neutral has no power tables" in found.remark


@pytest.mark.deep
@needs_sta
def test_stages_that_meet_a_period(tmp_path: Path) -> None:
    """As few as do: with one less the fastest mapping does not."""
    job = Job(floating(core(preset("tiny")), 1, lean=True), tmp_path, None, ())
    plain, quick, fast = lane_of_floats(job, 1500)
    assert quick.meets
    assert fast.mapped.timing.min_period_ps <= plain.mapped.timing.min_period_ps
    stages = quick.config.how.stages
    assert 1 < stages < 6
    less = fastest(replace(job, config=floating(job.config, stages - 1), folder=tmp_path / "less"))
    assert less.mapped.timing.min_period_ps > 1500
    none = pipelined(replace(job, target_ps=10.0))
    assert (none.config.how.stages, none.meets) == (6, False)


def test_an_interrupt_is_one_line(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "flows", "compare", "--preset", "tiny", "-o", "out"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(words, cwd=tmp_path, env=env, stderr=subprocess.PIPE, text=True)
    while not list(tmp_path.glob("out/compare/*/for/synthesize.ys")):
        assert process.poll() is None
        time.sleep(0.05)
    process.terminate()
    _, said = process.communicate()
    assert (process.returncode, said) == (2, "nmpu: interrupted; what was finished is kept\n")
    assert not list(tmp_path.rglob("*.tmp"))
    assert not (tmp_path / "out" / "compare" / "result.json").exists()
