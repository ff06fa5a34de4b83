"""The commands that make and check a design; each gets its words from :mod:`flows.options`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.ports import top_name
from nmpu_hdl.presets import load, to_toml

from .doctor import examine
from .gates import simulate_gates
from .generate import VERILOG, macro_models
from .generate import generate as generate_step
from .lint import lint as lint_step
from .options import (
    TILE,
    DontUse,
    Efforts,
    Json,
    Lib,
    Macros,
    Preset,
    Seed,
    Sets,
    Simulator,
    Target,
    Waves,
    Width,
    configured,
    sizes,
)
from .registers import write_registers
from .run import Options, run_all
from .screen import exit_unless, print_json, working
from .simulate import simulate as simulate_step
from .tool import write_atomic

__all__ = ["doctor", "generate", "init", "lint", "registers", "run", "schema", "sim"]


def init(
    file: Annotated[Path, typer.Argument(help="where to write")] = Path("nmpu.toml"),
    preset: Preset = None,
    width: Width = None,
    sets: Sets = None,
    force: Annotated[bool, typer.Option("--force", help="overwrite")] = False,
    as_json: Json = False,
) -> None:
    """Write a configuration file to start from, every field explained."""
    config = load(preset_name=preset, width=width, settings=sets or ())
    if file.exists() and not force:
        raise ValueError(f"{file} is there already; --force overwrites it")
    write_atomic(file, to_toml(config))
    if as_json:
        print_json({"file": str(file), "config": config.model_dump(mode="json")})
    else:
        print(f"wrote {file}")


def schema() -> None:
    """Print the JSON schema of configuration files."""
    print(json.dumps(NmpuConfig.model_json_schema(), indent=2))


@configured
def generate(target: Target, as_json: Json = False) -> None:
    """Write the Verilog, its manifest and the whole configuration."""
    config, work = target
    manifest = generate_step(config, work)
    if as_json:
        print_json(manifest)
    else:
        files = " and ".join(str(path) for path in (work / VERILOG, *macro_models(config, work)))
        tile = ""
        if config.derived.tiled:
            tile = f", {len(manifest['bus']['registers'])} registers, {manifest['program']['descriptors']} layers"
        print(f"wrote {files}: {len(manifest['ports']) + 2} ports, latency {manifest['latency_cycles']}{tile}")


@configured
def registers(target: Target, as_json: Json = False) -> None:
    """Write a tile's register map: SystemRDL, Markdown, and by PeakRDL a C header and HTML."""
    config, work = target
    if not config.derived.tiled:
        raise ValueError(f"tile.kind = none has no registers; {TILE} would do")
    with working() as say:
        say("registers")
        result = write_registers(config, (work / "registers").resolve())
    if as_json:
        print_json(result.model_dump(mode="json"))
        return
    files = [path.name for path in (result.rdl, result.markdown, result.header, result.html) if path]
    print(f"wrote {', '.join(files)} into {work / 'registers'}")
    if result.missing:
        print(f"no C header or HTML without {', '.join(result.missing)}: pip install 'nmpu-hdl[registers]'")


@configured
def lint(target: Target, as_json: Json = False) -> None:
    """Let Verilator look for mistakes in the generated Verilog."""
    config, work = target
    with working() as say:
        say("generate")
        generate_step(config, work)
        say("lint")
        result = lint_step(work / VERILOG, work / "lint", top_name(config), macro_models(config, work))
    if as_json:
        print_json(result.model_dump(mode="json"))
    else:
        print("clean" if result.clean else "\n".join(str(warning) for warning in result.warnings))
    exit_unless(result.clean)


@configured
def sim(
    target: Target,
    simulator: Simulator = "verilator",
    waves: Waves = False,
    seed: Seed = 1,
    gates: Annotated[bool, typer.Option("--gates", help="synthesize, and simulate the netlist")] = False,
    lib: Lib = None,
    dont_use: DontUse = None,
    effort: Efforts = "fast",
    as_json: Json = False,
) -> None:
    """Run the cocotb regression on the generated Verilog, or on gates."""
    if not gates and (lib or dont_use or effort != "fast"):
        raise ValueError("--lib, --dont-use and --effort choose cells for --gates; add it, or leave them out")
    config, work = target
    with working() as say:
        say("generate")
        generate_step(config, work)
        say(f"simulate with {simulator}")
        if gates:
            folder, cells = work / "gates", tuple(dont_use or ())
            how: Any = {"simulator": simulator, "seed": seed, "waves": waves, "effort": effort, "say": say}
            result = simulate_gates(work, folder, library=lib, dont_use=cells, **how)
        else:
            result = simulate_step(work, work / "sim", simulator=simulator, waves=waves, seed=seed)
    if as_json:
        print_json(result.model_dump(mode="json"))
    else:
        print(f"{result.passed} of {result.tests} tests passed, {result.columns_checked:,} columns checked")
        for failure in result.failures:
            print(f"FAILED {failure.test}: {failure.message}")
    exit_unless(result.failed == 0)


@configured
def run(
    target: Target,
    simulator: Simulator = "verilator",
    seed: Seed = 1,
    lib: Lib = None,
    dont_use: DontUse = None,
    macro: Macros = None,
    effort: Efforts = "fast",
    fresh: Annotated[bool, typer.Option("--fresh", help="redo steps whose inputs have not changed")] = False,
    as_json: Json = False,
) -> None:
    """Generate, lint, simulate, measure the area, write report.md.  A second run takes up where the first stopped."""
    config, work = target
    options = Options(simulator, seed, lib, tuple(dont_use or ()), sizes(config, macro), fresh, effort)
    with working() as say:
        outcome = run_all(config, work, options, say)
    if as_json:
        print_json(outcome.summary())
    else:
        print((work / "report.md").read_text())
        print(f"{'passed' if outcome.passed else 'FAILED'}; wrote {work / 'report.md'}")
    exit_unless(outcome.passed)


def doctor(as_json: Json = False) -> None:
    """Show which tools are found, their versions, and how to get the missing."""
    findings = examine()
    if as_json:
        print_json({"tools": [asdict(f) for f in findings]})
    else:
        table = Table("tool", "version", "needed for", "how to get it", box=None)
        for f in findings:
            missing = "missing (optional)" if f.optional else "MISSING"
            table.add_row(f.name, f.version or missing, f.needed_for, "" if f.version else f.remedy)
        Console().print(table)
    exit_unless(all(f.version or f.optional for f in findings))
