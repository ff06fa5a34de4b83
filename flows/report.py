"""The Markdown report: a pure function of the files that the steps left, so it can be made again without any tool."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .generate import MANIFEST
from .templates import environment
from .tool import write_atomic

__all__ = ["report"]


def report(work: Path) -> Path:
    """Write ``work/report.md`` from ``manifest.json`` and the steps' ``result.json``; absent steps are said to be.

    Raises:
        OSError: no manifest there, or the folder cannot be written.
    """
    manifest = _read(work / MANIFEST)
    if manifest is None:
        raise FileNotFoundError(f"{work / MANIFEST} is not there; run `nmpu generate` first")
    steps = {step: _read(work / step / "result.json") for step in ("lint", "sim", "area", "timing", "power")}
    text = environment().get_template("report.md.j2").render(manifest=manifest, config=manifest["config"], **steps)
    write_atomic(work / "report.md", text)
    return work / "report.md"


def _read(path: Path) -> dict[str, Any] | None:
    if not path.exists():
        return None
    data: dict[str, Any] = json.loads(path.read_text())
    return data
