"""Plays operands on units without registers and keeps what they answer; who asked compares."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import Timer
from numpy.typing import NDArray

__all__ = ["OPERANDS", "RESULTS"]

OPERANDS, RESULTS = "operands.npz", "results.npz"
"""In the folder of the simulation.  In the first: ``read``, names of the ports to be read after each step, and for each
port to be driven an array (steps, bytes), uint8, the lowest byte first; in the second such arrays of the ports read."""


@cocotb.test()
async def play(dut: Any) -> None:
    """Each step takes a nanosecond."""
    with np.load(OPERANDS) as file:
        given = dict(file)
    readers = {name: getattr(dut, name) for name in given.pop("read").tolist()}
    words = {name: [int.from_bytes(row.tobytes(), "little") for row in steps] for name, steps in given.items()}
    seen: dict[str, list[str]] = {name: [] for name in readers}
    pins, moment = [getattr(dut, name) for name in words], Timer(1, "ns")
    for step in zip(*words.values(), strict=True):
        for pin, word in zip(pins, step, strict=True):
            pin.value = word
        await moment
        for name, reader in readers.items():
            seen[name].append(str(reader.value))
    results: dict[str, Any] = {name: _bytes(texts) for name, texts in seen.items()}
    np.savez(RESULTS, **results)


def _bytes(texts: list[str]) -> NDArray[np.uint8]:
    size = len(texts[0]) // 8
    data = b"".join(int(text, 2).to_bytes(size, "little") for text in texts)
    return np.frombuffer(data, np.uint8).reshape(-1, size)
