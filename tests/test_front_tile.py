"""Front ends in a tile: the regression, descriptors, and faults seeded into what is particular to it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from flows.generate import generate
from flows.simulate import simulate
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.front_settings import FrontSettings
from nmpu_hdl.presets import load
from nmpu_hdl.program import Layer, decode, descriptor_words, encode
from nmpu_hdl.settings import PassSettings
from nmpu_hdl.verilog import emit

from .draw import draw_front_config, draw_layer
from .seeding import Controls, Fault, Once, expect_caught, seeded
from .test_axi import passes

TILES = {
    "planes": [
        *("codes.source=planes", "codes.counts=1", "front.x_planes=3", "front.w_planes=3", "front.zero=4"),
        *("front.values=unipolar,bipolar", "front.rows=15", "shift.max=8"),
    ],
    "slices": [
        *("codes.source=slices", "front.x_planes=3", "front.w_planes=2", "front.beside=2", "front.order=slot"),
        *("shift.max=8", "tile.chain=1", "how.front_stages=2"),
    ],
    "samples": [
        *("codes.source=samples", "codes.counts=1", "front.bits=3", "front.samples=11", "front.subarrays=3"),
        *("front.values=bipolar", "front.w_planes=2", "shift.max=8", "how.front_stages=2"),
    ],
    "serial": [
        *("codes.source=planes", "codes.counts=1", "front.input=bits", "front.bits=5", "front.x_planes=2"),
        *("how.architecture=serial", "how.radix=4", "array.columns=9", "array.lanes=3", "front.order=slot"),
        *("front.weights=runtime", "front.x_bits=3", "front.subarrays=2", "shift.max=8"),
    ],
}


def tile(name: str, *settings: str) -> NmpuConfig:
    return load(preset_name="tiny-tile", settings=[*TILES[name], *settings])


@pytest.mark.deep
@pytest.mark.parametrize("name", TILES)
def test_tile(name: str, runtime: Path, tmp_path: Path) -> None:
    generate(tile(name), tmp_path)
    passes(simulate(tmp_path, tmp_path / "sim", runtime=runtime))


CHOSEN = ["throughput", "random_programs", "aborts", "illegal_descriptors", "wrong_frames"]
"""What has to do with the front end's settings, beats and clocks."""


def test_tile_in_short(runtime: Path, tmp_path: Path) -> None:
    generate(tile("planes", "how.front_stages=2"), tmp_path)
    passes(simulate(tmp_path, tmp_path / "sim", runtime=runtime, tests=CHOSEN), len(CHOSEN))


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(12))
def test_drawn_tiles(seed: int, runtime: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng([seed, 11])
    config = draw_front_config(rng, int(rng.integers(1, 4)), int(rng.integers(1, 4)), tiled=True)
    generate(config, tmp_path)
    passes(simulate(tmp_path, tmp_path / "sim", runtime=runtime, tests=CHOSEN), len(CHOSEN))


@pytest.mark.parametrize("name", TILES)
def test_descriptors_there_and_back(name: str) -> None:
    config, rng = tile(name), np.random.default_rng(3)
    for _ in range(20):
        layer = draw_layer(rng, config)
        words = encode(config, layer)
        assert len(words) == descriptor_words(config)
        back = decode(config, words)
        assert back.settings.front == layer.settings.front
        assert encode(config, back) == words


def test_a_descriptor_that_asks_for_more_is_refused() -> None:
    config = tile("planes")
    words = encode(config, Layer(PassSettings.of(config, front=FrontSettings.of(config, x_planes=2))))
    place = descriptor_words(config) - 2
    with pytest.raises(ValueError, match=r"x_planes = 6 is outside 1\.\.3"):
        decode(config, [*words[:place], words[place] ^ 4, *words[place + 1 :]])


PROGRAMS = ("random_programs",)
FAULTS = {
    "next_layer_before_its_settings": Fault("nmpu_axi", r"= ahead > left;", "= 1'h0;", PROGRAMS),
    "abort_leaves_a_pass": Fault("nmpu_axi", r"\.clear\(restart\)", ".clear(1'h0)", ("aborts",)),
    "keep_of_the_last_slot": Fault("nmpu_front_end", r"= ~ i_keep;", "= 2'h0;", ("wrong_frames",)),
    "sums_of_activations_not_kept": Fault("nmpu_front_end", r"zero \* i_data\[11:8\]", "zero * i_data[10:7]", PROGRAMS),
    "legal_beyond_the_planes": Fault("nmpu_fetcher", r"word_11\[4:0\] <= 2'h3", "1'h1", ("illegal_descriptors",)),
}


@pytest.fixture(scope="session")
def controls(once: Once, runtime: Path) -> Controls:
    return Controls(once, runtime, {"front-tile": tile("planes")}, {"front-tile": FAULTS})


@pytest.mark.parametrize("name", FAULTS)
def test_fault_applies(name: str) -> None:
    seeded(emit(tile("planes")), FAULTS[name])


@pytest.mark.deep
@pytest.mark.parametrize("name", FAULTS)
def test_fault_is_caught(name: str, controls: Controls, tmp_path: Path) -> None:
    expect_caught(name, FAULTS[name], controls["front-tile"], tmp_path)
