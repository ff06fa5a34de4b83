"""The grids of a network's activations: the LSB of every stage, found on calibration images.

Activations are codes of ``output.format``; the LSB of a stage is the one with the least squared error on the images.
Where a stage adds a residual, the two LSBs are powers of two of each other, as the unit aligns residuals by shifts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.formats import Format

from .graph import INPUT, Network, patches, values
from .lowering import Lowered, Stage, lower, viewed

__all__ = ["Plan", "Planned", "Wished", "input_format", "pass_shift", "plan", "stage_rows", "windowed"]

Floats: TypeAlias = NDArray[np.floating[Any]]

_BATCH = 32
"""Images whose values are held at a time."""

_VALUES = 4096
"""Values of a batch and stage that the LSB is fitted to."""

_VECTORS = 2048
"""Vectors of a stage that its arrays are calibrated with."""

_TRIED = np.exp2(-np.arange(0, 3.5, 1 / 16))
"""LSBs that are tried, of the one that holds the largest value."""

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
        form: of an activation.
    """

    lowered: Lowered
    stages: tuple[Planned, ...]
    lsb: float
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
            form = input_format(self.form)
            return form.low, form.high
        stage = next(one.stage for one in self.stages if one.stage.name == name)
        return 0 if stage.low >= 0 else self.form.low, self.form.high


class Wished(NamedTuple):
    """What is seen of a stage on the calibration images: samples of its values before and behind pooling, the largest
    magnitude behind it, and of the rows of its arrays."""

    inner: Floats
    outer: Floats
    rows: Floats


def input_format(form: Format) -> Format:
    """Of the codes that the first arrays are given: as wide as an activation, signed as images are about their mean."""
    return Format(True, form.width, 0)


def plan(network: Network, images: NDArray[Any], config: NmpuConfig, seed: int = 0) -> Plan:
    """Stages and grids of a network.

    Args:
        network: the network.
        images: (images, height, width, channels) pixels, for calibration; a few hundred do.
        config: of which ``output.format``, ``offset`` and the tile's alignment of residuals matter.
        seed: of what is sampled.

    Raises:
        ValueError: naming the node, what no stage can do; no images; or activations of more than 15 bits.
    """
    if config.output.format.width > 15:
        raise ValueError(f"output.format = {config.output.format}: networks need activations of at most 15 bits")
    if not len(images):
        raise ValueError("no calibration images; a few hundred would do")
    lowered = lower(network)
    seen = _seen(lowered, images, np.random.default_rng(seed))
    form = input_format(config.output.format)
    first = network.prepared(images[: 8 * _BATCH]).reshape(-1)
    lsb = lowered.grid.lsb if lowered.grid else _least_squares(first, form)
    done = Plan(lowered, (), lsb, config.output.format)
    for stage in lowered.stages:
        done = replace(done, stages=(*done.stages, _planned(done, stage, seen[stage.name], config)))
    return done


def pass_shift(config: NmpuConfig) -> int:
    """Bits by which a pass's codes are shifted left: as far as codes have room, so that its scales are like others'.

    Raises:
        ValueError: codes that do not hold activations.
    """
    codes, out = config.codes.format, config.output.format
    room = [left for left in range(16) if out.high << left <= codes.high]
    if config.codes.counts == 1:
        room = [left for left in room if out.low << left >= codes.low]
    if not room:
        raise ValueError(
            f"activations stand where codes of converters do, and codes.format = {codes} does not hold {out.low}.."
            f"{out.high}; a format of {out.width} bits would do"
        )
    return room[-1]


def stage_rows(stage: Stage, x: NDArray[Any]) -> NDArray[Any]:
    """What the rows of a stage's arrays are given, (images * pixels, rows), pixels of a pooled window side by side.

    Args:
        stage: the stage.
        x: (images, height, width, channels) results of what it takes, before views; codes or real.
    """
    taken = viewed(x, stage.source.views)
    kernel = (1, 1) if stage.conv is None else stage.conv.weight.shape[:2]
    stride, padding = ((1, 1), (0, 0)) if stage.conv is None else (stage.conv.stride, stage.conv.padding)
    return windowed(stage, patches(taken, (kernel[0], kernel[1]), stride, padding)).reshape(
        -1, np.prod(kernel) * taken.shape[3]
    )


def windowed(stage: Stage, pixels: NDArray[Any]) -> NDArray[Any]:
    """(images, rows, columns, ...) in the order in which a stage computes pixels."""
    high, wide = stage.window
    if (high, wide) == (1, 1):
        return pixels
    images, rows, columns, *rest = pixels.shape
    cut = pixels.reshape(images, rows // high, high, columns // wide, wide, *rest)
    return cut.swapaxes(2, 3)


def _seen(lowered: Lowered, images: NDArray[Any], rng: np.random.Generator) -> dict[str, Wished]:
    """Samples of all stages."""
    found: dict[str, list[Wished]] = {stage.name: [] for stage in lowered.stages}
    batches = range(0, len(images), _BATCH)
    for start in batches:
        prepared = lowered.network.prepared(images[start : start + _BATCH])
        given = values(lowered.network, prepared)
        for stage in lowered.stages:
            inner, outer = (_some(rng, given[name].reshape(-1), _VALUES) for name in (stage.inner, stage.name))
            rows = stage_rows(stage, given[stage.source.stage])
            found[stage.name].append(Wished(inner, outer, _some(rng, rows, -(-_VECTORS // len(batches)))))
    return {name: Wished(*map(np.concatenate, zip(*some, strict=True))) for name, some in found.items()}


def _some(rng: np.random.Generator, array: Floats, most: int) -> Floats:
    """As many of the first axis, drawn without repeats; of values, the largest magnitude is among them."""
    if len(array) <= most:
        return array.copy()
    chosen = np.sort(rng.choice(len(array), most, replace=False))
    if array.ndim == 1:
        chosen[0] = np.abs(array).argmax()
    return array[chosen]


def _planned(before: Plan, stage: Stage, seen: Wished, config: NmpuConfig) -> Planned:
    form = config.output.format
    try:
        least = _least(before, stage, config)
    except ValueError as error:
        raise ValueError(f"stage {stage.name}: {error}") from error
    sample = _pooled(stage, seen)
    residual = None
    if stage.residual is not None:
        held = before.lsb_of(stage.residual.stage)
        powers = range(config.tile.residual_left, -config.tile.residual_right - 1, -1)
        tried = held * np.exp2(-np.array([p for p in powers if held * 2.0**-p >= least] or [powers[-1]], np.float64))
        wish = _best(sample, tried, form)
        residual = int(np.round(np.log2(held / wish)))
    else:
        wish = max(_wish(stage, sample, form), least)
    if stage.pool is None or stage.pool.kind == "max":
        return Planned(stage, wish, wish, residual, 0, seen.rows)
    window = int(np.prod(stage.window))
    top = float(np.abs(seen.outer).max()) * window / wish
    shift = min(max(int(np.ceil(np.log2(max(top, 1) / (form.high + 0.5)))), 0), 15)
    return Planned(stage, wish, wish * 2.0**shift / window, residual, shift, seen.rows)


def _pooled(stage: Stage, seen: Wished) -> Floats:
    """The values that the LSB is for: of a maximum those that are left, else those before pooling."""
    return seen.outer if stage.pool is not None and stage.pool.kind == "max" else seen.inner


def _wish(stage: Stage, sample: Floats, form: Format) -> float:
    """The LSB that the stage would have by itself."""
    if stage.grid is None:
        return _least_squares(sample, form)
    coarser = max(stage.grid.high / form.high, stage.grid.low / min(form.low, -1), 1.0)
    return float(stage.grid.lsb * 2.0 ** np.ceil(np.log2(coarser)))


def _least(before: Plan, stage: Stage, config: NmpuConfig) -> float:
    """The LSB that offsets, and the scales of a pass, need at least."""
    # With several row blocks each has an offset of its own, but the whole stands in the last one's.
    room = _SLACK * config.offset.format.high * config.offset.format.step * 2.0**config.offset.max_shift
    offsets = float(np.abs(stage.offset).max()) / room
    if stage.conv is not None:
        return offsets
    gain = config.scale.format.high * config.scale.format.step * 2.0 ** (pass_shift(config) - config.shift.min)
    return max(offsets, float(np.abs(stage.gain).max()) * before.lsb_of(stage.source.stage) / gain)


def _least_squares(sample: Floats, form: Format) -> float:
    """The LSB whose codes are nearest to the values."""
    top = float(np.abs(sample).max())
    return _best(sample, top / max(form.high, 1) * _TRIED, form) if top else 1.0


def _best(sample: Floats, tried: Floats, form: Format) -> float:
    """Of some LSBs the one with the least squared error."""
    codes = np.clip(np.rint(sample / tried[:, None]), form.low, form.high)
    errors = np.square(codes * tried[:, None] - sample).mean(axis=1)
    return float(tried[int(np.argmin(errors))])
