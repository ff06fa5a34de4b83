"""docs/tile.md and the pages beside it tell the truth: waveforms are those of a simulation, tables those of the code,
the example runs."""

from __future__ import annotations

import contextlib
import io
import re
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from nmpu_hdl.driver import Driver
from nmpu_hdl.macros import macros
from nmpu_hdl.ports import top_ports
from nmpu_hdl.presets import PRESETS, load
from nmpu_hdl.program import FIELDS, SHIFTS_FROM, DescriptorField, descriptor_words
from nmpu_hdl.registers import register_map
from nmpu_hdl.verilog import emit

from .waves import SCENES, TINY, WAVES, image, layer, layer_beats, pass_beats, run, taken, text_of

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
TILE = (DOCS / "tile.md").read_text()
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("name", SCENES)
def test_waveforms_are_true(name: str) -> None:
    text = text_of(SCENES[name]())
    assert (WAVES / f"{name}.json").read_text() == text
    assert f"```wavedrom\n{text}```" in TILE, f"docs/waves/{name}.json is not what docs/tile.md shows"


def test_every_waveform_is_checked() -> None:
    assert {path.stem for path in WAVES.iterdir()} == set(SCENES)
    assert TILE.count("```wavedrom") == len(SCENES)


@pytest.mark.parametrize("vectors", [1, 5, 6, 7])
def test_gap_between_layers(vectors: int) -> None:
    """As docs/tile.md has it: 2 clocks behind a layer of F - 2 beats or more, else F less its beats."""
    one, two = layer(4, 1, vectors, following=1), layer(1, 1, 1)
    codes = layer_beats(one, [1] * vectors) + layer_beats(two, [1])

    async def host(driver: Driver) -> None:
        await driver.load_params(image(TINY, 1))
        await driver.swap(10)
        await driver.load_program({0: one, 1: two})
        await driver.start()
        await driver.wait(100)

    into, fetch, count = taken(run(TINY, codes, host), "s_axis"), descriptor_words(TINY) + 3, 2 * vectors
    assert len(into) == count + 1
    assert into[-1] - into[-2] - 1 == max(2, fetch - count)


# -- tables --


def first_table(heading: str, page: str = TILE) -> list[list[str]]:
    """Cells of the rows of the first table of a section of a page, docs/tile.md unless told."""
    return tables(heading, page)[0]


def tables(heading: str, page: str) -> list[list[list[str]]]:
    """Cells of the rows of all tables of a section of a page."""
    section = page.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    found = [block for block in section.strip().split("\n\n") if block.startswith("|")]
    return [[[cell.strip() for cell in row.strip("|").split("|")] for row in t.splitlines()[2:]] for t in found]


def field_row(field: DescriptorField, start: int = 0) -> list[str]:
    """The line of a field of the descriptor, its word counted from ``start``."""
    return [
        str(field.word - start),
        f"{field.lsb + field.width - 1}:{field.lsb}" if field.width > 1 else str(field.lsb),
        f"`{field.name}`",
        field.about + (", two's complement" if field.signed else ""),
    ]


def test_descriptor_fields() -> None:
    *rows, shifts = first_table("The layer program")
    assert rows == [field_row(f) for f in FIELDS]
    assert shifts[:3] == [f"from {SHIFTS_FROM}", "", "shifts"]


def test_every_port_is_to_be_connected() -> None:
    patterns = [name for row in first_table("What you must connect") for name in re.findall(r"`([^`]+)`", row[0])]
    sram = load(preset_name="tiny-tile", settings=["tile.input=sram", "tile.output=sram", "how.memory=macro"])
    ports = {p.name for config in (load(preset_name="tiny-tile"), sram) for p in top_ports(config)} | {"clk", "rst"}
    modules = {one.module for one in macros(sram)}
    assert {name for name in ports | modules if not any(fnmatch(name, p) for p in patterns)} == set()
    assert [p for p in patterns if not any(fnmatch(name, p) for name in ports | modules)] == []


def test_macro_pins() -> None:
    told = {row[0].split("`")[1]: row for row in first_table("Memories as macros")}
    needed = {one.name: one for one in macros(load(preset_name="tiny-tile", settings=["how.memory=macro"]))}
    assert set(told) == set(needed)
    for name, pins in (("params", needed["params"].pins), ("sums", needed["sums"].pins)):
        assert re.findall(r"\b[a-z]+[01]\b", told[name][4]) == [pin.name for pin in pins]


@pytest.mark.parametrize("name", ["tiny-tile", "tile", "imce"])
def test_every_module_has_its_line(name: str) -> None:
    page = (DOCS / "architecture.md").read_text()
    modules = {re.sub(r"_\d+$", "", one) for one in re.findall(r"^module (\w+)", emit(load(preset_name=name)), re.M)}
    assert {one for one in modules if f"`{one}`" not in page} == set()


def test_ports_and_latency_of_the_readme() -> None:
    pattern = r"generate --preset (\S+)\nwrote .*: (\d+) ports, latency (\d+), (\d+) registers, (\d+) layers"
    shown = re.findall(pattern, README)
    assert shown
    for name, *numbers in shown:
        config = load(preset_name=name)
        sizes = len(top_ports(config)) + 2, config.derived.latency, len(register_map(config).registers)
        assert [int(n) for n in numbers] == [*sizes, config.tile.descriptors]


def test_ports_and_latency_of_cores_in_the_readme() -> None:
    shown = re.findall(r"generate --preset (\S+)\nwrote \S+/nmpu.v: (\d+) ports, latency (\d+)$", README, re.MULTILINE)
    assert {"imce", "fp16-ldpu"} <= {name for name, *_ in shown}
    for name, *numbers in shown:
        config = load(preset_name=name)
        assert [int(n) for n in numbers] == [len(top_ports(config)) + 2, config.derived.latency]


def test_presets_in_the_readme() -> None:
    (sentence,) = re.findall(r"^Presets are (.*?)\. For a file", README, re.MULTILINE | re.DOTALL)
    assert set(re.findall(r"`([\w-]+)`", sentence)) == set(PRESETS)


@pytest.mark.parametrize("page", [ROOT / "README.md", *sorted(DOCS.glob("*.md"))], ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        assert target.startswith("https://") or (page.parent / target).exists(), target


# -- the example --


def test_example() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", TILE, re.DOTALL)
    out, names = io.StringIO(), dict[str, Any]()
    with contextlib.redirect_stdout(out):
        exec(code, names)
    assert out.getvalue().splitlines() == re.findall(r"print\(.*\)\s+# ([-\d. ]+):", code)
    config, expected = names["config"], names["expected"]
    layers, given, told = [names["first"], names["second"]], names["inputs"], list[Any]()
    codes = [
        beat
        for one, inputs in zip(layers, given, strict=True)
        for vector in inputs.codes
        for block in vector
        for beat in pass_beats(config, block, one.settings.columns, "")
    ]

    async def host(driver: Driver) -> None:
        told.extend(await names["software"](driver._bus))

    rows = run(config, codes, host)
    events, counters, observed = told
    golden_counters = expected.counters
    assert events == {"done", "swapped"}
    assert observed == (golden_counters.a_min, golden_counters.a_max)
    assert {n: counters[n] for n in ("passes", "columns", "sat_low", "sat_high")} == {
        n: getattr(golden_counters, n) for n in ("passes", "columns", "sat_low", "sat_high")
    }
    wanted = []
    for one, result in zip(layers, expected.layers, strict=True):
        for y in result.y:
            for start in range(0, one.settings.columns, config.array.lanes):
                width = one.settings.width
                slot = [int(c) & (1 << width) - 1 for c in y[start : start + config.array.lanes]]
                wanted.append(sum(c << k * width for k, c in enumerate(slot)))
    assert [rows[k]["m_axis_tdata"] for k in taken(rows, "m_axis")] == wanted
    assert len(set(wanted)) > 8, "the example shows nothing"
