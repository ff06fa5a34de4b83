"""Verilator's opinion of the emitted Verilog: all warnings but those of waivers.vlt."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel

from .tool import require, run, write_atomic

__all__ = ["LintResult", "Warn", "lint", "parse", "seen_from"]

WAIVERS = Path(__file__).with_name("waivers.vlt")

_WARNING = re.compile(r"^%Warning-(?P<rule>\w+): (?P<file>.+?):(?P<line>\d+):\d+: (?P<message>.*)$", re.MULTILINE)


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


def lint(verilog: Path, work: Path, top: str = "nmpu", models: Sequence[Path] = ()) -> LintResult:
    """Lint ``verilog``; leaves command, log and result.json in ``work``.

    Args:
        verilog: the design.
        work: folder of this step.
        top: its module at the top.
        models: further Verilog files, such as those of macros.

    Raises:
        ToolMissing: Verilator or Perl is not installed.
        ToolFailed: Verilator did not accept the file at all.
        FileNotFoundError: no such file.
        ValueError: a quote or control character in the path of the file as seen from ``work``.
    """
    sources = (verilog, *models)
    for file in sources:
        if not file.is_file():
            raise FileNotFoundError(f"{file} is not there; generate it first")
    require("verilator", "perl")
    options = ("--lint-only", "-Wall", "-Wno-fatal", "--top-module", top)
    files = [seen_from(work, file, r'["\x00-\x1f\x7f]') for file in sources]
    done = run(["verilator", *options, str(WAIVERS), *files], work)
    found = parse(done.log.read_text())
    warnings = tuple(w.model_copy(update={"file": os.path.normpath(work.resolve() / w.file)}) for w in found)
    result = LintResult(verilog=verilog, clean=not warnings, warnings=warnings, seconds=round(done.seconds, 3))
    write_atomic(work / "result.json", result.model_dump_json(indent=2) + "\n")
    return result


def parse(log: str) -> tuple[Warn, ...]:
    """The warnings in Verilator's output."""
    return tuple(Warn.model_validate(match.groupdict()) for match in _WARNING.finditer(log))


def seen_from(work: Path, file: Path, odd: str) -> str:
    """The name of ``file`` relative to ``work``, so that Verilator need not take the characters of the folders above.

    Raises:
        ValueError: what remains has a character that matches ``odd``.
    """
    name = os.path.relpath(file.resolve(), work.resolve())
    found = re.search(odd, name)
    if found:
        raise ValueError(f"the file {name!r} has {found[0]!r} in its path, which Verilator cannot take; choose another")
    return name
