"""Tiles whose lanes take several clocks for a column: the regression, and what counts as waiting."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from flows.gates import simulate_gates
from flows.generate import generate
from flows.simulate import simulate
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.driver import Driver
from nmpu_hdl.presets import load

from . import waves
from .test_axi import passes
from .test_clocked import ARCHITECTURES, BOTH, CLOCKED, LEFT, ROUND, SIGNED

TILES = {
    "shared": [*ARCHITECTURES["shared"], "how.stages=3", *SIGNED, "shift.granularity=column"],
    "serial-2": [
        *ARCHITECTURES["serial-2"],
        "how.stages=2",
        "tile.input=sram",
        "tile.protect=parity",
        "codes.counts=1",
    ],
    "serial-4": [*ARCHITECTURES["serial-4"], "how.stages=4", "scale.format=UQ1.4", "how.memory=macro", BOTH[0], *ROUND],
}
"""Everything of ``tiny-tile``, and of lanes what the others have not."""


def tile(name: str, *settings: str) -> NmpuConfig:
    return load(preset_name="tiny-tile", settings=[*TILES[name], *settings])


@pytest.mark.deep
def test_tile(runtime: Path, tmp_path: Path) -> None:
    generate(tile("serial-4"), tmp_path)
    passes(simulate(tmp_path, tmp_path / "sim", runtime=runtime))


@pytest.mark.parametrize("name", ["shared", pytest.param("serial-2", marks=pytest.mark.deep)])
def test_tile_in_short(name: str, runtime: Path, tmp_path: Path) -> None:
    """What has to do with the clocks of a column."""
    generate(tile(name), tmp_path)
    chosen = ["throughput", "random_programs", "aborts", "rewrites_in_mid_run", "errors_in_parameters"]
    passes(simulate(tmp_path, tmp_path / "sim", runtime=runtime, tests=chosen), len(chosen))


@pytest.mark.deep
@pytest.mark.parametrize(
    ("name", "stages", "norm"), list(itertools.product(CLOCKED, range(2, 5), ("none", "affine"))), ids=str
)
def test_tile_deep(name: str, stages: int, norm: str, runtime: Path, tmp_path: Path) -> None:
    chain, given = ("tile.chain=1", "tile.chain=3")[stages % 2], ("stream", "sram")[stages // 2 % 2]
    odd = ["array.columns=9", "array.lanes=3", f"how.stages={stages}", f"norm.kind={norm}"]
    odd += [chain, f"tile.input={given}", f"how.multiplier={('rows', 'booth')[stages % 2]}"]
    odd += LEFT if name == "shared" else []
    generate(tile(name, *odd), tmp_path)
    passes(simulate(tmp_path, tmp_path / "sim", runtime=runtime))


@pytest.mark.deep
def test_netlist_of_a_tile(tmp_path: Path) -> None:
    generate(tile("serial-2"), tmp_path)
    passes(simulate_gates(tmp_path, tmp_path / "gates"))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_clocks_without_codes_are_counted(architecture: str) -> None:
    """As many as there were, in which a layer waited for codes; clocks in which lanes step are none of them."""
    config = load(preset_name="tiny", settings=[*waves.SETTINGS, *ARCHITECTURES[architecture]])
    what = waves.layer(4, 2, 2)
    codes = waves.layer_beats(what, [1, 2])
    for gaps in ({}, {1: 1}, {2: 7, 3: 2, 7: 12}):
        stalls: list[int] = []

        async def host(driver: Driver, stalls: list[int] = stalls) -> None:
            await driver.load_params(waves.image(config, 1))
            await driver.swap(10)
            await driver.load_program({0: what})
            await driver.start()
            await driver.wait(1000)
            stalls.append((await driver.counters())["stall_in"])

        rows = waves.run(config, codes, host, gaps)
        assert stalls == [sum(gaps.values())]
        into, out = waves.taken(rows, "s_axis"), waves.taken(rows, "m_axis")
        cycles = config.derived.beat_cycles(what.settings.shift)
        assert np.diff(into).tolist() == [cycles + gaps.get(beat, 0) for beat in range(1, len(codes))]
        finals = [clock for clock, beat in zip(into, codes, strict=True) if "b1" in beat.label]
        assert (np.array(out) - finals == config.derived.depth).all()
        assert [rows[k]["m_axis_tdata"] for k in out] == [0x22, 0x22, 0x44, 0x44]
