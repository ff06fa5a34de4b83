"""Sweeps over architectures and efforts: rows, front, page and chart; one real sweep of a small configuration."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from flows.sweep import ARCHITECTURES, render, sweep
from flows.sweep_chart import chart
from flows.sweep_result import Sweep, SweepRow
from nmpu_hdl.presets import load, preset

ROW: dict[str, Any] = {
    "architecture": "parallel",
    "multiplier": "tree",
    "radix": None,
    "stages": 1,
    "effort": "area",
    "recipe": "a recipe",
    "ge": 1000.0,
    "area_um2": 800.0,
    "flip_flops": 10,
    "period_ps": 2000.0,
    "logic_ps": 1900.0,
    "lane_cycles": 1,
    "cycles": 5,
    "cycles_least": 5,
    "ns": 10.0,
    "energy_pj": 1.5,
    "front": True,
    "command": "nmpu timing",
}


def made(*rows: dict[str, Any], **fields: Any) -> Sweep:
    given = {
        "name": "paper",
        "digest": "0123456789ab",
        "library": "cells",
        "voltage": 1.1,
        "temperature": 25.0,
        "conditions": "typical",
        "timed": "opensta",
        "columns": 256,
        "lanes": 64,
        "counts": 2,
        "rows": tuple(SweepRow.model_validate(ROW | row) for row in rows),
        "tools": {"yosys": "0.70"},
        "command": "nmpu sweep --preset paper",
        "warnings": ("something was remarked",),
    }
    return Sweep.model_validate(given | fields)


SOME = made(
    {},
    {
        "architecture": "serial",
        "radix": 2,
        "lane_cycles": 15,
        "cycles": 61,
        "cycles_least": 33,
        "ge": 500.0,
        "ns": 60.0,
    },
    {"effort": "delay", "ge": 1500.0, "ns": 7.0, "energy_pj": None},
    {"effort": "fast", "ge": 1600.0, "ns": 12.0, "front": False},
)


def test_names_and_clocks() -> None:
    parallel, serial = SOME.rows[:2]
    assert (parallel.name, serial.name) == ("parallel, tree", "serial, radix 2")
    assert [row.ge for row in SOME.front] == [500.0, 1000.0, 1500.0]
    assert serial.cycles_with(256, 64) == 61
    assert serial.cycles_with(256, 256) == 16
    assert parallel.cycles_with(250, 64) == 5
    xnor = preset("xnor")
    behind = parallel.model_copy(update={"steps": 16, "front_stages": xnor.derived.front_end.stages})
    assert behind.cycles_with(256, 64) == xnor.derived.pass_cycles(256)


def test_page() -> None:
    text = render(SOME, drawn=True)
    lines = text.splitlines()
    row = "| serial, radix 2 | 1 | area | a recipe | 500 | 800 | 10 | 2,000 | 15 | 33 to 61 | 60.0 | 1.50 | yes |"
    assert row in lines
    assert "| parallel, tree | 1 | fast | a recipe | 1,600 | 800 | 10 | 2,000 | 1 | 5 | 12.0 | 1.50 |  |" in lines
    assert (
        "The front, the smallest first: serial, radix 2 in 1 stage by `area` (500 GE, 60.0 ns); parallel, tree in 1 "
        "stage by `area` (1,000 GE, 10.0 ns); parallel, tree in 1 stage by `delay` (1,500 GE, 7.0 ns)."
    ) in lines
    assert "![area against time](sweep.svg)" in lines
    assert "Something was remarked." in lines
    assert "No chart: matplotlib is not installed" in render(SOME, drawn=False)
    assert "**its times are nominal**" in render(made({}, library="nmpu_neutral"), drawn=False)


def test_chart(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    drawn = chart(SOME)
    assert drawn is not None
    assert drawn.startswith("<?xml")
    assert drawn == chart(SOME)
    assert drawn != chart(made({}))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert chart(SOME) is None


@pytest.mark.parametrize("settings", [["arithmetic.kind=fp16"], ["tile.kind=axi", "how.stages=2"]])
def test_what_has_no_architectures_is_refused(settings: list[str], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^arithmetic.kind = \w+, tile.kind = \w+: sweep is for cores of fixed point"):
        sweep(load(settings=settings), tmp_path, print)


def test_a_sweep(tmp_path: Path) -> None:
    """Small, in the neutral library; what follows from architectures must show."""
    config, said = load(preset_name="tiny"), list[str]()
    result = sweep(config, tmp_path, said.append, stages=(1,), efforts=("fast",))
    assert [(row.architecture, row.multiplier, row.radix) for row in result.rows] == list(ARCHITECTURES)
    rows = {row.name: row for row in result.rows}
    parallel, shared, serial = (rows[name] for name in ("parallel, tree", "shared, tree", "serial, radix 2"))
    assert serial.ge < shared.ge < parallel.ge
    assert serial in result.front
    assert parallel.cycles == config.derived.pass_cycles(config.array.columns)
    assert shared.lane_cycles == 2
    assert serial.lane_cycles == config.scale.format.width + config.shift.max - config.shift.min
    assert serial.cycles_least < serial.cycles
    assert serial.ns == round(serial.cycles * serial.period_ps / 1000, 3)
    for row in result.rows:
        beaten = any(o.ge <= row.ge and o.ns <= row.ns and (o.ge, o.ns) != (row.ge, row.ns) for o in result.rows)
        assert row.front is not beaten
        assert row.energy_pj is None
    assert said[-1].startswith("6 of 6 done, the last: ")
    assert Sweep.model_validate_json((tmp_path / "result.json").read_text()) == result
    before = (tmp_path / "parallel-tree-1-fast" / "for" / "log").stat().st_mtime_ns
    assert sweep(config, tmp_path, said.append, stages=(1,), efforts=("fast",)) == result
    assert (tmp_path / "parallel-tree-1-fast" / "for" / "log").stat().st_mtime_ns == before


def test_one_count_has_nothing_to_share(tmp_path: Path) -> None:
    config = load(preset_name="tiny", settings=["codes.counts=1"])
    result = sweep(config, tmp_path, print, stages=(1,), efforts=("fast",), energy=False)
    assert {row.architecture for row in result.rows} == {"parallel", "serial"}
