"""Configuration to Verilog, with the manifest that an integrator reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.macros import macros
from nmpu_hdl.verilog import emit, manifest

from .macros import behavioural
from .tool import write_together

__all__ = ["CONFIG", "MACROS", "MANIFEST", "VERILOG", "generate", "macro_models"]

VERILOG, CONFIG, MANIFEST, MACROS = "nmpu.v", "config.json", "manifest.json", "macros.v"


def generate(config: NmpuConfig, work: Path) -> dict[str, Any]:
    """Write ``nmpu.v``, ``config.json`` and ``manifest.json`` into ``work``; equal configurations give equal bytes.

    Where memories are macros, ``macros.v`` as well: what a simulation takes for them.  An older one is removed where
    none is needed.

    Returns:
        The manifest.

    Raises:
        OSError: the folder cannot be written.
    """
    described = manifest(config)
    files = {
        work / VERILOG: emit(config),
        work / CONFIG: config.model_dump_json(indent=2) + "\n",
        work / MANIFEST: json.dumps(described, indent=2) + "\n",
    }
    files |= {path: "\n".join(map(behavioural, macros(config))) for path in macro_models(config, work)}
    work.mkdir(parents=True, exist_ok=True)
    write_together(files)
    if work / MACROS not in files:
        (work / MACROS).unlink(missing_ok=True)
    return described


def macro_models(config: NmpuConfig, build: Path) -> tuple[Path, ...]:
    """The files in ``build`` that lint and simulation need besides the design: ``macros.v``, or none."""
    return (build / MACROS,) if macros(config) else ()
