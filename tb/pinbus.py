"""The driver's way to the unit by its pins alone: an AXI4-Lite master with nothing in it but speed."""

from __future__ import annotations

from typing import Any

from .lite import SlaveError
from .stream import bit

__all__ = ["PinBus"]


class PinBus:
    """One access at a time, address and data together; a word in a few clocks.

    Args:
        dut: the top, in reset.
    """

    def __init__(self, dut: Any) -> None:
        self._dut, self._edge = dut, dut.clk.rising_edge
        for name in ("awvalid", "wvalid", "bready", "arvalid", "rready", "awprot", "arprot"):
            self._set(name, 0)
        self._set("wstrb", 15)

    async def read(self, address: int) -> int:
        """The word at a byte address."""
        self._set("araddr", address)
        await self._offer("ar")
        await self._answer("r")
        return int(str(self._dut.s_axil_rdata.value), 2)

    async def write(self, address: int, data: int) -> None:
        """Write a word."""
        self._set("awaddr", address)
        self._set("wdata", data)
        await self._offer("aw", "w")
        await self._answer("b")

    def _set(self, name: str, value: int) -> None:
        getattr(self._dut, f"s_axil_{name}").value = value

    def _is(self, name: str) -> bool:
        return bit(getattr(self._dut, f"s_axil_{name}"))

    async def _offer(self, *channels: str) -> None:
        for channel in channels:
            self._set(f"{channel}valid", 1)
        waiting = set(channels)
        while waiting:
            await self._edge
            for channel in [one for one in channels if one in waiting and self._is(f"{one}ready")]:
                self._set(f"{channel}valid", 0)
                waiting.remove(channel)

    async def _answer(self, channel: str) -> None:
        """Until the answer is there; its pins are read behind the edge that takes it.

        Raises:
            SlaveError: it is not OKAY.
        """
        self._set(f"{channel}ready", 1)
        while True:
            await self._edge
            if self._is(f"{channel}valid"):
                break
        self._set(f"{channel}ready", 0)
        if int(str(getattr(self._dut, f"s_axil_{channel}resp").value), 2):
            raise SlaveError(f"the answer on {channel} is not OKAY")
