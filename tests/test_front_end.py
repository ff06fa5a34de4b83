"""Front ends: hardware against golden in Amaranth's simulator, golden against sums written out."""

from __future__ import annotations

import itertools
import re
import warnings
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
from amaranth.hdl import Module, Signal
from amaranth.sim import Simulator

from golden import forward
from golden.front_end import front_end
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.front_end import FrontEnd
from nmpu_hdl.front_settings import FrontSettings, front_choices
from nmpu_hdl.popcount import popcount
from nmpu_hdl.presets import load
from nmpu_hdl.settings import PassSettings
from tb.extremes import extreme_raw
from tb.raw import draw_front_settings, draw_raw, raw_words

from .draw import draw_front_config, draw_params, draw_settings
from .hardware import run

BITS = ["codes.source=planes", "codes.counts=1", "front.input=bits"]
COUNTED = ["codes.source=planes", "codes.counts=1"]
SAMPLED = ["codes.source=samples", "codes.counts=1"]
BOTH = "front.values=unipolar,bipolar"

CONFIGS: dict[str, list[str]] = {
    "slices": ["codes.source=slices", "front.x_planes=4", "front.w_planes=3", "front.w_bits=2"],
    "slices_signed_codes": ["codes.source=slices", "codes.counts=1", "codes.format=SQ4.1", "front.w_planes=5"],
    "slices_beside": [
        "codes.source=slices",
        "front.beside=3",
        "front.w_planes=2",
        "front.w_bits=3",
        "front.order=slot",
    ],
    "slices_beside_unsigned": ["codes.source=slices", "codes.counts=1", "front.beside=2", "front.signed=false"],
    "slices_runtime": [
        *("codes.source=slices", "front.x_planes=3", "front.w_planes=3", "front.x_bits=3", "front.w_bits=2"),
        *("front.weights=runtime", "front.subarrays=3"),
    ],
    "planes": [*COUNTED, "front.x_planes=8", "front.w_planes=8", "front.order=slot"],
    "planes_zero": [*COUNTED, "front.x_planes=3", "front.w_planes=4", "front.zero=4", BOTH, "front.rows=15"],
    "planes_zero_unsigned": [*COUNTED, "front.x_planes=2", "front.zero=3", "front.signed=false"],
    "xnor": [*BITS, "front.bits=9", "front.rows=9", "front.values=bipolar", "front.subarrays=3", "front.signed=false"],
    "bits": [*BITS, "front.bits=17", "front.x_planes=3", "front.w_planes=2", BOTH, "front.zero=2", "front.order=slot"],
    "samples": [*SAMPLED, "front.bits=4", "front.samples=13", "front.values=bipolar", "front.x_planes=2"],
    "samples_one": [*SAMPLED, "front.samples=1", BOTH, "front.signed=false", "front.order=slot"],
    "samples_all": [
        *(*SAMPLED, "front.bits=3", "front.samples=16", BOTH, "front.x_planes=2", "front.w_planes=2"),
        *("front.subarrays=2", "front.w_bits=2", "front.x_bits=2"),
    ],
}
HOW = {
    "parallel": [],
    "serial": ["how.architecture=serial", "how.radix=4"],
    "walking": ["how.built=1", "how.stages=2"],
    "odd": ["array.columns=9", "array.lanes=3", "how.stages=3"],
    "two_stages": ["how.front_stages=2"],
    "two_stages_serial": ["how.architecture=serial", "how.front_stages=2"],
    "one_slot": ["array.columns=3", "array.lanes=3"],
}


def configured(name: str, *more: str) -> NmpuConfig:
    return load(preset_name="tiny", settings=[*CONFIGS[name], "shift.max=24", *more])


def passes_agree(config: NmpuConfig, rng: np.random.Generator, count: int) -> None:
    """Passes with settings of their own, through the hardware, equal golden's."""
    params = draw_params(rng, config)
    passes, expected = [], []
    for _ in range(count):
        settings = draw_settings(rng, config, int(rng.integers(1, config.array.columns + 1)))
        front = settings.front
        assert front is not None
        raw = draw_raw(rng, config, front, settings.columns)
        passes.append((raw_words(rng, config, raw, front), settings))
        expected.append(forward(config, raw.operands(config, front)[0], params.first(settings.columns), settings))
    for got, want in zip(run(config, params, passes, rng), expected, strict=True):
        assert got.y.tolist() == want.y.tolist()
        assert got.low.tolist() == want.low.tolist()
        assert got.high.tolist() == want.high.tolist()


@pytest.mark.parametrize("name", CONFIGS)
def test_passes_through_the_hardware_equal_golden(name: str) -> None:
    passes_agree(configured(name), np.random.default_rng(len(name)), 12)


def operands_of(
    config: NmpuConfig, passes: list[tuple[list[int], PassSettings]], rng: np.random.Generator
) -> list[int]:
    """The words of operands that the front end alone gives, with random gaps and stalls."""
    dut, given = FrontEnd(config), list[int]()
    expected = sum(-(-s.columns // config.array.lanes) for _, s in passes)

    async def source(ctx: Any) -> None:
        ctx.set(dut.go, 1)
        for words, settings in passes:
            assert settings.front is not None
            for name, value in {"columns": settings.columns, **asdict(settings.front)}.items():
                if hasattr(dut, f"cfg_{name}"):
                    ctx.set(getattr(dut, f"cfg_{name}"), int(value))
            for k, word in enumerate(words):
                while rng.integers(4) == 0:
                    await ctx.tick()
                ctx.set(dut.i_valid, 1)
                ctx.set(dut.i_data, word)
                ctx.set(dut.i_last, k == len(words) - 1)
                *_, wrong = await ctx.tick().sample(dut.frame).until(dut.i_ready)
                assert not wrong
                ctx.set(dut.i_valid, 0)

    async def sink(ctx: Any) -> None:
        while len(given) < expected:
            ctx.set(dut.o_ready, int(rng.integers(3) > 0))
            *_, ready, valid, codes = await ctx.tick().sample(dut.o_ready, dut.o_valid, dut.codes)
            if ready and valid:
                given.append(codes)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        simulator = Simulator(dut)
    simulator.add_clock(1e-9)
    simulator.add_testbench(source)
    simulator.add_testbench(sink)
    simulator.run()
    return given


def operands_agree(config: NmpuConfig, rng: np.random.Generator, count: int) -> None:
    """Operands of the front end alone equal golden's in every bit, those of lanes that are not active aside."""
    width, lanes, passes, wanted = config.derived.operand.width, config.array.lanes, [], list[int]()
    for _ in range(count):
        settings = draw_settings(rng, config, int(rng.integers(1, config.array.columns + 1)))
        assert settings.front is not None
        raw = draw_raw(rng, config, settings.front, settings.columns)
        passes.append((raw_words(rng, config, raw, settings.front), settings))
        columns = raw.operands(config, settings.front)[0].T & (1 << width) - 1  # (columns, counts)
        wanted += [int(code) for code in columns.reshape(-1)]
    got, words = list[int](), iter(operands_of(config, passes, rng))
    for _, settings in passes:
        for start in range(0, settings.columns, lanes):
            word, active = next(words), min(lanes, settings.columns - start) * config.codes.counts
            got += [word >> k * width & (1 << width) - 1 for k in range(active)]
    assert got == wanted
    assert len(set(got)) >= min(3, len(got) // 4)


@pytest.mark.parametrize("name", CONFIGS)
def test_operands_equal_golden(name: str) -> None:
    operands_agree(configured(name), np.random.default_rng(8), 12)


@pytest.mark.parametrize("seed", [*range(12), *(pytest.param(n, marks=pytest.mark.deep) for n in range(12, 200))])
def test_operands_of_drawn_configurations(seed: int) -> None:
    rng = np.random.default_rng([seed, 9])
    operands_agree(draw_front_config(rng, int(rng.integers(1, 4)), int(rng.integers(1, 4))), rng, 6)


@pytest.mark.parametrize("seed", [*range(12), *(pytest.param(n, marks=pytest.mark.deep) for n in range(12, 200))])
def test_drawn_configurations(seed: int) -> None:
    rng = np.random.default_rng([seed, 5])
    passes_agree(draw_front_config(rng, int(rng.integers(1, 4)), int(rng.integers(1, 4))), rng, 6)


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("name", ["slices", "planes_zero", "samples_all"])
def test_however_lanes_are_built(name: str, how: str) -> None:
    passes_agree(configured(name, *HOW[how]), np.random.default_rng(7), 5)


# -- golden --


def written_out(config: NmpuConfig, raw: np.ndarray, s: FrontSettings, reference: np.ndarray | None) -> list[list[int]]:
    """docs/front.md with plain integers, number by number: (counts, columns)."""
    counts, columns, beside = config.codes.counts, raw.shape[-1], config.derived.front_end.beside
    sums = [[0] * columns for _ in range(counts)]
    for r, m, k in itertools.product(range(s.subarrays), range(s.x_planes), range(s.w_planes * beside)):
        minus = (s.x_signed and m == s.x_planes - 1) != (s.w_signed and k == s.w_planes * beside - 1)
        weight = (-1 if minus else 1) * 2 ** (s.x_step * m + s.w_step * k)
        for c, n in itertools.product(range(counts), range(columns)):
            if config.codes.source == "slices":
                amount = int(raw[r, m, k, c, n])
            elif config.codes.source == "planes":
                amount = s.rows - 2 * int(raw[r, m, k, n]) if s.bipolar else int(raw[r, m, k, n])
            else:
                amount = sum((2 * int(bit) - 1) if s.bipolar else int(bit) for bit in raw[r, m, k, :, n])
            sums[c][n] += weight * amount
        if reference is not None and k == 0:
            sign = -1 if s.x_signed and m == s.x_planes - 1 else 1
            point = s.zero * sign * 2 ** (s.x_step * m) * int(reference[r, m])
            sums[0] = [value - point for value in sums[0]]
    return sums


@pytest.mark.parametrize("name", CONFIGS)
def test_golden_equals_sums_written_out(name: str) -> None:
    config, rng = configured(name), np.random.default_rng(5)
    for _ in range(12):
        settings = draw_front_settings(rng, config)
        raw = draw_raw(rng, config, settings, 5)
        reference = None if raw.reference is None else raw.reference[0]
        got = front_end(config, raw.numbers[0], settings, reference)
        assert got.tolist() == written_out(config, raw.numbers[0], settings, reference)


@pytest.mark.parametrize("name", CONFIGS)
def test_the_range_of_an_operand_is_reached_and_not_left(name: str) -> None:
    config = configured(name)
    number, choices = config.derived.operand, {choice.name: choice for choice in front_choices(config)}
    flags = [n for n in choices if n in ("x_signed", "w_signed", "bipolar", "zero")]
    kinds, seen = np.tile([2, 3], (config.codes.counts, 1)), []  # the largest operand, and the least
    for chosen in itertools.product((0, 1), repeat=len(flags)):
        settings = FrontSettings.of(config, **{n: choices[n].most * on for n, on in zip(flags, chosen, strict=True)})
        for turned in (False, True):
            raw = extreme_raw(config, settings, kinds, turned=turned)
            seen += raw.operands(config, settings)[0, 0].tolist()
    assert number.low <= min(seen)
    assert max(seen) <= number.high
    if "rows" not in choices:
        assert max(seen) == number.high
        if not config.derived.front_end.zero:
            assert min(seen) == number.low


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        (["codes.source=planes"], "codes.counts = 2: codes.source = planes has one a column; 1 would do"),
        (
            ["codes.source=planes", "codes.counts=1", "codes.format=SQ4.0"],
            "codes.format = SQ4.0: counts of a plane are whole; UQ4.0 would do",
        ),
        (
            ["codes.source=samples", "codes.counts=1", "front.bits=4", "front.samples=2"],
            "front.bits = 4: a conversion has front.samples = 2 at most; 2 would do",
        ),
        (
            ["codes.source=planes", "codes.counts=1", "front.rows=9"],
            "front.rows = 9 means nothing with front.values = unipolar; bipolar would do",
        ),
        (
            ["codes.source=planes", "codes.counts=1", "front.rows=16", "front.values=bipolar"],
            "front.rows = 16: a count is 15 at most; 15, or 0, would do",
        ),
        (
            ["front.x_planes=4"],
            "front.x_planes = 4 means nothing with codes.source = counts; slices, planes or samples would do",
        ),
        (
            ["codes.source=planes", "codes.counts=1", "front.zero=4", "front.values=bipolar"],
            "front.zero = 4: bits that stand for -1 and +1 have no zero point; 0, or front.values with unipolar, "
            "would do",
        ),
        (
            ["how.front_stages=2"],
            "how.front_stages = 2 means nothing with codes.source = counts; slices, planes or samples would do",
        ),
        (
            ["codes.source=slices", "front.samples=4"],
            "front.samples = 4 means nothing with codes.source = slices; codes.source = samples would do",
        ),
        (
            ["codes.source=slices", "front.bits=4"],
            "front.bits = 4: nothing is counted with codes.source = slices; codes.source = samples would do",
        ),
        (
            ["codes.source=slices", "front.beside=2", "front.weights=runtime"],
            "front.weights = runtime: slices that arrive together (front.beside = 2) have fixed weights; "
            "static would do",
        ),
        (
            ["codes.source=slices", "arithmetic.kind=fp16"],
            "arithmetic.kind = fp16: codes.source = slices is for fixed point; fixed would do",
        ),
        (
            ["codes.source=slices", "tile.kind=axi", "how.stages=2", "tile.input=sram"],
            "tile.input = sram: codes.source = slices comes as a stream; stream would do",
        ),
        (
            ["codes.source=slices", "front.x_planes=16", "front.x_bits=8"],
            "the value 'operand' would take 125 bits, the most is 62; fewer front.x_planes, front.w_planes, "
            "front.subarrays or front.samples, or smaller front.x_bits and front.w_bits, would do",
        ),
    ],
)
def test_refusals(settings: list[str], complaint: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(complaint)}$"):
        load(preset_name="tiny", settings=settings)


def test_settings_out_of_range_are_refused() -> None:
    config = configured("planes_zero")
    for name, value, said in (
        ("x_planes", 4, "x_planes = 4 is outside 1..3"),
        ("zero", 16, "zero = 16 is outside 0..15"),
        ("x_step", 2, "x_step = 2 is not built in; 1 is"),
        ("samples", 2, "samples = 2 is not built in; 1 is"),
        ("odd", 2, "there is no setting 'odd' of the front end"),
        ("x_signed", 2, "x_signed = 2: 0 or 1 would do"),
    ):
        with pytest.raises(ValueError, match=re.escape(said)):
            FrontSettings.of(config, **{name: value})
    with pytest.raises(ValueError, match=re.escape("codes.source = counts has no front end")):
        PassSettings.of(load(preset_name="tiny"), front=FrontSettings())
    settings = FrontSettings.of(config)
    good = draw_raw(np.random.default_rng(1), config, settings, 3)
    for raw, reference, said in (
        (good.numbers[0, 0], None, "does not end in (1, 3, 4, 3)"),
        (good.numbers[0] + 16, good.reference, "is outside UQ4.0 (0..15)"),
        (good.numbers[0], None, "front.zero = 4 needs sums of activations"),
        (good.numbers[0], good.reference, "sums of activations of shape (1, 1, 3) are not (1, 3)"),
    ):
        with pytest.raises(ValueError, match=re.escape(said)):
            front_end(config, raw, settings, reference)


# -- population counts --


@pytest.mark.parametrize("bits", range(1, 13))
def test_population_counts(bits: int) -> None:
    """Of every word, as wide as the largest count."""
    word, count, m = Signal(bits), Signal(bits.bit_length()), Module()
    total = popcount(m, list(word))
    assert len(total) == bits.bit_length()
    m.d.comb += count.eq(total)
    got: list[int] = []

    async def all_words(ctx: Any) -> None:
        for value in range(1 << bits):
            ctx.set(word, value)
            got.append(ctx.get(count))

    simulator = Simulator(m)
    simulator.add_testbench(all_words)
    simulator.run()
    assert got == [value.bit_count() for value in range(1 << bits)]
