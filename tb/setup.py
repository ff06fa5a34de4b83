"""What every bench begins and ends with: its configuration, its chance, its clock, and the numbers that it leaves."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.handle import Deposit, Immediate

from nmpu_hdl.config import NmpuConfig

__all__ = ["chance", "configuration", "effort", "plusarg", "record", "start_clock"]


def plusarg(name: str, default: int) -> int:
    """A knob from the command line of the simulator: ``+name=value``."""
    return int(str(cocotb.plusargs.get(name, default)))


def effort(count: int) -> int:
    """``count`` times what ``+effort`` says."""
    return count * plusarg("effort", 1)


def configuration() -> NmpuConfig:
    """The configuration, from the file that NMPU_CONFIG names."""
    return NmpuConfig.model_validate_json(Path(os.environ["NMPU_CONFIG"]).read_text())


def chance(name: str) -> np.random.Generator:
    """Source of chance of the test of that name: with the run's seed it determines every choice."""
    return np.random.default_rng([cocotb.RANDOM_SEED, zlib.crc32(name.encode())])


def start_clock(dut: Any) -> None:
    """Two nanoseconds a clock, low first."""
    # Verilator evaluates the design twice an edge, once for nothing, if the edge itself is a scheduled write.
    action = Immediate if cocotb.SIM_NAME.startswith("Verilator") else Deposit
    Clock(dut.clk, 2, unit="ns", set_action=action).start(start_high=False)


def record(columns_checked: int, rate: Mapping[str, float] | None = None) -> None:
    """Add to the numbers that the runner reads."""
    path = Path("bench.json")
    seen = json.loads(path.read_text()) if path.exists() else {"columns_checked": 0, "columns": 0, "seconds": 0.0}
    seen["columns_checked"] += columns_checked
    for name, value in (rate or {}).items():
        seen[name] += value
    path.write_text(json.dumps(seen))
