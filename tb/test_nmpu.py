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
from numpy.typing import NDArray

from .bench import Bench
from .passes import Steps
from .setup import effort, plusarg
from .stream import PATTERNS, bit
from .tile import Access


def _passes(bench: Bench, columns: int) -> int:
    """As many passes as ``columns`` columns take, but at least four."""
    return effort(max(4, -(-columns // bench.config.array.columns)))


@cocotb.test()
async def latency_and_throughput(dut: Any) -> None:
    """A beat a clock (or one each so many that its lanes take), within passes and from one to the next; results after
    exactly as many as there are stages.

    A front end takes a beat a clock too, but none while operands wait for lanes that take several clocks; its results
    come a clock or two later, and the clocks that lanes take follow the last beat of a slot instead of being before it.
    """
    async with Bench(dut, "latency") as bench:
        await bench.write(bench.stimulus.params())
        derived, front = bench.config.derived, bench.config.derived.front_end.present
        if derived.beat_cycles() == 1 and not front:
            await bench.until(lambda: bit(dut.s_axis_tready))
        else:  # a beat is not ready to be taken before it has been walked through; a front end is, before its lanes
            await bench.clocks(2)
        for _ in range(3):
            start, before = len(bench.scoreboard.taken), len(bench.scoreboard.beats)
            settings = [bench.stimulus.settings() for _ in range(_passes(bench, 64))]
            await bench.passes([bench.stimulus.pins(each) for each in settings])
            await bench.drain()
            taken, given = (np.array(clocks[start:]) for clocks in (bench.scoreboard.taken, bench.scoreboard.given))
            orders = [(Steps.of(bench.config, each), derived.beat_cycles(each.shift)) for each in settings]
            cycles = [count for order, count in orders for _ in range(order.slots)]
            beats, expected = cycles[1:], np.full(len(cycles), derived.depth)
            if front:
                spent = [count if last else 0 for order, count in orders for last in order.completing]
                beats, expected = _front_clocks(derived.front_end.stages, spent)
                expected += derived.depth
            clocks = bench.scoreboard.beats[before:]
            assert np.diff(clocks).tolist() == beats, f"beats were taken in clocks {clocks}, not {beats} apart"
            late = given - taken
            right = late.tolist() == expected.tolist()
            assert right, f"results came {late.tolist()} clocks after their slots, not {expected.tolist()}"


def _front_clocks(stages: int, spent: list[int]) -> tuple[list[int], NDArray[np.int64]]:
    """When a front end takes beats that are always on offer, and how long after a slot's last its lanes do.

    Args:
        stages: of the front end.
        spent: of each beat the clocks that lanes take for the slot that it completes; 0: it completes none.

    Returns:
        Clocks from beat to beat; and for each slot the clocks from its last beat to the lanes' taking its operands.
    """
    taken, added, given = [0], [0], [-1]
    late = []
    for clocks in spent:
        take = max(taken[-1] + 1, added[-1]) if stages > 1 else max(taken[-1] + 1, given[-1])
        add = max(take + 1, added[-1] + 1, given[-1]) if stages > 1 else take
        taken.append(take)
        added.append(add)
        if clocks:
            given.append(max(add + 1, given[-1] + 1) + clocks - 1)
            late.append(given[-1] - take)
    return np.diff(taken[1:]).tolist(), np.array(late)


@cocotb.test()
async def corners(dut: Any) -> None:
    """All combinations of extreme operands, at every shift, offset_shift, rounding and activation."""
    async with Bench(dut, "corners") as bench:
        for inputs, params, pins in bench.stimulus.corners():
            await bench.write(params)
            await bench.play(bench.stimulus.traffic([inputs], [pins]))


@cocotb.test()
async def ties_and_ends(dut: Any) -> None:
    """Rounding ties and their neighbours, the ends of the output, the clip limits, small and one-bit operands."""
    async with Bench(dut, "ties") as bench:
        make = bench.stimulus
        columns = 4800 if bench.config.derived.floating else 1200
        sweeps = effort(max(1, -(-columns // (len(make.sweep()) * bench.config.array.columns))))
        for settings in itertools.chain.from_iterable(make.sweep() for _ in range(sweeps)):
            inputs = make.inputs([settings])
            await bench.write(make.aimed(make.operands(inputs[0], settings), make.params(), settings))
            pins = make.pins(settings)
            await bench.play(make.traffic([*inputs, *make.inputs([settings])], [pins, pins]))


@cocotb.test()
async def any_settings(dut: Any) -> None:
    """Settings that change with every pass, back to back; legal ones, and any bits at all on the pins."""
    async with Bench(dut, "settings") as bench:
        for _ in range(effort(4)):
            await bench.write(bench.stimulus.params())
            wild = [bench.stimulus.wild_pins() for _ in range(_passes(bench, 256))]
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
    """With the sink blocked the pipeline fills, offers its first result, and takes no more; then all comes out.

    A front end holds the operands of one slot more, and takes no beat of any other, or with two stages just one.
    """
    async with Bench(dut, "pressure") as bench:
        await bench.write(bench.stimulus.params())
        pins = [bench.stimulus.pins(bench.stimulus.settings()) for _ in range(12)]
        bench.sink.blocked = True
        bench.begin(bench.random(pins))
        stages, walk = bench.config.how.stages, bench.config.derived.walk
        # The last group of the first beat waits in the last stage, groups of others in those before.
        front = bench.config.derived.front_end
        slots = 1 + (stages - 1) // walk + front.present
        orders = [Steps.of(bench.config, bench.resolve(each)) for each in pins]
        complete = [last for order in orders for last in order.completing]
        expected = np.flatnonzero(complete)[slots - 1] + max(front.stages, 1)
        spent = (stages + 3) * (bench.config.derived.beat_cycles() - 1)
        await bench.clocks(4 * stages + 8 + spent + expected - slots)
        count = len(bench.scoreboard.beats)
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
    """Read-back, single lanes, rewrites between and during passes; what a write does is seen by all later beats.

    With a front end writes are postponed while operands are under way to the lanes: :class:`tb.bench.Bench`.
    """
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
            traffic = bench.random(settings)
            bench.begin(traffic, "none", str(bench.rng.choice(PATTERNS)))
            longest = (2 * bench.config.array.slots + 4) * bench.config.derived.beat_cycles()
            if bench.config.derived.front_end.present:
                longest += len(traffic.data) * 2 // 3
            await bench.clocks(int(bench.rng.integers(1, longest)))
            await bench.reset()
        await bench.passes([bench.stimulus.pins(bench.stimulus.settings())])


@cocotb.test()
async def wrong_tlast(dut: Any) -> None:
    """frame_error tells of a tlast that disagrees with the slot counter, in the clock that takes the beat."""
    async with Bench(dut, "tlast") as bench:
        await bench.write(bench.stimulus.params())
        pins = [bench.stimulus.wild_pins() for _ in range(_passes(bench, 64))]
        inputs = bench.stimulus.inputs([bench.resolve(each) for each in pins])
        await bench.play(bench.stimulus.traffic(inputs, pins, spoilt=0.5), "random", "random")


@cocotb.test()
async def soak(dut: Any) -> None:
    """``+soak=N`` columns (2,048 beats by default) without stalls, settings alike for many passes; its time is kept."""
    async with Bench(dut, "soak") as bench:
        await bench.write(bench.stimulus.params())
        bench.junk = False
        total, beats = plusarg("soak", 0), 0
        start = time.perf_counter()
        while bench.scoreboard.columns_checked < total if total else beats < 2048:
            settings = bench.stimulus.settings()
            pins = bench.stimulus.pins(settings)
            await bench.passes([pins] * max(1, 1024 // Steps.of(bench.config, settings).beats))
            await bench.drain()
            beats += len(bench.scoreboard.beats)
            bench.scoreboard.check()
        bench.rate = {"columns": bench.scoreboard.columns_checked, "seconds": time.perf_counter() - start}
