"""The regression of ``nmpu_axi``: programs, their timing, what changes while they run; ``+effort=N``: N times as long.

What an instance does not have is not tested in it: each such test ends at once.  Two more modules belong to it,
``test_nmpu_axi_bus`` and ``test_nmpu_axi_errors``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cocotb
import numpy as np

from nmpu_hdl.program import Layer, descriptor_words

from .axi_bench import AxiBench, random_beats
from .axi_model import Step, expect, lanes_word
from .lite import SlaveError
from .passes import Steps
from .programs import draw_chain, draw_layer
from .setup import effort
from .stream import PATTERNS, bit
from .watch import AxisBeat


@cocotb.test()
async def random_programs(dut: Any) -> None:
    """Random chains of layers against the golden model, with gaps and stalls of every kind."""
    async with AxiBench(dut, "programs") as bench:
        await bench.load_both()
        await bench.load_tables()
        for k in range(effort(24)):
            bench.pause(PATTERNS[k % len(PATTERNS)])
            if k % 8 == 7:
                await bench.swap()
                await bench.load()
            await bench.run(*bench.chain())


@cocotb.test()
async def throughput(dut: Any) -> None:
    """A beat a clock within a layer, the stated gap between layers, results after the stated latency."""
    async with AxiBench(dut, "throughput") as bench:
        config = bench.config
        await bench.load_both()
        await bench.load_tables()
        fetch = descriptor_words(config) + 3
        for k in range(effort(6)):
            layers, order = draw_chain(bench.rng, config, 4, 1)
            # Nothing that makes the unit wait; some long enough for the next descriptor to be read meanwhile.
            plain: dict[str, Any] = {"sum_in": False, "sum_out": False, "pooling": "none"}
            for place, layer in layers.items():
                vectors = fetch if k % 2 else int(bench.rng.integers(1, 6))
                layers[place] = replace(layer, vectors=vectors, **plain)
            await bench.run(layers, order, [bench.inputs(layers[place]) for place in order])
            if not (config.derived.front_end.present and config.derived.clocked):  # else beats wait for lanes
                _check_clocks(bench, [layers[place] for place in order], fetch)


def _cycles(bench: AxiBench, layer: Layer) -> list[int]:
    """Clocks that each of a layer's beats takes; with a front end, of parallel lanes: one."""
    derived, beats = bench.config.derived, Steps.of(bench.config, layer.settings).beats
    return [derived.beat_cycles(shift) for shift in layer.shifts for _ in range(beats)] * layer.vectors


def _check_clocks(bench: AxiBench, layers: list[Layer], fetch: int) -> None:
    """Clocks between beats taken, and from the beats of last blocks to their results."""
    config, watch = bench.config, bench.watch
    wanted: list[int] = []
    took: list[int] = []
    last: list[bool] = []
    clock = 0
    for layer in layers:
        cycles, complete = _cycles(bench, layer), Steps.of(config, layer.settings).completing
        wanted += (clock + np.cumsum(cycles)).tolist()
        took += cycles
        last += [*[False] * (layer.blocks - 1) * len(complete), *complete] * layer.vectors
        clock += sum(cycles) + max(config.derived.layer_gap, fetch - sum(cycles))
    taken = np.array(watch.taken)
    if config.tile.input == "sram":  # reads come before the clocks of a beat, the last of which takes it
        taken = taken + took
    seen = (taken - taken[0] + wanted[0]).tolist()
    assert seen == wanted, f"beats were taken at {seen}, not at {wanted}"
    late = np.array(watch.given) - taken[np.array(last)]
    latency = config.derived.depth + config.derived.front_end.stages
    assert (late == latency).all(), f"results came {late.tolist()} clocks late, not {latency}"


@cocotb.test()
async def back_pressure(dut: Any) -> None:
    """With the sink blocked for long nothing is lost, and the stall counters tell how long."""
    async with AxiBench(dut, "pressure") as bench:
        if bench.results is None:
            return
        await bench.load_both()
        await bench.load_tables()
        layer = replace(draw_layer(bench.rng, bench.config), vectors=6, sum_in=False, sum_out=False, pooling="none")
        bench.results.pause = True
        cocotb.start_soon(_release(bench, 150))
        expected = await bench.run({0: layer}, [0], [bench.inputs(layer)])
        assert expected.results
        assert bench.watch.stall_out > 100


async def _release(bench: AxiBench, clocks: int) -> None:
    while not bit(bench.dut.m_axis_tvalid):
        await bench.clocks(1)
    await bench.clocks(clocks)
    assert bench.results
    bench.results.pause = False


@cocotb.test()
async def swaps_in_mid_run(dut: Any) -> None:
    """Parameters are rewritten and banks exchanged while a layer runs: never within a vector."""
    async with AxiBench(dut, "swaps") as bench:
        if bench.codes is None:
            return
        await bench.load_both()
        await bench.load_tables()
        await bench.driver.write("IRQ_ENABLE", swapped=1)
        for k in range(effort(6)):
            bench.pause(PATTERNS[k % len(PATTERNS)])
            await _run_with_swaps(bench)


async def _run_with_swaps(bench: AxiBench) -> None:
    config, driver, watch = bench.config, bench.driver, bench.watch
    layer = draw_layer(bench.rng, config)
    # Where beats and operands are two clocks apart, a vector of one beat does not tell which of two swaps came before.
    while config.derived.front_end.stages > 1 and Steps.of(config, layer.settings).completing.index(True) == (
        Steps.of(config, layer.settings).beats - 1
    ):
        layer = draw_layer(bench.rng, config)
    layer = replace(layer, vectors=int(bench.rng.integers(40, 80)), in_base=0, out_stride=0)
    inputs, marks = bench.inputs(layer), bench.marks(layer)
    await driver.load_program({0: layer})
    await driver.clear()
    await driver.events()
    watch.forget()
    bench.feed(layer, inputs, marks)
    begun = bench.active
    await driver.start(0)
    # One word is rewritten in both banks in turn: first where the passes do not look, then there.
    swaps = 0
    while await driver.read("STATUS", "busy"):
        await driver.write("CONTROL", swap=1)
        swaps += 1
        while await driver.read("STATUS", "swapping"):
            pass
        bench.active = 1 - bench.active
        await driver._bus.write(driver.map.register("EVENTS").address, 1 << 2)
    complete = Steps.of(config, layer.settings).completing
    beats = len(complete) * layer.blocks
    # irq is two registers behind the exchange, and rises once a swap, for each is cleared before the next.
    clocks = [clock - 2 for clock in watch.raised]
    assert len(clocks) == swaps, f"{swaps} swaps were asked for, and {len(clocks)} made"
    ends = np.array(watch.taken)[beats - 1 :: beats]
    assert len(ends) == layer.vectors
    if config.derived.front_end.present:
        # Operands are taken unseen, those of a vector's last slot before the first slot of the next is complete, or,
        # with two stages, before the beat after that is taken.
        first = complete.index(True) + config.derived.front_end.stages - 1
        until = np.array(watch.taken)[first::beats].tolist()
    else:
        until = [watch.taken[0] - 1, *ends[:-1]]
        for clock in clocks:
            assert clock in ends or clock < watch.taken[0] or clock > ends[-1], "the banks were exchanged in mid-vector"
    used = np.array([begun + sum(clock <= end for clock in clocks) for end in until]) % 2
    expected = expect(config, [Step(layer, inputs, used, marks)], bench.banks, bench.tables)
    await bench.driver.wait(1000)
    await driver._bus.write(driver.map.register("EVENTS").address, 1 << 2)
    await bench.compare(expected)
    assert await driver.read("STATUS", "bank") == bench.active


@cocotb.test()
async def rewrites_in_mid_run(dut: Any) -> None:
    """The whole bank that passes do not use is rewritten while a layer runs, and no beat is held up."""
    async with AxiBench(dut, "rewrites") as bench:
        await bench.load_both()
        await bench.load_tables()
        plain: dict[str, Any] = {"sum_in": False, "sum_out": False, "pooling": "none"}
        for _ in range(effort(3)):
            layer = replace(draw_layer(bench.rng, bench.config), vectors=60, **plain)
            image = bench.image()
            await bench.driver.load_program({0: layer})
            writer = cocotb.start_soon(bench.driver.load_params(image))
            await bench.run({0: layer}, [0], [bench.inputs(layer)], load=False)
            cycles = _cycles(bench, layer)
            apart = cycles[:-1] if bench.config.tile.input == "sram" else cycles[1:]
            derived = bench.config.derived
            if not (derived.front_end.present and derived.clocked):
                assert np.diff(bench.watch.taken).tolist() == apart, "a beat was held up"
            await writer
            bench.banks[1 - bench.active].load(image)
            await bench.swap()


@cocotb.test()
async def sums_of_a_chain(dut: Any) -> None:
    """What one unit hands on, beat for beat, another goes on with: together they are one."""
    async with AxiBench(dut, "chain") as bench:
        config, rng = bench.config, bench.rng
        if config.tile.chain == 1:
            return
        await bench.load_both()
        await bench.load_tables()
        for k in range(effort(4)):
            bench.pause(PATTERNS[k % len(PATTERNS)])
            last = replace(draw_layer(rng, config), sum_in=True, sum_out=False)
            first = replace(last, sum_in=False, sum_out=True, base=0, settings=replace(last.settings, residual=None))
            given = bench.inputs(first)
            await bench.run({0: first}, [0], [given])
            beats = [beat.data for beat in bench.watch.sums]
            banks = np.full(first.vectors, bench.active)
            totals = expect(config, [Step(first, given, banks)], bench.banks, bench.tables).totals
            inputs = replace(bench.inputs(last), sums=totals)
            await bench.run({0: last}, [0], [inputs], sums=beats)


@cocotb.test()
async def tables_in_mid_run(dut: Any) -> None:
    """A bank of the table that a layer uses refuses writes; the other takes them meanwhile."""
    async with AxiBench(dut, "tables") as bench:
        config, driver = bench.config, bench.driver
        if not config.tile.table or bench.codes is None:
            return
        await bench.load_both()
        await bench.load_tables()
        for bank in (0, 1):
            layer = replace(
                draw_layer(bench.rng, config), vectors=20, table=True, table_bank=bank, sum_in=False, sum_out=False
            )
            inputs = bench.inputs(layer)
            await driver.load_program({0: layer})
            await driver.clear()
            bench.watch.forget()
            bench.codes.pause = True
            bench.feed(layer, inputs)
            await driver.start(0)
            await bench.clocks(descriptor_words(config) + 8)
            assert bench.tables is not None
            expected = expect(config, [Step(layer, inputs, np.full(20, bench.active))], bench.banks, bench.tables)
            size = 1 << config.tile.table
            window = driver.map.window("TABLE").address
            try:
                await driver._bus.write(window + 4 * bank * size, 1)
            except SlaveError:
                pass
            else:
                raise AssertionError("the bank that a layer uses was written")
            fresh = bench.tables[::-1].copy()[1 - bank]
            await driver.load_table(1 - bank, fresh.tolist())
            bench.tables[1 - bank] = fresh
            bench.codes.pause = False
            await bench.finish()
            await bench.compare(expected)


@cocotb.test()
async def table_of_the_layer_before(dut: Any) -> None:
    """A bank stays shut while results of the layer before have yet to be looked up in it."""
    async with AxiBench(dut, "table before") as bench:
        config, driver = bench.config, bench.driver
        if not config.tile.table or not bench.results or config.tile.descriptors == 1:
            return
        await bench.load_both()
        await bench.load_tables()
        # As many beats as the stages behind hold: all are taken, and the last are yet to be looked up.  Layers that
        # hand their sums on go by meanwhile, if the first leaves the front free.
        plain: dict[str, Any] = {"sum_in": False, "pooling": "none", "pool_window": 1}
        between = range(1, config.tile.descriptors - 1) if config.tile.chain > 1 else range(0)
        held = config.derived.depth - (config.derived.front if between else 0)
        layers = [_thin(draw_layer(bench.rng, config), held, sum_out=False, table=True, table_bank=0, next=1, **plain)]
        for place in between:
            layers.append(_thin(draw_layer(bench.rng, config), 1, sum_out=True, table=False, next=place + 1, **plain))
        layers.append(_thin(draw_layer(bench.rng, config), 5, sum_out=False, table=True, table_bank=1, **plain))
        inputs = [bench.inputs(layer) for layer in layers]
        await driver.load_program(dict(enumerate(layers)))
        await driver.clear()
        bench.watch.forget()
        for layer, given in zip(layers, inputs, strict=True):
            bench.feed(layer, given)
        bench.results.pause = True
        await driver.start(0)
        while await driver.read("STATUS", "index") != len(layers) - 1:
            pass
        await bench.clocks(20)
        refused = 0
        try:
            await driver.load_table(0, [0] * (1 << config.tile.table))
        except SlaveError:
            refused = 1
        assert refused, "a bank was written in which results were still to be looked up"
        bench.results.pause = False
        await bench.finish()
        steps = [Step(x, given, np.full(x.vectors, bench.active)) for x, given in zip(layers, inputs, strict=True)]
        await bench.compare(expect(config, steps, bench.banks, bench.tables))


def _thin(layer: Layer, vectors: int, **changes: Any) -> Layer:
    """A layer of one column and one block."""
    narrow = replace(layer.settings, columns=1)
    same: dict[str, Any] = {"base": 0, "in_base": 0, "in_stride": 1, "out_stride": 0}
    return replace(layer, settings=narrow, shifts=layer.shifts[:1], vectors=vectors, **same, **changes)


@cocotb.test()
async def raw_codes(dut: Any) -> None:
    """While no program runs, codes are handed through in parts, lowest bits first; then a program runs as ever."""
    async with AxiBench(dut, "bypass") as bench:
        config, driver = bench.config, bench.driver
        if bench.codes is None or bench.results is None:
            return
        await bench.load_both()
        await bench.load_tables()
        raw, width = config.derived.front_end.bits, config.output.format.width
        parts, lanes = -(-raw // width), config.array.lanes
        for kind in PATTERNS:
            bench.pause(kind)
            await driver.bypass(True)
            bench.watch.forget()
            passes = [random_beats(bench) for _ in range(3)]
            for frame in passes:
                bench.codes.send_nowait(bench.whole_frame(frame))
            beats = [beat for frame in passes for beat in frame]
            while len(bench.watch.results) < parts * len(beats):
                await bench.clocks(1)
            await bench.clocks(4)
            slots = config.array.slots
            for k, beat in enumerate(beats):
                for part in range(parts):
                    got = bench.watch.results[k * parts + part]
                    assert isinstance(got, AxisBeat)
                    columns = [beat >> (lane * raw) & ((1 << raw) - 1) for lane in range(lanes)]
                    wanted = lanes_word([column >> (part * width) for column in columns], width)
                    assert got.data == wanted, f"part {part} of beat {k}"
                    assert got.last == (part == parts - 1 and k % slots == slots - 1)
            assert len(bench.watch.results) == parts * len(beats)
            await driver.bypass(False)
            await bench.run(*bench.chain(most=1))
