"""A sequence of passes as a layer of a network gives them, for ``flows.power``: it records when the window was.

Codes spread like the magnitude of a Gaussian, one of the two counts is small; parameters come from gains and offsets
in floating point whose results fill the output's range and rarely leave it.  ``+passes=N`` passes follow each other
without a gap; settings stay.  The window begins when a first pass is taken and ends when the last is, so that the
pipeline is full at both ends, and nothing of the reset and the writing of parameters is in it.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
from cocotb.utils import get_sim_time
from numpy.typing import NDArray

from golden import BatchNorm, Quantized, quantize
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.formats import Activation
from nmpu_hdl.settings import PassSettings

from .bench import Bench
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
        made = layer(config, bench.rng)
        settings = with_shifts(config, PassSettings.of(config, activation=usual(config)), made)
        pins = bench.stimulus.pins(settings)
        bench.junk = False
        await bench.write(made.params)
        taken = bench.scoreboard.taken
        bench.begin(bench.stimulus.traffic(codes(config, bench.rng, passes + 1), [pins] * (passes + 1)))
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


def layer(config: NmpuConfig, rng: np.random.Generator) -> Quantized:
    """Parameters of all columns: gains that take the codes' range to the output's, within what the formats hold."""
    columns, out = config.array.columns, config.output.format
    most, least = _largest(config)
    gain = rng.uniform(0.6, 1, columns) * out.high / (config.codes.format.high * config.codes.format.step)
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
