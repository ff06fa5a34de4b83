"""The aggregation memory: reads ahead, writes, both of one slot in one clock, injected errors; against a list."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from golden.protect import coded_width, decode, encode
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.presets import load
from nmpu_hdl.sums import Sums

from .test_storage import number, simulate


def configuration(protect: str, lanes: int, slots: int) -> NmpuConfig:
    size = [f"array.lanes={lanes}", f"array.columns={slots * lanes}"]
    tile = ["tile.kind=axi", "how.stages=2", f"tile.protect={protect}"]
    return load(preset_name="tiny", settings=[*tile, *size])


def draw(rng: np.random.Generator, config: NmpuConfig) -> dict[str, int]:
    """The inputs of a clock."""
    lanes, slots, width = config.array.lanes, config.array.slots, config.derived.total.width
    coded = coded_width(config.tile.protect, width)
    return {
        "ahead_en": int(rng.integers(3) > 0),
        "ahead_slot": int(rng.integers(slots)),
        "write_en": int(rng.integers(3) > 0),
        "write_slot": int(rng.integers(slots)),
        "wdata": number(rng, lanes * width),
        "inject_en": int(rng.integers(3) == 0),
        "inject_lane": int(rng.integers(lanes)),
        "inject_first": int(rng.integers(coded)),
        "inject_double": int(rng.integers(2)),
        "inject_second": int(rng.integers(coded)),
    }


def written(config: NmpuConfig, c: dict[str, int]) -> list[int]:
    """The stored words of a write."""
    kind, width = config.tile.protect, config.derived.total.width
    word = [encode(kind, width, c["wdata"] >> (k * width) & (1 << width) - 1) for k in range(config.array.lanes)]
    if c["inject_en"] and kind != "none":
        bits = {c["inject_first"]} | ({c["inject_second"]} if c["inject_double"] else set())
        word[c["inject_lane"]] ^= sum(1 << k for k in bits)
    return word


@pytest.mark.parametrize("protect", ["none", "parity", "secded"])
@pytest.mark.parametrize(("lanes", "slots"), [(1, 1), (1, 4), (3, 2), (4, 5)])
def test_against_a_list(protect: str, lanes: int, slots: int) -> None:
    config = configuration(protect, lanes, slots)
    dut, rng = Sums(config), np.random.default_rng(slots)
    width, mask = config.derived.total.width, (1 << config.derived.total.width) - 1
    memory: list[list[int] | None] = [None] * slots
    counts = {"forwarded": 0, (False, False): 0, (True, False): 0, (False, True): 0}

    async def bench(ctx: Any) -> None:
        shown: list[int] | None = None
        forwards = False
        for _ in range(700):
            c = draw(rng, config)
            for name, value in c.items():
                ctx.set(getattr(dut, name), value)
            assert ctx.get(dut.injected) == bool(c["write_en"] and c["inject_en"] and protect != "none")
            await ctx.tick()
            if c["ahead_en"]:
                forwards = bool(c["write_en"] and c["write_slot"] == c["ahead_slot"])
                shown = memory[c["ahead_slot"]]
            if c["write_en"]:
                memory[c["write_slot"]] = written(config, c)
            compare(ctx, shown, forwards)

    def compare(ctx: Any, shown: list[int] | None, forwards: bool) -> None:
        forward = number(rng, lanes * width)  # noise, unless it is what must be seen
        ctx.set(dut.forward, forward)
        rdata, corrected, wrong = ctx.get(dut.rdata), ctx.get(dut.corrected), ctx.get(dut.wrong)
        if forwards:
            assert (rdata, corrected, wrong) == (forward, 0, 0)
            counts["forwarded"] += 1
        elif shown is not None:
            for lane, stored in enumerate(shown):
                expected = decode(protect, width, stored)
                assert (rdata >> (lane * width) & mask, corrected >> lane & 1, wrong >> lane & 1) == expected
                counts[expected[1:]] += 1

    simulate(dut, bench)
    wanted = ["forwarded", (False, False), *([(True, False)] if protect == "secded" else [])]
    wanted += [(False, True)] if protect != "none" else []
    assert all(counts[name] >= 20 for name in wanted), counts
