"""The activation table: look-ups beside a host that writes and reads it all the while."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.table import Table

from .after import Beat, Sink, Taken, configure, drain, feed, refusal, simulate, stream_through

CASES = [(1, 2, "SQ4.0", 2), (2, 1, "UQ4.0", 4), (3, 3, "SQ6.0", 3), (5, 1, "UQ9.0", 5)]


def draw(config: NmpuConfig, rng: np.random.Generator, count: int, bank: int, often: float) -> list[Beat]:
    """Beats; a share ``often`` of them looks up, and then in ``bank``."""
    array, width, tile = config.array, config.output.format.width, config.tile
    beats = []
    for _ in range(count):
        active = int(rng.integers(1, array.lanes + 1))
        look = int(rng.random() < often)
        tag = {name: int(rng.integers(2)) for name in ("pool_first", "pool_final", "ends", "width", "pooling", "turn")}
        tag |= {"pool_shift": int(rng.integers(16)), "address": int(rng.integers(1 << tile.address))}
        tag |= {"table": look, "table_bank": bank if look else int(rng.integers(2))}
        beats.append(
            {
                "y": [int(rng.integers(1 << width)) for _ in range(active)] + [0] * (array.lanes - active),
                "low": int(rng.integers(1 << active)),
                "high": int(rng.integers(1 << active)),
                "active": active,
                "slot": int(rng.integers(array.slots)),
                "last": int(rng.integers(2)),
                "mark": int(rng.integers(2)),
                "tag": tag,
            }
        )
    return beats


@dataclass
class Host:
    """Software at the host's port, and what it knows the table to hold."""

    config: NmpuConfig
    dut: Any
    rng: np.random.Generator
    busy: int = 0
    content: dict[int, int] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=lambda: {"read": 0, "written": 0, "refused": 0})

    async def access(self, ctx: Any, we: int, addr: int, word: int) -> int:
        """One access, which is answered at once; returns whether it was refused."""
        dut = self.dut
        for name, value in (("en", 1), ("we", we), ("addr", addr), ("wdata", word)):
            ctx.set(getattr(dut, f"host_{name}"), value)
        *_, ready, error = await ctx.tick().sample(dut.host_ready, dut.host_error)
        assert ready
        ctx.set(dut.host_en, 0)
        for name in ("we", "addr", "wdata"):
            ctx.set(getattr(dut, f"host_{name}"), int(self.rng.integers(4)))
        return int(error)

    async def fill(self, ctx: Any) -> None:
        """Write every entry."""
        for addr in range(2 << self.config.tile.table):
            await self.write(ctx, addr)

    async def write(self, ctx: Any, addr: int) -> None:
        word = int(self.rng.integers(1 << 32))
        busy = self.busy
        refused = await self.access(ctx, 1, addr, word)
        assert refused == busy >> (addr >> self.config.tile.table) & 1
        self.seen["refused" if refused else "written"] += 1
        if not refused:
            self.content[addr] = word & ((1 << self.config.output.format.width) - 1)

    async def read(self, ctx: Any, addr: int) -> None:
        expected, shut = self.content[addr], self.busy and self.config.how.memory == "macro"
        assert await self.access(ctx, 0, addr, 0) == bool(shut)
        self.seen["refused" if shut else "read"] += 1
        if shut:
            return
        for _ in range(int(self.rng.integers(1, 5))):
            assert ctx.get(self.dut.host_rdata) == expected
            await ctx.tick()

    async def work(self, ctx: Any) -> None:
        """Read and write here and there, for ever."""
        while True:
            addr = int(self.rng.integers(2 << self.config.tile.table))
            await (self.read if self.rng.integers(2) else self.write)(ctx, addr)
            while self.rng.integers(3) == 0:
                await ctx.tick()


def looked_up(config: NmpuConfig, content: dict[int, int], beat: Beat) -> Beat:
    entries, width = config.tile.table, config.output.format.width
    if not beat["tag"]["table"]:
        return beat
    base = beat["tag"]["table_bank"] << entries
    y = [content[base + (code >> (width - entries))] if k < beat["active"] else 0 for k, code in enumerate(beat["y"])]
    return {**beat, "y": y}


@pytest.mark.parametrize("memory", ["internal", "macro"])
@pytest.mark.parametrize("sink", ["ready", "random", "patient"])
@pytest.mark.parametrize("case", CASES)
def test_look_ups_beside_a_host(case: tuple[int, int, str, int], sink: Sink, memory: str) -> None:
    """Phases that use the banks in turn; as soon as a phase's last beat is in, its bank may be written."""
    lanes, slots, form, entries = case
    config = configure(lanes, slots, form, f"tile.table={entries}", f"how.memory={memory}")
    rng = np.random.default_rng(lanes)
    dut = Table(config)
    host = Host(config, dut, np.random.default_rng(slots))
    phases, count = 6, 25
    expected: list[Beat] = []
    taken: list[Taken] = []

    async def layers(ctx: Any) -> None:
        for phase in range(phases):
            host.busy = 1 << phase % 2
            ctx.set(dut.busy_bank, host.busy)
            await ctx.tick()  # a write that was accepted in the clock before is in the model now
            beats = draw(config, rng, count, phase % 2, often=0.8)
            expected.extend(looked_up(config, host.content, beat) for beat in beats)
            await feed(dut.i, beats, None if sink == "ready" else rng)(ctx)
        host.busy = 0
        ctx.set(dut.busy_bank, 0)
        await ctx.tick().repeat(100)

    async def working(ctx: Any) -> None:
        """The host fills the table before there are layers, and goes on when they have begun."""
        await ctx.tick().until(dut.busy_bank.any())
        await host.work(ctx)

    async def main(ctx: Any) -> None:
        await host.fill(ctx)
        await layers(ctx)

    out = drain(dut.o, phases * count, sink, np.random.default_rng(1), taken)
    simulate(dut, main, out, always=(working,))
    assert [t.beat for t in taken] == expected
    assert min(host.seen[name] for name in ("read", "written", "refused")) >= 5
    if sink == "ready":
        clocks = [t.clock for t in taken]
        # One idle clock between phases, none within.
        assert [b - a for a, b in pairwise(clocks)] == ([*[1] * (count - 1), 2] * phases)[:-1]


@pytest.mark.parametrize("memory", ["internal", "macro"])
def test_latency(memory: str) -> None:
    """One clock, whether a beat looks up or not."""
    config = configure(2, 1, "SQ4.0", "tile.table=3", f"how.memory={memory}")
    beats = draw(config, np.random.default_rng(0), 20, bank=1, often=0.5)
    taken = stream_through(Table(config), beats, len(beats), "ready", seed=0)
    assert [t.clock for t in taken] == [k + 2 for k in range(20)]


def test_a_stalled_result_and_the_host_do_not_disturb_each_other() -> None:
    """With macros lane 0 shares its port: the host reads while a result waits, and both get what they asked for."""
    config = configure(1, 1, "UQ4.0", "tile.table=4", "how.memory=macro")
    dut = Table(config)
    host = Host(config, dut, np.random.default_rng(0))
    beat = draw(config, np.random.default_rng(0), 1, bank=0, often=1.0)[0]

    async def main(ctx: Any) -> None:
        await host.fill(ctx)
        await feed(dut.i, [beat], None)(ctx)
        for addr in range(8):
            await host.read(ctx, addr)
        assert ctx.get(dut.o.valid)
        assert ctx.get(dut.o.payload.y[0]) == host.content[beat["y"][0]]

    simulate(dut, main)
    assert host.seen["read"] == 8


def test_no_table_to_build() -> None:
    assert (
        refusal(Table, configure(1, 1, "SQ4.0"))
        == "tile.table = 0: there is no table to build; 2 to 10 would build one"
    )
