"""Parameters: floating point to integers and back, words and back, and every refusal."""

from __future__ import annotations

import numpy as np
import pytest

import golden
from golden import BatchNorm
from nmpu_hdl.presets import load, preset
from nmpu_hdl.settings import PassSettings

from .draw import draw_config, draw_params


@pytest.mark.parametrize("seed", range(40))
def test_pack_and_unpack(seed: int) -> None:
    rng = np.random.default_rng(seed)
    config = draw_config(rng, lanes=3, slots=4)
    params = draw_params(rng, config)
    words = golden.pack(config, params)
    assert len(words) == config.derived.words
    assert max(words).bit_length() <= config.derived.built * config.derived.param_width
    back = golden.unpack(config, words)
    for name, value in params.fields(config).items():
        np.testing.assert_array_equal(back.fields(config)[name], value, err_msg=name)


@pytest.mark.parametrize("extra", [[], ["shift.granularity=column"], ["offset.max_shift=3"], ["norm.kind=affine"]])
@pytest.mark.parametrize("seed", range(5))
def test_quantized_stays_within_its_stated_error(extra: list[str], seed: int) -> None:
    config = load(settings=extra)
    rng = np.random.default_rng(seed)
    gain = rng.uniform(0.02, 0.2, (2, 256))
    offset = rng.uniform(-30, 30, 256)
    bn = BatchNorm(
        rng.uniform(0.5, 1.3, 256), rng.uniform(-5, 5, 256), rng.uniform(-9, 9, 256), rng.uniform(0.5, 2, 256)
    )
    q = golden.quantize(config, gain, offset, bn)
    codes = rng.integers(0, 1024, (200, 2, 256))
    settings = PassSettings.of(config, shift=q.shift, offset_shift=q.offset_shift)
    got = golden.taps(config, codes, q.params, settings)["normed"] / 2.0**config.guard
    g, b = bn.affine()
    ideal = (gain[0] * codes[:, 0] - gain[1] * codes[:, 1] + offset) * g + b
    cuts = 2.0**-config.guard * (1 if config.norm.kind == "none" else 1 + np.abs(g) * 1.1)
    assert (np.abs(got - ideal) <= q.error + cuts).all()
    assert q.error.max() < 12
    stored = golden.unpack(config, golden.pack(config, q.params))
    for back, meant in zip(golden.dequantize(config, stored, q.shift, q.offset_shift), (q.gain, q.offset), strict=True):
        np.testing.assert_array_equal(back, meant)
    ideal_gain, ideal_offset = gain * g, offset * g + b
    assert np.abs(q.gain - ideal_gain).max() < 0.02
    assert np.abs(q.offset - ideal_offset).max() < 1.5


def test_the_largest_shift_that_fits_is_taken() -> None:
    config = preset("paper")
    for gain, shift in [(1.99, 0), (0.99, 1), (0.51, 1), (0.49, 2), (3.9, -1), (0.001, 6)]:
        assert golden.quantize(config, np.full((2, 1), gain), np.zeros(1)).shift == shift, gain
    column = load(settings=["shift.granularity=column"])
    q = golden.quantize(column, np.array([[1.9, 0.2], [0.1, 0.2]]), np.zeros(2))
    np.testing.assert_array_equal(q.params.shift, [0, 3])


def test_nothing_is_clipped_silently() -> None:
    config = preset("paper")
    ones, zeros = np.ones((2, 4)), np.zeros(4)
    with pytest.raises(
        ValueError, match=r"^the gain of column 2 needs 2.5, outside scale.format = UQ1.7 \(0..1.99219\); 1 column so"
    ):
        golden.quantize(config, ones * [1, 1, 5, 1], zeros)
    with pytest.raises(ValueError, match=r"^the gain of column 0 needs -"):
        golden.quantize(config, -ones, zeros)
    with pytest.raises(ValueError, match=r"^the offset of column 3 needs 128, outside offset.format = SQ8.1"):
        golden.quantize(config, ones, np.array([0, 0, 0, 128.0]))
    assert golden.quantize(load(settings=["offset.max_shift=2"]), ones, np.array([0, 0, 0, 500.0])).offset_shift == 2
    with pytest.raises(ValueError, match=r"^gain and offset must be finite$"):
        golden.quantize(config, ones * np.nan, zeros)


def test_refusals_name_what_is_wrong() -> None:
    config = preset("tiny")
    good = golden.Params(np.zeros((2, 8), int), np.zeros(8, int))
    with pytest.raises(ValueError, match=r"^scale_n of column 5 is 16, outside UQ1.3 \(0..15\)$"):
        golden.pack(config, golden.Params(np.array([[0] * 8, [0] * 5 + [16, 0, 0]]), np.zeros(8, int)))
    with pytest.raises(ValueError, match=r"^codes must be integers, not float64$"):
        golden.forward(config, np.zeros((2, 8)), good)
    with pytest.raises(ValueError, match=r"^a code of 0..16 is outside UQ4.0 \(0..15\)$"):
        golden.forward(config, np.array([[0] * 8, [16] * 8]), good)
    with pytest.raises(ValueError, match=r"^codes of shape \(1, 8\) do not end in \(counts, columns\) = \(2, 8\)$"):
        golden.forward(config, np.zeros((1, 8), int), good)
    with pytest.raises(ValueError, match=r"^parameters of 8 columns do not serve 9$"):
        good.first(9)
    with pytest.raises(ValueError, match=r"^16 columns do not fit an array of 8$"):
        golden.pack(config, golden.Params(np.zeros((2, 16), int), np.zeros(16, int)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scales": np.full((2, 8), 10**9)}, r"scale_p of column 0 is 1000000000, outside UQ1.3 \(0..15\)"),
        ({"scales": np.zeros((1, 8), int)}, r"scales of shape \(1, 8\) are not \(counts, columns\) = \(2, 8\)"),
        ({"scales": np.zeros((2, 8))}, r"scale_p must be integers, not float64"),
        ({"shift": np.zeros(8, int)}, r"the configuration has no shift a column; leave it out"),
        ({"norm_scale": np.zeros(8, int)}, r"the configuration has no norm_scale a column; leave it out"),
    ],
)
def test_forward_refuses_wrong_parameters(change: dict[str, np.ndarray], message: str) -> None:
    fields = {"scales": np.zeros((2, 8), int), "offset": np.zeros(8, int)}
    with pytest.raises(ValueError, match=f"^{message}$"):
        golden.forward(preset("tiny"), np.zeros((2, 8), int), golden.Params(**{**fields, **change}))


def test_forward_needs_what_the_configuration_has() -> None:
    config = load(preset_name="tiny", settings=["shift.granularity=column"])
    with pytest.raises(ValueError, match=r"^the configuration needs shift, one for each of 8 columns$"):
        golden.forward(config, np.zeros((2, 8), int), golden.Params(np.zeros((2, 8), int), np.zeros(8, int)))


@pytest.mark.parametrize("kind", ["none", "affine"])
def test_batch_norm_must_be_finite_and_fit(kind: str) -> None:
    config, gain, offset = load(settings=[f"norm.kind={kind}"]), np.full((2, 3), 0.1), np.zeros(3)
    for bad in (BatchNorm([1, np.nan, 1], [0] * 3, [0] * 3, [1] * 3), BatchNorm([1] * 3, [0] * 3, [0] * 3, [1, -1, 1])):
        with pytest.raises(ValueError, match=r"^the batch norm must be finite, its variance positive$"):
            golden.quantize(config, gain, offset, bad)
    with pytest.raises(ValueError, match=r"^the batch norm has \(2,\) and \(2,\) values, not \(3,\) as the offset$"):
        golden.quantize(config, gain, offset, BatchNorm([1] * 2, [0] * 2, [0] * 2, [1] * 2))
    with pytest.raises(ValueError, match=r"^gain \(1, 1\) and offset \(\) are not"):
        golden.quantize(config, 0.1, 0.1)


def test_forward_is_its_own_last_tap_whatever_the_batch() -> None:
    config, rng = preset("wide"), np.random.default_rng(3)
    params = draw_params(rng, config)
    codes = rng.integers(0, 4096, (3, 7, 2, 1024))
    whole = golden.forward(config, codes, params)
    taps = golden.taps(config, codes, params)
    assert whole.y.shape == (3, 7, 1024)
    assert whole.y.dtype == np.int16
    for name in ("y", "low", "high"):
        np.testing.assert_array_equal(getattr(whole, name), taps[name])
    assert golden.forward(config, codes[:0], params).y.shape == (0, 7, 1024)
