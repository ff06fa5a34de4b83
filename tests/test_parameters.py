"""The two banks of parameters: fetches, the host beside them, swaps, injected errors; against plain lists."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from golden.protect import coded_width, decode, encode
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.parameters import Parameters
from nmpu_hdl.presets import load
from nmpu_hdl.program import param_words

from .test_storage import number, simulate

Shown = tuple[int, bool, bool]
"""Data, corrected, wrong."""


@dataclass
class Mirror:
    """What the banks hold as stored, and what the outputs show; None is undefined."""

    config: NmpuConfig
    fetched: list[Shown | None] = field(default_factory=list)
    fetched_bank: int = 0
    host: Shown | None = None
    counts: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        lanes = self.config.array.lanes
        self.kind, self.width = self.config.tile.protect, self.config.derived.param_width
        self.banks: list[list[list[int | None]]] = [
            [[None] * lanes for _ in range(param_words(self.config))] for _ in range(2)
        ]
        self.fetched = [None] * lanes

    def ready(self, c: dict[str, int]) -> bool:
        return not (c["fetch_en"] and c["fetch_bank"] != c["bank"])

    def injected(self, c: dict[str, int]) -> bool:
        write = bool(c["host_en"] and c["host_we"]) and self.ready(c)
        return write and bool(c["inject_en"]) and c["host_lane"] == c["inject_lane"] and self.kind != "none"

    def clock(self, c: dict[str, int]) -> None:
        """One edge."""
        accepted, bank = c["host_en"] and self.ready(c), 1 - c["bank"]
        word = self.banks[bank][c["host_addr"]]
        if accepted and c["host_we"]:
            stored = encode(self.kind, self.width, c["host_wdata"])
            if self.injected(c):
                wrong = {c["inject_first"]} | ({c["inject_second"]} if c["inject_double"] else set())
                stored ^= sum(1 << k for k in wrong if k < coded_width(self.kind, self.width))
                self.count("injected")
            word[c["host_lane"]] = stored
            self.host = None
        elif accepted:
            self.host = self.look(word[c["host_lane"]])
        if accepted and bank == self.fetched_bank:
            self.fetched = [None] * len(self.fetched)
        if c["fetch_en"]:
            self.fetched = [self.look(w) for w in self.banks[c["fetch_bank"]][c["fetch_addr"]]]
            self.fetched_bank = c["fetch_bank"]

    def look(self, stored: int | None) -> Shown | None:
        return None if stored is None else decode(self.kind, self.width, stored)

    def count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1


def draw(rng: np.random.Generator, config: NmpuConfig, bank: int) -> dict[str, int]:
    """The inputs of a clock; few words, so that what was written is read, and a swap now and then."""
    words, lanes, width = param_words(config), config.array.lanes, config.derived.param_width
    lane = int(rng.integers(lanes))
    coded = coded_width(config.tile.protect, width)
    swaps, bits = rng.integers(12) == 0, [int(k) for k in rng.integers(min(coded + 2, 128), size=2)]
    return {
        "fetch_en": int(swaps or rng.integers(3) == 0),
        "fetch_addr": int(rng.integers(words)),
        "fetch_bank": bank ^ int(swaps),
        "bank": bank,
        "host_en": int(rng.integers(4) > 0),
        "host_we": int(rng.integers(4) > 1),
        "host_addr": int(rng.integers(words)),
        "host_lane": lane,
        "host_wdata": number(rng, width),
        "inject_en": int(rng.integers(2)),
        "inject_lane": lane if rng.integers(2) else int(rng.integers(lanes)),
        "inject_first": bits[0],
        "inject_double": int(rng.integers(2)),
        "inject_second": bits[1],
    }


def configuration(protect: str, lanes: int, *more: str) -> NmpuConfig:
    tile = ["tile.kind=axi", "how.stages=2", "tile.sets=3", f"tile.protect={protect}"]
    return load(preset_name="tiny", settings=[*tile, f"array.lanes={lanes}", f"array.columns={2 * lanes}", *more])


@pytest.mark.parametrize("protect", ["none", "parity", "secded"])
@pytest.mark.parametrize("lanes", [1, 3, 4])
def test_against_lists(protect: str, lanes: int) -> None:
    config = configuration(protect, lanes)
    dut, mirror, rng = Parameters(config), Mirror(config), np.random.default_rng(lanes)

    async def bench(ctx: Any) -> None:
        bank = 0
        for _ in range(1500):
            inputs = draw(rng, config, bank)
            for name, value in inputs.items():
                ctx.set(getattr(dut, name), value)
            assert ctx.get(dut.host_ready) == mirror.ready(inputs)
            assert ctx.get(dut.injected) == mirror.injected(inputs)
            mirror.count("waits" if inputs["host_en"] and not mirror.ready(inputs) else "goes")
            await ctx.tick()
            mirror.clock(inputs)
            # The bank of the first fetch of a pass is in force from then on; or the unit idles, and it just changes.
            if (inputs["fetch_en"] and inputs["fetch_bank"] != bank) or rng.integers(20) == 0:
                bank = 1 - bank
            compare(ctx)

    def compare(ctx: Any) -> None:
        width, mask = config.derived.param_width, (1 << config.derived.param_width) - 1
        rdata, corrected, wrong = (ctx.get(port) for port in (dut.rdata, dut.corrected, dut.wrong))
        for lane, expected in enumerate(mirror.fetched):
            if expected is not None:
                got = rdata >> (lane * width) & mask, bool(corrected >> lane & 1), bool(wrong >> lane & 1)
                assert got == expected
                mirror.count(f"fetched {expected[1:]}")
        if mirror.host is not None:
            assert (ctx.get(dut.host_rdata), ctx.get(dut.host_corrected), ctx.get(dut.host_wrong)) == mirror.host
            mirror.count(f"host {mirror.host[1:]}")

    simulate(dut, bench)
    flags = {"none": [], "parity": [(False, True)], "secded": [(True, False), (False, True)]}[protect]
    wanted = ["waits", "goes", *(f"{who} {f}" for who in ("fetched", "host") for f in [(False, False), *flags])]
    assert all(mirror.counts.get(name, 0) >= 20 for name in wanted), mirror.counts
    assert bool(mirror.counts.get("injected")) == (protect != "none")


def test_one_word_a_bank() -> None:
    """The least there is: one set of one slot of one lane."""
    config = configuration("parity", 1, "array.columns=1", "tile.sets=1")
    dut = Parameters(config)

    async def bench(ctx: Any) -> None:
        for name, value in (("host_en", 1), ("host_we", 1), ("host_wdata", 5), ("bank", 1)):
            ctx.set(getattr(dut, name), value)
        await ctx.tick()
        ctx.set(dut.host_en, 0)
        ctx.set(dut.fetch_en, 1)
        await ctx.tick()
        assert (ctx.get(dut.rdata), ctx.get(dut.wrong)) == (5, 0)

    simulate(dut, bench)
