"""Power: by hand from the tables of a small library, sums, and what is said where a tool or a table is missing."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from flows import measure_commands, opensta, power_record
from flows import power as flow
from flows.boolean import Expression
from flows.cells import Cell, Pin
from flows.generate import generate
from flows.library import Library
from flows.opensta import Surroundings
from flows.power import Conditions, power
from flows.power_behaviour import recorded
from flows.power_cells import Behaviour, Watts, dissipate
from flows.power_pins import PINS, CellPins, Pins, parse_pins, question
from flows.power_result import PowerResult
from flows.power_tables import CellEnergy, Dissipation, Table, read_energies
from flows.saif import read_saif
from flows.screen import print_power
from flows.simulate import simulate
from flows.synthesize import Netlist
from flows.target import synthesize_for
from flows.tool import ToolFailed, ToolMissing
from flows.vcd import Activity, Net
from golden import forward
from nmpu_hdl.presets import load, preset
from nmpu_hdl.settings import PassSettings
from tb import test_activity as workload

needs_sta = pytest.mark.skipif(not shutil.which("sta"), reason="needs OpenSTA: apt-get install opensta")
needs_icarus = pytest.mark.skipif(not shutil.which("iverilog"), reason="iverilog is not installed")
SMALL = Path(__file__).parent / "data" / "activity" / "small.lib"
"""Constant energies: INV 2 and 1 fJ for a rise and a fall, leakage 12 and 8 nW; NAND2 from A 4 and 2, from B 6 and 4
fJ, and 0.1 for each fF; DFF 8 and 6 fJ at Q, 3 and 2 at CK, where nothing rises while D differs from Q; 2 V."""
NANGATE = Path(__file__).parents[2] / "shared" / "lib" / "nangate45_typ.lib"
needs_nangate = pytest.mark.skipif(not NANGATE.exists(), reason=f"{NANGATE} is not on this machine")

CHAIN = """
module chain(a, b, clk, y, q);
  input a, b, clk;
  output y, q;
  wire n;
  NAND2_X1 gate (.A(a), .B(b), .Z(n));
  INV_X1 turn (.A(n), .Z(y));
  DFF_X1 hold (.D(n), .CK(clk), .Q(q));
endmodule
"""


def does(rate: float, high: float) -> Behaviour:
    return Behaviour(np.array([rate]), np.array([high]))


def spent(cell: str, behaviour: dict[str, Behaviour], load: float = 0, clock: float = 1e9) -> Watts:
    library = Library.read(SMALL)
    pins = CellPins(paths=["x"], loads={"Z" if cell != "DFF_X1" else "Q": [load]})
    return dissipate(library.cells[cell], read_energies(library, [cell])[cell], pins, behaviour, 2.0, clock)


def test_inverter_by_hand() -> None:
    """1e9 transitions a second into 5 fF at 2 V: half of C V**2 each; 1.5 fJ inside; leakage by the time at 1."""
    watts = spent("INV_X1", {"A": does(1e9, 0.25), "Z": does(1e9, 0.75)}, load=5e-15)
    assert watts.switching == pytest.approx(0.5 * 5e-15 * 2**2 * 1e9)
    assert watts.internal == pytest.approx(1.5e-15 * 1e9)
    assert watts.leakage == pytest.approx(12e-9 * 0.25 + 8e-9 * 0.75)
    assert watts.dynamic == pytest.approx(watts.switching + watts.internal)


def test_nand_by_hand() -> None:
    """An input causes as much as it toggles and the other lets through; energies grow with the load."""
    load = 20e-15  # 2 fJ more for each transition
    only_a = spent("NAND2_X1", {"A": does(1e9, 0.5), "B": does(0, 1), "Z": does(1e9, 0.5)}, load)
    assert only_a.internal == pytest.approx((3 + 2) * 1e-15 * 1e9)
    both = {"A": does(1e9, 0.5), "B": does(1e9, 0.25), "Z": does(5e8, 0.875)}
    from_a, from_b = 0.25, 0.5  # A decides while B is 1
    mean = (from_a * (3 + 2) + from_b * (5 + 2)) / (from_a + from_b)
    assert spent("NAND2_X1", both, load).internal == pytest.approx(mean * 1e-15 * 5e8)
    twice = {name: Behaviour(2 * pin.rate, pin.high) for name, pin in both.items()}
    assert spent("NAND2_X1", twice, load).dynamic == pytest.approx(2 * spent("NAND2_X1", both, load).dynamic)


def test_flip_flop_by_hand() -> None:
    """Q changes in a quarter of the cycles: then CK's rise is in Q's energy, and its fall costs what it costs."""
    clock = does(2e9, 0.5)
    moving = {"D": does(2.5e8, 0.5), "CK": clock, "Q": does(2.5e8, 0.5)}
    expected = 1e9 * (0.75 * 3 + 2) * 1e-15 + 2.5e8 * 7e-15
    assert spent("DFF_X1", moving).internal == pytest.approx(expected)
    resting = {"D": does(0, 1), "CK": clock, "Q": does(0, 1)}
    assert spent("DFF_X1", resting).internal == pytest.approx(1e9 * 5e-15)
    assert spent("DFF_X1", resting).leakage == pytest.approx(40e-9)


@pytest.mark.parametrize(("function", "slew_ps"), [("!A", 40), ("A", 10), ("A ^ B", 25)])
def test_slew_is_that_of_the_edge_that_causes_it(function: str, slew_ps: float) -> None:
    """1 fJ for each ns of slew at a rise of Z; A rises in 10 ps and falls in 40; either may cause it in an XOR."""
    pins = CellPins(paths=["x"], loads={"Z": [0.0]}, rises={"A": [10e-12]}, falls={"A": [40e-12]})
    rise = Table((("input_transition_time", np.array([0, 1e-9])),), np.array([0, 1e-15]))
    energy = CellEnergy((Dissipation("Z", ("A",), None, rise, None),), ())
    inputs = (Pin("A", "input", 1, None), Pin("B", "input", 1, None))
    cell = Cell("X", 1, (*inputs, Pin("Z", "output", 0, Expression.parse(function))), (), False, True)
    behaviour = {"A": does(1e9, 0.5), "B": does(0, 0.5), "Z": does(1e9, 0.5)}
    watts = dissipate(cell, energy, pins, behaviour, 2.0, 1e9)
    assert watts.internal * 1e15 == pytest.approx(0.5 * 1e9 * slew_ps * 1e-3)


def test_clock_pin_by_hand() -> None:
    """1 fF at 2 V, a rise and a fall a cycle, where a port drives it; what a cell drives is in that one's load."""
    library = Library.read(SMALL)
    behaviour = {"D": does(0, 1), "CK": does(2e9, 0.5), "Q": does(0, 1)}
    pins = CellPins(["x", "y"], {"CK": ["clk", "gate/Z"], "D": ["a", "=n"]}, loads={"Q": [0.0, 0.0]})
    both = {name: Behaviour(np.repeat(pin.rate, 2), np.repeat(pin.high, 2)) for name, pin in behaviour.items()}
    energy = read_energies(library, ["DFF_X1"])["DFF_X1"]
    watts = dissipate(library.cells["DFF_X1"], energy, pins, both, 2.0, 1e9)
    assert watts.inputs == pytest.approx([1e-15 * 2**2 * 1e9, 0])
    assert watts.dynamic == pytest.approx(watts.internal + watts.inputs)


def changed(tmp_path: Path, *pairs: tuple[str, str]) -> Library:
    text = SMALL.read_text()
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "changed.lib").write_text(text)
    return Library.read(tmp_path / "changed.lib")


@pytest.mark.parametrize(("said", "watts"), [("1e-3nW", 1e-12), ("10pW", 1e-11), ("1.5 uW", 1.5e-6)])
def test_units_of_leakage(said: str, watts: float, tmp_path: Path) -> None:
    library = changed(tmp_path, ('leakage_power_unit : "1nW"', f'leakage_power_unit : "{said}"'))
    leakage = read_energies(library, ["NAND2_X1"])["NAND2_X1"].leakage
    assert leakage[0].watts == pytest.approx(20 * watts, rel=1e-6, abs=0)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('"1nW"', '"1xW"', "leakage_power_unit '1xW' is not known; a number and one of w, mw"),
        ('leakage_power_unit : "1nW";', "", "INV_X1 has leakage 12, of which no unit is said; leakage_power_unit"),
        ('voltage_unit : "1V"', 'voltage_unit : "1kV"', "voltage_unit '1kV' is not known; a number and one of v, mv"),
        ("value : 12", "value : much", "a leakage of INV_X1 is 'much'; a number would do"),
        ("power_lut_template (energy)", "power_lut_template (other)", "no template: power_lut_template (energy)"),
        ('values ("2, 2", "2, 2")', 'values ("2, 2")', "table of INV_X1 (energy) has 2 values; 4 would do"),
        ('values ("2, 2", "2, 2");', "", "table of INV_X1 (energy) has 0 values; 4 would do"),
        ('index_2 ("0, 100");\n  }\n  power_lut_template (hidden)', "} power_lut_template (hidden)", "no index_2 that"),
        ('index_1 ("0, 1"); }', 'index_1 ("1, 1"); }', "DFF_X1 has no index_1 that rises"),
    ],
)
def test_power_tables_that_cannot_be_used(old: str, new: str, complaint: str, tmp_path: Path) -> None:
    library = changed(tmp_path, (old, new))
    with pytest.raises(ValueError, match=re.escape(complaint)) as caught:
        read_energies(library, ["INV_X1", "DFF_X1"])
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"{library.path}: ")


def test_no_leakage_needs_no_unit(tmp_path: Path) -> None:
    library = changed(tmp_path, ('leakage_power_unit : "1nW";', ""), ("cell_leakage_power : 20", ""))
    assert [leak.watts for leak in read_energies(library, ["NAND2_X1"])["NAND2_X1"].leakage] == [0]


def chain(tmp_path: Path, *extra: str) -> tuple[Pins, str]:
    library = Library.read(SMALL)
    script = opensta.preamble(CHAIN, "chain", tmp_path, library, Surroundings(1000))
    log = opensta.run_script([*script, *extra, question(switching=bool(extra)), "report_power -digits 8"], tmp_path)
    return parse_pins(tmp_path / PINS), log


@needs_sta
def test_pins_of_a_netlist(tmp_path: Path) -> None:
    pins, _ = chain(tmp_path)
    assert set(pins.ports) == {"a", "b", "clk"}
    gate, hold = pins.cells["NAND2_X1"], pins.cells["DFF_X1"]
    assert (gate.paths, dict(gate.drivers), dict(gate.nets)) == (["gate"], {"A": ["a"], "B": ["b"]}, {"Z": ["n"]})
    assert gate.loads["Z"] == pytest.approx([2e-15], rel=1e-4, abs=0), "an inverter and a flip-flop, 1 fF each"
    assert hold.loads["Q"] == pytest.approx([4e-15], rel=1e-4, abs=0), "an output drives four NAND2 inputs"
    assert hold.drivers["CK"] == ["clk"]
    assert set(hold.drivers) == {"D", "CK"}
    text = (tmp_path / PINS).read_text()
    (tmp_path / PINS).write_text(text.replace("done\n", ""))
    with pytest.raises(ValueError, match="cut short"):
        parse_pins(tmp_path / PINS)


@needs_sta
def test_counts_of_a_netlist_by_hand(tmp_path: Path) -> None:
    """100 clocks of 500 ps; the nets' counts as a simulation would give them."""
    pins, _ = chain(tmp_path)
    counts = {"a": 40, "b": 0, "clk": 200, "n": 40, "y": 40, "q": 30}
    nets = {name: Net(toggles, 100e3 if name == "b" else 50e3) for name, toggles in counts.items()}
    names = {"gate/Z": "n", "turn/Z": "y", "hold/Q": "q"}
    library, energies = Library.read(SMALL), read_energies(Library.read(SMALL), pins.cells)
    found = recorded(pins, library, Activity(100e3, nets), names, 100, 500)
    assert found.annotated == 1
    watts = {
        name: dissipate(library.cells[name], energies[name], cell, found.cells[name], 2.0, 2e9)
        for name, cell in pins.cells.items()
    }
    window = 100 * 500e-12
    femtojoules = {name: one.dynamic * window * 1e15 for name, one in watts.items()}
    pin = 0.5 * 1 * 2**2  # a transition of an input on a port, here a and the clock
    assert femtojoules["NAND2_X1"] == pytest.approx(40 * (0.5 * 2 * 4 + 3.2) + 40 * pin, rel=1e-4)
    assert femtojoules["INV_X1"] == pytest.approx(40 * (0.5 * 4 * 4 + 1.5), rel=1e-4)
    held = 100 * (0.7 * 3 + 2) + 30 * (7 + 0.5 * 4 * 4) + 200 * pin
    assert femtojoules["DFF_X1"] == pytest.approx(held, rel=1e-4)
    without = recorded(pins, library, Activity(100e3, {k: v for k, v in nets.items() if k != "y"}), names, 100, 500)
    assert without.annotated == pytest.approx(5 / 6)


@needs_sta
def test_switching_and_supply_are_those_of_opensta(tmp_path: Path) -> None:
    """With the same activity everywhere; its internal power is not compared: it counts two edges a transition."""
    pins, _ = chain(tmp_path, "set_power_activity -global -activity 0.4 -duty 0.5")
    library, energies = Library.read(SMALL), read_energies(Library.read(SMALL), pins.cells)
    for name, cell in pins.cells.items():
        alike = {pin: does(0.4e9, 0.5) for pin in (*cell.drivers, *cell.nets)}
        ours = dissipate(library.cells[name], energies[name], cell, alike, 2.0, 1e9)
        assert ours.switching == pytest.approx(cell.watts, rel=1e-4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("power")
    generate(preset("tiny"), folder)
    return folder


@pytest.fixture(scope="module")
def tiny(folder: Path) -> PowerResult:
    if not (shutil.which("sta") and shutil.which("iverilog")):
        pytest.skip("needs OpenSTA and Icarus")
    return power(folder, preset("tiny"), folder / "power", Conditions(passes=8), library=SMALL)


def test_everything_adds_up(tiny: PowerResult, folder: Path) -> None:
    assert (tiny.method, tiny.simulator, tiny.passes, tiny.columns, tiny.cycles) == ("simulated", "icarus", 8, 64, 32)
    assert tiny.annotated == 1, "every output and every input port has its counts"
    assert PowerResult.model_validate_json((folder / "power" / "result.json").read_text()) == tiny
    dynamic = tiny.sequential_mw + tiny.combinational_mw
    assert dynamic == pytest.approx(tiny.switching_mw + tiny.internal_mw)
    assert tiny.total_mw == pytest.approx(dynamic + tiny.leakage_mw + tiny.macro_mw)
    assert min(tiny.sequential_mw, tiny.combinational_mw, tiny.leakage_mw) > 0
    assert sum(block.mw for block in tiny.blocks) == pytest.approx(tiny.total_mw)
    assert sum(block.leakage_mw for block in tiny.blocks) == pytest.approx(tiny.leakage_mw)
    assert sum(b.energy_per_column_pj for b in tiny.blocks) == pytest.approx(tiny.energy_per_column_pj)
    assert tiny.energy_per_column_pj == pytest.approx(tiny.total_mw * 1e-3 * 32 * tiny.period_ps / 64)
    parts = tiny.dynamic_per_column_pj + tiny.leakage_per_column_pj
    assert parts == pytest.approx(tiny.energy_per_column_pj)
    assert {block.name: block.instances for block in tiny.blocks}["lane"] == 2
    assert (tiny.voltage, tiny.temperature, tiny.conditions, tiny.period_from) == (2, 25, "typical", "timing")
    assert any("glitches" in warning for warning in tiny.warnings)
    assert not any("at rest" in warning or "has leakage" in warning for warning in tiny.warnings)


def test_activity_is_left_for_other_tools(tiny: PowerResult, folder: Path) -> None:
    activity = read_saif(folder / "power" / "sim" / "activity.saif", "nmpu")
    assert activity.nets["clk"] == Net(64, activity.duration / 2)
    assert activity.nets["rst"].toggles == activity.nets["param_en"].toggles == 0, "only passes are in the window"
    assert any(net.toggles for path, net in activity.nets.items() if path.startswith("lane_0/"))
    assert not (folder / "power" / "sim" / "dump.vcd").exists()


@needs_sta
@needs_icarus
def test_twice_the_period_is_half_the_power(tiny: PowerResult, folder: Path) -> None:
    under = Conditions(2 * tiny.period_ps, passes=8, keep=True)
    slow = power(folder, preset("tiny"), folder / "slow", under, library=SMALL)
    assert slow.period_from == "given"
    assert slow.sequential_mw == pytest.approx(tiny.sequential_mw / 2)
    assert slow.combinational_mw == pytest.approx(tiny.combinational_mw / 2)
    assert slow.leakage_mw == pytest.approx(tiny.leakage_mw)
    assert slow.dynamic_per_column_pj == pytest.approx(tiny.dynamic_per_column_pj)
    assert (folder / "slow" / "sim" / "dump.vcd").exists()


@needs_sta
def test_without_a_simulator_it_is_an_estimate(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(*args: Any, **options: Any) -> None:
        raise ToolMissing("iverilog is not installed")

    monkeypatch.setattr(flow, "record", absent)
    under = Conditions(period_ps=100000.0)
    guess = power(folder, preset("tiny"), folder / "guess", under, library=SMALL)
    assert (guess.method, guess.simulator, guess.annotated, guess.cycles, guess.columns) == (
        "vectorless",
        None,
        0,
        4,
        8,
    )
    assert any("iverilog is not installed" in warning for warning in guess.warnings)
    assert any("vectorless" in warning for warning in guess.warnings)
    quiet = power(
        folder, preset("tiny"), folder / "guess", Conditions(1e5, vectorless=True, input_activity=0.02), library=SMALL
    )
    assert quiet.input_activity == 0.02
    assert quiet.switching_mw < guess.switching_mw / 5
    assert quiet.leakage_mw == pytest.approx(guess.leakage_mw)


@needs_sta
def test_the_period_of_a_target(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock of the target where it is met; and the mapping hears of the wires, as that of ``timing`` does."""
    heard: list[Surroundings | None] = []
    made: list[Netlist] = []

    def spy(*args: Any, around: Surroundings | None = None, **options: Any) -> Netlist:
        heard.append(around)
        made.append(synthesize_for(*args, around=around, **options))
        return made[-1]

    monkeypatch.setattr(flow, "synthesize_for", spy)
    under = Conditions(vectorless=True, wires="2")
    easy = power(folder, preset("tiny"), folder / "target", under, library=SMALL, target_ps=50000)
    assert (easy.period_from, easy.period_ps) == ("target", 50000)
    assert [around.wires for around in heard if around] == ["2"]
    words: dict[str, Any] = {"library": SMALL, "netlist": made[0]}
    hard = power(folder, preset("tiny"), folder / "target", under, **words, target_ps=10)
    assert hard.period_from == "timing"
    assert any("ps by OpenSTA, not the target of 10" in warning for warning in hard.warnings)
    given = replace(under, period_ps=60000.0)
    told = power(folder, preset("tiny"), folder / "target", given, **words, target_ps=50000)
    assert (told.period_from, told.period_ps) == ("given", 60000)


@needs_sta
def test_what_is_outside_and_what_the_library_lacks(tmp_path: Path) -> None:
    config = load(preset_name="tiny", settings=["how.memory=external"])
    generate(config, tmp_path)
    text = re.sub(r"leakage_power \(\) \{[^}]*\}|cell_leakage_power : \d+;", "", SMALL.read_text())
    (tmp_path / "dry.lib").write_text(text)
    result = power(tmp_path, config, tmp_path / "power", Conditions(vectorless=True), library=tmp_path / "dry.lib")
    assert result.leakage_mw == 0
    assert "no cell of nmpu_small that is used has leakage: it counts as 0" in result.warnings
    assert any("how.memory = external" in warning for warning in result.warnings)


@needs_sta
@needs_icarus
def test_nets_that_were_not_recorded(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def partly(*args: Any, **options: Any) -> power_record.Recorded:
        seen = power_record.record(*args, **options)
        nets = {path: net for path, net in seen.activity.nets.items() if not path.startswith("sequencer/")}
        return replace(seen, activity=Activity(seen.activity.duration, nets))

    monkeypatch.setattr(flow, "record", partly)
    result = power(folder, preset("tiny"), folder / "part", Conditions(passes=2), library=SMALL)
    assert 0.5 < result.annotated < 1
    print_power(result)
    shown = capsys.readouterr().out
    assert f"note: the simulation has {result.annotated:.1%} of outputs and input ports; the others" in shown


@needs_sta
@needs_icarus
def test_a_period_that_is_too_short_and_a_macro(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = load(preset_name="tiny", settings=["how.memory=macro"])
    generate(config, tmp_path)
    result = power(tmp_path, config, tmp_path / "power", Conditions(10, passes=2), library=SMALL)
    assert any("does not work at 10 ps" in warning for warning in result.warnings)
    assert any("macros" in warning and "not counted" in warning for warning in result.warnings)
    assert (result.macro_mw, result.annotated > 0.9) == (0, True)
    print_power(result)
    shown = capsys.readouterr().out
    assert "nmpu_small, 2 V, 25 C, typical" in shown
    assert "simulated: 2 passes, 16 columns, with icarus" in shown


@needs_sta
def test_the_command(tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(measure_commands.power)
    words = ["--preset", "tiny", "-o", str(tmp_path), "--lib", str(SMALL), "--vectorless", "--activity", "0.1"]
    told = CliRunner().invoke(app, [*words, "--period", "90000", "--json"])
    assert told.exit_code == 0, told.output
    result = PowerResult.model_validate_json(told.stdout)
    assert (result.period_ps, result.input_activity, result.method) == (90000, 0.1, "vectorless")
    shown = CliRunner().invoke(app, words).stdout
    assert "VECTORLESS: an estimate, not from a simulation" in shown


@needs_icarus
def test_a_wrong_netlist_is_not_measured(folder: Path, tmp_path: Path) -> None:
    text = (folder / "nmpu.v").read_text()
    (tmp_path / "wrong.v").write_text(text.replace("$signed(product) >>>", "$signed(product) >>"))
    with pytest.raises(ToolFailed, match="the passes on the netlist failed: pass "):
        power_record.record(
            folder, tmp_path / "sim", tmp_path / "wrong.v", "nmpu", models=[], simulator="icarus", passes=20
        )


@needs_icarus
def test_passes_of_binary16_whose_gains_reach_its_end(tmp_path: Path) -> None:
    words = ["arithmetic.kind=fp16", "codes.format=UQ0.16", "output.format=UQ16.0"]
    config = load(preset_name="tiny", settings=words)
    layers = [workload.layer(config, np.random.default_rng(seed)) for seed in range(20)]
    assert max(made.params.scales.max() for made in layers) == 0x7BFF, "the largest finite number"
    generate(config, tmp_path)
    options: dict[str, Any] = {"simulator": "icarus", "bench": "tb.test_activity", "plusargs": ["+passes=3"]}
    assert not simulate(tmp_path, tmp_path / "sim", **options).failures


@needs_icarus
def test_passes_of_every_core(tmp_path: Path) -> None:
    config = preset("wide")
    generate(config, tmp_path)
    words: dict[str, Any] = {"simulator": "icarus", "bench": "tb.test_activity", "plusargs": ["+passes=3"]}
    result = simulate(tmp_path, tmp_path / "sim", **words)
    assert not result.failures, result.failures[0]
    assert result.columns_checked == 4 * config.array.columns


@pytest.mark.parametrize("name", ["tiny", "paper", "wide", "fp16-ldpu"])
def test_results_fill_the_range_and_rarely_leave_it(name: str) -> None:
    config, rng = preset(name), np.random.default_rng(1)
    made, out = workload.layer(config, rng), config.output.format
    settings = workload.with_shifts(config, PassSettings.of(config), made)
    codes = workload.codes(config, rng, 64).reshape(64, config.array.columns, -1).transpose(0, 2, 1)
    y = forward(config, codes, made.params, settings).y
    assert np.mean((y == out.low) | (y == out.high)) < 0.05
    assert np.mean(np.abs(y) > out.high / 4) > 0.1
    assert abs(np.mean(np.sign(y))) < 0.2
    smaller = np.sort(codes, axis=1)[:, 0] if config.codes.counts == 2 else np.zeros(1)
    assert np.quantile(smaller, 0.9) <= 0.1 * config.codes.format.high


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"passes": 0}, "passes = 0"),
        ({"input_activity": 3.0}, "activity = 3 is outside 0..2"),
        ({"period_ps": 0.0}, "period = 0 ps"),
    ],
)
def test_conditions_that_make_no_sense(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Conditions(**options)


@needs_sta
def test_a_library_without_power_tables(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"^nmpu_neutral has no power tables \(internal_power\); --lib") as caught:
        power(folder, preset("tiny"), folder / "none", Conditions())
    assert "\n" not in str(caught.value)


def test_without_opensta(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.tool.find", lambda tool: None)
    with pytest.raises(ToolMissing, match=r"^sta is not installed; get it with: apt-get install opensta$"):
        power(folder, preset("tiny"), folder / "none", Conditions(), library=SMALL)


@needs_nangate
def test_tables_of_a_real_library() -> None:
    """NAND2_X1, A1 to ZN, at the table's own points: slew 0.00117378 ns, load 0.365616 fF: 0.212994 fJ."""
    energy = read_energies(Library.read(NANGATE), ["NAND2_X1"])["NAND2_X1"]
    fall = next(d.fall for d in energy.internal if d.related == ("A1",))
    assert fall
    at = fall.look_up(np.array([1.17378e-12, 1.17378e-12]), np.array([0.365616e-15, (0.365616 + 1.8549) / 2 * 1e-15]))
    assert at * 1e15 == pytest.approx([0.212994, (0.212994 + 0.234417) / 2])
    assert sum(leak.watts for leak in energy.leakage if leak.when is None) == pytest.approx(17.39336e-9)
