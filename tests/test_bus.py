"""The AXI4-Lite slave against five channels that pause at random, and an inside that takes its time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from amaranth.hdl import ResetInserter, Signal

from nmpu_hdl.bus import AxiLite

from .axi import Bench, simulate, transact


class Traffic:
    """Random reads and writes on independent channels, and the inside, which keeps a diary."""

    def __init__(self, dut: AxiLite, seed: int, count: int, lazy: int) -> None:
        rng = np.random.default_rng(seed)
        self.dut, self.lazy, self.seed = dut, lazy, seed
        self.writes = [(int(rng.integers(16)), int(rng.integers(1 << 32)), int(rng.integers(16))) for _ in range(count)]
        self.reads = [int(a) for a in rng.integers(16, size=count)]
        self.diary: list[tuple[Any, ...]] = []
        self.got_b: list[int] = []
        self.got_r: list[tuple[int, int]] = []

    def pauses(self, salt: int) -> Callable[[], bool]:
        rng = np.random.default_rng([self.seed, salt])
        return lambda: bool(rng.integers(self.lazy + 1))

    def source(self, name: str, items: list[dict[str, int]], salt: int) -> Bench:
        async def bench(ctx: Any) -> None:
            pause, d = self.pauses(salt), self.dut
            for item in items:
                while pause():
                    await ctx.tick()
                ctx.set(getattr(d, f"{name}valid"), 1)
                for port, value in item.items():
                    ctx.set(getattr(d, port), value)
                await ctx.tick().until(getattr(d, f"{name}ready"))
                ctx.set(getattr(d, f"{name}valid"), 0)
                for port in item:
                    ctx.set(getattr(d, port), -1)  # gone once taken

        return bench

    def sink(self, name: str, ports: tuple[str, ...], salt: int, take: Callable[[list[int]], None]) -> Bench:
        async def bench(ctx: Any) -> None:
            pause, d = self.pauses(salt), self.dut
            signals = [getattr(d, p) for p in ports]
            for _ in self.reads:
                standing: list[int] | None = None
                while True:
                    ctx.set(getattr(d, f"{name}ready"), int(not pause()))
                    _, _, ready, valid, *shown = await ctx.tick().sample(
                        getattr(d, f"{name}ready"), getattr(d, f"{name}valid"), *signals
                    )
                    assert standing is None or (valid and shown == standing), "an answer changed before it was taken"
                    standing = shown if valid else None
                    if ready and valid:
                        take(shown)
                        break
            ctx.set(getattr(d, f"{name}ready"), 0)

        return bench

    async def inside(self, ctx: Any) -> None:
        """Acknowledges in its own time; odd addresses (of words) err."""
        pause, bus, words, rng = self.pauses(9), self.dut.bus, [0] * 16, np.random.default_rng(self.seed)
        asked: tuple[int, ...] | None = None
        while True:
            asking = bool(ctx.get(bus.read) or ctx.get(bus.write))
            ack = asking and not pause()
            if ack and ctx.get(bus.write):
                words[ctx.get(bus.addr) >> 2] = ctx.get(bus.wdata)
            error = bool(ctx.get(bus.addr) >> 2 & 1)
            ctx.set(bus.ack, ack)
            ctx.set(bus.error, error if ack else int(rng.integers(2)))
            ctx.set(bus.rdata, words[ctx.get(bus.addr) >> 2] if ack else int(rng.integers(1 << 32)))
            *_, read, write, addr, wdata, wstrb = await ctx.tick().sample(
                bus.read, bus.write, bus.addr, bus.wdata, bus.wstrb
            )
            assert not (read and write)
            now = (read, write, addr, wdata, wstrb) if write else (read, write, addr)
            assert asked is None or now == asked, "an access changed before it was acknowledged"
            asked = now if (read or write) and not ack else None
            if ack:
                self.diary.append(("w", addr >> 2, wdata, wstrb) if write else ("r", addr >> 2, words[addr >> 2]))
                assert not ctx.get(bus.read)
                assert not ctx.get(bus.write)

    def run(self) -> None:
        simulate(
            self.dut,
            self.source("aw", [{"awaddr": 4 * a + a % 4} for a, _, _ in self.writes], 1),
            self.source("w", [{"wdata": d, "wstrb": s} for _, d, s in self.writes], 2),
            self.source("ar", [{"araddr": 4 * a + a % 4} for a in self.reads], 3),
            self.sink("b", ("bresp",), 4, lambda shown: self.got_b.append(shown[0])),
            self.sink("r", ("rresp", "rdata"), 5, lambda shown: self.got_r.append((shown[0], shown[1]))),
            always=(self.inside,),
        )


@pytest.mark.parametrize(("seed", "lazy"), [(0, 0), (1, 1), (2, 3), (3, 1)])
def test_all_is_done_once_in_order_and_answered(seed: int, lazy: int) -> None:
    traffic = Traffic(AxiLite(6), seed, 150, lazy)
    traffic.run()
    wrote = [entry[1:] for entry in traffic.diary if entry[0] == "w"]
    read = [entry[1:] for entry in traffic.diary if entry[0] == "r"]
    assert wrote == traffic.writes
    assert [a for a, _ in read] == traffic.reads
    assert traffic.got_b == [2 * (a & 1) for a, _, _ in traffic.writes]
    assert traffic.got_r == [(2 * (a & 1), word) for a, word in read]
    if lazy == 0:  # both always wait: they take turns
        kinds = "".join(entry[0] for entry in traffic.diary)
        assert "rr" not in kinds.rstrip("r")
        assert "ww" not in kinds.rstrip("w")


def test_an_answer_not_taken_holds_up_its_own_channel_only() -> None:
    dut = AxiLite(6)
    traffic = Traffic(dut, 5, 1, 0)

    async def bench(ctx: Any) -> None:
        for port, value in (("awvalid", 1), ("wvalid", 1), ("awaddr", 8), ("wdata", 7)):
            ctx.set(getattr(dut, port), value)  # writes without end, and no answer is taken
        await ctx.tick().repeat(20)
        assert ctx.get(dut.bvalid)
        for _ in range(3):
            assert await transact(ctx, dut, 8) == (0, 7)
        assert ctx.get(dut.bvalid)

    simulate(dut, bench, always=(traffic.inside,))
    assert [entry[0] for entry in traffic.diary] == ["w", "r", "r", "r"]


def test_no_output_follows_an_input_within_a_clock() -> None:
    dut = AxiLite(6)
    rng = np.random.default_rng(6)
    inputs = ("awaddr", "awvalid", "wdata", "wstrb", "wvalid", "bready", "araddr", "arvalid", "rready")
    outputs = ("awready", "wready", "bresp", "bvalid", "arready", "rdata", "rresp", "rvalid")
    seen = set()

    async def bench(ctx: Any) -> None:
        inner = {name: getattr(dut.bus, name) for name in ("ack", "error", "rdata")}
        for _ in range(300):
            before = [ctx.get(getattr(dut, name)) for name in outputs]
            for _ in range(2):
                for name in inputs:
                    ctx.set(getattr(dut, name), int(rng.integers(1 << len(getattr(dut, name)))))
                ctx.set(inner["ack"], int(rng.integers(2)) & (ctx.get(dut.bus.read) | ctx.get(dut.bus.write)))
                ctx.set(inner["error"], int(rng.integers(2)))
                assert [ctx.get(getattr(dut, name)) for name in outputs] == before
            seen.add(tuple(before))
            await ctx.tick()

    simulate(dut, bench)
    assert len(seen) > 10


def test_reset_leaves_nothing_valid() -> None:
    dut, reset = AxiLite(6), Signal()

    async def bench(ctx: Any) -> None:
        for name in ("awvalid", "wvalid", "arvalid"):
            ctx.set(getattr(dut, name), 1)
        ctx.set(dut.bus.ack, 1)
        await ctx.tick().repeat(10)
        assert ctx.get(dut.bvalid)
        assert ctx.get(dut.rvalid)
        ctx.set(reset, 1)
        await ctx.tick()
        state = [ctx.get(getattr(dut, name)) for name in ("bvalid", "rvalid", "awready", "wready", "arready")]
        assert state == [0, 0, 1, 1, 1]
        assert not ctx.get(dut.bus.read)
        assert not ctx.get(dut.bus.write)

    simulate(ResetInserter(reset)(dut), bench)


def test_latency() -> None:
    """With an inside that answers at once an answer stands two edges after the one that takes the address."""
    dut = AxiLite(6)

    async def bench(ctx: Any) -> None:
        ctx.set(dut.bus.ack, 1)
        ctx.set(dut.arvalid, 1)
        await ctx.tick()
        ctx.set(dut.arvalid, 0)
        clocks = 0
        while not ctx.get(dut.rvalid):
            await ctx.tick()
            clocks += 1
        assert clocks == 2

    simulate(dut, bench)
