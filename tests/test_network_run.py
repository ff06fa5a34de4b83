"""A network on arrays and the unit: the chain of descriptors bit by bit, the reference, calibration, refusals."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

import golden
from golden import Analog, LayerInputs
from golden.network import (
    INPUT,
    Clip,
    Conv,
    Deployed,
    Grid,
    Network,
    Norm,
    Pool,
    Post,
    build_arrays,
    codes_of,
    deploy,
    fitted,
    plan,
    run,
)
from golden.network.arrays import Calibration
from golden.network.floating import floating
from nmpu_hdl.presets import load
from nmpu_hdl.settings import PassSettings

from .staged_network import images, staged_network

SETTINGS = ("array.columns=8", "array.lanes=4", "activation.modes=none,relu,clip")
IDEAL = Analog().ideal


@cache
def deployed(*settings: str, analog: Analog = IDEAL, calibration: Calibration = "joint", seed: int = 1) -> Deployed:
    """The small network."""
    config = load(preset_name="paper", settings=(*SETTINGS, *settings))
    made = plan(staged_network(), images(64), config)
    tile = fitted(config, made)
    return deploy(made, build_arrays(made, tile, analog, seed, calibration=calibration), tile)


@pytest.mark.parametrize(
    "settings",
    [
        (),
        ("shift.granularity=column",),
        ("codes.counts=1", "codes.format=SQ10.0", "scale.format=SQ2.7"),
        ("array.columns=4",),
        ("norm.kind=affine", "offset.format=SQ10.1"),
        ("rounding.modes=half_even", "guard=3"),
    ],
    ids=lambda settings: " ".join(settings) or "paper",
)
def test_the_chain_of_descriptors_gives_the_same(settings: tuple[str, ...]) -> None:
    """Parameters by way of the bank, layers by way of descriptors, as the tile reads them."""
    network = deployed(*settings)
    one = images(1, seed=9)
    stages, inputs = codes_of(network, one), []
    for stage, given in zip(network.stages, stages, strict=True):
        for part in stage.mapped:
            added = None if given.residual is None else given.residual[:, part.columns]
            inputs.append(LayerInputs(given.codes[..., part.columns], added))
    result = golden.run_program(network.config, network.descriptors, 0, network.image(), inputs)
    last = [layer.totals for layer in result.layers[-len(network.stages[-1].mapped) :]]
    logits = np.concatenate(last, axis=1) * 2.0**-network.config.derived.total.fraction
    np.testing.assert_array_equal(run(network, one).logits, logits)


def test_batches_do_not_matter() -> None:
    network, some = deployed(), images(5, seed=3)
    for post in ("nmpu", "fp16", "fp32"):
        whole = run(network, some, post).logits
        parts = [run(network, some[k : k + 1], post).logits for k in range(5)]
        np.testing.assert_array_equal(whole, np.concatenate(parts))


def test_without_noise_all_are_near_the_network() -> None:
    """What is left are the grids of activations and converters: some LSB, as many for each arithmetic."""
    network, some = deployed("scale.format=UQ1.11", "guard=4", "offset.format=SQ8.4"), images(50, seed=4)
    found = {post: run(network, some, post, errors=True) for post in ("nmpu", "fp16", "fp32")}
    for outcome in found.values():
        assert max(error.rms for error in outcome.errors) < 2.5
        assert [error.name for error in outcome.errors] == [stage.name for stage in network.stages]
    assert (found["nmpu"].classes == found["fp32"].classes).mean() >= 0.9
    assert (found["fp16"].classes == found["fp32"].classes).mean() >= 0.96


def test_binary16_of_one_row_block_is_the_reference_unit() -> None:
    network, some = deployed(analog=replace(IDEAL, gain_spread=0.2, offset_spread=5.0)), images(4, seed=5)
    config = load(preset_name="fp16-ldpu", settings=SETTINGS[:2])
    for stage, given in zip(network.stages, codes_of(network, some), strict=True):
        what = stage.planned.stage
        if what.residual is not None or what.pool is not None or stage.layer.sum_out or stage.layer.blocks > 1:
            continue
        halves = (
            np.asarray(one, np.float16).view(np.uint16).astype(np.int64) for one in (stage.gains[0], stage.offset)
        )
        settings = PassSettings.of(config, columns=what.columns, activation=stage.layer.settings.activation)
        wanted = golden.forward(config, given.codes[:, 0], golden.Params(*halves), settings).y
        found = floating(network, stage, given.codes, None, binary16=True)
        np.testing.assert_array_equal(found, wanted)
        assert len(np.unique(wanted)) > 20


def _rms(network: Deployed, post: Post = "nmpu") -> float:
    return run(network, images(32, seed=6), post, errors=True).errors[-1].rms


def test_calibration_takes_back_what_converters_differ_in() -> None:
    spread = replace(IDEAL, gain_spread=0.21, offset_spread=8.0)
    quiet = _rms(deployed())
    for calibration in ("counts", "joint"):
        assert _rms(deployed(analog=spread, calibration=calibration)) < 2 * quiet
    assert _rms(deployed(analog=spread, calibration="none")) > 5 * quiet


def test_calibrating_the_result_is_better_than_each_count_where_devices_are_noisy() -> None:
    errors: dict[str, list[float]] = {"counts": [], "joint": []}
    for calibration, found in errors.items():
        found += [_rms(deployed(analog=Analog(), calibration=calibration, seed=seed), "fp32") for seed in range(6)]
    assert np.mean(errors["joint"]) < np.mean(errors["counts"])


def test_devices_that_are_not_ours() -> None:
    """Weights as they are held take the place of programming; calibration finds a column's error of gain."""
    config = load(preset_name="paper", settings=SETTINGS)
    made = plan(staged_network(), images(64), config)
    tile = fitted(config, made)
    wanted = {s.stage.conv.name: s.stage.conv.weight for s in made.stages if s.stage.conv is not None}
    held = {name: weight * np.where(np.arange(weight.shape[3]) == 1, 0.8, 1.0) for name, weight in wanted.items()}
    weak, full = (
        deploy(made, build_arrays(made, tile, Analog(), 1, programmed=one), tile).stages[0].gains
        for one in (held, wanted)
    )
    ratio = (weak / full)[0]  # the converters' range is set anew, for all columns
    np.testing.assert_allclose(ratio[:, 1] / ratio[:, 0], 1.25, rtol=0.02)
    np.testing.assert_allclose(ratio[:, 2:] / ratio[:, :1], 1.0, rtol=0.02)
    with pytest.raises(ValueError, match=r"node stem: programmed weights \(1,\) are not \(3, 3, 3, 4\)"):
        build_arrays(made, tile, Analog(), 1, programmed={"stem": np.ones(1)})
    with pytest.raises(ValueError, match="programmed weights of steam, which is no convolution of small"):
        build_arrays(made, tile, Analog(), 1, programmed={"steam": np.ones(1)})


def test_equal_seeds_give_equal_integers() -> None:
    first, again, other = (deployed.__wrapped__(analog=Analog(), seed=seed) for seed in (1, 1, 2))
    assert first.image() == again.image()
    assert first.image() != other.image()


def _network(*nodes: Any, shape: tuple[int, int, int] = (4, 4, 3)) -> Network:
    return Network("n", shape, nodes)


def _conv(name: str, source: str, inputs: int, outputs: int, kernel: int = 1) -> Conv:
    rng = np.random.default_rng(len(name))
    weight = rng.standard_normal((kernel, kernel, inputs, outputs)) / np.sqrt(inputs) / kernel
    return Conv(name, source, weight, padding=(kernel // 2,) * 2)


def _pixels(count: int, *shape: int) -> Any:
    return np.random.default_rng(7).integers(0, 256, (count, *shape), dtype=np.uint8)


def _deployed(network: Network, *settings: str, calibration: Any = None) -> Deployed:
    config = load(preset_name="paper", settings=(*SETTINGS, *settings))
    made = plan(network, _pixels(64, *network.shape) if calibration is None else calibration, config)
    tile = fitted(config, made)
    return deploy(made, build_arrays(made, tile, IDEAL, 1), tile)


def _rms_of(network: Deployed, seed_images: Any) -> list[float]:
    return [error.rms for error in run(network, seed_images, "fp32", errors=True).errors]


def test_two_row_blocks_and_columns_in_uneven_groups() -> None:
    """320 rows, 20 columns on an array of 8: three groups of 7, 7 and 6, each with two blocks."""
    network = _network(_conv("wide", INPUT, 3, 32, 3), Clip("relu", "wide"), _conv("c", "relu", 320 // 10, 20, 3))
    unit = _deployed(network)
    assert [len(stage.mapped) for stage in unit.stages] == [4, 3]
    assert unit.stages[1].layer.blocks == 2
    ends = [layer.interrupt for layer in unit.descriptors.values()]
    assert ends == [False] * 6 + [True]
    exact, some = [], _pixels(2, 4, 4, 3)
    for stage, given in zip(unit.stages, codes_of(unit, some), strict=True):
        for part in stage.mapped:
            layer = replace(part.layer, vectors=len(given.codes))
            params = [golden.block_params(unit.config, unit.image(), layer, block) for block in range(layer.blocks)]
            exact.append(golden.run_layer(unit.config, layer, params, given.codes[..., part.columns]).totals)
    wanted = np.concatenate(exact[4:], axis=1) * 2.0**-unit.config.derived.total.fraction
    np.testing.assert_array_equal(run(unit, some).logits, wanted.reshape(2, -1))
    assert max(_rms_of(unit, some)) < 1.0


def test_order_of_additions_does_not_matter() -> None:
    """Sums of float32 are exact: any batch, and so any library and number of threads, gives the same."""
    network = _network(_conv("a", INPUT, 3, 64, 3), Clip("r", "a"), _conv("b", "r", 64, 8, 3), shape=(8, 8, 3))
    unit, some = _deployed(network, "array.columns=64", "array.lanes=64"), _pixels(24, 8, 8, 3)
    whole = codes_of(unit, some)
    for k, stage in enumerate(unit.stages):
        block = stage.arrays.blocks[0]
        assert np.array_equal(block.matrix * 2.0**12, np.rint(block.matrix * 2.0**12))
        single = np.concatenate([codes_of(unit, some[i : i + 1])[k].codes for i in range(len(some))])
        np.testing.assert_array_equal(single, whole[k].codes)


@pytest.mark.parametrize(
    ("low", "high", "lsb", "top"), [(0, 255, 1.0, 255), (-4, 3, 32.0, 3), (0, 1023, 0.25, 127), (0, 1020, 0.25, 255)]
)
def test_a_grid_of_the_input(low: int, high: int, lsb: float, top: int) -> None:
    network = _network(Grid("g", INPUT, lsb, low, high), _conv("a", "g", 3, 4))
    unit = _deployed(network)
    assert unit.plan.span == (low, top)
    assert max(_rms_of(unit, _pixels(8, 4, 4, 3))) < 1.0


def test_windows_that_are_no_power_of_two() -> None:
    network = _network(
        _conv("a", INPUT, 3, 4), Pool("m", "a", "average", (3, 3)), _conv("b", "m", 4, 4), shape=(6, 6, 3)
    )
    assert max(_rms_of(_deployed(network), _pixels(8, 6, 6, 3))) < 1.0


def test_a_pass_takes_the_whole_range_of_either_sign() -> None:
    """Codes of -128 stand in a count whose room is for 127 times a power of two."""
    gains = Norm("n", INPUT, np.array([1.0, -1.0, 0.5]), np.zeros(3))
    network = Network("n", (4, 4, 3), (gains,), (128.0,), (1.0,))
    for settings in ((), ("codes.counts=1", "codes.format=SQ10.0", "scale.format=SQ2.7")):
        unit = _deployed(network, *settings, calibration=_pixels(8, 4, 4, 3) // 16 + 120)
        assert codes_of(unit, _pixels(8, 4, 4, 3))[0].codes.max() == (1 << (9 if not settings else 8))


def test_a_column_without_weights_costs_the_others_nothing() -> None:
    conv = _conv("a", INPUT, 3, 4)
    empty = replace(conv, weight=conv.weight * np.array([1, 1, 0, 1]) * 1e-3)
    alone, beside = (_deployed(_network(one)).stages[0] for one in (conv, empty))
    assert alone.layer.shifts == beside.layer.shifts


def _refused(*settings: str, network: Network | None = None) -> str:
    try:
        config = load(preset_name="paper", settings=(*SETTINGS, *settings))
        made = plan(network or staged_network(), images(16), config)
        tile = fitted(config, made)
        deploy(made, build_arrays(made, tile, IDEAL, 1), tile)
    except ValueError as error:
        return str(error)
    pytest.fail("it was not refused")


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (("shift.min=6", "shift.max=7"), "stage stem.relu: the gain of column"),
        (("codes.format=UQ6.0",), "stage b.add: activations stand where codes of converters do"),
        (
            ("activation.modes=none,relu", "arithmetic.kind=fp16"),
            "arithmetic.kind = fp16: tile.kind = axi is for fixed point; fixed would do",
        ),
        (("codes.counts=1",), "codes.format = UQ10.0"),
        (("activation.modes=none,relu",), "stage a.relu: activation = clip is not built in; none, relu is"),
        (("tile.kind=axi", "how.stages=2"), "residual"),
    ],
)
def test_what_cannot_be_done_is_refused(settings: tuple[str, ...], says: str) -> None:
    assert says in _refused(*settings)


def test_no_images() -> None:
    config: Any = load(preset_name="paper", settings=SETTINGS)
    with pytest.raises(ValueError, match="no calibration images; a few hundred would do"):
        plan(staged_network(), images(0), config)
