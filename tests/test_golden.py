"""The golden model against exact fractions."""

from __future__ import annotations

import numpy as np
import pytest

import golden

from .draw import draw_codes, draw_config, draw_params, draw_settings
from .oracle import column


def compare_with_oracle(seed: int, batch: int) -> None:
    rng = np.random.default_rng(seed)
    config = draw_config(rng, lanes=2, slots=3)
    params, settings = draw_params(rng, config), draw_settings(rng, config, int(rng.integers(1, 7)))
    codes = draw_codes(rng, config.codes.format, (batch, config.codes.counts, config.array.columns))
    got = golden.forward(config, codes, params, settings)
    assert got.y.shape == (batch, settings.columns)
    for b in range(batch):
        for c in range(settings.columns):
            expected = column(config, [int(x) for x in codes[b, :, c]], params, c, settings)
            assert (int(got.y[b, c]), got.low[b, c], got.high[b, c]) == expected, (config, settings, codes[b, :, c], c)


@pytest.mark.parametrize("seed", range(150))
def test_golden_is_the_oracle(seed: int) -> None:
    compare_with_oracle(seed, batch=20)


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(1000, 3000))
def test_golden_is_the_oracle_deep(seed: int) -> None:
    compare_with_oracle(seed, batch=40)
