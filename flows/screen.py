"""What the command line shows: a spinner while it works, and results for machines and for people."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from .area import AreaResult

__all__ = ["print_area", "print_json", "working"]


@contextmanager
def working() -> Iterator[Any]:
    """A spinner with the step's name and its time, on a terminal only; yields what names the step."""
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("start", total=None)
        yield lambda step: progress.update(task, description=step)


def print_json(data: Any) -> None:
    """One JSON object on stdout."""
    print(json.dumps(data, indent=2, default=str))


def print_area(result: AreaResult) -> None:
    """What ``nmpu area`` says to people."""
    table = Table("block", "instances", "GE each", "GE", title=f"{result.top} in {result.library}", box=None)
    for block in result.blocks:
        table.add_row(block.name, str(block.instances), f"{block.ge:,.0f}", f"{block.ge * block.instances:,.0f}")
    Console().print(table)
    for one in result.macros:
        size = f"{one.instances} x {one.words} words of {one.bits} bits"
        ge = "not counted" if one.ge is None else f"{one.ge:,.0f} GE each, {one.ge * one.instances:,.0f} GE"
        print(f"macro {one.name}: {size}, {ge}")
    um2 = f", {result.area_um2:,.0f} um2" if result.area_um2 is not None else ""
    print(
        f"flattened: {result.ge:,.0f} GE{um2}, {result.sequential_ge:,.0f} GE of it flip-flops\n"
        f"one lane:  {result.lane_ge:,.0f} GE"
    )
    if result.critical_path_ps is not None:
        print(f"longest path (ABC's estimate, no wires): {result.critical_path_ps:,.0f} ps")
    for warning in result.warnings:
        print(f"note: {warning}")
