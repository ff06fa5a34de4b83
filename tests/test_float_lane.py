"""Lanes of binary16: the whole regression on configurations from all over what they can be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flows.generate import generate
from flows.simulate import SimResult, simulate
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.presets import build

from .draw import draw_float_config

SPREAD: dict[str, dict[str, Any]] = {
    "two_counts": {"codes": {"format": "UQ10.0"}, "output": {"format": "SQ8.0"}},
    "separate": {
        "arithmetic": {"fused": False},
        "codes": {"format": "SQ9.2"},
        "norm": {"kind": "affine"},
        "output": {"format": "SQ12.0"},
        "how": {"stages": 3},
    },
    "lean_two_counts": {"arithmetic": {"lean": True}, "codes": {"format": "UQ8.0"}, "output": {"format": "SQ6.0"}},
    "lean": {
        "arithmetic": {"lean": True},
        "codes": {"counts": 1, "format": "SQ6.2"},
        "activation": {"modes": "relu"},
        "output": {"format": "UQ8.0"},
        "how": {"stages": 4},
    },
    "lean_separate": {
        "arithmetic": {"fused": False, "lean": True},
        "codes": {"format": "UQ16.0"},
        "activation": {"modes": ["relu", "none"]},
        "output": {"format": "SQ16.0"},
        "how": {"stages": 5},
    },
    "one_count": {
        "codes": {"counts": 1, "format": "UQ0.14"},
        "norm": {"kind": "affine"},
        "output": {"format": "UQ4.0"},
        "how": {"stages": 6},
    },
    "outside": {
        "arithmetic": {"fused": False},
        "codes": {"counts": 1, "format": "UQ2.0"},
        "activation": {"modes": "none"},
        "output": {"format": "SQ2.0"},
        "how": {"stages": 2, "memory": "external"},
    },
}


def floating(name: str) -> NmpuConfig:
    """One of :data:`SPREAD`, with eight columns."""
    fields = SPREAD[name]
    arithmetic = {"kind": "fp16", **fields.get("arithmetic", {})}
    return build({"name": "spread", "array": {"columns": 8, "lanes": 2}, **fields, "arithmetic": arithmetic})


def regression(config: NmpuConfig, folder: Path, **options: Any) -> SimResult:
    generate(config, folder)
    return simulate(folder, folder / "sim", **options)


def expect_all_passed(result: SimResult) -> None:
    assert not result.failures, result.failures[0]
    assert result.passed == result.tests == 11
    assert result.columns_checked > 5000


@pytest.mark.parametrize("name", SPREAD)
def test_lane(name: str, runtime: Path, tmp_path: Path) -> None:
    expect_all_passed(regression(floating(name), tmp_path, runtime=runtime))


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(60))
def test_drawn_lane(seed: int, runtime: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng([16, seed])
    config = draw_float_config(rng, int(rng.integers(1, 5)), int(rng.integers(1, 4)))
    expect_all_passed(regression(config, tmp_path, seed=seed, runtime=runtime))


def test_draws_reach_everywhere() -> None:
    configs = [draw_float_config(np.random.default_rng([16, seed]), lanes=4) for seed in range(60)]
    assert {c.how.stages for c in configs} == {1, 2, 3, 4, 5, 6}
    assert {c.derived.walk for c in configs} == {1, 2, 4}
    kinds = {(c.arithmetic.fused, c.arithmetic.lean, c.codes.counts, c.norm.kind) for c in configs}
    assert len(kinds) == 16
    assert {c.output.format.width for c in configs} >= {2, 16}
