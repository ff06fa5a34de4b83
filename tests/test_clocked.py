"""Lanes that take several clocks for a column: the regression of the parallel lane, and the very same results."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import golden
from flows.gates import simulate_gates
from flows.generate import generate
from flows.simulate import simulate
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.presets import load

from .draw import draw_codes, draw_config, draw_params, draw_settings, draw_tile_config
from .hardware import run
from .test_float_lane import expect_all_passed, regression

ARCHITECTURES = {
    "parallel": ["how.architecture=parallel"],
    "shared": ["how.architecture=shared"],
    "serial-2": ["how.architecture=serial"],
    "serial-4": ["how.architecture=serial", "how.radix=4"],
}
CLOCKED = ("shared", "serial-2", "serial-4")
"""Those that take several clocks."""

LEFT = ["shift.min=-8", "shift.max=3", "guard=12"]
"""Shifts to the left as well, and whatever they leave of a product is kept."""
CUT = ["shift.min=9", "shift.max=15", "guard=0"]
"""Nothing but the sign is left."""
SIGNED = ["codes.format=SQ5.1", "scale.format=SQ1.6"]
"""With digits of 2 bits the scale has half a digit."""
BOTH = [f"activation.modes={mode}" for mode in ("none,leaky,clip", "relu,clip")]
ROUND = ["rounding.modes=half_even,half_away"]


class Core(NamedTuple):
    """A core with the formats of ``tiny``."""

    architecture: str
    settings: list[str]

    @property
    def config(self) -> NmpuConfig:
        return load(preset_name="tiny", settings=[*ARCHITECTURES[self.architecture], *self.settings])


SPREAD = {
    "shared": Core("shared", ["how.stages=1", "how.multiplier=operator", "how.memory=external"]),
    "shared_left": Core(
        "shared",
        ["how.stages=4", "how.built=1", "norm.kind=affine", "shift.granularity=column", *SIGNED, *LEFT, BOTH[0]],
    ),
    "serial_left": Core("serial-2", ["how.stages=2", "codes.counts=1", *SIGNED, *LEFT, BOTH[1], *ROUND]),
    "serial_walks": Core(
        "serial-2",
        [
            *("how.stages=3", "array.columns=24", "array.lanes=8", "how.built=2", "how.multiplier=booth"),
            *("norm.kind=affine", "shift.max=-1", "shift.granularity=fixed"),
        ],
    ),
    "radix_4_cut": Core(
        "serial-4", ["how.stages=1", "scale.format=UQ0.7", "codes.format=SQ6.0", "shift.granularity=column", *CUT]
    ),
    "radix_4_left": Core(
        "serial-4",
        [
            *("how.stages=4", "array.columns=4", "array.lanes=4", "how.built=1", "how.memory=external"),
            *("how.multiplier=operator", "codes.counts=1", "norm.kind=affine", "scale.format=SQ2.5", *LEFT, BOTH[0]),
        ],
    ),
}


def wide(number: int) -> Core:
    """One of all architectures with all stages, with a second affine stage and without; the rest in turn."""
    places = itertools.product(CLOCKED, range(1, 5), ("none", "affine"))
    architecture, stages, norm = next(itertools.islice(places, number, None))
    counts = 2 if architecture == "shared" else 1 + number % 2
    signs = [(a, b) for a in "US" for b in "US"][(number + number // 8) % 4]
    widths = [(4, 4), (6, 7), (3, 5), (8, 2)][number // 2 % 4]
    codes, scale = (
        f"{sign}Q{1 + k}.{width - 1 - k}" for k, (sign, width) in enumerate(zip(signs, widths, strict=True))
    )
    shift = [LEFT, CUT, ["shift.min=-2", "shift.max=7"]][number % 3]
    granularity = ["layer", "column", "fixed"][(number + number // 3) % 3]
    fixed = [f"shift.max={shift[0].split('=')[1]}"] if granularity == "fixed" else []
    return Core(
        architecture,
        [
            *("array.columns=16", "array.lanes=4", f"how.stages={stages}", f"norm.kind={norm}"),
            *(f"codes.counts={counts}", f"codes.format={codes}", f"scale.format={scale}"),
            *(*shift, *fixed, f"shift.granularity={granularity}"),
            *(
                f"how.built={(0, 2, 0, 1)[number % 4]}",
                f"how.memory={('internal', 'external', 'macro')[number // 3 % 3]}",
            ),
            *(
                f"how.multiplier={('tree', 'operator', 'booth', 'rows')[number // 5 % 4]}",
                BOTH[number // 2 % 2],
                *ROUND,
            ),
        ],
    )


WIDE = range(len(CLOCKED) * 4 * 2)


@pytest.mark.parametrize("name", SPREAD)
def test_core(name: str, runtime: Path, tmp_path: Path) -> None:
    expect_all_passed(regression(SPREAD[name].config, tmp_path, runtime=runtime, soak=512))


@pytest.mark.deep
@pytest.mark.parametrize("number", WIDE)
def test_core_deep(number: int, runtime: Path, tmp_path: Path) -> None:
    expect_all_passed(regression(wide(number).config, tmp_path, runtime=runtime))


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(60))
def test_drawn_core(seed: int, runtime: Path, tmp_path: Path) -> None:
    expect_all_passed(regression(drawn_core(seed), tmp_path, runtime=runtime, seed=seed))


def drawn_core(seed: int) -> NmpuConfig:
    """One that takes several clocks for a column."""
    rng = np.random.default_rng([17, seed])
    while True:
        config = draw_config(rng, int(rng.integers(1, 5)), int(rng.integers(1, 4)))
        if config.derived.clocked:
            return config


def test_draws_reach_everywhere() -> None:
    """About every second draw is parallel, and of the others each kind is there in all its surroundings."""
    rng = np.random.default_rng(18)
    choices: list[Callable[[NmpuConfig], Any]] = [
        lambda c: c.how.stages,
        lambda c: c.how.multiplier,
        lambda c: c.shift.granularity,
        lambda c: c.norm.kind,
        lambda c: c.scale.format.signed,
        lambda c: c.codes.format.signed,
        lambda c: c.shift.min < 0,
    ]
    for draw in (draw_config, draw_tile_config):
        configs = [draw(rng, 4) for _ in range(400)]
        clocked = [config for config in configs if config.derived.clocked]
        assert 160 < len(clocked) < 240
        kinds = {(c.how.architecture, c.how.radix, c.codes.counts) for c in clocked}
        assert kinds == {("shared", 2, 2), *itertools.product(["serial"], (2, 4), (1, 2))}
        for architecture, radix in (("shared", 2), ("serial", 2), ("serial", 4)):
            some = [c for c in clocked if (c.how.architecture, c.how.radix) == (architecture, radix)]
            for choice in choices:
                assert {choice(c) for c in some} == {choice(c) for c in configs}
    assert {c.derived.walk for c in (draw_config(rng, 4) for _ in range(60))} == {1, 2, 4}


def exhaustive(config: NmpuConfig, folder: Path, columns: int, **options: Any) -> None:
    """All pairs of codes and of scales with eight offsets, all shifts, all activations; of an array of one slot."""
    generate(config, folder)
    result = simulate(folder, folder / "sim", bench="tb.test_exhaustive", **options)
    assert not result.failures, result.failures[0]
    assert result.columns_checked == columns


@pytest.mark.parametrize("architecture", CLOCKED)
def test_every_code_and_scale_of_short_formats(architecture: str, runtime: Path, tmp_path: Path) -> None:
    """16 pairs of codes x 64 pairs of scales, both with a sign, x 8 offsets x 8 shifts, some of them to the left."""
    formats = ["codes.format=SQ2.0", "scale.format=SQ1.2", "shift.min=-3", "shift.max=4", "guard=5"]
    settings = [*formats, "array.columns=64", "array.lanes=64", "activation.modes=none", *ARCHITECTURES[architecture]]
    exhaustive(load(preset_name="tiny", settings=settings), tmp_path, 16 * 64 * 8 * 8, runtime=runtime)


@pytest.mark.deep
@pytest.mark.parametrize("signs", ["UU", "US", "SU", "SS"])
@pytest.mark.parametrize("architecture", CLOCKED)
def test_every_code_and_scale(architecture: str, signs: str, fast_runtime: Path, tmp_path: Path) -> None:
    """256 pairs of codes x 256 pairs of scales x 8 offsets x 6 shifts x 2 activations."""
    formats = [f"codes.format={signs[0]}Q4.0", f"scale.format={signs[1]}Q1.3"]
    settings = [*formats, "array.columns=64", "array.lanes=64", *ARCHITECTURES[architecture]]
    config = load(preset_name="tiny", settings=settings)
    exhaustive(config, tmp_path, 256 * 256 * 8 * 6 * 2, optimize=True, runtime=fast_runtime)


@pytest.mark.deep
@pytest.mark.parametrize("name", ["shared_left", "serial_left", "radix_4_cut"])
def test_netlist(name: str, tmp_path: Path) -> None:
    generate(SPREAD[name].config, tmp_path)
    expect_all_passed(simulate_gates(tmp_path, tmp_path / "gates"))


@pytest.mark.parametrize("settings", [[*SIGNED, *LEFT], ["norm.kind=affine", "shift.granularity=column"]], ids=len)
def test_one_model_serves_all(settings: list[str]) -> None:
    """The same parameters, codes and settings into all of them: the same results bit for bit, those of the model."""
    configs = {name: load(preset_name="tiny", settings=[*settings, *how]) for name, how in ARCHITECTURES.items()}
    config, rng = configs["parallel"], np.random.default_rng(len(settings))
    columns, params = config.array.columns, draw_params(rng, config)
    work = [
        (draw_codes(rng, config.codes.format, (2, columns)), draw_settings(rng, config, columns)) for _ in range(20)
    ]
    expected = digest([golden.forward(config, codes, params, chosen) for codes, chosen in work])
    for name, each in configs.items():
        assert digest(run(each, params, work, np.random.default_rng(1))) == expected, name


def digest(results: list[golden.Activations]) -> str:
    return hashlib.sha256(b"".join(np.int64(part).tobytes() for result in results for part in result)).hexdigest()
