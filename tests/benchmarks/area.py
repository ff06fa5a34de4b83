"""Measure the paper's lane as ABC maps it for minimum delay; prints the table of docs/area.md.

python -m tests.benchmarks.area ../shared/lib/nangate45_typ.lib --dont-use '*_X16' --dont-use '*_X32'
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from flows.generate import generate
from flows.library import Library
from flows.synthesize import RECIPE, Recipe, synthesize
from nmpu_hdl.presets import load

RECIPES = {"Yosys' own script": replace(RECIPE, abc=()), "ours": RECIPE}
VARIANTS = {"operator": ["how.multiplier=operator"], "tree": []}


def lane(settings: list[str], library: Library, recipe: Recipe) -> tuple[float, int, float]:
    """GE, flip-flops and longest path in ns of ``nmpu_lane``."""
    with TemporaryDirectory(prefix="nmpu-area-") as name:
        folder = Path(name)
        generate(load(settings=settings), folder)
        netlist = synthesize(folder / "nmpu.v", "nmpu_lane", folder / "area", library, recipe=recipe)
    area = sum(library.cells[cell].area * count for cell, count in netlist.cells.items())
    registers = sum(count for cell, count in netlist.cells.items() if library.cells[cell].sequential)
    delay = netlist.modules["nmpu_lane"].delay_ps
    assert delay is not None
    return library.ge(area), registers, delay / 1000


def main(
    lib: Annotated[Path | None, typer.Argument(help="Liberty file; the neutral one if absent")] = None,
    dont_use: Annotated[list[str] | None, typer.Option("--dont-use")] = None,
) -> None:
    """Print one table for one library."""
    library = Library.read(lib, tuple(dont_use or ()))
    print(f"`{library.name}`, 1 GE = {library.nand2.name} = {library.nand2.area:g}\n")
    print("| stages | products | script | GE | FF | ns |\n|---:|---|---|---:|---:|---:|")
    for stages in (1, 2, 3, 4):
        for variant, settings in VARIANTS.items():
            for name, recipe in RECIPES.items():
                ge, registers, delay = lane([f"how.stages={stages}", *settings], library, recipe)
                print(f"| {stages} | {variant} | {name} | {ge:,.0f} | {registers} | {delay:.2f} |")


if __name__ == "__main__":
    typer.run(main)
