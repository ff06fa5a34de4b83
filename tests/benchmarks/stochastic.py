"""Draw how the error of samples falls with their number, to docs/stochastic.svg; prints one JSON object.

    python -m tests.benchmarks.stochastic

A layer of StoX-Net's default (preset ``stox``: 4 streams of activations, 4 slices of weights, a = 4) of 256 inputs in
two sub-arrays goes through the junctions' model and golden's front end.  The error is that of ``operand / (S T)``, as a
share of its largest value, against what is expected: the sum of ``tanh(a * ps)``.  Everything is seeded.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import golden
from flows.charts import svg
from golden import Junctions, Streams
from nmpu_hdl.presets import load

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["TIMES", "chart", "main", "measure"]

DOCS = Path(__file__).parents[2] / "docs"
TIMES = tuple(1 << k for k in range(13))
SEED, INPUTS, COLUMNS, VECTORS = 1, 256, 8, 32
_AT_ONCE = 1 << 12
"""Samples of a column and step at a time, which bounds the memory."""


def measure(times: Sequence[int] = TIMES) -> dict[str, Any]:
    """For each number of samples T: the root of the mean squared error, measured and by theory, and the mean error.

    Returns:
        Lists ``samples``, ``error``, ``theory``, ``mean``; ``conversions``, of how many each is the mean; and
        ``exponent``, that of T in a line through the measured errors.
    """
    rng = np.random.default_rng(SEED)
    config = load(preset_name="stox", settings=[f"front.samples={max(times)}"])
    x, w = rng.integers(0, 16, (VECTORS, INPUTS)), rng.integers(-15, 16, (INPUTS, COLUMNS))
    partial = Streams(4, 4, rows=128).sums(x, w)
    gain = golden.stochastic.normalisation(partial)[0]
    weights = np.outer(*[1 << np.arange(4)] * 2)
    most = weights.sum()
    single = (weights[..., None] ** 2 * (1 - np.tanh(4 * gain * partial) ** 2)).sum(axis=(1, 2, 3))
    found: dict[str, Any] = {"samples": list(times), "error": [], "theory": [], "mean": []}
    for count in times:
        streams = Streams(4, 4, rows=128, junctions=Junctions(count))
        front, step = streams.front(config, INPUTS), max(_AT_ONCE // count, 1)
        parts = [
            golden.front_end(config, streams.raw(rng, partial[k : k + step], gain).raw, front)[:, 0, 0]
            for k in range(0, VECTORS, step)
        ]
        values = np.concatenate(parts) / streams.line(INPUTS, COLUMNS).slope[0]
        error = (values - streams.expected(partial, gain)) / most
        found["error"].append(float(np.sqrt((error**2).mean())))
        found["mean"].append(float(error.mean()))
        found["theory"].append(float(np.sqrt(single.mean() / count) / partial.shape[1] / most))
    exponent = np.polyfit(np.log(times), np.log(found["error"]), 1)[0]
    return found | {"conversions": VECTORS * COLUMNS, "exponent": float(exponent)}


def chart(found: dict[str, Any]) -> str | None:
    """As SVG, or None without matplotlib."""
    return svg(lambda: _figure(found))


def _figure(found: dict[str, Any]) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(6, 4), layout="constrained")
    FigureCanvasAgg(drawn)
    axis = drawn.subplots()
    axis.loglog(found["samples"], found["theory"], color="#a6a6a6", label="independent samples: proportional to 1/√T")
    axis.loglog(found["samples"], found["error"], "o", color="#762a83", label="measured, through golden.front_end")
    axis.set_xlabel("samples a conversion, T")
    axis.set_ylabel("root of the mean squared error,\nshare of the largest value")
    axis.grid(visible=True, which="major", color="#dddddd", linewidth=0.6)
    axis.legend(frameon=False)
    axis.set_title(f"Samples against their expectation: exponent of T {found['exponent']:.3f}")
    return drawn


def main(file: Path) -> None:
    """Measure, draw, print JSON."""
    found = measure()
    drawn = chart(found)
    if drawn is not None:
        file.write_text(drawn, encoding="utf-8")
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measure and draw how the error of samples falls with their number.")
    parser.add_argument("file", nargs="?", type=Path, default=DOCS / "stochastic.svg", help="default: %(default)s")
    main(parser.parse_args().file)
