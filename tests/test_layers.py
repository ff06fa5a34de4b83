"""Directions of import: formats <- config <- {golden, hardware}; golden knows no hardware, benches see Verilog only."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
NO_AMARANTH = [
    "formats",
    "derived",
    "groups",
    "config",
    "front_group",
    "settings",
    "ports",
    "presets",
    "float_steps",
    "cuts",
]
NO_AMARANTH += ["front_facts", "front_settings", "front_check", "front_usual"]
NO_AMARANTH += ["program", "registers", "capabilities", "driver", "macros"]  # of the tile
FORBIDDEN = {
    "golden": {"amaranth", "cocotb", "tb", "flows", "pyosys"},
    "tb": {"amaranth", "flows", "pyosys"},
    "nmpu_hdl": {"golden", "tb", "flows", "cocotb"},
    "flows": {"pyosys"},  # it would make all later extensions share their symbols; it has processes of its own
    "flows/generate.py": {"golden", "tb"},
    "flows/synthesize.py": {"golden", "tb"},
}


def imports(path: Path) -> set[str]:
    """Absolute modules that a file imports, whole and by their first name; relative ones as ``.name``."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add("." * node.level + (node.module or ""))
    return found | {name.split(".")[0] for name in found if not name.startswith(".")}


def files(where: str) -> list[Path]:
    path = ROOT / where
    return [path] if path.is_file() else sorted(path.rglob("*.py"))


@pytest.mark.parametrize("where", FORBIDDEN)
def test_directions(where: str) -> None:
    assert files(where)
    for path in files(where):
        assert not imports(path) & FORBIDDEN[where], path


def test_hardware_that_golden_may_see_is_free_of_amaranth() -> None:
    for name in NO_AMARANTH:
        seen = imports(ROOT / "nmpu_hdl" / f"{name}.py")
        assert "amaranth" not in seen
        assert {m for m in seen if m.startswith(".")} <= {".", *(f".{n}" for n in NO_AMARANTH)}, name
    for where in ("golden", "tb"):
        for path in files(where):
            allowed = {"nmpu_hdl"} | {f"nmpu_hdl.{n}" for n in NO_AMARANTH}
            assert {m for m in imports(path) if m.startswith("nmpu_hdl")} <= allowed, path


def test_processes_are_started_in_two_places() -> None:
    """flows/tool.py for all tools; nmpu_hdl/verilog.py for the Yosys that makes a component's text."""
    folders = ("nmpu_hdl", "golden", "tb", "flows")
    users = {str(p.relative_to(ROOT)) for folder in folders for p in files(folder) if "subprocess" in imports(p)}
    assert users == {"flows/tool.py", "nmpu_hdl/verilog.py"}
