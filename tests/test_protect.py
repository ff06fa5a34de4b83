"""Protected words: what is found, what is put right, and the hardware against the golden model."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from itertools import combinations
from typing import Any, Literal

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from golden.protect import coded_width, decode, encode
from nmpu_hdl.protect import Guard

Kind = Literal["none", "parity", "secded"]
WIDTHS = [1, 2, 3, 4, 5, 10, 11, 12, 26, 27, 57, 62, 101]
"""Among them those at which a check bit is added, and those at which every syndrome names a bit."""


class Codec(wiring.Component):
    """A guard's encoder and decoder, side by side."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        super().__init__(
            {
                "data": In(guard.width),
                "stored": Out(guard.coded),
                "word": In(guard.coded),
                "read": Out(guard.width),
                "corrected": Out(1),
                "wrong": Out(1),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        found = self._guard.decode(m, self.word, "word")
        m.d.comb += [
            self.stored.eq(self._guard.encode(self.data)),
            self.read.eq(found.data),
            self.corrected.eq(found.corrected),
            self.wrong.eq(found.wrong),
        ]
        return m


def samples(width: int, seed: int = 0) -> list[int]:
    rng = np.random.default_rng(seed)
    full = (1 << width) - 1
    return [0, full, *(int.from_bytes(rng.bytes(16)) & full for _ in range(4))]


def masks(bits: int, most: int) -> Iterator[int]:
    """All words of ``bits`` bits with at most ``most`` ones."""
    for count in range(most + 1):
        for chosen in combinations(range(bits), count):
            yield sum(1 << k for k in chosen)


@pytest.mark.parametrize(
    ("kind", "width", "bits"),
    [("none", 26, 26), ("parity", 26, 27), ("secded", 1, 4), ("secded", 4, 8), ("secded", 26, 32), ("secded", 57, 64)],
)
def test_bits_of_a_stored_word(kind: Kind, width: int, bits: int) -> None:
    """secded: the extended Hamming codes of the textbook, shortened."""
    assert coded_width(kind, width) == Guard(kind, width).coded == bits


def test_the_first_bits_by_hand() -> None:
    """Data bit 0 is at position 3 (checks 1 and 2), data bit 1 at 5 (1 and 4), data bit 3 at 7 (all)."""
    assert encode("secded", 4, 0b0001) == 0b1_011_0001
    assert encode("secded", 4, 0b0010) == 0b1_101_0010
    assert encode("secded", 4, 0b1000) == 0b0_111_1000
    assert encode("parity", 3, 0b100) == 0b1100


@pytest.mark.parametrize("width", WIDTHS)
def test_secded_puts_right_one_error_and_finds_two(width: int) -> None:
    bits = coded_width("secded", width)
    for data in samples(width)[:3]:
        word = encode("secded", width, data)
        assert decode("secded", width, word) == (data, False, False)
        for k in range(bits):
            assert decode("secded", width, word ^ 1 << k) == (data, True, False), k
    for a, b in combinations(range(bits), 2):
        assert decode("secded", width, word ^ 1 << a ^ 1 << b)[1:] == (False, True), (a, b)


@pytest.mark.parametrize("width", WIDTHS)
def test_parity_finds_odd_numbers_of_errors(width: int) -> None:
    for data in samples(width):
        word = encode("parity", width, data)
        for mask in masks(min(width + 1, 12), 3):
            assert decode("parity", width, word ^ mask)[1:] == (False, mask.bit_count() % 2 == 1)


def test_golden_refuses() -> None:
    with pytest.raises(ValueError, match=r"^kind = 'crc' is no protection; none, parity or secded is$"):
        encode("crc", 8, 0)
    with pytest.raises(ValueError, match=r"^word = 256 is outside 0\.\.255$"):
        encode("parity", 8, 256)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("kind", ["none", "parity", "secded"])
def test_hardware_is_golden(kind: Kind, width: int) -> None:
    """Every single and every double error (of the wide words, the doubles with a check bit), and some triples."""
    guard, rng = Guard(kind, width), np.random.default_rng(width)
    dut, seen = Codec(guard), {(False, False): 0, (True, False): 0, (False, True): 0}
    errors = [e for e in masks(guard.coded, 2) if guard.coded < 40 or e.bit_count() < 2 or e >> width]
    errors += [
        sum(1 << int(k) for k in rng.choice(guard.coded, 3, replace=False)) for _ in range(300) if guard.coded > 2
    ]

    async def check(ctx: Any) -> None:
        for data in samples(width):
            ctx.set(dut.data, data)
            assert ctx.get(dut.stored) == encode(kind, width, data)
        for index, error in enumerate(errors):
            data = samples(width)[index % 6]
            word = encode(kind, width, data) ^ error
            ctx.set(dut.word, word)
            got = ctx.get(dut.read), bool(ctx.get(dut.corrected)), bool(ctx.get(dut.wrong))
            assert got == decode(kind, width, word), (data, error)
            seen[got[1:]] += 1

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        simulator = Simulator(dut)
    simulator.add_testbench(check)
    simulator.run()
    assert [bool(n) for n in seen.values()] == [True, kind == "secded", kind != "none"]
