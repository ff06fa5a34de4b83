"""Watches the streams and SRAM ports of ``nmpu_axi`` clock by clock: what was transferred, when, and by the rules."""

from __future__ import annotations

from typing import Any, NamedTuple

import cocotb

from nmpu_hdl.config import NmpuConfig

from .packing import lane_mask
from .stream import bit

__all__ = ["AxisBeat", "Watch", "Write"]


class AxisBeat(NamedTuple):
    """A transfer of an AXI4-Stream; -1 where the stream has no such signal."""

    data: int
    keep: int
    user: int
    last: int


class Write(NamedTuple):
    """A write to the SRAM of activations; bytes of ``data`` that are not enabled are 0 here."""

    addr: int
    we: int
    data: int


class _Stream:
    """One stream, seen from outside."""

    def __init__(self, dut: Any, prefix: str) -> None:
        self._prefix = prefix
        self._valid, self._ready = getattr(dut, f"{prefix}_tvalid"), getattr(dut, f"{prefix}_tready")
        self._parts = [getattr(dut, f"{prefix}_{name}", None) for name in ("tdata", "tkeep", "tuser", "tlast")]
        self._waiting: AxisBeat | None = None

    def sample(self) -> tuple[bool, bool, AxisBeat | None]:
        """Valid, ready, and the beat transferred at this edge.

        Raises:
            AssertionError: a beat on offer was withdrawn or changed, or a pin is neither 0 nor 1.
        """
        valid, ready = bit(self._valid), bit(self._ready)
        if not valid:
            if self._waiting is not None:
                raise AssertionError(f"{self._prefix}_tvalid fell before the beat was taken")
            return False, ready, None
        beat = AxisBeat(*(-1 if part is None else int(str(part.value), 2) for part in self._parts))
        if self._waiting is not None and beat != self._waiting:
            raise AssertionError(f"{self._prefix} changed while it waited: {self._waiting} became {beat}")
        self._waiting = None if ready else beat
        return True, ready, beat if ready else None

    def reset(self) -> None:
        """A reset may take back what is on offer."""
        self._waiting = None


class Watch:
    """Runs as a coroutine of its own from :meth:`begin` on.

    Args:
        dut: the top.
        config: the configuration.

    Attributes:
        now: clocks since the beginning.
        taken: clock of each beat of codes.
        results, given: beats of ``m_axis``, and their clocks; or writes of activations.
        sums: beats of ``m_axis_sum``.
        stall_in, stall_out: clocks in which the unit waited for codes or a residual; in which results or sums waited.
        raised: clocks in which irq rose.
        codes: the SRAM of codes, word by address.
        blind: look away, for sources take back what they have on offer.
    """

    def __init__(self, dut: Any, config: NmpuConfig) -> None:
        tile = config.tile
        self._dut = dut
        self._codes_in = _Stream(dut, "s_axis") if tile.input == "stream" else None
        self._results = _Stream(dut, "m_axis") if tile.output == "stream" else None
        self._sums = _Stream(dut, "m_axis_sum") if tile.chain > 1 else None
        self._residuals = _Stream(dut, "s_axis_res") if tile.residual else None
        self.codes: dict[int, int] = {}
        self.now = 0
        self.blind = False
        self.failure: AssertionError | None = None
        self._irq = False
        self.forget()

    def begin(self) -> None:
        """Watch from now on."""
        cocotb.start_soon(self._run())

    def forget(self) -> None:
        """Drop what was seen."""
        self.taken: list[int] = []
        self.results: list[AxisBeat | Write] = []
        self.given: list[int] = []
        self.sums: list[AxisBeat] = []
        self.raised: list[int] = []
        self.stall_in = self.stall_out = 0

    def reset(self) -> None:
        """The unit is in reset."""
        for stream in (self._codes_in, self._results, self._sums, self._residuals):
            if stream:
                stream.reset()

    async def _run(self) -> None:
        edge = self._dut.clk.rising_edge
        while True:
            await edge
            self.now += 1
            if self.blind or bit(self._dut.rst):
                self.reset()
                continue
            try:
                self._clock()
            except AssertionError as error:
                self.failure = self.failure or error
                raise

    def _clock(self) -> None:
        waits = False
        if self._codes_in:
            valid, ready, beat = self._codes_in.sample()
            waits = ready and not valid
            if beat:
                self.taken.append(self.now)
        else:
            self._serve()
        if self._residuals:
            valid, ready, _ = self._residuals.sample()
            waits |= ready and not valid
        self.stall_in += waits
        blocked = False
        if self._results:
            valid, ready, beat = self._results.sample()
            blocked = valid and not ready
            if beat:
                self.results.append(beat)
                self.given.append(self.now)
        elif bit(self._dut.acts_en):
            names = ("acts_addr", "acts_we", "acts_wdata")
            addr, enables, data = (int(str(getattr(self._dut, name).value), 2) for name in names)
            self.results.append(Write(addr, enables, data & lane_mask(enables, enables.bit_length(), 8)))
            self.given.append(self.now)
        if self._sums:
            valid, ready, beat = self._sums.sample()
            blocked |= valid and not ready
            if beat:
                self.sums.append(beat)
        self.stall_out += blocked
        irq = bit(self._dut.irq)
        if irq and not self._irq:
            self.raised.append(self.now)
        self._irq = irq

    def _serve(self) -> None:
        """The SRAM of codes: a read is answered in the next clock, and the answer stays."""
        if bit(self._dut.codes_en):
            addr = int(str(self._dut.codes_addr.value), 2)
            if addr not in self.codes:
                raise AssertionError(f"codes are read at {addr}, where there are none")
            self._dut.codes_rdata.value = self.codes[addr]
            self.taken.append(self.now)
