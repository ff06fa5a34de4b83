"""The bench around ``nmpu_axi``: cocotbext-axi drives bus and streams, a watch sees every clock, golden tells."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import numpy as np
from cocotbext.axi import (
    AxiLiteBus,
    AxiLiteMaster,
    AxiStreamBus,
    AxiStreamFrame,
    AxiStreamSink,
    AxiStreamSource,
)

from golden import LayerInputs, pack, unpack
from golden.protect import coded_width, decode, encode
from nmpu_hdl.driver import Driver
from nmpu_hdl.program import Layer, param_words

from .axi_model import Bank, Expected, Step, code_beats, expect, lanes_word, pass_beats, slots_of
from .lite import LiteBus
from .passes import Steps
from .programs import draw_chain, draw_codes, draw_inputs, draw_params, draw_tables
from .setup import chance, configuration, record, start_clock
from .stream import pattern
from .watch import Watch

__all__ = ["AxiBench"]


class AxiBench:
    """Use it as ``async with AxiBench(dut, "name") as bench``: begins with a reset, ends with nothing left over.

    Args:
        dut: the top.
        name: of the test; with the run's seed it determines every choice.

    Attributes:
        config: the configuration, from the file that NMPU_CONFIG names.
        rng: source of chance.
        master, driver: the bus.
        watch: what went by.
        banks: what the parameter banks hold; ``active``: the one that passes use.
        sram: codes in the SRAM of codes, (counts, lanes) by address.
        tables: what the activation table holds, (2, entries), or None.
        checked: columns compared.
    """

    def __init__(self, dut: Any, name: str) -> None:
        self.dut, self._name = dut, name
        self.config, self.rng = configuration(), chance(name)
        self.banks, self.active = [Bank(self.config), Bank(self.config)], 0
        self.tables: Any = None
        self.sram: dict[int, Any] = {}
        self.checked = 0
        self.watch = Watch(dut, self.config)

    async def __aenter__(self) -> Self:
        logging.getLogger("cocotb").setLevel(logging.WARNING)
        dut, tile = self.dut, self.config.tile
        start_clock(dut)
        dut.rst.value = 1
        self.master = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axil"), dut.clk, dut.rst)
        self.driver = Driver(self.config, LiteBus(self.master))

        def source(prefix: str) -> AxiStreamSource:
            return AxiStreamSource(AxiStreamBus.from_prefix(dut, prefix), dut.clk, dut.rst)

        def sink(prefix: str) -> AxiStreamSink:
            return AxiStreamSink(AxiStreamBus.from_prefix(dut, prefix), dut.clk, dut.rst)

        self.codes = source("s_axis") if tile.input == "stream" else None
        self.residuals = source("s_axis_res") if tile.residual else None
        self.sums_in = source("s_axis_sum") if tile.chain > 1 else None
        self.results = sink("m_axis") if tile.output == "stream" else None
        self.sums_out = sink("m_axis_sum") if tile.chain > 1 else None
        self.watch.begin()
        await self.reset()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and self.watch.failure:
            raise self.watch.failure
        record(self.checked)

    async def reset(self, clocks: int = 3) -> None:
        """Reset in whatever state; the memories keep what they hold, and bank 0 is the one in use."""
        self.dut.rst.value = 1
        for stream in (self.codes, self.residuals, self.sums_in):
            if stream:
                stream.clear()
        await self.clocks(clocks)
        self.dut.rst.value = 0
        self.active = 0
        await self.clocks(2)
        self.watch.forget()

    async def drop(self) -> None:
        """Take back what the sources still have, with the unit left alone."""
        sources = [stream for stream in (self.codes, self.residuals, self.sums_in) if stream]
        self.watch.blind = True
        for held in (True, False):
            for source in sources:
                source.clear()
                source.assert_reset(held)
            await self.clocks(3)
        self.watch.blind = False
        self.watch.forget()

    async def clocks(self, count: int) -> None:
        """Let time pass."""
        for _ in range(count):
            await self.dut.clk.rising_edge

    # -- gaps and stalls --

    def pause(self, kind: str) -> None:
        """Sources and sinks idle by :func:`tb.stream.pattern`; the bus's channels by the same."""
        streams = (self.codes, self.residuals, self.sums_in, self.results, self.sums_out)
        for stream in filter(None, streams):
            _pause(stream, pattern(kind, self.rng))
        reads, writes = self.master.read_if, self.master.write_if
        for channel in (reads.ar_channel, reads.r_channel, writes.aw_channel, writes.w_channel, writes.b_channel):
            _pause(channel, pattern(kind, self.rng))

    # -- memories --

    async def load(self, image: Sequence[int] | None = None) -> None:
        """Write a whole bank, a random one unless given, to the bank that passes do not use, and note it."""
        image = self.image() if image is None else image
        await self.driver.load_params(image)
        self.banks[1 - self.active].load(image)

    async def load_both(self) -> None:
        """Random contents for both banks."""
        await self.load()
        await self.swap()
        await self.load()

    async def swap(self) -> None:
        """Exchange the banks while no program runs."""
        await self.driver.swap(10)
        self.active = 1 - self.active
        await self.driver.events()

    def image(self) -> list[int]:
        """A random bank."""
        sets = [pack(self.config, draw_params(self.rng, self.config)) for _ in range(self.config.tile.sets)]
        return [word for one in sets for word in one][: param_words(self.config)]

    async def load_tables(self) -> None:
        """Random entries for both banks of the activation table, if there is one."""
        self.tables = draw_tables(self.rng, self.config)
        if self.tables is not None:
            for bank in (0, 1):
                await self.driver.load_table(bank, self.tables[bank].tolist())

    async def flip(self, word: int, lane: int, double: bool | None = None) -> None:
        """Write a random parameter word with one wrong bit, or two where such an error is seen, to the bank that passes
        do not use; at random unless told."""
        bits, first, second = self._wrong_word(bool(self.rng.integers(2)) if double is None else double)
        await self.driver.inject("parameters", lane, first, second)
        for sub, address in enumerate(self.driver._param_addresses(word, 1)[0][lane]):
            await self.driver._bus.write(address, bits >> (32 * sub) & 0xFFFFFFFF)
        mask = 1 << first | (0 if second is None else 1 << second)
        self.banks[1 - self.active].write(word, lane, bits, mask)

    def _wrong_word(self, two: bool) -> tuple[int, int, int | None]:
        """A lane's parameters and the bits to be inverted, such that what is made of them is legal, right or not."""
        config = self.config
        kind, width = config.tile.protect, config.derived.param_width
        while True:
            bits = pack(config, draw_params(self.rng, config))[0] & ((1 << width) - 1)
            first, second = (int(b) for b in self.rng.permutation(coded_width(kind, width))[:2])
            double = int(kind == "secded" and two)
            used = decode(kind, width, encode(kind, width, bits) ^ (1 << first) ^ (double << second))[0]
            try:
                unpack(config, [used]).first(1).fields(config)
            except ValueError:
                continue
            return bits, first, second if double else None

    # -- programs --

    def chain(self, most: int = 4, vectors: int = 6) -> tuple[dict[int, Layer], list[int], list[LayerInputs]]:
        """A random chain and its inputs."""
        layers, order = draw_chain(self.rng, self.config, most, vectors)
        return layers, order, [self.inputs(layers[place]) for place in order]

    def inputs(self, layer: Layer) -> LayerInputs:
        """Random inputs of a layer; where codes come from an SRAM, what it holds at the addresses that are read."""
        drawn, config = draw_inputs(self.rng, self.config, layer), self.config
        if self.codes:
            return drawn
        for k, codes in enumerate(drawn.codes.reshape(-1, *drawn.codes.shape[2:])):
            for slot, part in enumerate(slots_of(config, layer.settings.columns)):
                address = (layer.in_base + k * layer.in_stride + slot) % (1 << config.tile.address)
                if address not in self.sram:
                    shape = config.codes.counts, config.array.lanes
                    self.sram[address] = draw_codes(self.rng, config.codes.format, shape)
                    (word,) = code_beats(config, self.sram[address])
                    self.watch.codes[address] = word
                codes[:, part] = self.sram[address][:, : part.stop - part.start]
        return drawn

    def marks(self, layer: Layer) -> Any:
        """Marks that come with a neighbour's sums: mostly none."""
        if not layer.sum_in:
            return None
        shape = layer.vectors, layer.slots(self.config)
        return self.rng.random(shape) < 0.1 if self.rng.integers(2) else np.zeros(shape, np.bool_)

    def feed(self, layer: Layer, inputs: LayerInputs, marks: Any = None, sums: Sequence[int] | None = None) -> None:
        """Queue what a layer takes from its streams; ``sums`` are words of a neighbour's, as they came."""
        config = self.config
        for word in sums or ():
            assert self.sums_in
            self.sums_in.send_nowait(self._frame(self.sums_in, word))
        for v in range(layer.vectors):
            for block in range(layer.blocks):
                if self.codes:
                    self.codes.send_nowait(self.pass_frame(layer, inputs, v, block))
            for k, part in enumerate(slots_of(config, layer.settings.columns)):
                if inputs.sums is not None and sums is None:
                    assert self.sums_in
                    word = lanes_word(inputs.sums[v, part], config.derived.total.width)
                    self.sums_in.send_nowait(self._frame(self.sums_in, word, int(marks[v, k])))
                if inputs.residual is not None:
                    assert self.residuals
                    word = lanes_word(inputs.residual[v, part], config.output.format.width)
                    self.residuals.send_nowait(self._frame(self.residuals, word))

    def whole_frame(self, beats: Sequence[int]) -> AxiStreamFrame:
        """A pass as a frame that keeps every byte."""
        assert self.codes
        size = self.codes.byte_lanes
        return AxiStreamFrame(b"".join(beat.to_bytes(size, "little") for beat in beats))

    def pass_frame(self, layer: Layer, inputs: LayerInputs, vector: int, block: int) -> AxiStreamFrame:
        """A pass as a frame: its last beat keeps just the bytes that are needed."""
        assert self.codes
        data = self.whole_frame(pass_beats(self.config, layer, inputs, vector, block)).tdata
        facts, lanes = self.config.derived.front_end, self.config.array.lanes
        left = layer.settings.columns % lanes or lanes
        used = self.codes.byte_lanes if facts.zero else -(-left * facts.bits // 8)
        return AxiStreamFrame(data[: len(data) - self.codes.byte_lanes + used])

    def _frame(self, source: AxiStreamSource, word: int, user: int = 0) -> AxiStreamFrame:
        return AxiStreamFrame(word.to_bytes(source.byte_lanes, "little"), tuser=user)

    async def run(
        self,
        layers: Mapping[int, Layer],
        order: Sequence[int],
        inputs: Sequence[LayerInputs],
        *,
        flips: Mapping[int, tuple[int, int]] | None = None,
        sums: Sequence[int] | None = None,
        load: bool = True,
    ) -> Expected:
        """Load and run a chain, and compare all that it gives and counts with the golden model.

        Args:
            layers: the layers by place.
            order: the places in the order in which they run.
            inputs: of each.
            flips: errors in the first sum that a layer stores, by its number in the order.
            sums: words to be sent as a neighbour's, instead of those of ``inputs``, without marks.
            load: write the descriptors first.
        """
        if load:
            await self.driver.load_program(layers)
        await self.driver.clear()
        await self.driver.events()
        self.watch.forget()
        steps = []
        for k, (place, given) in enumerate(zip(order, inputs, strict=True)):
            marks = None if sums is not None else self.marks(layers[place])
            self.feed(layers[place], given, marks, sums)
            banks = np.full(layers[place].vectors, self.active)
            steps.append(Step(layers[place], given, banks, marks, (flips or {}).get(k)))
        await self.driver.start(order[0])
        beats = sum(
            layers[place].vectors * layers[place].blocks * Steps.of(self.config, layers[place].settings).beats
            for place in order
        )
        await self.finish(20_000 + beats)
        expected = expect(self.config, steps, self.banks, self.tables)
        await self.compare(expected)
        return expected

    async def finish(self, limit: int = 20_000) -> None:
        """Wait for the end of a chain."""
        await self.driver.wait(limit)

    async def compare(self, expected: Expected) -> None:
        """Results, sums, counters, events.

        Raises:
            AssertionError: the first difference.
        """
        watch, config = self.watch, self.config
        if watch.failure:
            raise watch.failure
        _same("result", watch.results, expected.results)
        _same("sum", watch.sums, expected.sums)
        counters = await self.driver.counters()
        # What a unit lacks that waits for a neighbour's sums as well as for codes, or that would need them for several
        # clocks before it takes them, cannot be seen from outside.
        hidden = expected.sums_taken or config.derived.clocked
        want = {
            "passes": expected.counters.passes,
            "columns": expected.counters.columns,
            "sat_low": expected.counters.sat_low,
            "sat_high": expected.counters.sat_high,
            "corrected": expected.corrected,
            "uncorrected": expected.uncorrected,
            "stall_in": counters["stall_in"] if hidden else watch.stall_in,
            "stall_out": watch.stall_out,
        }
        assert counters == want, f"counters are {counters}, not {want}"
        assert watch.stall_in <= counters["stall_in"], f"{watch.stall_in} clocks without codes, {counters} counted"
        if config.tile.observe:
            seen = await self.driver.observed()
            assert seen == (expected.counters.a_min, expected.counters.a_max), (seen, expected.counters)
        self.checked += expected.counters.columns
        events = await self.driver.events()
        wanted_events = {"done"}
        wanted_events |= {"layer"} if expected.ends else set()
        wanted_events |= {"corrected"} if expected.corrected else set()
        wanted_events |= {"uncorrected"} if expected.uncorrected else set()
        assert events == wanted_events, f"events are {sorted(events)}, not {sorted(wanted_events)}"


def _same(what: str, got: Sequence[Any], wanted: Sequence[Any]) -> None:
    for k, (one, other) in enumerate(zip(got, wanted, strict=False)):
        assert one == other, f"{what} {k} of {len(wanted)} is {one}, not {other}"
    assert len(got) == len(wanted), f"{len(got)} {what} beats came, not {len(wanted)}"


def _pause(target: Any, idle: Iterator[bool] | None) -> None:
    if idle is None:
        target.clear_pause_generator()
        target.pause = False
    else:
        target.set_pause_generator(idle)


def random_beats(bench: AxiBench) -> list[int]:
    """As many beats as there are slots, with any bits in the lanes."""
    array, bits = bench.config.array, bench.config.derived.front_end.bits
    size = array.lanes * bits
    return [int.from_bytes(bench.rng.bytes(-(-size // 8)), "little") & (1 << size) - 1 for _ in range(array.slots)]
