"""docs/front.md tells the truth: fields, pins, ranges, what is refused and clocks are those of the code."""

from __future__ import annotations

import itertools
import re
import warnings
from typing import Any, get_args

import numpy as np
import pytest
from amaranth.sim import Simulator

from nmpu_hdl.front_group import Front, Values
from nmpu_hdl.front_settings import FrontChoice, FrontSettings, front_choices
from nmpu_hdl.presets import load
from nmpu_hdl.program import SHIFTS_FROM, descriptor_fields
from nmpu_hdl.registers import register_map
from nmpu_hdl.top import Nmpu
from tb.raw import Raw, raw_words

from .test_docs import DOCS, field_row, first_table, tables

FRONT = (DOCS / "front.md").read_text()
SLICES = ["codes.source=slices", "codes.counts=1"]
TILE = ["tile.kind=axi", "how.stages=2"]


def test_fields() -> None:
    wanted = []
    for name, info in Front.model_fields.items():
        bounds = {k: getattr(m, k) for m in info.metadata for k in ("ge", "le") if hasattr(m, k)}
        default, values = str(info.default), ", ".join(map(str, get_args(info.annotation)))
        if bounds:
            values = f"{bounds['ge']}..{bounds['le']}"
        elif info.annotation is bool:
            values, default = "true, false", default.lower()
        elif name == "values":
            values, default = f"a list of {', '.join(get_args(Values))}", ", ".join(info.default)
        wanted.append([f"`{name}`", default, values, info.description])
    assert first_table("Fields of `[front]`", FRONT) == wanted


def test_fields_of_the_descriptor() -> None:
    config = load(preset_name="imce", settings=[*TILE, "tile.blocks=5"])
    start = SHIFTS_FROM + 2
    added = [field_row(f, start) for f in descriptor_fields(config) if f.word >= start]
    assert first_table("In a tile", FRONT) == added


def test_registers_that_tell_of_it() -> None:
    names = [{r.name for r in register_map(load(settings=[*TILE, *more])).registers} for more in ([], SLICES)]
    assert names[1] - names[0] == set(re.findall(r"`(CAP_\w+)`", FRONT))


# -- pins --

CONDITIONS = {
    "`front.x_planes > 1`": [*SLICES, "front.x_planes=5"],
    "`front.w_planes > 1`": [*SLICES, "front.w_planes=6"],
    "`front.subarrays > 1`": [*SLICES, "front.subarrays=7"],
    "samples, `front.samples > 1`": ["codes.source=samples", "codes.counts=1", "front.samples=9"],
    "planes that may be bipolar, `front.rows > 1`": [
        *("codes.source=planes", "codes.counts=1", 'front={rows=100, values=["bipolar"]}'),
    ],
    "`front.signed`": [*SLICES, "front.signed=true"],
    "two `front.values`": ["codes.source=samples", "codes.counts=1", "front.values=bipolar,unipolar"],
    "planes, `front.zero > 0`": ["codes.source=planes", "codes.counts=1", "front.zero=3"],
    '`front.weights = "runtime"`, `front.x_planes > 1`, `front.x_bits > 0`': [
        *(*SLICES, "front.x_planes=2", "front.x_bits=3", "front.weights=runtime"),
    ],
    '`front.weights = "runtime"`, `front.w_planes > 1`, `front.w_bits > 0`': [
        *(*SLICES, "front.w_planes=2", "front.w_bits=2", "front.weights=runtime"),
    ],
}
"""Settings that make each condition of the table of pins true; without the last of them it is not."""


def choices(settings: list[str]) -> dict[str, FrontChoice]:
    signed = [] if any("signed" in one for one in settings) else ["front.signed=false"]
    return {choice.name: choice for choice in front_choices(load(settings=[*settings, *signed]))}


def test_pins() -> None:
    rows = first_table("Settings", FRONT)
    told = [row[0].strip("`").removeprefix("cfg_") for row in rows]
    assert {row[1] for row in rows} == set(CONDITIONS)
    assert sorted(told) == sorted({name for settings in CONDITIONS.values() for name in choices(settings)})
    for name, (_, condition, values, beyond, default) in zip(told, rows, strict=True):
        settings = CONDITIONS[condition]
        assert name not in choices([*settings[:-1], "front.signed=false"])
        choice, config = choices(settings)[name], load(settings=settings)
        field = re.search(r"to `front\.(\w+)`", values)
        most = getattr(config.front, field[1]) if field else (1 << config.front.zero) - 1 if name == "zero" else 1
        assert (choice.least, choice.most) == (int(values[0]), most)
        if beyond:
            assert beyond == "the largest"
            assert {choice.resolve(k) for k in range(1 << choice.width) if not choice.least <= k <= most} <= {most}
        else:
            assert most == (1 << choice.width) - 1, "pins can show what is not told"
        usual = {"the largest": most, "0": 0, "the first of `front.values`": int(config.front.values[0] == "bipolar")}
        assert int(getattr(FrontSettings.of(config), name)) == usual[default]


# -- ranges, costs, refusals --


def test_range_of_an_operand() -> None:
    rows = first_table("Range of an operand", FRONT)
    for preset, amount, operand, bits in rows:
        derived = load(preset_name=preset.strip("`")).derived
        number = derived.front_end.amount
        assert amount == f"{number.low}..{number.high}"
        assert operand == f"{derived.operand.low}..{derived.operand.high}"
        assert int(bits) == derived.operand.width


AMOUNTS = {
    "codes": ["codes.source=slices", "codes.format=SQ6.0", "front.beside=2", "front.w_planes=3", "front.x_planes=2"],
    "counts": ["codes.source=planes", "codes.counts=1", "front.zero=3", "front.x_planes=4", "front.w_planes=2"],
    "both": ["codes.source=planes", "codes.counts=1", "front.values=unipolar,bipolar", "front.rows=300"],
    "samples": ["codes.source=samples", "codes.counts=1", "front.samples=9", "front.subarrays=3", "front.w_planes=2"],
    "bipolar": ["codes.source=samples", "codes.counts=1", "front.samples=9", "front.values=bipolar"],
}


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("name", AMOUNTS)
def test_formula_of_the_range(name: str, signed: bool) -> None:
    config = load(settings=[*AMOUNTS[name], f"front.signed={str(signed).lower()}"])
    f, form, facts, n = config.front, config.codes.format, config.derived.front_end, config.codes.format.high
    ranges = {
        "codes": (form.low, form.high),
        "counts": (0, n),
        "both": (1 - 2 * n, max(n, f.rows)),
        "samples": (0, f.samples),
        "bipolar": (-f.samples, f.samples),
    }
    low, high = re.findall(r"(?:low|high) +(= .*?)(?=  |\n)", FRONT)
    ends: list[tuple[int, int]] = []
    for x_minus, w_minus in itertools.product((False, True)[: 1 + signed], repeat=2):
        x = [2 ** (f.x_bits * m) for m in range(f.x_planes)]
        w = [2 ** (f.w_bits * k) for k in range(f.w_planes * f.beside)]
        names = {"subarrays": f.subarrays, "z": (2**f.zero - 1) * (2**facts.reference_bits - 1) if f.zero else 0}
        names |= {"Xn": x[-1] * x_minus, "Wn": w[-1] * w_minus, "a": ranges[name][0], "b": ranges[name][1]}
        names |= {"Xp": sum(x) - names["Xn"], "Wp": sum(w) - names["Wn"]}
        names |= {k: eval(v, names.copy()) for k, v in re.findall(r"`([UD]) = ([^`]+)`", FRONT)}
        ends.append((eval(low[2:], names.copy()), eval(high[2:], names.copy())))
    operand = config.derived.operand
    assert (operand.low, operand.high) == (min(a for a, _ in ends), max(b for _, b in ends))


@pytest.mark.parametrize(
    ("row", "settings"),
    [
        (0, ["codes.source=slices", "codes.counts=2", "front.beside=3"]),
        (1, ["codes.source=planes", "codes.counts=1", "codes.format=UQ7.0"]),
        (2, ["codes.source=planes", "codes.counts=1", "front.input=bits", "front.bits=33"]),
        (3, ["codes.source=samples", "codes.counts=1", "front.bits=5", "front.samples=12"]),
    ],
)
def test_bits_of_a_lane(row: int, settings: list[str]) -> None:
    config = load(settings=settings)
    source, formula, _ = first_table("What a beat carries", FRONT)[row]
    assert f"codes.source={source.split('`')[1]}" == settings[0]
    names = {"front": config.front, "counts": config.codes.counts, "beside": config.front.beside}
    assert eval(formula.strip("`"), names | {"w": config.codes.format.width}) == config.derived.front_end.bits


def test_accumulators() -> None:
    _, rows = tables("What it costs", FRONT)
    for preset, accumulators, bits in rows:
        derived = load(preset_name=preset.strip("`")).derived
        facts = derived.front_end
        assert [int(accumulators), int(bits)] == [
            facts.accumulators,
            facts.accumulators * facts.operands * derived.operand.width,
        ]


@pytest.mark.parametrize("settings", [row[0].strip("`") for row in first_table("What is refused", FRONT)])
def test_refused(settings: str) -> None:
    *before, last = settings.split()
    load(settings=[*before, *(["codes.counts=1"] if last == "codes.counts=2" else [])])
    with pytest.raises(ValueError, match="would"):
        load(settings=[*before, last])


# -- clocks --


def clocks(order: str, *more: str) -> tuple[str, str]:
    """Clocks in which beats are taken, and in which results are there: a 1 each."""
    size = ["array.columns=4", "front.x_planes=3", f"front.order={order}"]
    dut = Nmpu(load(preset_name="tiny", settings=[*SLICES, *size, *more]))
    seen: list[tuple[int, int]] = []

    async def bench(ctx: Any) -> None:
        ctx.set(dut.param_en, 1)
        ctx.set(dut.param_we, -1)
        for slot in range(2):
            ctx.set(dut.param_addr, slot)
            await ctx.tick()
        ctx.set(dut.param_en, 0)
        ctx.set(dut.m_axis_tready, 1)
        await ctx.tick().repeat(4)
        ctx.set(dut.s_axis_tvalid, 1)
        for _ in range(40):
            *_, ready, valid = await ctx.tick().sample(dut.s_axis_tready, dut.m_axis_tvalid)
            seen.append((ready, valid))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        simulator = Simulator(dut)
    simulator.add_clock(1e-9)
    simulator.add_testbench(bench)
    simulator.run()
    return "".join(str(r) for r, _ in seen), "".join(str(v) for _, v in seen)


def beats(order: str) -> list[str]:
    """Stream and slot of each beat of a pass of four columns in two slots, as the bench sends them."""
    config = load(preset_name="tiny", settings=[*SLICES, "array.columns=4", "front.x_planes=3", f"front.order={order}"])
    codes = 4 * np.arange(3)[:, None] + np.arange(4)
    raw = Raw(codes.reshape(1, 1, 3, 1, 1, 4), None)
    words = raw_words(np.random.default_rng(0), config, raw, FrontSettings.of(config))
    return [f"m{(word & 15) // 4}s{(word & 3) // 2}" for word in words]


def test_clocks_of_one_pass() -> None:
    rows = tables("Timing", FRONT)[1]
    for column, order in ((1, "pass"), (3, "slot")):
        taken, out = clocks(order)
        assert [row[column] for row in rows if row[column]] == beats(order)
        assert taken == "1" * 40
        results = [int(row[0]) for row in rows if row[column + 1]]
        assert [k for k, one in enumerate(out[: len(rows)]) if one == "1"] == results
        assert [row[column + 1] for row in rows if row[column + 1]] == ["y0", "y1"]


@pytest.mark.parametrize("order", ["pass", "slot"])
@pytest.mark.parametrize("how", ["how.built=1", "how.architecture=serial"])
def test_clocks_of_a_pass(how: str, order: str) -> None:
    """slots * (steps + C - 1), pass after pass; the latency is that of the manifest."""
    taken, _ = clocks(order, how)
    each = load(preset_name="tiny", settings=[*SLICES, how]).derived.beat_cycles(0)
    assert each > 1
    period = 2 * (3 + each - 1)
    begun = [k for k, one in enumerate(taken) if one == "1"][::6]
    assert [b - a for a, b in itertools.pairwise(begun)][:2] == [period] * 2
