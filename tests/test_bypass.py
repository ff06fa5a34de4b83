"""Raw codes to the output: every bit, in order, whatever becomes of ``enable``."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from amaranth.hdl import Cat

from nmpu_hdl.bypass import Bypass
from nmpu_hdl.config import NmpuConfig

from .after import Sink, Taken, configure, drain, feed, refusal, simulate

CASES = [
    # lanes, output format, counts, code format, beats for a beat
    (1, "SQ4.0", 2, "UQ4.0", 2),
    (2, "UQ5.0", 1, "SQ5.0", 1),
    (3, "SQ3.0", 2, "UQ5.0", 4),
    (5, "SQ8.0", 1, "UQ3.0", 1),
]


def model(config: NmpuConfig, data: int, last: int) -> list[int]:
    """The output beats of one beat of codes, ``tlast`` above the data."""
    lanes, width = config.array.lanes, config.output.format.width
    raw = config.codes.counts * config.codes.format.width
    codes = [data >> (k * raw) & ((1 << raw) - 1) for k in range(lanes)]
    beats = []
    for start in range(0, raw, width):
        pieces = [code >> start & ((1 << width) - 1) for code in codes]
        beats.append(sum(piece << (k * width) for k, piece in enumerate(pieces)))
    beats[-1] |= last << (lanes * width)
    return beats


@pytest.mark.parametrize("sink", ["ready", "random", "patient"])
@pytest.mark.parametrize("case", CASES)
def test_raw_codes(case: tuple[int, str, int, str, int], sink: Sink) -> None:
    lanes, form, counts, codes, parts = case
    config = configure(lanes, 1, form, f"codes.counts={counts}", f"codes.format={codes}")
    rng = np.random.default_rng(lanes)
    dut = Bypass(config)
    bits = lanes * counts * config.codes.format.width
    beats = [(int(rng.integers(1 << bits)), int(rng.integers(2))) for _ in range(60)]
    expected = [word for data, last in beats for word in model(config, data, last)]
    assert len(expected) == parts * len(beats)
    source = SimpleNamespace(valid=dut.s_tvalid, ready=dut.s_tready, payload=Cat(dut.s_tdata, dut.s_tlast))
    target = SimpleNamespace(valid=dut.m_tvalid, ready=dut.m_tready, payload=Cat(dut.m_tdata, dut.m_tlast))
    taken: list[Taken] = []
    counted = {"left open": 0}

    async def switch(ctx: Any) -> None:
        """Turn it on and off; off, it finishes the beat it has offered, and offers no other."""
        begun = 0
        while True:
            enable = 1 if sink == "ready" else int(rng.integers(3) > 0)
            ctx.set(dut.enable, enable)
            *_, busy, given, accepted, offered, ready = await ctx.tick().sample(
                dut.busy, dut.s_tvalid, dut.s_tready, dut.m_tvalid, dut.m_tready
            )
            assert busy == begun
            assert offered == (given and (enable or begun))
            assert not (accepted and not (enable or begun))
            counted["left open"] += begun and not enable
            begun = int(offered and not (ready and accepted))

    feeding = feed(source, [data | last << bits for data, last in beats], None if sink == "ready" else rng)
    simulate(dut, feeding, drain(target, len(expected), sink, rng, taken), always=(switch,))
    assert [t.beat for t in taken] == expected
    if sink == "ready":
        assert [t.clock for t in taken] == list(range(1, len(expected) + 1)), "not a beat a clock, or not at once"
    else:
        assert counted["left open"] >= 5


@pytest.mark.parametrize("end", ["input", "output"])
def test_only_from_stream_to_stream(end: str) -> None:
    config = configure(1, 1, "SQ4.0", f"tile.{end}=sram")
    assert refusal(Bypass, config) == f"tile.{end} = sram: raw codes can go from stream to stream only"
