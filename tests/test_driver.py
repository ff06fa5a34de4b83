"""The driver against the registers' mirror: what it writes where, and what it makes of what it reads."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import golden
from nmpu_hdl.driver import Bus, Driver
from nmpu_hdl.formats import Activation
from nmpu_hdl.presets import load
from nmpu_hdl.program import Layer, decode, descriptor_stride, descriptor_words, encode, param_words
from nmpu_hdl.registers import EVENTS
from nmpu_hdl.settings import PassSettings

from .draw import draw_params
from .mirror import CONFIGS, TILE, BusError, Fake, Mirror


def unit(name: str, busy: int = 3) -> tuple[Driver, Fake]:
    fake = Fake(Mirror(CONFIGS[name]), busy)
    bus: Bus = fake
    return Driver(CONFIGS[name], bus), fake


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)


@pytest.mark.parametrize("name", CONFIGS)
def test_identifies_its_own_and_no_other(name: str) -> None:
    driver, fake = unit(name)
    run(driver.identify())
    assert all(data is None for _, data in fake.log)
    for other, config in CONFIGS.items():
        if other != name:
            with pytest.raises(ValueError, match=rf"not '{config.name}': .*CAP_ARRAY\.columns reads \d+, not \d+"):
                run(Driver(config, fake).identify())


def test_says_which_capability_differs() -> None:
    base = CONFIGS["paper"]
    for field, value, complaint in (
        ("shift.max", 7, "CAP_SHIFT.max reads 6, not 7"),
        ("tile.observe", True, "CAP_BUILD.observe reads 0, not 1"),
        ("tile.descriptors", 31, "CAP_PROGRAM.descriptors reads 32, not 31"),
    ):
        other = load(settings=[*TILE, f"{field}={str(value).lower()}"])
        with pytest.raises(ValueError, match="the unit is not") as error:
            run(Driver(other, Fake(Mirror(base))).identify())
        assert str(error.value) == f"the unit is not 'paper': {complaint}"


def test_something_else_behind_the_bus() -> None:
    driver, fake = unit("tiny")
    fake.mirror.map = replace(fake.mirror.map, registers=(replace(driver.map.register("FIRST"), address=0),))
    with pytest.raises(ValueError, match=r"not 'tiny': ID\.id reads 0, not 1313689685$"):
        run(driver.identify())
    assert len(fake.log) == 1


def test_fields_are_read_and_written_by_name() -> None:
    driver, fake = unit("tiny")
    run(driver.write("IRQ_ENABLE", done=1, swapped=1))
    run(driver.write("IRQ_ENABLE", done=0, frame=1))
    assert run(driver.read("IRQ_ENABLE")) == 0b100100
    assert run(driver.read("IRQ_ENABLE", "frame")) == 1
    assert run(driver.read("CAP_SHIFT", "min")) == -1
    assert run(driver.read("CAP_SHIFT", "max")) == 4
    fake.log.clear()
    run(driver.write("FIRST", index=5))
    assert [data for _, data in fake.log] == [5], "nothing is left that would have to be read"
    for register, values, complaint in (
        ("STATUS", {"busy": 1}, r"STATUS\.busy is read-only"),
        ("FIRST", {"index": 32}, r"FIRST\.index = 32 is outside 0\.\.31"),
        ("FIRST", {"index": -1}, r"FIRST\.index = -1 is outside 0\.\.31"),
    ):
        with pytest.raises(ValueError, match=complaint):
            run(driver.write(register, **values))
    for bad in (driver.read("NONE"), driver.write("FIRST", none=1)):
        with pytest.raises(KeyError, match=r"has no (NONE|none)"):
            run(bad)
    assert len(fake.log) == 1


@pytest.mark.parametrize("name", CONFIGS)
def test_parameters_go_there_and_back(name: str) -> None:
    config, (driver, fake) = CONFIGS[name], unit(name)
    image = golden.pack(config, draw_params(np.random.default_rng(3), config))
    run(driver.load_params(image, base=param_words(config) - len(image)))
    width, lanes = config.derived.param_width, config.array.lanes
    stored = [
        sum(fake.mirror.memory[w, k] << k * width for k in range(lanes))
        for w in range(param_words(config))[-len(image) :]
    ]
    assert stored == image
    assert run(driver.read_params(param_words(config) - len(image))) == image
    assert run(driver.read_params(param_words(config) - 1, 1)) == image[-1:]
    assert len(fake.mirror.memory) == len(image) * lanes
    fake.log.clear()
    for base, words, complaint in (
        (param_words(config), [0], f"1 parameter words from {param_words(config)} on do not fit"),
        (-1, [0], "from -1 on"),
        (0, [1 << lanes * width], "word 0 = .* is outside"),
        (0, [-1], "word 0 = -1 is outside"),
    ):
        with pytest.raises(ValueError, match=complaint):
            run(driver.load_params(words, base))
    assert not fake.log


def test_programs_are_stored_as_they_are_encoded() -> None:
    config, (driver, fake) = CONFIGS["tiny"], unit("tiny")
    layers = {
        3: Layer(
            PassSettings.of(config, columns=5, activation=Activation.RELU, width=3), (0, 2, -1), vectors=7, next=0
        ),
        0: Layer(PassSettings.of(config), base=4, table=True, pooling="max", pool_window=4, interrupt=True),
    }
    run(driver.load_program(layers))
    for index, layer in layers.items():
        words = [
            fake.mirror.memory["DESCRIPTORS", index * descriptor_stride(config) + k]
            for k in range(descriptor_words(config))
        ]
        assert words == encode(config, layer)
        assert replace(decode(config, words), settings=layer.settings) == layer
    fake.log.clear()
    with pytest.raises(ValueError, match=r"descriptor = 32 is outside 0\.\.31"):
        run(driver.load_program({0: layers[0], 32: layers[0]}))
    with pytest.raises(ValueError, match=r"vectors = 0"):
        run(driver.load_program({0: layers[0], 1: replace(layers[0], vectors=0)}))
    assert not fake.log


def test_tables() -> None:
    driver, fake = unit("tiny")
    entries = [k - 8 for k in range(16)]
    run(driver.load_table(1, entries))
    assert [fake.mirror.memory["TABLE", 16 + k] for k in range(16)] == [e & 15 for e in entries]
    for bank, wrong, complaint in (
        (2, entries, r"bank = 2 is outside 0\.\.1"),
        (0, entries[:-1], "15 entries do not fill a table of 16"),
        (0, [*entries[:-1], 8], r"entry 15 = 8 is outside -8\.\.7"),
    ):
        with pytest.raises(ValueError, match=complaint):
            run(driver.load_table(bank, wrong))
    with pytest.raises(ValueError, match=r"tile\.table > 0"):
        run(unit("paper")[0].load_table(0, [0]))


def test_start_wait_abort_swap() -> None:
    driver, fake = unit("tiny", busy=3)
    pulses, state = fake.mirror.pulses, fake.mirror.state
    run(driver.start(7))
    assert (state["FIRST", "index"], pulses["CONTROL", "start"]) == (7, 1)
    with pytest.raises(TimeoutError, match=r"STATUS\.busy is still 1 after 2 reads"):
        run(driver.wait(2))
    run(driver.wait(2))
    run(driver.abort())
    run(driver.swap())
    with pytest.raises(TimeoutError, match="swapping"):
        run(driver.swap(limit=3))
    run(driver.swap(limit=4))
    run(driver.bypass(True))
    assert state["MODE", "bypass"] == 1
    run(driver.bypass(False))
    assert state["MODE", "bypass"] == 0
    assert dict(pulses) == {("CONTROL", "start"): 1, ("CONTROL", "abort"): 1, ("CONTROL", "swap"): 3} | {
        key: 0 for key in pulses if not pulses[key]
    }
    with pytest.raises(ValueError, match=r"first = 32"):
        run(driver.start(32))
    with pytest.raises(ValueError, match=r"MODE\.bypass is read-only"):
        run(unit("odd")[0].bypass(True))


def test_events_are_cleared_when_read_and_only_those() -> None:
    driver, fake = unit("tiny")
    assert run(driver.events()) == frozenset()
    assert len(fake.log) == 1
    names = [name for name, _ in EVENTS]
    for chosen in (set(names), {names[0]}, {names[2], names[-1]}):
        for name in chosen:
            fake.mirror.state["EVENTS", name] = 1
        assert run(driver.events()) == chosen
        assert fake.log[-1][1] == sum(1 << names.index(name) for name in chosen)
        assert run(driver.read("EVENTS")) == 0


def test_counters_and_their_clear() -> None:
    driver, fake = unit("tiny")
    names = ["passes", "columns", "stall_in", "stall_out", "sat_low", "sat_high", "corrected", "uncorrected"]
    for k, name in enumerate(names):
        fake.mirror.state[name.upper(), "count"] = 100 + k
    assert run(driver.counters()) == {name: 100 + k for k, name in enumerate(names)}
    run(driver.clear())
    assert run(driver.counters()) == dict.fromkeys(names, 0)


def observe(fake: Fake, name: str, value: int) -> None:
    fake.mirror.state[f"{name}_LOW", "value"] = value & 0xFFFFFFFF
    fake.mirror.state[f"{name}_HIGH", "value"] = value >> 32 & 0xFFFFFFFF


def test_observed() -> None:
    driver, fake = unit("tiny")
    assert run(driver.observed()) is None
    for least, most in ((-5, -5), (-(1 << 40), 3), (1 << 33, 1 << 50)):
        observe(fake, "A_MIN", least)
        observe(fake, "A_MAX", most)
        assert run(driver.observed()) == (least, most)
    with pytest.raises(ValueError, match=r"tile\.observe = true"):
        run(unit("paper")[0].observed())


def test_observed_is_of_one_piece_while_it_moves() -> None:
    """The high word falls between the reads of the two words: they are read again."""
    driver, fake = unit("tiny")
    moving = iter([0xFFFF_FFFF, 5])
    observe(fake, "A_MIN", 0x1_0000_0005)
    observe(fake, "A_MAX", 0x1_0000_0009)
    low = driver.map.register("A_MIN_LOW").address
    plain = fake.read

    async def read(address: int) -> int:
        if address == low:
            observe(fake, "A_MIN", next(moving, 5))
        return await plain(address)

    fake.read = read  # type: ignore[method-assign]
    assert run(driver.observed()) == (5, 0x1_0000_0009)


def test_injection() -> None:
    driver, fake = unit("tiny")
    run(driver.inject("sums", 1, 6))
    assert fake.log[-1] == (0x9C, 1 | 1 << 1 | 1 << 4 | 6 << 16 | 6 << 24)
    run(driver.inject("parameters", 0, 2, 12))
    assert fake.log[-1] == (0x9C, 1 | 1 << 2 | 2 << 16 | 12 << 24)
    assert fake.mirror.pulses["INJECT", "arm"] == 2
    for lane, first, complaint in ((2, 0, "lane = 2 is outside"), (0, 128, "first = 128 is outside")):
        with pytest.raises(ValueError, match=complaint):
            run(driver.inject("sums", lane, first))
    with pytest.raises(ValueError, match="parameters are not protected; tile"):
        run(unit("paper")[0].inject("parameters", 0, 0))


def test_errors_are_the_buses_own() -> None:
    driver, fake = unit("tiny")
    fake.mirror.refuse = {0}
    with pytest.raises(BusError, match="0x1000"):
        run(driver.load_program({0: Layer(PassSettings.of(CONFIGS["tiny"]))}))


def test_no_driver_without_registers() -> None:
    with pytest.raises(ValueError, match=r"tile\.kind = none has no registers; axi has"):
        Driver(load(), Fake(Mirror(CONFIGS["tiny"])))
