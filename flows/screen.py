"""What the command line shows: a spinner while it works, and results for machines and for people."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from .area import AreaResult
from .layout.result import LayoutResult
from .netlist import Candidate
from .power_result import PowerResult
from .timing_result import TimingResult

__all__ = ["exit_unless", "print_area", "print_json", "print_layout", "print_power", "print_timing", "working"]

_ROWS = 12
"""Paths that ``nmpu timing`` shows."""


@contextmanager
def working() -> Iterator[Any]:
    """A spinner with the step's name and its time, on a terminal only; yields what names the step."""
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("start", total=None)
        yield lambda step: progress.update(task, description=step)


def exit_unless(good: bool) -> None:
    """End the command with exit status 1 where a check failed."""
    if not good:
        raise typer.Exit(1)


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
    _print_candidates(result.candidates)
    print(
        f"flattened: {result.ge:,.0f} GE{um2}, {result.sequential_ge:,.0f} GE of it flip-flops\n"
        f"one lane:  {result.lane_ge:,.0f} GE"
    )
    if result.critical_path_ps is not None:
        print(f"longest path (ABC's estimate, no wires): {result.critical_path_ps:,.0f} ps")
    for warning in result.warnings:
        print(f"note: {warning}")


def _print_candidates(tried: Sequence[Candidate]) -> None:
    if not tried:
        return
    table = Table("mapped by", "GE of arithmetic", "least period, ps", "", title="ways that were tried", box=None)
    for one in tried:
        ge = "ABC cannot" if one.lane_ge is None else f"{one.lane_ge:,.0f}"
        period = "" if one.lane_ge is None else "over the target" if one.period_ps is None else f"{one.period_ps:,.0f}"
        table.add_row(one.recipe, ge, period, "kept" if one.kept else "")
    Console().print(table)


def print_timing(result: TimingResult) -> None:
    """What ``nmpu timing`` says to people."""
    source = "OpenSTA" if result.source == "opensta" else "ABC's estimate"
    if result.paths:
        title = f"{result.top} in {result.library}: worst paths"
        table = Table("from", "to", "slack", "arrival", "cells", "through", "ends at", title=title, box=None)
        for path in result.paths[:_ROWS]:
            numbers = f"{path.slack_ps:,.0f}", f"{path.arrival_ps:,.0f}", str(path.cells)
            table.add_row(path.start, path.end, *numbers, " ".join(path.through), path.end_point)
        Console().print(table)
        if len(result.paths) > _ROWS:
            print(f"and {len(result.paths) - _ROWS} more pairs with more slack (--json has all)")
    _print_candidates(result.candidates)
    corner = [f"{result.voltage:g} V"] if result.voltage is not None else []
    corner += [f"{result.temperature:g} C"] if result.temperature is not None else []
    print(
        f"least period ({source}): {result.min_period_ps:,.0f} ps, {result.f_max_mhz:,.0f} MHz\n"
        f"slack at {result.period_ps:,.0f} ps: {result.slack_ps:,.0f} ps, worst in {result.critical_block}\n"
        f"{result.library}: {', '.join([*corner, result.conditions or 'no named conditions'])}"
    )
    for warning in result.warnings:
        print(f"note: {warning}")


def print_power(result: PowerResult) -> None:
    """What ``nmpu power`` says to people."""
    corner = f"{result.library}, {result.voltage:g} V"
    corner += "" if result.temperature is None else f", {result.temperature:g} C"
    corner += f", {result.conditions}" if result.conditions else ""
    table = Table("block", "instances", "mW", "leakage, mW", "pJ a column", title=f"{result.top} in {corner}", box=None)
    for block in result.blocks:
        figures = (f"{block.mw:.4g}", f"{block.leakage_mw:.3g}", f"{block.energy_per_column_pj:.4g}")
        table.add_row(block.name, str(block.instances), *figures)
    Console().print(table)
    if result.method == "simulated":
        print(f"simulated: {result.passes} passes, {result.columns:,} columns, with {result.simulator}")
    else:
        print("VECTORLESS: an estimate, not from a simulation")
    print(
        f"total:  {result.total_mw:.4g} mW at {result.period_ps:,.0f} ps = sequential {result.sequential_mw:.4g} + "
        f"combinational {result.combinational_mw:.4g} + leakage {result.leakage_mw:.3g}\n"
        f"energy: {result.energy_per_column_pj:.4g} pJ a column, {result.leakage_per_column_pj:.3g} of it leakage"
    )
    for warning in result.warnings:
        print(f"note: {warning}")


def print_layout(result: LayoutResult) -> None:
    """What ``nmpu layout`` says to people."""
    what = "one lane" if result.top != "nmpu" else f"nmpu with {result.lanes} lanes"
    table = Table("", "before layout", "with its wires", "ratio", title=f"{what} in {result.library}", box=None)
    before, after = result.timing.estimate, result.timing.routed
    table.add_row(
        "least period, ps", f"{before.min_period_ps:,.0f}", f"{after.min_period_ps:,.0f}", f"{result.timing.ratio:.3f}"
    )
    table.add_row(
        "fastest clock, MHz",
        f"{before.f_max_mhz:,.1f}",
        f"{after.f_max_mhz:,.1f}",
        f"{after.f_max_mhz / before.f_max_mhz:.3f}",
    )
    if result.power is not None:
        low, high, ratio = result.power.estimate, result.power.routed, f"{result.power.ratio:.3f}"
        at = f"power at {result.power.period_ps:,.0f} ps, mW"
        table.add_row(at, f"{low.total_mw:.4g}", f"{high.total_mw:.4g}", ratio)
        energy = f"{low.energy_per_column_pj:.4g}", f"{high.energy_per_column_pj:.4g}"
        table.add_row("energy a column, pJ", *energy, ratio)
    Console().print(table)
    wires = ", ".join(f"{layer} {length:,.0f}" for layer, length in result.wire_um.items() if length)
    match = "the same circuit as the netlist" if result.netlist.matches else "NOT the circuit of the netlist"
    print(
        f"block:   {result.width_um:,.1f} um x {result.height_um:,.1f} um = {result.die_area_um2:,.0f} um2, "
        f"{result.rows} rows, {result.width_per_column_um:,.1f} um of width for a column\n"
        f"cells:   {result.cells:,} in {result.cell_area_um2:,.0f} um2 ({result.ge:,.0f} GE), "
        f"{result.utilisation:.1%} of the block\n"
        f"wires:   {sum(result.wire_um.values()):,.0f} um ({wires}), {sum(result.vias.values()):,} vias, "
        f"{result.capacitance_ff:,.0f} fF\n"
        f"rules:   {result.rules.errors} errors (magic)\n"
        f"netlist: {match} (magic, netgen)\n"
        f"picture: {result.picture}"
    )
    for rule in result.rules.rules:
        print(f"broken:  {rule.count} x {rule.rule}: {rule.explanation}")
    for warning in result.warnings:
        print(f"note: {warning}")
