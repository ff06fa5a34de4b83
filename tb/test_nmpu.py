"""The regression.  The same body for any configuration, on RTL and on gates; ``+effort=N`` makes it N times as long.

Every test ends by comparing all results with the golden model (``Bench.finish``); the monitors assert the rules of the
streams in every clock of every test.
"""

from __future__ import annotations

import itertools
import time
from typing import Any

import cocotb
import numpy as np

from .bench import Bench
from .setup import effort, plusarg
from .stream import PATTERNS, bit
from .tile import Access


def _passes(bench: Bench, columns: int) -> int:
    """As many passes as ``columns`` columns take, but at least four."""
    return effort(max(4, -(-columns // bench.config.array.columns)))


@cocotb.test()
async def latency_and_throughput(dut: Any) -> None:
    """A beat a clock (or one each so many that its lanes take), within passes and from one to the next; results after
    exactly as many as there are stages."""
    async with Bench(dut, "latency") as bench:
        await bench.write(bench.stimulus.params())
        derived = bench.config.derived
        if derived.beat_cycles() == 1:
            await bench.until(lambda: bit(dut.s_axis_tready))
        else:  # a beat is not ready to be taken before it has been walked through
            await bench.clocks(2)
        for _ in range(3):
            start = len(bench.scoreboard.taken)
            settings = [bench.stimulus.settings() for _ in range(_passes(bench, 64))]
            await bench.passes([bench.stimulus.pins(each) for each in settings])
            await bench.drain()
            taken, given = (np.array(clocks[start:]) for clocks in (bench.scoreboard.taken, bench.scoreboard.given))
            lanes = bench.config.array.lanes
            beats = [derived.beat_cycles(each.shift) for each in settings for _ in range(-(-each.columns // lanes))]
            steady = np.diff(taken).tolist() == beats[1:]
            assert steady, f"beats were taken in clocks {taken.tolist()}, not after {beats[1:]} each"
            late, expected = given - taken, derived.depth
            assert (late == expected).all(), f"results came {late.tolist()} clocks after their beats, not {expected}"


@cocotb.test()
async def corners(dut: Any) -> None:
    """All combinations of extreme operands, at every shift, offset_shift, rounding and activation."""
    async with Bench(dut, "corners") as bench:
        for (codes, params), settings in zip(bench.stimulus.corners(), itertools.cycle(bench.stimulus.sweep())):
            await bench.write(params)
            await bench.play(bench.stimulus.traffic([codes], [bench.stimulus.pins(settings)]))


@cocotb.test()
async def ties_and_ends(dut: Any) -> None:
    """Rounding ties and their neighbours, the ends of the output, the clip limits, small and one-bit operands."""
    async with Bench(dut, "ties") as bench:
        make = bench.stimulus
        columns = 4800 if bench.config.derived.floating else 1200
        sweeps = effort(max(1, -(-columns // (len(make.sweep()) * bench.config.array.columns))))
        for settings in itertools.chain.from_iterable(make.sweep() for _ in range(sweeps)):
            codes = make.codes()
            await bench.write(make.aimed(codes, make.params(), settings))
            pins = make.pins(settings)
            await bench.play(make.traffic([codes, make.codes()], [pins, pins]))


@cocotb.test()
async def any_settings(dut: Any) -> None:
    """Settings that change with every pass, back to back; legal ones, and any bits at all on the pins."""
    async with Bench(dut, "settings") as bench:
        for _ in range(effort(4)):
            await bench.write(bench.stimulus.params())
            wild = [bench.stimulus.any_pins() for _ in range(_passes(bench, 256))]
            tame = [bench.stimulus.pins(bench.stimulus.settings()) for _ in wild]
            await bench.passes([*wild, *tame])
            await bench.passes([*wild, *tame], "random", "random")


@cocotb.test()
async def gaps_and_stalls(dut: Any) -> None:
    """Every pattern of the source against every pattern of the sink."""
    async with Bench(dut, "gaps") as bench:
        await bench.write(bench.stimulus.params())
        for gaps, stalls in itertools.product(PATTERNS, PATTERNS):
            pins = [bench.stimulus.pins(bench.stimulus.settings()) for _ in range(_passes(bench, 32))]
            await bench.passes(pins, gaps, stalls)
            await bench.drain()


@cocotb.test()
async def back_pressure(dut: Any) -> None:
    """With the sink blocked the pipeline fills, offers its first result, and takes no more; then all comes out."""
    async with Bench(dut, "pressure") as bench:
        await bench.write(bench.stimulus.params())
        pins = [bench.stimulus.pins(bench.stimulus.settings()) for _ in range(12)]
        bench.sink.blocked = True
        bench.begin(bench.random(pins))
        stages, walk = bench.config.how.stages, bench.config.derived.walk
        await bench.clocks(4 * stages + 8 + (stages + 3) * (bench.config.derived.beat_cycles() - 1))
        # The last group of the first beat waits in the last stage, groups of others in those before.
        count, expected = len(bench.scoreboard.taken), 1 + (stages - 1) // walk
        assert count == expected, f"{count} beats were taken with the sink blocked, not {expected}"
        assert bit(dut.m_axis_tvalid), "no result is on offer while the sink is blocked"
        bench.sink.blocked = False
        await bench.until(lambda: not bench.source.busy)


@cocotb.test()
async def active_columns(dut: Any) -> None:
    """Every number of active columns, or many of them; the lanes of the last slot beyond it give 0 and no flags."""
    async with Bench(dut, "columns") as bench:
        columns, make = bench.config.array.columns, bench.stimulus
        await bench.write(make.params())
        edges = {1, columns, max(columns - 1, 1), bench.config.array.lanes, min(bench.config.array.lanes + 1, columns)}
        chosen = [*edges, *bench.rng.permutation(np.arange(1, columns + 1))[: effort(24)].tolist()]
        await bench.passes([make.pins(make.settings(count)) for count in chosen])


@cocotb.test()
async def parameter_port(dut: Any) -> None:
    """Read-back, single lanes, rewrites between and during passes; what a write does is seen by all later beats."""
    async with Bench(dut, "port") as bench:
        slots, lanes, rng = bench.config.derived.words, bench.config.derived.built, bench.rng
        every, cycles = (1 << lanes) - 1, bench.config.derived.beat_cycles()
        await bench.write(bench.stimulus.params())
        await bench.access(Access(int(slot), 0) for slot in rng.permutation(slots)[: effort(16)])

        def anything() -> list[Access]:
            fresh = bench.stimulus.params()
            chosen = []
            for write in bench.writes(fresh):
                some = int.from_bytes(rng.bytes(-(-lanes // 8)), "little") & every
                enables = [None, 0, every, some, 1 << int(rng.integers(lanes))][int(rng.integers(5))]
                chosen.append(Access(write.slot, enables, write.word))
            return [chosen[k] for k in rng.permutation(slots)]

        for _ in range(effort(max(6, 48 // slots))):
            bench.queue(anything())
            idle = [Access(0, None)] * int(rng.integers(1, 9))
            bench.queue([part for access in anything() for part in (*idle, access)])
            if cycles > 1:  # at any clock of a beat, which has time to come to its end or not
                pauses = [[Access(0, None)] * int(rng.integers(3 * cycles)) for _ in range(24)]
                some = itertools.islice(itertools.cycle(anything()), len(pauses))
                bench.queue([part for pause, access in zip(pauses, some, strict=True) for part in (*pause, access)])
            gaps, stalls = (str(rng.choice(PATTERNS)) for _ in range(2))
            count = max(2, 24 // slots)
            await bench.passes([bench.stimulus.pins(bench.stimulus.settings()) for _ in range(count)], gaps, stalls)
        await bench.drain()
        reads = [Access(slot, 0) for slot in range(slots)]
        await bench.access(reads[: effort(64)])
        assert bench.host.reads, "no parameter was read back"


@cocotb.test()
async def reset_in_mid_pass(dut: Any) -> None:
    """Nothing stale comes out after a reset, and the next pass starts with its first slot; parameters stay."""
    async with Bench(dut, "reset") as bench:
        await bench.write(bench.stimulus.params())
        for _ in range(effort(12)):
            settings = [bench.stimulus.pins(bench.stimulus.settings()) for _ in range(3)]
            bench.begin(bench.random(settings), "none", str(bench.rng.choice(PATTERNS)))
            longest = (2 * bench.config.array.slots + 4) * bench.config.derived.beat_cycles()
            await bench.clocks(int(bench.rng.integers(1, longest)))
            await bench.reset()
        await bench.passes([bench.stimulus.pins(bench.stimulus.settings())])


@cocotb.test()
async def wrong_tlast(dut: Any) -> None:
    """frame_error tells of a tlast that disagrees with the slot counter, in the clock that takes the beat."""
    async with Bench(dut, "tlast") as bench:
        await bench.write(bench.stimulus.params())
        pins = [bench.stimulus.any_pins() for _ in range(_passes(bench, 64))]
        codes = [bench.stimulus.codes() for _ in pins]
        await bench.play(bench.stimulus.traffic(codes, pins, spoilt=0.5), "random", "random")


@cocotb.test()
async def soak(dut: Any) -> None:
    """``+soak=N`` columns (2,048 beats by default) without stalls, settings alike for many passes; its time is kept."""
    async with Bench(dut, "soak") as bench:
        array = bench.config.array
        await bench.write(bench.stimulus.params())
        bench.junk = False
        total = plusarg("soak", 0) or 2048 * array.lanes
        start = time.perf_counter()
        while bench.scoreboard.columns_checked < total:
            pins = bench.stimulus.pins(bench.stimulus.settings())
            await bench.passes([pins] * max(1, 1024 // array.slots))
            await bench.drain()
            bench.scoreboard.check()
        bench.rate = {"columns": bench.scoreboard.columns_checked, "seconds": time.perf_counter() - start}
