"""The words that the commands share, and what they mean."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, cast, get_type_hints

import typer

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.macros import macros
from nmpu_hdl.presets import PRESETS, load

from .efforts import Effort
from .macros import Sized, match, parse_macro

__all__ = [
    "DontUse",
    "Efforts",
    "InputDelay",
    "Json",
    "Lib",
    "Macros",
    "OutputDelay",
    "Period",
    "Preset",
    "Seed",
    "Sets",
    "Simulator",
    "Target",
    "TargetPeriod",
    "Waves",
    "Width",
    "Wires",
    "configured",
    "sizes",
    "supplied",
]

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
Efforts = Annotated[
    Effort,
    typer.Option("--effort", help="fast: one way; area, delay: the least of it; best: the least of both of all ways"),
]
Macros = Annotated[
    list[str] | None,
    typer.Option(
        "--macro",
        metavar="NAME:WORDS:BITS:AREA",
        help="a memory macro of yours and its um2 (without --lib: NAND2 equivalents); repeatable",
    ),
]
InputDelay = Annotated[float, typer.Option("--input-delay", metavar="PS", help="when inputs come, after the edge")]
OutputDelay = Annotated[
    float, typer.Option("--output-delay", metavar="PS", help="when outputs must be there, before the edge")
]
Period = Annotated[
    float | None,
    typer.Option("--period", metavar="PS", help="clock (default: the target, or 1000)", show_default=False),
]
TargetPeriod = Annotated[
    float | None,
    typer.Option("--target-period", metavar="PS", help="map for this period with little area (default: as --effort)"),
]
Wires = Annotated[
    str, typer.Option("--wires", metavar="none|NAME|FF", help="a wire_load of the library, or fF for each driven pin")
]
Place = Literal["stream", "sram"]


TILE = "--preset tile or --set tile.kind=axi --set how.stages=2"
"""What makes a tile of a core."""


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
    codes: Annotated[Place | None, typer.Option("--input", help="where codes come from: --set tile.input=...")] = None,
    activations: Annotated[
        Place | None, typer.Option("--activations", help="where activations go: --set tile.output=...")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="DIR", help="folder (default: build/<name>)")
    ] = None,
) -> Target:
    places = {"input": codes, "output": activations}
    chosen = [f"tile.{field}={place}" for field, place in places.items() if place]
    config = load(file, preset_name=preset, width=width, settings=[*(sets or ()), *chosen])
    if chosen and not config.derived.tiled:
        raise ValueError(f"{chosen[0]} is for a tile, not for tile.kind = none; {TILE} would do")
    return Target(config, out or Path("build") / config.name)


def sizes(config: NmpuConfig, texts: list[str] | None) -> tuple[Sized, ...]:
    """The macros of ``--macro``.

    Raises:
        ValueError: one that cannot be read, or that ``config`` does not need.
    """
    sized = tuple(map(parse_macro, texts or ()))
    match(sized, macros(config))
    return sized


def configured(command: Callable[..., None]) -> Callable[..., None]:
    """A command whose first argument is a :class:`Target`, given by the words that all such commands take."""
    return supplied(_target, 0, command)


def supplied(maker: Callable[..., Any], place: int, command: Callable[..., None]) -> Callable[..., None]:
    """A command one of whose arguments is made of words of the command line, which it then takes in its stead.

    Args:
        maker: makes it; its parameters are the words.
        place: of the argument among the command's, from 0 on; those before it are not of the command line, or made by
            whoever decorates the result.
        command: the command.
    """

    def wrapper(*before: Any, **words: Any) -> None:
        made = maker(**{name: words.pop(name) for name in shared})
        command(*before, made, **words)

    shared, every = inspect.signature(maker).parameters, list(inspect.signature(command).parameters.values())
    hints = get_type_hints(maker, include_extras=True) | get_type_hints(command, include_extras=True)
    first = [p.replace(annotation=hints[p.name]) for p in every[:place]]
    later = (*shared.values(), *every[place + 1 :])
    parameters = [*first, *(p.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hints[p.name]) for p in later)]
    cast(Any, wrapper).__signature__ = inspect.Signature(parameters)
    wrapper.__annotations__ = {p.name: p.annotation for p in parameters}
    wrapper.__name__, wrapper.__doc__ = command.__name__, command.__doc__
    return wrapper
