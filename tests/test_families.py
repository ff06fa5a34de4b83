"""Front ends of all families side by side: parts, sums, page and chart; one real comparison of small units."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flows.area import AreaResult, Block
from flows.cli import app
from flows.families import Asked, families, render
from flows.families_chart import chart
from flows.families_designs import FAMILIES, stochastic
from flows.families_result import PARTS, Families, FamilyRow
from nmpu_hdl.presets import load
from nmpu_hdl.verilog import digest

from .benchmarks import front_ends

LIBERTY = Path(__file__).parent / "data" / "activity" / "small.lib"


def made(name: str, *ge: float, **fields: Any) -> dict[str, Any]:
    """A row of 8 columns and 2 lanes; the parts are, in order, of ``PARTS``."""
    instances = (2, 1, 2, 1, 1)
    parts = [
        {"name": part, "instances": count if one else 0, "ge": one, "area_um2": one / 2}
        for part, count, one in zip(PARTS, instances, ge, strict=True)
    ]
    given = {
        "name": name,
        "about": f"what {name} gives",
        "preset": "paper",
        "settings": (),
        "digest": "0123456789ab",
        "source": "counts",
        "order": None,
        "beat_bits": 40,
        "steps": 1,
        "accumulators": 0,
        "operand": "UQ10.0",
        "operand_bits": 10,
        "cycles": 5,
        "columns": 8,
        "parts": parts,
        "critical_path_ps": 1000.0,
        "critical_block": "nmpu_lane",
        "period_ps": 1200.0,
        "command": "nmpu area",
    }
    return given | fields


SOME = Families.model_validate(
    {
        "library": "cells",
        "voltage": 1.1,
        "temperature": 25.0,
        "conditions": "typical",
        "timed": "opensta",
        "columns": 8,
        "lanes": 2,
        "effort": "fast",
        "rows": (
            made("paper", 0, 0, 1600, 800, 400),
            made("stox", 1200, 800, 1600, 800, 400, source="samples", order="pass", steps=64, accumulators=4),
        ),
        "stochastic": (
            made("stox, a sample a beat", 1200, 800, 1600, 800, 400, source="samples", steps=64, cycles=260),
            made("stox, 16 samples a beat", 1400, 800, 1600, 800, 400, source="samples", steps=4, cycles=20),
            made("with converters", 1400, 800, 2000, 800, 400, source="slices", steps=4, cycles=20),
        ),
        "converter": {"bits": 8, "area_um2": None, "ge": None},
        "tools": {"yosys": "0.70"},
        "command": "nmpu families",
        "warnings": ("something was remarked",),
    }
)
COUNTED = SOME.model_copy(
    update={"converter": SOME.converter.model_copy(update={"area_um2": 500.0, "ge": 1000.0}), "lanes": 2}
)


def test_a_column_has_its_share_of_all_but_the_memory() -> None:
    plain, stox = SOME.rows
    assert plain.column_ge() == (2 * 1600 + 800) / 8
    assert stox.column_ge() == (2 * 1200 + 800 + 2 * 1600 + 800) / 8
    assert stox.column_ge("front lane", "front control") == (2 * 1200 + 800) / 8
    assert stox.column_ge("memory") == 50
    assert stox.column_um2 == stox.column_ge() / 2
    assert stox.ns == 5 * 1.2


def test_only_the_array_with_converters_has_them() -> None:
    at_once, coded = SOME.stochastic[1:]
    assert SOME.with_converter(coded) == coded.column_ge()
    assert COUNTED.with_converter(coded) == coded.column_ge() + 1000
    assert COUNTED.with_converter(at_once) == at_once.column_ge()


def test_page() -> None:
    lines = render(SOME, drawn=True).splitlines()
    assert "| paper |  |  | 1,600 | 800 | 500 | 1.00 | 50 |  |  | 800 | 400 | 250 |" in lines
    assert "| stox | 1,200 | 800 | 1,600 | 800 | 900 | 1.80 | 50 | 600 | 400 | 800 | 400 | 450 |" in lines
    assert "| stox | what stox gives | 4 | 10 | 64 | 5 | 1,000 | `nmpu_lane` | 1,200 | 6.0 |" in lines
    assert "| stox, a sample a beat | 400 | 400 | 100 | 900 | none | 900 | 1.17 | 64 | 260 | 312.0 |" in lines
    assert "| with converters | 450 | 500 | 100 | 1,050 | not counted | 1,050 | 1.00 | 4 | 20 | 24.0 |" in lines
    assert "- `stox, a sample a beat`: 150 GE a column less than with converters, in 13.0 times the clocks." in lines
    assert "- `stox, 16 samples a beat`: 100 GE a column less than with converters, in as many clocks." in lines
    assert "![area a column](families.svg)" in lines
    assert "Something was remarked." in lines
    assert "No chart: matplotlib is not installed" in render(SOME, drawn=False)
    heads = [line.count("|") for line in lines if line.startswith("|---")]
    assert heads == [14, 11, 12]


def test_page_with_the_area_of_a_converter() -> None:
    text = render(COUNTED, drawn=True)
    assert "| with converters | 450 | 500 | 100 | 1,050 | 1,000 | 2,050 | 1.00 | 4 | 20 | 24.0 |" in text.splitlines()
    assert "The converter's 500 um2 a column were given by `--converter-um2`" in text
    assert "its area is not counted" not in text


def test_chart(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    drawn = chart(SOME)
    assert drawn is not None
    assert drawn.startswith("<?xml")
    assert drawn == chart(SOME)
    assert drawn != chart(COUNTED)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert chart(SOME) is None


def test_the_array_with_converters_is_the_same_array() -> None:
    plain, at_once, coded = (load(preset_name=one.preset, settings=one.settings) for one in stochastic(6))
    for name in ("x_planes", "w_planes", "x_bits", "w_bits", "subarrays", "signed", "order"):
        assert len({getattr(config.front, name) for config in (plain, at_once, coded)}) == 1
    assert plain == load(preset_name="stox")
    assert at_once.front.bits == plain.front.samples
    assert at_once.derived.operand == plain.derived.operand
    assert (coded.codes.source, str(coded.codes.format)) == ("slices", "SQ6.0")
    wider = coded.derived.operand.width - plain.derived.operand.width
    assert coded.shift.max - plain.shift.max == wider == 1
    for bits in (2, 16):
        assert load(preset_name="stox", settings=stochastic(bits)[2].settings).codes.format.width == bits


def test_families_are_legal_and_the_first_is_behind_converters() -> None:
    assert FAMILIES[0].preset == "paper"
    sources = {load(preset_name=one.preset, settings=one.settings).codes.source for one in FAMILIES}
    assert sources == {"counts", "slices", "planes", "samples"}
    assert len({one.name for one in (*FAMILIES, *stochastic(8))}) == len(FAMILIES) + 3


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ({"converter_bits": 1}, "converter bits = 1 is outside 2..16; 8 would do"),
        ({"converter_um2": 5.0}, "converter area = 5 um2: the neutral library knows no um2; --lib FILE would do"),
        ({"converter_um2": -1.0, "library": LIBERTY}, "converter area = -1 um2: it must be above 0"),
        ({"converter_um2": float("nan"), "library": LIBERTY}, "converter area = nan um2: it must be above 0"),
    ],
)
def test_what_makes_no_sense_is_refused(words: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(complaint)}$"):
        Asked(**words)


def test_lanes_that_do_not_divide_the_columns(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="lanes = 3 does not divide columns = 8"):
        families(Asked(columns=8, lanes=3), tmp_path / "work", print)
    assert not (tmp_path / "work").exists()


def test_small_units(tmp_path: Path) -> None:
    """In the neutral library: every gate is in one part, the front end pays, and nothing is measured twice."""
    asked, said = Asked(columns=2, lanes=1, converter_bits=4), list[str]()
    chosen = tuple(one for one in FAMILIES if one.name in ("paper", "stox"))
    result = families(asked, tmp_path, said.append, chosen)
    paper, stox = result.rows
    plain, at_once, coded = result.stochastic
    assert said[-1].startswith("4 of 4 done, the last: ")  # stox is in both tables
    assert [part.name for part in stox.parts] == list(PARTS)
    assert (stox.parts, stox.digest) == (plain.parts, plain.digest)
    assert [paper.part(name).instances for name in PARTS] == [0, 0, 1, 1, 1]
    assert (stox.accumulators, paper.accumulators) == (2, 0)
    assert (stox.steps, at_once.steps, coded.steps) == (4096, 256, 256)
    assert at_once.part("front lane").ge > plain.part("front lane").ge  # it counts bits
    assert (coded.operand_bits, at_once.operand_bits) == (16, 17)
    assert coded.part("lane").ge < at_once.part("lane").ge
    for row in (paper, stox):
        found = json.loads((tmp_path / row.name / "for" / "result.json").read_text())["area"]
        area = AreaResult.model_validate(found)
        blocks: tuple[Block, ...] = area.blocks
        whole = sum(block.ge * block.instances for block in blocks)
        assert sum(part.total for part in row.parts) == pytest.approx(whole, abs=0.01)
        assert row.part("lane").ge == area.lane_ge
        assert row.column_ge() + row.column_ge("memory") == pytest.approx(whole / 2, abs=0.01)
        config = load(preset_name=row.preset, settings=[*row.settings, "array.columns=2", "array.lanes=1"])
        assert row.digest == digest(config)
        assert row.cycles == config.derived.pass_cycles(2)
        assert row.column_um2 is None
    assert Families.model_validate_json((tmp_path / "result.json").read_text()) == result
    before = (tmp_path / "stox" / "for" / "log").stat().st_mtime_ns
    assert families(asked, tmp_path, said.append, chosen) == result
    assert (tmp_path / "stox" / "for" / "log").stat().st_mtime_ns == before


def test_part_of_the_results() -> None:
    """Every library under the part's heading, with its own chart, and what the digital periphery saves."""
    text = front_ends.section([SOME, SOME], ["families_one.svg", None], "2026-11-21")
    assert re.findall(r"^#+ .*", text, re.MULTILINE) == [
        "## Front ends",
        *2 * ["### Front ends in `cells`", "#### Stochastic samples without converters, and with"],
    ]
    assert "in `cells` 14% smaller with a sample a beat and 10% smaller with all of them in one; in `cells`" in text
    assert "2 libraries" in text
    assert text.count("![area a column](families_one.svg)") == text.count("No chart:") == 1


def test_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its words arrive, its page or its JSON is printed."""
    told: list[Asked] = []

    def instead(asked: Asked, work: Path, say: Any) -> Families:
        told.append(asked)
        work.mkdir(exist_ok=True)
        (work / "families.md").write_text("the page\n")
        return SOME

    monkeypatch.setattr("flows.families_command.families_step", instead)
    words = ["families", "--columns", "32", "--lanes", "8", "--converter-bits", "6", "--effort", "area"]
    shown = CliRunner().invoke(app, [*words, "-o", str(tmp_path / "out")])
    assert shown.exit_code == 0
    assert shown.output == f"the page\n\nwrote {tmp_path / 'out' / 'families.md'}\n"
    assert told == [Asked(columns=32, lanes=8, converter_bits=6, effort="area")]
    assert told[0].words() == "nmpu families --columns 32 --lanes 8 --effort area --converter-bits 6"
    as_json = CliRunner().invoke(app, ["families", "--json", "-o", str(tmp_path / "out")])
    assert Families.model_validate_json(as_json.output) == SOME


def test_a_row_is_found_by_its_part() -> None:
    row: FamilyRow = SOME.rows[1]
    assert row.part("front control").total == 800
