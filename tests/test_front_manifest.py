"""What the manifest, the report and the layout say of a front end; the clocks of a pass, against the hardware."""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from amaranth.sim import Simulator

import golden
from flows.accuracy import accuracy
from flows.compare import compare
from flows.generate import generate
from flows.layout.place_pins import core_sides
from flows.power import Conditions
from flows.report import report
from flows.simulate import simulate
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.front_settings import FrontSettings
from nmpu_hdl.front_usual import pass_clocks, usual_front
from nmpu_hdl.ports import top_ports
from nmpu_hdl.presets import load, preset
from nmpu_hdl.settings import PassSettings
from nmpu_hdl.top import Nmpu
from nmpu_hdl.verilog import manifest
from tb import test_activity as workload
from tb.pins import encode
from tb.raw import draw_raw, raw_words
from tests.draw import draw_params
from tests.test_front_end import configured

PRESETS = ("imce", "xnor", "stox")
SERIAL = ("how.architecture=serial", "shift.max=3")


def clocks(config: NmpuConfig) -> int:
    """From the edge that takes the first beat of a pass to the one that finds its last result, both included."""
    rng, dut, seen = np.random.default_rng(1), Nmpu(config), list[int]()
    front = FrontSettings.of(config)
    settings = PassSettings.of(config, shift=config.shift.max, front=front)
    beats = raw_words(rng, config, draw_raw(rng, config, front, config.array.columns), front)

    async def bench(ctx: Any) -> None:
        for slot, word in enumerate(golden.pack(config, draw_params(rng, config))):
            for name, value in {"en": 1, "we": -1, "addr": slot, "wdata": word}.items():
                ctx.set(getattr(dut, f"param_{name}"), value)
            await ctx.tick()
        ctx.set(dut.param_en, 0)
        await ctx.tick().repeat(4 * config.derived.walk)
        for name, value in encode(config, settings).items():
            ctx.set(getattr(dut, name), value)
        ctx.set(dut.m_axis_tready, 1)
        count = taken = last = 0
        while not last:
            ctx.set(dut.s_axis_tvalid, taken < len(beats))
            ctx.set(dut.s_axis_tdata, beats[min(taken, len(beats) - 1)])
            ctx.set(dut.s_axis_tlast, taken == len(beats) - 1)
            *_, ready, valid, ends = await ctx.tick().sample(dut.s_axis_tready, dut.m_axis_tvalid, dut.m_axis_tlast)
            count, taken, last = count + 1, taken + ready, valid & ends
        seen.append(count)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        simulator = Simulator(dut)
    simulator.add_clock(1e-9)
    simulator.add_testbench(bench)
    simulator.run_until(1e-6)
    return seen[0]


@pytest.mark.parametrize("stages", [1, 2])
@pytest.mark.parametrize("how", [(), SERIAL, ("how.built=1", "how.stages=2"), ("array.columns=2", "how.stages=3")])
@pytest.mark.parametrize("name", ["slices", "slices_beside", "samples", "samples_one"])
def test_clocks_of_a_pass(name: str, how: tuple[str, ...], stages: int) -> None:
    config = configured(name, *how, f"how.front_stages={stages}")
    assert clocks(config) == config.derived.pass_cycles(config.array.columns)


@pytest.mark.parametrize("name", PRESETS)
def test_what_a_beat_carries(name: str) -> None:
    config = preset(name)
    told = manifest(config)
    front, widths = told["front_end"], {port["name"]: port["width"] for port in told["ports"]}
    beat = front["beat"]
    ends = [field["lsb"] + field["width"] for field in beat["fields"]]
    assert [field["lsb"] for field in beat["fields"]] == [0, *ends[:-1]]
    assert ends[-1] == beat["lane_bits"]
    assert beat["bits"] <= widths["s_axis_tdata"] < beat["bits"] + 8
    assert front["steps"] == FrontSettings.of(config).steps(config)
    assert {setting["port"] for setting in front["settings"]} <= widths.keys()
    assert all(setting["most"] < 1 << widths[setting["port"]] for setting in front["settings"])
    low, high = front["operand"]["low"], front["operand"]["high"]
    assert (low, high) == (config.derived.operand.low, config.derived.operand.high)


def test_fields_of_slices_and_of_a_reference() -> None:
    config = load(settings=["codes.source=slices", "front.beside=2", "codes.format=SQ6.0"])
    front = manifest(config)["front_end"]
    assert [(f["name"], f["lsb"], f["signed"]) for f in front["beat"]["fields"]] == [
        ("p_0", 0, True),
        ("p_1", 6, True),
        ("n_0", 12, True),
        ("n_1", 18, True),
    ]
    assert front["beat"]["reference"] is None
    imce = preset("imce")
    assert manifest(imce)["front_end"]["beat"]["reference"] == {"lsb": 9 * imce.array.lanes, "width": 9}
    assert manifest(imce)["streams"]["code_width"] == 9
    assert manifest(preset("stox"))["streams"]["code_width"] == 1
    assert "front_end" not in manifest(preset("paper"))


def test_report(tmp_path: Path) -> None:
    generate(load(preset_name="imce", settings=["array.columns=4", "array.lanes=2"]), tmp_path)
    text = report(tmp_path).read_text()
    assert "a front end for planes, which gives operands in SQ27.0," in text
    assert "| a beat | 27 bits, 9 a lane: count 9 bits; behind the lanes the sum of activations, 9 bits |" in text
    assert "| beats a slot, at the largest settings | 64 |" in text
    assert "| `cfg_zero` | 0..255 |" in text
    generate(load(preset_name="tiny"), tmp_path)
    assert "Front end" not in report(tmp_path).read_text()


@pytest.mark.parametrize("name", PRESETS)
def test_errors_of_operands(name: str) -> None:
    """Rounding alone has 0.29 LSB; operands of both signs reach the output's range."""
    found = accuracy(preset(name), columns=16, vectors=64)
    assert 0.5 <= found.worst < 2
    assert 0.15 < found.rms < 0.4


def test_pins_of_all_bits_of_a_beat() -> None:
    config = load(preset_name="imce", settings=["array.columns=4", "array.lanes=2"])
    bits = [f"s_axis_tdata[{k}]" for k in range(config.derived.front_end.beat_bits)]
    assert core_sides(config).bottom == tuple(bits)
    width = next(port.width for port in top_ports(config) if port.name == "s_axis_tdata")
    assert len(bits) == 27 < width


def test_binary16_has_no_front_end(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^codes.source = samples: binary16 has no front end .*; counts would do"):
        compare(preset("stox"), tmp_path, print)


@pytest.mark.parametrize(("name", "steps", "subarrays"), [("imce", 64, 1), ("xnor", 16, 16), ("stox", 256, 1)])
def test_passes_whose_power_is_measured(name: str, steps: int, subarrays: int) -> None:
    config = preset(name)
    settings = usual_front(config)
    settings.check(config)
    assert (settings.steps(config), settings.subarrays) == (steps, subarrays)
    assert pass_clocks(config) == config.array.slots * steps
    assert Conditions().passes_of(config) == -(-128 // pass_clocks(config))


@pytest.mark.skipif(not shutil.which("iverilog"), reason="iverilog is not installed")
@pytest.mark.parametrize("name", ["planes_zero", "samples_all"])
def test_the_workload_runs(name: str, tmp_path: Path) -> None:
    """Every result of the passes is compared; the window has as many clocks as its passes take."""
    config = configured(name)
    generate(config, tmp_path)
    words: dict[str, Any] = {"simulator": "icarus", "bench": "tb.test_activity", "plusargs": ["+passes=2"]}
    result = simulate(tmp_path, tmp_path / "sim", **words)
    assert not result.failures, result.failures[0]
    assert result.columns_checked == 3 * config.array.columns
    window = json.loads((tmp_path / "sim" / "window.json").read_text())
    assert window["columns"] == 2 * config.array.columns
    assert (window["end_ps"] - window["start_ps"]) % (2 * pass_clocks(config)) == 0


def test_clocks_between_passes_without_a_front_end() -> None:
    config = load(settings=["how.built=16"])
    assert pass_clocks(config) == 16
    assert Conditions().passes_of(config) == 8


@pytest.mark.parametrize("name", [*PRESETS, "paper"])
def test_the_workload_fills_the_range(name: str) -> None:
    """Results of what is drawn reach at least half of the output's range, and few leave it."""
    slices = ["codes.source=slices", "front.x_planes=3", "front.w_planes=2"] if name == "paper" else []
    config = load(preset_name=name, settings=[*slices, "array.columns=16", "array.lanes=4"])
    rng, front = np.random.default_rng(3), usual_front(config)
    raws = [workload.raw(config, rng, front) for _ in range(4)]
    made = workload.layer(config, rng, workload.reached(config, raws, front))
    settings = workload.with_shifts(config, PassSettings.of(config, front=front), made)
    operands = np.concatenate([raw.operands(config, front) for raw in raws])
    found = golden.forward(config, operands, made.params, settings)
    assert np.abs(found.y).max() > config.output.format.high / 2
    assert (found.low | found.high).mean() < 0.1
