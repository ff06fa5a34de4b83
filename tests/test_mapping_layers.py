"""Whole layers on arrays of each kind, from integer weights to results, beside plain integers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import golden
from golden import BatchNorm, BitArray, Junctions, Line, Planes, Slices, Streams, Wanted
from golden.analog import Analog, counts, program_array, read_array
from golden.slicing import Form
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.program import Layer
from nmpu_hdl.settings import PassSettings
from tests.benchmarks import stochastic

from .mapped import COUNTED, SAMPLED, Ints, configured


def wanted_of(rng: np.random.Generator, columns: int, reach: float, norm: bool) -> Wanted:
    """Gains that bring most of ``reach`` into the output's range."""
    batch_norm = None
    if norm:
        batch_norm = BatchNorm(
            rng.uniform(0.5, 1.5, columns), rng.normal(0, 9, columns), rng.normal(0, 9, columns), 1.0
        )
        batch_norm = batch_norm._replace(variance=rng.uniform(0.5, 2, columns))
    return Wanted(rng.uniform(0.5, 1.5, columns) * 127 / reach, rng.normal(0, 20, columns), batch_norm)


@pytest.mark.parametrize("norm", ["none", "folded", "affine"])
def test_a_convolution_of_bit_planes_in_groups_of_columns(norm: str) -> None:
    """3 x 3, stride 2, padded, 20 channels on 8 columns: three descriptors, whose results are within the bound."""
    rng = np.random.default_rng(11)
    config = configured(
        *COUNTED,
        *("front.subarrays=2", "activation.modes=none,clip", f"norm.kind={'affine' if norm == 'affine' else 'none'}"),
        *("norm.scale=SQ3.12", "norm.offset=SQ12.4"),
    )
    images, w = rng.integers(0, 16, (2, 5, 5, 6)), rng.integers(-8, 8, (54, 20))
    x = golden.im2col(images, 3, stride=2, padding=1)
    planes = Planes(4, 4, array=BitArray(32))
    values = x @ w
    wanted = wanted_of(rng, 20, float(np.abs(values).max()), norm != "none")
    settings = PassSettings.of(
        config, columns=8, front=planes.front(config, 54), activation="clip", clip_low=-90, clip_high=60
    )
    template = Layer(settings, vectors=len(x), base=3, next=None)
    mapped = golden.map_layer(config, template, wanted, [planes.line(54, 20)], place=5, reach=np.abs(values).max())
    assert [one.layer.settings.columns for one in mapped] == [7, 7, 6]
    assert [one.layer.next for one in mapped] == [6, 7, None]
    image = [0] * 32
    golden.write_params(config, image, mapped)
    inputs = [
        golden.LayerInputs.of_raw(config, planes.front(config, 54), planes.raw(config, x, w[:, one.columns]).raw)
        for one in mapped
    ]
    done = golden.run_program(config, {5 + k: one.layer for k, one in enumerate(mapped)}, 5, image, inputs)
    y = np.concatenate([one.y for one in done.layers if one.y is not None], axis=1)
    plain, a = golden.plain_layer(config, settings, wanted, values)
    error = np.concatenate([one.error for one in mapped])
    assert (np.abs(y - np.clip(a, -90, 60)) <= error + 0.5).all()
    assert error.max() < (1 if norm != "affine" else 8)
    assert (y == plain).mean() > (0.9 if norm != "affine" else 0.5)
    assert (y == -90).any()
    assert (y == 60).any()


def analog_layer(
    rng: np.random.Generator, model: Analog, config: NmpuConfig
) -> tuple[Ints, Ints, Wanted, list[golden.Crossbar], list[Line]]:
    """Inputs, weights of 40 rows on arrays of 16, what is wanted, arrays, and their lines without noise."""
    x, w = rng.integers(0, 64, (200, 40)), rng.integers(-7, 8, (40, 8))
    pieces = golden.slicing.parts(40, 16)
    ideal = golden.block_sums(x, w, 16, model.counts)
    full = float(np.abs(ideal).max())
    arrays = [program_array(rng, model, w[piece], 7, full) for piece in pieces]
    lines = [Line(array.gain * array.analog.g_max / 7, array.offset) for array in arrays]
    return x, w, wanted_of(rng, 8, float(np.abs(x @ w).max()), norm=False), arrays, lines


@pytest.mark.parametrize(("count", "bits"), [(1, 8), (1, 12), (2, 6), (2, 10)])
def test_ideal_converters_are_within_the_bound(count: int, bits: int) -> None:
    """Each count is off by half at most, which the gain makes ``gain / 2`` of the output; on top come the parameters'
    integers and guard bits, which ``Mapped.error`` bounds, and half an LSB of the last rounding."""
    form = f"codes.format={'UQ' if count == 2 else 'SQ'}{bits}.0"
    config, rng = configured(f"codes.counts={count}", form), np.random.default_rng(bits)
    x, w, wanted, arrays, lines = analog_layer(rng, Analog(bits=bits, counts=count).ideal, config)
    settings = PassSettings.of(config, columns=8)
    (mapped,) = golden.map_layer(config, Layer(settings, vectors=len(x)), wanted, lines)
    codes = golden.block_counts(x, arrays)
    y = golden.run_layer(config, mapped.layer, mapped.params, codes).y
    assert y is not None
    converters = sum((wanted.gain / line.slope / 2).sum(axis=0) for line in lines)
    _, a = golden.plain_layer(config, settings, wanted, x @ w)
    off = np.abs(y - np.clip(a, -128, 127))
    assert (off <= converters + mapped.error + 0.5).all()
    assert off.max() > 0.4 * float(np.max(converters + 0.5))  # the bound is of some use
    assert mapped.layer.blocks == 3


@pytest.mark.parametrize("count", [1, 2])
def test_lines_of_measured_pairs_are_gain_and_offset(count: int) -> None:
    """With all noise, after a day: within five standard errors of the line that the conductances make.

    The gain is found to 3 %, the offset to 1.5 counts, or, of two counts that drift apart, to 8.

    Inputs are independent, of mean ``u`` and one variance; so the slope of ``x . g`` on ``x . w`` is
    ``w . g / w . w``, and the line goes through the means of both.
    """
    rng, model = np.random.default_rng(20 + count), Analog(counts=count)
    x, w = rng.integers(0, 16, (3000, 64)), rng.integers(-7, 8, (64, 16))
    ideal = golden.block_sums(x, w, 64, count)[:, 0]
    array = program_array(rng, model, w, 7, float(np.abs(ideal).max() * 1.3))
    g = read_array(rng, array, 86_400.0)
    measured = counts(array, x, g)
    found = golden.fit(ideal, measured)
    sides = np.stack([np.maximum(w, 0), np.maximum(-w, 0)]) if count == 2 else w[None]
    seen = g if count == 2 else g[:1] - g[1:]
    slope = array.gain * (sides * seen).sum(axis=1) / (sides**2).sum(axis=1)
    intercept = array.offset + 7.5 * (array.gain * seen.sum(axis=1) - slope * sides.sum(axis=1))
    inside = measured.min(axis=0) > model.span[0]  # a negative offset cuts small counts
    assert inside.mean() > 0.8
    line, slope_error, intercept_error, residual = found
    assert (np.abs(line.slope - slope)[inside] <= 5 * slope_error[inside]).all()
    assert (np.abs(line.intercept - intercept)[inside] <= 5 * intercept_error[inside]).all()
    assert np.abs(line.slope / slope - 1)[inside].max() < 0.03
    assert np.abs(line.intercept - intercept)[inside].max() < (1.5 if count == 1 else 8)
    assert residual.min() > 0.28  # more than rounding alone, 1 / sqrt(12)
    with pytest.raises(ValueError, match="column 0 are all the same"):
        golden.fit(np.ones((3, 1, 1)), np.ones((3, 1, 1)))


def test_calibration_takes_drift_back() -> None:
    """After a day the parameters of the first read are wrong, and lines measured anew put it right (AnalogNets)."""
    config, rng = configured(), np.random.default_rng(30)
    model = replace(Analog(offset_spread=0.0), programming=0.3)
    x, w, wanted, arrays, _ = analog_layer(rng, model, config)
    ideal = golden.block_sums(x, w, 16)
    settings = PassSettings.of(config, columns=8)
    _, a = golden.plain_layer(config, settings, wanted, x @ w)

    def error(measured_at: float, used_at: float) -> float:
        before, after = ([read_array(rng, array, t) for array in arrays] for t in (measured_at, used_at))
        measured = golden.block_counts(x, arrays, before)
        lines = [golden.fit(ideal[:, b], measured[:, b]).line for b in range(3)]
        (mapped,) = golden.map_layer(config, Layer(settings, vectors=len(x)), wanted, lines)
        y = golden.run_layer(config, mapped.layer, mapped.params, golden.block_counts(x, arrays, after)).y
        assert y is not None
        return float(np.sqrt(((y - np.clip(a, -128, 127)) ** 2).mean()))

    fresh, old, again = error(0, 0), error(0, 86_400), error(86_400, 86_400)
    assert old > 1.5 * again
    assert again < 2 * fresh


# -- samples --


@pytest.mark.parametrize("count", [1, 8, 64, 512])
def test_samples_through_the_front_end_are_what_is_expected(count: int) -> None:
    """``operand / (S T)`` is unbiased, within 4 sigma, and its squared error that of independent samples: times T it is
    the same for all T.  The interval is five standard deviations of a mean of so many squares."""
    rng = np.random.default_rng(count)
    config = configured(*SAMPLED)
    streams = Streams(2, 2, 2, 2, 16, Junctions(count))
    x, w = rng.integers(0, 16, (100, 40)), rng.integers(-15, 16, (40, 8))
    partial = streams.sums(x, w)
    assert partial.shape == (100, 3, 2, 2, 8)
    gain = 0.25 / partial.std()
    expected = streams.expected(partial, gain)
    front = streams.front(config, 40)
    operands = golden.front_end(config, streams.raw(rng, partial, gain).raw, front)[:, 0, 0]
    slope = streams.line(40, 8).slope[0]
    assert (slope == 3 * count).all()
    weights = np.outer([1, 4], [1, 4])
    variance = ((weights**2)[..., None] * (1 - np.tanh(4 * gain * partial) ** 2)).sum(axis=(1, 2, 3)) / 9 / count
    scaled = (operands / slope - expected) / np.sqrt(variance)
    assert scaled.mean() == pytest.approx(0, abs=4 / np.sqrt(scaled.size))
    assert (scaled**2).mean() == pytest.approx(1, abs=5 * np.sqrt(2 / scaled.size))
    linear = 4 * gain / 3 * (x @ w)
    assert np.abs(expected).max() < np.abs(linear).max()  # tanh bends


def test_a_layer_of_samples_divides_by_their_number() -> None:
    """``1 / (S T)`` is in the scale: the same ``wanted`` serves any T, and the results differ by noise alone."""
    rng = np.random.default_rng(40)
    config = configured(*SAMPLED, "activation.modes=clip")
    x, w = rng.integers(0, 16, (50, 40)), rng.integers(-15, 16, (40, 8))
    wanted = Wanted(np.full(8, 12.0), rng.normal(0, 9, 8))
    noise = []
    for count in (4, 64, 4096):
        streams = Streams(2, 2, 2, 2, 16, Junctions(count))
        partial = streams.sums(x, w)
        gain = 0.25 / partial.std()
        front = streams.front(config, 40)
        settings = PassSettings.of(config, columns=8, front=front, clip_low=-100, clip_high=100)
        (mapped,) = golden.map_layer(config, Layer(settings, vectors=50), wanted, [streams.line(40, 8)])
        inputs = golden.LayerInputs.of_raw(config, front, streams.raw(rng, partial, gain).raw)
        y = golden.run_layer(config, mapped.layer, mapped.params, inputs.codes).y
        assert y is not None
        _, a = golden.plain_layer(config, settings, wanted, streams.expected(partial, gain))
        noise.append(float(np.sqrt(((y - np.clip(a, -100, 100)) ** 2).mean())))
    assert noise[0] > 2.5 * noise[1] > 5 * noise[2]
    assert noise[2] < 1.5


def test_the_chart_of_errors_is_drawn_from_what_is_measured() -> None:
    found = stochastic.measure((1, 4, 16, 64))
    spread = 5 / np.sqrt(2 * found["conversions"])
    assert found["error"] == pytest.approx(found["theory"], rel=spread)
    assert (np.abs(found["mean"]) <= 4 * np.array(found["theory"]) / np.sqrt(found["conversions"])).all()
    assert found["exponent"] == pytest.approx(-0.5, abs=0.05)
    drawn = stochastic.chart(found)
    assert drawn is None or drawn == stochastic.chart(found)


@pytest.mark.parametrize(("count", "w_form"), [(1, "sign"), (2, "sign"), (1, "twos")])
def test_a_layer_of_slices_is_within_the_bound(count: int, w_form: Form) -> None:
    """40 inputs in three sub-arrays, two streams of two bits, four slices of two bits of which two come together."""
    form = "UQ10.0" if count == 2 or w_form == "twos" else "SQ10.0"
    config = configured(
        *("codes.source=slices", f"codes.counts={count}", f"codes.format={form}", "front.x_planes=2", "front.x_bits=2"),
        *("front.w_planes=2", "front.w_bits=2", "front.beside=2", "front.subarrays=3"),
    )
    rng, on = np.random.default_rng(count), Slices(2, 4, 2, 2, rows=16, w_form=w_form)
    low, high = golden.slicing.digit_range(4, 2, w_form)
    x, w = rng.integers(0, 16, (50, 40)), rng.integers(low, high + 1, (40, 8))
    wanted = wanted_of(rng, 8, float(np.abs(x @ w).max()), norm=False)
    settings = PassSettings.of(config, columns=8, front=on.front(config, 40))
    template = Layer(settings, vectors=len(x))
    (mapped,) = golden.map_layer(config, template, wanted, [on.line(config, 8)], reach=float(16 * 255 * 40))
    inputs = golden.LayerInputs.of_raw(config, on.front(config, 40), on.raw(config, x, w).raw)
    y = golden.run_layer(config, mapped.layer, mapped.params, inputs.codes).y
    assert y is not None
    plain, a = golden.plain_layer(config, settings, wanted, x @ w)
    assert (np.abs(y - np.clip(a, -128, 127)) <= mapped.error + 0.5).all()
    assert (y == plain).mean() > 0.6


def test_samples_of_0_and_1_are_those_of_both_signs() -> None:
    """The same bits, taken for 0 and 1, give the same layer: the offset makes up for it."""
    rng, results = np.random.default_rng(4), []
    x, w = rng.integers(0, 4, (6, 40)), rng.integers(-3, 4, (40, 8))
    for values in ("bipolar", "unipolar"):
        fields = [one for one in SAMPLED if not one.startswith("front.values")]
        config = configured(*fields, f"front.values={values}", "front.x_bits=1", "front.w_bits=1")
        streams = Streams(2, 2, rows=16, junctions=Junctions(samples=64), bipolar=values == "bipolar")
        wanted = Wanted(np.full(8, 60.0), np.full(8, 3.0))
        settings = PassSettings.of(config, columns=8, front=streams.front(config, 40))
        template = Layer(settings, vectors=len(x))
        (mapped,) = golden.map_layer(config, template, wanted, [streams.line(40, 8)], reach=3 * 64 * 9.0)
        given = streams.raw(np.random.default_rng(9), streams.sums(x, w), gain=0.05)
        inputs = golden.LayerInputs.of_raw(config, streams.front(config, 40), given.raw)
        y = golden.run_layer(config, mapped.layer, mapped.params, inputs.codes).y
        assert y is not None
        results.append(y.astype(int))
    assert np.abs(results[0] - results[1]).max() <= 1
    assert np.abs(results[0]).max() > 10
