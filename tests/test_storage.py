"""The memories behind their port signatures, against plain dictionaries."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from amaranth.lib import wiring
from amaranth.sim import Simulator

from nmpu_hdl.memory import ParamMemory
from nmpu_hdl.presets import load
from nmpu_hdl.storage import Kind, OnePort, TwoPort

SHAPES = [(1, 1, 1), (1, 5, 3), (2, 4, 1), (5, 3, 4), (16, 7, 2)]
"""Words, width, lanes."""


@dataclass
class OneMirror:
    """What a one-port memory must do; None is undefined."""

    lanes: int
    width: int
    words: dict[int, list[int | None]] = field(default_factory=dict)
    rdata: list[int | None] = field(default_factory=list)

    def clock(self, en: int, we: int, addr: int, wdata: int) -> None:
        """One edge."""
        if not en:
            return
        word = self.words.setdefault(addr, [None] * self.lanes)
        self.rdata = [None] * self.lanes if we else list(word)
        for lane in range(self.lanes):
            if we >> lane & 1:
                word[lane] = wdata >> (lane * self.width) & (1 << self.width) - 1


@dataclass
class TwoMirror:
    """What a two-port memory must do; None is undefined."""

    words: dict[int, int] = field(default_factory=dict)
    rdata: int | None = None

    def clock(self, read_en: int, read_addr: int, write_en: int, write_addr: int, wdata: int) -> None:
        """One edge."""
        if read_en:
            self.rdata = None if write_en and read_addr == write_addr else self.words.get(read_addr)
        if write_en:
            self.words[write_addr] = wdata


def number(rng: np.random.Generator, bits: int) -> int:
    return int.from_bytes(rng.bytes(-(-bits // 8))) & (1 << bits) - 1


def one_port_clocks(rng: np.random.Generator, words: int, width: int, lanes: int, count: int) -> Iterator[list[int]]:
    """en, we, addr, wdata: a word written whole now and then, single lanes, reads, and idle clocks with noise."""
    for _ in range(count):
        we = int(rng.choice([0, 0, number(rng, lanes), (1 << lanes) - 1]))
        yield [int(rng.integers(4) > 0), we, int(rng.integers(words)), number(rng, lanes * width)]


def two_port_clocks(rng: np.random.Generator, words: int, bits: int, count: int) -> Iterator[list[int]]:
    """read_en, read_addr, write_en, write_addr, wdata."""
    for _ in range(count):
        read_en, write_en = int(rng.integers(3) > 0), int(rng.integers(3) > 0)
        yield [read_en, int(rng.integers(words)), write_en, int(rng.integers(words)), number(rng, bits)]


def simulate(dut: wiring.Component, bench: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        simulator = Simulator(dut)
    simulator.add_clock(1e-9)
    simulator.add_testbench(bench)
    simulator.run()


def compare_one_port(dut: Any, words: int, width: int, lanes: int) -> None:
    mirror, seen = OneMirror(lanes, width), 0

    async def bench(ctx: Any) -> None:
        nonlocal seen
        for clock in one_port_clocks(np.random.default_rng(words), words, width, lanes, 400):
            for name, value in zip(("en", "we", "addr", "wdata"), clock, strict=True):
                ctx.set(getattr(dut, name), value)
            await ctx.tick()
            mirror.clock(*clock)
            rdata = ctx.get(dut.rdata)
            for lane, expected in enumerate(mirror.rdata):
                if expected is not None:
                    assert rdata >> (lane * width) & (1 << width) - 1 == expected
                    seen += 1

    simulate(getattr(dut, "parent", dut), bench)
    assert seen > 100 * lanes


@pytest.mark.parametrize("kind", ["internal", "macro"])
@pytest.mark.parametrize(("words", "width", "lanes"), SHAPES)
def test_one_port(words: int, width: int, lanes: int, kind: Kind) -> None:
    compare_one_port(OnePort("tried", words, width, lanes, kind), words, width, lanes)


@pytest.mark.parametrize("memory", ["internal", "macro"])
def test_the_memory_of_the_core(memory: str) -> None:
    """A macro or not, the tile of the core is one."""
    config = load(preset_name="tiny", settings=[f"how.memory={memory}"])
    component = ParamMemory(config)
    component.tile.parent = component
    compare_one_port(component.tile, config.array.slots, config.derived.param_width, config.array.lanes)


@pytest.mark.parametrize("kind", ["internal", "macro"])
@pytest.mark.parametrize(("words", "width", "lanes"), SHAPES)
def test_two_ports(words: int, width: int, lanes: int, kind: Kind) -> None:
    dut = TwoPort("tried", words, width, lanes, kind)
    mirror, seen = TwoMirror(), 0

    async def bench(ctx: Any) -> None:
        nonlocal seen
        for clock in two_port_clocks(np.random.default_rng(words), words, lanes * width, 600):
            names = ("read_en", "read_addr", "write_en", "write_addr", "wdata")
            for name, value in zip(names, clock, strict=True):
                ctx.set(getattr(dut, name), value)
            await ctx.tick()
            mirror.clock(*clock)
            if mirror.rdata is not None:
                assert ctx.get(dut.rdata) == mirror.rdata
                seen += 1

    simulate(dut, bench)
    assert seen > 100
