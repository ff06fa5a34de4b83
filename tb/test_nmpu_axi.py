"""The regression of ``nmpu_axi``; ``+effort=N`` makes it N times as long."""

from __future__ import annotations

from typing import Any

import cocotb

from .axi_bench import AxiBench, effort
from .stream import PATTERNS


@cocotb.test()
async def random_programs(dut: Any) -> None:
    """Random chains of layers against the golden model, with gaps and stalls of every kind."""
    async with AxiBench(dut, "programs") as bench:
        await bench.driver.identify()
        await bench.load_both()
        await bench.load_tables()
        for k in range(effort(24)):
            bench.pause(PATTERNS[k % len(PATTERNS)])
            await bench.run(*bench.chain())
