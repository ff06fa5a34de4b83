"""The designs that a comparison is made of, and the words by which ``nmpu`` makes each of them by itself."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.presets import PRESETS, build, preset

__all__ = ["FLOATS", "core", "floating", "unit", "words"]

FLOATS: dict[str, dict[str, bool]] = {
    "fp16 fused": {"fused": True, "lean": False},
    "fp16 separate": {"fused": False, "lean": False},
    "fp16 lean": {"fused": True, "lean": True},
}
"""Binary16 lanes: how they differ."""

_CORE = {"columns": 16, "lanes": 4}


def core(config: NmpuConfig) -> NmpuConfig:
    """A small core with the lanes of ``config``: large enough that all paths of a lane are there."""
    return _with(config, array=_CORE, how={"memory": "internal", "built": 0})


def unit(config: NmpuConfig, built: int | None = None) -> NmpuConfig:
    """The unit with its parameter memory outside, and with another number of lanes built if that is not None."""
    return _with(config, how={"memory": "external"} | ({} if built is None else {"built": built}))


def floating(config: NmpuConfig, stages: int, *, counts: int | None = None, **how: bool) -> NmpuConfig:
    """The same with lanes of binary16.

    Args:
        config: of fixed point.
        stages: of the pipeline.
        counts: other than those of ``config``.
        how: ``fused`` and ``lean``.

    Raises:
        ValueError: one line: binary16 cannot do what the configuration asks for.
    """
    codes = {} if counts is None else {"counts": counts}
    return _with(config, arithmetic={"kind": "fp16", **how}, how={"stages": stages}, codes=codes)


def _with(config: NmpuConfig, **groups: Mapping[str, Any]) -> NmpuConfig:
    fields = config.model_dump(mode="json")
    return build(fields | {name: {**fields[name], **group} for name, group in groups.items()})


def words(
    command: str,
    config: NmpuConfig,
    library: Path | None,
    dont_use: tuple[str, ...],
    *more: str,
    target: float | None = None,
) -> str:
    """A command line of ``nmpu`` on a configuration, by the preset that is nearest and what differs from it."""
    start, settings = min(((name, list(_settings(config, name))) for name in PRESETS), key=lambda found: len(found[1]))
    sets = [word for text in settings for word in ("--set", text)]
    lib = ["--lib", str(library)] if library else []
    avoid = [word for pattern in dont_use for word in ("--dont-use", pattern)]
    aim = ["--target-period", f"{target:g}"] if target is not None else []
    return shlex.join(["nmpu", command, "--preset", start, *sets, *lib, *avoid, *aim, *more])


def _settings(config: NmpuConfig, start: str) -> Iterator[str]:
    """What ``--set`` has to change in a preset."""
    base = preset(start).model_dump(mode="json")
    for name, value in config.model_dump(mode="json").items():
        if isinstance(value, dict):
            fields = {f"{name}.{field}": (chosen, base[name][field]) for field, chosen in value.items()}
        else:
            fields = {} if name == "name" else {name: (value, base[name])}
        for field, (chosen, usual) in fields.items():
            if chosen != usual:
                plain = isinstance(chosen, str) and chosen.replace("_", "").isalnum()
                yield f"{field}={chosen if plain else json.dumps(chosen)}"
