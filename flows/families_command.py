"""The command that measures the front ends of all families; it is about no configuration of the user's."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .families import Asked
from .families import families as families_step
from .families_designs import BITS, COLUMNS, LANES
from .options import DontUse, Efforts, Json, Lib
from .screen import print_json, working

__all__ = ["families"]


def families(
    lib: Lib = None,
    dont_use: DontUse = None,
    effort: Efforts = "fast",
    columns: Annotated[int, typer.Option("--columns", help="of every unit")] = COLUMNS,
    lanes: Annotated[int, typer.Option("--lanes", help="of every unit; divides the columns")] = LANES,
    converter_bits: Annotated[
        int, typer.Option("--converter-bits", help="of the stochastic array, if it had converters; 2 to 16")
    ] = BITS,
    converter_um2: Annotated[
        float | None,
        typer.Option("--converter-um2", metavar="UM2", help="area of a converter a column (default: not counted)"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="DIR", help="folder (default: build/families)")
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure the front end of every family of arrays beside units behind converters, and write families.md."""
    asked = Asked(lib, tuple(dont_use or ()), columns, lanes, effort, converter_bits, converter_um2)
    folder = out or Path("build") / "families"
    with working() as say:
        say("generate")
        result = families_step(asked, folder, say)
    if as_json:
        print_json(result.model_dump(mode="json"))
    else:
        print((folder / "families.md").read_text())
        print(f"wrote {folder / 'families.md'}")
