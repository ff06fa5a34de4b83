"""The commands that measure a design; each gets its words from :mod:`flows.options`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from .area import area as area_step
from .compare import compare as compare_step
from .generate import VERILOG
from .generate import generate as generate_step
from .layout.asked import DENSITY, Asked
from .layout.librelane import librelane as librelane_step
from .layout.step import layout as layout_step
from .options import (
    DontUse,
    Efforts,
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
from .screen import exit_unless, print_area, print_json, print_layout, print_power, print_timing, working
from .sweep import STAGES
from .sweep import sweep as sweep_step
from .timing import timing as timing_step

__all__ = ["area", "compare", "layout", "power", "sweep", "timing"]


@configured
def area(
    target: Target,
    lib: Lib = None,
    dont_use: DontUse = None,
    macro: Macros = None,
    target_period: TargetPeriod = None,
    effort: Efforts = "fast",
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
        how: Any = {"sized": sized, "target_ps": target_period, "effort": effort, "say": say}
        result = area_step(work / VERILOG, config, folder, library=lib, dont_use=avoid, **how)
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
    effort: Efforts = "fast",
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
        "effort": effort,
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
            words |= {"target_ps": target_period, "say": say}
            result = timing_step(work / VERILOG, config, work / "timing", **words)
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
    effort: Efforts = "fast",
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
        how: Any = {"target_ps": target_period, "effort": effort, "say": say}
        result = power_step(work, config, folder, under, library=lib, dont_use=avoid, **how)
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


@configured
def sweep(
    target: Target,
    lib: Lib = None,
    dont_use: DontUse = None,
    stages: Annotated[list[int] | None, typer.Option("--stages", help="to try; repeatable (default: 1 and 2)")] = None,
    energy: Annotated[bool, typer.Option(help="simulate the energy of lanes mapped with effort area")] = True,
    as_json: Json = False,
) -> None:
    """Measure lanes of every architecture, mapped with every effort, and write sweep.md and a chart with the front."""
    config, work = target
    folder, tried = work / "sweep", tuple(stages or STAGES)
    with working() as say:
        say("generate")
        avoid = tuple(dont_use or ())
        result = sweep_step(config, folder, say, library=lib, dont_use=avoid, stages=tried, energy=energy)
    if as_json:
        print_json(result.model_dump(mode="json"))
    else:
        print((folder / "sweep.md").read_text())
        print(f"wrote {folder / 'sweep.md'}")


@configured
def layout(
    target: Target,
    lanes: Annotated[
        int | None, typer.Option("--lanes", metavar="N", help="a core of N lanes (default: a lane by itself)")
    ] = None,
    width_um: Annotated[
        float | None, typer.Option("--width-um", metavar="UM", help="how wide it may be (default: as wide as high)")
    ] = None,
    density: Annotated[float, typer.Option("--density", help="share of the rows that cells take, up to 1")] = DENSITY,
    dont_use: DontUse = None,
    target_period: TargetPeriod = None,
    effort: Efforts = "fast",
    seed: Seed = 1,
    librelane: Annotated[
        bool, typer.Option("--librelane", help="only write LibreLane's files for sky130A and ihp-sg13g2")
    ] = False,
    as_json: Json = False,
) -> None:
    """Place and route a lane or a small core in OSU's 180 nm cells, check it, and measure it with its wires."""
    config, work = target
    folder = work / "layout"
    asked = Asked(lanes, width_um, density, target_period, tuple(dont_use or ()), seed, effort)
    if librelane:
        files = [str(path) for path in librelane_step(config, folder / "librelane", asked)]
        if as_json:
            print_json(files)
        else:
            print("\n".join(f"wrote {file}" for file in files))
        return
    with working() as say:
        result = layout_step(config, folder, asked, say)
    if as_json:
        print_json(result.model_dump(mode="json"))
    else:
        print_layout(result)
    exit_unless(result.netlist.matches and not result.rules.errors)
