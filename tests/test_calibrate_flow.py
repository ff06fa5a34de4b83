"""nmpu calibrate: what it writes, prints and refuses."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from flows.calibrate import Asked, calibrate, render
from flows.calibrate_chart import chart
from flows.calibrate_command import calibrate as command
from flows.calibrate_result import CalibrateResult
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.presets import load

from .measuring import KnownArray
from .test_calibrate import PAPER, SMALL

TINY = load(preset_name="tiny", settings=["codes.format=UQ6.0", "scale.format=UQ1.5", "output.format=SQ6.0"])
DRAWN = "<?xml a chart\n"
REPORT = {"result.json", "calibrate.md", "calibrate.svg"}


@pytest.fixture(autouse=True)
def _no_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes half a second; what is drawn is looked at by itself."""
    monkeypatch.setattr("flows.calibrate.chart", lambda result: DRAWN)


def measured(config: NmpuConfig, file: Path, *, blocks: int = 1, vectors: int = 200, drift: float = 1.0) -> Path:
    """Pairs of one array, whatever the number of vectors."""
    array = KnownArray.draw(config, np.random.default_rng(1), blocks=blocks, zeros=3.0)
    codes, sums = array.measure(np.random.default_rng(vectors), vectors, drift)
    np.savez(file, codes=codes, ideal=sums)
    return file


def step(config: NmpuConfig, folder: Path, **asked: Any) -> CalibrateResult:
    return calibrate(config, Asked(**asked), folder, lambda name: None)


def test_bias_and_batch_norm_are_in_the_unit_of_the_results(tmp_path: Path) -> None:
    file, lsb = measured(PAPER, tmp_path / "pairs.npz"), 8.0
    with np.load(file) as arrays:
        np.savez(file, bias=np.full(32, 40.0), codes=arrays["codes"], ideal=arrays["ideal"])
    norm: dict[str, Any] = {"gamma": np.linspace(50, 90, 32), "beta": np.full(32, 16.0), "mean": np.full(32, 24.0)}
    np.savez(tmp_path / "bn.npz", **norm, variance=np.full(32, 4900.0), eps=0.5)
    for config in (PAPER, load(settings=[*SMALL, "norm.kind=affine", "guard=3", "norm.scale=SQ2.9"])):
        result = step(config, tmp_path / "out", pairs=file, lsb=lsb, batch_norm=tmp_path / "bn.npz")
        root = np.sqrt(4900.5)
        for row, gamma in zip(result.columns, norm["gamma"], strict=True):
            gain = result.fit.gain[0][0][row.column] * gamma / root / lsb
            assert row.gain[0][0] == pytest.approx(gain)
            zero = result.fit.offset[row.column]
            assert row.offset == pytest.approx(((zero + 40 - 24) * gamma / root + 16) / lsb)
        assert result.rms is not None
        assert result.rms < 0.45


def test_equal_pairs_give_equal_bytes(tmp_path: Path) -> None:
    file = measured(PAPER, tmp_path / "pairs.npz")
    folders = tmp_path / "one", tmp_path / "two"
    for folder in folders:
        step(PAPER, folder, pairs=file, lsb=8.0)
    for one in folders[0].iterdir():
        assert one.read_bytes() == (folders[1] / one.name).read_bytes(), one.name


def test_refused_columns_leave_a_report_and_no_image(tmp_path: Path) -> None:
    file, out = measured(PAPER, tmp_path / "pairs.npz"), tmp_path / "out"
    step(PAPER, out, pairs=file, lsb=8.0)
    with np.load(file) as arrays:
        codes, ideal = arrays["codes"], arrays["ideal"]
    codes[..., 3] = 9
    np.savez(file, codes=codes, ideal=ideal)
    result = step(PAPER, out, pairs=file, lsb=8.0)
    assert not result.passed
    assert result.failure == "column 3 is dead: its codes do not follow the ideal sums"
    assert {file.name for file in out.iterdir()} == REPORT
    assert "| 3 | dead | its codes do not follow the ideal sums |" in (out / "calibrate.md").read_text()
    assert step(PAPER, out, pairs=file, lsb=8.0, allow_dead=True).passed
    assert (out / "params.hex").exists()


def test_recalibration(tmp_path: Path) -> None:
    file, few = measured(PAPER, tmp_path / "pairs.npz"), measured(PAPER, tmp_path / "few.npz", vectors=8, drift=0.73)
    step(PAPER, tmp_path / "then", pairs=file, lsb=8.0)
    earlier = tmp_path / "then" / "result.json"
    result = step(PAPER, tmp_path / "now", pairs=few, earlier=earlier)
    drift = result.drift
    assert drift is not None
    assert drift.enough
    assert drift.factor == pytest.approx((0.73, 0.73), abs=0.003)
    assert drift.rms_after is not None
    assert drift.rms_before is not None
    assert drift.rms_after < 0.55 < 3 < drift.rms_before
    assert (tmp_path / "now" / "params.hex").exists()
    assert "The array gives 0.7" in (tmp_path / "now" / "calibrate.md").read_text()
    again = step(PAPER, tmp_path / "again", pairs=file, earlier=tmp_path / "now" / "result.json", each="column")
    assert again.drift is not None
    assert np.abs(np.array(again.drift.factor) - 1 / 0.73).max() < 0.05  # young again
    strict = step(PAPER, tmp_path / "now", pairs=few, earlier=earlier, within=0.1)
    assert not strict.passed
    assert strict.failure.startswith("an RMS error of 0.")
    assert not (tmp_path / "now" / "params.hex").exists()
    (tmp_path / "now" / "bad.json").write_text("{}")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ({"lsb": 0.0}, "--lsb 0: a number above 0 would do"),
        ({"lsb": 1e-200}, "--lsb 1e-200: 1e-30 to 1e\\+30 would do; choose another unit"),
        ({"lsb": float("nan")}, "--lsb nan: a number above 0 would do"),
        ({"within": 1.0}, "--within is for a re-calibration; --recalibrate FILE would do"),
        ({"each": "column"}, "--each is for a re-calibration; --recalibrate FILE would do"),
        ({"earlier": Path("a.json"), "within": -1.0}, "--within -1: a number above 0 would do"),
        ({"earlier": Path("a.json"), "lsb": 2.0}, "--lsb does not go with --recalibrate: that of a.json holds; leave "
         "it out"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(words: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=f"^{complaint}$"):
        Asked(Path("pairs.npz"), **words)


def test_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = typer.Typer()
    app.command()(command)
    monkeypatch.chdir(tmp_path)
    measured(TINY, tmp_path / "pairs.npz")
    asked = ["--preset", "tiny", "--set", "codes.format=UQ6.0", "--set", "scale.format=UQ1.5"]
    asked += ["--set", "output.format=SQ6.0", "--pairs", "pairs.npz", "--lsb", "1.6"]
    shown = CliRunner().invoke(app, asked)
    assert shown.exit_code == 0, shown.output
    folder = Path("build/tiny/calibrate")
    assert shown.stdout == f"{(folder / 'calibrate.md').read_text()}\nwrote {folder / 'params.hex'}\n"
    result = CalibrateResult.model_validate_json((folder / "result.json").read_text())
    assert result.command.startswith("nmpu calibrate --preset tiny --set 'codes.format=")
    assert CalibrateResult.model_validate_json(CliRunner().invoke(app, [*asked, "--json"]).stdout) == result
    with np.load("pairs.npz") as arrays:
        np.savez("pairs.npz", codes=np.where(np.arange(8) == 3, 9, arrays["codes"]), ideal=arrays["ideal"])
    dead = CliRunner().invoke(app, [*asked, "--most-outliers", "0.5", "--most-saturated", "0.2"])
    assert dead.exit_code == 1
    assert dead.stderr == "nmpu: no parameters: column 3 is dead: its codes do not follow the ideal sums\n"
    assert not (folder / "params.hex").exists()
    finer = CliRunner().invoke(app, [*asked[:-1], "0.5", "--allow-dead"])
    assert "**Results saturate** in over 1% of the vectors in " in finer.stdout
    none = CliRunner().invoke(app, asked[:2])
    assert str(none.exception) == "there are no pairs to calibrate from; --pairs FILE would do"


def test_chart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = step(PAPER, tmp_path / "out", pairs=measured(PAPER, tmp_path / "pairs.npz"), lsb=8.0)
    pytest.importorskip("matplotlib")
    drawn = chart(result)
    assert drawn is not None
    assert drawn == chart(result)
    assert (tmp_path / "out" / "calibrate.svg").read_text() == DRAWN
    assert drawn.startswith("<?xml")
    assert "![errors, gains and what was left out](calibrate.svg)" in render(result, drawn=True)
    assert "No chart: matplotlib is not installed" in render(result, drawn=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert chart(result) is None
