"""The cheapest formats for the digits, found by the whole command in processes of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from flows.optimize.command import optimize
from flows.optimize.result import Optimized
from nmpu_hdl.presets import load, preset
from nmpu_hdl.verilog import emit


@pytest.mark.deep
def test_formats_for_digits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At least 30 % smaller than the paper's, no significant loss on unseen images; and again from disk."""
    for module in ("sklearn", "scipy", "optuna", "threadpoolctl"):
        pytest.importorskip(module)
    monkeypatch.chdir(tmp_path)
    app = typer.Typer()
    app.command()(optimize)
    words = ["--trials", "24", "--space", "codes.format=UQ10.0,UQ9.0,UQ8.0", "--space", "guard=0,1"]
    words += ["--space", "scale.format=UQ1.7,UQ1.4,UQ1.3,UQ1.2", "--space", "shift.max=4,6", "--json"]
    found = []
    for _ in range(2):
        shown = CliRunner().invoke(app, words)
        assert shown.exit_code == 0, shown.exception
        found.append(Optimized.model_validate(json.loads(shown.output)))
    assert found[0] == found[1]
    result = found[0]
    assert not result.exhaustive
    choice = result.choice
    assert choice is not None
    assert result.saved(choice) > 0.3
    assert choice.lane is not None
    base = result.points[result.base].lane
    assert base is not None
    assert choice.lane.tile_ge < 0.8 * base.tile_ge
    proof = next(one for one in result.verified if one.point == result.chosen)
    assert proof.good
    assert not proof.loss.significant
    assert proof.loss.images == result.asked.verify_images == 300
    assert {one.field for one in result.reasons} == {*result.asked.space}
    config = load(Path("build/paper/optimize/chosen.toml"))
    assert emit(config).count("module nmpu_lane")
    fields = ("codes", "scale", "shift", "guard")
    changed = config.model_copy(update={name: getattr(preset("paper"), name) for name in ("name", *fields)})
    assert changed == preset("paper")
