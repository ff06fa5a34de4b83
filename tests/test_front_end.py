"""Front ends: hardware against golden in Amaranth's simulator, golden against sums written out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from golden import forward
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.presets import load
from tb.raw import draw_front_settings, draw_raw, raw_words
from tests.draw import draw_params, draw_settings
from tests.hardware import run

BITS = ["codes.source=planes", "codes.counts=1", "front.input=bits"]
COUNTED = ["codes.source=planes", "codes.counts=1"]
SAMPLED = ["codes.source=samples", "codes.counts=1"]
BOTH = "front.values=unipolar,bipolar"

CONFIGS: dict[str, list[str]] = {
    "slices": ["codes.source=slices", "front.x_planes=4", "front.w_planes=3", "front.w_bits=2"],
    "slices_signed_codes": ["codes.source=slices", "codes.counts=1", "codes.format=SQ4.1", "front.w_planes=5"],
    "slices_beside": [
        "codes.source=slices",
        "front.beside=3",
        "front.w_planes=2",
        "front.w_bits=3",
        "front.order=slot",
    ],
    "slices_beside_unsigned": ["codes.source=slices", "codes.counts=1", "front.beside=2", "front.signed=false"],
    "slices_runtime": [
        *("codes.source=slices", "front.x_planes=3", "front.w_planes=3", "front.x_bits=3", "front.w_bits=2"),
        *("front.weights=runtime", "front.subarrays=3"),
    ],
    "planes": [*COUNTED, "front.x_planes=8", "front.w_planes=8", "front.order=slot"],
    "planes_zero": [*COUNTED, "front.x_planes=3", "front.w_planes=4", "front.zero=4", BOTH, "front.rows=15"],
    "planes_zero_unsigned": [*COUNTED, "front.x_planes=2", "front.zero=3", "front.signed=false"],
    "xnor": [*BITS, "front.bits=9", "front.rows=9", "front.values=bipolar", "front.subarrays=3", "front.signed=false"],
    "bits": [*BITS, "front.bits=17", "front.x_planes=3", "front.w_planes=2", BOTH, "front.zero=2", "front.order=slot"],
    "samples": [*SAMPLED, "front.bits=4", "front.samples=13", "front.values=bipolar", "front.x_planes=2"],
    "samples_one": [*SAMPLED, "front.samples=1", BOTH, "front.signed=false", "front.order=slot"],
    "samples_all": [
        *(*SAMPLED, "front.bits=3", "front.samples=16", BOTH, "front.x_planes=2", "front.w_planes=2"),
        *("front.subarrays=2", "front.w_bits=2", "front.x_bits=2"),
    ],
}
HOW = {
    "parallel": [],
    "serial": ["how.architecture=serial", "how.radix=4"],
    "walking": ["how.built=1", "how.stages=2"],
    "odd": ["array.columns=9", "array.lanes=3", "how.stages=3"],
    "one_slot": ["array.columns=3", "array.lanes=3"],
}


def configured(name: str, *more: str) -> NmpuConfig:
    return load(preset_name="tiny", settings=[*CONFIGS[name], "shift.max=24", *more])


def passes_agree(config: NmpuConfig, rng: np.random.Generator, count: int) -> None:
    """Passes with settings of their own, through the hardware, equal golden's."""
    params = draw_params(rng, config)
    passes, expected = [], []
    for _ in range(count):
        front = draw_front_settings(rng, config)
        settings = replace(draw_settings(rng, config, int(rng.integers(1, config.array.columns + 1))), front=front)
        raw = draw_raw(rng, config, front, settings.columns)
        passes.append((raw_words(rng, config, raw, front), settings))
        expected.append(forward(config, raw.operands(config, front)[0], params.first(settings.columns), settings))
    for got, want in zip(run(config, params, passes, rng), expected, strict=True):
        assert got.y.tolist() == want.y.tolist()
        assert got.low.tolist() == want.low.tolist()
        assert got.high.tolist() == want.high.tolist()


@pytest.mark.parametrize("name", CONFIGS)
def test_passes_through_the_hardware_equal_golden(name: str) -> None:
    passes_agree(configured(name), np.random.default_rng(len(name)), 12)


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("name", ["slices", "planes_zero", "samples_all"])
def test_however_lanes_are_built(name: str, how: str) -> None:
    passes_agree(configured(name, *HOW[how]), np.random.default_rng(7), 5)
