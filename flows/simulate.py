"""The regression of ``tb`` on the emitted Verilog, or on a netlist made from it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree

from pydantic import BaseModel

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.ports import top_name

from . import simulators
from .generate import macro_models
from .tool import Completed, ToolFailed, run, write_atomic

__all__ = ["Failure", "SimResult", "Simulator", "parse_results", "simulate"]

Simulator = Literal["verilator", "icarus"]


_REGRESSION = {
    "nmpu": "tb.test_nmpu",
    "nmpu_axi": "tb.test_nmpu_axi,tb.test_nmpu_axi_bus,tb.test_nmpu_axi_errors",
}
"""The modules of the tests, by the top."""


class Failure(BaseModel, frozen=True):
    """A test that failed, and what it said."""

    test: str
    message: str


class SimResult(BaseModel, frozen=True):
    """What a simulation showed.

    Args:
        simulator: ``verilator`` or ``icarus``.
        tests: tests that ran; never 0.
        passed, failed: of these.
        columns_checked: results compared with the golden model, bit for bit.
        seconds: wall-clock time of the simulation.
        build_seconds: wall-clock time of making it.
        soak_columns: columns of the sustained run without stalls, 0 if it was not among the tests.
        soak_seconds: wall-clock time of that.
        failures: the tests that failed.
        waves: the FST file, if asked for.
    """

    simulator: Simulator
    tests: int
    passed: int
    failed: int
    columns_checked: int
    seconds: float
    build_seconds: float
    soak_columns: int
    soak_seconds: float
    failures: tuple[Failure, ...]
    waves: Path | None

    @property
    def columns_per_second(self) -> float:
        """Columns checked a second in the sustained run; 0 if there was none."""
        return self.soak_columns / self.soak_seconds if self.soak_seconds else 0.0


def simulate(
    build: Path,
    work: Path,
    *,
    simulator: Simulator = "verilator",
    waves: bool = False,
    netlist: Path | None = None,
    models: Sequence[Path] = (),
    seed: int = 1,
    effort: int = 1,
    soak: int = 0,
    bench: str | None = None,
    tests: Sequence[str] = (),
    max_failures: int = 0,
    optimize: bool = False,
    runtime: Path | None = None,
    scopes: Sequence[str] = (),
    plusargs: Sequence[str] = (),
) -> SimResult:
    """Build the simulation in ``work``, run it, and leave commands, logs, results.xml and result.json there.

    Args:
        build: folder with nmpu.v and config.json, and macros.v where memories are macros.
        work: folder of this step; one for each simulation that may run at the same time.
        simulator: ``verilator`` or ``icarus``.
        waves: record all signals, as ``work/dump.fst``.
        netlist: simulate this instead of ``build/nmpu.v``; a module of the same name with the same ports.
        models: further Verilog files, such as the cells of a netlist.
        seed: of all random choices; equal seeds give equal runs.
        effort: how many times the usual length random tests have.
        soak: columns of the sustained run; 0: those of 2,048 beats.
        bench: the module of the tests; None: the regression of the top.
        tests: run only these, by name; all if empty.
        max_failures: stop after so many failed tests; 0: never.
        optimize: let the C++ compiler optimize access to ports: a longer build, and a faster simulation of wide arrays.
        runtime: ``work`` of an earlier simulation by Verilator with the same ``waves`` and ``optimize``, whose compiled
            library serves again.
        scopes: record the signals of these places (``nmpu.lane_0``) in VCD, as ``work/dump.vcd``, but not those inside
            of ``models``; not together with ``waves``.
        plusargs: further words for the bench, such as ``+passes=8``.

    Raises:
        ToolMissing: a program is not installed; nothing was started.
        ToolFailed: the simulation could not be built or did not end well, or no test ran, or nothing was compared.
        FileNotFoundError: a file of the design is not there.
    """
    config_file, design = build / "config.json", netlist or build / "nmpu.v"
    _expect([config_file, design, *models])
    config = NmpuConfig.model_validate_json(config_file.read_text())
    work, macros = work.resolve(), macro_models(config, build)
    _expect(macros)
    make = simulators.verilator if simulator == "verilator" else simulators.icarus
    sources = [file.resolve() for file in (design, *models, *macros)]
    options = simulators.Options(waves, optimize, seed, runtime, tuple(scopes), tuple(models))
    recipe = make(sources, work, config, options)
    work.mkdir(parents=True, exist_ok=True)
    for stale in ("results.xml", "bench.json", "result.json", "dump.fst", simulators.DUMP):
        (work / stale).unlink(missing_ok=True)
    built = [run(command, work, log_name=f"{name}.log") for name, command in recipe.build]
    top = top_name(config)
    env = simulators.cocotb_environment(
        top, config_file.resolve(), work / "results.xml", seed, bench or _REGRESSION[top], tests, max_failures
    )
    done = run([*recipe.command, f"+effort={effort}", f"+soak={soak}", *plusargs], work, env=env | recipe.env)
    result = _judge(simulator, work, done, sum(step.seconds for step in built), waves)
    write_atomic(work / "result.json", result.model_dump_json(indent=2) + "\n")
    return result


def _expect(files: Sequence[Path]) -> None:
    for file in files:
        if not file.is_file():
            raise FileNotFoundError(f"{file} is not there; generate it first")


def _judge(simulator: Simulator, work: Path, done: Completed, build_seconds: float, waves: bool) -> SimResult:
    """Put together what a simulation left in ``work``."""
    names, failures = parse_results(work / "results.xml", done.log)
    numbers = _bench(work / "bench.json", bool(failures), done.log)
    dump = work / "dump.fst" if waves else None
    if dump and not dump.is_file():
        raise ToolFailed(f"{simulator} left no waves", done.log)
    return SimResult(
        simulator=simulator,
        tests=len(names),
        passed=len(names) - len(failures),
        failed=len(failures),
        columns_checked=int(numbers["columns_checked"]),
        seconds=round(done.seconds, 3),
        build_seconds=round(build_seconds, 3),
        soak_columns=int(numbers["columns"]),
        soak_seconds=round(numbers["seconds"], 4),
        failures=failures,
        waves=dump,
    )


def parse_results(path: Path, log: Path) -> tuple[list[str], tuple[Failure, ...]]:
    """Names of the tests that ran, and those that failed, from cocotb's results.xml.

    Raises:
        ToolFailed: there is no such file, or it tells of no test.
    """
    if not path.is_file():
        raise ToolFailed("the simulation ended without results", log)
    try:
        cases = list(ElementTree.parse(path).getroot().iter("testcase"))
    except ElementTree.ParseError:
        raise ToolFailed(f"the simulation left half a {path.name}", log) from None
    names: list[str] = []
    failures: list[Failure] = []
    for case in cases:
        wrong = case.find("failure") if case.find("failure") is not None else case.find("error")
        stopped = wrong is not None and wrong.get("type") == "RegressionTerminated" and failures
        if stopped or case.find("skipped") is not None:  # after so many failures that the rest was not begun
            continue
        names.append(case.get("name", ""))
        if wrong is not None:
            failures.append(Failure(test=names[-1], message=wrong.get("message") or (wrong.text or "").strip()))
    if not names:
        raise ToolFailed("the simulation ran no test", log)
    return names, tuple(failures)


def _bench(path: Path, failed: bool, log: Path) -> dict[str, float]:
    """The numbers that the bench left.

    Raises:
        ToolFailed: no result was ever compared, though all tests claim to have passed.
    """
    numbers = json.loads(path.read_text()) if path.is_file() else {"columns_checked": 0, "columns": 0, "seconds": 0.0}
    if not failed and not numbers["columns_checked"]:
        raise ToolFailed("the simulation compared no result", log)
    return dict(numbers)
