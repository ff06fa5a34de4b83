"""Macros: which are needed, how they are sized, and that their Verilog and Liberty are what the memories expect."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from amaranth.back import rtlil
from amaranth.lib import wiring

from flows.lint import lint
from flows.macros import behavioural, liberty, match, parse_macro, stub
from flows.yosys import run_script
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.macros import Macro, coded_bits, macros
from nmpu_hdl.modules import ModuleLibrary
from nmpu_hdl.parameters import Parameters
from nmpu_hdl.presets import load
from nmpu_hdl.storage import OnePort, TwoPort
from nmpu_hdl.sums import Sums

from .test_storage import OneMirror, TwoMirror, one_port_clocks, two_port_clocks

TILE = ["tile.kind=axi", "how.stages=2", "tile.sets=3", "tile.table=4", "tile.protect=secded"]
MACROS = [Macro("one", 5, 12, 3), Macro("plain", 6, 32), Macro("bit", 1, 1), Macro("two", 5, 9, ports=2)]
needs_icarus = pytest.mark.skipif(not shutil.which("iverilog"), reason="needs Icarus Verilog")


def configuration(*more: str) -> NmpuConfig:
    return load(preset_name="tiny", settings=[*TILE, "how.memory=macro", *more])


def verilog(make: Callable[[], wiring.Component], work: Path) -> str:
    """A component as the generator emits it, but as Yosys writes it."""
    library = ModuleLibrary()
    texts = [rtlil.convert(make(), name="dut", platform=library, emit_src=False)]
    while len(texts) <= len(library.components):
        name, component = list(library.components.items())[len(texts) - 1]
        texts.append(rtlil.convert(component, name=name, platform=library, emit_src=False))
    work.mkdir(exist_ok=True)
    (work / "dut.il").write_text("\n".join(texts))
    commands = ["read_rtlil dut.il", "proc -noopt", "setattr -unset init w:*", "delete t:$meminit*", "opt_clean"]
    run_script([*commands, "memory_collect", "write_verilog -noattr dut.v"], work, ["dut.v"])
    return (work / "dut.v").read_text()


def test_those_of_a_tile() -> None:
    config = configuration()
    derived, lanes = config.derived, config.array.lanes
    params, sums, table, descriptors = macros(config)
    assert params == Macro(
        "params", 3 * config.array.slots, lanes * coded_bits("secded", derived.param_width), lanes, 1
    )
    assert sums == Macro("sums", config.array.slots, lanes * coded_bits("secded", derived.total.width), 1, 2)
    assert table == Macro("table", 32, config.output.format.width, 1, 2)
    assert (descriptors.bits, descriptors.words % config.tile.descriptors) == (32, 0)
    assert [m.name for m in macros(configuration("tile.table=0"))] == ["params", "sums", "descriptors"]


def test_those_of_the_core() -> None:
    config = load(preset_name="tiny", settings=["how.memory=macro"])
    lanes = config.array.lanes
    assert macros(config) == (Macro("params", config.array.slots, lanes * config.derived.param_width, lanes),)
    assert macros(load(preset_name="tiny")) == ()


@pytest.mark.parametrize("component", [Parameters, Sums])
def test_a_memory_is_one_box_of_that_size(component: Any, tmp_path: Path) -> None:
    config = configuration()
    text = verilog(lambda: component(config), tmp_path / "emit")
    needed = {m.module: m for m in macros(config)}
    (module,) = [name for name in needed if f" {name} " in text]
    assert text.count(f" {module} ") == 1
    assert "reg [" not in text or " [0:" not in text, "no array is left"
    (tmp_path / "all.v").write_text(text + behavioural(needed[module]))
    result = lint(tmp_path / "all.v", tmp_path / "lint", top="dut")
    assert result.clean, result.warnings
    (tmp_path / "box.v").write_text(text + stub(needed[module]))
    run_script(["read_verilog ../box.v", "hierarchy -check -top dut", "write_verilog o"], tmp_path / "ys", ["o"])


@pytest.mark.parametrize("memory", ["internal", "macro"])
@pytest.mark.parametrize("protect", ["none", "parity", "secded"])
@pytest.mark.parametrize("component", [Parameters, Sums])
def test_lint(component: Any, protect: str, memory: str, tmp_path: Path) -> None:
    """Also with one slot, where addresses have no bits that count."""
    config = configuration("array.columns=1", "array.lanes=1", f"tile.protect={protect}", f"how.memory={memory}")
    text = verilog(lambda: component(config), tmp_path / "emit") + "".join(map(behavioural, macros(config)[:2]))
    (tmp_path / "all.v").write_text("/* verilator lint_off MULTITOP */\n" + text)
    result = lint(tmp_path / "all.v", tmp_path / "lint", top="dut")
    assert result.clean, result.warnings


def bench(inputs: Sequence[tuple[str, int]], clocks: Sequence[Sequence[int]], output: int) -> str:
    """A test bench that prints ``rdata`` in bits after every clock; X where it is not known."""
    lines = ["module bench;", "  reg clk = 0;", f"  wire [{output - 1}:0] rdata;"]
    lines += [f"  reg [{width - 1}:0] {name};" for name, width in inputs]
    ports = ", ".join(f".{name}({name})" for name in ("clk", "rdata", *(name for name, _ in inputs)))
    lines += [f"  dut dut({ports});", "  initial begin"]
    for clock in clocks:
        sets = " ".join(f"{name} = {width}'d{value};" for (name, width), value in zip(inputs, clock, strict=True))
        lines.append(f'    {sets} #1 clk = 1; #1 clk = 0; $display("%b", rdata);')
    return "\n".join([*lines, "  end", "endmodule", ""])


def icarus(text: str, work: Path) -> list[str]:
    (work / "all.v").write_text(text)
    subprocess.run(["iverilog", "-g2005", "-o", "all", "-s", "bench", "all.v"], cwd=work, check=True)
    done = subprocess.run(["vvp", "all"], cwd=work, check=True, capture_output=True, text=True)
    return done.stdout.split()


@needs_icarus
@pytest.mark.parametrize(("words", "width", "lanes"), [(5, 4, 3), (6, 32, 1), (1, 1, 1), (8, 3, 70)])
def test_one_port_macro_is_the_memory(words: int, width: int, lanes: int, tmp_path: Path) -> None:
    """Defined and undefined bits alike are those of the mirror that the arrays were compared with."""
    dut = OnePort("one", words, width, lanes, "macro")
    clocks = list(one_port_clocks(np.random.default_rng(1), words, width, lanes, 300))
    inputs = [("en", 1), ("we", lanes), ("addr", dut.macro.address), ("wdata", lanes * width)]
    text = verilog(lambda: dut, tmp_path / "emit") + behavioural(dut.macro) + bench(inputs, clocks, lanes * width)
    mirror = OneMirror(lanes, width)
    for clock, got in zip(clocks, icarus(text, tmp_path), strict=True):
        mirror.clock(*clock)
        words_shown = mirror.rdata or [None] * lanes
        assert got == "".join("x" * width if w is None else f"{w:0{width}b}" for w in reversed(words_shown))


@needs_icarus
def test_two_port_macro_is_the_memory(tmp_path: Path) -> None:
    dut = TwoPort("two", 3, 4, 2, "macro")
    clocks = list(two_port_clocks(np.random.default_rng(1), 3, 8, 300))
    inputs = [("read_en", 1), ("read_addr", 2), ("write_en", 1), ("write_addr", 2), ("wdata", 8)]
    text = verilog(lambda: dut, tmp_path / "emit") + behavioural(dut.macro) + bench(inputs, clocks, 8)
    mirror = TwoMirror()
    for clock, got in zip(clocks, icarus(text, tmp_path), strict=True):
        mirror.clock(*clock)
        assert got == ("x" * 8 if mirror.rdata is None else f"{mirror.rdata:08b}")


@pytest.mark.parametrize("macro", MACROS, ids=lambda macro: macro.name)
def test_verilog_is_clean(macro: Macro, tmp_path: Path) -> None:
    (tmp_path / "macro.v").write_text(behavioural(macro))
    result = lint(tmp_path / "macro.v", tmp_path / "lint", top=macro.module)
    assert result.clean, result.warnings


@pytest.mark.parametrize("macro", MACROS, ids=lambda macro: macro.name)
def test_liberty_and_stub_are_the_same_box(macro: Macro, tmp_path: Path) -> None:
    """Yosys reads both, with the same ports; our reader finds the area."""
    (tmp_path / "macro.lib").write_text(liberty(macro, 1234.5))
    (tmp_path / "macro.v").write_text(stub(macro))
    for read in ("read_liberty -lib macro.lib", "read_verilog macro.v"):
        run_script(
            [read, f"select -assert-count {len(macro.pins)} ={macro.module}/x:*", "write_verilog -blackboxes out.v"],
            tmp_path,
            ["out.v"],
        )
        text = (tmp_path / "out.v").read_text()
        for pin in macro.pins:
            size = f"[{pin.width - 1}:0] " if pin.width > 1 else ""
            assert f"{pin.flow}put {size}{pin.name};" in text


def test_sizes() -> None:
    sized = parse_macro("params:64:1664:21e3")
    assert (sized.name, sized.words, sized.bits, sized.area) == ("params", 64, 1664, 21000.0)
    needed = (Macro("params", 60, 1664, 64), Macro("sums", 4, 100, ports=2))
    assert match([sized], needed) == {"nmpu_macro_params": sized}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("params:64:1664", "--macro 'params:64:1664' is not name:words:bits:area, such as params:64:1664:21000"),
        (":1:1:1", "--macro ':1:1:1' is not name:words:bits:area, such as params:64:1664:21000"),
        ("a:0:8:5", "--macro 'a:0:8:5': words = '0' is not a whole number from 1"),
        ("a:4:8.0:5", "--macro 'a:4:8.0:5': bits = '8.0' is not a whole number from 1"),
        ("a:4:8:0", "--macro 'a:4:8:0': area = '0' is not a number of um2 above 0"),
        ("a:4:8:inf", "--macro 'a:4:8:inf': area = 'inf' is not a number of um2 above 0"),
        ("a:4:8:nan", "--macro 'a:4:8:nan': area = 'nan' is not a number of um2 above 0"),
        ("a:4:8:big", "--macro 'a:4:8:big': area = 'big' is not a number of um2 above 0"),
    ],
)
def test_sizes_that_are_none(text: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        parse_macro(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (
            ["table:4:8:5"],
            "--macro table: no such macro is needed, but params (60 words of 1664 bits), sums (4 words of 100 bits)",
        ),
        (
            ["params:59:1664:5"],
            "--macro params: 59 words of 1664 bits are too small; 60 words of 1664 bits are needed",
        ),
        (["sums:4:99:5"], "--macro sums: 4 words of 99 bits are too small; 4 words of 100 bits are needed"),
        (["sums:4:100:5", "sums:4:100:6"], "--macro sums is given twice; once is enough"),
    ],
)
def test_sizes_that_do_not_fit(texts: list[str], message: str) -> None:
    needed = (Macro("params", 60, 1664, 64), Macro("sums", 4, 100, ports=2))
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        match([parse_macro(text) for text in texts], needed)
    assert str(caught.value) == message


def test_sizes_where_none_is_needed() -> None:
    with pytest.raises(ValueError, match=r"^--macro a: no such macro is needed, but none is; how\.memory = macro"):
        match([parse_macro("a:4:8:5")], ())
