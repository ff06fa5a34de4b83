"""Descriptors, chains of layers and the parameter bank, without hardware."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import golden
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.presets import load
from nmpu_hdl.program import FIELDS, Layer, decode, descriptor_stride, descriptor_words, encode, param_words
from nmpu_hdl.settings import PassSettings
from tb.programs import draw_chain

from .draw import draw_inputs, draw_layer, draw_params, draw_tables, draw_tile_config

Rng = np.random.Generator


@pytest.mark.parametrize("seed", range(100))
def test_a_chain_is_its_layers(seed: int) -> None:
    """The parameters go through the bank's words, the layers through the descriptors' words."""
    rng = np.random.default_rng(seed)
    config = draw_tile_config(rng, lanes=3, slots=3)
    layers, order = draw_chain(rng, config, 4, 8)
    image = [int(w) for w in rng.integers(0, 1 << 30, param_words(config))]
    tables = draw_tables(rng, config)
    params = {}
    for i, layer in layers.items():
        params[i] = [draw_params(rng, config) for _ in range(layer.blocks)]
        golden.place_params(config, image, layer.base, params[i], layer.settings.columns)
    # A layer placed later may have overwritten the words of an earlier one.
    held = {i: [golden.block_params(config, image, lay, b) for b in range(lay.blocks)] for i, lay in layers.items()}
    newest, columns = order[-1], layers[order[-1]].settings.columns
    for written, read in zip(params[newest], held[newest], strict=True):
        fields = written.first(columns).fields(config)
        assert all(np.array_equal(fields[name], value) for name, value in read.fields(config).items())
    inputs = [draw_inputs(rng, config, layers[i]) for i in order]
    descriptors = {i: decode(config, encode(config, layer)) for i, layer in layers.items()}
    got = golden.run_program(config, descriptors, order[0], image, inputs, tables)
    assert got.order == tuple(order)
    for i, given, result in zip(order, inputs, got.layers, strict=True):
        layer = layers[i]
        table = tables[layer.table_bank] if tables is not None and layer.table and not layer.sum_out else None
        alone = golden.run_layer(
            config, layer, held[i], given.codes, residual=given.residual, sums=given.sums, table=table
        )
        for name in ("y", "low", "high", "totals", "counters"):
            assert np.array_equal(getattr(result, name), getattr(alone, name)), name
    assert got.counters.passes == sum(r.counters.passes for r in got.layers)
    assert got.counters.a_max == max(int(r.totals.max()) for r in got.layers)


def small(*settings: str) -> tuple[NmpuConfig, Layer, golden.LayerInputs, list[int]]:
    """Layers of one pass over four columns in two lanes, and an empty bank."""
    basic = ["tile.kind=axi", "how.stages=2", "array={columns=4, lanes=2}", "tile.descriptors=4"]
    config = load(preset_name="tiny", settings=[*basic, *settings])
    layer = Layer(PassSettings.of(config))
    return config, layer, golden.LayerInputs(np.zeros((1, 1, 2, 4), int)), [0] * param_words(config)


def test_a_loop_takes_inputs_for_each_turn() -> None:
    config, layer, given, image = small()
    ring = {0: replace(layer, next=1), 1: replace(layer, next=0), 2: layer}
    with pytest.raises(ValueError, match=r"^the chain goes on to descriptor 1 after the inputs of all 5 layers$"):
        golden.run_program(config, ring, 0, image, [given] * 5)
    with pytest.raises(ValueError, match=r"^the chain has ended after 1 layers; there are inputs for 2$"):
        golden.run_program(config, ring, 2, image, [given] * 2)
    with pytest.raises(ValueError, match=r"^there is no descriptor 3, which layer 1 of the chain needs$"):
        golden.run_program(config, {0: replace(layer, next=3)}, 0, image, [given] * 2)
    with pytest.raises(ValueError, match=r"^next = 9 is outside 0..3$"):
        golden.run_program(config, {0: replace(layer, next=9)}, 0, image, [given] * 2)


def test_tables_are_needed_where_results_are_looked_up() -> None:
    config, layer, given, image = small("tile.table=2")
    looks = replace(layer, table=True, table_bank=1)
    with pytest.raises(ValueError, match=r"^descriptor 0 looks results up, but there are no tables$"):
        golden.run_program(config, {0: looks}, 0, image, [given])
    result = golden.run_program(config, {0: looks}, 0, image, [given], [[1] * 4, [5] * 4]).layers[0]
    assert result.y is not None
    assert result.y.tolist() == [[5] * 4]


def test_parameters_are_packed_without_gaps() -> None:
    """Three columns in two lanes: two words a block, the last lane of which is not used."""
    config, layer, _, image = small()
    first, second = (golden.Params(np.full((2, 4), k), np.arange(4)) for k in (1, 2))
    golden.place_params(config, image, 3, [first, second], 3)
    word, lane = config.derived.param_width, golden.pack(config, first)
    assert image[:3] == [0] * 3
    assert image[3:5] == [lane[0], lane[1] & ((1 << word) - 1)]
    assert image[7:] == [0] * (len(image) - 7)
    three = replace(layer, settings=PassSettings.of(config, columns=3), shifts=(0, 0), base=3)
    found = golden.block_params(config, image, three, 1)
    assert found.scales.tolist() == [[2] * 3] * 2
    assert found.offset.tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match=r"^block = 2 is outside 0..1$"):
        golden.block_params(config, image, three, 2)
    with pytest.raises(ValueError, match=r"^block 1 needs words 5..6; the image has 6$"):
        golden.block_params(config, image[:6], three, 1)
    with pytest.raises(ValueError, match=r"^2 blocks of 2 words at base = 29 are outside 0..31$"):
        golden.place_params(config, image, 29, [first, second], 3)


@pytest.mark.parametrize("seed", range(60))
def test_decode_is_the_inverse_of_encode(seed: int) -> None:
    rng = np.random.default_rng(seed)
    config = draw_tile_config(rng)
    for _ in range(5):
        after = int(rng.integers(config.tile.descriptors)) if rng.integers(2) else None
        layer = replace(draw_layer(rng, config), next=after)
        words = encode(config, layer)
        assert len(words) == descriptor_words(config) <= descriptor_stride(config)
        assert all(0 <= word < 1 << 32 for word in words)
        again = decode(config, words)
        fitting = PassSettings.of(config).shift
        assert replace(again, settings=replace(again.settings, shift=fitting)) == replace(
            layer, settings=replace(layer.settings, shift=fitting)
        )


def test_fields_do_not_overlap() -> None:
    taken: dict[int, int] = {}
    for field in FIELDS:
        mask = ((1 << field.width) - 1) << field.lsb
        assert field.lsb + field.width <= 32, field.name
        assert not taken.get(field.word, 0) & mask, field.name
        taken[field.word] = taken.get(field.word, 0) | mask


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shifts": ()}, r"blocks = 0 is outside 1..16"),
        ({"shifts": (0,) * 17}, r"blocks = 17 is outside 1..16"),
        ({"shifts": (0, 99)}, r"shift of block 1 = 99 is outside -?\d+..\d+"),
        ({"vectors": 0}, r"vectors = 0 is outside 1..16777215"),
        (
            {"base": 31},
            r"base = 31: 1 blocks of 2 slots do not fit the 32 words of a bank from there; more tile.sets would do",
        ),
        ({"table_bank": 2}, r"table_bank = 2 is outside 0..1"),
        ({"next": 4}, r"next = 4 is outside 0..3"),
        ({"in_base": 1 << 16}, r"in_base = 65536 is outside 0..65535"),
        ({"sum_in": True}, r"sum_in is not built in; tile.chain > 1 builds it"),
        ({"sum_out": True}, r"sum_out is not built in; tile.chain > 1 builds it"),
        ({"table": True}, r"table is not built in; tile.table > 0 builds it"),
        ({"pooling": "max"}, r"pooling is not built in; tile.pool > 0 builds it"),
    ],
)
def test_a_layer_that_is_not_possible_is_refused(change: dict[str, Any], message: str) -> None:
    config, layer, _, _ = small()
    with pytest.raises(ValueError, match=f"^{message}$"):
        encode(config, replace(layer, **change))


def test_settings_made_by_hand_are_checked() -> None:
    """A dataclass can be replaced field by field; what comes out is looked at before it becomes words."""
    config = load(preset_name="tiny-tile")
    settings = PassSettings.of(config)
    changes: tuple[tuple[dict[str, Any], str], ...] = (
        ({"width": 40}, "width = 40 is not built in; 4, 3 is"),
        ({"columns": 0}, r"columns = 0 is outside 1\.\.8"),
        ({"clip_low": 999}, r"clip_low = 999 is outside -8\.\.7"),
        ({"residual": 9}, r"residual = 9 is outside -3\.\.3"),
    )
    for change, message in changes:
        with pytest.raises(ValueError, match=message):
            encode(config, Layer(replace(settings, **change)))


def test_refusals_name_the_cause() -> None:
    config = load(preset_name="tiny-tile", settings=["tile.sets=1"])
    settings = PassSettings.of(config)
    with pytest.raises(ValueError, match="base = 1: 1 blocks of 4 slots do not fit the 4 words of a bank from there"):
        encode(config, Layer(settings, base=1))
    with pytest.raises(ValueError, match="pooling = 'avg' is none of none, max, average"):
        encode(config, Layer(settings, pooling="avg"))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"blocks = 127 is outside 1\.\.4"):
        decode(config, [words | (127 << 16) * (k == 0) for k, words in enumerate(encode(config, Layer(settings)))])
