"""Layers mapped onto arrays of each kind: exact where arrays are, within a derived bound or statistics where not."""

from __future__ import annotations

import numpy as np
import pytest

import golden
from golden import BitArray, Planes, Slices, Streams, Wanted
from golden.analog import Analog, program_array
from golden.slicing import Form
from nmpu_hdl.settings import PassSettings

from .mapped import COUNTED, configured, drawn

# -- bit planes --


@pytest.mark.parametrize(("x_form", "w_form"), [("unsigned", "unsigned"), ("unsigned", "twos"), ("twos", "twos")])
@pytest.mark.parametrize("seed", range(6))
def test_bit_planes_make_the_product(x_form: Form, w_form: Form, seed: int) -> None:
    """Of any M and K from 1 to 8, with sub-arrays, DoReFa's equation 3 in the unit gives ``x @ w``."""
    rng, config = np.random.default_rng(seed), configured(*COUNTED, "front.subarrays=8")
    m, k = (1, 1) if not seed else (int(n) for n in rng.integers(1, 9, 2))
    rows = int(rng.integers(1, 65))
    x, w = drawn(rng, x_form, m, (5, rows)), drawn(rng, w_form, k, (rows, 8))
    planes = Planes(m, k, x_form, w_form, array=BitArray(int(rng.integers(-(-rows // 8), rows + 1))))
    given = planes.raw(config, x, w)
    operands = golden.front_end(config, given.raw, planes.front(config, rows))
    assert np.array_equal(operands[:, 0, 0], x @ w)


@pytest.mark.parametrize("weights", ["static", "runtime"])
def test_planes_choose_their_steps_or_refuse(weights: str) -> None:
    """Planes are bits: where the unit is built for other steps, it is told so, or cannot be used."""
    rng = np.random.default_rng(3)
    config = configured(*COUNTED, "front.x_bits=2", "front.w_bits=3", f"front.weights={weights}")
    planes = Planes(4, 3)
    x, w = drawn(rng, "unsigned", 4, (5, 20)), drawn(rng, "twos", 3, (20, 8))
    if weights == "static":
        with pytest.raises(ValueError, match="x_step = 1 is not built in; 2 is"):
            planes.front(config, 20)
        return
    given = planes.raw(config, x, w)
    assert np.array_equal(golden.front_end(config, given.raw, planes.front(config, 20))[:, 0, 0], x @ w)


@pytest.mark.parametrize("seed", range(4))
def test_bit_planes_with_a_zero_point_make_the_product(seed: int) -> None:
    rng, config = np.random.default_rng(seed), configured(*COUNTED, "front.subarrays=4", "front.zero=8")
    m, k = (int(n) for n in rng.integers(1, 9, 2))
    zero, rows = int(rng.integers(1 << k)), int(rng.integers(4, 99))
    x, w = drawn(rng, "twos", m, (5, rows)), drawn(rng, "unsigned", k, (rows, 8)) - zero
    planes = Planes(m, k, "twos", "unsigned", zero, BitArray(-(-rows // 4)))
    given = planes.raw(config, x, w)
    operands = golden.front_end(config, given.raw, planes.front(config, rows), given.reference)
    assert np.array_equal(operands[:, 0, 0], x @ w)


@pytest.mark.parametrize(("m", "k", "rows"), [(1, 1, 1), (1, 1, 37), (3, 2, 50), (2, 4, 64)])
def test_exclusive_or_makes_the_product_of_signs(m: int, k: int, rows: int) -> None:
    """``N - 2 * count(xor)``, several planes of it, and sub-arrays of which some lack a row: the offset takes it."""
    rng = np.random.default_rng(rows)
    config = configured(*COUNTED, "front.subarrays=4", "front.values=bipolar", "front.signed=false", "front.rows=64")
    planes = Planes(m, k, "odd", "odd", array=BitArray(-(-rows // 4), "xor"))
    x, w = drawn(rng, "odd", m, (6, rows)), drawn(rng, "odd", k, (rows, 8))
    operands = golden.front_end(config, planes.raw(config, x, w).raw, planes.front(config, rows))
    line = planes.line(rows, 8)
    assert np.array_equal(operands[:, 0] - line.intercept, (x @ w)[:, None])
    assert (line.intercept > 0).any() == bool(rows % len(golden.slicing.parts(rows, -(-rows // 4))))


def test_what_does_not_go_together_is_refused() -> None:
    config = configured(*COUNTED, "activation.modes=leaky")
    with pytest.raises(ValueError, match="activation = leaky is not mapped"):
        golden.plain_layer(config, PassSettings.of(config), Wanted(np.ones(1), np.ones(1)), np.ones((1, 1)))
    array = program_array(np.random.default_rng(0), Analog(), np.ones((4, 2)), 1, 9)
    with pytest.raises(ValueError, match="arrays of 8 rows do not take 9 inputs"):
        golden.block_counts(np.ones((1, 9)), [array, array])
    with pytest.raises(ValueError, match="x_form = unsigned does not go with w_form = odd"):
        Planes(1, 1, "unsigned", "odd")
    with pytest.raises(ValueError, match="gate = and does not go with w_form = odd"):
        Planes(1, 1, "odd", "odd")
    with pytest.raises(ValueError, match="zero = 3 does not go with w_form = twos"):
        Planes(1, 1, zero=3)
    with pytest.raises(ValueError, match=r"front\.signed = false"):
        Planes(1, 1).front(configured(*COUNTED, "front.signed=false"), 4)
    with pytest.raises(ValueError, match="sign would do for twos"):
        Streams(1, 1, w_form="twos")


def test_wrong_bits_cost_what_they_should() -> None:
    """A wrong sense amplifier moves a count by one: variance ``e (1 - e) * rows * sum 4^(m + k)``; and the mean, which
    shrinks, by the counts' binomials."""
    rng, rate, rows, vectors = np.random.default_rng(3), 0.02, 64, 4000
    config = configured(*COUNTED)
    x, w = np.repeat(rng.integers(0, 8, (1, rows)), vectors, axis=0), rng.integers(-4, 4, (rows, 8))
    planes = Planes(3, 3, array=BitArray(64, errors=rate))
    noisy = golden.front_end(config, planes.raw(config, x, w, rng).raw, planes.front(config, rows))[:, 0, 0]
    weights = np.outer([1, 2, 4], [1, 2, -4])
    mean = (x[0] @ w) * (1 - 2 * rate) + rate * rows * weights.sum()
    variance = rate * (1 - rate) * rows * (weights**2).sum()
    assert noisy.mean(axis=0) == pytest.approx(mean, abs=5 * np.sqrt(variance / vectors))
    assert noisy.var(axis=0).mean() == pytest.approx(variance, rel=0.1)


# -- slices --


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize(("beside", "bits"), [(1, 2), (2, 2), (3, 1)])
def test_slices_and_streams_make_the_product(count: int, beside: int, bits: int) -> None:
    rng = np.random.default_rng(beside)
    config = configured(
        *("codes.source=slices", f"codes.counts={count}", "front.x_planes=4", "front.w_planes=2", "front.subarrays=3"),
        *(f"front.w_bits={bits}", f"front.beside={beside}", f"codes.format={'UQ10.0' if count == 2 else 'SQ10.0'}"),
    )
    on = Slices(4, 2 * beside, 1, bits, rows=10, x_form="twos" if count == 1 else "unsigned")
    top = (1 << 2 * beside * bits) - 1
    x, w = rng.integers(-8, 8, (5, 30)) + (8 if count == 2 else 0), rng.integers(-top, top + 1, (30, 8))
    front = on.front(config, 30)
    operands = golden.front_end(config, on.raw(config, x, w).raw, front)[:, 0]
    assert np.array_equal(operands[:, 0] - (operands[:, 1] if count == 2 else 0), x @ w)
    with pytest.raises(ValueError, match=r"subarrays = 4 is outside 1\.\.3"):
        on.front(config, 31)


@pytest.mark.parametrize(("beside", "bits", "weights"), [(1, 1, "static"), (2, 2, "static"), (1, 3, "runtime")])
def test_slices_whose_top_one_counts_negative_make_the_product(beside: int, bits: int, weights: str) -> None:
    rng = np.random.default_rng(bits)
    config = configured(
        *("codes.source=slices", "codes.counts=1", "front.x_planes=3", "front.w_planes=2", "front.x_bits=2"),
        *(f"front.w_bits={bits}", f"front.beside={beside}", f"front.weights={weights}", "codes.format=UQ12.0"),
    )
    on = Slices(3, 2 * beside, 2, bits, rows=30, x_form="twos", w_form="twos")
    low, high = golden.slicing.digit_range(2 * beside, bits, "twos")
    x, w = rng.integers(-48, 16, (5, 30)), rng.integers(low, high + 1, (30, 8))
    given = on.raw(config, x, w)
    assert given.raw.min() >= 0
    assert np.array_equal(golden.front_end(config, given.raw, on.front(config, 30))[:, 0, 0], x @ w)


def test_slices_refuse_what_they_cannot_hold() -> None:
    config = configured("codes.source=slices", "front.beside=2")
    with pytest.raises(ValueError, match=r"w_planes = 3 is no multiple of front\.beside = 2"):
        Slices(1, 3).front(config, 5)
    with pytest.raises(ValueError, match="w_form = odd: unsigned or twos, and sign or twos, would do"):
        Slices(1, 1, w_form="odd")
    with pytest.raises(ValueError, match="w_step = 3 is not built in; 1 is"):
        Slices(1, 2, w_bits=3).front(config, 5)


def test_slices_through_ideal_converters_are_half_an_lsb_off_each() -> None:
    """So that the operand over the converters' gain is off by half an LSB times the sum of all steps' weights."""
    rng = np.random.default_rng(5)
    config = configured(
        *("codes.source=slices", "codes.counts=1", "codes.format=SQ8.0", "front.x_planes=3", "front.w_planes=2"),
        *("front.w_bits=2", "front.subarrays=2"),
    )
    on = Slices(3, 2, 1, 2, rows=12)
    x, w = rng.integers(0, 8, (40, 24)), rng.integers(-15, 16, (24, 8))
    slices, full = on.apart(w), 30.0
    model = Analog(bits=8, counts=1).ideal
    arrays = [[program_array(rng, model, one[p], 3, full) for one in slices] for p in golden.slicing.parts(24, 12)]
    given = on.raw(config, x, w, arrays)
    operands = golden.front_end(config, given.raw, on.front(config, 24))[:, 0, 0]
    off = np.abs(operands * full / 127 - x @ w)
    bound = 2 * (1 + 2 + 4) * (1 + 4) / 2 * full / 127
    assert 0.2 * bound < off.max() <= bound
