"""Words that tell of errors in the memory that holds them: even parity, or Hamming with an overall parity (secded)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from amaranth.hdl import C, Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .macros import check_bits, coded_bits
from .modules import place

__all__ = ["Decoded", "Guard", "decoded", "encoded", "inject_ports", "inverted"]

INJECT_BITS = 7
"""A stored word has fewer than 128 bits."""


class Decoded(NamedTuple):
    """What a stored word says.

    Args:
        data: the word, put right where it could be.
        corrected: a single error was put right, be it in a check bit.
        wrong: there is an error that was not.
    """

    data: Value
    corrected: Value
    wrong: Value


@dataclass(frozen=True)
class Guard:
    """How a word is protected.  In the stored word data is lowest, then the check bits, then the overall parity.

    Data bit ``i`` belongs to the check bits that the ``i``-th number that is no power of two has ones for; check bit
    ``j`` stands for ``2 ** j``.  So the syndrome of a single error is the number of its bit, and all numbers from 1 to
    ``width + check bits`` name one.

    Args:
        kind: ``none``; ``parity``: any odd number of errors is found; ``secded``: one is corrected, two are found.
        width: bits of a word, at least 1.
    """

    kind: Literal["none", "parity", "secded"]
    width: int

    @property
    def coded(self) -> int:
        """Bits of the stored word."""
        return coded_bits(self.kind, self.width)

    @property
    def _numbers(self) -> list[int]:
        """The number of each data bit."""
        return [n for n in range(3, self.width + check_bits(self.width) + 1) if n & (n - 1)]

    def encode(self, data: Value) -> Value:
        """The word to be stored, ``coded`` bits."""
        if self.kind == "none":
            return data
        if self.kind == "parity":
            return Cat(data, data.xor())
        numbered = list(zip(data, self._numbers, strict=True))
        checks = (Cat(bit for bit, n in numbered if n >> j & 1).xor() for j in range(check_bits(self.width)))
        # A bit is in as many checks as its number has ones: in the parity over data and checks an odd one cancels.
        return Cat(data, *checks, Cat(bit for bit, n in numbered if n.bit_count() % 2 == 0).xor())

    def decode(self, m: Module, word: Value, name: str) -> Decoded:
        """Look at a stored word.

        Args:
            m: takes the logic.
            word: as it was read, ``coded`` bits.
            name: for the signals.
        """
        data, width = word[: self.width], self.width
        if self.kind == "none":
            return Decoded(data, C(0, 1), C(0, 1))
        odd = Signal(name=f"{name}_odd")
        m.d.comb += odd.eq(word.xor())
        if self.kind == "parity":
            return Decoded(data, C(0, 1), odd)
        count = check_bits(width)
        syndrome = Signal(count, name=f"{name}_syndrome")
        numbered = list(zip(data, self._numbers, strict=True))
        m.d.comb += syndrome.eq(
            Cat(Cat(word[width + j], *(bit for bit, n in numbered if n >> j & 1)).xor() for j in range(count))
        )
        # 0 names the overall parity.  Where every number names a bit, a comparison would be constant.
        nameless = syndrome > width + count if width + count < (1 << count) - 1 else C(0, 1)
        right = Cat(bit ^ (odd & (syndrome == n)) for bit, n in numbered)
        return Decoded(right, odd & ~nameless, Mux(odd, nameless, syndrome.any()))


class _Encoder(wiring.Component):
    """One word's encoder.  The stored word has the bits of ``mask`` inverted where ``inject`` is high."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        coded = guard.coded
        super().__init__({"data": In(guard.width), "inject": In(1), "mask": In(coded), "word": Out(coded)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.d.comb += self.word.eq(self._guard.encode(self.data) ^ Mux(self.inject, self.mask, 0))
        return m


class _Decoder(wiring.Component):
    """One word's decoder."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        super().__init__({"word": In(guard.coded), "data": Out(guard.width), "corrected": Out(1), "wrong": Out(1)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        for name, value in self._guard.decode(m, self.word, "word")._asdict().items():
            m.d.comb += getattr(self, name).eq(value)
        return m


def encoded(m: Module, platform: Any, guard: Guard, data: Value, inject: Value, mask: Value, name: str) -> Value:
    """The word to be stored for ``data``, by an encoder of its own; with the bits of ``mask`` inverted where ``inject``
    is high.  Without protection the data itself: there nothing is injected."""
    if guard.kind == "none":
        return data
    encoder = _Encoder(guard)
    place(m, platform, f"{guard.kind}_encode_{guard.width}", encoder, name, clocked=False)
    m.d.comb += [encoder.data.eq(data), encoder.inject.eq(inject), encoder.mask.eq(mask)]
    return encoder.word


def decoded(m: Module, platform: Any, guard: Guard, word: Value, name: str) -> Decoded:
    """What the stored ``word`` says, by a decoder of its own."""
    if guard.kind == "none":
        return guard.decode(m, word, name)
    decoder = _Decoder(guard)
    place(m, platform, f"{guard.kind}_decode_{guard.width}", decoder, name, clocked=False)
    m.d.comb += decoder.word.eq(word)
    return Decoded(decoder.data, decoder.corrected, decoder.wrong)


def inject_ports(lanes: int) -> dict[str, wiring.Member]:
    """Ports of a memory whose protection can be tried out.

    While ``inject_en`` is high, the next word that is written to lane ``inject_lane`` has stored bit ``inject_first``
    inverted, and with ``inject_double`` bit ``inject_second`` too (twice the same: inverted once; a bit that is not
    there: nothing).  ``injected`` is high in the clock of that write; ``inject_en`` has to fall after it.  Without
    protection there is no injection, and ``injected`` stays low.
    """
    return {
        "inject_en": In(1),
        "inject_lane": In(range(max(lanes, 2))),
        "inject_first": In(INJECT_BITS),
        "inject_double": In(1),
        "inject_second": In(INJECT_BITS),
        "injected": Out(1),
    }


def inverted(guard: Guard, ports: Any) -> Value:
    """The stored bits that :func:`inject_ports` of the component ``ports`` name, as a mask."""
    return Cat(
        (ports.inject_first == k) | (ports.inject_double & (ports.inject_second == k)) for k in range(guard.coded)
    )
