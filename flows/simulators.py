"""How to build and start a simulation of ``nmpu`` with cocotb inside: commands as data, run by ``flows.simulate``.

Not cocotb's own runner, for it leaves no log a command, cannot be interrupted as a group, makes every signal of the
design accessible, which triples the time to build, and changes its ways under pytest.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cocotb_tools.config as cocotb_config
import find_libpython

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.lane import lane_settings
from nmpu_hdl.ports import top_name, top_ports

from .lint import seen_from
from .tool import ToolMissing, require, require_headers, write_atomic

__all__ = ["DUMP", "Options", "Recipe", "cocotb_environment", "icarus", "verilator"]


DUMP = "dump.vcd"
"""Where activity is recorded."""

_ODD = r"""[\s"'#:;$&|<>()*?`\\\x00-\x1f\x7f]"""
"""What a file name in a makefile must not have."""


@dataclass(frozen=True)
class Options:
    """What may differ between simulations of the same design; see :func:`flows.simulate.simulate`.

    Args:
        cells: files with models of cells, whose inside is not recorded with ``scopes``.
    """

    waves: bool
    optimize: bool
    seed: int
    runtime: Path | None = None
    scopes: tuple[str, ...] = ()
    cells: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Recipe:
    """Commands.

    Args:
        build: (name of the log, command), in order.
        command: starts the simulation.
        env: what it needs besides :func:`cocotb_environment`.
    """

    build: tuple[tuple[str, list[str]], ...]
    command: list[str]
    env: dict[str, str] = field(default_factory=dict)


def verilator(sources: Sequence[Path], work: Path, config: NmpuConfig, options: Options) -> Recipe:
    """Verilator: C++ in ``work/obj``.

    Raises:
        ToolMissing: Verilator, or what it needs, is not installed.
        ValueError: ``work`` has a space in its path, in which GNU make does not work, or a source has a character in
            its path, as seen from ``work``, that make or Verilator cannot take.
    """
    require("verilator", "g++", "make", "perl")
    if options.waves:
        require_headers("lz4.h", "zlib.h")
    if re.search(r"\s", str(work)):
        raise ValueError(
            f"the output folder {str(work)!r} has a space in its path, where make cannot build; choose another"
        )
    files = [seen_from(work, file, _ODD) for file in sources]
    folder = work / "obj"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    write_atomic(work / "access.vlt", _access(config, options.cells if options.scopes else ()))
    libs = cocotb_config.libs_dir
    verilate = [
        *("verilator", "--cc", "--exe", "--vpi", "--top-module", top_name(config), "--prefix", "Vtop", "-o", "nmpu"),
        *("--timescale", "1ns/1ps", "--no-timing", "--x-assign", "unique", "--x-initial", "unique"),
        *("-Wno-fatal", "-Wno-lint", "-Wno-style", "-fno-dfg"),
        *(["--trace-fst"] if options.waves else ["--trace-vcd", "--trace-underscore"] if options.scopes else []),
        *("-Mdir", "obj", "-LDFLAGS", f"-Wl,-rpath,{libs} -L{libs} -lcocotbvpi_verilator"),
        str(cocotb_config.share_dir / "lib" / "verilator" / "verilator.cpp"),
        *("access.vlt", *files),
    ]
    # The makefile of the wheel was configured on another machine: compilers, Python and the way to use a precompiled
    # header are given anew.
    tools = ("CXX=g++", "LINK=g++", "AR=ar", f"PYTHON3={sys.executable}", "CFG_CXXFLAGS_PCH_I=-include", "OBJCACHE=")
    # Of Verilator's own library only access to wide ports matters for speed, and it takes longest to compile.
    flags = ("OPT_FAST=-O1", "OPT_SLOW=-O0", f"OPT_GLOBAL={'-O1' if options.optimize else '-O0'}")
    compile_ = ["make", f"-j{min(os.cpu_count() or 1, 4)}", "-C", "obj", "-f", "Vtop.mk", *tools, *flags]
    for made in sorted((options.runtime / "obj").glob("verilated*.o")) if options.runtime else ():
        shutil.copy(made, folder)
        compile_ += ["-o", made.name]  # make's word for: as good as new
    # Registers and memories start with random contents, as those of silicon do.
    start = [str(folder / "nmpu"), "+verilator+rand+reset+2", f"+verilator+seed+{options.seed % 0x7FFFFFFF + 1}"]
    start += ["--trace"] if options.waves or options.scopes else []
    return Recipe((("verilate", verilate), ("compile", compile_)), start, {"COCOTB_TRUST_INERTIAL_WRITES": "1"})


def icarus(sources: Sequence[Path], work: Path, config: NmpuConfig, options: Options) -> Recipe:
    """Icarus Verilog: ``work/sim.vvp``.  Registers start as X.

    Raises:
        ToolMissing: Icarus is not installed.
    """
    require("iverilog", "vvp")
    top = top_name(config)
    work.mkdir(parents=True, exist_ok=True)
    write_atomic(work / "timescale.f", "+timescale+1ns/1ps\n")
    dump, shown = ("dump.fst", f"0, {top}") if options.waves else (DUMP, ", ".join(("1", *options.scopes)))
    write_atomic(
        work / "dump.v",
        f'module dump;\n  initial $dumpfile("{dump}");\n  initial $dumpvars({shown});\nendmodule\n',
    )
    traced = ("-s", "dump", "dump.v") if options.waves or options.scopes else ()
    files = [os.path.relpath(file, work) for file in sources]
    build = ["iverilog", "-g2012", "-o", "sim.vvp", "-s", top, "-f", "timescale.f", *traced, *files]
    library = cocotb_config.lib_entry("vpi", "icarus")
    start = ["vvp", "-m", library, "sim.vvp", "-fst" if options.waves else "-vcd" if options.scopes else "-none"]
    return Recipe((("compile", build),), start)


def _access(config: NmpuConfig, hidden: Sequence[Path] = ()) -> str:
    """Tell Verilator to make the ports accessible, and nothing else, to compile the lane once, and which files' modules
    not to record.

    Verilator finds that all lanes are alike only if they stay modules whose inputs are variables of their own.
    """
    top = ["clk", "rst", *(port.name for port in top_ports(config))]
    lines = [f'public_flat_rw -module "{top_name(config)}" -var "{name}"' for name in top]
    lines += [f'tracing_off -file "*{file.name}"' for file in hidden]
    if config.derived.tiled:  # built once a test, not run for long
        return "\n".join(["`verilator_config", *lines, ""])
    lane = ["codes", "param", "enable", *lane_settings(config)]
    lines += [f'public_flat_rw -module "nmpu_lane" -var "{name}"' for name in lane]
    return "\n".join(["`verilator_config", *lines, 'no_inline -module "nmpu_lane"', ""])


def cocotb_environment(
    top: str, config: Path, results: Path, seed: int, bench: str, tests: Sequence[str], max_failures: int
) -> dict[str, str]:
    """What cocotb 2.1 reads from the environment.  Our own bench reads one variable: NMPU_CONFIG.

    Raises:
        ToolMissing: this Python has no shared library to embed.
    """
    library = find_libpython.find_libpython()
    if library is None:
        raise ToolMissing(f"{sys.executable} has no libpython; get it with: apt-get install libpython3-dev")
    home = str(Path(__file__).resolve().parents[1])
    env = {
        "NMPU_CONFIG": str(config),
        "GPI_USERS": f"{library};{cocotb_config.pygpi_entry_point()}",
        "PYGPI_PYTHON_BIN": sys.executable,
        "PYTHONPATH": os.pathsep.join(dict.fromkeys((home, *(os.path.abspath(p) for p in sys.path)))),
        "COCOTB_TOPLEVEL": top,
        "TOPLEVEL_LANG": "verilog",
        "COCOTB_TEST_MODULES": bench,
        "COCOTB_TEST_FILTER": rf"\.({'|'.join(map(re.escape, tests))})$" if tests else "",
        "COCOTB_RESULTS_FILE": str(results),
        "COCOTB_RANDOM_SEED": str(seed),
        "COCOTB_MAX_FAILURES": str(max_failures),
        "COCOTB_ANSI_OUTPUT": "0",
    }
    if importlib.util.find_spec("pytest"):
        env["COCOTB_REWRITE_ASSERTION_FILES"] = ""  # our messages say it all, and the import is slow
    return env
