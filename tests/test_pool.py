"""Pooling against a plain model: windows of every kind, one-slot vectors back to back, stalls, aborted windows."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import numpy as np
import pytest

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.pool import Pool
from nmpu_hdl.program import POOLINGS

from .after import Beat, Sink, configure, refusal, stream_through

CASES = [
    # lanes, slots, output format, largest window, further widths
    (1, 1, "SQ4.0", 4, "[3]"),
    (2, 3, "UQ3.0", 3, "[]"),
    (3, 2, "SQ6.0", 5, "[4, 2]"),
    (5, 1, "UQ4.0", 9, "[2]"),
]


def signed(config: NmpuConfig, code: int) -> int:
    form = config.output.format
    return code - (1 << form.width) if form.signed and code > form.high else code


def draw(config: NmpuConfig, rng: np.random.Generator, windows: int) -> list[Beat]:
    """Windows of vectors; some are aborted, that is, followed by the start of another."""
    array, form = config.array, config.output.format
    codes = [c % (1 << form.width) for c in (form.low, form.low + 1, 0, form.high - 1, form.high)]
    beats = []
    for _ in range(windows):
        columns = int(rng.integers(1, array.columns + 1))
        slots = -(-columns // array.lanes)
        pooling = POOLINGS[rng.integers(3)]
        window = 1 if pooling == "none" else int(rng.integers(1, config.tile.pool + 1))
        aborted = rng.integers(6) == 0
        tag = {
            "width": int(rng.integers(len(config.derived.widths))),
            "table": int(rng.integers(2)),
            "table_bank": int(rng.integers(2)),
            "pooling": POOLINGS.index(pooling),
            "pool_shift": int(rng.choice([0, 1, 2, 3, 15])),
            "address": int(rng.integers(1 << config.tile.address)),
            "turn": int(rng.integers(8)),
        }
        for vector in range(window):
            for slot in range(slots):
                if aborted and vector == window - 1 and slot == slots - 1:
                    break
                active = min(columns - slot * array.lanes, array.lanes)
                extreme = rng.integers(2)
                y = [int(rng.choice(codes) if extreme else rng.integers(1 << form.width)) for _ in range(active)]
                flags = [int(rng.integers(1 << active)) & int(rng.integers(1 << active)) for _ in range(2)]
                ends = {"pool_first": int(vector == 0), "pool_final": int(vector == window - 1)}
                beats.append(
                    {
                        "y": y + [0] * (array.lanes - active),
                        "low": flags[0],
                        "high": flags[1],
                        "active": active,
                        "slot": slot,
                        "last": int(slot == slots - 1),
                        "mark": int(rng.integers(4) == 0),
                        "tag": {**tag, **ends, "ends": int(rng.integers(2))},
                    }
                )
    return beats


def model(config: NmpuConfig, beats: list[Beat]) -> list[Beat]:
    """What leaves: each slot's window gathered, then reduced at once."""
    form = config.output.format
    windows: dict[int, list[Beat]] = {}
    results = []
    for beat in beats:
        slot, tag = beat["slot"], beat["tag"]
        windows[slot] = [] if tag["pool_first"] else windows[slot]
        windows[slot].append(beat)
        if not tag["pool_final"]:
            continue
        window = windows[slot]
        y = []
        for column in zip(*(b["y"] for b in window), strict=True):
            values = [signed(config, code) for code in column]
            result = max(values)
            if POOLINGS[tag["pooling"]] == "average":
                width = config.derived.widths[tag["width"]]
                low, high = (-(2 ** (width - 1)), 2 ** (width - 1) - 1) if form.signed else (0, 2**width - 1)
                mean = floor(Fraction(sum(values), 2 ** tag["pool_shift"]) + Fraction(1, 2))
                result = min(max(mean, low), high)
            y.append(result % (1 << form.width))
        flags = {name: int(np.bitwise_or.reduce([b[name] for b in window])) for name in ("low", "high", "mark")}
        results.append({**beat, **flags, "y": y})
    return results


@pytest.mark.parametrize("sink", ["ready", "random", "patient"])
@pytest.mark.parametrize("case", CASES)
def test_windows(case: tuple[int, int, str, int, str], sink: Sink) -> None:
    lanes, slots, form, window, widths = case
    config = configure(lanes, slots, form, f"tile.pool={window}", f"tile.widths={widths}")
    beats = draw(config, np.random.default_rng(lanes), 80)
    expected = model(config, beats)
    assert len(expected) >= 60
    taken = stream_through(Pool(config), beats, len(expected), sink, seed=slots)
    assert [t.beat for t in taken] == expected
    if sink == "ready":
        finals = [k for k, beat in enumerate(beats) if beat["tag"]["pool_final"]]
        assert [t.clock for t in taken] == [k + 3 for k in finals], "not a beat a clock, or not two clocks of latency"


def test_the_largest_window_of_extremes() -> None:
    """The sum has room for the lowest and for the highest code all along the window, and the mean is that code."""
    config = configure(2, 1, "SQ4.0", "tile.pool=8")
    beats = draw(config, np.random.default_rng(0), 1)[:1]
    form = config.output.format
    extremes = [form.low % 16, form.high]
    tag = {**beats[0]["tag"], "pooling": 2, "pool_shift": 3, "width": 0}
    same = {**beats[0], "y": extremes, "active": 2}
    window = [{**same, "tag": {**tag, "pool_first": int(k == 0), "pool_final": int(k == 7)}} for k in range(8)]
    taken = stream_through(Pool(config), window, 1, "ready", seed=0)
    assert [t.beat["y"] for t in taken] == [extremes]


def test_no_pooling_to_build() -> None:
    assert (
        refusal(Pool, configure(1, 1, "SQ4.0"))
        == "tile.pool = 0: there is no pooling to build; 2 or more would build it"
    )
