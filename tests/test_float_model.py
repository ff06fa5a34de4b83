"""A whole lane of binary16: forward() against exact fractions, its taps, and its parameters from floats to words."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import golden
from golden import BatchNorm, Params, float16
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.presets import load
from nmpu_hdl.settings import PassSettings

from . import float_oracle

KINDS = list(itertools.product((1, 2), (True, False), (False, True), ("none", "affine")))
every_kind = pytest.mark.parametrize(("counts", "fused", "lean", "norm"), KINDS)


def configured(counts: int, fused: bool, lean: bool, norm: str, *more: str) -> NmpuConfig:
    fields = [f"codes.counts={counts}", f"arithmetic.fused={fused}".lower(), f"arithmetic.lean={lean}".lower()]
    return load(preset_name="tiny", settings=["arithmetic.kind=fp16", f"norm.kind={norm}", *fields, *more])


def draw(rng: np.random.Generator, config: NmpuConfig, spread: float) -> Params:
    """Numbers of all signs and sizes around 1, and with ``spread`` 0 any bit patterns."""
    shape = config.codes.counts + 3, config.array.columns
    bits = rng.integers(0, 1 << 16, shape)
    if spread:
        numbers = rng.normal(0, 1, shape) * np.exp2(rng.uniform(-spread, spread, shape))
        bits = numbers.astype(np.float16).view(np.uint16).astype(np.int64)
    normed = (bits[-1], bits[-2]) if config.norm.kind == "affine" else (None, None)
    return Params(bits[:-3], bits[-3], None, *normed)


@every_kind
@pytest.mark.parametrize("activation", ["none", "relu"])
def test_forward_is_exact_fractions(counts: int, fused: bool, lean: bool, norm: str, activation: str) -> None:
    rng = np.random.default_rng(counts + 2 * fused + 4 * lean)
    flags = np.zeros(2, int)
    forms = ("UQ16.0", "SQ8.0"), ("SQ10.0", "UQ8.0"), ("UQ4.12", "SQ16.0"), ("UQ0.16", "UQ2.0")
    for (code, out), spread in itertools.product(forms, (0, 1, 4, 9)):
        config = configured(counts, fused, lean, norm, f"codes.format={code}", f"output.format={out}")
        params, columns = draw(rng, config, spread), config.array.columns
        form = config.codes.format
        codes = rng.integers(form.low, form.high + 1, (3, counts, columns)) >> rng.integers(0, 8, (3, 1, columns))
        settings = PassSettings.of(config, activation=activation)
        got = golden.forward(config, codes, params, settings)
        for i, c in np.ndindex(3, columns):
            expected = float_oracle.column(config, codes[i, :, c].tolist(), params, c, settings)
            assert (int(got.y[i, c]), bool(got.low[i, c]), bool(got.high[i, c])) == expected, (config, i, c)
        flags += got.low.sum(), got.high.sum()
    assert flags.min() > (0 if activation == "none" else -1), "nothing saturated"
    assert flags[1] < 16 * 3 * columns, "everything saturated"


@every_kind
def test_taps_are_of_forward_and_named(counts: int, fused: bool, lean: bool, norm: str) -> None:
    rng, config = np.random.default_rng(7), configured(counts, fused, lean, norm)
    params, columns = draw(rng, config, 2), config.array.columns
    codes = rng.integers(0, 16, (2, 5, counts, columns))
    settings = PassSettings.of(config, columns=columns - 1, activation="relu")
    got, inner = golden.forward(config, codes, params, settings), golden.taps(config, codes, params, settings)
    names = ["counts", *([] if fused else ["products"]), "sum_1", *(["sum_2"] if counts == 2 else [])]
    names += ["products_n"] if norm == "affine" and not fused else []
    assert list(inner) == [*names, "normed", "activated", "y", "low", "high"]
    for name, values in inner.items():
        middle = (counts,) if name in ("counts", "products") else ()
        assert values.shape == (2, 5, *middle, columns - 1), name
    for name, part in got._asdict().items():
        np.testing.assert_array_equal(inner[name], part)
        assert part.dtype == (np.int8 if name == "y" else bool)
    np.testing.assert_array_equal(inner["activated"], float16.relu(inner["normed"], lean))
    assert golden.forward(config, codes[:0], params, settings).y.shape == (0, 5, columns - 1)


@every_kind
def test_words_hold_bit_patterns(counts: int, fused: bool, lean: bool, norm: str) -> None:
    config = configured(counts, fused, lean, norm)
    params = draw(np.random.default_rng(8), config, 0)
    words = golden.pack(config, params)
    assert max(words).bit_length() <= config.array.lanes * 16 * (counts + 1 + 2 * (norm == "affine"))
    back = golden.unpack(config, words)
    for name, value in params.fields(config).items():
        np.testing.assert_array_equal(back.fields(config)[name], value, err_msg=name)


def test_wrong_parameters_are_refused() -> None:
    config = configured(2, True, False, "none")
    good: dict[str, Any] = {"scales": np.zeros((2, 8), int), "offset": np.zeros(8, int)}
    with pytest.raises(ValueError, match=r"^offset of column 0 is 65536, outside binary16 \(0..65535\)$"):
        golden.forward(config, np.zeros((2, 8), int), Params(**{**good, "offset": np.full(8, 65536)}))
    with pytest.raises(ValueError, match=r"^scale_p of column 0 is -1, outside binary16 \(0..65535\)$"):
        golden.pack(config, Params(**{**good, "scales": np.full((2, 8), -1)}))
    with pytest.raises(ValueError, match=r"^the configuration has no shift a column; leave it out$"):
        golden.forward(config, np.zeros((2, 8), int), Params(**good, shift=np.zeros(8, int)))


@every_kind
def test_quantized_stays_within_its_stated_error(counts: int, fused: bool, lean: bool, norm: str) -> None:
    more = "array.columns=256", "array.lanes=4", "codes.format=UQ10.0"
    config, rng = configured(counts, fused, lean, norm, *more), np.random.default_rng(9)
    gain, offset = rng.uniform(-0.2, 0.2, (counts, 256)), rng.uniform(-30, 30, 256)
    gain[:, :40] *= 2.0**-12  # below 2**-14, which lean lanes read as 0
    bn = BatchNorm(
        rng.uniform(0.5, 1.3, 256), rng.uniform(-5, 5, 256), rng.uniform(-9, 9, 256), rng.uniform(0.5, 2, 256)
    )
    q = golden.quantize(config, gain, offset, bn)
    codes = rng.integers(0, 1024, (200, counts, 256))
    settings = PassSettings.of(config, shift=q.shift, offset_shift=q.offset_shift)
    inner = golden.taps(config, codes, q.params, settings)
    got = float16.to_float(inner["normed"], lean)
    (g, b), signed = bn.affine(), gain * [[1], [-1]][:counts]
    ideal = ((signed * codes).sum(axis=-2) + offset) * g + b
    # Five roundings at most, each of a result no larger than all terms together.
    terms = (np.abs(gain) * 1023).sum(axis=0) + np.abs(offset)
    roundings = 6 * np.maximum(2.0**-11 * (terms * np.maximum(np.abs(g), 1) + np.abs(b)), 2.0**-14)
    assert (np.abs(got - ideal) <= q.error + roundings).all()
    means = (q.gain * [[1], [-1]][:counts] * codes).sum(axis=-2) + q.offset
    assert (np.abs(means - ideal) <= q.error * (1 + 1e-9) + 1e-9).all()
    assert (np.abs(means - ideal).max(axis=0) > q.error * 0.1).mean() > 0.9, "the bound is far too wide"
    stored = golden.unpack(config, golden.pack(config, q.params))
    for back, meant in zip(golden.dequantize(config, stored), (q.gain, q.offset), strict=True):
        np.testing.assert_array_equal(back, meant)
    assert (q.gain[:, :40] == 0).any() == lean


def test_parameters_are_the_nearest_binary16() -> None:
    config = configured(2, True, False, "affine", "shift.min=2", "shift.max=4")
    bn = BatchNorm([-3.0] * 2, [70.1] * 2, [0.0] * 2, [1.0] * 2, eps=0.0)
    q = golden.quantize(config, [[0.1, 1e-7], [-2.5, 65519.9]], [1 / 3, -65504.0], bn)
    np.testing.assert_array_equal(q.params.scales, [[0x2E66, 0x0002], [0xC100, 0x7BFF]])
    np.testing.assert_array_equal(q.params.offset, [0x3555, 0xFBFF])
    assert q.params.norm_scale is not None
    assert q.params.norm_offset is not None
    np.testing.assert_array_equal(q.params.norm_scale, [0xC200] * 2)
    np.testing.assert_array_equal(q.params.norm_offset, [0x5462] * 2)
    assert (q.shift, q.offset_shift) == (2, 0)


def test_nothing_overflows_silently() -> None:
    config, ones = configured(2, True, False, "none"), np.ones((2, 4))
    with pytest.raises(
        ValueError,
        match=r"^the gain of column 2 needs 65520, outside binary16 \(-65504..65504\); 1 column so; gains and offsets "
        r"nearer to 0 would do$",
    ):
        golden.quantize(config, ones * [1, 1, 65520, 1], np.zeros(4))
    with pytest.raises(ValueError, match=r"^the offset of column 3 needs -70000, outside binary16"):
        golden.quantize(config, ones, np.array([0, 0, 0, -7e4]))
    normed = configured(2, True, True, "affine")
    with pytest.raises(ValueError, match=r"^the batch-norm gain of column 0 needs 1e\+06, outside binary16"):
        golden.quantize(normed, ones, np.zeros(4), BatchNorm([1e6] * 4, [0] * 4, [0] * 4, [1] * 4, eps=0.0))
