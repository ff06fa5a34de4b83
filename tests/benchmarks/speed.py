"""Measure what the product costs its user; prints one JSON object.  `make bench`.

Times are wall-clock seconds of this machine in this run; compare runs by their ratios only.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import golden
from flows.generate import generate
from flows.simulate import simulate
from nmpu_hdl.presets import preset


def seconds(job: Callable[[], Any]) -> float:
    start = time.perf_counter()
    job()
    return time.perf_counter() - start


def command(*words: str) -> float:
    """A whole ``nmpu`` process."""
    program = [sys.executable, "-c", "from flows.__main__ import main; main()", *words]
    return seconds(lambda: subprocess.run(program, check=True, capture_output=True))


def golden_rate(repeats: int = 5) -> float:
    """Columns a second of the model on one core, ``paper``, 40,000 passes: the best of some runs."""
    config, rng = preset("paper"), np.random.default_rng(0)
    codes = rng.integers(0, 1024, (40_000, 2, 256), dtype=np.uint16)
    params = golden.Params(rng.integers(0, 256, (2, 256)), rng.integers(-256, 256, 256))
    best = min(seconds(lambda: golden.forward(config, codes, params)) for _ in range(repeats))
    return codes.shape[0] * 256 / best


def simulation(folder: Path, columns: int) -> dict[str, float]:
    """The sustained run without stalls on ``paper``, by Verilator."""
    generate(preset("paper"), folder)
    result = simulate(folder, folder / "sim", soak=columns)
    assert result.failed == 0
    return {
        "regression_seconds": result.seconds,
        "verilator_build_seconds": result.build_seconds,
        "columns_checked": result.columns_checked,
        "soak_columns_per_second": result.columns_per_second,
    }


def main() -> None:
    """Run all, print JSON."""
    with TemporaryDirectory(prefix="nmpu-bench-") as name:
        folder = Path(name)
        report: dict[str, Any] = {
            "generate_paper_seconds": command("generate", "--preset", "paper", "-o", f"{folder}/generate"),
            "generate_1024x256_seconds": command(
                "generate", "--set", "array.columns=1024", "--set", "array.lanes=256", "-o", f"{folder}/large"
            ),
            "area_paper_neutral_seconds": command("area", "--preset", "paper", "-o", f"{folder}/area"),
            "golden_columns_per_second": golden_rate(),
            **simulation(folder / "simulation", columns=8_000_000),
        }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
