"""The main job: generate, lint, simulate, area, report; steps whose inputs have not changed are not done again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.ports import top_name

from .area import area
from .efforts import Effort
from .generate import CONFIG, VERILOG, generate, macro_models
from .lint import lint
from .macros import Sized
from .once import once, software
from .report import report
from .simulate import simulate

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
        effort: of the mapping, as :mod:`flows.efforts` has it.
    """

    simulator: Literal["verilator", "icarus"] = "verilator"
    seed: int = 1
    library: Path | None = None
    dont_use: tuple[str, ...] = ()
    macros: tuple[Sized, ...] = ()
    fresh: bool = False
    effort: Effort = "fast"


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
    sources = [file.read_bytes() for file in (work / VERILOG, work / CONFIG, *models)] + [software()]
    steps = {}
    for name, (inputs, job) in _jobs(config, work, options, models, say).items():
        say(name)
        steps[name] = once(work / name, sources + inputs, job, options.fresh)
    say("report")
    return Outcome(steps, report(work))


def _jobs(
    config: NmpuConfig, work: Path, options: Options, models: tuple[Path, ...], say: Callable[[str], None]
) -> dict[str, tuple[list[bytes], Callable[[Path], BaseModel]]]:
    """The steps: what each depends on besides the design, and how to do it in its folder."""
    library, verilog = options.library.read_bytes() if options.library else b"", work / VERILOG
    words = (options.effort, *options.dont_use, *map(repr, options.macros))
    how: Any = {"dont_use": options.dont_use, "sized": options.macros, "effort": options.effort, "say": say}
    return {
        "lint": ([], lambda folder: lint(verilog, folder, top_name(config), models)),
        "sim": (
            [options.simulator.encode(), str(options.seed).encode()],
            lambda folder: simulate(work, folder, simulator=options.simulator, seed=options.seed),
        ),
        "area": (
            [library, *(word.encode() for word in words)],
            lambda folder: area(verilog, config, folder, library=options.library, **how),
        ),
    }
