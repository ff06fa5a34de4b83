"""The bench around one NMPU: all agents, moved on by one coroutine, clock by clock."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Any, Self

from golden import Params, pack

from .pins import Pins, Resolver
from .scoreboard import Scoreboard
from .setup import chance, configuration, record, start_clock
from .stimulus import Stimulus
from .stream import StreamDriver, StreamMonitor, StreamSink, Traffic, bit, pattern
from .tile import Access, Mirror, TileDriver, TileModel

__all__ = ["Bench"]

_PATIENCE = 500
"""Clocks without a beat taken or given after which the bench gives up; the longest pattern idles for 8.
As many more as a beat takes, where lanes walk."""


class Bench:
    """Use it as ``async with Bench(dut, "name") as bench``: begins with a reset and ends with everything compared.

    Args:
        dut: the top.
        name: of the test; with the run's seed it determines every choice.

    Attributes:
        config: the configuration, from the file that NMPU_CONFIG names.
        rng: source of chance.
        stimulus: makes codes (or what a front end is given), parameters and settings.
        scoreboard: compares.
        host: the parameter port.
        junk: whether the settings pins wander while no first beat is on offer.
    """

    def __init__(self, dut: Any, name: str) -> None:
        self._dut, self._name = dut, name
        self.config, self.rng = configuration(), chance(name)
        self.stimulus = Stimulus(self.config, self.rng)
        self.scoreboard = Scoreboard(self.config)
        self.mirror = Mirror(self.config)
        self.source = StreamDriver(dut, "s_axis")
        self.sink = StreamSink(dut, "m_axis")
        self.monitor = StreamMonitor(dut, "m_axis")
        self.host = TileDriver(dut, self.mirror)
        self.tile = TileModel(dut, self.config) if self.config.how.memory == "external" else None
        self.junk = True
        self.now = 0
        self._walks = self.config.derived.beat_cycles() > 1
        self._patience = _PATIENCE + self.config.derived.beat_cycles()
        self._progress = 0
        self._pins: dict[str, int] = {}
        self.resolve = Resolver(self.config)
        self._postpones = self.config.derived.front_end.present
        self._edge = dut.clk.rising_edge
        self._frame_error = dut.frame_error
        self._step_of_tile = self.tile.step if self.tile else None
        self.rate = {"columns": 0, "seconds": 0.0}

    async def __aenter__(self) -> Self:
        start_clock(self._dut)
        self._show(self.stimulus.any_pins())
        await self.reset()
        gc.freeze()  # what cocotb and NumPy have made so far stays: no need to look at it again and again
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                await self.finish()
        finally:
            record(self.scoreboard.columns_checked, self.rate)

    # -- what tests ask for --

    async def reset(self, clocks: int = 2) -> None:
        """Reset in whatever state; what has come out until then is compared, what has not is dropped."""
        self.source.clear()
        self.host.clear()
        self.sink.blocked = True
        self.sink.drive()
        self._dut.rst.value = 1
        for clock in range(clocks):
            await self._edge
            self.now += 1
            if clock and bit(self._dut.m_axis_tvalid):
                raise AssertionError("m_axis_tvalid is high in reset")
            if self._step_of_tile:
                self._step_of_tile()
        self._dut.rst.value = 0
        self.sink.blocked = False
        self.sink.drive()
        self.monitor.reset()
        self.scoreboard.check(lost=self.scoreboard.outstanding)
        self._progress = self.now

    async def write(self, params: Params) -> None:
        """Write the parameters of all columns, with the stream going on or not; see :meth:`_postpone`."""
        await self.access(self.writes(params))

    def writes(self, params: Params) -> list[Access]:
        """The accesses that write ``params``."""
        every = (1 << self.config.derived.built) - 1
        return [Access(slot, every, word) for slot, word in enumerate(pack(self.config, params))]

    async def access(self, accesses: Iterable[Access]) -> None:
        """Use the parameter port until these accesses, and answers to reads among them, are done."""
        self.queue(accesses)
        while self.host.busy:
            await self.clock()

    def queue(self, accesses: Iterable[Access]) -> None:
        """Have accesses done, one a clock, from the next clock on."""
        self.host.queue.extend(accesses)

    async def play(self, traffic: Traffic, gaps: str = "none", stalls: str = "none") -> None:
        """Send beats until the last is taken.  Arguments are those of :meth:`begin`."""
        self.begin(traffic, gaps, stalls)
        while self.source.busy:
            await self.clock()

    async def passes(self, pins: Sequence[Pins], gaps: str = "none", stalls: str = "none") -> None:
        """Send one random pass for each of ``pins``, back to back."""
        await self.play(self.random(pins), gaps, stalls)

    def begin(self, traffic: Traffic, gaps: str = "none", stalls: str = "none") -> None:
        """Begin to send beats; the first is on offer in this very clock, unless there is a gap.

        Args:
            traffic: the beats.
            gaps: when the source is idle; see :func:`tb.stream.pattern`.
            stalls: when the sink is.
        """
        self.source.gaps = pattern(gaps, self.rng)
        self.sink.stalls = pattern(stalls, self.rng)
        self._progress = self.now
        self._settings(self.source.load(traffic))

    def random(self, pins: Sequence[Pins]) -> Traffic:
        """One random pass for each of ``pins``."""
        return self.stimulus.traffic(self.stimulus.inputs([self.resolve(each) for each in pins]), pins)

    async def clocks(self, count: int) -> None:
        """Let time pass."""
        for _ in range(count):
            await self.clock()

    async def drain(self) -> None:
        """Wait until the parameter port is at rest and all results are out."""
        self._progress = self.now
        while self.host.busy or self.scoreboard.outstanding:
            await self.clock()

    async def until(self, reached: Callable[[], bool]) -> None:
        """Wait for a condition."""
        while not reached():
            await self.clock()

    async def finish(self) -> None:
        """Drain, see that nothing more comes out, compare."""
        self.sink.stalls = None
        await self.drain()
        for _ in range(self.config.derived.latency + 3):
            await self.clock()
        self.scoreboard.check()
        if self.tile and self.tile.content.words != self.mirror.words:
            raise AssertionError("the external memory does not hold what the host wrote")

    # -- one clock --

    async def clock(self) -> None:
        """One clock edge: read all pins as they were up to it, then set those that change after it."""
        await self._edge
        self.now += 1
        source, board = self.source, self.scoreboard
        taken = source.sample()
        result = self.monitor.sample(self.sink.ready)
        wrong = bit(self._frame_error)
        if taken >= 0:
            traffic = source.traffic
            assert traffic is not None
            slot = board.slot
            last = board.take(traffic, taken, self.mirror.beat(slot), self._pins, self.now)
            if wrong is (last == bool(traffic.last[taken])):
                shown = traffic.last[taken]
                raise AssertionError(f"frame_error is {int(wrong)} in slot {slot}, tlast {shown}, last {last}")
            self._progress = self.now
        elif wrong:
            raise AssertionError(f"frame_error is 1 in clock {self.now}, in which no beat is taken")
        if result is not None:
            board.give(result, self.now)
            self._progress = self.now
        if self.host.busy:
            if self._walks:  # each write makes the walk of a beat begin again, and the last one is not far
                self._progress = self.now
            self.host.sample()
        if self._step_of_tile:
            self._step_of_tile()
        if self.now - self._progress > self._patience and (source.busy or board.outstanding):
            raise AssertionError(
                f"nothing moved for {self._patience} clocks; {board.outstanding} results are outstanding"
            )
        self._settings(source.drive(taken >= 0))
        self.sink.drive()
        if self.host.busy:
            if self._postpones:
                self._postpone()
            self.host.drive()

    def _postpone(self) -> None:
        """With a front end: write parameters only while there are no operands that the lanes have yet to take.

        They take them one clock or more after the last beat of a slot, which is not visible from outside: what a write
        does to such a slot could not be told.  Reads, which disturb as much, are at any time.
        """
        queue, board = self.host.queue, self.scoreboard
        if not (queue and queue[0].enables):
            return
        if board.outstanding or (self.source.offering and board.completes(self._pins)):
            queue.appendleft(Access(0, None))

    def _settings(self, pins: Pins | None) -> None:
        """Show the settings of a first beat; else wander, unless a first beat waits."""
        if pins is not None:
            self._show(pins)
        elif self.junk and not (self.source.offering and self.scoreboard.begins):
            self._show(self.stimulus.any_pins())

    def _show(self, pins: Pins) -> None:
        for name, value in pins.items():
            if self._pins.get(name) != value:
                self._pins[name] = value
                getattr(self._dut, name).value = value
