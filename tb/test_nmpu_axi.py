"""The regression of ``nmpu_axi``; ``+effort=N`` makes it N times as long.

What an instance does not have is not tested in it: each such test ends at once.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cocotb
import numpy as np
from cocotbext.axi import AxiResp, AxiStreamFrame

from golden.protect import coded_width
from nmpu_hdl.program import FIELDS, Layer, descriptor_stride, descriptor_words, encode, param_words
from nmpu_hdl.registers import Register

from .axi_bench import AxiBench, SlaveError, effort, random_columns
from .axi_model import Step, code_beats, expect, lanes_word
from .programs import draw_chain, draw_layer
from .stream import PATTERNS, bit


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
            _check_clocks(bench, [layers[place] for place in order], fetch)


def _check_clocks(bench: AxiBench, layers: list[Layer], fetch: int) -> None:
    """Clocks between beats taken, and from the beats of last blocks to their results."""
    config, watch = bench.config, bench.watch
    wanted: list[int] = []
    last: list[bool] = []
    clock = 0
    for layer in layers:
        slots = layer.slots(config)
        beats = slots * layer.blocks * layer.vectors
        wanted += range(clock, clock + beats)
        last += [beat // slots % layer.blocks == layer.blocks - 1 for beat in range(beats)]
        clock += beats + max(config.derived.layer_gap, fetch - beats)
    taken = np.array(watch.taken)
    if config.tile.input == "sram":  # reads come one clock before beats are taken
        taken = taken + 1
    assert (taken - taken[0]).tolist() == wanted, f"beats were taken at {(taken - taken[0]).tolist()}, not at {wanted}"
    late, latency = np.array(watch.given) - taken[np.array(last)], config.derived.latency
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


# -- the bus --


@cocotb.test()
async def registers(dut: Any) -> None:
    """Every register after reset, and after writes of words and of bytes; what has nothing behind it answers SLVERR."""
    async with AxiBench(dut, "registers") as bench:
        await bench.driver.identify()
        for kind in PATTERNS:
            bench.pause(kind)
            for register in bench.driver.map.registers:
                await _check_register(bench, register)
            await _check_holes(bench)
        await bench.reset()
        for register in bench.driver.map.registers:
            assert await bench.driver.read(register.name) == register.reset, register.name
        bench.checked += 1


async def _check_register(bench: AxiBench, register: Register) -> None:
    """Reset value, read-only bits, and a readable field byte by byte; commands are tried by the other tests."""
    address, master = register.address, bench.master
    before = await bench.driver.read(register.name)
    if not register.writable:
        answer = await master.write(address, b"\xff\xff\xff\xff")
        assert answer.resp == AxiResp.SLVERR, register.name
        assert await bench.driver.read(register.name) == before, register.name
        return
    if any(f.access == "pulse" for f in register.fields) and register.name == "CONTROL":
        return
    mask = sum(f.mask for f in register.fields if f.access == "rw")
    word = before
    for _ in range(4):
        at, size = int(bench.rng.integers(4)), 1
        size = int(bench.rng.integers(1, 5 - at))
        data = bench.rng.bytes(size)
        if register.name == "INJECT" and at == 0:
            data = bytes([data[0] & 0xFE, *data[1:]])
        await master.write(address + at, data)
        strobed = int.from_bytes(b"\xff" * size, "little") << (8 * at)
        written = int.from_bytes(data, "little") << (8 * at)
        keep = mask & strobed
        word = (word & ~keep) | (written & keep)
        assert await bench.driver.read(register.name) == word, register.name
    back = register.reset
    await bench.driver._bus.write(address, back & mask)


async def _check_holes(bench: AxiBench) -> None:
    """Addresses with nothing behind them answer, and hang nothing."""
    described, driver = bench.driver.map, bench.driver
    used = {r.address for r in described.registers}
    spans = [range(w.address, w.address + 4 * w.words) for w in described.windows]
    picks = [int(k) * 4 for k in bench.rng.integers(0, (1 << described.address_width) // 4, 24)]
    for address in [*picks, 0x7C, 0xFC, 0x100, *(span.stop for span in spans)]:
        inside = address in used or any(address in span for span in spans)
        if inside or address >= 1 << described.address_width:
            continue
        for access in (driver._bus.read(address), driver._bus.write(address, 1)):
            try:
                await access
            except SlaveError:
                continue
            raise AssertionError(f"{address:#x} has nothing behind it, and answers OKAY")
    for span in spans:
        answer = await bench.master.write(span.start + 1, b"\x01")
        assert answer.resp == AxiResp.SLVERR, "a byte of a window was written"


@cocotb.test()
async def memories_by_the_bus(dut: Any) -> None:
    """What was written to the windows is read back: parameters of both banks, descriptors, tables."""
    async with AxiBench(dut, "memories") as bench:
        config, driver = bench.config, bench.driver
        images = [bench.image(), bench.image()]
        for kind in ("none", "random"):
            bench.pause(kind)
            for image in images:
                await driver.load_params(image)
                await bench.swap()
            for image in images:
                assert await driver.read_params() == image
                await bench.swap()
            window, stride = driver.map.window("DESCRIPTORS"), descriptor_stride(config)
            words = bench.rng.integers(0, 1 << 32, config.tile.descriptors * stride).tolist()
            for k, word in enumerate(words):
                await driver._bus.write(window.address + 4 * k, word)
            got = [await driver._bus.read(window.address + 4 * k) for k in range(len(words))]
            assert got == words
            await bench.load_tables()
            if bench.tables is not None:
                start, mask = driver.map.window("TABLE").address, (1 << config.output.format.width) - 1
                flat = [int(entry) & mask for entry in bench.tables.reshape(-1)]
                assert [await driver._bus.read(start + 4 * k) for k in range(len(flat))] == flat
        bench.checked += 1


# -- things that happen while a program runs --


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
    layer = replace(draw_layer(bench.rng, config), vectors=int(bench.rng.integers(40, 80)), in_base=0, out_stride=0)
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
    beats = layer.slots(config) * layer.blocks
    # irq is two registers behind the exchange, and rises once a swap, for each is cleared before the next.
    clocks = [clock - 2 for clock in watch.raised]
    assert len(clocks) == swaps, f"{swaps} swaps were asked for, and {len(clocks)} made"
    ends = np.array(watch.taken)[beats - 1 :: beats]
    assert len(ends) == layer.vectors
    used = np.array([begun + sum(clock <= end for clock in clocks) for end in [watch.taken[0] - 1, *ends[:-1]]]) % 2
    for clock in clocks:
        assert clock in ends or clock < watch.taken[0] or clock > ends[-1], "the banks were exchanged within a vector"
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
            assert (np.diff(bench.watch.taken) == 1).all(), "a beat was held up"
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
        held = config.derived.latency - (config.derived.front if between else 0)
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


# -- errors --


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
async def illegal_descriptors(dut: Any) -> None:
    """What the instance cannot do stops the program before it, with an event, and the next start works."""
    async with AxiBench(dut, "illegal") as bench:
        config, driver, rng = bench.config, bench.driver, bench.rng
        await bench.load_both()
        await bench.load_tables()
        spans = {f.name: f for f in FIELDS}
        plain: dict[str, Any] = {"base": 0, "sum_in": False, "sum_out": False}
        drawn = draw_layer(rng, config)
        small = replace(drawn, settings=replace(drawn.settings, columns=1), shifts=drawn.shifts[:1], **plain)
        for change in _illegal(bench):
            words = encode(config, small)
            for name, value in change.items():
                f = spans[name]
                mask = ((1 << f.width) - 1) << f.lsb
                words[f.word] = (words[f.word] & ~mask) | (value << f.lsb & mask)
            for k, word in enumerate(words):
                await driver._bus.write(driver.map.window("DESCRIPTORS").address + 4 * k, word)
            await driver.events()
            await driver.start(0)
            await driver.wait(100)
            events = await driver.events()
            assert events == {"descriptor"}, f"{change}: events are {sorted(events)}"
        await bench.run(*bench.chain())


def _illegal(bench: AxiBench) -> list[dict[str, int]]:
    """Changes of a small descriptor, each of which breaks one condition."""
    config = bench.config
    tile, array, words = config.tile, config.array, param_words(config)
    space = 1 << tile.address
    rounding, activation = ([mode.code for mode in group.modes] for group in (config.rounding, config.activation))
    changes = [
        {"columns": 0},
        {"columns": array.columns + 1},
        {"blocks": 0},
        {"blocks": tile.blocks + 1},
        {"vectors": 0},
        {"base": words},
        {"width": 0},
        {"width": config.output.format.width + 1},
        {"pool_window": 0},
        {"pool_window": max(tile.pool, 1) + 1},
        {"pooling": 3 if tile.pool else 1},
        {"residual": 1, "residual_shift": tile.residual_left + 1},
        {"residual": 1, "residual_shift": -tile.residual_right - 1},
        *({"rounding": code} for code in range(4) if code not in rounding),
        *({"activation": code} for code in range(4) if code not in activation),
    ]
    if array.slots > 1:
        changes.append({"base": words - 1, "columns": array.lanes + 1})
    if tile.blocks > 1:
        changes.append({"base": words - 1, "blocks": 2})
    if not tile.table:
        changes.append({"table": 1})
    if tile.chain == 1:
        changes += [{"sum_in": 1}, {"sum_out": 1}]
    if tile.descriptors < 256:
        changes.append({"last": 0, "next": tile.descriptors})
    if config.offset.max_shift < 7:
        changes.append({"offset_shift": config.offset.max_shift + 1})
    if tile.address < 24:
        changes += [{name: space} for name in ("in_base", "in_stride", "out_base", "out_stride")]
    return changes


@cocotb.test()
async def no_such_descriptor(dut: Any) -> None:
    """A start beyond the last descriptor is illegal; start together with abort does nothing."""
    async with AxiBench(dut, "nowhere") as bench:
        config, driver = bench.config, bench.driver
        await bench.load_both()
        await bench.load_tables()
        field = driver.map.register("FIRST").field("index")
        for index in range(config.tile.descriptors, 1 << field.width):
            await driver.write("FIRST", index=index)
            await driver.write("CONTROL", start=1)
            await driver.wait(100)
            assert await driver.events() == {"descriptor"}
        await driver.write("CONTROL", start=1, abort=1)
        assert not await driver.read("STATUS", "busy")
        assert not await driver.events()
        await bench.run(*bench.chain())


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
            frames = [bench.pass_frame(codes) for vector in inputs.codes for codes in vector]
            if wrong == "short":  # the last byte is not kept, though it is driven
                frames[0].tkeep = [1] * (len(frames[0].tdata) - 1) + [0]
            elif wrong == "merged":  # two frames in one: the first tlast lacks
                whole = [AxiStreamFrame(_padded(bench, codes)) for vector in inputs.codes for codes in vector]
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


def _padded(bench: AxiBench, codes: Any) -> bytes:
    assert bench.codes
    return b"".join(beat.to_bytes(bench.codes.byte_lanes, "little") for beat in code_beats(bench.config, codes))


def _feed_residuals(bench: AxiBench, layer: Layer, residual: Any) -> None:
    lanes = bench.config.array.lanes
    assert bench.residuals
    for vector in residual:
        for start in range(0, layer.settings.columns, lanes):
            word = lanes_word(vector[start : start + lanes], bench.config.output.format.width)
            bench.residuals.send_nowait(AxiStreamFrame(word.to_bytes(bench.residuals.byte_lanes, "little")))


@cocotb.test()
async def raw_codes(dut: Any) -> None:
    """While no program runs, codes are handed through in parts, lowest bits first; then a program runs as ever."""
    async with AxiBench(dut, "bypass") as bench:
        config, driver = bench.config, bench.driver
        if bench.codes is None or bench.results is None:
            return
        await bench.load_both()
        await bench.load_tables()
        raw, width = config.codes.counts * config.codes.format.width, config.output.format.width
        parts, lanes = -(-raw // width), config.array.lanes
        for kind in PATTERNS:
            bench.pause(kind)
            await driver.bypass(True)
            bench.watch.forget()
            passes = [random_columns(bench) for _ in range(3)]
            for codes in passes:
                bench.codes.send_nowait(AxiStreamFrame(_padded(bench, codes)))
            beats = [beat for codes in passes for beat in code_beats(config, codes)]
            while len(bench.watch.results) < parts * len(beats):
                await bench.clocks(1)
            await bench.clocks(4)
            slots = config.array.slots
            for k, beat in enumerate(beats):
                for part in range(parts):
                    got = bench.watch.results[k * parts + part]
                    columns = [beat >> (lane * raw) & ((1 << raw) - 1) for lane in range(lanes)]
                    wanted = lanes_word([column >> (part * width) for column in columns], width)
                    assert got.data == wanted, f"part {part} of beat {k}"
                    assert got.last == (part == parts - 1 and k % slots == slots - 1)  # type: ignore[union-attr]
            assert len(bench.watch.results) == parts * len(beats)
            await driver.bypass(False)
            await bench.run(*bench.chain(most=1))


@cocotb.test()
async def interrupts(dut: Any) -> None:
    """irq follows the events that are enabled, and falls when they are cleared."""
    async with AxiBench(dut, "irq") as bench:
        driver = bench.driver
        await bench.load_both()
        await bench.load_tables()
        for name in ("done", "layer"):
            await driver.write("IRQ_ENABLE", **{"done": 0, "layer": 0, name: 1})
            layers, order, inputs = bench.chain()
            layers = {place: replace(layer, interrupt=True) for place, layer in layers.items()}
            assert not bit(dut.irq)
            await bench.run(layers, order, inputs)  # clears the events at its end
            assert bench.watch.raised, f"irq did not rise for {name}"
            await bench.clocks(3)
            assert not bit(dut.irq)
