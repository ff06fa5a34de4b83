"""The commands that measure a design; each gets its words from :mod:`flows.options`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from .area import area as area_step
from .compare import compare as compare_step
from .generate import VERILOG
from .generate import generate as generate_step
from .options import (
    DontUse,
    InputDelay,
    Json,
    Lib,
    Macros,
    OutputDelay,
    Period,
    Seed,
    Simulator,
    Target,
    TargetPeriod,
    Wires,
    configured,
    sizes,
)
from .pipeline import pipeline as pipeline_step
from .power import Conditions
from .power import power as power_step
from .screen import print_area, print_json, print_power, print_timing, working
from .timing import timing as timing_step

__all__ = ["area", "compare", "power", "timing"]


@configured
def area(
    target: Target,
    lib: Lib = None,
    dont_use: DontUse = None,
    macro: Macros = None,
    target_period: TargetPeriod = None,
    as_json: Json = False,
) -> None:
    """Synthesize with Yosys and report the area, a block and in all; a target assumes no wires and no delays."""
    config, work = target
    sized, avoid = sizes(config, macro), tuple(dont_use or ())
    with working() as say:
        say("generate")
        generate_step(config, work)
        say("synthesize")
        folder = work / "area"
        result = area_step(
            work / VERILOG, config, folder, library=lib, dont_use=avoid, sized=sized, target_ps=target_period
        )
    if as_json:
        print_json(result.model_dump(mode="json"))
    else:
        print_area(result)


@configured
def timing(
    target: Target,
    lib: Lib = None,
    dont_use: DontUse = None,
    period: Period = None,
    target_period: TargetPeriod = None,
    pipeline: Annotated[
        Literal["auto"] | None,
        typer.Option("--pipeline", help="auto: generate with the fewest stages that meet --target-period"),
    ] = None,
    input_delay: InputDelay = 0,
    output_delay: OutputDelay = 0,
    wires: Wires = "none",
    as_json: Json = False,
) -> None:
    """Synthesize, and time with OpenSTA: slack, fastest clock, worst paths between blocks."""
    config, work = target
    words: Any = {
        "library": lib,
        "dont_use": tuple(dont_use or ()),
        "period_ps": period,
        "input_delay_ps": input_delay,
        "output_delay_ps": output_delay,
        "wires": wires,
    }
    with working() as say:
        if pipeline:
            if target_period is None:
                raise ValueError("--pipeline auto looks for stages that meet a period; add --target-period PS")
            found = pipeline_step(config, work, target_period, say, **words)
            result, shown = found.timing, found.summary()
        else:
            say("generate")
            generate_step(config, work)
            say("synthesize and time")
            result = timing_step(work / VERILOG, config, work / "timing", target_ps=target_period, **words)
            shown = result.model_dump(mode="json")
    if as_json:
        print_json(shown)
        return
    print_timing(result)
    if pipeline:
        print(f"how.stages = {found.config.how.stages} meets {target_period:g} ps; wrote {work / VERILOG}")


@configured
def power(
    target: Target,
    lib: Lib = None,
    dont_use: DontUse = None,
    period: Annotated[
        float | None,
        typer.Option("--period", metavar="PS", help="clock (default: the target, or the least it can take)"),
    ] = None,
    target_period: TargetPeriod = None,
    passes: Annotated[
        int | None, typer.Option("--passes", help="to simulate, back to back (default: those of 128 clocks)")
    ] = None,
    simulator: Simulator = "icarus",
    seed: Seed = 1,
    vectorless: Annotated[bool, typer.Option("--vectorless", help="estimate without a simulation")] = False,
    activity: Annotated[
        float, typer.Option("--activity", help="transitions of each input a clock, if vectorless")
    ] = 0.2,
    wires: Wires = "none",
    waves: Annotated[bool, typer.Option("--waves", help="keep the VCD file of the simulation")] = False,
    as_json: Json = False,
) -> None:
    """Synthesize, simulate passes on the netlist, and report power and energy a column."""
    config, work = target
    under = Conditions(period, passes, simulator, seed, vectorless, activity, wires, waves)
    with working() as say:
        say("generate")
        generate_step(config, work)
        say("synthesize, simulate and measure")
        folder, avoid = work / "power", tuple(dont_use or ())
        result = power_step(work, config, folder, under, library=lib, dont_use=avoid, target_ps=target_period)
    if as_json:
        print_json(result.model_dump(mode="json"))
    else:
        print_power(result)


@configured
def compare(target: Target, lib: Lib = None, dont_use: DontUse = None, as_json: Json = False) -> None:
    """Measure lanes and units of fixed point and of binary16, and write compare.md and a chart of what differs."""
    config, work = target
    folder = work / "compare"
    with working() as say:
        say("generate")
        result = compare_step(config, folder, say, library=lib, dont_use=tuple(dont_use or ()))
    if as_json:
        print_json(result.model_dump(mode="json"))
    else:
        print((folder / "compare.md").read_text())
        print(f"wrote {folder / 'compare.md'}")
