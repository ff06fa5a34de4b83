"""Binary16 of the golden model against exact fractions, NumPy's halves, doubles rounded to odd, and APyTypes.

Each of the four shares nothing with golden/float16.py; NaN is compared as the one NaN that operations give.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from apytypes import APyFloatArray, APyFloatQuantizationContext, QuantizationMode
from numpy.typing import NDArray

from golden import float16
from nmpu_hdl.formats import Format

from . import float_oracle
from .float_doubles import fused_doubles, halves, lean_patterns, lean_values, patterns, to_odd
from .oracle import power

Ints = NDArray[np.int64]

BLOCK = 1 << 16
MILLIONS = 5
LEAN = pytest.mark.parametrize("lean", [False, True], ids=["full", "lean"])

MAGNITUDES = [
    *(0x0000, 0x0001, 0x0002, 0x0003, 0x01FF, 0x0200, 0x0201, 0x03FE, 0x03FF),  # zero, subnormals
    *(0x0400, 0x0401, 0x07FF, 0x0800, 0x0801),  # 2**-14 and around
    *(0x0C00, 0x1000, 0x13FF, 0x1400, 0x1401, 0x1800, 0x1C00, 0x2000, 0x2C00, 0x2FFF, 0x3000),  # 2**-12 to 2**-3
    *(0x37FF, 0x3800, 0x3801, 0x3BFE, 0x3BFF, 0x3C00, 0x3C01, 0x3C02, 0x3DFF, 0x3E00, 0x3E01, 0x3FFF),  # 0.5 to 2
    *(0x4000, 0x4001, 0x4200, 0x4400, 0x5000, 0x63FF, 0x6400, 0x6401, 0x67FF, 0x6800, 0x6801),  # 2 to 4096
    *(0x7400, 0x7555, 0x77FF, 0x7800, 0x7801, 0x7AAA, 0x7BFE, 0x7BFF),  # the last two binades
    *(0x7C00, 0x7C01, 0x7DFF, 0x7E00, 0x7E01, 0x7FFE, 0x7FFF),  # infinity, NaN; lean: from 65536
]
SPECIAL = np.array(MAGNITUDES + [m + 0x8000 for m in MAGNITUDES])
FEW = [0, 1, 2, 0x3FF, 0x400, 0x401, 0x1400, 0x2C00, 0x3800, 0x3BFF, 0x3C00, 0x3C01, 0x6400, 0x7BFF, 0x7C00, 0x7D23]
FEW += [0x7FFF, 0x8000]
FEW += [m + 0x8000 for m in (1, 0x3FF, 0x400, 0x1400, 0x3C00, 0x3C01, 0x7BFF, 0x7C00, 0x7FFF)]


def same(got: Ints, expected: Ints, *operands: Ints) -> None:
    """Fail with the first operands that differ."""
    wrong = np.flatnonzero(got != expected)
    assert not wrong.size, [[hex(int(x[i])) for x in (*operands, got, expected)] for i in wrong[:5]]


def blocks(millions: int, seed: int, near: Callable[[Ints, Ints, Ints], Ints]) -> Iterator[tuple[Ints, Ints, Ints]]:
    """Triples a, b, c of so many millions together.

    Every second time all patterns are alike; else the exponents of a and b are near each other and from anywhere, and
    ``near`` makes c of them and of noise from -4 to 4, so that sums cancel.
    """
    rng = np.random.default_rng(seed)
    for i in range(-(-millions * 10**6 // BLOCK)):
        a, b, c = rng.integers(0, 1 << 16, (3, BLOCK))
        if i % 2:
            close = (((a >> 10) + rng.integers(-2, 3, BLOCK)) & 31) << 10
            b = (b & 0x83FF) | close
            c = near(a, b, rng.integers(-4, 5, BLOCK))
        yield a, b, c


def exactly(name: str, lean: bool, *operands: Ints) -> Ints:
    """An operation of the oracle on arrays."""
    operation = getattr(float_oracle, name)
    return np.array([operation(*each, lean) for each in zip(*(x.tolist() for x in operands), strict=True)])


# -- special values against exact fractions --


@LEAN
@pytest.mark.parametrize("name", ["multiply", "add"])
def test_pairs_of_special_values(name: str, lean: bool) -> None:
    a, b = (grid.ravel() for grid in np.meshgrid(SPECIAL, SPECIAL))
    same(getattr(float16, name)(a, b, lean), exactly(name, lean, a, b), a, b)


@LEAN
def test_triples_of_special_values(lean: bool) -> None:
    a, b, c = np.array(list(itertools.product(FEW, repeat=3))).T
    same(float16.fused(a, b, c, lean), exactly("fused", lean, a, b, c), a, b, c)


@LEAN
def test_products_on_the_edge_of_a_tie(lean: bool) -> None:
    """a * b + c where c brings the product to a middle of two neighbours, or just off it, at every exponent."""
    rng = np.random.default_rng(5)
    for tail in (0, 1, -1):
        a = (rng.integers(1, 31, 2000) << 10) + rng.integers(0, 1024, 2000)
        b = (rng.integers(1, 31, 2000) << 10) + (rng.integers(0, 3, 2000) << 9)  # 1, 1.5 and 1 of the next binade
        c = np.clip(a + b - 0x3C00 - (rng.integers(10, 13, 2000) << 10), 0, 0x7BFF) & 0x7C00
        c = (c + tail) & 0xFFFF
        same(float16.fused(a, b, c, lean), exactly("fused", lean, a, b, c), a, b, c)


# -- millions of pairs and triples --


def test_multiply_and_add_are_numpy_halves() -> None:
    for a, b, _ in blocks(MILLIONS, 1, lambda a, b, noise: a):
        with np.errstate(all="ignore"):
            product, total = halves(a) * halves(b), halves(a) + halves(b)
        same(float16.multiply(a, b, False), patterns(product), a, b)
        same(float16.add(a, b, False), patterns(total), a, b)


def test_fused_is_one_rounding_of_doubles() -> None:
    def cancelling(a: Ints, b: Ints, noise: Ints) -> Ints:
        return (float16.negate(float16.multiply(a, b, False)) + noise) & 0xFFFF

    for a, b, c in blocks(MILLIONS, 2, cancelling):
        same(float16.fused(a, b, c, False), fused_doubles(a, b, c), a, b, c)


def test_lean_is_one_rounding_of_doubles() -> None:
    def cancelling(a: Ints, b: Ints, noise: Ints) -> Ints:
        return (float16.negate(float16.multiply(a, b, True)) + noise) & 0xFFFF

    for a, b, c in blocks(MILLIONS, 3, cancelling):
        x, y, z = lean_values(a), lean_values(b), lean_values(c)
        same(float16.fused(a, b, c, True), lean_patterns(to_odd(x * y, z)), a, b, c)
        same(float16.multiply(a, b, True), lean_patterns(x * y), a, b)
        same(float16.add(a, b, True), lean_patterns(x + y), a, b)  # 42 bits at most: a double holds every sum


@LEAN
def test_random_triples_against_exact_fractions(lean: bool) -> None:
    rng = np.random.default_rng(4)
    a, b, c = rng.integers(0, 1 << 16, (3, 16_000))
    c[::2] = ((float16.multiply(a, b, lean)[::2] ^ 0x8000) + rng.integers(-4, 5, 8000)) & 0xFFFF
    same(float16.fused(a, b, c, lean), exactly("fused", lean, a, b, c), a, b, c)


# -- APyTypes --


def apy(bits: Ints) -> APyFloatArray:
    return APyFloatArray.from_bits(bits.astype(np.uint16), exp_bits=5, man_bits=10)


def unapy(numbers: APyFloatArray) -> Ints:
    return patterns(halves(np.asarray(numbers.to_bits(numpy=True))))


def test_golden_is_apytypes() -> None:
    """Its sums are of any width and its JAM_UNBIASED is rounding to odd, so that it has the fused form too."""
    special = np.array(list(itertools.product(FEW, repeat=3))).T
    for a, b, c in [tuple(special), *blocks(1, 6, lambda a, b, noise: (a ^ 0x8000) + noise & 0xFFFF)]:
        same(float16.multiply(a, b, False), unapy(apy(a) * apy(b)), a, b)
        same(float16.add(a, b, False), unapy(apy(a) + apy(b)), a, b)
        wide = [apy(n).cast(exp_bits=8, man_bits=30) for n in (a, b, c)]
        with APyFloatQuantizationContext(QuantizationMode.JAM_UNBIASED):
            total = wide[0] * wide[1] + wide[2]
        once = total.cast(exp_bits=5, man_bits=10, quantization=QuantizationMode.TIES_EVEN)
        same(float16.fused(a, b, c, False), unapy(once), a, b, c)


# -- to and from integers --


@LEAN
@pytest.mark.parametrize("name", ["UQ16.0", "SQ16.0", "UQ10.0", "UQ8.8", "UQ0.16"])
def test_every_code_to_binary16(name: str, lean: bool) -> None:
    form = Format.parse(name)
    codes = np.arange(form.low, form.high + 1)
    got = float16.from_integer(codes, form.fraction, lean)
    step = power(-form.fraction)
    same(got, np.array([float_oracle.encode(int(code) * step, False, lean) for code in codes]), codes)
    if not lean:
        with np.errstate(over="ignore"):
            same(got, patterns((codes * form.step).astype(np.float16)), codes)


@LEAN
@pytest.mark.parametrize("name", ["SQ8.0", "UQ8.0", "SQ16.0", "UQ16.0", "UQ2.0", "SQ2.0"])
def test_every_pattern_to_an_integer(name: str, lean: bool) -> None:
    form, bits = Format.parse(name), np.arange(1 << 16)
    y, low, high = float16.to_integer(bits, form, lean)
    exact = exactly("whole", lean, bits)
    same(y, np.clip(exact, form.low, form.high), bits)
    np.testing.assert_array_equal(low, exact < form.low)
    np.testing.assert_array_equal(high, exact > form.high)
    if not lean:
        with np.errstate(invalid="ignore"):
            same(y, np.nan_to_num(np.rint(halves(bits).astype(float)), nan=9e9).clip(form.low, form.high), bits)


@LEAN
def test_every_pattern_negated_rectified_and_read(lean: bool) -> None:
    bits = np.arange(1 << 16)
    values = np.array([float(float_oracle.value(int(b), lean)) for b in bits])
    np.testing.assert_array_equal(float16.to_float(bits, lean), values)
    np.testing.assert_array_equal(float16.to_float(float16.negate(bits), lean), -values)
    rectified = float16.relu(bits, lean)
    np.testing.assert_array_equal(float16.to_float(rectified, lean), np.where(values < 0, 0, values))
    assert not (rectified[values < 0]).any()


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.int64, np.uint64])
def test_any_integers_go_in_and_shapes_broadcast(dtype: type[np.integer]) -> None:
    a, b = np.array([[0x3C00], [0x4000]], dtype), np.array([0xC200, 0x0001, 0x7BFF], dtype)
    got = float16.fused(a, b, np.array(0, dtype), False)
    assert got.dtype == np.int64
    np.testing.assert_array_equal(got, [[0xC200, 0x0001, 0x7BFF], [0xC600, 0x0002, 0x7C00]])


def test_lean_flushes_after_rounding_to_eleven_bits() -> None:
    """4095 * 2**-26 is the tie below 2**-14; 2047 * 2**-25 has 11 bits, and subnormals would round it up."""
    a, b = (np.array(factors, np.float16) * np.float16(2.0**-13) for factors in ((63, 46), (65, 89)))
    one, other = patterns(a), patterns(b)
    np.testing.assert_array_equal(float16.multiply(one, other, True), [0x0400, 0x0000])
    np.testing.assert_array_equal(float16.multiply(one, other, False), [0x0400, 0x0400])
