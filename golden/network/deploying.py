"""A network's integers: descriptors and parameters of every stage, for the unit and for those it is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.formats import Activation
from nmpu_hdl.presets import build
from nmpu_hdl.program import Layer, Pooling, param_words
from nmpu_hdl.settings import PassSettings

from ..calibration import dequantize
from ..line import Line
from ..mapping import Mapped, Wanted, map_layer, write_params
from ..params import Params
from ..slicing import parts
from .arrays import ROWS, Arrays
from .blocks import StageArrays
from .lowering import Stage
from .planning import Plan, Planned
from .rows import pass_shift

__all__ = ["Deployed", "DeployedStage", "deploy", "fitted"]

Floats: TypeAlias = NDArray[np.floating[Any]]

_MOST_POOLED = 1024
"""Pixels of a window that a tile may have."""


@dataclass(frozen=True, eq=False)
class DeployedStage:
    """A stage that can be run.

    Attributes:
        planned: the stage and its grids.
        arrays: its crossbars.
        mapped: descriptors and integers, a group of columns each; one where the array is wide enough.
        gains: float64 (blocks, counts, columns) output LSB for each unit of a code's value, as calibrated.
        offset: float64 (columns,) output LSB.
    """

    planned: Planned
    arrays: StageArrays
    mapped: tuple[Mapped, ...]
    gains: Floats
    offset: Floats

    @property
    def name(self) -> str:
        """The stage's."""
        return self.planned.stage.name

    @property
    def layer(self) -> Layer:
        """The descriptor of the first group of columns, for one image."""
        return self.mapped[0].layer

    @property
    def params(self) -> tuple[Params, ...]:
        """The parameters of the first group's row blocks."""
        return self.mapped[0].params


@dataclass(frozen=True, eq=False)
class Deployed:
    """A network on arrays, with the unit's integers.

    Attributes:
        config: the unit, a tile.
        plan: the network.
        arrays: the crossbars.
        stages: in the order in which they run.
    """

    config: NmpuConfig
    plan: Plan
    arrays: Arrays
    stages: tuple[DeployedStage, ...]

    def image(self) -> list[int]:
        """The parameter bank, a word a slot, with the parameters of all stages."""
        words = [0] * param_words(self.config)
        for stage in self.stages:
            write_params(self.config, words, stage.mapped)
        return words

    @property
    def descriptors(self) -> dict[int, Layer]:
        """The chain, for one image, by place from 0 on."""
        return dict(enumerate(one.layer for stage in self.stages for one in stage.mapped))


def fitted(config: NmpuConfig, plan: Plan) -> NmpuConfig:
    """The configuration with a tile that holds the network, and no more of it than that needs; a tile stays as it is.

    Formats, lanes and columns stay.  The tile can hand sums on, so that the network's result is not rounded to an
    activation.

    Raises:
        ValueError: a network that no tile holds, with the field and what it needs.
    """
    if config.derived.tiled:
        return config
    stages, lanes = [one.stage for one in plan.stages], config.array.lanes
    blocks = [max(-(-stage.rows // ROWS), 1) for stage in stages]
    groups = [parts(stage.columns, min(stage.columns, config.array.columns)) for stage in stages]
    slots = sum(
        count * sum(-(-(one.stop - one.start) // lanes) for one in some)
        for some, count in zip(groups, blocks, strict=True)
    )
    powers = [one.residual for one in plan.stages if one.residual is not None]
    widest = max(stages, key=lambda stage: int(np.prod(stage.window)))
    window = int(np.prod(widest.window))
    if window > _MOST_POOLED:
        raise ValueError(f"stage {widest.name} pools {window} pixels; tile.pool holds {_MOST_POOLED}")
    tile: dict[str, Any] = {
        "kind": "axi",
        "chain": 2,
        "blocks": max(blocks),
        "residual": bool(powers),
        "pool": window if window > 1 else 0,
        "sets": -(-slots // config.array.slots),
        "descriptors": sum(map(len, groups)),
    }
    if powers:
        tile |= {"residual_left": max(0, *powers), "residual_right": -min(0, *powers)}
    whole = config.model_dump(mode="json")
    how = whole["how"] | {"stages": max(config.how.stages, 2)}
    return build(whole | {"tile": whole["tile"] | tile, "how": how})


def deploy(plan: Plan, arrays: Arrays, config: NmpuConfig) -> Deployed:
    """Integers of every stage.

    Args:
        plan: the network.
        arrays: its crossbars, for codes of the same format.
        config: the unit, a tile; :func:`fitted` makes one.

    Raises:
        ValueError: naming the stage, what the instance cannot do, or a gain or offset that its formats do not hold.
    """
    stages: list[DeployedStage] = []
    base = place = 0
    last = len(plan.stages) - 1
    for k, (planned, own) in enumerate(zip(plan.stages, arrays.stages, strict=True)):
        try:
            done = _stage(config, plan, planned, own, base, place, k == last)
        except ValueError as error:
            raise ValueError(f"stage {planned.stage.name}: {error}") from error
        stages.append(done)
        base += sum(one.layer.blocks * one.layer.slots(config) for one in done.mapped)
        place += len(done.mapped)
    return Deployed(config, plan, arrays, tuple(stages))


def _stage(
    config: NmpuConfig, plan: Plan, planned: Planned, own: StageArrays, base: int, place: int, last: bool
) -> DeployedStage:
    stage = planned.stage
    ratio = plan.lsb_of(stage.source.stage) / planned.lsb
    wanted = Wanted(np.abs(stage.gain) * ratio, stage.offset / planned.lsb)
    lines: Sequence[Line] = [block.line for block in own.blocks]
    if not lines:
        left = pass_shift(config, plan.span_of(stage.source.stage))
        lines = [Line.exact(config.codes.counts, stage.columns, config.codes.format.step * 2.0**left)]
    follows = None if last else place + -(-stage.columns // config.array.columns)
    sums = last and config.tile.chain > 1 and _plain(stage)
    template = replace(_template(config, planned, base, sums), next=follows)
    gains = np.stack([wanted.gain / line.slope for line in lines])
    sign = np.array([1.0, -1.0])[: config.codes.counts, None]
    offset = wanted.offset - sum(
        (sign * gain * line.intercept).sum(axis=0) for gain, line in zip(gains, lines, strict=True)
    )
    mapped = map_layer(config, template, wanted, lines, place=place)
    if own.blocks:
        lost = (gains - _meant(config, mapped)) * np.stack([block.mean for block in own.blocks])
        centred = replace(wanted, offset=wanted.offset + (sign * lost).sum(axis=(0, 1)))
        mapped = map_layer(config, template, centred, lines, place=place)
    if last:
        mapped[-1] = mapped[-1]._replace(layer=replace(mapped[-1].layer, interrupt=True))
    return DeployedStage(planned, own, tuple(mapped), gains, offset)


def _plain(stage: Stage) -> bool:
    """Whether the sums are the stage's results but for rounding."""
    free = (stage.low, stage.high) == (-np.inf, np.inf)
    return free and stage.residual is None and stage.pool is None and stage.grid is None


def _meant(config: NmpuConfig, mapped: Sequence[Mapped]) -> Floats:
    """(blocks, counts, columns) the gains that integer scales have become.

    What they differ by from those that are wanted is a gain on each count, and the two counts are large where their
    difference is small: on average over the codes it is an offset, which the integers' own offset takes back.
    """
    blocks = range(mapped[0].layer.blocks)
    return np.stack(
        [
            np.concatenate([dequantize(config, one.params[b], one.layer.shifts[b])[0] for one in mapped], axis=1)
            for b in blocks
        ]
    )


def _template(config: NmpuConfig, planned: Planned, base: int, sums: bool) -> Layer:
    stage, out = planned.stage, config.output.format
    activation, low, high = Activation.CLIP, stage.low / planned.lsb, stage.high / planned.lsb
    if low <= out.low and high >= out.high:
        activation = Activation.NONE
    elif low == 0 and high >= out.high:
        activation = Activation.RELU
    pooling: Pooling = "none" if stage.pool is None else stage.pool.kind
    clips = activation is Activation.CLIP
    settings = PassSettings.of(
        config,
        columns=min(stage.columns, config.array.columns),
        activation=activation,
        clip_low=int(np.clip(np.rint(low), out.low, out.high)) if clips else None,
        clip_high=int(np.clip(np.rint(high), out.low, out.high)) if clips else None,
        residual=planned.residual,
    )
    return Layer(
        settings,
        vectors=int(np.prod(stage.pixels)),
        base=base,
        sum_out=sums,
        pooling=pooling,
        pool_window=int(np.prod(stage.window)),
        pool_shift=planned.pool_shift,
    )
