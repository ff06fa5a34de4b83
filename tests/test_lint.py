"""Verilator has nothing to say of the Verilog of any preset, nor of configurations from anywhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from flows.generate import generate, macro_models
from flows.lint import lint
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.ports import top_name
from nmpu_hdl.presets import PRESETS, load, preset

from .draw import draw_config, draw_float_config

DRAWN = [draw_config(np.random.default_rng(seed), lanes=1 + seed % 3, slots=1 + seed % 4) for seed in range(20)]
FLOATS = [draw_float_config(np.random.default_rng(seed), lanes=1 + seed % 4, slots=1 + seed % 3) for seed in range(8)]


@pytest.mark.parametrize(
    "config",
    [
        *map(preset, PRESETS),
        load(settings=["array.columns=1", "array.lanes=1"]),
        load(preset_name="tiny", settings=["how.memory=macro"]),
        load(preset_name="tiny", settings=["how.architecture=shared", "codes.format=SQ4.0", "how.stages=3"]),
        load(preset_name="tiny", settings=["how.architecture=serial", "shift.granularity=column", "guard=4"]),
        load(preset_name="tiny-tile", settings=["how.architecture=serial", "how.radix=4", "scale.format=SQ1.4"]),
        *DRAWN,
        *FLOATS,
    ],
    ids=lambda config: config.name,
)
def test_clean(config: NmpuConfig, tmp_path: Path) -> None:
    generate(config, tmp_path)
    models = macro_models(config, tmp_path)
    result = lint(tmp_path / "nmpu.v", tmp_path / "lint", top_name(config), models)
    assert result.clean, result.warnings
    assert [model.exists() for model in models] == [True] * (config.how.memory == "macro")


def test_a_mistake_is_found(tmp_path: Path) -> None:
    generate(preset("tiny"), tmp_path)
    text = (tmp_path / "nmpu.v").read_text()
    (tmp_path / "nmpu.v").write_text(
        text.replace("  assign ", "  wire idle;\n  assign idle = 1'h0 == clk;\n  assign ", 1)
    )
    assert lint(tmp_path / "nmpu.v", tmp_path / "lint").clean, "an unused signal is one of the three that are waived"
    (tmp_path / "nmpu.v").write_text(text.replace("  assign ", "  wire idle = param_addr >= 2'd0;\n  assign ", 1))
    result = lint(tmp_path / "nmpu.v", tmp_path / "lint")
    assert not result.clean
    assert result.warnings[0].line > 0
