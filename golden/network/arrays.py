"""A network's crossbars: weights programmed into analog arrays of at most 256 rows, and what their counts are worth.

A column's weights are stored relative to the largest of them in its row block, so that each column uses the devices'
whole range; one whose gain is negative is stored negated, so that scales stay unsigned.  Inputs below 0 are given in a
phase of their own, with the two sides of the columns exchanged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nmpu_hdl.config import NmpuConfig

from ..analog import Analog, program_array, read_array
from ..line import Line
from ..slicing import parts
from .blocks import Block, StageArrays, phased
from .fitting import counts_fit, joint_fit
from .planning import Plan, Planned

__all__ = ["ROWS", "Arrays", "Calibration", "build_arrays"]

Floats: TypeAlias = NDArray[np.floating[Any]]

ROWS = 256
"""Of an array."""

Calibration = Literal["counts", "joint", "none"]
"""How counts are calibrated: a line a count, both counts together to the result, or by the design alone."""

_CLIPPED = 0.5
"""Share of a column's counts at the end of the range from which it is refused."""

_HEADROOM = 0.98
"""Share of the largest count that the calibration vectors reach in an array; what exceeds them a little still fits."""


@dataclass(frozen=True, eq=False)
class Arrays:
    """The arrays of a network, programmed and read once.

    Attributes:
        analog: what they are; its converters are those of the codes' format.
        seed: of chance.
        seconds: since the first read.
        stages: of each stage of the plan.
    """

    analog: Analog
    seed: int
    seconds: float
    stages: tuple[StageArrays, ...]


def build_arrays(
    plan: Plan,
    config: NmpuConfig,
    analog: Analog,
    seed: int,
    *,
    seconds: float = 0.0,
    calibration: Calibration = "joint",
    programmed: Mapping[str, Floats] | None = None,
) -> Arrays:
    """Program the arrays of all stages, and calibrate their columns on the plan's vectors.

    Args:
        plan: the network.
        config: of which the codes matter.
        analog: the devices and converters; its bits and counts are replaced by the codes'.
        seed: of the noise.
        seconds: since the first read.
        calibration: ``none``: gains and offsets are those of the design, for all columns.
        programmed: weights as devices that are not ours hold them, such as a simulator's tiles, by the name of the
            convolution and of its shape; those stages have the converters of ``analog`` and none of its devices' noise.

    Raises:
        ValueError: codes that are no converter's, programmed weights of another shape or of no convolution, or a
            column whose converter is nearly always at an end of its range; all with the stage.
    """
    form, counts = config.codes.format, config.codes.counts
    if config.codes.source != "counts" or form.signed != (counts == 1) or config.derived.floating:
        raise ValueError(
            f"codes.source = {config.codes.source}, codes.counts = {counts}, codes.format = {form}, arithmetic.kind = "
            f"{config.arithmetic.kind}: networks need counts, two unsigned or a signed one, in fixed point"
        )
    made = replace(analog, bits=form.width, counts=counts)
    unknown = set(programmed or {}) - {one.stage.conv.name for one in plan.stages if one.stage.conv is not None}
    if unknown:
        raise ValueError(f"programmed weights of {min(unknown)}, which is no convolution of {plan.network.name}")
    stages = []
    for k, one in enumerate(plan.stages):
        maker = _Maker(made, np.random.default_rng([seed, k]), seconds, calibration, form.step)
        stages.append(_stage(plan, one, maker, programmed or {}))
    return Arrays(made, seed, seconds, tuple(stages))


@dataclass(frozen=True, eq=False)
class _Maker:
    """What makes the blocks of a stage: the arguments of :func:`build_arrays`, and the step of a code."""

    analog: Analog
    rng: np.random.Generator
    seconds: float
    calibration: Calibration
    step: float

    def block(self, rows: slice, weights: Floats, held: Floats | None, codes: Floats, signed: bool) -> Block:
        """A row block, programmed and calibrated.

        Args:
            rows: of the stage's.
            weights: (rows, columns) as wanted.
            held: (rows, columns) as devices that are not ours hold them, or None.
            codes: (vectors, rows) of the inputs, for calibration.
            signed: inputs may be below 0.
        """
        analog = self.analog
        largest = np.abs(weights).max(axis=0)
        # A column without weights is scaled as the finest one: its gain is not to cost the others their shift.
        largest[largest == 0] = largest[largest > 0].min(initial=largest.max() or 1.0)
        ideal = _sides(codes, weights / largest)
        if analog.counts == 1:
            ideal = ideal[:, :1] - ideal[:, 1:]
        reach = max(float(np.abs(ideal).max()), 1e-9)
        crossbar = program_array(self.rng, analog, weights / largest, 1.0, reach)
        seen = read_array(self.rng, crossbar, self.seconds)
        if held is not None:
            seen = np.stack([np.maximum(held, 0), np.maximum(-held, 0)]) / largest * analog.g_max
        matrix = _matrix(analog, seen, crossbar.gain, signed)
        # The range of an array's converters is set by what they are given, as on a chip: by the calibration vectors.
        tuned = _HEADROOM * analog.span[1] / max(float(np.abs(phased(codes, matrix) @ matrix).max()), 1e-9)
        matrix, nominal = matrix * tuned, analog.span[1] / reach * tuned
        design = Line.exact(analog.counts, len(largest), nominal)
        # On this grid float32 sums are exact, so that neither the order of additions nor the batch matters.
        step = 2.0 ** (analog.bits + 2 - 24)
        matrix, offset = (np.rint(one / step) * step for one in (matrix, crossbar.offset.reshape(-1)))
        made = Block(rows, matrix.astype(np.float32), offset.astype(np.float32), design, np.zeros_like(design.slope))
        alone = replace(made, rows=slice(None))
        measured = alone.counts(codes.astype(np.float32), *analog.span).reshape(ideal.shape).astype(np.float64)
        _check_range(measured, analog.span)
        line = self._line(design, ideal, measured, nominal)
        worth = Line(line.slope * self.step / largest, line.intercept * self.step)
        return replace(made, line=worth, mean=measured.mean(axis=0) * self.step)

    def _line(self, design: Line, ideal: Floats, measured: Floats, nominal: float) -> Line:
        if self.calibration == "none":
            return design
        fit = counts_fit if self.calibration == "counts" else joint_fit
        return fit(ideal, measured, nominal, self.analog.span)


def _stage(plan: Plan, planned: Planned, maker: _Maker, programmed: Mapping[str, Floats]) -> StageArrays:
    stage = planned.stage
    flip = np.where(stage.gain < 0, -1.0, 1.0)
    if stage.conv is None:
        return StageArrays(flip, ())
    weights = stage.conv.weight.reshape(-1, stage.columns).astype(np.float64) * flip
    held = programmed.get(stage.conv.name)
    if held is not None and held.shape != stage.conv.weight.shape:
        raise ValueError(f"node {stage.conv.name}: programmed weights {held.shape} are not {stage.conv.weight.shape}")
    span = plan.span_of(stage.source.stage)
    codes = np.clip(np.rint(planned.rows / plan.lsb_of(stage.source.stage)), *span).astype(np.float64)
    found = None if held is None else held.reshape(weights.shape).astype(np.float64) * flip
    blocks = []
    for rows in parts(len(weights), ROWS):
        try:
            own = None if found is None else found[rows]
            blocks.append(maker.block(rows, weights[rows], own, codes[:, rows], span[0] < 0))
        except ValueError as error:
            raise ValueError(f"stage {stage.name}, rows {rows.start}..{rows.stop - 1}: {error}") from error
    return StageArrays(flip, tuple(blocks))


def _check_range(measured: Floats, span: tuple[int, int]) -> None:
    """Refuse columns whose counts say nothing: :data:`_CLIPPED` of them or more are at the end of the range."""
    ends = measured >= span[1] if span[0] == 0 else (measured <= span[0]) | (measured >= span[1])
    clipped = ends.mean(axis=0).max(axis=0)
    bad = np.flatnonzero(clipped >= _CLIPPED)
    if bad.size:
        raise ValueError(
            f"the converter of column {bad[0]} is at the end of its range for {clipped[bad[0]]:.0%} of the calibration "
            f"vectors; {bad.size} column{'s' if bad.size > 1 else ''} so; weaker devices would do"
        )


def _sides(codes: Floats, weights: Floats) -> Floats:
    """The sums of positive and of negative products, (vectors, 2, columns), both without sign."""
    up, down = np.maximum(weights, 0), np.maximum(-weights, 0)
    plus, minus = np.maximum(codes, 0), np.maximum(-codes, 0)
    return np.stack([plus @ up + minus @ down, plus @ down + minus @ up], axis=1)


def _matrix(analog: Analog, seen: Floats, gain: Floats, signed: bool) -> Floats:
    """:attr:`Block.matrix`, of conductances (2, rows, columns) and gains (counts, columns)."""
    if analog.counts == 1:
        return (seen[0] - seen[1]) * gain[0]
    straight = np.concatenate([seen[0] * gain[0], seen[1] * gain[1]], axis=1)
    if not signed:
        return straight
    return np.concatenate([straight, np.concatenate([seen[1] * gain[0], seen[0] * gain[1]], axis=1)])
