"""In-order scoreboard.  It notes what the hardware took, and compares in bulk what the golden model makes of that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from golden import Params, forward, taps, unpack
from nmpu_hdl.config import NmpuConfig

from .front import operands_of
from .packing import NotBinaryError, fields
from .passes import Steps, TakenPass, alike, taken_settings
from .pins import Pins, Resolver
from .stream import Beat, Traffic

__all__ = ["Scoreboard"]

Ints = NDArray[np.int64]


class _Expected(NamedTuple):
    """(beats, lanes) each, but last and the count of active lanes: (beats,)."""

    y: Ints
    low: Ints
    high: Ints
    last: NDArray[np.bool_]
    active: Ints


class Scoreboard:
    """Follows a stream of passes through an NMPU.

    Args:
        config: the configuration.

    Attributes:
        columns_checked: active columns whose result was compared.
        beats: clock of each beat taken, since the last check.
        taken, given: clock of each slot's last beat, and of each result, likewise.
    """

    def __init__(self, config: NmpuConfig) -> None:
        self._config = config
        self._lanes = config.array.lanes
        self._decoded: dict[tuple[int, ...], Params] = {}
        self._resolve = Resolver(config)
        self.columns_checked = 0
        self.passes_taken = 0
        self._open: TakenPass | None = None
        self._passes: list[TakenPass] = []
        self._results: list[Beat] = []
        self.beats: list[int] = []
        self.taken: list[int] = []
        self.given: list[int] = []

    # -- what the monitors tell --

    @property
    def slot(self) -> int:
        """The slot that is due."""
        return self._open.order.slot(len(self._open.beats)) if self._open else 0

    @property
    def begins(self) -> bool:
        """Whether the beat that is due is the first of a pass."""
        return self._open is None

    def completes(self, pins: Pins) -> bool:
        """Whether the beat that is due, with these pins, is the last of its slot."""
        if self._open:
            return self._open.order.completes(len(self._open.beats))
        return Steps.of(self._config, self._resolve(pins)).completes(0)

    @property
    def results(self) -> Sequence[Beat]:
        """What came out since the last check."""
        return self._results

    def take(self, traffic: Traffic, index: int, words: list[int], pins: Pins, clock: int) -> bool:
        """A beat was taken.

        Args:
            traffic: holds its codes.
            index: where.
            words: parameter words of its slot, as the memory held them.
            pins: the settings pins in that clock.
            clock: number of the clock.

        Returns:
            Whether this beat must be the last of its pass.
        """
        if self._open is None:
            settings = self._resolve(pins)
            self._open = TakenPass(self.passes_taken, settings, Steps.of(self._config, settings))
            self._passes.append(self._open)
            self.passes_taken += 1
        current = self._open
        self.beats.append(clock)
        if current.order.completes(len(current.beats)):
            current.words += words
            self.taken.append(clock)
        current.beats.append((traffic, index))
        last = len(current.beats) == current.order.beats
        if last:
            self._open = None
        return last

    def give(self, result: Beat, clock: int) -> None:
        """A result was transferred.

        Raises:
            AssertionError: no beat was taken that it could belong to.
        """
        self._results.append(result)
        self.given.append(clock)
        if len(self._results) > len(self.taken):
            raise AssertionError(f"a result came out in clock {clock} that no beat went in for")

    @property
    def outstanding(self) -> int:
        """Slots taken whose results have not come out."""
        return len(self.taken) - len(self._results)

    # -- comparing --

    def check(self, *, lost: int = 0) -> None:
        """Compare all results so far, and forget them.

        Args:
            lost: slots that need not come out any more, because of a reset.

        Raises:
            AssertionError: the first difference, with pass, slot, lane, operands, expected and got; or results are
                missing.
        """
        if self.outstanding != lost:
            raise AssertionError(f"{self.outstanding} results are missing at the end")
        if self._results:
            expected = self._expectations()
            self._compare(expected)
        self._passes, self._results, self.beats, self.taken, self.given = [], [], [], [], []
        self._open = None

    def _expectations(self) -> _Expected:
        parts = []
        start, passes = 0, [one for one in self._passes if one.slots]
        while start < len(passes):
            end = start + 1
            while end < len(passes) and alike(passes[start], passes[end]):
                end += 1
            parts.append(self._expect(passes[start:end]))
            start = end
        return _Expected(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    def _expect(self, group: list[TakenPass]) -> _Expected:
        """Passes that share settings and parameters."""
        first, lanes = group[0], self._lanes
        slots = first.slots
        settings = taken_settings(first.settings, slots * lanes)
        answer = forward(self._config, self._operands(group), self._params(first), settings)
        shape = len(group), slots * lanes
        padded = [np.zeros(shape, np.int64) for _ in range(3)]
        for target, values in zip(padded, (answer.y, answer.low, answer.high), strict=True):
            target[:, : settings.columns] = values
        ends = np.arange(1, slots + 1) * lanes
        active = np.minimum(lanes, settings.columns - (ends - lanes))
        y, low, high = (part.reshape(-1, lanes) for part in padded)
        last = ends >= first.settings.columns
        return _Expected(y, low, high, np.tile(last, len(group)), np.tile(active, len(group)))

    def _operands(self, group: list[TakenPass]) -> Ints:
        """(passes, counts, columns) of the slots that are complete."""
        beats = [beat for one in group for beat in one.beats]
        rows = np.stack([traffic.codes[index] for traffic, index in beats])
        if not self._config.derived.front_end.present:
            return rows.reshape(len(group), -1, self._config.codes.counts).transpose(0, 2, 1)
        sums = np.array([0 if traffic.sums is None else traffic.sums[index] for traffic, index in beats])
        rows, sums = rows.reshape(len(group), -1, *rows.shape[1:]), sums.reshape(len(group), -1)
        return operands_of(self._config, group[0].settings, group[0].slots, rows, sums)

    def _params(self, one: TakenPass) -> Params:
        key = tuple(one.words)
        if key not in self._decoded:
            if len(self._decoded) > 64:
                self._decoded.clear()
            self._decoded[key] = unpack(self._config, one.words)
        return self._decoded[key]

    def _compare(self, expected: _Expected) -> None:
        lanes, form = self._lanes, self._config.output.format
        try:
            y = fields([beat.data for beat in self._results], lanes, form.width, form.signed)
            flags = fields([beat.user for beat in self._results], 2 * lanes, 1, False)
        except NotBinaryError as error:
            raise AssertionError(f"{self._place(error.index, 0)}: an output is neither 0 nor 1: {error}") from None
        count = len(self._results)
        self.columns_checked += int(expected.active[:count].sum())
        got = (y, flags[:, :lanes], flags[:, lanes:])
        wrong = np.zeros((count, lanes), np.bool_)
        for have, want in zip(got, expected[:3], strict=True):
            wrong |= have != want[:count]
        last = np.array([beat.last == "1" for beat in self._results])
        late = last != expected.last[:count]
        bad = np.flatnonzero(wrong.any(axis=1) | late)
        if bad.size:
            beat = int(bad[0])
            lane = int(np.argmax(wrong[beat]))
            told = [
                ", ".join(f"{n} = {int(a[beat, lane])}" for n, a in zip(_NAMES, arrays, strict=True))
                for arrays in (expected[:3], got)
            ]
            raise AssertionError(
                f"{self._place(beat, lane)}: expected {told[0]}, tlast = {int(expected.last[beat])}; "
                f"got {told[1]}, tlast = {int(last[beat])}; {bad.size} of {count} beats differ"
            )

    def _place(self, beat: int, lane: int) -> str:
        """Pass, slot, lane, settings and operands, and every inner value of the golden model."""
        for one in self._passes:
            if beat < one.slots:
                break
            beat -= one.slots
        column = beat * self._lanes + lane
        place = f"pass {one.number}, slot {beat}, lane {lane} (column {column})"
        if column >= one.settings.columns:
            return f"{place}, inactive as {one.settings.columns} columns are active"
        settings = taken_settings(one.settings, one.slots * self._lanes)
        params, codes = self._params(one), self._operands([one])[0]
        operands = {name: int(v[column]) for name, v in params.fields(self._config).items()}
        inner = {name: v[..., column].tolist() for name, v in taps(self._config, codes, params, settings).items()}
        name = "operands" if self._config.derived.front_end.present else "codes"
        return f"{place}, {name} {codes[:, column].tolist()}, {operands}, {one.settings}, golden {inner}"


_NAMES = ("y", "low", "high")
