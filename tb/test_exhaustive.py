"""All codes x all scales x offsets x shifts, for formats small enough; each lane works on parameters of its own."""

from __future__ import annotations

import itertools
from typing import Any

import cocotb
import numpy as np

from golden import Params
from nmpu_hdl.settings import PassSettings

from .bench import Bench

_OFFSETS = 8
"""How many offsets are tried, spread over the format from end to end."""


@cocotb.test()
async def every_code_and_scale(dut: Any) -> None:
    """Every pair of codes at every pair of scales, eight offsets, every shift, every activation."""
    async with Bench(dut, "exhaustive") as bench:
        config, make = bench.config, bench.stimulus
        assert config.array.slots == 1, "give this test an array of one slot"
        codes, scale = config.codes, config.scale.format
        one_code = range(codes.format.low, codes.format.high + 1)
        every_code = np.array(list(itertools.product(one_code, repeat=codes.counts)))
        beats = np.repeat(every_code[:, None, None, :], config.array.lanes, axis=2)
        offsets = np.linspace(config.offset.format.low, config.offset.format.high, _OFFSETS).round().astype(int)
        one_scale = range(scale.low, scale.high + 1)
        columns = np.array(list(itertools.product(*[one_scale] * codes.counts, offsets.tolist())))
        assert len(columns) % config.array.lanes == 0
        bench.junk = False
        modes = list(itertools.product(range(config.shift.min, config.shift.max + 1), config.activation.modes))
        settings = [PassSettings.of(config, shift=shift, activation=mode) for shift, mode in modes]
        for some in columns.reshape(-1, config.array.lanes, codes.counts + 1):
            await bench.write(Params(some[:, :-1].T.copy(), some[:, -1].copy()))
            for chosen in settings:
                await bench.play(make.traffic(beats, [make.pins(chosen)] * len(beats)))
            await bench.drain()
            bench.scoreboard.check()
