"""Every register through AXI4-Lite in Amaranth's simulator, against a mirror in Python."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from nmpu_hdl.capabilities import sub_words
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.csr import Csr
from nmpu_hdl.program import param_words
from nmpu_hdl.registers import register_map

from .axi import Unit, simulate, transact
from .mirror import CONFIGS, Mirror


def compare(
    config: NmpuConfig, stimulus: list[tuple[int, int | None, int]], seed: int = 0, *, alive: bool = False
) -> Mirror:
    """Do all accesses on hardware and mirror; with ``alive`` hardware inputs move between them."""
    unit, mirror, seen = Unit(config), Mirror(config), Counter[tuple[str, str]]()
    rng = np.random.default_rng(seed)
    mirror.refuse = {1, 4}

    async def bench(ctx: Any) -> None:
        for key in mirror.state:
            if mirror.map.register(key[0]).field(key[1]).access == "state":
                ctx.set(unit.port(*key), mirror.state[key])
        for address, data, strobe in stimulus:
            got = await transact(ctx, unit.axil, address, data, strobe, rng if alive else None)
            expected = mirror.access(address, data, strobe)
            assert got[0] == expected[0], f"{address:#x} {data} {strobe}"
            if data is None:
                assert got[1] == expected[1], f"{address:#x}"
            for key, value in mirror.state.items():
                if mirror.map.register(key[0]).field(key[1]).access == "rw":
                    assert ctx.get(unit.port(*key)) == value, key
            events, enabled = (mirror.word(mirror.map.register(name)) for name in ("EVENTS", "IRQ_ENABLE"))
            assert ctx.get(unit.csr.irq) == bool(events & enabled)
            assert seen == +mirror.pulses
            if alive:
                await live(ctx)

    async def live(ctx: Any) -> None:
        moved = {key: mirror.map.register(key[0]).field(key[1]) for key in mirror.state if rng.integers(4) == 0}
        moved = {key: f for key, f in moved.items() if f.access != "rw"}
        for key, f in moved.items():
            value = int(rng.integers(1 << min(f.width, 16) if f.access == "count" else 1 << f.width))
            ctx.set(unit.port(*key), value)
            if f.access == "state":
                mirror.state[key] = value
            else:
                mirror.state[key] = mirror.state[key] | value if f.access == "sticky" else mirror.state[key] + value
        await ctx.tick()
        for key, f in moved.items():
            if f.access != "state":
                ctx.set(unit.port(*key), 0)
        await ctx.tick()  # irq is a clock behind EVENTS

    simulate(
        unit, bench, always=(*unit.memories(seed, mirror.refuse), unit.watch(seen)), clocks=60 * len(stimulus) + 100
    )
    return mirror


@pytest.mark.parametrize("name", CONFIGS)
def test_after_reset(name: str) -> None:
    """All words below the windows, and those around the windows' ends: values after reset, and errors in the holes."""
    config = CONFIGS[name]
    chart = register_map(config)
    around = [w.address + 4 * n for w in chart.windows for n in (-1, 0, 1, w.words - 1, w.words)]
    spots = [*range(0, 0x200, 4), 0xFFC, *(1 << b for b in range(9, 13)), *around]
    spots = sorted({a for a in spots if a < 1 << chart.address_width})
    mirror = compare(config, [(a, None, 15) for a in spots])
    answers = [mirror.access(a)[0] for a in spots]
    assert answers.count(0) >= len(chart.registers)
    assert answers.count(2) > 50
    for register in chart.registers:
        assert mirror.word(register) == register.reset


@pytest.mark.parametrize("name", ["tiny", "odd"])
def test_every_register_with_every_strobe(name: str) -> None:
    """Ones, noise and zeros into each; after each the register is read, and ports, pulses and irq are looked at."""
    rng = np.random.default_rng(1)
    stimulus: list[tuple[int, int | None, int]] = []
    for register in register_map(CONFIGS[name]).registers:
        for strobe in range(16):
            for data in (0xFFFFFFFF, int(rng.integers(1 << 32))) if strobe in (0, 15) or register.writable else (1,):
                stimulus += [(register.address, data, strobe), (register.address, None, 15)]
        stimulus += [(register.address, 0, 15), (register.address + int(rng.integers(4)), None, 15)]
    compare(CONFIGS[name], stimulus)


def test_what_software_may_write() -> None:
    """By name, so that the map's own idea of it is checked too."""
    config = CONFIGS["tiny"]
    chart = register_map(config)
    writable = {"CONTROL", "MODE", "FIRST", "IRQ_ENABLE", "EVENTS", "INJECT"}
    mirror = compare(config, [(r.address, 0xFFFFFFFF, 15) for r in chart.registers])
    again = Mirror(config)
    assert {r.name for r in chart.registers if again.access(r.address, 0)[0] == 0} == writable
    assert mirror.pulses == dict.fromkeys([("CONTROL", c) for c in ("start", "abort", "swap", "clear")], 1) | {
        ("INJECT", "arm"): 1
    }
    assert not register_map(CONFIGS["odd"]).register("MODE").writable


@pytest.mark.parametrize("seed", [0, *(pytest.param(k, marks=pytest.mark.deep) for k in range(1, 8))])
@pytest.mark.parametrize("name", CONFIGS)
def test_random_accesses(name: str, seed: int) -> None:
    """Registers and windows at random, with pauses on the bus and behind the windows, and a unit that lives."""
    config, rng = CONFIGS[name], np.random.default_rng(seed)
    chart = register_map(config)
    stimulus: list[tuple[int, int | None, int]] = []
    while len(stimulus) < 400:
        data = None if rng.integers(2) else int(rng.integers(1 << 32))
        strobe = 15 if rng.integers(3) else int(rng.integers(16))
        if rng.integers(2):
            window = chart.windows[int(rng.integers(len(chart.windows)))]
            address = window.address + 4 * int(rng.integers(min(window.words, 12) + (rng.integers(4) == 0)))
        elif rng.integers(8):
            address = chart.registers[int(rng.integers(len(chart.registers)))].address
        else:
            address = int(rng.integers(1 << chart.address_width))
        stimulus.append((address, data, strobe))
    mirror = compare(config, stimulus, seed, alive=True)
    assert sum(len(key) == 2 and isinstance(key[0], int) for key in mirror.memory) >= 3
    assert sum(mirror.access(a, d, s)[0] for a, d, s in stimulus) > 40


@pytest.mark.parametrize("name", ["odd", "long"])
def test_whole_parameter_window(name: str) -> None:
    """Each column is written in sub-words and read back; nothing else moves; lanes beyond the last are refused."""
    config, rng = CONFIGS[name], np.random.default_rng(7)
    window = register_map(config).window("PARAMETERS")
    addresses = [window.address + 4 * k for k in range(window.words)]
    stimulus: list[tuple[int, int | None, int]] = [(a, int(rng.integers(1 << 32)), 15) for a in addresses]
    mirror = compare(config, stimulus + [(a, None, 15) for a in addresses])
    columns = {key: value for key, value in mirror.memory.items() if isinstance(key[0], int)}
    assert len(columns) == param_words(config) * config.array.lanes
    assert max(columns.values()).bit_length() > 32
    refused = window.words - len(columns) * sub_words(config)
    assert sum(mirror.access(a)[0] == 2 for a in addresses) == refused


async def direct(ctx: Any, csr: Csr, register: str, data: int | None = None) -> int:
    """One access without AXI, which acts at the first edge; returns what is read."""
    ctx.set(csr.bus.addr, register_map(CONFIGS["tiny"]).register(register).address)
    ctx.set(csr.bus.wdata, data or 0)
    ctx.set(csr.bus.wstrb, 15)
    asked = csr.bus.read if data is None else csr.bus.write
    ctx.set(asked, 1)
    await ctx.tick()
    assert ctx.get(csr.bus.ack)
    ctx.set(asked, 0)
    return ctx.get(csr.bus.rdata)


def test_a_refused_lane_leaves_the_kept_sub_words() -> None:
    start = register_map(CONFIGS["odd"]).window("PARAMETERS").address
    mirror = compare(
        CONFIGS["odd"],
        [(start, 11, 15), (start + 24, 22, 15), (start, 33, 7), (start + 4, 1, 15), (start, None, 15)],
    )
    assert mirror.memory[0, 0] == 1 << 32 | 11


def test_set_wins_over_clear() -> None:
    csr = Csr(CONFIGS["tiny"])

    async def bench(ctx: Any) -> None:
        await direct(ctx, csr, "IRQ_ENABLE", 1)
        for before, during in ((0, 0), (0, 1), (1, 0), (1, 1)):
            ctx.set(csr.events_done, before)
            await ctx.tick()
            ctx.set(csr.events_done, during)
            await direct(ctx, csr, "EVENTS", 1)
            ctx.set(csr.events_done, 0)
            await ctx.tick()
            assert ctx.get(csr.irq) == during
            assert await direct(ctx, csr, "EVENTS") == during
            await ctx.tick()
            await direct(ctx, csr, "EVENTS", 0xFF)
            await ctx.tick()

    simulate(csr, bench)


def test_clear_wins_over_count() -> None:
    """What comes up to and with the clock of CONTROL.clear is gone, what comes after it counts."""
    csr = Csr(CONFIGS["tiny"])

    async def bench(ctx: Any) -> None:
        ctx.set(csr.passes_count, 7)
        await direct(ctx, csr, "CONTROL", 8)
        assert ctx.get(csr.control_clear)
        await ctx.tick()
        assert not ctx.get(csr.control_clear)
        ctx.set(csr.passes_count, 5)
        await ctx.tick()
        ctx.set(csr.passes_count, 0)
        assert await direct(ctx, csr, "PASSES") == 5

    simulate(csr, bench)


def test_rw_fields_are_new_while_the_pulse_of_their_write_is_high() -> None:
    unit = Unit(CONFIGS["tiny"])
    seen: list[tuple[int, ...]] = []

    async def bench(ctx: Any) -> None:
        await transact(ctx, unit.axil, 0x9C, 1 | 1 << 1 | 5 << 4 | 9 << 16)

    async def watch(ctx: Any) -> None:
        while True:
            csr = unit.csr
            _, _, arm, *rest = await ctx.tick().sample(
                csr.inject_arm, csr.inject_memory, csr.inject_lane, csr.inject_first
            )
            if arm:
                seen.append(tuple(rest))

    simulate(unit, bench, always=(watch,))
    assert seen == [(1, 5, 9)]


@pytest.mark.deep
def test_counts_go_on_after_their_last_bit() -> None:
    """65,537 times 65,535 is all ones; 3 more is 2."""
    csr = Csr(CONFIGS["tiny"])

    async def bench(ctx: Any) -> None:
        ctx.set(csr.columns_count, 0xFFFF)
        await ctx.tick().repeat(0x10001)
        ctx.set(csr.columns_count, 3)
        assert await direct(ctx, csr, "COLUMNS") == 0xFFFFFFFF
        ctx.set(csr.columns_count, 0)
        await ctx.tick()
        assert await direct(ctx, csr, "COLUMNS") == 2

    simulate(csr, bench, clocks=70_000)
