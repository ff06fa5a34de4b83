"""The content of activation tables, and the error that is stated for it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import golden
from golden.table import FUNCTIONS
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.presets import load

BOUNDED = {"sigmoid": 1 / 127, "tanh": 1 / 127, "hardsigmoid": 1 / 127}
"""Output steps for functions within -1..1; the others keep the input's."""

DOCS = (Path(__file__).parent.parent / "docs" / "arithmetic.md").read_text()
ERRORS = {
    # name: what docs/arithmetic.md states as the largest error with 16, 64 and 256 entries, rounded up
    row[1]: tuple(float(cell) for cell in row[2].split("|"))
    for row in re.finditer(r"^\| (\w+) \| ([\d.]+ \| [\d.]+ \| [\d.]+) \|$", DOCS, re.MULTILINE)
    if "." in row[2]
}


def paper(bits: int, *settings: str) -> NmpuConfig:
    return load(preset_name="paper", settings=["tile.kind=axi", "how.stages=2", f"tile.table={bits}", *settings])


def test_errors_are_stated_for_all_functions() -> None:
    assert set(ERRORS) == set(FUNCTIONS)


@pytest.mark.parametrize("name", ERRORS)
@pytest.mark.parametrize("bits", [4, 6, 8])
def test_errors_are_as_stated(name: str, bits: int) -> None:
    _, error = golden.activation_table(paper(bits), name, in_step=1 / 16, out_step=BOUNDED.get(name, 1 / 16))
    stated = ERRORS[name][(4, 6, 8).index(bits)]
    assert stated - 0.01 - 1e-9 <= error <= stated


@pytest.mark.parametrize("form", ["SQ8.0", "UQ8.0", "SQ5.0", "UQ10.0"])
@pytest.mark.parametrize("bits", [2, 4, 5])
@pytest.mark.parametrize("name", ["gelu", "exp", "hardswish"])
def test_the_error_is_the_largest_there_is(form: str, bits: int, name: str) -> None:
    """Measured with the look-up that a layer makes, over all codes; none of them is off by more, one by as much."""
    config = paper(bits, f"output.format={form}")
    out, call = config.output.format, FUNCTIONS[name]
    entries, error = golden.activation_table(config, name, in_step=1 / 16, out_step=1 / 8)
    codes = np.arange(out.low, out.high + 1)
    targets = [call(code / 16) * 8 for code in codes.tolist()]
    found = golden.look_up(config, codes, entries).tolist()
    errors = [abs(y - t) for y, t in zip(found, targets, strict=True) if out.low <= t <= out.high]
    assert error == max(errors)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("form", ["SQ6.0", "UQ6.0"])
def test_an_entry_a_code_is_off_by_half_an_lsb_at_most(name: str, form: str) -> None:
    for in_step, out_step in ((1 / 4, 1 / 32), (1 / 32, 1 / 4), (0.1, 0.03)):
        config = paper(6, f"output.format={form}")
        assert golden.activation_table(config, name, in_step=in_step, out_step=out_step)[1] <= 0.5


def test_table_index_is_the_bit_pattern() -> None:
    config = paper(2, "output.format=SQ4.0")
    y = np.arange(-8, 8, dtype=np.int8)
    assert golden.look_up(config, y, [1, 2, 3, 4]).tolist() == [3] * 4 + [4] * 4 + [1] * 4 + [2] * 4


def test_entries_by_hand() -> None:
    """Four entries of four codes each, in the order of bit patterns: 0..3, 4..7, -8..-5, -4..-1."""
    config = paper(2, "output.format=SQ4.0", "tile.widths=[3]")
    entries, error = golden.activation_table(config, lambda x: x, in_step=1, out_step=1)
    assert entries.tolist() == [2, 6, -6, -2]  # 1.5, 5.5, -6.5, -2.5 rounded half to even
    assert error == 2.0
    narrow, error = golden.activation_table(config, lambda x: x, in_step=1, out_step=1, width=3)
    assert narrow.tolist() == [2, 3, -4, -2]
    assert error == 2.0  # code 0 gets 2, code -4 gets -2; nothing beyond -4..3 comes to this table
    assert golden.activation_table(config, lambda x: math.inf, in_step=1, out_step=1)[1] == 0.0


def test_what_cannot_be_computed_with_floats_naively() -> None:
    """Neither overflow nor lost digits far from zero."""
    config = paper(8, "output.format=SQ16.0")
    for name in FUNCTIONS:
        entries, _ = golden.activation_table(config, name, in_step=0.25, out_step=1e-6)
        assert entries[:128].max() == 32767
    far, _ = golden.activation_table(config, "gelu", in_step=10 / 32768, out_step=1e-26)
    assert -11300 < far[128] < -11200  # at -9.96, where 1 + erf has no digit left


@pytest.mark.parametrize(
    ("function", "steps", "message"),
    [
        ("swish", {}, r"function = swish is not known; sigmoid, tanh, .* are, or give a callable"),
        ("tanh", {"in_step": 0.0}, r"in_step = 0.0 must be positive and finite"),
        ("tanh", {"out_step": math.inf}, r"out_step = inf must be positive and finite"),
        ("tanh", {"width": 5}, r"width = 5 is not built in; 8, 6 is"),
        (lambda x: math.nan, {}, r"the function of -120.5 is no number"),
    ],
)
def test_refusals(function: str | Callable[[float], float], steps: dict[str, float], message: str) -> None:
    config = paper(4, "tile.widths=[6]")
    with pytest.raises(ValueError, match=f"^{message}$"):
        golden.activation_table(config, function, **({"in_step": 1.0, "out_step": 1.0} | steps))  # type: ignore[arg-type]


def test_a_configuration_without_table_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^tile.table = 0 with tile.kind = axi is no table$"):
        golden.activation_table(paper(0), "tanh", in_step=1.0, out_step=1.0)
