"""Measure what each option of the tile adds to the paper's unit; prints the tables of docs/area.md.

python -m tests.benchmarks.tile_area ../shared/lib/nangate45_typ.lib --dont-use '*_X16' --dont-use '*_X32'
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from flows.area import measure
from flows.generate import VERILOG, generate
from flows.library import Library
from flows.synthesize import synthesize
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.macros import macros
from nmpu_hdl.ports import top_name
from nmpu_hdl.presets import load

BARE = ["tile.kind=axi", "how.memory=macro", "tile.blocks=1", "tile.sets=1", "tile.descriptors=1"]
"""The whole tile with nothing that may be left out; all other fields of its table are at their defaults: off."""

OPTIONS = [
    ["tile.blocks=16"],
    ["tile.chain=4"],
    ["tile.residual=true"],
    ["tile.widths=[6, 4]"],
    ["tile.table=4"],
    ["tile.table=6"],
    ["tile.table=8"],
    ["tile.pool=64"],
    ["tile.protect=parity"],
    ["tile.protect=secded"],
    ["tile.observe=true"],
    ["tile.sets=16"],
    ["tile.descriptors=32"],
    ["tile.input=sram"],
    ["tile.output=sram"],
]


@dataclass(frozen=True)
class Row:
    """A unit without its macros: ``bits`` are theirs; ``slowest`` names the module of the longest path."""

    ge: float
    bits: int
    lane_ge: float
    lane_ns: float
    slowest: str


def unit(config: NmpuConfig, library: Library) -> Row:
    """The whole unit of ``config``."""
    with TemporaryDirectory(prefix="nmpu-area-") as name:
        folder, needed = Path(name), macros(config)
        generate(config, folder)
        netlist = synthesize(folder / VERILOG, top_name(config), folder / "area", library, macros=needed)
    result, lane = measure(netlist, library), netlist.modules["nmpu_lane"].delay_ps
    assert lane is not None
    assert result.critical_path_ps is not None
    bits = sum(m.words * m.bits * netlist.macros[m.module] for m in needed)
    slowest = f"{result.critical_path_ps / 1000:.2f} {(result.critical_block or '').removeprefix('nmpu_')}"
    return Row(result.ge, bits, result.lane_ge, lane / 1000, slowest)


def table(entries: int, settings: list[str], library: Library) -> tuple[float, float]:
    """GE of the array of an activation table in flip-flops with a read port a lane; and of one port of it."""
    found = []
    for lanes in (1, 2):  # what the second lane adds is a port
        config = load(settings=[*settings, f"array.lanes={lanes}", f"tile.table={entries}", "how.memory=internal"])
        with TemporaryDirectory(prefix="nmpu-area-") as name:
            folder = Path(name)
            generate(config, folder)
            netlist = synthesize(folder / VERILOG, "nmpu_table_array", folder / "area", library)
        found.append(library.ge(sum(library.cells[cell].area * count for cell, count in netlist.cells.items())))
    return found[0], found[1] - found[0]


def main(
    lib: Annotated[Path | None, typer.Argument(help="Liberty file; the neutral one if absent")] = None,
    dont_use: Annotated[list[str] | None, typer.Option("--dont-use")] = None,
    sets: Annotated[list[str] | None, typer.Option("--set", help="of all units, such as array.lanes=16")] = None,
) -> None:
    """Print the tables for one library."""
    library = Library.read(lib, tuple(dont_use or ()))
    settings = ["how.stages=3", *(sets or ())]
    array = load(settings=settings).array
    print(f"`{library.name}`, 1 GE = {library.nand2.name} = {library.nand2.area:g}; ", end="")
    print(f"{array.columns} columns, {array.lanes} lanes, 3 stages\n")
    print("| unit | GE | more | bits in macros | GE of a lane | ns of a lane | slowest module, ns |")
    print("|---|---:|---:|---:|---:|---:|---|")
    bare = unit(load(settings=[*settings, *BARE]), library)
    core = unit(load(settings=[*settings, "how.memory=macro"]), library)
    _print("the core `nmpu`", core, core.ge)
    _print("the tile with nothing optional", bare, core.ge)
    for option in OPTIONS:
        _print(f"`{option[0]}`", unit(load(settings=[*settings, *BARE, *option]), library), bare.ge)
    _print("preset `tile`", unit(load(preset_name="tile", settings=settings), library), bare.ge)
    print("\n| table in flip-flops | GE with one look-up a clock and the host's port | GE of each further lane |")
    print("|---|---:|---:|")
    for entries in (4, 6, 8):
        first, further = table(entries, [*settings, *BARE], library)
        print(f"| 2 x {1 << entries} entries | {first:,.0f} | {further:,.0f} |", flush=True)


def _print(name: str, row: Row, base: float) -> None:
    more = f"{row.ge - base:+,.0f}" if row.ge != base else ""
    print(
        f"| {name} | {row.ge:,.0f} | {more} | {row.bits:,} | {row.lane_ge:,.0f} | {row.lane_ns:.2f} | {row.slowest} |",
        flush=True,
    )


if __name__ == "__main__":
    typer.run(main)
