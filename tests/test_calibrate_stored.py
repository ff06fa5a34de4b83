"""A stored calibration is taken for another one only if it is whole, and of the same arithmetic."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.presets import load

from .test_calibrate import PAPER, SMALL
from .test_calibrate_flow import DRAWN, measured, step


@pytest.fixture(autouse=True)
def _no_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.calibrate.chart", lambda result: DRAWN)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The result.json of a calibration by PAPER; its pairs are beside it."""
    folder = tmp_path_factory.mktemp("stored")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("flows.calibrate.chart", lambda result: DRAWN)
        step(PAPER, folder, pairs=measured(PAPER, folder / "few.npz", vectors=50), lsb=8.0)
    return folder / "result.json"


def refused(config: NmpuConfig, earlier: Path, pairs: Path, out: Path) -> str:
    """Why an earlier calibration is not taken; the folder is as it was."""
    with pytest.raises(ValueError, match=re.escape(str(earlier))) as raised:
        step(config, out, pairs=pairs, earlier=earlier)
    assert "\n" not in str(raised.value)
    assert not out.exists()
    return str(raised.value).split(f"{earlier}: ")[1]


@pytest.mark.parametrize(
    ("place", "value", "why"),
    [
        (("integers", "shifts"), [], "integers.shifts is not of shape (1,), as the other lists are"),
        (("integers", "offset"), [[0] * 3], "integers.offset is not of shape (1, 32), as the other lists are"),
        (("integers", "norm_scale"), [[1]], "integers.norm_scale is not of shape (1, 32), as the other lists are"),
        (("integers", "offset_shift"), 1 << 70, "integers.offset_shift: Input should be less than or equal to "),
        (("fit", "offset"), [1.0] * 3, "fit.offset is not of shape (32,), as the other lists are"),
        (("fit", "gain"), [[[1.0]]], "fit.gain is not of shape (1, 2, 32), as the other lists are"),
        (("fit", "slope"), [], "fit.slope is not of shape (1, 2, 32), as the other lists are"),
        (("fit", "offset"), [float("nan")] * 32, "fit.offset.0: Input should be a finite number"),
        (("fit", "slope"), [[[1e300] * 32] * 2], "fit.slope.0.0.0: Input should be less than or equal to 1000"),
        (("wanted", "gain"), [1.0], "wanted.gain is not of shape (32,), as the other lists are"),
        (("wanted", "batch_norm"), [[0.0] * 32] * 4, "wanted.batch_norm has a variance + eps that is not above 0"),
        (("columns",), [], "fit.gain is not of shape (1, 2, 0), as the other lists are"),
        (("refused",), [32], "refused has column 32 of 32"),
        (("name",), 3, "name: Input should be a valid string"),
    ],
)
def test_stored_lists_are_of_one_shape(
    stored: Path, tmp_path: Path, place: tuple[str, ...], value: Any, why: str
) -> None:
    told = json.loads(stored.read_text())
    inner = told
    for name in place[:-1]:
        inner = inner[name]
    inner[place[-1]] = value
    (tmp_path / "r.json").write_text(json.dumps(told))
    found = refused(PAPER, tmp_path / "r.json", stored.parent / "few.npz", tmp_path / "out")
    assert found.startswith(f"not the result.json of nmpu calibrate: {why}")


def test_stored_integers_that_their_formats_do_not_hold(stored: Path, tmp_path: Path) -> None:
    told = json.loads(stored.read_text())
    told["integers"]["scales"][0][1][7] = 256
    (tmp_path / "r.json").write_text(json.dumps(told))
    found = refused(PAPER, tmp_path / "r.json", stored.parent / "few.npz", tmp_path / "out")
    assert found.startswith("scale_n of column 7 is 256, outside UQ1.7")


@pytest.mark.parametrize(
    ("setting", "there", "here"),
    [
        ("codes.format=UQ11.0", "UQ10.0", "UQ11.0"),
        ("output.format=SQ6.0", "SQ8.0", "SQ6.0"),
        ("scale.format=UQ1.3", "UQ1.7", "UQ1.3"),
        ("offset.format=SQ9.1", "SQ8.1", "SQ9.1"),
        ("shift.granularity=column", "layer", "column"),
        ("norm.kind=affine", "none", "affine"),
        ("arithmetic.kind=fp16", "fixed", "fp16"),
    ],
)
def test_recalibration_by_another_arithmetic(stored: Path, tmp_path: Path, setting: str, there: str, here: str) -> None:
    preset = "fp16-ldpu" if "fp16" in setting else "paper"
    config = load(preset_name=preset, settings=SMALL if "fp16" in setting else [*SMALL, setting])
    found = refused(config, stored, stored.parent / "few.npz", tmp_path / "out")
    name = setting.split("=")[0]
    assert found == f"{name} = {there} there, {here} here; the configuration of that calibration would do"


def test_recalibration_in_a_tile_around_the_same_arithmetic(stored: Path, tmp_path: Path) -> None:
    config = load(preset_name="tile", settings=SMALL)
    assert step(config, tmp_path / "out", pairs=stored.parent / "few.npz", earlier=stored).passed
