"""The driver's way to the unit: an AXI4-Lite master of cocotbext-axi."""

from __future__ import annotations

from cocotbext.axi import AxiLiteMaster, AxiResp

__all__ = ["LiteBus", "SlaveError"]


class SlaveError(AssertionError):
    """The unit answered SLVERR."""


class LiteBus:
    """The driver's way through an AXI4-Lite master."""

    def __init__(self, master: AxiLiteMaster) -> None:
        self._master = master

    async def read(self, address: int) -> int:
        """The word at a byte address."""
        answer = await self._master.read(address, 4)
        if answer.resp != AxiResp.OKAY:
            raise SlaveError(f"read of {address:#x} answered {answer.resp!r}")
        return int.from_bytes(answer.data, "little")

    async def write(self, address: int, data: int) -> None:
        """Write a word."""
        answer = await self._master.write(address, data.to_bytes(4, "little"))
        if answer.resp != AxiResp.OKAY:
            raise SlaveError(f"write of {address:#x} answered {answer.resp!r}")
