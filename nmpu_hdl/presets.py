"""Where configurations come from: presets, an activation width, TOML files and ``--set``."""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from .config import NmpuConfig

__all__ = ["PRESETS", "build", "for_width", "load", "preset", "to_toml"]

_TINY: dict[str, Any] = {
    "array": {"columns": 8, "lanes": 2},
    "codes": {"format": "UQ4.0"},
    "scale": {"format": "UQ1.3"},
    "shift": {"min": -1, "max": 4},
    "offset": {"format": "SQ4.1"},
    "output": {"format": "SQ4.0"},
}

PRESETS: dict[str, dict[str, Any]] = {
    # Ferro et al., ISCAS 2024: the defaults of every field, where the paper or a measurement gives one.
    "paper": {"name": "paper"},
    # The paper's starting point: the same unit with one lane of binary16 for all columns.
    "fp16-ldpu": {"name": "fp16-ldpu", "arithmetic": {"kind": "fp16"}, "how": {"built": 1}},
    # Small enough for exhaustive tests, gate-level simulation and a first look at the waves.
    "tiny": {"name": "tiny", **_TINY},
    # The paper's lane in a whole near-memory unit, as one would put it beside a crossbar; memories are macros.
    "tile": {
        "name": "tile",
        "how": {"stages": 3, "memory": "macro"},
        "tile": {
            "kind": "axi",
            "residual": True,
            "widths": [6, 4],
            "table": 8,
            "pool": 64,
            "protect": "secded",
            "observe": True,
        },
    },
    # Everything of a tile switched on, as small as "tiny".
    "tiny-tile": {
        "name": "tiny-tile",
        **_TINY,
        "how": {"stages": 2},
        "tile": {
            "kind": "axi",
            "blocks": 4,
            "chain": 2,
            "residual": True,
            "widths": [3],
            "table": 4,
            "pool": 4,
            "protect": "secded",
            "sets": 4,
            "descriptors": 12,
            "observe": True,
        },
    },
    # AnalogNets (arXiv 2111.06503): one array serves all layers, activations of 8, 6 or 4 bits; converters of one gain.
    "aon-cim": {
        "name": "aon-cim",
        "array": {"columns": 512, "lanes": 64},
        "codes": {"counts": 1, "format": "SQ8.0"},
        "shift": {"max": 9},
        "how": {"stages": 2, "memory": "macro"},
        "tile": {"kind": "axi", "blocks": 4, "widths": [6, 4], "pool": 64, "sets": 64},
    },
    # IMCE, DoReFa (arXiv 1606.06160): counts of AND of bit planes, up to 8 of activations and 8 of weights.
    "imce": {
        "name": "imce",
        "codes": {"source": "planes", "counts": 1, "format": "UQ9.0"},
        "front": {"x_planes": 8, "w_planes": 8, "zero": 8},
        "shift": {"min": 0, "max": 24},
    },
    # Binary networks: bits -1 and +1, XOR in the array; the unit counts 64 rows a beat, up to 16 times.
    "xnor": {
        "name": "xnor",
        "codes": {"source": "planes", "counts": 1},
        "front": {
            "input": "bits",
            "bits": 64,
            "subarrays": 16,
            "values": "bipolar",
            "signed": False,
            "order": "slot",
        },
        "shift": {"max": 10},
    },
    # StoX-Net (arXiv 2407.12378): samples -1 and +1 of magnetic tunnel junctions; 4-bit activations and weights.
    "stox": {
        "name": "stox",
        "codes": {"source": "samples", "counts": 1},
        "front": {
            "bits": 1,
            "samples": 16,
            "x_planes": 4,
            "w_planes": 4,
            "subarrays": 16,
            "values": "bipolar",
            "signed": False,
        },
        "shift": {"min": 0, "max": 15},
        "activation": {"modes": ["none", "clip"]},
    },
    # Weights -1, 0 and +1: counts of the positive and of the negative ones, exact, so that both have one scale.
    "ternary": {"name": "ternary", "codes": {"counts": 2, "format": "UQ8.0"}, "shift": {"max": 8}},
    # Arrays that compare and add (CMP-PIM): signed sums in, batch norm and activation as usual.
    "compare-add": {
        "name": "compare-add",
        "codes": {"counts": 1, "format": "SQ12.0"},
        "shift": {"max": 12},
    },
    # Everything of the core switched on, at the widths of a 12-bit converter and 16-bit activations.
    "wide": {
        "name": "wide",
        "array": {"columns": 1024, "lanes": 64},
        "codes": {"format": "UQ12.0"},
        "scale": {"format": "UQ1.15"},
        "shift": {"min": -8, "max": 15, "granularity": "column"},
        "offset": {"format": "SQ16.4", "max_shift": 7},
        "guard": 4,
        "norm": {"kind": "affine", "scale": "SQ2.10", "offset": "SQ16.4"},
        "rounding": {"modes": ["half_even", "floor", "half_up", "half_away"]},
        "activation": {"modes": ["none", "relu", "clip", "leaky"]},
        "output": {"format": "SQ16.0"},
        "how": {"stages": 4, "memory": "external"},
    },
}


def preset(name: str) -> NmpuConfig:
    """The named preset.

    Raises:
        ValueError: there is none of that name.
    """
    return build(_preset_fields(name))


def for_width(width: int) -> dict[str, Any]:
    """Fields of a consistent set for activations of ``width`` bits; 8 gives the paper's.

    Codes have two bits more than activations (16 at the most), scales as many, offsets cover the output's range in
    steps of half an LSB.

    Raises:
        ValueError: not 2 to 16 bits.
    """
    if not 2 <= width <= 16:
        raise ValueError(f"width = {width} is outside 2..16 bits")
    return {
        "codes": {"format": f"UQ{min(width + 2, 16)}.0"},
        "scale": {"format": f"UQ1.{width - 1}"},
        "offset": {"format": f"SQ{width}.1"},
        "output": {"format": f"SQ{width}.0"},
    }


def load(
    file: Path | None = None,
    *,
    preset_name: str | None = None,
    width: int | None = None,
    settings: Sequence[str] = (),
) -> NmpuConfig:
    """A configuration from a preset (``paper`` unless given) or a file, then a width, then ``group.field=value``.

    Raises:
        ValueError: with one line that names the field, the value and what would do.
        OSError: the file cannot be read.
    """
    if file is not None and preset_name is not None:
        raise ValueError(f"give either a file ({file}) or --preset ({preset_name}), not both")
    fields = _read(file) if file is not None else _preset_fields(preset_name or "paper")
    if width is not None:
        named = file is not None and "name" in fields
        name = {} if named else {"name": "paper" if width == 8 else f"w{width}"}
        fields = _merged(fields, for_width(width) | name)
    for text in settings:
        fields = _merged(fields, _parse_setting(text))
    return build(fields)


def build(fields: Mapping[str, Any]) -> NmpuConfig:
    """A configuration from plain data; every complaint is one line.

    Raises:
        ValueError: naming the field, the value and what would do.
    """
    try:
        return NmpuConfig.model_validate(fields)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        inner = [e for e in errors if not any(_within(other, e) for other in errors)]
        raise ValueError("; ".join(_complaint(e) for e in inner)) from None


def to_toml(config: NmpuConfig) -> str:
    """The configuration as a TOML file, each field under its description."""
    data = json.loads(config.model_dump_json())
    lines = ["# Configuration of an NMPU; see docs/arithmetic.md.  Formats: UQi.f unsigned, SQi.f signed (sign in i)."]
    groups = []
    for name, info in NmpuConfig.model_fields.items():
        value = data[name]
        if isinstance(value, dict):
            groups.append((name, value))
        else:
            lines.append(f"{name} = {_toml_value(value)}  # {info.description}")
    for name, value in groups:
        group = NmpuConfig.model_fields[name].annotation
        assert isinstance(group, type)
        assert issubclass(group, BaseModel)
        lines += ["", f"[{name}]  # {(group.__doc__ or '').splitlines()[0]}"]
        lines += [f"{key} = {_toml_value(v)}  # {group.model_fields[key].description}" for key, v in value.items()]
    return "\n".join(lines) + "\n"


def _toml_value(value: Any) -> str:
    return json.dumps(value)


def _preset_fields(name: str) -> dict[str, Any]:
    if name not in PRESETS:
        raise ValueError(f"there is no preset '{name}'; {', '.join(PRESETS)} are there")
    return dict(PRESETS[name])


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{file}: not TOML: {error}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{file}: not a text file in UTF-8") from None


def _merged(base: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for key, value in change.items():
        old = result.get(key)
        result[key] = _merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return result


def _parse_setting(text: str) -> dict[str, Any]:
    """``group.field=value``; the value is TOML, or else taken as a word, or as a list of words at commas."""
    path, equals, raw = text.partition("=")
    if not equals or not path.strip():
        raise ValueError(f"--set {text}: write group.field=value, such as how.stages=2")
    raw = raw.strip()
    try:
        value: Any = tomllib.loads(f"value = {raw}")["value"]
    except tomllib.TOMLDecodeError:
        value = [word.strip() for word in raw.split(",")] if "," in raw else raw
    for key in reversed(path.strip().split(".")):
        value = {key: value}
    result: dict[str, Any] = value
    return result


def _within(one: Any, other: Any) -> bool:
    """Whether ``one`` is about a part of what ``other`` is about."""
    return len(one["loc"]) > len(other["loc"]) and one["loc"][: len(other["loc"])] == other["loc"]


def _complaint(error: Any) -> str:
    """One complaint of pydantic in our words: field, value, what would do."""
    path = [part for part in error["loc"] if isinstance(part, str)]
    name, value = ".".join(path), error["input"]
    message = error["msg"].removeprefix("Value error, ")
    if len(repr(value)) > 60:
        value = f"{repr(value)[:60]}..."
    if error["type"] == "extra_forbidden":
        return _unknown(path)
    if error["type"] == "value_error":
        return f"{name}: {message}" if name else message
    if error["type"] in ("model_type", "model_attributes_type"):
        return f"{name} = {value!r} is a group of fields; write {name}.<field>"
    return f"{name} = {value!r}: {message[0].lower()}{message[1:]}"


def _unknown(path: list[str]) -> str:
    """An unknown key, and the nearest known one: in the same group, or else in any."""
    here: Any = NmpuConfig
    for part in path[:-1]:
        here = here.model_fields[part].annotation
    prefix, key, known = ".".join([*path[:-1], ""]).lstrip("."), path[-1], list(here.model_fields)
    candidates = {name: f"{prefix}{name}" for name in known}
    for group, info in NmpuConfig.model_fields.items():
        model = info.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            candidates = {name: f"{group}.{name}" for name in model.model_fields} | candidates
    near = difflib.get_close_matches(key, candidates, 1, 0.7)
    hint = f"did you mean '{candidates[near[0]]}'?" if near else f"known here: {', '.join(known)}"
    return f"unknown key '{'.'.join(path)}'; {hint}"
