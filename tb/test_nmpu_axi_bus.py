"""The bus of ``nmpu_axi``: registers, memories, descriptors that ask for too much, interrupts."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import cocotb
from cocotbext.axi import AxiResp

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.front_settings import FrontSettings, front_choices
from nmpu_hdl.program import descriptor_fields, descriptor_stride, encode, param_words
from nmpu_hdl.registers import Register

from .axi_bench import AxiBench
from .lite import SlaveError
from .programs import draw_layer
from .stream import PATTERNS, bit


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


@cocotb.test()
async def illegal_descriptors(dut: Any) -> None:
    """What the instance cannot do stops the program before it, with an event, and the next start works."""
    async with AxiBench(dut, "illegal") as bench:
        config, driver, rng = bench.config, bench.driver, bench.rng
        await bench.load_both()
        await bench.load_tables()
        spans = {f.name: f for f in descriptor_fields(config)}
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
    return changes + (_illegal_front(config) if config.derived.front_end.present else [])


def _illegal_front(config: NmpuConfig) -> list[dict[str, int]]:
    """Settings of the front end out of their ranges, and others than the only ones."""
    choices = {choice.name: choice for choice in front_choices(config)}
    changes = [{name: 0} for name, choice in choices.items() if choice.least]
    widths = {f.name: f.width for f in descriptor_fields(config)}
    changes += [{name: c.most + 1} for name, c in choices.items() if c.most + 1 < 1 << widths[name]]
    only = {name: int(value) for name, value in asdict(FrontSettings.of(config)).items() if name not in choices}
    return changes + [{name: value ^ 1} for name, value in only.items()]


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
