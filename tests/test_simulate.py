"""The regression on emitted Verilog, and what is said when it cannot run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flows.gates import simulate_gates
from flows.generate import MACROS, generate
from flows.lint import lint, parse
from flows.simulate import SimResult, parse_results, simulate
from flows.tool import ToolFailed, ToolMissing, find
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.presets import build, load, preset
from tb.packing import NotBinaryError, fields, lane_mask, words
from tb.pins import Resolver, encode
from tb.stimulus import Stimulus
from tests.draw import draw_config

needs_icarus = pytest.mark.skipif(
    find("iverilog") is None, reason="iverilog is not installed (apt-get install iverilog)"
)

RICH: dict[str, Any] = {
    "name": "rich",
    "array": {"columns": 12, "lanes": 4},
    "codes": {"counts": 1, "format": "SQ6.2"},
    "scale": {"format": "SQ2.5"},
    "shift": {"min": -3, "max": 9, "granularity": "column"},
    "offset": {"format": "SQ6.3", "max_shift": 7},
    "guard": 4,
    "norm": {"kind": "affine"},
    "rounding": {"modes": ["half_even", "floor", "half_up", "half_away"]},
    "activation": {"modes": ["leaky", "none", "relu", "clip"]},
    "output": {"format": "UQ6.0"},
    "how": {"stages": 3, "memory": "external"},
}
WRAP: dict[str, Any] = {
    "name": "wrap",
    "array": {"columns": 6, "lanes": 3},
    "shift": {"min": 2, "max": 5},
    "rounding": {"modes": ["floor", "half_away"]},
    "activation": {"modes": ["clip", "relu"]},
    "output": {"format": "SQ5.0", "overflow": "wrap"},
    "how": {"stages": 2},
}
ONE: dict[str, Any] = {
    "name": "one",
    "array": {"columns": 1, "lanes": 1},
    "activation": {"modes": "relu"},
    "how": {"stages": 4},
}
PINLESS: dict[str, Any] = {
    "name": "pinless",
    "array": {"columns": 5, "lanes": 1},
    "shift": {"min": 1, "max": 1, "granularity": "fixed"},
    "activation": {"modes": "relu"},
    "how": {"memory": "external"},
}


def check(result: SimResult) -> None:
    assert not result.failures, result.failures[0]
    assert result.failed == 0
    assert result.passed == result.tests >= 11
    assert result.columns_checked > 5000
    assert result.soak_columns
    assert result.columns_per_second


def simulated(config: NmpuConfig, folder: Path, **options: Any) -> SimResult:
    generate(config, folder)
    return simulate(folder, folder / "sim", **options)


def test_tiny_on_verilator_with_waves(tmp_path: Path) -> None:
    try:
        result = simulated(preset("tiny"), tmp_path, waves=True)
    except ToolMissing as missing:
        pytest.skip(str(missing))
    check(result)
    assert result.waves
    assert result.waves.stat().st_size > 10_000
    stored = json.loads((tmp_path / "sim" / "result.json").read_text())
    assert stored["columns_checked"] == result.columns_checked


def test_rich_on_verilator(runtime: Path, tmp_path: Path) -> None:
    check(simulated(build(RICH), tmp_path, runtime=runtime))


@needs_icarus
@pytest.mark.parametrize("fields_", [WRAP, ONE, PINLESS, RICH], ids=lambda f: f["name"])
def test_configuration_on_icarus(fields_: dict[str, Any], tmp_path: Path) -> None:
    check(simulated(build(fields_), tmp_path, simulator="icarus", soak=512))


@needs_icarus
def test_tiny_on_icarus_with_waves(tmp_path: Path) -> None:
    result = simulated(preset("tiny"), tmp_path, simulator="icarus", waves=True)
    check(result)
    assert result.waves
    assert result.waves.stat().st_size > 10_000


@needs_icarus
def test_macro_on_icarus(tmp_path: Path) -> None:
    """Beside the design, and beside a netlist, in which macros are black boxes too."""
    check(simulated(load(preset_name="tiny", settings=["how.memory=macro"]), tmp_path, simulator="icarus"))
    check(simulate_gates(tmp_path, tmp_path / "gates", simulator="icarus"))
    (tmp_path / MACROS).unlink()
    with pytest.raises(FileNotFoundError, match=r"macros\.v is not there; generate it first$"):
        simulate(tmp_path, tmp_path / "sim", simulator="icarus")


@needs_icarus
@pytest.mark.parametrize("seed", range(5))
def test_drawn_configuration_on_icarus(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng([2, seed])
    config = draw_config(rng, int(rng.integers(1, 4)), int(rng.integers(1, 4)))
    check(simulated(config, tmp_path, simulator="icarus", seed=seed, soak=512))


@needs_icarus
def test_equal_seeds_check_equal_columns(tmp_path: Path) -> None:
    generate(preset("tiny"), tmp_path)
    seen = [
        simulate(tmp_path, tmp_path / name, simulator="icarus", seed=seed, tests=["any_settings"]).columns_checked
        for name, seed in (("a", 7), ("b", 7), ("c", 8))
    ]
    assert seen[0] == seen[1] != seen[2]


@needs_icarus
def test_failure_names_pass_slot_lane_and_operands(tmp_path: Path) -> None:
    generate(preset("tiny"), tmp_path)
    text = (tmp_path / "nmpu.v").read_text()
    wrong = tmp_path / "wrong.v"
    wrong.write_text(text.replace("$signed(product) >>>", "$signed(product) >>"))
    result = simulate(tmp_path, tmp_path / "sim", simulator="icarus", netlist=wrong, max_failures=1)
    assert (result.failed, result.passed) == (1, result.tests - 1)
    message = result.failures[0].message
    for part in ("pass ", "slot ", "lane ", "codes [", "'scale_p': ", "shift=", "expected y = ", "got y = "):
        assert part in message


@needs_icarus
def test_no_test_is_an_error(tmp_path: Path) -> None:
    generate(preset("tiny"), tmp_path)
    with pytest.raises(ToolFailed, match="no test"):
        simulate(tmp_path, tmp_path / "sim", simulator="icarus", tests=["no_such_test"])


def test_results_without_a_test_are_an_error(tmp_path: Path) -> None:
    log, results = tmp_path / "log", tmp_path / "results.xml"
    log.write_text("")
    with pytest.raises(ToolFailed, match="ended without results"):
        parse_results(results, log)
    results.write_text("<testsuites><testsuite/></testsuites>")
    with pytest.raises(ToolFailed, match="ran no test"):
        parse_results(results, log)
    results.write_text("<testsuites><testsuite>")
    with pytest.raises(ToolFailed, match=r"half a results\.xml"):
        parse_results(results, log)


def test_missing_compiler_is_one_line_before_anything_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generate(preset("tiny"), tmp_path / "build")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolMissing) as caught:
        simulate(tmp_path / "build", tmp_path / "sim")
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("g++, make, perl are not installed; get it with: apt-get install g++")
    assert not (tmp_path / "sim").exists()


def test_missing_design(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"config\.json is not there; generate it first$"):
        simulate(tmp_path, tmp_path / "sim")


def test_space_in_the_path_is_refused(tmp_path: Path) -> None:
    generate(preset("tiny"), tmp_path)
    with pytest.raises(ValueError, match="has a space in its path"):
        simulate(tmp_path, tmp_path / "a b")


@needs_icarus
def test_odd_folders_do_not_disturb_icarus(tmp_path: Path) -> None:
    result = simulated(preset("tiny"), tmp_path / "a'b \"c;#:d", simulator="icarus", waves=True, tests=["any_settings"])
    assert result.passed == 1


def test_odd_folders_do_not_disturb_verilator(runtime: Path, tmp_path: Path) -> None:
    result = simulated(preset("tiny"), tmp_path / "a'b\"c;#:$d", tests=["any_settings"], runtime=runtime)
    assert result.passed == 1


def test_odd_file_is_refused_before_anything_starts(tmp_path: Path) -> None:
    generate(preset("tiny"), tmp_path)
    odd = (tmp_path / "nmpu.v").rename(tmp_path / "a#b.v")
    with pytest.raises(ValueError, match=r"^the file '\.\./a#b\.v' has '#' in its path, which Verilator cannot take"):
        simulate(tmp_path, tmp_path / "sim", netlist=odd)
    assert not (tmp_path / "sim").exists()


@pytest.mark.skipif(find("verilator") is None or find("perl") is None, reason="needs Verilator and Perl")
@pytest.mark.parametrize("name", ["a:b", 'a"b', "a b'c;#$"])
def test_lint_warns_in_any_folder(name: str, tmp_path: Path) -> None:
    source = tmp_path / name / "t.v"
    source.parent.mkdir()
    source.write_text("module nmpu(output z);\n  wire never;\n  assign z = never;\nendmodule\n")
    result = lint(source, source.parent / "lint")
    assert [(w.file, w.rule, w.line) for w in result.warnings] == [(str(source), "UNDRIVEN", 2)]
    if '"' in name:
        with pytest.raises(ValueError, match=r"has '\"' in its path, which Verilator cannot take"):
            lint(source, tmp_path / "lint")


def test_lint_parses_names_with_colons() -> None:
    found = parse("%Warning-LATCH: a:1:2/b.v:12:3: Latch inferred: x:1:2: y\n")
    assert [(w.file, w.line, w.message) for w in found] == [("a:1:2/b.v", 12, "Latch inferred: x:1:2: y")]


@pytest.mark.parametrize(("width", "signed"), [(1, False), (5, True), (8, False), (8, True), (13, False), (16, True)])
def test_packing_there_and_back(width: int, signed: bool) -> None:
    rng = np.random.default_rng(width)
    low = -(1 << (width - 1)) if signed else 0
    values = rng.integers(low, low + (1 << width), (9, 7))
    bits = 7 * width
    texts = [f"{word:0{bits + 3}b}" for word in words(values, width)]
    assert (fields(texts, 7, width, signed) == values).all()
    first = sum((int(v) & ((1 << width) - 1)) << (k * width) for k, v in enumerate(values[0]))
    assert words(values, width)[0] == first


def test_packing_tells_of_x_and_padding() -> None:
    with pytest.raises(NotBinaryError) as caught:
        fields(["0000", "0X00"], 2, 2, False)
    assert caught.value.index == 1
    with pytest.raises(AssertionError, match="word 0 has padding that is not 0"):
        fields(["1000"], 1, 3, False)
    assert lane_mask(0b101, 3, 4) == 0xF0F


def test_resolver_reads_what_encode_writes_and_survives_the_rest() -> None:
    rng = np.random.default_rng(3)
    for _ in range(40):
        config = draw_config(rng)
        resolve = Resolver(config)
        make = Stimulus(config, rng)
        settings = make.settings()
        assert encode(config, resolve(encode(config, settings))) == encode(config, settings)
        for _ in range(20):
            resolve(make.any_pins())
