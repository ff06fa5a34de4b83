"""The SRAM tile port: a driver for the host's side, a mirror of what the memory holds, and a model of a macro."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

from nmpu_hdl.config import NmpuConfig

from .packing import lane_mask

__all__ = ["Access", "Mirror", "TileDriver", "TileModel"]


@dataclass(frozen=True)
class Access:
    """One clock of the port.

    Args:
        slot: the address of the word.
        enables: lanes that are written; 0 reads; None leaves the port alone for a clock.
        word: parameter words of all lanes.
    """

    slot: int
    enables: int | None
    word: int = 0


class Mirror:
    """What the parameter memory holds, by the accesses that it accepted.

    Attributes:
        words: the content of each word; a beat needs as many as ``derived.walk``.
        written: the bits of it that have ever been written.
    """

    def __init__(self, config: NmpuConfig) -> None:
        self.words = [0] * config.derived.words
        self.written = [0] * config.derived.words
        self._geometry = config.derived.built, config.derived.param_width
        self._walk = config.derived.walk

    def beat(self, slot: int) -> list[int]:
        """The words of a slot."""
        return self.words[slot * self._walk : (slot + 1) * self._walk]

    def write(self, slot: int, enables: int, word: int) -> None:
        """Write the enabled lanes."""
        mask = lane_mask(enables, *self._geometry)
        self.words[slot] = (self.words[slot] & ~mask) | (word & mask)
        self.written[slot] |= mask


class TileDriver:
    """Plays accesses on ``param_*``, one a clock, and checks what reads give."""

    def __init__(self, dut: Any, mirror: Mirror) -> None:
        self._en, self._we, self._addr = dut.param_en, dut.param_we, dut.param_addr
        self._wdata, self._rdata = dut.param_wdata, dut.param_rdata
        self._mirror = mirror
        self.queue: deque[Access] = deque()
        self.reads = 0
        self.clear()

    def clear(self) -> None:
        """Drop what is still to be done."""
        self.queue.clear()
        self._now: Access | None = None
        self._awaited: int | None = None
        self._en.value = 0
        self._we.value = 0

    @property
    def busy(self) -> bool:
        """Accesses, or the answer to a read, are outstanding."""
        return bool(self.queue) or self._now is not None or self._awaited is not None

    def sample(self) -> None:
        """At an edge: check the answer to the read before, then account for the access of this clock.

        Raises:
            AssertionError: the answer differs from what was written there.
        """
        if self._awaited is not None:
            self._check(self._awaited)
            self._awaited = None
        if self._now is None or self._now.enables is None:
            return
        if self._now.enables:
            self._mirror.write(self._now.slot, self._now.enables, self._now.word)
        else:
            self._awaited = self._now.slot

    def _check(self, slot: int) -> None:
        text, expected, known = str(self._rdata.value), self._mirror.words[slot], self._mirror.written[slot]
        self.reads += 1
        for position, digit in enumerate(reversed(text)):
            if known >> position & 1 and digit != str(expected >> position & 1):
                right = f"{expected:0{len(text)}b}"
                raise AssertionError(f"param_rdata of slot {slot} is {text}, not {right}, in bit {position}")

    def drive(self) -> None:
        """Begin the next access."""
        if self._now is None and not self.queue:
            return
        self._now = self.queue.popleft() if self.queue else None
        active = self._now is not None and self._now.enables is not None
        self._en.value = int(active)
        if self._now is None or self._now.enables is None:
            return
        self._we.value, self._addr.value, self._wdata.value = self._now.enables, self._now.slot, self._now.word


class TileModel:
    """A macro at ``mem_*``.  Read data hold until the next access; after a write they are junk, as a macro's may be."""

    def __init__(self, dut: Any, config: NmpuConfig) -> None:
        self._rst, self._en, self._we, self._addr = dut.rst, dut.mem_en, dut.mem_we, dut.mem_addr
        self._wdata, self._rdata = dut.mem_wdata, dut.mem_rdata
        self.content = Mirror(config)
        self._junk = (1 << len(self._rdata)) - 1

    def step(self) -> None:
        """At an edge: do what the pins ask for, and show the answer from now on."""
        if str(self._en.value) != "1":
            return
        enables, slot = str(self._we.value), str(self._addr.value)
        if not set(enables + slot) <= {"0", "1"}:
            raise AssertionError(f"mem_we = {enables}, mem_addr = {slot} in an access: neither 0 nor 1")
        if "1" in enables:
            self.content.write(int(slot, 2), int(enables, 2), int(str(self._wdata.value), 2))
            self._rdata.value = self._junk
            self._junk ^= (1 << len(self._rdata)) - 1
        elif int(slot, 2) < len(self.content.words):
            self._rdata.value = self.content.words[int(slot, 2)]
        elif str(self._rst.value) != "1":  # before the first reset, which clears it, the slot may be any number
            raise AssertionError(f"mem_addr = {slot} is read, and there are {len(self.content.words)} words")
