"""AXI4-Lite in Amaranth's simulator: one access at a time, and the registers with what is behind their windows."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

import numpy as np
from amaranth.hdl import Cat, Elaboratable, Module
from amaranth.lib import wiring
from amaranth.sim import Simulator

from nmpu_hdl.bus import AxiLite
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.csr import Csr, ParamPort
from nmpu_hdl.registers import register_map

Bench = Callable[[Any], Coroutine[Any, Any, None]]


def simulate(dut: Elaboratable, *benches: Bench, always: tuple[Bench, ...] = (), clocks: int = 20_000) -> None:
    """Run ``benches`` to their end with ``always`` beside them, for at most so many clocks."""

    async def watchdog(ctx: Any) -> None:
        for _ in range(clocks):
            await ctx.tick()
        raise AssertionError(f"not done after {clocks} clocks")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        simulator = Simulator(dut)
    simulator.add_clock(1e-9)
    for bench in benches:
        simulator.add_testbench(bench)
    for bench in (*always, watchdog):
        simulator.add_testbench(bench, background=True)
    simulator.run()


async def transact(
    ctx: Any, axil: AxiLite, address: int, data: int | None = None, strobe: int = 15, rng: Any = None
) -> tuple[int, int]:
    """One read, or write of ``data``, with random pauses on every channel; returns response and data."""
    late = [int(x) for x in (rng.integers(4, size=3) if rng is not None else (0, 0, 0))]
    if data is None:
        sending = [("ar", {"araddr": address}, late[0])]
    else:
        sending = [("aw", {"awaddr": address}, late[0]), ("w", {"wdata": data, "wstrb": strobe}, late[1])]
    answer = "r" if data is None else "b"
    ready, valid = getattr(axil, f"{answer}ready"), getattr(axil, f"{answer}valid")
    result, clock = None, 0
    while result is None:
        for name, payload, start in sending:
            ctx.set(getattr(axil, f"{name}valid"), int(clock >= start))
            for port, value in payload.items():
                ctx.set(getattr(axil, port), value)
        ctx.set(ready, int(clock >= 4 + late[2]))
        channels = [getattr(axil, f"{n}valid") & getattr(axil, f"{n}ready") for n, _, _ in sending]
        *_, is_ready, is_valid, resp, word, taken = await ctx.tick().sample(
            ready, valid, getattr(axil, f"{answer}resp"), axil.rdata, Cat(*channels)
        )
        for k, (name, _, _) in enumerate(sending):
            if taken >> k & 1:
                ctx.set(getattr(axil, f"{name}valid"), 0)
        sending = [s for k, s in enumerate(sending) if not taken >> k & 1]
        if is_ready and is_valid:
            assert not sending, "answered before it was asked"
            result = (resp, word)
        clock += 1
    ctx.set(ready, 0)
    return result


class Unit(Elaboratable):
    """Bus, registers and parameter port, as they are put together in a unit."""

    def __init__(self, config: NmpuConfig) -> None:
        self.config = config
        self.axil = AxiLite(register_map(config).address_width)
        self.csr, self.params = Csr(config), ParamPort(config)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules += [self.axil, self.csr, self.params]
        wiring.connect(m, self.axil.bus, self.csr.bus)
        for name in ("en", "we", "addr", "wdata"):
            m.d.comb += getattr(self.params, name).eq(getattr(self.csr, f"parameters_{name}"))
        for name in ("ready", "rdata", "error"):
            m.d.comb += getattr(self.csr, f"parameters_{name}").eq(getattr(self.params, name))
        return m

    def port(self, register: str, field: str) -> Any:
        return getattr(self.csr, f"{register}_{field}".lower())

    def memories(self, seed: int, refuse: set[int]) -> tuple[Bench, ...]:
        """What is behind the windows: ready now and then, and showing a word for one clock only."""
        names = [w.name for w in register_map(self.config).windows if w.name != "PARAMETERS"]
        return (
            self._memory(self.params, "host_", "PARAMETERS", seed, set()),
            *(self._memory(self.csr, f"{n.lower()}_", n, seed, refuse if n == "DESCRIPTORS" else set()) for n in names),
        )

    def _memory(self, dut: Any, prefix: str, name: str, seed: int, refuse: set[int]) -> Bench:
        port = {n: getattr(dut, prefix + n) for n in ("en", "we", "addr", "wdata", "ready", "rdata")}
        lane = getattr(dut, f"{prefix}lane", None)
        words: dict[tuple[int, int], int] = {}

        async def bench(ctx: Any) -> None:
            rng = np.random.default_rng([seed, len(name)])
            shown, done = None, 0
            while True:
                ctx.set(port["ready"], int(rng.integers(3) == 0))
                ctx.set(port["rdata"], int(rng.integers(1 << 63)) if shown is None else shown)
                address, at = ctx.get(port["addr"]), ctx.get(lane) if lane is not None else 0
                if name == "DESCRIPTORS":
                    ctx.set(dut.descriptors_error, int(not ctx.get(port["ready"]) or address in refuse))
                _, _, en, ready, we, wdata = await ctx.tick().sample(
                    port["en"], port["ready"], port["we"], port["wdata"]
                )
                assert not (en and done), "an access that was accepted is made again"
                done = en and ready
                assert not en or at < self.config.array.lanes, "a lane that is not there is accessed"
                accepted, shown = en and ready and address not in refuse, None
                if accepted and we:
                    words[address, at] = wdata
                elif accepted:
                    shown = words.get((address, at), 0)

        return bench

    def watch(self, pulses: Counter[tuple[str, str]]) -> Bench:
        """Counts the clocks in which each pulse is high; no access is acknowledged twice."""
        keys = [(r.name, f.name) for r in register_map(self.config).registers for f in r.fields if f.access == "pulse"]

        async def bench(ctx: Any) -> None:
            while True:
                bus = self.csr.bus
                _, _, ack, asked, *high = await ctx.tick().sample(
                    bus.ack, bus.read | bus.write, *(self.port(*key) for key in keys)
                )
                assert asked or not ack, "acknowledged what nobody asked for"
                pulses.update({key: bit for key, bit in zip(keys, high, strict=True) if bit})

        return bench
