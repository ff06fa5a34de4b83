"""Images through a deployed network: arrays, then the unit bit by bit, or float32 or binary16 in its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..layer import run_layer
from .blocks import to_counts
from .deploying import Deployed, DeployedStage
from .floating import floating
from .graph import INPUT, values
from .lowering import viewed
from .rows import pass_shift, stage_rows, windowed

__all__ = ["Given", "Outcome", "Post", "StageError", "codes_of", "run"]

Floats: TypeAlias = NDArray[np.floating[Any]]
Ints: TypeAlias = NDArray[np.integer[Any]]

Post = Literal["fp32", "fp16", "nmpu"]
"""What follows the converters: float32, binary16 in the order of the reference's unit, or the unit."""


@dataclass(frozen=True)
class StageError:
    """How far results of a stage are from the network in float32.

    Attributes:
        name: of the stage.
        squares: sum of squared errors, output LSB.
        worst: the largest magnitude, output LSB.
        count: results.
        low, high: results that were clipped at that end of the format; of the unit alone.
    """

    name: str
    squares: float
    worst: float
    count: int
    low: int = 0
    high: int = 0

    @property
    def rms(self) -> float:
        """Root of the mean square, output LSB."""
        return float(np.sqrt(self.squares / self.count)) if self.count else 0.0

    def __add__(self, other: StageError) -> StageError:
        return StageError(
            self.name,
            self.squares + other.squares,
            max(self.worst, other.worst),
            self.count + other.count,
            self.low + other.low,
            self.high + other.high,
        )


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a network makes of images.

    Attributes:
        logits: float64 (images, classes) in LSB of the last stage.
        errors: of each stage, where they were asked for.
    """

    logits: NDArray[np.float64]
    errors: tuple[StageError, ...] = ()

    @property
    def classes(self) -> NDArray[np.int64]:
        """(images,) the largest logit's; the least of several."""
        return self.logits.argmax(axis=1)


@dataclass(frozen=True, eq=False)
class Given:
    """What a stage is given for some images.

    Attributes:
        codes: int16 (vectors, blocks, counts, columns).
        residual: (vectors, columns) codes, or None.
    """

    codes: Ints
    residual: Ints | None


def run(deployed: Deployed, images: NDArray[Any], post: Post = "nmpu", *, errors: bool = False) -> Outcome:
    """Images through all stages.

    Args:
        deployed: the network.
        images: (images, height, width, channels) pixels; some tens at a time are fastest.
        post: what follows the converters.  Activations are codes of ``output.format`` in any case.
        errors: compare each stage with the network in float32, which takes about as long again.

    Raises:
        ValueError: images of another shape than the network takes.
    """
    network, plan = deployed.plan.network, deployed.plan
    if images.shape[1:] != network.shape:
        raise ValueError(f"images of shape {images.shape[1:]} are not {network.shape} (height, width, channels)")
    prepared = network.prepared(images)
    wanted = values(network, prepared) if errors else {}
    results: dict[str, Ints] = {INPUT: _input(deployed, prepared)}
    found: list[StageError] = []
    for stage in deployed.stages:
        y, low, high = _finished(deployed, stage, _given(deployed, stage, results), post)
        results[stage.name] = _as_images(stage, y, len(images))
        if errors:
            off = results[stage.name] - wanted[stage.name] / plan.lsb_of(stage.name)
            squares, worst = float(np.square(off).sum()), float(np.abs(off).max())
            found.append(StageError(stage.name, squares, worst, off.size, low, high))
    logits = results[deployed.stages[-1].name].reshape(len(images), -1)
    return Outcome(logits.astype(np.float64), tuple(found))


def codes_of(deployed: Deployed, images: NDArray[Any]) -> list[Given]:
    """What each stage is given when the unit finishes all of them: for a replay on the Verilog."""
    results: dict[str, Ints] = {INPUT: _input(deployed, deployed.plan.network.prepared(images))}
    found: list[Given] = []
    for stage in deployed.stages:
        found.append(_given(deployed, stage, results))
        y, _, _ = _finished(deployed, stage, found[-1], "nmpu")
        results[stage.name] = _as_images(stage, y, len(images))
    return found


def _as_images(stage: DeployedStage, y: NDArray[Any], images: int) -> NDArray[Any]:
    """Results (outputs, columns) as images."""
    what = stage.planned.stage
    high, wide = (size // window for size, window in zip(what.pixels, what.window, strict=True))
    return y.reshape(images, high, wide, what.columns)


def _input(deployed: Deployed, prepared: Floats) -> Ints:
    return np.clip(np.rint(prepared / deployed.plan.lsb), *deployed.plan.span).astype(np.int16)


def _given(deployed: Deployed, stage: DeployedStage, results: Mapping[str, Ints]) -> Given:
    """Counts of the converters of a stage, and its residuals, in the order of its vectors."""
    what, config = stage.planned.stage, deployed.config
    taken = results[what.source.stage]
    if what.conv is None:
        left = pass_shift(config, deployed.plan.span_of(what.source.stage))
        codes = to_counts(stage_rows(what, taken), config.codes.counts, stage.arrays.flip, left)
    else:
        rows = stage_rows(what, taken.astype(np.float32))
        codes = np.empty((len(rows), len(stage.arrays.blocks), config.codes.counts, what.columns), np.int16)
        for k, block in enumerate(stage.arrays.blocks):
            codes[:, k] = block.counts(rows, *deployed.arrays.analog.span).reshape(len(rows), -1, what.columns)
    if what.residual is None:
        return Given(codes, None)
    added = viewed(results[what.residual.stage], what.residual.views)
    return Given(codes, windowed(what, added).reshape(-1, what.columns))


def _finished(deployed: Deployed, stage: DeployedStage, given: Given, post: Post) -> tuple[NDArray[Any], int, int]:
    """Results (outputs, columns) after pooling, and how many were clipped at either end.

    Those of the last stage are real where the tile hands sums on, else codes.
    """
    if post == "nmpu":
        return _unit(deployed, stage, given)
    y = floating(deployed, stage, given.codes, given.residual, binary16=post == "fp16")
    return y, 0, 0


def _unit(deployed: Deployed, stage: DeployedStage, given: Given) -> tuple[NDArray[Any], int, int]:
    found: list[NDArray[Any]] = []
    low = high = 0
    for one in stage.mapped:
        residual = None if given.residual is None else given.residual[:, one.columns]
        layer = replace(one.layer, vectors=len(given.codes))
        result = run_layer(deployed.config, layer, one.params, given.codes[..., one.columns], residual=residual)
        if result.y is None:
            found.append(result.totals * 2.0**-deployed.config.derived.total.fraction)
            continue
        found.append(result.y)
        low, high = low + result.counters.sat_low, high + result.counters.sat_high
    return np.concatenate(found, axis=1) if len(found) > 1 else found[0], low, high
