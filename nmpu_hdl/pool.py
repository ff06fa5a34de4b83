"""Max and average pooling of results over a window of vectors."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import C, Module, Mux, Signal, Value
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from .config import NmpuConfig
from .fixed import Fixed, choose, requantize, shape
from .formats import Number, Rounding
from .modules import place
from .results import result_layout

__all__ = ["Pool", "PoolLane", "PoolWords"]

_IN_LANES = ("y", "low", "high", "mark")
"""Members of a result that a window changes; the others are those of its last vector."""


class Pool(wiring.Component):
    """Combine the vectors of a window, slot by slot.  Latency 2 clocks, a beat a clock.

    A beat with ``tag.pool_first`` starts a window in its slot, any other is combined with what the store has for that
    slot; with ``tag.pool_final`` the result goes on, with all else of that beat, and without it the store takes what
    there is, and nothing goes on.  ``tag.pooling`` is 0 none (both tags 1; ``y`` passes), 1 max, 2 average:
    ``floor(sum * 2^-pool_shift + 1/2)``, saturated to the width in force.  ``low``, ``high`` of a lane and ``mark`` of
    a slot are set where they were in any vector of the window.  The vectors of a window have the same active lanes,
    so that the others, which are 0, stay 0.

    The store has ``array.slots`` words, each of all lanes' sums and flags; it is an array inside, whatever
    ``how.memory`` is, has no protection, and needs no clearing.  Where a word is read while it is written, as happens
    with vectors of one slot, the result register stands in for it.

    Args:
        config: the configuration, with ``tile.pool > 0``.

    Attributes:
        i, o: streams of :func:`nmpu_hdl.results.result_layout`.

    Raises:
        ValueError: the configuration has no pooling.
    """

    def __init__(self, config: NmpuConfig) -> None:
        if not config.tile.pool:
            raise ValueError("tile.pool = 0: there is no pooling to build; 2 or more would build it")
        self._config = config
        results = stream.Signature(result_layout(config))
        super().__init__({"i": In(results), "o": Out(results)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        layout = result_layout(self._config)
        held = Signal(layout, reset_less=True)
        side = Signal(data.StructLayout({k: f.shape for k, f in layout if k not in _IN_LANES}), reset_less=True)
        occupied, forward, result_valid = Signal(), Signal(reset_less=True), Signal()
        enter, load = Signal(), Signal()
        m.d.comb += [
            load.eq(~result_valid | self.o.ready),
            enter.eq(~occupied | load),
            self.i.ready.eq(enter),
            self.o.valid.eq(result_valid),
            *(self.o.payload[name].eq(side[name]) for name, _ in side.shape()),
        ]
        with m.If(enter):
            # A beat in front moves into the result register now, and is written into the store while this one is read.
            same = held.slot == self.i.payload.slot
            m.d.sync += [occupied.eq(self.i.valid), held.eq(self.i.payload), forward.eq(occupied & same)]
        with m.If(load):
            m.d.sync += result_valid.eq(occupied & held.tag.pool_final)
            m.d.sync += [side[name].eq(held[name]) for name, _ in side.shape()]
        words = PoolWords(self._config)
        place(m, platform, "pool_words", words)
        m.d.comb += [
            words.read_en.eq(self.i.valid & enter & ~self.i.payload.tag.pool_first),
            words.read_addr.eq(self.i.payload.slot),
            words.write_en.eq(occupied & load & ~held.tag.pool_final),
            words.write_addr.eq(held.slot),
        ]
        self._lanes(m, platform, words, held, side, forward, load)
        return m

    def _lanes(
        self, m: Module, platform: Any, words: PoolWords, held: Any, side: Any, forward: Signal, load: Signal
    ) -> None:
        """The lanes between the store's two ports, and the mark, which is one for all of them."""
        tag = held.tag
        for k in range(self._config.array.lanes):
            lane = PoolLane(self._config)
            place(m, platform, "pool_lane", lane, f"lane_{k}")
            m.d.comb += [
                lane.y.eq(held.y[k]),
                lane.low.eq(held.low[k]),
                lane.high.eq(held.high[k]),
                lane.stored.eq(words.rdata.lanes[k]),
                lane.load.eq(load),
                lane.first.eq(tag.pool_first),
                lane.forward.eq(forward),
                lane.average.eq(tag.pooling[1]),
                lane.mean.eq(side.tag.pooling[1]),
                lane.shift.eq(side.tag.pool_shift),
                lane.width.eq(side.tag.width),
                words.wdata.lanes[k].eq(lane.store),
                self.o.payload.y[k].eq(lane.code),
                self.o.payload.low[k].eq(lane.result.low),
                self.o.payload.high[k].eq(lane.result.high),
            ]
        mark, marked = Signal(reset_less=True), Signal()
        m.d.comb += [
            marked.eq(held.mark | (~tag.pool_first & Mux(forward, mark, words.rdata.mark))),
            words.wdata.mark.eq(marked),
            self.o.payload.mark.eq(mark),
        ]
        with m.If(load):
            m.d.sync += mark.eq(marked)


class PoolLane(wiring.Component):
    """One lane of the pooling: between its two registers, and the second of them.

    Args:
        config: gives output format, widths and the largest window.

    Attributes:
        y, low, high: the lane's result in the first register.
        stored: what the store has for the slot.
        load: the second register loads at the next edge.
        first: first vector of a window.
        forward: use ``result`` in place of ``stored``.
        average: 1: sum; 0: maximum.
        store: what is to be stored.
        result: the second register: ``store`` as it was.
        mean, shift, width: of the beat in the second register: divide the sum, ``floor(sum * 2^-shift + 1/2)``, and
            saturate it to ``derived.widths[width]`` bits.
        code: what it gives, from there.
    """

    def __init__(self, config: NmpuConfig) -> None:
        self._config = config
        kept = _kept_layout(config)
        super().__init__(
            {
                "y": In(config.output.format.width),
                "low": In(1),
                "high": In(1),
                "stored": In(kept),
                "load": In(1),
                "first": In(1),
                "forward": In(1),
                "average": In(1),
                "mean": In(1),
                "shift": In(4),
                "width": In(range(max(len(config.derived.widths), 2))),
                "store": Out(kept),
                "result": Out(kept),
                "code": Out(config.output.format.width),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        before, result = Signal.like(self.stored), Signal.like(self.result, reset_less=True)
        y: Value = self.y.as_signed() if self._config.output.format.signed else self.y
        largest = Mux(y > before.value, y, before.value)
        m.d.comb += [
            before.eq(Mux(self.forward, result, self.stored)),
            self.store.value.eq(Mux(self.first, y, Mux(self.average, before.value + y, largest))),
            self.store.low.eq(self.low | (~self.first & before.low)),
            self.store.high.eq(self.high | (~self.first & before.high)),
            self.result.eq(result),
            # Behind the register: adding, dividing and saturating in one clock would be the longest path of all.
            self.code.eq(Mux(self.mean, self._mean(m, result.value), result.value)),
        ]
        with m.If(self.load):
            m.d.sync += result.eq(self.store)
        return m

    def _mean(self, m: Module, total: Value) -> Value:
        """The sum times ``2^-shift``: cut to one fraction bit, which loses no tie, rounded half up, saturated."""
        form, number = self._config.output.format, _sum_number(self._config)
        halves = Signal(shape(Number(number.low * 2, number.high * 2, 1)))
        m.d.comb += halves.eq((total << 1) >> self.shift)
        exact = Fixed(halves, Number(number.low * 2, number.high * 2, 1))
        mean = requantize(m, exact, (Rounding.HALF_UP,), C(Rounding.HALF_UP.code, 2)).value
        widths = self._config.derived.widths
        highs = {k: C((1 << (w - form.signed)) - 1, shape(form.number)) for k, w in enumerate(widths)}
        most = choose(self.width, highs, highs[0])
        limited = Mux(mean > most, most, mean)
        if form.signed:
            lows = {k: C(-(1 << (w - 1)), shape(form.number)) for k, w in enumerate(widths)}
            least = choose(self.width, lows, lows[0])
            limited = Mux(mean < least, least, limited)
        return limited


class PoolWords(wiring.Component):
    """The store: ``array.slots`` words, one port to read and one to write.  Its content is undefined until written.

    A word that is read in the clock in which it is written is undefined.

    Args:
        config: gives slots, lanes and the width of a sum.

    Attributes:
        read_en, read_addr: ``rdata`` shows the word from the next clock until the next read.
        write_en, write_addr, wdata: a write.
    """

    def __init__(self, config: NmpuConfig) -> None:
        self._depth = config.array.slots
        self._word = data.StructLayout(
            {"lanes": data.ArrayLayout(_kept_layout(config), config.array.lanes), "mark": 1},
        )
        address = range(max(self._depth, 2))
        super().__init__(
            {
                "read_en": In(1),
                "read_addr": In(address),
                "rdata": Out(self._word),
                "write_en": In(1),
                "write_addr": In(address),
                "wdata": In(self._word),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.cells = cells = memory.Memory(shape=self._word.size, depth=self._depth, init=[])
        read, write = cells.read_port(), cells.write_port()
        m.d.comb += [
            read.en.eq(self.read_en),
            read.addr.eq(self.read_addr),
            self.rdata.eq(read.data),
            write.en.eq(self.write_en),
            write.addr.eq(self.write_addr),
            write.data.eq(self.wdata),
        ]
        return m


def _sum_number(config: NmpuConfig) -> Number:
    """The range of a sum over the largest window."""
    form = config.output.format
    return Number(form.low * config.tile.pool, form.high * config.tile.pool, 0)


def _kept_layout(config: NmpuConfig) -> data.StructLayout:
    """What a window keeps of a lane: the sum or the maximum so far, and the flags."""
    return data.StructLayout({"value": shape(_sum_number(config)), "low": 1, "high": 1})
