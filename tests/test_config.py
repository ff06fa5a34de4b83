"""What a configuration accepts, and what it says of the rest."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.formats import Format, Number
from nmpu_hdl.presets import PRESETS, build, load, preset, to_toml
from nmpu_hdl.settings import PassSettings


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("array.lanes=48", "array: lanes = 48 does not divide columns = 256; 16, 32 or 64 would"),
        ("array.columns=0", "array.columns = 0: input should be greater than or equal to 1"),
        ("array.lane=3", "unknown key 'array.lane'; did you mean 'array.lanes'?"),
        ("stages=2", "unknown key 'stages'; did you mean 'how.stages'?"),
        ("colour.hue=2", "unknown key 'colour'; known here: " + ", ".join(NmpuConfig.model_fields)),
        ("codes.format=UQ17.0", "codes.format: UQ17.0 has 17 bits; codes take 2 to 16"),
        ("codes.format=10", "codes.format: 10 is not a number format; write UQi.f or SQi.f, such as UQ1.7 or SQ8.1"),
        ("offset.format=SQ24.1", "offset.format: SQ24.1 has 25 bits; offsets take 2 to 24"),
        ("scale.format=SQ0.8", "scale.format: SQ0.8: the sign counts as an integer bit; write SQ1.8"),
        (
            "output.format=SQ7.1",
            "output.format: SQ7.1 has fraction bits, but results count in output LSB; "
            "write SQ8.0 and let the shift set the scale",
        ),
        ("shift.min=7", "shift: min = 7 is above max = 6; exchange them"),
        (
            "shift.granularity=fixed",
            "shift: granularity = fixed needs min = max, not -1 and 6; set both to the shift you want",
        ),
        ("shift.max=-1", "shift: granularity = layer with min = max = -1 is no choice; use granularity = fixed"),
        (
            "rounding.modes=up",
            "rounding.modes = 'up': input should be 'floor', 'half_up', 'half_even' or 'half_away'",
        ),
        ("activation.modes=relu,relu", "activation.modes: relu is named twice; once is enough"),
        ("array=3", "array = 3 is a group of fields; write array.<field>"),
        ("how.stages=7", "how.stages = 7: input should be less than or equal to 6"),
        ("how.stages=5", "how.stages = 5: arithmetic.kind = fixed has 4 at most"),
        (
            "how.built=48",
            "how.built = 48 does not divide array.lanes = 64; one of 1, 2, 4, 8, 16, 32, 64 would",
        ),
        ("how.built=-1", "how.built = -1: input should be greater than or equal to 0"),
        (
            "how.architecture=bits",
            "how.architecture = 'bits': input should be 'parallel', 'shared' or 'serial'",
        ),
        ("how.radix=8", "how.radix = 8: input should be 2 or 4"),
        (
            "how.radix=4",
            "how: radix = 4 means nothing with architecture = parallel; architecture = serial would do",
        ),
        ("arithmetic.kind=fp32", "arithmetic.kind = 'fp32': input should be 'fixed' or 'fp16'"),
        ("arithmetic.lean=true", "arithmetic: lean = true means nothing with kind = fixed; kind = fp16 would do"),
        ("arithmetic.fused=false", "arithmetic: fused = false means nothing with kind = fixed; kind = fp16 would do"),
        ("arithmetic.lean=1", "arithmetic.lean = 1: input should be a valid boolean"),
        ("guard=true", "guard = True: input should be a valid integer"),
        ("array.columns=1e3", "array.columns = 1000.0: input should be a valid integer"),
        ("guard", "--set guard: write group.field=value, such as how.stages=2"),
    ],
)
def test_complaints(setting: str, message: str) -> None:
    with pytest.raises(ValueError, match=r"^") as caught:
        load(settings=[setting])
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            ["activation.modes=none,leaky"],
            "activation.modes: leaky is not for arithmetic.kind = fp16; none and relu would do",
        ),
        (["activation.modes=clip"], "activation.modes: clip is not for arithmetic.kind = fp16; none and relu would do"),
        (
            ["output.overflow=wrap"],
            "output.overflow = wrap: arithmetic.kind = fp16 saturates; saturate would do",
        ),
        (
            ["tile.kind=axi", "how.stages=2"],
            "arithmetic.kind = fp16: tile.kind = axi is for fixed point; fixed would do",
        ),
        (["how.stages=7"], "how.stages = 7: input should be less than or equal to 6"),
    ],
)
def test_complaints_of_binary16(settings: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=r"^") as caught:
        load(settings=["arithmetic.kind=fp16", *settings])
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            ["how.architecture=shared", "how.radix=4"],
            "how: radix = 4 means nothing with architecture = shared; architecture = serial would do",
        ),
        (
            ["how.architecture=shared", "codes.counts=1"],
            "how.architecture = shared: with codes.counts = 1 there is no second count to share a multiplier with; "
            "parallel would do",
        ),
        *(
            (
                [f"how.architecture={name}", "arithmetic.kind=fp16"],
                f"how.architecture = {name}: arithmetic.kind = fp16 has parallel lanes only; parallel would do",
            )
            for name in ("shared", "serial")
        ),
    ],
)
def test_complaints_of_architectures(settings: list[str], message: str) -> None:
    for order in (settings, settings[::-1]):
        with pytest.raises(ValueError, match=r"^") as caught:
            load(settings=order)
        assert str(caught.value) == message


def test_a_tile_builds_all_lanes() -> None:
    with pytest.raises(ValueError, match=r"^how.built = 32: tile.kind = axi builds all lanes; 0 would do$"):
        load(preset_name="tile", settings=["how.built=32"])
    assert load(preset_name="tile", settings=["how.built=64"]).derived.walk == 1


def test_binary16_is_never_too_wide() -> None:
    """Formats that fixed point cannot take are not used."""
    wide = ["codes.format=UQ16.0", "scale.format=UQ16.0", "shift.min=-8", "guard=12", "norm.kind=affine"]
    config = load(settings=["arithmetic.kind=fp16", "norm.scale=SQ8.8", *wide])
    assert {field.about for field in config.derived.param_fields} == {"binary16"}
    assert config.derived.param_width == 16 * 5


def test_what_walking_lanes_derive() -> None:
    derived = preset("fp16-ldpu").derived
    assert (derived.floating, derived.built, derived.walk, derived.latency) == (True, 1, 64, 64)
    assert derived.pass_cycles(256) == 256 + 1
    assert derived.pass_cycles(1) == 64 + 1
    assert load(settings=["how.built=16", "how.stages=3"]).derived.pass_cycles(256) == 4 * 4 + 3


@pytest.mark.parametrize(
    ("settings", "digits", "least", "most"),
    [
        ([], None, 1, 1),
        (["how.architecture=shared"], None, 2, 2),
        # Eight bits of the scales; shifts of -1 to 6 take none to seven bits more.
        (["how.architecture=serial"], 8, 8, 15),
        (["how.architecture=serial", "how.radix=4"], 4, 4, 7),
        (["how.architecture=serial", "how.radix=4", "scale.format=UQ1.6"], 4, 4, 7),
        (["how.architecture=serial", "how.radix=4", "shift.max=5"], 4, 4, 7),
        (["how.architecture=serial", "how.radix=4", "shift.max=4"], 4, 4, 6),
        (["how.architecture=serial", "shift.granularity=column"], 8, 15, 15),
        (["how.architecture=serial", "shift.max=-1", "shift.granularity=fixed"], 8, 8, 8),
    ],
)
def test_what_lanes_of_several_clocks_derive(settings: list[str], digits: int | None, least: int, most: int) -> None:
    """Clocks of a column at the least shift and at the largest; 4 slots, or as many groups as lanes walk through."""
    derived = load(settings=settings).derived
    assert digits is None or derived.digits == digits
    assert (derived.clocked, derived.serial) == (most > 1, digits is not None)
    assert (derived.lane_cycles(-1), derived.lane_cycles()) == (least, most)
    assert (derived.beat_cycles(-1), derived.beat_cycles(), derived.depth) == (least, most, 1)
    assert (derived.pass_cycles(256, -1), derived.pass_cycles(256), derived.pass_cycles(1)) == (
        4 * least + 1,
        4 * most + 1,
        most + 1,
    )
    walking = load(settings=[*settings, "how.built=16", "how.stages=3"]).derived
    assert (walking.beat_cycles(), walking.latency, walking.depth) == (4 * most, 4 * most - 1 + 3, 3)
    assert walking.pass_cycles(256) == 16 * most + 3


def test_too_wide_is_refused_by_name() -> None:
    settings = [
        "codes.format=UQ16.0",
        "scale.format=UQ16.0",
        "shift.min=-8",
        "guard=12",
        "norm.kind=affine",
        "norm.scale=SQ8.8",
    ]
    with pytest.raises(
        ValueError, match=r"^the value 'norm_sum' would take 68 bits, the most is 62; a smaller norm.scale"
    ):
        load(settings=settings)


@pytest.mark.parametrize("name", PRESETS)
def test_toml_round_trip(name: str, tmp_path: Path) -> None:
    file = tmp_path / "nmpu.toml"
    file.write_text(to_toml(preset(name)))
    assert load(file) == preset(name)
    assert build(tomllib.loads(to_toml(preset(name)))) == preset(name)


@pytest.mark.parametrize("width", range(2, 17))
def test_widths(width: int) -> None:
    config = load(width=width)
    assert config.output.format == Format(True, width, 0)
    assert (config == preset("paper")) == (width == 8)


@pytest.mark.parametrize("width", [0, 1, 17])
def test_width_out_of_range(width: int) -> None:
    with pytest.raises(ValueError, match=rf"^width = {width} is outside 2..16 bits$"):
        load(width=width)


def test_files_that_are_not(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text("[array\n")
    with pytest.raises(ValueError, match=r"broken.toml: not TOML: Expected"):
        load(broken)
    broken.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"broken.toml: not a text file in UTF-8$"):
        load(broken)
    with pytest.raises(ValueError, match=rf"no preset 'papers'; {', '.join(PRESETS)} are there$"):
        load(preset_name="papers")


def test_frozen_and_hashable() -> None:
    config = preset("tiny")
    with pytest.raises(ValueError, match="frozen"):
        config.guard = 3  # type: ignore[misc]
    assert hash(config) == hash(preset("tiny"))


def test_schema_is_json_and_names_every_field() -> None:
    text = json.dumps(NmpuConfig.model_json_schema())
    for word in ("columns", "granularity", "leaky_shift", "max_shift", "stages"):
        assert f'"{word}"' in text


def test_formats() -> None:
    assert Format.parse("SQ8.1") == Format(True, 8, 1)
    assert (Format.parse("SQ8.1").low, Format.parse("SQ8.1").high) == (-256, 255)
    assert str(Format.parse("UQ0.4")) == "UQ0.4"
    for text in ("Q1.7", "UQ1", "UQ-1.7", "UQ1.7x", ""):
        with pytest.raises(ValueError, match="is not a number format"):
            Format.parse(text)


def test_number_widths_are_least() -> None:
    for low in range(-9, 1):
        for high in range(10):
            number = Number(low, high, 0)
            span = [
                w
                for w in range(1, 8)
                if (-(1 << (w - 1)) <= low and high < 1 << (w - 1)) or (not low and high < 1 << w)
            ]
            assert number.width == min(span), number


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"columns": 0}, r"columns = 0 is outside 1\.\.256"),
        ({"shift": 7}, r"shift = 7 is outside -1\.\.6"),
        ({"offset_shift": 1}, r"offset_shift = 1 is outside 0\.\.0"),
        ({"rounding": "floor"}, r"rounding = floor is not built in; half_up is"),
        ({"activation": "clip"}, r"activation = clip is not built in; none, relu is"),
        ({"clip_low": -129}, r"clip_low = -129 is outside -128\.\.127"),
    ],
)
def test_settings_complain(change: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        PassSettings.of(preset("paper"), **change)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "setting", "lanes"), [("tile", "array.columns=1024", 833), ("wide", "how.stages=4", 320)]
)
def test_more_lanes_than_a_module_can_have(name: str, setting: str, lanes: int) -> None:
    settings = [setting, "array.lanes=1024"]
    with pytest.raises(ValueError, match=rf"^array.lanes = 1024: .*; {lanes} lanes or fewer would do$"):
        load(preset_name=name, settings=settings)
