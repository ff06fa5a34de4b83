"""The parameter image of a calibration is what the hardware takes, word for word."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from flows.calibrate_image import IMAGES, bus_writes, params_hex
from golden import Params, forward, unpack
from nmpu_hdl.capabilities import lane_space, sub_words
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.presets import load
from nmpu_hdl.registers import register_map

from .hardware import run
from .test_calibrate import PAPER, SMALL
from .test_calibrate_flow import DRAWN, REPORT, TINY, measured, step

TILE = load(preset_name="tile", settings=[*SMALL, "tile.sets=8"])


@pytest.fixture(autouse=True)
def _no_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.calibrate.chart", lambda result: DRAWN)


def words(file: Path) -> list[int]:
    """The words of a file for $readmemh."""
    return [int(line, 16) for line in file.read_text().splitlines() if not line.startswith("//")]


def same(one: Params, other: Params, columns: int) -> bool:
    pairs = [(getattr(one, name), getattr(other, name)) for name in Params.__dataclass_fields__]
    return all((a is None and b is None) or np.array_equal(a[..., :columns], b[..., :columns]) for a, b in pairs)


@pytest.mark.parametrize(
    "config",
    [
        PAPER,
        load(preset_name="fp16-ldpu", settings=SMALL),
        load(settings=[*SMALL, "shift.granularity=column", "norm.kind=affine", "how.built=2"]),
    ],
    ids=["paper", "fp16", "column"],
)
def test_image_of_a_core(config: NmpuConfig, tmp_path: Path) -> None:
    result = step(config, tmp_path / "out", pairs=measured(config, tmp_path / "pairs.npz"), lsb=8.0)
    assert result.passed
    assert {file.name for file in (tmp_path / "out").iterdir()} == REPORT | set(IMAGES) - {"params_bus.hex"}
    image = words(tmp_path / "out" / "params.hex")
    assert (tmp_path / "out" / "params.hex").read_text() == params_hex(config, image)
    assert len(image) == config.derived.words
    stored = result.integers.integers().params[0]
    assert same(unpack(config, image), stored, 32)
    told = json.loads((tmp_path / "out" / "params.json").read_text())
    assert [int(word, 16) for word in told["words"]] == image
    assert told["word_bits"] == config.derived.param_width * config.derived.built
    assert told["settings"]["shifts"] == (list(result.shifts) if result.shifts else None)
    for name, value in stored.fields(config).items():
        assert told["stored"][0][name] == value.tolist()
    with zipfile.ZipFile(tmp_path / "out" / "params.npz") as archive:  # no time of day: equal integers, equal bytes
        assert {entry.date_time[0] for entry in archive.infolist()} == {1980}
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_DEFLATED}
    with np.load(tmp_path / "out" / "params.npz") as arrays:
        assert np.array_equal(arrays["scales"][0], stored.scales)
        assert np.array_equal(arrays["offset"][0], stored.offset)


def test_image_of_a_tile(tmp_path: Path) -> None:
    """The words on the bus say the same as the image."""
    result = step(TILE, tmp_path / "out", pairs=measured(TILE, tmp_path / "pairs.npz", blocks=3), lsb=16.0)
    image, params = words(tmp_path / "out" / "params.hex"), result.integers.integers().params
    slots = TILE.array.slots
    assert len(image) == 3 * slots
    for block in range(3):
        assert same(unpack(TILE, image[block * slots : (block + 1) * slots]), params[block], 32)
    lines = (tmp_path / "out" / "params_bus.hex").read_text().splitlines()
    assert lines.pop(0).startswith("// ")
    writes = [(int(at, 16), int(word, 16)) for at, word in (line.split() for line in lines)]
    assert writes == bus_writes(TILE, image)
    start, subs = register_map(TILE).window("PARAMETERS").address, sub_words(TILE)
    found = [0] * len(image)
    for address, data in writes:
        place, sub = divmod((address - start) // 4, subs)
        word, lane = divmod(place, lane_space(TILE))
        found[word] |= data << lane * TILE.derived.param_width + 32 * sub
    assert found == image
    with pytest.raises(ValueError, match=r"^tile\.kind = none has no bus; axi has$"):
        bus_writes(PAPER, image)


def test_hardware_takes_the_image(tmp_path: Path) -> None:
    """Codes as measured, through the unit with the parameters of the file."""
    file = measured(TINY, tmp_path / "pairs.npz", vectors=60)
    result = step(TINY, tmp_path / "out", pairs=file, lsb=1.6)
    assert result.passed
    params = unpack(TINY, words(tmp_path / "out" / "params.hex"))
    settings = result.integers.integers().settings(TINY)
    with np.load(file) as arrays:
        codes, sums = arrays["codes"][:6, 0], arrays["ideal"][:6, 0]
    shown = run(TINY, params, [(vector, settings) for vector in codes], np.random.default_rng(1))
    expected = forward(TINY, codes, params, settings).y
    assert np.array_equal(np.stack([one.y for one in shown]), expected)
    ideal = np.clip((sums[:, 0] - sums[:, 1]) / 1.6, -32, 31)
    assert np.abs(expected - ideal).max() < 3
