"""The hardware against the golden model, bit for bit, in Amaranth's simulator."""

from __future__ import annotations

import numpy as np
import pytest

import golden

from .draw import draw_codes, draw_config, draw_params, draw_settings
from .hardware import run


def compare_with_golden(seed: int, passes: int) -> None:
    rng = np.random.default_rng(seed)
    lanes, slots = int(rng.integers(1, 5)), int(rng.integers(1, 4))
    config = draw_config(rng, lanes, slots)
    columns = config.array.columns
    params = draw_params(rng, config)
    work = [
        (
            draw_codes(rng, config.codes.format, (config.codes.counts, columns)),
            draw_settings(rng, config, int(rng.integers(1, columns + 1))),
        )
        for _ in range(passes)
    ]
    for got, (codes, settings) in zip(run(config, params, work, rng), work, strict=True):
        expected = golden.forward(config, codes, params, settings)
        for name, a, b in zip(expected._fields, got, expected, strict=True):
            np.testing.assert_array_equal(a, b, err_msg=f"{name} of {config!r} with {settings}")


@pytest.mark.parametrize("seed", range(80))
def test_hardware_is_golden(seed: int) -> None:
    compare_with_golden(seed, passes=25)


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(1000, 2000))
def test_hardware_is_golden_deep(seed: int) -> None:
    compare_with_golden(seed, passes=60)
