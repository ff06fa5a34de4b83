"""The main job: generate, lint, simulate, area, report; steps whose inputs have not changed are not done again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.ports import top_name

from .area import area
from .generate import CONFIG, VERILOG, generate, macro_models
from .lint import lint
from .macros import Sized
from .report import report
from .simulate import simulate
from .tool import write_atomic

__all__ = ["Options", "Outcome", "run_all"]


@dataclass(frozen=True)
class Options:
    """What the main job may be told.

    Args:
        simulator: ``verilator`` or ``icarus``.
        seed: of the random stimulus.
        library: a Liberty file, or None for the neutral one.
        dont_use: globs of cells to avoid.
        macros: sizes of the memory macros.
        fresh: do every step, whether its inputs have changed or not.
    """

    simulator: Literal["verilator", "icarus"] = "verilator"
    seed: int = 1
    library: Path | None = None
    dont_use: tuple[str, ...] = ()
    macros: tuple[Sized, ...] = ()
    fresh: bool = False


@dataclass(frozen=True)
class Outcome:
    """The steps' results as plain data, and where the report is."""

    steps: dict[str, dict[str, Any]]
    report: Path

    @property
    def passed(self) -> bool:
        """Whether lint was clean and no test failed."""
        return bool(self.steps["lint"]["clean"]) and self.steps["sim"]["failed"] == 0

    def summary(self) -> dict[str, Any]:
        """One object for ``--json``."""
        return {"passed": self.passed, "report": str(self.report), **self.steps}


def run_all(config: NmpuConfig, work: Path, options: Options, say: Callable[[str], None]) -> Outcome:
    """Do the main job in ``work``.

    Args:
        config: the configuration.
        work: the folder; a step works in a folder of its own name below it.
        options: what else the steps are told.
        say: told the name of each step as it starts.

    Raises:
        ToolFailed: a tool could not do its work (a failing test or a lint warning is a result, not an error).
        ValueError, OSError: bad input.
    """
    say("generate")
    generate(config, work)
    models = macro_models(config, work)
    sources = [file.read_bytes() for file in (work / VERILOG, work / CONFIG, *models)] + [_software()]
    steps = {}
    for name, (inputs, job) in _jobs(config, work, options, models).items():
        say(name)
        steps[name] = _once(work / name, sources + inputs, job, options.fresh)
    say("report")
    return Outcome(steps, report(work))


def _jobs(
    config: NmpuConfig, work: Path, options: Options, models: tuple[Path, ...]
) -> dict[str, tuple[list[bytes], Callable[[Path], BaseModel]]]:
    """The steps: what each depends on besides the design, and how to do it in its folder."""
    library, verilog = options.library.read_bytes() if options.library else b"", work / VERILOG
    return {
        "lint": ([], lambda folder: lint(verilog, folder, top_name(config), models)),
        "sim": (
            [options.simulator.encode(), str(options.seed).encode()],
            lambda folder: simulate(work, folder, simulator=options.simulator, seed=options.seed),
        ),
        "area": (
            [library, *(glob.encode() for glob in options.dont_use), *(repr(one).encode() for one in options.macros)],
            lambda folder: area(
                verilog, config, folder, library=options.library, dont_use=options.dont_use, sized=options.macros
            ),
        ),
    }


def _once(folder: Path, inputs: list[bytes], job: Callable[[Path], BaseModel], fresh: bool) -> dict[str, Any]:
    """The step's result from its folder if it was made from the same inputs, else from doing it."""
    stamp, saved = folder / "inputs.json", folder / "result.json"
    key = [hashlib.sha256(part).hexdigest() for part in inputs]
    # The result's own digest is part of the stamp, for a step that is run by itself leaves another result there.
    if not fresh and stamp.exists() and saved.exists() and json.loads(stamp.read_text()) == [*key, _digest(saved)]:
        kept: dict[str, Any] = json.loads(saved.read_text())
        return kept
    stamp.unlink(missing_ok=True)
    done: dict[str, Any] = job(folder).model_dump(mode="json")
    write_atomic(stamp, json.dumps([*key, _digest(saved)]))
    return done


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _software() -> bytes:
    """What the results depend on besides the design: this program, its benches and model, and the tools it calls."""
    tools = [f"{name} {version(name)}" for name in ("amaranth", "cocotb", "numpy", "pyosys", "verilator")]
    root = Path(__file__).parents[1]
    files = sorted(file for folder in ("flows", "golden", "nmpu_hdl", "tb") for file in (root / folder).glob("*.*"))
    return "\n".join([*tools, *(_digest(file) for file in files)]).encode()
