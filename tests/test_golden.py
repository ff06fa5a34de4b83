"""The golden model against exact fractions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import golden

from .draw import draw_codes, draw_config, draw_params, draw_settings, draw_tile_config
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


@pytest.mark.parametrize("seed", range(40))
def test_forward_takes_width_and_residual(seed: int) -> None:
    rng = np.random.default_rng(seed)
    config = draw_tile_config(rng)
    residual = int(rng.integers(-config.tile.residual_right, config.tile.residual_left + 1))
    settings = replace(
        draw_settings(rng, config),
        width=int(rng.choice(config.derived.widths)),
        residual=residual if config.tile.residual else None,
    )
    params, columns = draw_params(rng, config), config.array.columns
    codes = draw_codes(rng, config.codes.format, (3, 5, config.codes.counts, columns))
    extra = draw_codes(rng, config.output.format, (3, 5, columns)) if config.tile.residual else None
    got = golden.forward(config, codes, params, settings, extra)
    inner = golden.taps(config, codes, params, settings, extra)
    assert all(np.array_equal(inner[name], part) for name, part in got._asdict().items())
    for at in np.ndindex(3, 5, columns):
        i, j, c = at
        more = None if extra is None else int(extra[at])
        expected = column(config, [int(x) for x in codes[i, j, :, c]], params, c, settings, more)
        assert (int(got.y[at]), bool(got.low[at]), bool(got.high[at])) == expected, (config, settings, at)
