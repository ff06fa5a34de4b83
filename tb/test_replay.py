"""Runs the layer program of ``replay.npz`` on ``nmpu_axi``, and keeps what came out in ``replay_results.npz``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import cocotb
import numpy as np

from nmpu_hdl.program import Layer

from .axi_bench import AxiBench
from .axi_model import slots_of
from .packing import fields
from .replay import INPUTS, RESULTS, load
from .watch import AxisBeat


@cocotb.test()
async def replay(dut: Any) -> None:
    """The chain as it is, without gaps; every beat is compared with the golden model, and results are kept."""
    async with AxiBench(dut, "replay") as bench:
        assert bench.codes, "codes are replayed on a stream: tile.input = stream would do"
        plan = load(Path(os.environ["NMPU_CONFIG"]).parent / INPUTS, bench.config)
        await bench.load(plan.image)
        await bench.swap()
        bench.tables = plan.tables
        if plan.tables is not None:
            for bank in (0, 1):
                await bench.driver.load_table(bank, plan.tables[bank].tolist())
        order = [plan.first]
        while (following := plan.descriptors[order[-1]].next) is not None:
            order.append(following)
        await bench.run(plan.descriptors, order, plan.inputs)
        results = iter(bench.watch.results)
        kept = {
            f"y_{k}": _results(bench, plan.descriptors[place], results)
            for k, place in enumerate(order)
            if not plan.descriptors[place].sum_out
        }
        np.savez(RESULTS, **kept)


def _results(bench: AxiBench, layer: Layer, beats: Any) -> Any:
    """(outputs, columns): what the beats of a layer carry."""
    config, width = bench.config, layer.settings.width
    slots = slots_of(config, layer.settings.columns)
    size = -(-config.array.lanes * config.output.format.width // 8) * 8
    rows = []
    for _ in range(layer.outputs):
        row = []
        for part in slots:
            beat = next(beats)
            assert isinstance(beat, AxisBeat)
            text = f"{beat.data:0{size}b}"
            row.append(
                fields([text], config.array.lanes, width, config.output.format.signed)[0, : part.stop - part.start]
            )
        rows.append(np.concatenate(row))
    return np.array(rows)
