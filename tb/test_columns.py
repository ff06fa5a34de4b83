"""Runs the program of ``replay.npz`` on ``nmpu_axi`` at a beat a clock: for millions of columns.

Other than ``tb.test_replay`` it drives the streams itself, without gaps and stalls, and asks little of each clock.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cocotb
import numpy as np

from nmpu_hdl.driver import Driver

from .columns import Beat, Beats, chain, compare, prepare
from .pinbus import PinBus
from .replay import INPUTS, RESULTS, load
from .setup import configuration, record, start_clock
from .stream import bit

_PATIENCE = 2000
"""Clocks without a result after which nothing more is expected: far more than the blocks of a slot take."""


@cocotb.test()
async def columns(dut: Any) -> None:
    """Every result, with its flags, and the counters against the golden model; what came out is kept."""
    config = configuration()
    plan = load(Path(os.environ["NMPU_CONFIG"]).parent / INPUTS, config)
    beats = prepare(config, plan)
    driver = await _begin(dut, config)
    await driver.load_params(plan.image)
    await driver.swap(10)
    for bank in (0, 1) if plan.tables is not None else ():
        assert plan.tables is not None
        await driver.load_table(bank, plan.tables[bank].tolist())
    await driver.load_program(plan.descriptors)
    await driver.clear()
    await driver.events()
    await driver.start(plan.first)
    start = time.perf_counter()
    results, sums = await _run(dut, beats)
    seconds = time.perf_counter() - start
    kept: dict[str, Any] = dict(compare(config, beats, results, sums))
    await driver.wait(100)
    counters, events = await driver.counters(), await driver.events()
    passes = sum(plan.descriptors[place].vectors * plan.descriptors[place].blocks for place in chain(plan))
    assert counters["passes"] == passes, f"{counters['passes']} passes are counted, not {passes}"
    assert counters["uncorrected"] == counters["corrected"] == 0, f"errors without a cause: {counters}"
    assert "frame" not in events, "tkeep or tlast disagreed with the descriptor"
    record(beats.columns, {"columns": beats.columns, "seconds": seconds})
    np.savez(RESULTS, **kept)


async def _begin(dut: Any, config: Any) -> Driver:
    start_clock(dut)
    dut.rst.value = 1
    for name in ("s_axis_tvalid", "m_axis_tready", "s_axis_res_tvalid", "s_axis_sum_tvalid", "m_axis_sum_tready"):
        if hasattr(dut, name):
            getattr(dut, name).value = 0
    bus = PinBus(dut)
    for _ in range(3):
        await dut.clk.rising_edge
    dut.rst.value = 0
    await dut.clk.rising_edge
    return Driver(config, bus)


class _Source:
    """Offers words, one after the other, until all are taken."""

    def __init__(self, dut: Any, prefix: str, words: Iterator[tuple[int, ...]], names: tuple[str, ...]) -> None:
        self._valid, self._ready = getattr(dut, f"{prefix}_tvalid"), getattr(dut, f"{prefix}_tready")
        self._pins, self._words = [getattr(dut, f"{prefix}_{name}") for name in names], words
        self._shown: list[int] = [-1] * len(names)
        self._next()
        self._valid.value = int(self.busy)

    def _next(self) -> None:
        word = next(self._words, None)
        self.busy = word is not None
        for k, value in enumerate(word or ()):
            if value != self._shown[k]:
                self._pins[k].value = self._shown[k] = value

    def step(self) -> bool:
        """Behind an edge; whether a word was taken at it."""
        if not (self.busy and bit(self._ready)):
            return False
        self._next()
        if not self.busy:
            self._valid.value = 0
        return True


class _Sink:
    """Takes a beat a clock."""

    def __init__(self, dut: Any, prefix: str, names: tuple[str, ...], wanted: int) -> None:
        self._valid, self._prefix, self._wanted = getattr(dut, f"{prefix}_tvalid"), prefix, wanted
        self._pins, self._texts = [getattr(dut, f"{prefix}_{name}") for name in names], list[tuple[str, ...]]()
        getattr(dut, f"{prefix}_tready").value = 1

    @property
    def full(self) -> bool:
        return len(self._texts) >= self._wanted

    def step(self) -> bool:
        """Behind an edge; whether a beat was taken at it."""
        if not bit(self._valid):
            return False
        assert not self.full, f"{self._prefix}: more than {self._wanted} beats came"
        self._texts.append(tuple(str(pin.value) for pin in self._pins))
        return True

    def beats(self) -> list[Beat]:
        """What came; a pin that is neither 0 nor 1 cannot be read."""
        found = [tuple(int(text, 2) for text in texts) for texts in self._texts]
        return [Beat(*one) if len(one) == 4 else Beat(one[0], -1, one[1], one[2]) for one in found]


async def _run(dut: Any, beats: Beats) -> tuple[list[Beat], list[Beat]]:
    """Send all, take all: results, and sums that are handed on.

    Raises:
        AssertionError: nothing moves any more, or a pin is neither 0 nor 1.
    """
    names = ("tdata", "tkeep", "tlast")
    sources = [_Source(dut, "s_axis", zip(beats.codes, beats.keep, beats.last, strict=True), names)]
    if hasattr(dut, "s_axis_res_tvalid"):
        sources.append(_Source(dut, "s_axis_res", ((word,) for word in beats.residuals), ("tdata",)))
    sinks = [_Sink(dut, "m_axis", ("tdata", "tkeep", "tuser", "tlast"), len(beats.results))]
    if hasattr(dut, "m_axis_sum_tvalid"):
        sinks.append(_Sink(dut, "m_axis_sum", ("tdata", "tuser", "tlast"), len(beats.sums)))
    edge, idle = dut.clk.rising_edge, 0
    agents: list[_Sink | _Source] = [*sinks, *sources]
    while idle < _PATIENCE and not all(sink.full for sink in sinks):
        await edge
        idle = 0 if sum([agent.step() for agent in agents]) else idle + 1
    for _ in range(_PATIENCE // 100):  # nothing more may come
        await edge
        for sink in sinks:
            sink.step()
    assert not any(source.busy for source in sources), "the unit has not taken all that was for it"
    return sinks[0].beats(), sinks[-1].beats() if len(sinks) > 1 else []
