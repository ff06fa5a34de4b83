"""Parameters and descriptors of a network as files: for programs, for $readmemh, and for people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from golden.network import Deployed, DeployedStage
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.presets import to_toml
from nmpu_hdl.program import Layer, descriptor_stride, encode

from ..calibrate_image import bus_hex, params_hex
from ..networks.plain import write_arrays
from ..tool import write_together

__all__ = ["FILES", "descriptor_hex", "write_files"]

FILES = {
    "nmpu.toml": "the configuration, for `nmpu` and its other commands",
    "nmpu.v": "the unit, with `config.json` and `manifest.json`",
    "params.npz": "parameters: `words` as the bus takes them (words, lanes, 32-bit parts), and scales, offsets a stage",
    "params.hex": "the parameter bank for `$readmemh`: a `//` line, then a line a slot of all lanes, lane 0 lowest",
    "params_bus.hex": "the same as bus writes, in order: a `//` line, then byte address in the unit, 32-bit word",
    "params.json": "stages with their grids, shifts, scales and offsets",
    "descriptors.hex": "the descriptor memory for `$readmemh`, a line a 32-bit word",
    "descriptors.json": "the layers, field by field, and their words",
}
"""What is written, and what it is."""


def write_files(deployed: Deployed, work: Path) -> None:
    """Write configuration, parameters and descriptors into ``work``; equal networks and seeds give equal bytes.

    Raises:
        OSError: a file cannot be written.
    """
    config, image = deployed.config, deployed.image()
    layers = deployed.descriptors
    told = {str(place): {"words": encode(config, one), **one.fields(config)} for place, one in layers.items()}
    stages = [_stage(deployed, stage) for stage in deployed.stages]
    head = {"network": deployed.plan.network.name, "seed": deployed.arrays.seed, "input_lsb": deployed.plan.lsb}
    write_arrays(work / "params.npz", _arrays(deployed, image))
    write_together(
        {
            work / "nmpu.toml": to_toml(config),
            work / "params.hex": params_hex(config, image),
            work / "params_bus.hex": bus_hex(config, image),
            work / "params.json": json.dumps({**head, "stages": stages}, indent=1) + "\n",
            work / "descriptors.hex": descriptor_hex(config, layers),
            work / "descriptors.json": json.dumps({"first": 0, "descriptors": told}, indent=1) + "\n",
        }
    )


def descriptor_hex(config: NmpuConfig, layers: dict[int, Layer]) -> str:
    """The descriptor memory as ``$readmemh`` reads it, with addresses where words are left out."""
    lines = []
    for place, layer in layers.items():
        lines.append(f"@{place * descriptor_stride(config):x}\n")
        lines += [f"{word:08x}\n" for word in encode(config, layer)]
    return "".join(lines)


def _arrays(deployed: Deployed, image: list[int]) -> dict[str, Any]:
    config = deployed.config
    lanes, width = config.array.lanes, config.derived.param_width
    parts = range(-(-width // 32))
    words = [
        [
            [(word >> lane * width & (1 << width) - 1) >> 32 * part & 0xFFFFFFFF for part in parts]
            for lane in range(lanes)
        ]
        for word in image
    ]
    arrays: dict[str, Any] = {"words": np.array(words, np.uint32)}
    for stage in deployed.stages:
        for name, values in _integers(stage).items():
            arrays[f"{stage.name}.{name}"] = values
    return arrays


def _integers(stage: DeployedStage) -> dict[str, Any]:
    """Of all columns: (blocks, counts, columns) scales, (blocks, columns) the others."""
    first = stage.params[0]
    found = {}
    for name in ("scales", "offset", "shift", "norm_scale", "norm_offset"):
        if getattr(first, name) is not None:
            blocks = [[getattr(one.params[k], name) for one in stage.mapped] for k in range(len(stage.params))]
            columns = [one.columns.stop - one.columns.start for one in stage.mapped]
            cut = [[v[..., :n] for v, n in zip(block, columns, strict=True)] for block in blocks]
            found[name] = np.stack([np.concatenate(block, axis=-1) for block in cut]).astype(np.int32)
    return found


def _stage(deployed: Deployed, stage: DeployedStage) -> dict[str, Any]:
    planned, layer = stage.planned, stage.layer
    return {
        "name": stage.name,
        "takes": planned.stage.source.stage,
        "adds": None if planned.stage.residual is None else planned.stage.residual.stage,
        "rows": planned.stage.rows,
        "columns": planned.stage.columns,
        "lsb": planned.lsb,
        "result_lsb": planned.out_lsb,
        "residual_shift": planned.residual,
        "shifts": [list(one.layer.shifts) for one in stage.mapped],
        "base": [one.layer.base for one in stage.mapped],
        "negated": np.flatnonzero(stage.arrays.flip < 0).tolist(),
        "pooling": layer.pooling,
        **{name: values.tolist() for name, values in _integers(stage).items()},
    }
