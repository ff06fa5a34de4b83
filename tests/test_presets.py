"""The regression on every preset as it is emitted, on the netlist of one, and exhaustively on small formats."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.gates import simulate_gates
from flows.generate import generate
from flows.simulate import SimResult, simulate
from flows.tool import find
from nmpu_hdl.presets import PRESETS, load, preset

CORES = [name for name in PRESETS if not preset(name).derived.tiled]
"""Those of ``nmpu``; ``nmpu_axi`` has a bench of its own, and tests of its own."""
RARE = ("xnor", "ternary", "compare-add")
"""Those whose like are among the others: ``imce`` and ``stox`` have a front end too, the others are as ``paper``."""

needs_icarus = pytest.mark.skipif(
    find("iverilog") is None, reason="iverilog is not installed (apt-get install iverilog)"
)


def expect_all_passed(result: SimResult, tests: int, columns: int) -> None:
    assert not result.failures, result.failures[0]
    assert (result.passed, result.failed, result.tests) == (tests, 0, tests)
    assert result.columns_checked >= columns


def _marks(name: str) -> list[pytest.MarkDecorator]:
    return [pytest.mark.deep] if preset(name).derived.floating or name in RARE else []


@pytest.mark.parametrize("name", [pytest.param(name, marks=_marks(name)) for name in CORES])
def test_verilator(name: str, runtime: Path, tmp_path: Path) -> None:
    generate(preset(name), tmp_path)
    expect_all_passed(simulate(tmp_path, tmp_path / "sim", runtime=runtime), 11, 10_000)


@needs_icarus
@pytest.mark.parametrize("name", ["tiny", "paper"])
def test_icarus(name: str, tmp_path: Path) -> None:
    """With a short sustained run, for that of the paper's size takes most of a minute."""
    generate(preset(name), tmp_path)
    result = simulate(tmp_path, tmp_path / "sim", simulator="icarus", soak=4096)
    expect_all_passed(result, 11, 10_000)
    assert result.soak_columns >= 4096


@pytest.mark.parametrize("stages", [pytest.param(1, marks=pytest.mark.deep), 3])
def test_netlist(stages: int, tmp_path: Path) -> None:
    """The very same regression on gates: cells of the neutral library, whose flip-flops start with anything."""
    generate(load(preset_name="tiny", settings=[f"how.stages={stages}"]), tmp_path)
    expect_all_passed(simulate_gates(tmp_path, tmp_path / "gates"), 11, 10_000)


_DEEP = [pytest.param(form, marks=pytest.mark.deep) for form in ("rows", "booth", "operator")]


@pytest.mark.parametrize("multiplier", ["tree", *_DEEP])
def test_every_code_and_scale_of_small_formats(multiplier: str, fast_runtime: Path, tmp_path: Path) -> None:
    """256 pairs of codes x 256 pairs of scales x 8 offsets x 6 shifts x 2 activations."""
    settings = ["array.columns=64", "array.lanes=64", f"how.multiplier={multiplier}"]
    config = load(preset_name="tiny", settings=settings)
    generate(config, tmp_path)
    result = simulate(tmp_path, tmp_path / "sim", bench="tb.test_exhaustive", optimize=True, runtime=fast_runtime)
    expect_all_passed(result, 1, 256 * 256 * 8 * 6 * 2)
