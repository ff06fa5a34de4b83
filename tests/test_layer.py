"""A layer of the golden model against exact fractions; every option, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import golden
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.presets import load
from nmpu_hdl.program import Layer
from nmpu_hdl.settings import PassSettings

from .draw import draw_codes, draw_inputs, draw_layer, draw_params, draw_settings, draw_tables, draw_tile_config
from .oracle import layer_column, power

TINY = (
    "tile.kind=axi",
    "how.stages=2",
    "tile.residual=true",
    "tile.widths=[3]",
    "tile.table=2",
    "tile.pool=4",
    "tile.chain=3",
)


def tiny(*settings: str) -> NmpuConfig:
    return load(preset_name="tiny", settings=[*TINY, *settings])


def compare_with_oracle(seed: int, max_vectors: int) -> None:
    rng = np.random.default_rng(seed)
    config = draw_tile_config(rng, lanes=2, slots=2)
    layer, tables = draw_layer(rng, config, max_vectors), draw_tables(rng, config)
    params = [draw_params(rng, config) for _ in range(layer.blocks)]
    given = draw_inputs(rng, config, layer)
    table = tables[layer.table_bank] if tables is not None and layer.table and not layer.sum_out else None
    arrays = {"residual": given.residual, "sums": given.sums, "table": table}
    got = golden.run_layer(config, layer, params, given.codes, **arrays)
    sats, totals = [0, 0], []
    for c in range(layer.settings.columns):
        sums, results, pooled = layer_column(config, layer, params, given.codes, c, **arrays)
        totals += sums
        sats = [n + sum(r[k + 1] for r in results) for k, n in enumerate(sats)]
        assert [int(a) * power(-config.derived.total.fraction) for a in got.totals[:, c]] == sums, (config, layer, c)
        if got.y is None or got.low is None or got.high is None:
            assert layer.sum_out
        else:
            found = zip(got.y[:, c].tolist(), got.low[:, c].tolist(), got.high[:, c].tolist(), strict=True)
            assert list(found) == pooled, (config, layer, c)
    passes = layer.vectors * layer.blocks
    up = 2**config.derived.total.fraction
    expected = (passes, passes * layer.settings.columns, *sats, min(totals) * up, max(totals) * up)
    assert expected == tuple(vars(got.counters).values())


@pytest.mark.parametrize("seed", range(150))
def test_layer_is_the_oracle(seed: int) -> None:
    compare_with_oracle(seed, max_vectors=12)


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(1000, 3000))
def test_layer_is_the_oracle_deep(seed: int) -> None:
    compare_with_oracle(seed, max_vectors=40)


@pytest.mark.parametrize("seed", range(30))
def test_a_chain_of_units_is_one_unit_with_all_blocks(seed: int) -> None:
    """Sums handed on from unit to unit: the same totals, and every inner value is within its range."""
    rng = np.random.default_rng(seed)
    config = draw_tile_config(rng)
    while config.tile.chain == 1:
        config = draw_tile_config(rng)
    chain, settings = config.tile.chain, replace(draw_settings(rng, config), residual=None)
    last = Layer(settings, (config.shift.min,), 4)
    params = [draw_params(rng, config) for _ in range(chain)]
    codes = draw_codes(rng, config.codes.format, (4, chain, config.codes.counts, config.array.columns))
    sums = None
    for unit in range(chain):
        layer = replace(last, sum_in=unit > 0, sum_out=unit < chain - 1)
        result = golden.run_layer(config, layer, [params[unit]], codes[:, unit : unit + 1], sums=sums)
        sums = result.totals
    singles = [golden.accumulate(config, last, [p], codes[:, b : b + 1]).astype(object) for b, p in enumerate(params)]
    assert np.array_equal(sum(singles), result.totals)
    limits = config.derived.total
    assert limits.low <= result.totals.min() <= result.totals.max() <= limits.high
    assert result.y is not None
    assert np.array_equal(golden.finish(config, last, params[-1], result.totals).y, result.y)


def test_inner_values_stay_within_their_ranges_at_the_ends() -> None:
    """The widest sum there is, of all blocks and the whole chain, with the largest residual."""
    config = tiny("tile.blocks=5", "tile.residual_left=8", "tile.residual_right=8", "scale.format=UQ0.16")
    code, scale, offset = (g.format for g in (config.codes, config.scale, config.offset))
    settings = PassSettings.of(config, residual=8)
    layer = Layer(settings, (config.shift.min,) * 5, 2, sum_in=True)
    columns = config.array.columns
    params = [golden.Params(np.full((2, columns), scale.high), np.full(columns, offset.high))] * 5
    codes = np.zeros((2, 5, 2, columns), int)
    codes[0, :, 0], codes[0, :, 1] = code.high, code.low
    one, terms = config.derived.affine, 5 * (config.tile.chain - 1)
    sums = np.full((2, columns), one.high * terms)
    totals = golden.accumulate(config, layer, params, codes, sums)
    assert (totals[0] == config.derived.total.high).all()
    residual = np.full((2, columns), config.output.format.high)
    inner = (int(totals[0, 0]) << (8 - config.derived.total.fraction)) + (int(residual[0, 0]) << 16)
    assert inner == config.derived.joined.high
    assert golden.finish(config, layer, params[-1], totals, residual).high.all()


def test_many_vectors_are_as_few() -> None:
    """More columns than are worked on at a time."""
    rng, config = np.random.default_rng(1), tiny()
    few = Layer(PassSettings.of(config, residual=-1), (1, 0), 1500, sum_in=True)
    many, params = replace(few, vectors=6000), [draw_params(rng, config) for _ in range(2)]
    given = draw_inputs(rng, config, many)
    assert given.residual is not None
    assert given.sums is not None
    arrays = {"residual": given.residual, "sums": given.sums}
    got = golden.run_layer(config, many, params, given.codes, **arrays)
    single = golden.forward(config, given.codes[:, 0], params[0], many.settings, given.residual)
    for start in range(0, 6000, 1500):
        rows = slice(start, start + 1500)
        part = {name: array[rows] for name, array in arrays.items()}
        expected = golden.run_layer(config, few, params, given.codes[rows], **part)
        assert np.array_equal(got.totals[rows], expected.totals)
        assert got.y is not None
        assert np.array_equal(got.y[rows], expected.y)  # type: ignore[arg-type]
        alone = golden.forward(config, given.codes[rows, 0], params[0], many.settings, part["residual"])
        assert np.array_equal(single.y[rows], alone.y)


def test_the_worked_example_of_the_docs() -> None:
    config = load(
        preset_name="paper",
        settings=["tile.kind=axi", "how.stages=2", "tile.residual=true", "tile.widths=[6]", "tile.table=4"],
    )
    settings = PassSettings.of(config, columns=1, activation="relu", width=6, residual=-1)
    layer = Layer(settings, (2, 1))
    params = [golden.Params(np.array([[p], [n]]), np.array([o])) for p, n, o in ((90, 101, -37), (80, 64, 5))]
    codes = np.array([[[[700], [120]], [[60], [310]]]])
    got = golden.run_layer(config, layer, params, codes, residual=np.array([[-13]]))
    assert got.totals.tolist() == [[48]]
    assert got.y is not None
    assert got.y.tolist() == [[18]]
    found = golden.finish(config, replace(layer, table=True), params[1], got.totals, [[-13]], np.arange(16))
    assert found.y.tolist() == [[1]]
    # The second block alone, and what its residual makes of it.
    inner = golden.taps(config, codes[:, 1], params[1], replace(settings, shift=1), [[-13]])
    assert [int(inner[name][0, 0]) for name in ("product", "shifted", "affine")] == [-15040, -118, -113]
    assert inner["joined"].tolist() == [[4 * -113 - 13 * 4]]


def test_pooling_by_hand() -> None:
    config = tiny()
    y = np.array([[3, -8, 7], [1, -8, 7], [-5, -7, 7], [0, -8, 7], [7, 7, 7]], np.int8)
    flags = np.zeros((2, 5, 3), bool)
    flags[0, 2, 0] = flags[1, 4, :] = True
    of = golden.Activations(y, *flags)
    layer = Layer(PassSettings.of(config, width=3), vectors=5, pooling="max", pool_window=4, pool_shift=2)
    got = golden.pool(config, layer, of)
    assert got.y.tolist() == [[3, -7, 7]]
    assert got.low.tolist() == [[True, False, False]]
    assert not got.high.any()
    # -1/4 and -31/4 to the nearest, 28/4 to the width in force.
    assert golden.pool(config, replace(layer, pooling="average"), of).y.tolist() == [[0, -4, 3]]
    wide = replace(layer, pooling="average", settings=PassSettings.of(config))
    assert golden.pool(config, wide, of).y.tolist() == [[0, -8, 7]]
    # Ties go up: -6/4 and 6/4.
    ties = of._replace(y=np.array([[-6, 6, 2]] + 4 * [[0, 0, 0]], np.int8))
    assert golden.pool(config, wide, ties).y.tolist() == [[-1, 2, 1]]
    assert golden.pool(config, replace(wide, vectors=3), golden.Activations(y[:3], *flags[:, :3])).y.shape == (0, 3)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "shape": ({"codes": np.zeros((2, 2, 2, 8), int)}, r"codes of shape \(2, 2, 2, 8\) are not .* = \(2, 1, 2, 8\)"),
    "code": ({"codes": np.full((2, 1, 2, 8), 16)}, r"a code of 16..16 is outside UQ4.0 \(0..15\)"),
    "dtype": ({"codes": np.zeros((2, 1, 2, 8))}, r"codes must be integers, not float64"),
    "params": ({"params": []}, r"parameters of 0 blocks do not serve 1"),
    "residual": ({"residual": None}, r"settings.residual = 1 needs residuals"),
    "residual shape": (
        {"residual": np.zeros((1, 8), int)},
        r"residuals of shape \(1, 8\) are not \(2, 8\)",
    ),
    "residual range": (
        {"residual": np.full((2, 8), 8)},
        r"a residual of 8..8 is outside SQ4.0 \(-8..7\)",
    ),
    "sums": ({"sums": np.zeros((2, 8), int)}, r"sum_in = False takes no sums of a neighbour"),
    "sum_in": ({"layer": {"sum_in": True}}, r"sum_in = True needs sums of a neighbour"),
    "sum range": (
        {"layer": {"sum_in": True}, "sums": np.full((2, 8), 10**9)},
        r"a sum of 1000000000..1000000000 is outside those of 2 units \(-\d+..\d+\)",
    ),
    "no table": ({"table": None}, r"table = True of the layer needs entries"),
    "table": ({"layer": {"table": False}}, r"table = False of the layer takes no entries"),
    "table shape": ({"table": np.zeros(8, int)}, r"a table of shape \(8,\) is not \(4,\), .* of tile.table = 2"),
    "table range": ({"table": np.full(4, -9)}, r"a table entry of -9..-9 is outside SQ4.0 \(-8..7\)"),
    "sum_out": ({"layer": {"sum_out": True}}, r"sum_out hands sums on: no residual is used"),
    "layer": ({"layer": {"pool_window": 5}}, r"pool_window = 5 is outside 1..4"),
}


@pytest.mark.parametrize("change", REFUSED)
def test_refusals(change: str) -> None:
    config = tiny()
    layer = Layer(PassSettings.of(config, residual=1), vectors=2, table=True)
    good: dict[str, Any] = {
        "params": [golden.Params(np.zeros((2, 8), int), np.zeros(8, int))],
        "codes": np.zeros((2, 1, 2, 8), int),
        "residual": np.zeros((2, 8), int),
        "table": np.zeros(4, int),
    }
    assert golden.run_layer(config, layer, **good).y is not None
    wrong, message = REFUSED[change]
    layer = replace(layer, **wrong.get("layer", {}))
    arrays = good | {name: value for name, value in wrong.items() if name != "layer"}
    with pytest.raises(ValueError, match=f"^{message}$"):
        golden.run_layer(config, layer, **arrays)


def test_refusals_of_the_parts() -> None:
    config, core = tiny(), load(preset_name="tiny")
    layer, zeros = Layer(PassSettings.of(config), vectors=2), np.zeros((2, 8), int)
    params = golden.Params(np.zeros((2, 8), int), np.zeros(8, int))
    with pytest.raises(ValueError, match=r"^tile.kind = none runs no layers; axi does$"):
        golden.accumulate(core, Layer(PassSettings.of(core)), [params], np.zeros((1, 1, 2, 8), int))
    with pytest.raises(ValueError, match=r"^sum_out hands sums on: there is nothing to finish$"):
        golden.finish(config, replace(layer, sum_out=True), params, zeros)
    with pytest.raises(ValueError, match=r"^totals of shape \(2, 7\) are not \(vectors, columns\) = \(2, 8\)$"):
        golden.finish(config, layer, params, zeros[:, :7])
    with pytest.raises(ValueError, match=r"^a total of 0..1073741824 is outside"):
        golden.finish(config, layer, params, zeros + (np.arange(8) == 7) * (1 << 30))
    with pytest.raises(ValueError, match=r"^y of shape \(3, 8\) has not .* of 2 vectors$"):
        golden.pool(config, layer, golden.Activations(np.zeros((3, 8), np.int8), *np.zeros((2, 2, 8), bool)))
    with pytest.raises(ValueError, match=r"^settings.residual = 0 needs residuals$"):
        golden.forward(config, np.zeros((2, 8), int), params, PassSettings.of(config, residual=0))
    with pytest.raises(ValueError, match=r"^settings.residual = None takes no residuals$"):
        golden.forward(config, np.zeros((2, 8), int), params, residual=np.zeros(8, int))
