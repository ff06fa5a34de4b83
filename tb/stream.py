"""Source, sink and monitor of AXI4-Stream.  Each does one step a clock; ``tb.bench`` calls them in order.

A step is in two halves: ``sample`` reads what the pins showed up to the clock edge, ``drive`` sets them for the next
clock.  One coroutine for all of them costs a fraction of one coroutine each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .pins import Pins

__all__ = ["PATTERNS", "Beat", "StreamDriver", "StreamMonitor", "StreamSink", "Traffic", "bit", "pattern"]

PATTERNS = ("none", "alternate", "random", "bursts")
"""Ways to be idle; see :func:`pattern`."""


@dataclass(frozen=True)
class Traffic:
    """Beats to be sent in a row.

    Args:
        codes: (beats, lanes, counts) what the beats carry; to a front end (beats, lanes, fields):
            :func:`tb.raw.raw_fields`.
        data: the words for the pins.
        last: tlast of each beat.
        pins: settings to show from the moment the beat of that index is offered.
        sums: (beats,) what the beats carry to a front end behind the lanes.
    """

    codes: NDArray[np.integer]
    data: list[int]
    last: list[int]
    pins: dict[int, Pins] = field(default_factory=dict)
    sums: NDArray[np.int64] | None = None


class Beat(NamedTuple):
    """A result as it was taken: binary text, the highest bit first."""

    data: str
    user: str
    last: str


def bit(handle: Any) -> bool:
    """The level of a one-bit pin.

    Raises:
        AssertionError: it is neither 0 nor 1.
    """
    text = str(handle.value)
    if text not in ("0", "1"):
        raise AssertionError(f"{handle._name} is {text}, neither 0 nor 1")
    return text == "1"


def pattern(kind: str, rng: np.random.Generator) -> Iterator[bool] | None:
    """When to be idle: True in the clocks that are; None: never.

    Args:
        kind: ``none``; ``alternate``: every other clock; ``random``: half of the clocks; ``bursts``: long and short
            runs of either.
        rng: source of chance.
    """
    if kind not in PATTERNS:
        raise ValueError(f"'{kind}' is not a pattern; {', '.join(PATTERNS)} are")
    return None if kind == "none" else _idle(kind, rng)


def _idle(kind: str, rng: np.random.Generator) -> Iterator[bool]:
    while True:
        if kind == "alternate":
            yield from (True, False)
        elif kind == "random":
            yield from rng.integers(0, 2, 64).astype(bool).tolist()
        else:
            for idle in (True, False):
                yield from [idle] * int(rng.integers(1, 9))


class StreamDriver:
    """Offers beats on ``<prefix>_*`` and keeps them on offer until they are taken."""

    def __init__(self, dut: Any, prefix: str) -> None:
        self._valid, self._ready = getattr(dut, f"{prefix}_tvalid"), getattr(dut, f"{prefix}_tready")
        self._data, self._last = getattr(dut, f"{prefix}_tdata"), getattr(dut, f"{prefix}_tlast")
        self.gaps: Iterator[bool] | None = None
        self.clear()

    def clear(self) -> None:
        """Forget what is still to be sent, and offer nothing."""
        self.traffic: Traffic | None = None
        self.index = 0
        self.offering = False
        self._shown_valid, self._shown_last = 0, -1
        self._valid.value = 0

    def load(self, traffic: Traffic) -> Pins | None:
        """Begin to send ``traffic``; nothing else may be under way.

        Without a gap its first beat is on offer in this very clock; returned are the settings that go with it.
        """
        if self.busy:
            raise RuntimeError("the driver is still busy")
        self.traffic, self.index = traffic, 0
        return self.drive()

    @property
    def busy(self) -> bool:
        """Beats are left to be taken."""
        return self.traffic is not None

    def sample(self) -> int:
        """Index of the beat that was taken at this edge, or -1."""
        return self.index if self.offering and bit(self._ready) else -1

    def drive(self, taken: bool = False) -> Pins | None:
        """Move on, if the beat on offer was taken.

        Returns:
            The settings that go with a beat newly offered.
        """
        if taken and self.traffic is not None:
            self.offering = False
            self.index += 1
            if self.index == len(self.traffic.data):
                self.traffic = None
        if self.offering:
            return None
        if self.traffic is None or (self.gaps is not None and next(self.gaps)):
            if self._shown_valid:
                self._valid.value = self._shown_valid = 0
            return None
        index, traffic = self.index, self.traffic
        self.offering = True
        self._data.value = traffic.data[index]
        # A write costs more than the question whether it would change something.
        if not self._shown_valid:
            self._valid.value = self._shown_valid = 1
        if traffic.last[index] != self._shown_last:
            self._last.value = self._shown_last = traffic.last[index]
        return traffic.pins.get(index)


class StreamSink:
    """Drives ``<prefix>_tready``, without a look at tvalid."""

    def __init__(self, dut: Any, prefix: str) -> None:
        self._ready = getattr(dut, f"{prefix}_tready")
        self.stalls: Iterator[bool] | None = None
        self.blocked = False
        self.ready = False
        self._ready.value = 0

    def drive(self) -> None:
        """Decide on the next clock."""
        ready = not self.blocked and (self.stalls is None or not next(self.stalls))
        if ready is not self.ready:
            self._ready.value = int(ready)
            self.ready = ready


class StreamMonitor:
    """Watches ``<prefix>_*`` and asserts the rules: a beat on offer stays until taken, and does not change."""

    def __init__(self, dut: Any, prefix: str) -> None:
        self._valid = getattr(dut, f"{prefix}_tvalid")
        self._data, self._user = getattr(dut, f"{prefix}_tdata"), getattr(dut, f"{prefix}_tuser")
        self._last = getattr(dut, f"{prefix}_tlast")
        self._prefix = prefix
        self.waiting: Beat | None = None

    def reset(self) -> None:
        """Forget the beat on offer, for a reset may take it back."""
        self.waiting = None

    def sample(self, ready: bool) -> Beat | None:
        """What was transferred at this edge, given tready up to it.

        Raises:
            AssertionError: a rule is broken, or tvalid is neither 0 nor 1.
        """
        waited = self.waiting
        if not bit(self._valid):
            if waited is not None:
                raise AssertionError(f"{self._prefix}_tvalid fell before the beat was taken")
            return None
        beat = Beat(str(self._data.value), str(self._user.value), str(self._last.value))
        if waited is not None and beat != waited:
            raise AssertionError(f"{self._prefix} changed while it waited for tready: {waited} became {beat}")
        self.waiting = None if ready else beat
        return beat if ready else None
