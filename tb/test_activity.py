"""A sequence of passes as a layer of a network gives them, for ``flows.power``: it records when the window was.

Codes spread like the magnitude of a Gaussian, one of the two counts is small; what a front end is given is drawn by
:func:`raw`.  Parameters come from gains and offsets in floating point whose results fill the output's range and rarely
leave it.  ``+passes=N`` passes follow each other without a gap; settings stay.  The window begins when a first pass is
taken and ends when the last is, so that the pipeline is full at both ends, and nothing of the reset and the writing of
parameters is in it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
from cocotb.utils import get_sim_time
from numpy.typing import NDArray

from golden import BatchNorm, Quantized, quantize
from golden.front_end import raw_shape
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.formats import Activation
from nmpu_hdl.front_settings import FrontSettings
from nmpu_hdl.front_usual import usual_front
from nmpu_hdl.settings import PassSettings

from .bench import Bench
from .raw import Raw
from .setup import plusarg

WINDOW = "window.json"
"""What the test leaves: ``start_ps`` and ``end_ps`` of the window, the ``passes`` and ``columns`` in it."""

_LARGEST = 65504.0
"""The largest number of binary16."""

_SPREAD = 3.0
"""Standard deviations at which codes and results reach the end of their range."""


@cocotb.test()
async def activity(dut: Any) -> None:
    """``+passes=N`` passes back to back, every result compared; leaves the window in ``window.json``."""
    async with Bench(dut, "activity") as bench:
        config, passes = bench.config, plusarg("passes", 32)
        front = usual_front(config) if config.derived.front_end.present else None
        raws = [] if front is None else [raw(config, bench.rng, front) for _ in range(passes + 1)]
        reach = None if front is None else reached(config, raws, front)
        made = layer(config, bench.rng, reach)
        settings = with_shifts(config, PassSettings.of(config, activation=usual(config), front=front), made)
        pins = bench.stimulus.pins(settings)
        bench.junk = False
        await bench.write(made.params)
        taken = bench.scoreboard.taken
        inputs = raws or [*codes(config, bench.rng, passes + 1)]
        bench.begin(bench.stimulus.traffic(inputs, [pins] * (passes + 1)))
        await bench.until(lambda: len(taken) == config.array.slots)
        start = get_sim_time("ps")
        await bench.until(lambda: not bench.source.busy)
        window = {"start_ps": start, "end_ps": get_sim_time("ps")}
        window |= {"passes": passes, "columns": passes * config.array.columns}
        Path(WINDOW).write_text(json.dumps(window))


def usual(config: NmpuConfig) -> Activation:
    """ReLU if it is built in."""
    modes = config.activation.modes
    return Activation.RELU if Activation.RELU in modes else modes[0]


def with_shifts(config: NmpuConfig, settings: PassSettings, made: Quantized) -> PassSettings:
    """The settings with the shifts that go with the parameters, as far as the hardware has them."""
    derived = config.derived
    shift = made.shift if derived.layer_shift else settings.shift
    return replace(settings, shift=shift, offset_shift=made.offset_shift if derived.offset_shifts else 0)


def codes(config: NmpuConfig, rng: np.random.Generator, passes: int) -> NDArray[np.int64]:
    """(passes, slots, lanes, counts) codes of a Gaussian dot product: its positive part and its negative, each with a
    little of the other's; or itself, where there is one signed count, or its magnitude."""
    array, form = config.array, config.codes.format
    dot = rng.normal(0, 1, (passes, array.columns)) * rng.uniform(0.5, 1, array.columns)
    if config.codes.counts == 2:
        rest = np.abs(rng.normal(0, 1 / 16, (2, passes, array.columns)))
        values = np.stack([np.maximum(dot, 0) + rest[0], np.maximum(-dot, 0) + rest[1]], axis=-1)
    else:
        values = (dot if form.low < 0 else np.abs(dot))[..., None]
    shown = np.clip(np.rint(values * form.high / _SPREAD), form.low, form.high).astype(np.int64)
    return shown.reshape(passes, array.slots, array.lanes, -1)


def raw(config: NmpuConfig, rng: np.random.Generator, settings: FrontSettings) -> Raw:
    """What an array gives for a pass: codes of slices like :func:`codes`, counts of planes and samples binomial, with a
    probability of each column's own, around 1/2; sums of activations of rows of which half are 1."""
    facts, columns = config.derived.front_end, config.array.columns
    shape = 1, *raw_shape(config, settings, columns)
    if config.codes.source == "slices":
        form = config.codes.format
        values = rng.normal(0, 1, shape) * rng.uniform(0.5, 1, columns)
        values = values if form.low < 0 else np.abs(values)
        numbers = np.clip(np.rint(values * form.high / _SPREAD), form.low, form.high).astype(np.int64)
    else:
        trials = 1 if config.codes.source == "samples" else facts.most
        numbers = rng.binomial(trials, rng.uniform(0.3, 0.7, columns), shape)
    planes = 1, settings.subarrays, settings.x_planes
    most = (1 << facts.reference_bits) - 1
    return Raw(numbers, rng.binomial(most, 0.5, planes) if facts.zero else None)


def reached(config: NmpuConfig, raws: Sequence[Raw], settings: FrontSettings) -> float:
    """The value of the largest operand, or difference of two, which results at the end of the output's range get."""
    operands = np.concatenate([each.operands(config, settings) for each in raws])
    together = operands[:, 0] - operands[:, 1] if config.codes.counts == 2 else operands[:, 0]
    return max(int(np.abs(together).max()), 1) * 2.0**-config.derived.operand.fraction


def layer(config: NmpuConfig, rng: np.random.Generator, reach: float | None = None) -> Quantized:
    """Parameters of all columns: gains that take the codes' range to the output's, within what the formats hold.

    Args:
        config: the configuration.
        rng: source of chance.
        reach: the value that is taken to the end of the output's range; None: the largest code's.
    """
    columns, out = config.array.columns, config.output.format
    most, least = _largest(config)
    reach = config.codes.format.high * config.codes.format.step if reach is None else reach
    gain = rng.uniform(0.6, 1, columns) * out.high / reach
    mismatch = rng.uniform(0.95, 1.05, (config.codes.counts, columns))
    offset = rng.normal(0, out.high / 16, columns)
    norm = None
    if config.norm.kind == "affine":
        norm = BatchNorm(rng.uniform(0.75, 1, columns), np.zeros(columns), np.zeros(columns), np.ones(columns), 0.0)
    return quantize(config, np.minimum(gain * mismatch, most), np.clip(offset, *least), norm)


def _largest(config: NmpuConfig) -> tuple[float, tuple[float, float]]:
    """The largest gain that the formats hold, and the offsets between which they hold all."""
    if config.derived.floating:
        return _LARGEST, (-_LARGEST, _LARGEST)
    scale, offset = config.scale.format, config.offset.format
    step = offset.step * 2.0**config.offset.max_shift
    return scale.high * scale.step * 2.0**-config.shift.min, (offset.low * step, offset.high * step)
