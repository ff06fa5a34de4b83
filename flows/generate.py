"""Configuration to Verilog, with the manifest that an integrator reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.verilog import emit, manifest

from .tool import write_together

__all__ = ["CONFIG", "MANIFEST", "VERILOG", "generate"]

VERILOG, CONFIG, MANIFEST = "nmpu.v", "config.json", "manifest.json"


def generate(config: NmpuConfig, work: Path) -> dict[str, Any]:
    """Write ``nmpu.v``, ``config.json`` and ``manifest.json`` into ``work``; equal configurations give equal bytes.

    Returns:
        The manifest.

    Raises:
        OSError: the folder cannot be written.
    """
    described = manifest(config)
    work.mkdir(parents=True, exist_ok=True)
    write_together(
        {
            work / VERILOG: emit(config),
            work / CONFIG: config.model_dump_json(indent=2) + "\n",
            work / MANIFEST: json.dumps(described, indent=2) + "\n",
        }
    )
    return described
