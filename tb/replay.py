"""A layer program with all that it is given, as one file: for networks whose layers are to run on the Verilog."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from golden import LayerInputs
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.program import Layer, decode, encode

__all__ = ["INPUTS", "RESULTS", "Replay", "load", "save"]

INPUTS, RESULTS = "replay.npz", "replay_results.npz"
"""Beside config.json, and in the folder of the simulation."""


@dataclass(frozen=True)
class Replay:
    """A chain of layers.

    Attributes:
        descriptors: the layers by place.
        first: where the chain starts.
        image: the parameter bank, an integer a word.
        inputs: of each layer in the order in which they run.
        tables: both banks of the activation table, or None.
    """

    descriptors: Mapping[int, Layer]
    first: int
    image: Sequence[int]
    inputs: Sequence[LayerInputs]
    tables: NDArray[np.int64] | None = None


def save(
    path: Path,
    config: NmpuConfig,
    descriptors: Mapping[int, Layer],
    first: int,
    image: Sequence[int],
    inputs: Sequence[LayerInputs],
    tables: NDArray[np.int64] | None = None,
) -> None:
    """Write it to ``path``.

    Raises:
        ValueError: the instance cannot run one of the layers.
    """
    words = {str(place): encode(config, layer) for place, layer in descriptors.items()}
    about = {"first": first, "layers": len(inputs), "descriptors": words, "image": [f"{word:x}" for word in image]}
    arrays: dict[str, Any] = {
        f"{name}_{k}": array for k, one in enumerate(inputs) for name, array in asdict(one).items() if array is not None
    }
    if tables is not None:
        arrays["tables"] = tables
    np.savez_compressed(path, about=np.array(json.dumps(about)), **arrays)


def load(path: Path, config: NmpuConfig) -> Replay:
    """The inverse of :func:`save`."""
    with np.load(path) as file:
        about = json.loads(str(file["about"]))
        inputs = [
            LayerInputs(**{f.name: file.get(f"{f.name}_{k}") for f in fields(LayerInputs)})
            for k in range(about["layers"])
        ]
        tables = file.get("tables")
    layers = {int(place): decode(config, words) for place, words in about["descriptors"].items()}
    return Replay(layers, about["first"], [int(word, 16) for word in about["image"]], inputs, tables)
