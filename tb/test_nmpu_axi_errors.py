"""What may go wrong with ``nmpu_axi``: errors in memories, aborts, resets, wrong frames."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import cocotb
import numpy as np
from cocotbext.axi import AxiStreamFrame

from golden.protect import coded_width
from nmpu_hdl.program import Layer, param_words

from .axi_bench import AxiBench
from .axi_model import Step, expect, lanes_word, pass_beats
from .programs import draw_layer
from .setup import effort
from .stream import PATTERNS


@cocotb.test()
async def errors_in_parameters(dut: Any) -> None:
    """Single errors are corrected or flagged, double ones flagged, counted, and mark what was made of them."""
    async with AxiBench(dut, "errors") as bench:
        config, rng = bench.config, bench.rng
        if config.tile.protect == "none":
            return
        await bench.load_both()
        await bench.load_tables()
        for k in range(effort(10)):
            bench.pause(PATTERNS[k % len(PATTERNS)])
            layers, order, inputs = bench.chain(most=2)
            for _ in range(int(rng.integers(1, 4))):
                place = layers[order[0]]
                word = place.base + int(rng.integers(place.blocks * place.slots(config)))
                await bench.flip(word, int(rng.integers(config.array.lanes)))
            if k % 3 == 0 and config.array.lanes > 1:  # a lane that is not active, and so marks nothing
                layer = replace(layers[order[0]], settings=replace(layers[order[0]].settings, columns=1), next=None)
                layers, order, inputs = {0: layer}, [0], [bench.inputs(layer)]
                await bench.flip(layer.base, config.array.lanes - 1, double=True)
            assert not await bench.driver.read("STATUS", "armed")
            await bench.swap()
            await bench.run(layers, order, inputs)


@cocotb.test()
async def errors_read_by_the_bus(dut: Any) -> None:
    """Reading a wrong parameter word by the bus is counted and told, and a single error is put right."""
    async with AxiBench(dut, "bus errors") as bench:
        config, driver, rng = bench.config, bench.driver, bench.rng
        if config.tile.protect == "none":
            return
        await bench.load_both()
        for _ in range(effort(8)):
            word, lane = int(rng.integers(param_words(config))), int(rng.integers(config.array.lanes))
            await bench.flip(word, lane)
            await driver.clear()
            await driver.events()
            got = await driver.read_params(word, 1)
            image, corrected, wrong = bench.banks[1 - bench.active].read()
            assert got[0] == image[word]
            counters, times = await driver.counters(), len(driver._param_addresses(0, 1)[0][0])
            assert counters["corrected"] == times * int(corrected[word].sum())
            assert counters["uncorrected"] == times * int(wrong[word].sum())
            where = {name: await driver.read("ERROR_AT", name) for name in ("memory", "host", "word")}
            assert where == {"memory": 0, "host": 1, "word": word}
            lanes = np.flatnonzero(corrected[word] | wrong[word])
            assert await driver.read("ERROR_AT", "lane") == lanes[-1], "lanes are read one after another"
        bench.checked += 1


@cocotb.test()
async def errors_in_sums(dut: Any) -> None:
    """An error in a stored partial sum is corrected, or marks its vector and no other."""
    async with AxiBench(dut, "sum errors") as bench:
        config, rng = bench.config, bench.rng
        if config.tile.protect == "none" or config.tile.blocks == 1 or config.array.slots == 1:
            return
        await bench.load_both()
        await bench.load_tables()
        bits = coded_width(config.tile.protect, config.derived.total.width)
        done = 0
        for k in range(40):
            layer = draw_layer(rng, config)
            if layer.blocks == 1 or layer.slots(config) == 1 or done == effort(8):
                continue
            done += 1
            bench.pause(PATTERNS[k % len(PATTERNS)])
            inputs = bench.inputs(layer)
            lane, first, second = _harmless(bench, layer, inputs, bits)
            mask = 1 << first | (0 if second is None else 1 << second)
            await bench.driver.inject("sums", lane, first, second)
            assert await bench.driver.read("STATUS", "armed")
            await bench.run({0: layer}, [0], [inputs], flips={0: (lane, mask)})
            assert not await bench.driver.read("STATUS", "armed")


def _harmless(bench: AxiBench, layer: Layer, inputs: Any, bits: int) -> tuple[int, int, int | None]:
    """A lane, and one bit or two, such that even a sum that is used wrong stays within the range of legal ones."""
    rng, config = bench.rng, bench.config
    for _ in range(1000):
        lane = int(rng.integers(min(config.array.lanes, layer.settings.columns)))
        first, second = (int(b) for b in rng.permutation(bits)[:2])
        double = config.tile.protect == "secded" and rng.integers(2)
        mask = 1 << first | (1 << second if double else 0)
        marks = np.zeros((layer.vectors, layer.slots(config)), np.bool_) if layer.sum_in else None
        step = Step(layer, inputs, np.full(layer.vectors, bench.active), marks, (lane, mask))
        try:
            expect(config, [step], bench.banks, bench.tables)
        except ValueError:
            continue
        return lane, first, second if double else None
    raise AssertionError("every error leads out of the range")


@cocotb.test()
async def aborts(dut: Any) -> None:
    """A program is stopped anywhere, whatever it waits for; what comes out until then is right; then another runs."""
    async with AxiBench(dut, "aborts") as bench:
        driver = bench.driver
        await bench.load_both()
        await bench.load_tables()
        for k in range(effort(16)):
            starved = k % 4 == 0
            layers, order, inputs = _one_with_residual(bench) if starved else bench.chain()
            bench.pause(PATTERNS[k % len(PATTERNS)])
            await driver.load_program(layers)
            await driver.clear()
            await driver.events()
            bench.watch.forget()
            steps = []
            for place, given in zip(order, inputs, strict=True):
                marks = bench.marks(layers[place])
                bench.feed(layers[place], given, marks)
                steps.append(Step(layers[place], given, np.full(layers[place].vectors, bench.active), marks))
            if starved:  # something lacks, for ever
                for stream in filter(None, (bench.residuals, bench.sums_in)):
                    stream.clear()
            await driver.start(order[0])
            await bench.clocks(int(bench.rng.integers(60)))
            if starved:
                while not bench.watch.taken:
                    await bench.clocks(1)
                await bench.clocks(10)
            running = await driver.read("STATUS", "busy")
            await driver.abort()
            await driver.wait(2000)
            events = await driver.events()
            assert events & {"done", "aborted"} or not running, events
            expected = expect(bench.config, steps, bench.banks, bench.tables)
            for got, wanted in ((bench.watch.results, expected.results), (bench.watch.sums, expected.sums)):
                assert got == wanted[: len(got)], "what came out before the abort is wrong"
            await bench.drop()
            await bench.run(*bench.chain(most=2))


def _one_with_residual(bench: AxiBench) -> Any:
    """A layer that waits for its residuals, where there are any."""
    layer = replace(draw_layer(bench.rng, bench.config), sum_in=False, sum_out=False)
    if bench.residuals:
        layer = replace(layer, settings=replace(layer.settings, residual=0))
    return {0: layer}, [0], [bench.inputs(layer)]


async def _reset(bench: AxiBench) -> None:
    """A reset, which keeps what the memories hold."""
    swapped = bench.active
    await bench.reset()
    if swapped:
        await bench.driver.swap(10)
        bench.active = 1
        await bench.driver.events()


@cocotb.test()
async def reset_in_mid_run(dut: Any) -> None:
    """Nothing stale comes out after a reset, and memories keep what they hold."""
    async with AxiBench(dut, "reset") as bench:
        await bench.load_both()
        await bench.load_tables()
        for _ in range(effort(4)):
            layers, order, inputs = bench.chain()
            await bench.driver.load_program(layers)
            for place, given in zip(order, inputs, strict=True):
                bench.feed(layers[place], given, bench.marks(layers[place]))
            await bench.driver.start(order[0])
            await bench.clocks(int(bench.rng.integers(1, 80)))
            await _reset(bench)
            await bench.run(*bench.chain())


@cocotb.test()
async def wrong_frames(dut: Any) -> None:
    """A tlast or tkeep that disagrees with the descriptor is told, and the descriptor wins."""
    async with AxiBench(dut, "frames") as bench:
        config, driver = bench.config, bench.driver
        if bench.codes is None:
            return
        await bench.load_both()
        await bench.load_tables()
        for wrong in ("none", "short", "merged"):
            layer = replace(draw_layer(bench.rng, config), vectors=2, sum_in=False, sum_out=False, pooling="none")
            inputs = bench.inputs(layer)
            await driver.load_program({0: layer})
            await driver.clear()
            await driver.events()
            bench.watch.forget()
            places = list(itertools.product(range(layer.vectors), range(layer.blocks)))
            frames = [bench.pass_frame(layer, inputs, v, b) for v, b in places]
            if wrong == "short":  # the last byte is not kept, though it is driven
                frames[0].tkeep = [1] * (len(frames[0].tdata) - 1) + [0]
            elif wrong == "merged":  # two frames in one: the first tlast lacks
                whole = [bench.whole_frame(pass_beats(config, layer, inputs, v, b)) for v, b in places]
                frames = [AxiStreamFrame(bytes(whole[0].tdata) + bytes(whole[1].tdata)), *whole[2:]]
            for frame in frames:
                bench.codes.send_nowait(frame)
            if inputs.residual is not None:
                _feed_residuals(bench, layer, inputs.residual)
            await driver.start(0)
            await bench.finish()
            expected = expect(config, [Step(layer, inputs, np.full(2, bench.active))], bench.banks, bench.tables)
            frame_event = await driver.read("EVENTS", "frame")
            assert frame_event == (wrong != "none"), f"{wrong}: frame is {frame_event}"
            await driver._bus.write(driver.map.register("EVENTS").address, 1 << 5)
            await bench.compare(expected)


def _feed_residuals(bench: AxiBench, layer: Layer, residual: Any) -> None:
    lanes = bench.config.array.lanes
    assert bench.residuals
    for vector in residual:
        for start in range(0, layer.settings.columns, lanes):
            word = lanes_word(vector[start : start + lanes], bench.config.output.format.width)
            bench.residuals.send_nowait(AxiStreamFrame(word.to_bytes(bench.residuals.byte_lanes, "little")))
