"""Waveforms of docs/tile.md, from Amaranth's simulator.

``python -m tests.waves`` writes docs/waves anew; their text then goes into docs/tile.md by hand.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import golden
from nmpu_hdl.axi import NmpuAxi
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.driver import Driver
from nmpu_hdl.presets import load
from nmpu_hdl.program import Layer, descriptor_words
from nmpu_hdl.settings import PassSettings

from .axi import simulate, transact
from .hardware import beats

__all__ = [
    "SCENES",
    "SETTINGS",
    "TINY",
    "WAVES",
    "image",
    "layer",
    "layer_beats",
    "pass_beats",
    "run",
    "taken",
    "text_of",
]

WAVES = Path(__file__).parent.parent / "docs" / "waves"
SETTINGS = [
    *("tile.kind=axi", "how.stages=2", "array.columns=4", "tile.blocks=2", "tile.sets=2", "tile.descriptors=2"),
]
TINY = load(preset_name="tiny", settings=SETTINGS)
TRACED = [
    "s_axil_awvalid", "s_axil_awready", "s_axil_wvalid", "s_axil_wready", "s_axil_bvalid", "s_axil_bready",
    "s_axis_tvalid", "s_axis_tready", "s_axis_tkeep", "s_axis_tlast", "s_axis_tdata",
    "m_axis_tvalid", "m_axis_tready", "m_axis_tlast", "m_axis_tdata", "irq",
]  # fmt: skip
Row = dict[str, int]
"""The traced ports in one clock, by name."""


class Beat(NamedTuple):
    """A slot of codes as it goes in, and what a waveform calls it."""

    data: int
    keep: int
    last: int
    label: str


class Bus:
    """The driver's way to the unit in Amaranth's simulator."""

    def __init__(self, ctx: Any, dut: NmpuAxi) -> None:
        self._ctx, self._dut = ctx, dut

    def __getattr__(self, name: str) -> Any:
        return getattr(self._dut, f"s_axil_{name}")

    async def read(self, address: int) -> int:
        response, word = await transact(self._ctx, self, address)  # type: ignore[arg-type]
        assert response == 0, hex(address)
        return word

    async def write(self, address: int, data: int) -> None:
        response, _ = await transact(self._ctx, self, address, data)  # type: ignore[arg-type]
        assert response == 0, hex(address)


def run(
    config: NmpuConfig, codes: Sequence[Beat], host: Callable[[Driver], Any], gaps: Mapping[int, int] | None = None
) -> list[Row]:
    """Stream ``codes`` into a unit that ``host`` drives; every clock until all is quiet again.

    ``gaps``: clocks without codes before the beat of that number; none before any other.
    """
    dut, rows = NmpuAxi(config), list[Row]()

    async def software(ctx: Any) -> None:
        await host(Driver(config, Bus(ctx, dut)))
        await ctx.tick().repeat(4)

    async def source(ctx: Any) -> None:
        for number, beat in enumerate(codes):
            if gap := (gaps or {}).get(number, 0):
                ctx.set(dut.s_axis_tvalid, 0)
                await ctx.tick().repeat(gap)
            ctx.set(dut.s_axis_tvalid, 1)
            ctx.set(dut.s_axis_tdata, beat.data)
            ctx.set(dut.s_axis_tkeep, beat.keep)
            ctx.set(dut.s_axis_tlast, beat.last)
            await ctx.tick().until(dut.s_axis_tready)
        ctx.set(dut.s_axis_tvalid, 0)

    async def watch(ctx: Any) -> None:
        ctx.set(dut.m_axis_tready, 1)
        while True:
            _, _, *values = await ctx.tick().sample(*(getattr(dut, name) for name in TRACED))
            rows.append(dict(zip(TRACED, values, strict=True)))

    simulate(dut, software, always=(source, watch))
    return rows


def pass_beats(config: NmpuConfig, codes: Any, columns: int, label: str) -> list[Beat]:
    """A pass of (counts, columns) codes."""
    lanes, width = config.array.lanes, config.codes.counts * config.codes.format.width
    words = beats(config, np.asarray(codes), PassSettings.of(config, columns=columns))
    found = []
    for slot, word in enumerate(words):
        used = min(columns - slot * lanes, lanes) * width
        keep = (1 << -(-used // 8)) - 1
        found.append(Beat(word, keep, int(slot == len(words) - 1), f"{label}s{slot}"))
    return found


def image(config: NmpuConfig, gain: int) -> list[int]:
    """A bank that makes ``gain * p`` of every column."""
    one, columns = 1 << config.scale.format.fraction, config.array.columns
    zero = np.zeros(columns, np.int64)
    params = golden.Params(np.stack([zero + gain * one, zero]), zero, None, None, None)
    return golden.pack(config, params) * config.tile.sets


# -- waveforms --


def taken(rows: Sequence[Row], stream: str) -> list[int]:
    """Clocks in which a beat goes over."""
    return [k for k, row in enumerate(rows) if row[f"{stream}_tvalid"] and row[f"{stream}_tready"]]


def wave(rows: Sequence[Row], name: str, labels: Sequence[str] | None = None) -> dict[str, Any]:
    """A line of WaveDrom: a bit, or, with a label for each clock in which there is one, data."""
    chars, data, before = "", list[str](), None
    for k, row in enumerate(rows):
        now: Any = row[name] if labels is None else labels[k]
        fresh = now != before
        if labels is None:
            chars += str(now) if fresh else "."
        else:
            chars += "." if not fresh else "=" if now else "x"
            data += [now] if fresh and now else []
        before = now
    return {"name": name, "wave": chars, **({"data": data} if labels else {})}


def stream_labels(rows: Sequence[Row], stream: str, names: Sequence[str]) -> list[str]:
    """The beats' names in the clocks in which they are offered."""
    left, found = list(names), []
    for row in rows:
        found.append(left[0] if row[f"{stream}_tvalid"] else "")
        if row[f"{stream}_tvalid"] and row[f"{stream}_tready"]:
            left.pop(0)
    assert not left
    return found


def picture(title: str, rows: Sequence[Row], labels: dict[str, list[str]], names: list[str], span: range) -> Any:
    """WaveDrom of the clocks ``span``."""
    cut = [rows[k] for k in span]
    signals: list[Any] = [{"name": "clk", "wave": "p" + "." * (len(cut) - 1)}]
    for name in names:
        chosen = [labels[name][k] for k in span] if name in labels else None
        signals.append(wave(cut, name, chosen) if name else {})
    return {"signal": signals, "head": {"text": title, "tick": 0}, "config": {"hscale": 1}}


STREAMS = ["s_axis_tvalid", "s_axis_tready", "s_axis_tdata", "s_axis_tlast", "", "m_axis_tvalid", "m_axis_tdata",
           "m_axis_tlast"]  # fmt: skip


def layer(columns: int, blocks: int, vectors: int, following: int | None = None) -> Layer:
    return Layer(PassSettings.of(TINY, columns=columns), (0,) * blocks, vectors, next=following)


def layer_beats(what: Layer, values: Sequence[int], label: str = "v") -> list[Beat]:
    """Codes of a layer, ``p`` = the vector's value in all columns."""
    columns = what.settings.columns
    return [
        beat
        for v in range(what.vectors)
        for b in range(what.blocks)
        for beat in pass_beats(TINY, [[values[v]] * columns, [0] * columns], columns, f"{label}{v}b{b}")
    ]


def results(layers: Sequence[tuple[Layer, str]]) -> list[str]:
    """Names of the results of these layers."""
    return [f"{label}{v}s{s}" for what, label in layers for v in range(what.vectors) for s in range(what.slots(TINY))]


def row_blocks() -> Any:
    """Two vectors, each of two row blocks of two slots."""
    what = layer(4, 2, 2)
    codes = layer_beats(what, [1, 2])

    async def host(driver: Driver) -> None:
        await driver.load_params(image(TINY, 1))
        await driver.swap(10)
        await driver.load_program({0: what})
        await driver.start()
        await driver.wait(100)

    rows = run(TINY, codes, host)
    into, out = taken(rows, "s_axis"), taken(rows, "m_axis")
    assert np.diff(into).tolist() == [1] * 7, "there is a bubble"
    finals = [clock for clock, beat in zip(into, codes, strict=True) if "b1" in beat.label]
    assert (np.array(out) - finals == TINY.derived.depth).all()
    assert [rows[k]["m_axis_tdata"] for k in out] == [0x22, 0x22, 0x44, 0x44], "not the sum of both blocks"
    labels = {
        "s_axis_tdata": stream_labels(rows, "s_axis", [beat.label for beat in codes]),
        "m_axis_tdata": stream_labels(rows, "m_axis", results([(what, "v")])),
    }
    return picture("two vectors of two row blocks of two slots", rows, labels, STREAMS, range(into[0] - 2, out[-1] + 3))


def layer_change() -> Any:
    """A layer of four columns, then one of three, whose descriptor was read meanwhile."""
    one, two = layer(4, 2, 4, following=1), layer(3, 1, 2)
    assert one.vectors * one.blocks * one.slots(TINY) >= descriptor_words(TINY) + 3
    codes = layer_beats(one, [1, 2, 3, 1]) + layer_beats(two, [3, 2], "w")

    async def host(driver: Driver) -> None:
        await driver.load_params(image(TINY, 1))
        await driver.swap(10)
        await driver.load_program({0: one, 1: two})
        await driver.write("IRQ_ENABLE", done=1)
        await driver.start()
        await driver.wait(100)

    rows = run(TINY, codes, host)
    into, out = taken(rows, "s_axis"), taken(rows, "m_axis")
    assert np.diff(into).tolist() == [1] * 15 + [TINY.derived.layer_gap + 1] + [1] * 3
    labels = {
        "s_axis_tdata": stream_labels(rows, "s_axis", [beat.label for beat in codes]),
        "s_axis_tkeep": [f"{row['s_axis_tkeep']:b}" if row["s_axis_tvalid"] else "" for row in rows],
        "m_axis_tdata": stream_labels(rows, "m_axis", results([(one, "v"), (two, "w")])),
    }
    names = [*STREAMS[:3], "s_axis_tkeep", *STREAMS[3:], "", "irq"]
    irq = next(k for k, row in enumerate(rows) if row["irq"])
    assert irq > out[-1]
    return picture("from one layer to the next", rows, labels, names, range(into[15] - 3, irq + 2))


def bank_swap() -> Any:
    """The other bank doubles; the exchange is asked for while a layer runs."""
    what = layer(4, 2, 16)
    codes = layer_beats(what, [1] * 16)

    async def host(driver: Driver) -> None:
        await driver.load_params(image(TINY, 1))
        await driver.swap(10)
        await driver.load_params([word // 2 for word in image(TINY, 1)])
        await driver.load_program({0: what})
        await driver.events()
        await driver.write("IRQ_ENABLE", swapped=1)
        await driver.start()
        while not await driver.read("PASSES", "count"):
            pass
        await driver.swap()
        await driver.wait(100)

    rows = run(TINY, codes, host)
    out = taken(rows, "m_axis")
    kinds = {0x22: "old", 0x11: "new"}
    values = [kinds[rows[k]["m_axis_tdata"]] for k in out]
    changes = values.index("new")
    assert 0 < changes < len(values)
    assert changes % 2 == 0, "the banks were exchanged within a vector"
    assert values == ["old"] * changes + ["new"] * (len(values) - changes)
    labels = {
        "s_axis_tdata": stream_labels(rows, "s_axis", [beat.label for beat in codes]),
        "m_axis_tdata": stream_labels(rows, "m_axis", [f"{kind}{k % 2}" for k, kind in enumerate(values)]),
    }
    # The write of the command is the last that is taken before the exchange.
    irq = next(k for k, row in enumerate(rows) if row["irq"])
    write = max(k for k in range(irq) if rows[k]["s_axil_awvalid"] and rows[k]["s_axil_awready"])
    names = ["s_axil_awvalid", "s_axil_awready", "s_axil_wvalid", "s_axil_wready", "s_axil_bvalid", "s_axil_bready"]
    span = range(write - 1, out[changes] + 3)
    return picture("banks exchanged while a layer runs", rows, labels, [*names, "", *STREAMS, "", "irq"], span)


SCENES = {"row_blocks": row_blocks, "layer_change": layer_change, "bank_swap": bank_swap}


def text_of(scene: Any) -> str:
    """JSON with a line a signal."""
    lines = ",\n".join(f"  {json.dumps(signal)}" for signal in scene["signal"])
    rest = json.dumps({key: value for key, value in scene.items() if key != "signal"})[1:-1]
    return f'{{"signal": [\n{lines}\n], {rest}}}\n'


if __name__ == "__main__":
    for name, scene in SCENES.items():
        (WAVES / f"{name}.json").write_text(text_of(scene()))
