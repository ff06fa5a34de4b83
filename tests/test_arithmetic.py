"""docs/arithmetic.md says what the code does: its table of ties, its worked example, its claim of one rounding."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import golden
from golden.requantize import requantize
from nmpu_hdl.formats import Activation, Rounding
from nmpu_hdl.presets import preset
from nmpu_hdl.settings import PassSettings

PAGE = (Path(__file__).parent.parent / "docs" / "arithmetic.md").read_text()


def test_table_of_ties() -> None:
    table = PAGE[PAGE.index("| value | floor") :]
    modes = [Rounding(word) for word in table.splitlines()[0].replace("|", " ").split()[1:]]
    rows = re.findall(r"^\| (-?\d+\.\d+) \|(.*)\|$", table, re.MULTILINE)
    assert len(rows) == 10
    for value, cells in rows:
        code = int(float(value) * 4)
        for mode, expected in zip(modes, cells.split("|"), strict=True):
            assert int(requantize(np.array(code), 2, mode)) == int(expected), (value, mode)


def test_worked_example() -> None:
    config = preset("paper")
    params = golden.Params(np.array([[90], [101]]), np.array([-37]))
    settings = PassSettings.of(config, columns=1, shift=2, activation=Activation.RELU)
    values = golden.taps(config, np.array([[700], [120]]), params, settings)
    assert [int(values[k][0]) for k in ("product", "shifted", "affine", "y")] == [50880, 198, 161, 81]
    assert "| 50880 |" in PAGE
    assert "| 81 | 81 |" in PAGE


@pytest.mark.parametrize("shift", range(-1, 7))
def test_guard_one_is_one_exact_rounding(shift: int) -> None:
    """Every m that the paper's counts and scales can give, against a single rounding of the exact sum."""
    config = preset("paper")
    m = np.arange(config.derived.product.low, config.derived.product.high + 1, dtype=np.int64)
    rng = np.random.default_rng(shift + 1)
    for o in [-256, -255, -1, 0, 1, 254, 255, *rng.integers(-256, 256, 9)]:
        two_cuts = (golden.affine.shift(m, 7, shift, 1) + o + 1) >> 1
        exact = (m + ((int(o) + 1) << (6 + shift))) >> (7 + shift)  # floor(m / 2^(7+shift) + o/2 + 1/2)
        np.testing.assert_array_equal(two_cuts, exact)
        a, fine = golden.affine.offset(golden.affine.shift(m, 7, shift, 1), np.array(o), 1, 0, 1)
        np.testing.assert_array_equal(requantize(a, fine, Rounding.HALF_UP), exact)


@pytest.mark.parametrize("mode", list(Rounding))
def test_rounding_by_definition(mode: Rounding) -> None:
    """All codes of 10 bits at every cut, against Python's own exact arithmetic."""
    from .oracle import power, rounded

    codes = np.arange(-512, 512)
    for cut in range(8):
        expected = [rounded(int(c) * power(-cut), mode) for c in codes]
        np.testing.assert_array_equal(requantize(codes, cut, mode), expected)
