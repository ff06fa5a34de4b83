"""The words that the commands share, and what they mean."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, cast, get_type_hints

import typer

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.presets import PRESETS, load

__all__ = ["DontUse", "Json", "Lib", "Preset", "Seed", "Sets", "Simulator", "Target", "Waves", "Width", "configured"]

Preset = Annotated[str | None, typer.Option("--preset", help=f"start from {', '.join(PRESETS)} (default: paper)")]
Width = Annotated[int | None, typer.Option("--width", help="activation width, 2 to 16 bits: derive a consistent set")]
Sets = Annotated[
    list[str] | None, typer.Option("--set", metavar="GROUP.FIELD=VALUE", help="change a field; repeatable")
]
Json = Annotated[bool, typer.Option("--json", help="print one JSON object and nothing else")]
Simulator = Annotated[Literal["verilator", "icarus"], typer.Option("--simulator", help="verilator or icarus")]
Waves = Annotated[bool, typer.Option("--waves", help="write FST waves")]
Seed = Annotated[int, typer.Option("--seed", help="seed of the random stimulus")]
Lib = Annotated[Path | None, typer.Option("--lib", help="Liberty file (default: the technology-neutral one)")]
DontUse = Annotated[list[str] | None, typer.Option("--dont-use", metavar="GLOB", help="cells to avoid; repeatable")]


class Target(NamedTuple):
    """What a command is about: a configuration, and the folder to work in."""

    config: NmpuConfig
    work: Path


def _target(
    file: Annotated[
        Path | None, typer.Argument(help="configuration in TOML (default: the preset)", show_default=False)
    ] = None,
    preset: Preset = None,
    width: Width = None,
    sets: Sets = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="DIR", help="folder (default: build/<name>)")
    ] = None,
) -> Target:
    config = load(file, preset_name=preset, width=width, settings=sets or ())
    return Target(config, out or Path("build") / config.name)


def configured(command: Callable[..., None]) -> Callable[..., None]:
    """A command whose first argument is a :class:`Target`, given by the words that all such commands take."""

    def wrapper(**words: Any) -> None:
        target = _target(**{name: words.pop(name) for name in shared})
        command(target, **words)

    shared = inspect.signature(_target).parameters
    own = list(inspect.signature(command).parameters.values())[1:]
    hints = get_type_hints(_target, include_extras=True) | get_type_hints(command, include_extras=True)
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [p.replace(kind=keyword, annotation=hints[p.name]) for p in (*shared.values(), *own)]
    cast(Any, wrapper).__signature__ = inspect.Signature(parameters)
    wrapper.__annotations__ = {p.name: p.annotation for p in parameters}
    wrapper.__name__, wrapper.__doc__ = command.__name__, command.__doc__
    return wrapper
