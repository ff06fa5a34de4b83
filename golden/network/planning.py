"""The grids of a network's activations: the LSB of every stage, found on calibration images.

Activations are codes of ``output.format``; the LSB of a stage is the one with the least squared error on the images.
Where a stage adds a residual, the two LSBs are powers of two of each other, as the unit aligns residuals by shifts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.formats import Format

from .graph import INPUT, Network
from .lowering import Lowered, Stage, lower
from .rows import pass_shift
from .sampling import Seen, sampled

__all__ = ["Plan", "Planned", "plan"]

Floats: TypeAlias = NDArray[np.floating[Any]]

_IMAGES = 256
"""Images that the LSB of the input is fitted to."""

_TRIED = np.exp2(-np.arange(0, 3.5, 1 / 16))
"""LSBs that are tried, of the one that holds the largest value."""

_ALIGNED = 8
"""Shifts that align a residual, where no tile says how many it has: as many as one may have."""

_SLACK = 0.9
"""Share of the offset's range that the network's own offsets may take; the rest is for what arrays add."""


@dataclass(frozen=True, eq=False)
class Planned:
    """A stage and its grids.

    Attributes:
        stage: what it computes.
        lsb: of its results before pooling.
        out_lsb: of its results; that of an average's is its own.
        residual: a residual is multiplied by two to this power; None: there is none.
        pool_shift: of an average.
        rows: float32 (vectors, rows) what its arrays are given on the calibration images, a sample; of a pass
            (vectors, columns).
    """

    stage: Stage
    lsb: float
    out_lsb: float
    residual: int | None
    pool_shift: int
    rows: Floats


@dataclass(frozen=True, eq=False)
class Plan:
    """A network's stages and grids.

    Attributes:
        lowered: the stages.
        stages: the same with their grids.
        lsb: of the input.
        span: the least and the largest code of the input.
        form: of an activation.
    """

    lowered: Lowered
    stages: tuple[Planned, ...]
    lsb: float
    span: tuple[int, int]
    form: Format

    @property
    def network(self) -> Network:
        """The network."""
        return self.lowered.network

    def lsb_of(self, name: str) -> float:
        """Of the results of a stage, or of the input."""
        if name == INPUT:
            return self.lsb
        return next(one.out_lsb for one in self.stages if one.stage.name == name)

    def span_of(self, name: str) -> tuple[int, int]:
        """The least and the largest code of a stage's results, or of the input."""
        if name == INPUT:
            return self.span
        stage = next(one.stage for one in self.stages if one.stage.name == name)
        return 0 if stage.low >= 0 else self.form.low, self.form.high


def plan(network: Network, images: NDArray[Any], config: NmpuConfig, seed: int = 0) -> Plan:
    """Stages and grids of a network.

    Args:
        network: the network.
        images: (images, height, width, channels) pixels, for calibration; a few hundred do.
        config: of which ``output.format``, ``offset`` and the tile's alignment of residuals matter; where there are
            passes, ``codes``, ``scale`` and ``shift``, too.
        seed: of what is sampled.

    Raises:
        ValueError: naming the node, what no stage can do; no images; or activations of more than 15 bits.
    """
    if config.output.format.width > 15:
        raise ValueError(f"output.format = {config.output.format}: networks need activations of at most 15 bits")
    if not len(images):
        raise ValueError("no calibration images; a few hundred would do")
    lowered = lower(network)
    _check(lowered, config)
    rng = np.random.default_rng(seed)
    seen = sampled(lowered, images, rng)
    lsb, span = _input(lowered, images, config.output.format, rng)
    done = Plan(lowered, (), lsb, span, config.output.format)
    for stage in lowered.stages:
        try:
            planned = _planned(done, stage, seen[stage.name], config)
        except ValueError as error:
            raise ValueError(f"stage {stage.name}: {error}") from error
        done = replace(done, stages=(*done.stages, planned))
    return done


def _check(lowered: Lowered, config: NmpuConfig) -> None:
    """Refuse results below 0 where activations have no sign."""
    form = config.output.format
    if form.signed:
        return
    for stage in lowered.stages:
        if stage.low < 0 and stage is not lowered.stages[-1]:
            raise ValueError(
                f"stage {stage.name} has results below 0, and output.format = {form}; a signed one would do"
            )
        if stage.residual is not None and stage.residual.stage == INPUT:
            raise ValueError(
                f"stage {stage.name} adds the input, which has a sign, and output.format = {form}; SQ would do"
            )


def _input(
    lowered: Lowered, images: NDArray[Any], form: Format, rng: np.random.Generator
) -> tuple[float, tuple[int, int]]:
    """LSB and range of the codes that the first arrays are given: as wide as an activation, signed about the mean.

    What a quantised network says of its input holds, but for an LSB that is coarser where that needs more bits.
    """
    grid = lowered.grid
    if grid is None:
        chosen = images[np.sort(rng.choice(len(images), min(len(images), _IMAGES), replace=False))]
        given = Format(True, form.width, 0)
        return _least_squares(lowered.network.prepared(chosen).reshape(-1), given), (given.low, given.high)
    given = Format(grid.low < 0, form.width, 0)
    coarser = _coarser(grid.low, grid.high, given)
    return grid.lsb * coarser, (int(np.ceil(grid.low / coarser)), int(grid.high // coarser))


def _coarser(low: int, high: int, form: Format) -> float:
    """The power of two, at least 1, that codes have to be divided by to be of a format."""
    return float(2.0 ** np.ceil(np.log2(max(high / form.high, low / form.low if low < 0 else 0, 1.0))))


def _planned(before: Plan, stage: Stage, seen: Seen, config: NmpuConfig) -> Planned:
    form = config.output.format
    least = _least(before, stage, config)
    sample = _pooled(stage, seen)
    residual = None
    if stage.residual is not None:
        residual, wish = _aligned(before.lsb_of(stage.residual.stage), sample, least, config)
    else:
        wish = max(_wish(stage, sample, form), least)
    if stage.pool is None or stage.pool.kind == "max":
        return Planned(stage, wish, wish, residual, 0, seen.rows)
    window = int(np.prod(stage.window))
    top = float(np.abs(seen.outer).max()) * window / wish
    shift = min(max(int(np.ceil(np.log2(max(top, 1) / (form.high + 0.5)))), 0), 15)
    return Planned(stage, wish, wish * 2.0**shift / window, residual, shift, seen.rows)


def _pooled(stage: Stage, seen: Seen) -> Floats:
    """The values that the LSB is for: of a maximum those that are left, else those before pooling."""
    return seen.outer if stage.pool is not None and stage.pool.kind == "max" else seen.inner


def _wish(stage: Stage, sample: Floats, form: Format) -> float:
    """The LSB that the stage would have by itself."""
    if stage.grid is None:
        return _least_squares(sample, form)
    return stage.grid.lsb * _coarser(stage.grid.low if form.signed else 0, stage.grid.high, form)


def _least(before: Plan, stage: Stage, config: NmpuConfig) -> float:
    """The LSB that offsets, and the scales of a pass, need at least."""
    # With several row blocks each has an offset of its own, but the whole stands in the last one's.
    room = _SLACK * config.offset.format.high * config.offset.format.step * 2.0**config.offset.max_shift
    offsets = float(np.abs(stage.offset).max()) / room
    if stage.conv is not None:
        return offsets
    left = pass_shift(config, before.span_of(stage.source.stage))
    gain = config.scale.format.high * config.scale.format.step * 2.0 ** (left - config.shift.min)
    return max(offsets, float(np.abs(stage.gain).max()) * before.lsb_of(stage.source.stage) / gain)


def _aligned(held: float, sample: Floats, least: float, config: NmpuConfig) -> tuple[int, float]:
    """The power of two that a residual is multiplied by, and the LSB that follows: the one with the least error.

    Raises:
        ValueError: none that the tile can align is as coarse as offsets and scales need.
    """
    tile, tiled = config.tile, config.derived.tiled
    left, right = (tile.residual_left, tile.residual_right) if tiled else (_ALIGNED, _ALIGNED)
    powers = [power for power in range(left, -right - 1, -1) if held * 2.0**-power >= least]
    if not powers:
        needed = int(np.ceil(np.log2(least / held)))
        raise ValueError(
            f"its residual has to be shifted right by {needed} bits; tile.residual_right = {right} is less"
        )
    lsb = _best(sample, held * np.exp2(-np.array(powers, np.float64)), config.output.format)
    return int(np.round(np.log2(held / lsb))), lsb


def _least_squares(sample: Floats, form: Format) -> float:
    """The LSB whose codes are nearest to the values."""
    top = float(np.abs(sample).max())
    return _best(sample, top / max(form.high, 1) * _TRIED, form) if top else 1.0


def _best(sample: Floats, tried: Floats, form: Format) -> float:
    """Of some LSBs the one with the least squared error."""
    codes = np.clip(np.rint(sample / tried[:, None]), form.low, form.high)
    errors = np.square(codes * tried[:, None] - sample).mean(axis=1)
    return float(tried[int(np.argmin(errors))])
