"""docs/calibration.md tells the truth: its program runs and prints what the page says, its words and names exist."""

from __future__ import annotations

import re
from typing import Any, get_args

import numpy as np

from flows.calibrate_files import read_pairs
from flows.calibrate_image import IMAGES
from golden.measured import Limits
from golden.measured.pairs import VerdictName
from golden.robust import CUT
from nmpu_hdl.presets import load

from .test_docs import DOCS
from .test_docs_arrays import run_page, slug

PAGE = (DOCS / "calibration.md").read_text()


def test_program() -> None:
    run_page(PAGE)


def test_numbers_in_the_text() -> None:
    """Of "What scale, offset and shift mean": recomputed."""
    gain = 4.87 / 1023 / 0.05
    for said, value in (("0.00476", 4.87 / 1023), ("0.0952", gain), ("1.5234", 195 / 128), ("0.095215", 195 / 2048)):
        assert said in PAGE
        assert abs(float(said) - value) < 0.6 * 10.0 ** -len(said.split(".")[1])
    for b, fraction, shift in ((10, 7, 4), (10, 7, 3)):  # the bound of the page
        codes = np.arange(1, 256)
        gains = np.linspace(0.01, 255 / 2 ** (fraction + shift), 1000)
        worst = np.abs(gains[:, None] - codes / 2 ** (fraction + shift)).min(axis=1).max() * (2**b - 1)
        assert 0.9 < worst / 2.0 ** (b - 1 - fraction - shift) <= 1
    paper = load(preset_name="paper")
    assert (paper.shift.max - paper.shift.min).bit_length() == 3
    assert f"{CUT}" in PAGE
    limits = Limits()
    assert f"over {limits.saturated:.0%} of the vectors".replace("%", " %") in PAGE
    assert f"more than {limits.outliers:.0%} outliers".replace("%", " %") in PAGE
    assert limits.residual == 0.5


def test_tables() -> None:
    assert set(re.findall(r"^\| `(\w+)` \|", PAGE.split("## Verdicts")[1].split("\n## ")[0], re.M)) == {
        *get_args(VerdictName)
    }
    assert set(re.findall(r"^\| `(params\S+)` \|", PAGE, re.M)) == set(IMAGES)
    headings = [slug(line) for line in re.findall(r"^## (.*)$", PAGE, re.M)]
    assert re.findall(r"^- \[.*\]\(#(.*)\)$", PAGE, re.M) == headings


def test_the_csv_that_is_shown_is_read(tmp_path: Any) -> None:
    shown = PAGE.split("    vector,")[1].split("\n\n")[0]
    file = tmp_path / "pairs.csv"
    file.write_text("\n".join(line.strip() for line in f"vector,{shown}".splitlines()))
    found = read_pairs(load(preset_name="paper"), file)
    assert found.pairs.codes.ravel().tolist() == [412, 388]
    assert found.pairs.ideal.ravel().tolist() == [1.93, 1.81]
