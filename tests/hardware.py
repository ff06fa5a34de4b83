"""Run passes through the hardware in Amaranth's own simulator."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from amaranth.sim import Simulator

import golden
from golden import Activations, Params
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.settings import PassSettings
from nmpu_hdl.top import Nmpu

__all__ = ["Pass", "run"]

Pass = tuple[np.ndarray | list[int], PassSettings]
"""Codes (counts, columns), or, where there is a front end, the words of all beats; and settings of one pass."""


def run(config: NmpuConfig, params: Params, passes: Sequence[Pass], rng: np.random.Generator) -> list[Activations]:
    """Write the parameters, stream the passes with random gaps and stalls, return what came out of each."""
    dut = Nmpu(config)
    results: list[Activations] = []

    async def host(ctx: Any) -> None:
        for slot, word in enumerate(golden.pack(config, params)):
            ctx.set(dut.param_en, 1)
            ctx.set(dut.param_we, -1)
            ctx.set(dut.param_addr, slot)
            ctx.set(dut.param_wdata, word)
            await ctx.tick()
        ctx.set(dut.param_en, 0)
        for codes, settings in passes:
            _set_pins(ctx, dut, config, settings)
            words = codes if isinstance(codes, list) else beats(config, codes, settings)
            for k, beat in enumerate(words):
                while rng.integers(3) == 0:
                    await ctx.tick()
                ctx.set(dut.s_axis_tvalid, 1)
                ctx.set(dut.s_axis_tdata, beat)
                ctx.set(dut.s_axis_tlast, k == len(words) - 1)
                await ctx.tick().until(dut.s_axis_tready)
                ctx.set(dut.s_axis_tvalid, 0)

    async def sink(ctx: Any) -> None:
        for _, settings in passes:
            taken: list[tuple[int, int]] = []
            last = 0
            while not last:
                ctx.set(dut.m_axis_tready, int(rng.integers(3) > 0))
                *_, ready, valid, data, user, last_now = await ctx.tick().sample(
                    dut.m_axis_tready, dut.m_axis_tvalid, dut.m_axis_tdata, dut.m_axis_tuser, dut.m_axis_tlast
                )
                if ready and valid:
                    taken.append((data, user))
                    last = last_now
            results.append(_unpack(config, taken, settings.columns))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        simulator = Simulator(dut)
    simulator.add_clock(1e-9)
    simulator.add_testbench(host)
    simulator.add_testbench(sink)
    beats_of_all = config.array.slots * len(passes)
    beats_of_all += sum(len(codes) for codes, _ in passes if isinstance(codes, list))
    simulator.run_until(1e-9 * (100 + (39 + config.derived.beat_cycles()) * beats_of_all))
    assert len(results) == len(passes), "the hardware did not finish its passes"
    return results


def beats(config: NmpuConfig, codes: np.ndarray, settings: PassSettings) -> list[int]:
    """The words of a pass, lane 0 lowest, p below n."""
    width, lanes = config.codes.format.width, config.array.lanes
    slots = -(-settings.columns // lanes)
    words = []
    for slot in range(slots):
        columns = codes[:, slot * lanes : (slot + 1) * lanes].T.reshape(-1)
        words.append(sum((int(x) & ((1 << width) - 1)) << (k * width) for k, x in enumerate(columns)))
    return words


def _set_pins(ctx: Any, dut: Nmpu, config: NmpuConfig, settings: PassSettings) -> None:
    values = {
        "columns": settings.columns,
        "shift": settings.shift,
        "offset_shift": settings.offset_shift,
        "rounding": settings.rounding.code,
        "activation": settings.activation.code,
        "clip_low": settings.clip_low,
        "clip_high": settings.clip_high,
        **({} if settings.front is None else asdict(settings.front)),
    }
    for name, value in values.items():
        if hasattr(dut, f"cfg_{name}"):
            ctx.set(getattr(dut, f"cfg_{name}"), value)


def _unpack(config: NmpuConfig, taken: list[tuple[int, int]], columns: int) -> Activations:
    form, lanes = config.output.format, config.array.lanes
    y = [(data >> (k * form.width)) & ((1 << form.width) - 1) for data, _ in taken for k in range(lanes)]
    low = [bool(user >> k & 1) for _, user in taken for k in range(lanes)]
    high = [bool(user >> (lanes + k) & 1) for _, user in taken for k in range(lanes)]
    assert not any(y[columns:])
    assert not any(low[columns:])
    assert not any(high[columns:])
    signed = [v - (1 << form.width) if form.signed and v > form.high else v for v in y]
    return Activations(np.array(signed[:columns]), np.array(low[:columns]), np.array(high[:columns]))
