"""Packing against a plain model, bit by bit."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from amaranth.sim import Simulator

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.pack import Pack, pack_ports

from .after import Beat, configure

CASES = [
    (1, 1, "SQ2.0", "[]"),
    (2, 3, "UQ3.0", "[2]"),
    (3, 2, "SQ8.0", "[6, 4]"),
    (5, 1, "UQ16.0", "[3, 11, 5]"),
]


def draw(config: NmpuConfig, rng: np.random.Generator) -> Beat:
    lanes = config.array.lanes
    which = int(rng.integers(len(config.derived.widths)))
    active = int(rng.integers(1, lanes + 1))
    width, own = config.derived.widths[which], config.output.format
    codes = [int(rng.integers(1 << width)) for _ in range(active)]
    extended = [c | (((1 << own.width) - (1 << width)) if own.signed and c >> (width - 1) else 0) for c in codes]
    tag = {name: int(rng.integers(2)) for name in ("table", "table_bank", "pooling", "pool_first", "pool_final")}
    most = (1 << config.tile.address) - 1
    address = int(rng.choice([0, most, int(rng.integers(most))]))
    return {
        "y": extended + [0] * (lanes - active),
        "low": int(rng.integers(1 << active)),
        "high": int(rng.integers(1 << active)),
        "active": active,
        "slot": int(rng.integers(config.array.slots)),
        "last": int(rng.integers(2)),
        "mark": int(rng.integers(2)),
        "tag": {**tag, "width": which, "address": address},
    }


def model(config: NmpuConfig, beat: Beat) -> tuple[int, int]:
    """The word and the bytes kept, a bit at a time."""
    width = config.derived.widths[beat["tag"]["width"]]
    bits = [code >> j & 1 for code in beat["y"] for j in range(width)]
    kept = {n // 8 for n in range(beat["active"] * width)}
    return sum(bit << n for n, bit in enumerate(bits)), sum(1 << byte for byte in kept)


def outputs(config: NmpuConfig, valid: int, ready: int, beat: Beat) -> dict[str, int]:
    word, keep = model(config, beat)
    lanes = config.array.lanes
    if config.tile.output == "sram":
        address = (beat["tag"]["address"] + beat["slot"]) % (1 << config.tile.address)
        return {"acts_en": valid, "acts_we": keep, "acts_addr": address, "acts_wdata": word}
    user = beat["mark"] << (2 * lanes) | beat["high"] << lanes | beat["low"]
    return {
        "m_axis_tvalid": valid,
        "m_axis_tdata": word,
        "m_axis_tkeep": keep,
        "m_axis_tlast": beat["last"],
        "m_axis_tuser": user,
    }


@pytest.mark.parametrize("output", ["stream", "sram"])
@pytest.mark.parametrize("case", CASES)
def test_packed(case: tuple[int, int, str, str], output: str) -> None:
    lanes, slots, form, widths = case
    settings = [f"tile.widths={widths}", f"tile.output={output}", "tile.address=5"]
    config = configure(lanes, slots, form, *settings)
    rng = np.random.default_rng(lanes)
    dut = Pack(config)
    names = [p.name for p in pack_ports(config) if p.flow == "out"]

    async def check(ctx: Any) -> None:
        for _ in range(200):
            valid, ready, beat = int(rng.integers(2)), int(rng.integers(2)), draw(config, rng)
            ctx.set(dut.i.valid, valid)
            ctx.set(dut.i.payload, beat)
            if output == "stream":
                ctx.set(dut.m_axis_tready, ready)
            await ctx.delay(1e-9)
            assert ctx.get(dut.i.ready) == (ready if output == "stream" else 1)
            assert {name: ctx.get(getattr(dut, name)) for name in names} == outputs(config, valid, ready, beat)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        simulator = Simulator(dut)
    simulator.add_testbench(check)
    simulator.run()
