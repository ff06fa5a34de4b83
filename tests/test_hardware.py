"""The hardware against the golden model, bit for bit, in Amaranth's simulator."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import golden
from golden import Params
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.presets import build
from nmpu_hdl.settings import PassSettings

from .draw import draw_codes, draw_config, draw_params, draw_settings
from .hardware import run


def drawn(seed: int) -> tuple[NmpuConfig, np.random.Generator]:
    rng = np.random.default_rng(seed)
    lanes, slots = int(rng.integers(1, 5)), int(rng.integers(1, 4))
    return draw_config(rng, lanes, slots), rng


def compare_with_golden(seed: int, passes: int) -> None:
    config, rng = drawn(seed)
    columns = config.array.columns
    params = draw_params(rng, config)
    work = [
        (
            draw_codes(rng, config.codes.format, (config.codes.counts, columns)),
            draw_settings(rng, config, int(rng.integers(1, columns + 1))),
        )
        for _ in range(passes)
    ]
    params = aimed(rng, config, params, *work[0])
    work += [(work[0][0], draw_settings(rng, config, columns)) for _ in range(passes // 2)]
    for got, (codes, settings) in zip(run(config, params, work, rng), work, strict=True):
        expected = golden.forward(config, codes, params, settings)
        for name, a, b in zip(expected._fields, got, expected, strict=True):
            np.testing.assert_array_equal(a, b, err_msg=f"{name} of {config!r} with {settings}")


def aimed(
    rng: np.random.Generator, config: NmpuConfig, params: Params, codes: np.ndarray, settings: PassSettings
) -> Params:
    """Offsets that bring these codes to rounding ties and to the ends of the output, where the format allows."""
    form, out = config.offset.format, config.output.format
    t = golden.taps(config, codes, params, replace(settings, columns=config.array.columns))["shifted"]
    ends = [out.low - 0.5, out.low, out.high, out.high + 0.5, -1.5, -0.5, 0.5, 1.5]
    wanted = rng.choice(ends, config.array.columns) - t / 2.0**config.guard
    offsets = np.rint(wanted * 2.0 ** (form.fraction - settings.offset_shift))
    return replace(params, offset=np.clip(offsets, form.low, form.high).astype(np.int64))


def test_half_even_of_a_value_that_is_always_below_one() -> None:
    """An unsigned sum without integer bits: its integer part is even, whatever its highest bit is."""
    config = build(
        {
            "array": {"columns": 1, "lanes": 1},
            "codes": {"counts": 1, "format": "UQ2.0"},
            "scale": {"format": "UQ0.2"},
            "shift": {"min": 15, "max": 15, "granularity": "fixed"},
            "offset": {"format": "UQ0.8"},
            "guard": 0,
            "rounding": {"modes": "half_even"},
            "activation": {"modes": "none"},
            "output": {"format": "UQ2.0"},
        }
    )
    settings = PassSettings.of(config)
    for offset in (127, 128, 129):
        params = golden.Params(np.array([[1]]), np.array([offset]))
        got = run(config, params, [(np.array([[1]]), settings)], np.random.default_rng(0))
        assert got[0].y[0] == (offset > 128)


def test_draws_reach_the_short_cuts() -> None:
    """Of the configurations below enough have a narrowed adder, a folded rounding constant, an unsigned sum."""
    configs = [drawn(seed)[0] for seed in range(120)]
    assert sum(c.derived.kept != c.derived.shifted for c in configs) >= 20
    assert sum(c.rounding.modes == ("half_up",) and c.norm.kind == "none" for c in configs) >= 20
    assert sum(not c.derived.affine.signed for c in configs) >= 5


@pytest.mark.parametrize("seed", range(120))
def test_hardware_is_golden(seed: int) -> None:
    compare_with_golden(seed, passes=25)


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(1000, 2000))
def test_hardware_is_golden_deep(seed: int) -> None:
    compare_with_golden(seed, passes=60)
