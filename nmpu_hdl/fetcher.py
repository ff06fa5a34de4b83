"""Descriptors from their memory: read, unpacked, and checked against what the instance can do."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from .config import NmpuConfig
from .front_settings import FrontSettings, front_choices
from .program import SHIFTS_FROM, descriptor_fields, descriptor_stride, descriptor_words, param_words

__all__ = ["Fetcher", "descriptor_layout"]


def descriptor_layout(config: NmpuConfig) -> data.StructLayout:
    """A descriptor as its fields, and a signed byte a row block for its shift."""
    shapes: dict[str, Any] = {
        f.name: signed(f.width) if f.signed else unsigned(f.width) for f in descriptor_fields(config)
    }
    return data.StructLayout(shapes | {"shifts": data.ArrayLayout(signed(8), config.tile.blocks)})


class Fetcher(wiring.Component):
    """Reads one descriptor ahead.  ``descriptor_words + 3`` clocks after ``request`` it is there.

    Args:
        config: the configuration.

    Attributes:
        request, index: read this descriptor; what was read before is dropped.
        there: ``descriptor`` is the one that was asked for.
        legal: there is a descriptor of that index, and the instance can do what it says.
        descriptor: :func:`descriptor_layout`.
        en, addr, rdata: the descriptor memory; a word is read in a clock with ``en``, and shown in the next.
    """

    def __init__(self, config: NmpuConfig) -> None:
        self._config = config
        words = config.tile.descriptors * descriptor_stride(config)
        super().__init__(
            {
                "request": In(1),
                "index": In(range(max(config.tile.descriptors, 2))),
                "there": Out(1),
                "legal": Out(1),
                "descriptor": Out(descriptor_layout(config)),
                "en": Out(1),
                "addr": Out(range(max(words, 2))),
                "rdata": In(32),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        count = descriptor_words(self._config)
        words = [Signal(32, name=f"word_{k}", reset_less=True) for k in range(count)]
        due = Signal(range(count + 1), init=count)
        arriving, number = Signal(), Signal(range(count))
        index = Signal.like(self.index, reset_less=True)
        checked = Signal()
        stride = descriptor_stride(self._config).bit_length() - 1
        m.d.comb += [self.en.eq(due != count), self.addr.eq(Cat(due[:stride], index)), self.there.eq(checked)]
        m.d.sync += [arriving.eq(self.en), number.eq(due)]
        with m.If(self.en):
            m.d.sync += due.eq(due + 1)
        with m.If(arriving), m.Switch(number):
            for k, word in enumerate(words):
                with m.Case(k):
                    m.d.sync += word.eq(self.rdata)
        # All is in when the last word has arrived; the check takes a clock of its own.
        exists = index < self._config.tile.descriptors if self._config.tile.descriptors < 1 << len(index) else 1
        m.d.sync += [self.legal.eq(self._fits(m) & exists), checked.eq(checked | (arriving & (number == count - 1)))]
        settled = Signal()
        m.d.sync += settled.eq(checked)
        m.d.comb += self.there.eq(checked & settled)
        with m.If(self.request):
            m.d.sync += [due.eq(0), index.eq(self.index), arriving.eq(0), checked.eq(0), settled.eq(0)]
        for f in descriptor_fields(self._config):
            m.d.comb += getattr(self.descriptor, f.name).eq(words[f.word][f.lsb : f.lsb + f.width])
        for block in range(self._config.tile.blocks):
            m.d.comb += self.descriptor.shifts[block].eq(words[SHIFTS_FROM + block // 4].word_select(block % 4, 8))
        return m

    def _fits(self, m: Module) -> Value:
        """What ``Layer.check`` asks for; but for the shifts of the blocks, which are clamped as the core's pins are."""
        config, d = self._config, self.descriptor
        tile, lanes = config.tile, config.array.lanes
        slots, end = Signal(range(config.array.slots + 1)), Signal(24)
        m.d.comb += [slots.eq((d.columns + (lanes - 1)) // lanes), end.eq(d.base + d.blocks * slots)]
        conditions = [
            (d.columns >= 1) & (d.columns <= config.array.columns),
            (d.blocks >= 1) & (d.blocks <= tile.blocks),
            d.vectors != 0,
            end <= param_words(config),
            d.last | (d.next < tile.descriptors),
            _any([d.width == width for width in config.derived.widths]),
            (d.pool_window >= 1) & (d.pool_window <= max(tile.pool, 1)),
            (d.pooling == 0) if not tile.pool else (d.pooling <= 2),
            _any([d.rounding == mode.code for mode in config.rounding.modes]),
            _any([d.activation == mode.code for mode in config.activation.modes]),
            *(() if config.offset.max_shift == 7 else (d.offset_shift <= config.offset.max_shift,)),
            *(() if tile.table else (~d.table,)),
            *(() if tile.chain > 1 else (~d.sum_in, ~d.sum_out)),
            self._fits_residual(),
            *self._fits_front(),
            *(
                getattr(d, name) < (1 << tile.address)
                for name in ("in_base", "in_stride", "out_base", "out_stride")
                if tile.address < 24
            ),
        ]
        return Cat(*conditions).all()

    def _fits_front(self) -> list[Value]:
        """What ``FrontSettings.check`` asks for."""
        if not self._config.derived.front_end.present:
            return []
        d, choices = self.descriptor, {choice.name: choice for choice in front_choices(self._config)}
        conditions: list[Value] = []
        for name, value in asdict(FrontSettings.of(self._config)).items():
            shown = getattr(d, name)
            if name not in choices:
                conditions.append(shown == int(value))
                continue
            least, most = choices[name].least, choices[name].most
            conditions += [shown >= least] * (least > 0) + [shown <= most] * (most < (1 << len(shown)) - 1)
        return conditions

    def _fits_residual(self) -> Value:
        tile, d = self._config.tile, self.descriptor
        if not tile.residual:
            return ~d.residual
        within = (d.residual_shift >= -tile.residual_right) & (d.residual_shift <= tile.residual_left)
        return Mux(d.residual, within, 1)


def _any(values: list[Value]) -> Value:
    return Cat(*values).any()
