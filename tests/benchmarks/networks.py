"""Measure how fast real networks go through the bit-exact model; prints one JSON object.

Both networks of ``../shared/data`` (or of the folder named on the command line), a process a core, one thread each.
Images a second are of this machine in this run; compare runs by their ratios only.  Where others use the machine as
well, those a second of processor time, all cores together, tell more than those of the clock on the wall.
"""

from __future__ import annotations

import json
import os
import sys
import time
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flows.evaluate.inputs import Inputs, load_inputs, save_inputs
from flows.evaluate.work import How, deployed
from flows.networks.extras import extra
from flows.networks.load import load_network
from golden.network import Deployed, Post, run
from nmpu_hdl.presets import load

DATA = Path(__file__).parents[3] / "shared" / "data"
NETWORKS = {"resnet9": "cifar10", "resnet32": "cifar100"}
POSTS: tuple[Post, ...] = ("fp32", "fp16", "nmpu")
IMAGES, BATCH = 400, 50


def rates(kept: Path) -> dict[str, tuple[float, float]]:
    """Images a second of one process, and a second of processor time, by arithmetic; network and arrays are ready."""
    with extra("threadpoolctl", "networks").threadpool_limits(1):
        unit, images = deployed(kept, How(load()), 1), load_inputs(kept).images
        run(unit, images[:BATCH])  # what is slow the first time
        return {post: _rate(unit, images, post) for post in POSTS}


def _rate(unit: Deployed, images: NDArray[np.uint8], post: Post) -> tuple[float, float]:
    wall, busy = time.perf_counter(), time.process_time()
    for first in range(0, len(images), BATCH):
        run(unit, images[first : first + BATCH], post)
    return len(images) / (time.perf_counter() - wall), len(images) / (time.process_time() - busy)


def measured(name: str, data: Path, folder: Path) -> dict[str, Any]:
    """Of all cores together, and against float32 behind the converters."""
    files = data / f"{name}_{NETWORKS[name]}.npz", data / f"{NETWORKS[name]}.npz"
    loaded = load_network(name, folder, weights=files[0], data=files[1])
    kept = save_inputs(Inputs.of(*loaded, IMAGES, 256), folder)
    cores = os.cpu_count() or 1
    with get_context("spawn").Pool(cores) as pool:
        found = pool.map(rates, [kept] * cores, chunksize=1)
    wall, busy = ({post: round(sum(one[post][k] for one in found), 1) for post in POSTS} for k in (0, 1))
    return {
        "images_per_second": wall,
        "images_per_second_of_processors": busy,
        "nmpu_over_fp32": round(busy["nmpu"] / busy["fp32"], 3),
        "processes": cores,
    }


def main() -> None:
    """Run both, print JSON."""
    data = Path(sys.argv[1]) if len(sys.argv) > 1 else DATA
    with TemporaryDirectory(prefix="nmpu-bench-") as name:
        print(json.dumps({one: measured(one, data, Path(name)) for one in NETWORKS}, indent=2))


if __name__ == "__main__":
    main()
