"""What stages see on the calibration images: samples of their values, and of the rows of their arrays."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .graph import values
from .lowering import Lowered
from .rows import stage_rows

__all__ = ["Seen", "sampled"]

Floats: TypeAlias = NDArray[np.floating[Any]]

_BATCH = 32
"""Images whose values are held at a time."""

_VALUES = 4096
"""Values of a batch and stage that the LSB is fitted to."""

_VECTORS = 2048
"""Vectors of a stage that its arrays are calibrated with."""


class Seen(NamedTuple):
    """What is seen of a stage on the calibration images: samples of its values before and behind pooling, the largest
    magnitudes among them, and of the rows of its arrays."""

    inner: Floats
    outer: Floats
    rows: Floats


def sampled(lowered: Lowered, images: NDArray[Any], rng: np.random.Generator) -> dict[str, Seen]:
    """Samples of all stages, by name.

    Args:
        lowered: the stages.
        images: (images, height, width, channels) pixels.
        rng: of what is drawn.

    Raises:
        ValueError: naming the stage, results that are not finite.
    """
    found: dict[str, list[Seen]] = {stage.name: [] for stage in lowered.stages}
    batches = range(0, len(images), _BATCH)
    for start in batches:
        prepared = lowered.network.prepared(images[start : start + _BATCH])
        with np.errstate(over="ignore", invalid="ignore"):  # said below, in one line
            given = values(lowered.network, prepared)
        for stage in lowered.stages:
            if not np.isfinite(given[stage.inner]).all():
                raise ValueError(f"stage {stage.name}: results of the calibration images are not finite")
            inner, outer = (_some(rng, given[name].reshape(-1), _VALUES) for name in (stage.inner, stage.name))
            rows = stage_rows(stage, given[stage.source.stage])
            found[stage.name].append(Seen(inner, outer, _some(rng, rows, -(-_VECTORS // len(batches)))))
    return {name: Seen(*map(np.concatenate, zip(*some, strict=True))) for name, some in found.items()}


def _some(rng: np.random.Generator, array: Floats, most: int) -> Floats:
    """As many of the first axis, drawn without repeats; of values, the largest magnitude is among them."""
    if len(array) <= most:
        return array.copy()
    chosen = rng.choice(len(array), most, replace=False)
    if array.ndim == 1 and (largest := np.abs(array).argmax()) not in chosen:
        chosen[0] = largest
    return array[np.sort(chosen)]
