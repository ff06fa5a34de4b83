"""The command line ``nmpu``: every command takes the same words for the configuration, and ``--json`` for machines."""

from __future__ import annotations

import json
import signal
import sys
import warnings
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from amaranth.hdl import UnusedElaboratable
from rich.console import Console
from rich.table import Table

from nmpu_hdl import __version__
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.ports import top_name
from nmpu_hdl.presets import load, to_toml

from .area import area as area_step
from .doctor import examine
from .gates import simulate_gates
from .generate import VERILOG, macro_models
from .generate import generate as generate_step
from .lint import lint as lint_step
from .options import (
    TILE,
    DontUse,
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
from .screen import print_area, print_json, working
from .simulate import simulate as simulate_step
from .tool import ToolFailed, ToolMissing, write_atomic

__all__ = ["app", "main"]

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False, no_args_is_help=False)


@app.callback(invoke_without_command=True)
def _main(
    context: typer.Context, version: Annotated[bool, typer.Option("--version", help="print the version")] = False
) -> None:
    """Generate, verify and measure the near-memory digital processing unit of an analog in-memory-computing array."""
    if version:
        print(f"nmpu-hdl {__version__}")
    elif context.invoked_subcommand is None:
        print(context.get_help())


@app.command()
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


@app.command()
def schema() -> None:
    """Print the JSON schema of configuration files."""
    print(json.dumps(NmpuConfig.model_json_schema(), indent=2))


@app.command()
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


@app.command()
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


@app.command()
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
    _exit_unless(result.clean)


@app.command()
@configured
def sim(
    target: Target,
    simulator: Simulator = "verilator",
    waves: Waves = False,
    seed: Seed = 1,
    gates: Annotated[bool, typer.Option("--gates", help="synthesize, and simulate the netlist")] = False,
    lib: Lib = None,
    dont_use: DontUse = None,
    as_json: Json = False,
) -> None:
    """Run the cocotb regression on the generated Verilog, or on gates."""
    if not gates and (lib or dont_use):
        raise ValueError("--lib and --dont-use choose cells for --gates; add it, or leave them out")
    config, work = target
    with working() as say:
        say("generate")
        generate_step(config, work)
        say(f"simulate with {simulator}")
        if gates:
            folder, cells = work / "gates", tuple(dont_use or ())
            result = simulate_gates(
                work, folder, library=lib, dont_use=cells, simulator=simulator, seed=seed, waves=waves
            )
        else:
            result = simulate_step(work, work / "sim", simulator=simulator, waves=waves, seed=seed)
    if as_json:
        print_json(result.model_dump(mode="json"))
    else:
        print(f"{result.passed} of {result.tests} tests passed, {result.columns_checked:,} columns checked")
        for failure in result.failures:
            print(f"FAILED {failure.test}: {failure.message}")
    _exit_unless(result.failed == 0)


@app.command()
@configured
def area(
    target: Target,
    lib: Lib = None,
    dont_use: DontUse = None,
    macro: Macros = None,
    as_json: Json = False,
) -> None:
    """Synthesize with Yosys and report the area, a block and in all."""
    config, work = target
    sized, avoid = sizes(config, macro), tuple(dont_use or ())
    with working() as say:
        say("generate")
        generate_step(config, work)
        say("synthesize")
        result = area_step(work / VERILOG, config, work / "area", library=lib, dont_use=avoid, sized=sized)
    if as_json:
        print_json(result.model_dump(mode="json"))
    else:
        print_area(result)


@app.command()
@configured
def run(
    target: Target,
    simulator: Simulator = "verilator",
    seed: Seed = 1,
    lib: Lib = None,
    dont_use: DontUse = None,
    macro: Macros = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="redo steps whose inputs have not changed")] = False,
    as_json: Json = False,
) -> None:
    """Generate, lint, simulate, measure the area, write report.md.  A second run takes up where the first stopped."""
    config, work = target
    options = Options(simulator, seed, lib, tuple(dont_use or ()), sizes(config, macro), fresh)
    with working() as say:
        outcome = run_all(config, work, options, say)
    if as_json:
        print_json(outcome.summary())
    else:
        print((work / "report.md").read_text())
        print(f"{'passed' if outcome.passed else 'FAILED'}; wrote {work / 'report.md'}")
    _exit_unless(outcome.passed)


@app.command()
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
    _exit_unless(all(f.version or f.optional for f in findings))


def main() -> None:
    """Run the command line; complaints are one line on stderr, status 2, or 1 where a tool or a check failed."""
    interrupts: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        interrupts.append(number)
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGTERM, interrupt)  # as Ctrl-C: tools are stopped, nothing is half-written
    warnings.filterwarnings("ignore", category=UnusedElaboratable)  # what an interrupt leaves unused is no mistake
    try:
        status = app(standalone_mode=False)
        if interrupts:  # typer has caught it, or it came in a place that cannot raise
            raise KeyboardInterrupt
    except ToolFailed as error:
        status = _complain(error, 1)
    except typer.exceptions.TyperException as error:
        status = _complain(error.format_message(), 2)
    except (KeyboardInterrupt, typer.Abort):
        status = _complain("interrupted; what was finished is kept", 2)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        status = _complain(f"{where}{error.strerror or error}", 2)
    except (ValueError, ToolMissing) as error:
        status = _complain(error, 2)
    except RuntimeError as error:
        status = _complain(error, 1)
    sys.exit(status)


def _complain(message: object, status: int) -> int:
    """One line; but for a failed tool, whose last words follow on lines of their own."""
    text = str(message) if status == 1 else " ".join(str(message).split())
    print(f"nmpu: {text}", file=sys.stderr)
    return status


def _exit_unless(good: bool) -> None:
    if not good:
        raise typer.Exit(1)
