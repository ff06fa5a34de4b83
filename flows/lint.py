"""Verilator's opinion of the emitted Verilog: all warnings but those of waivers.vlt."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import BaseModel

from .tool import require, run, write_atomic

__all__ = ["LintResult", "Warn", "lint", "parse"]

WAIVERS = Path(__file__).with_name("waivers.vlt")

_WARNING = re.compile(r"^%Warning-(?P<rule>\w+): (?P<file>[^:]+):(?P<line>\d+):\d+: (?P<message>.*)$", re.MULTILINE)


class Warn(BaseModel, frozen=True):
    """One warning."""

    rule: str
    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.rule}: {self.message}"


class LintResult(BaseModel, frozen=True):
    """What Verilator found.

    Args:
        verilog: the file it read.
        clean: no warning.
        warnings: those that are not waived.
        seconds: wall-clock time.
    """

    verilog: Path
    clean: bool
    warnings: tuple[Warn, ...]
    seconds: float


def lint(verilog: Path, work: Path, top: str = "nmpu") -> LintResult:
    """Lint ``verilog``; leaves command, log and result.json in ``work``.

    Raises:
        ToolMissing: Verilator or Perl is not installed.
        ToolFailed: Verilator did not accept the file at all.
        FileNotFoundError: no such file.
    """
    if not verilog.is_file():
        raise FileNotFoundError(f"{verilog} is not there; generate it first")
    require("verilator", "perl")
    options = ("--lint-only", "-Wall", "-Wno-fatal", "--top-module", top)
    done = run(["verilator", *options, str(WAIVERS), str(verilog.resolve())], work)
    warnings = parse(done.log.read_text())
    result = LintResult(verilog=verilog, clean=not warnings, warnings=warnings, seconds=round(done.seconds, 3))
    write_atomic(work / "result.json", result.model_dump_json(indent=2) + "\n")
    return result


def parse(log: str) -> tuple[Warn, ...]:
    """The warnings in Verilator's output."""
    return tuple(Warn.model_validate(match.groupdict()) for match in _WARNING.finditer(log))
