"""The regression of ``nmpu_axi`` on emitted Verilog: presets, drawn configurations, other simulators, gates."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from flows.gates import simulate_gates
from flows.generate import generate
from flows.lint import lint
from flows.simulate import SimResult, simulate
from flows.tool import find
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.presets import load
from nmpu_hdl.verilog import emit

from .draw import draw_tile_config

TESTS = 20
ICARUS = pytest.mark.skipif(find("iverilog") is None, reason="iverilog is not installed (apt-get install iverilog)")
MINIMAL = load(
    preset_name="tiny", settings=["tile.kind=axi", "tile.blocks=1", "tile.sets=1", "tile.descriptors=1", "how.stages=2"]
)


def drawn(seed: int) -> NmpuConfig:
    """Lanes and slots that are powers of two, and such as are not."""
    return draw_tile_config(np.random.default_rng(seed), lanes=1 + seed % 5, slots=1 + seed % 4)


def passes(result: SimResult, tests: int = TESTS) -> None:
    assert result.failed == 0, f"{result.failures[0].test}: {result.failures[0].message}"
    assert result.tests == tests
    assert result.columns_checked > 0


def test_everything_switched_on(everything: Path) -> None:
    passes(SimResult.model_validate_json((everything / "sim" / "result.json").read_text()))


def test_nothing_switched_on(runtime: Path, tmp_path: Path) -> None:
    generate(MINIMAL, tmp_path)
    passes(simulate(tmp_path, tmp_path / "sim", runtime=runtime))


def test_memories_as_macros(runtime: Path, tmp_path: Path) -> None:
    generate(load(preset_name="tiny-tile", settings=["how.memory=macro"]), tmp_path)
    assert (tmp_path / "macros.v").exists()
    chosen = ["random_programs", "rewrites_in_mid_run", "memories_by_the_bus", "tables_in_mid_run", "raw_codes"]
    chosen += ["errors_in_parameters", "errors_in_sums"]
    passes(simulate(tmp_path, tmp_path / "sim", runtime=runtime, tests=chosen), len(chosen))


@pytest.mark.parametrize("seed", [19, *(pytest.param(seed, marks=pytest.mark.deep) for seed in (14, 22, 25, 46))])
def test_drawn(seed: int, runtime: Path, tmp_path: Path) -> None:
    generate(drawn(seed), tmp_path)
    assert lint(tmp_path / "nmpu.v", tmp_path / "lint", top="nmpu_axi").clean
    passes(simulate(tmp_path, tmp_path / "sim", runtime=runtime, seed=seed))


def test_draws_reach_the_options() -> None:
    """Of the drawn configurations each option is on in some and off in others, so are odd numbers of lanes."""
    configs = [drawn(seed) for seed in range(100, 160)]
    for on in (
        lambda c: c.tile.residual,
        lambda c: c.tile.chain > 1,
        lambda c: c.tile.table > 0,
        lambda c: c.tile.pool > 0,
        lambda c: c.tile.protect == "secded",
        lambda c: c.tile.protect == "parity",
        lambda c: c.tile.input == "sram",
        lambda c: c.tile.output == "sram",
        lambda c: c.tile.observe,
        lambda c: len(c.derived.widths) > 1,
        lambda c: c.derived.front > 1,
        lambda c: c.array.slots == 1,
        lambda c: c.array.lanes == 3,
        lambda c: c.norm.kind == "affine",
    ):
        assert 5 <= sum(bool(on(c)) for c in configs) <= 55


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(100, 160))
def test_drawn_deep(seed: int, runtime: Path, tmp_path: Path) -> None:
    generate(drawn(seed), tmp_path)
    passes(simulate(tmp_path, tmp_path / "sim", runtime=runtime, seed=seed, effort=3))


@pytest.mark.deep
def test_programs_at_length(tmp_path: Path) -> None:
    """Many random programs on one instance with everything, and on one of the paper's size."""
    for name, effort in (("tiny-tile", 40), ("tile", 1)):
        folder = tmp_path / name
        generate(load(preset_name=name), folder)
        passes(simulate(folder, folder / "sim", effort=effort, tests=["random_programs", "throughput"]), 2)


@ICARUS
def test_icarus(tmp_path: Path) -> None:
    """Registers start as X there, so that nothing may be read before it was written."""
    generate(load(preset_name="tiny-tile", settings=["tile.sets=1", "tile.blocks=3"]), tmp_path)
    chosen = ["random_programs", "errors_in_parameters", "aborts", "raw_codes"]
    passes(simulate(tmp_path, tmp_path / "sim", simulator="icarus", tests=chosen), len(chosen))


@pytest.mark.deep
def test_gates(tmp_path: Path) -> None:
    generate(load(preset_name="tiny-tile"), tmp_path)
    passes(simulate_gates(tmp_path, tmp_path / "gates"))


def test_every_module_once_and_equal_bytes() -> None:
    config = load(preset_name="tiny-tile")
    text = emit(config)
    names = [line.split()[1].split("(")[0] for line in text.splitlines() if line.startswith("module ")]
    assert len(set(names)) == len(names)
    assert names[0] == "nmpu_after" or "nmpu_axi" in names
    assert emit(config) == text
