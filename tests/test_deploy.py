"""The whole path of a network: files, report, and layers on the generated Verilog; random results of all layers."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from flows.calibrate_image import bus_hex, params_hex
from flows.cli import app
from flows.deploy.files import FILES, descriptor_hex
from flows.deploy.result import Deployment
from flows.deploy.step import Asked, deploy_network, render
from flows.evaluate import verilog
from flows.evaluate.inputs import Inputs, save_inputs
from flows.evaluate.step import Asked as Evaluated
from flows.evaluate.verilog import Replayed
from flows.evaluate.work import How, deployed
from flows.lint import LintResult
from flows.networks.digits import digits
from flows.networks.plain import save_plain
from flows.networks.train import Schedule
from flows.optimize.cost import Mapper, mapped
from flows.optimize.on_network import OnNetwork
from golden import Analog, block_params
from golden.network import Deployed
from nmpu_hdl.presets import load
from nmpu_hdl.program import decode

from . import small_evaluation as small

DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No chart, which takes longest."""
    monkeypatch.setattr("flows.evaluate.step.chart", lambda result: None)


@pytest.fixture(scope="module")
def inputs() -> Inputs:
    return small.inputs()


@pytest.fixture(scope="module")
def unit(inputs: Inputs, tmp_path_factory: pytest.TempPathFactory) -> Deployed:
    kept = save_inputs(inputs, tmp_path_factory.mktemp("inputs"))
    return deployed(kept, How(small.config()), 1)


def shown(chosen: verilog.Program, **words: Any) -> Replayed:
    given = {"stages": chosen.stages, "results": 7, "codes": 70, "columns": 7, "beats": 9, "seconds": 1.0}
    return Replayed.model_validate({**given, "difference": None, **words})


@pytest.fixture
def without_tools(monkeypatch: pytest.MonkeyPatch) -> list[verilog.Program]:
    """Verilog is neither made, linted nor run; the programs that would have been are kept."""
    programs: list[verilog.Program] = []

    def instead(unit: Deployed, chosen: verilog.Program, work: Path, runtime: Path | None) -> Replayed:
        programs.append(chosen)
        return shown(chosen)

    monkeypatch.setattr("flows.deploy.step.generate", lambda config, work: None)
    monkeypatch.setattr("flows.deploy.step.run_verilog", instead)
    clean = LintResult(verilog=Path("nmpu.v"), clean=True, warnings=(), seconds=0.0)
    monkeypatch.setattr("flows.deploy.step.lint", lambda *words: clean)
    return programs


def test_digits_on_verilog(runtime: Path, tmp_path: Path) -> None:
    """The network that comes with the project, trained a little: an image and 20,000 random results."""
    found = digits(tmp_path, Schedule(epochs=2))
    given = Inputs.of(found.network, found.data, 60, 64)
    how = How(load(settings=("array.columns=32", "array.lanes=4", "name=digits")))
    asked = Asked(Evaluated(how, posts=("fp16", "nmpu")), images=1)
    result = deploy_network(asked, given, tmp_path / "out", aside=False, runtime=runtime)
    assert result.passed, result.replay.difference
    assert result.replay.stages == tuple(stage.name for stage in result.stages)
    one = 8 * 8 * (16 + 32) + 4 * 4 * 2 * 32 + 10
    assert one + 20_000 <= result.replay.results <= one + 21_000
    assert result.replay.codes > 2 * result.replay.results
    assert result.replay.columns == 16 + 3 * 32 + 10
    assert result.evaluation.rows[1].mean.mean > 0.8
    assert all((tmp_path / "out" / name).is_file() for name in (*result.files, "config.json"))


def test_files(unit: Deployed, inputs: Inputs, tmp_path: Path, without_tools: list[verilog.Program]) -> None:
    """Each holds the integers of the network, and all are the same the next time."""
    asked = Asked(small.asked(Analog()), images=3)
    result = deploy_network(asked, inputs, tmp_path / "a", aside=False)
    config, image, work = unit.config, unit.image(), tmp_path / "a"
    assert load(work / "nmpu.toml") == config
    assert (work / "params.hex").read_text() == params_hex(config, image)  # that of a calibration
    assert (work / "params_bus.hex").read_text() == bus_hex(config, image)
    head, *lines = (work / "params.hex").read_text().splitlines()
    assert head.startswith("// ")
    assert [int(line, 16) for line in lines] == image
    width, lanes = config.derived.param_width, config.array.lanes
    with np.load(work / "params.npz") as stored:
        arrays = dict(stored)
    bus = [line.split() for line in (work / "params_bus.hex").read_text().splitlines()[1:]]
    assert len(bus) == len(image) * lanes
    assert int(bus[lanes][1], 16) == image[1] & (1 << width) - 1
    words = arrays["words"].astype(object)
    assert words.shape == (len(image), lanes, 1)
    assert [sum(int(w) << lane * width for lane, w in enumerate(row[:, 0])) for row in words] == image
    told = json.loads((work / "params.json").read_text())
    for stage, own in zip(unit.stages, told["stages"], strict=True):
        for block in range(stage.layer.blocks):
            params = block_params(config, image, stage.layer, block)
            wide = params.columns
            assert np.array_equal(arrays[f"{stage.name}.scales"][block][..., :wide], params.scales)
            assert np.array_equal(np.array(own["offset"])[block, :wide], params.offset)
        assert (own["lsb"], own["columns"]) == (stage.planned.lsb, stage.planned.stage.columns)
    descriptors = json.loads((work / "descriptors.json").read_text())["descriptors"]
    assert {int(k): decode(config, v["words"]) for k, v in descriptors.items()} == unit.descriptors
    assert (work / "descriptors.hex").read_text() == descriptor_hex(config, unit.descriptors)
    assert params_hex(config, [1, 15]).splitlines()[2].endswith("0f")
    again = deploy_network(asked, inputs, tmp_path / "b", aside=False)
    assert again == result
    for name in (*FILES, "deploy.md", "result.json"):
        if name != "nmpu.v":
            assert (work / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


def test_report(unit: Deployed, inputs: Inputs, tmp_path: Path, without_tools: list[verilog.Program]) -> None:
    asked = Asked(small.asked(Analog()), replay="b", images=3, random=600)
    result = deploy_network(asked, inputs, tmp_path, aside=False)
    (chosen,) = without_tools
    assert chosen.stages == ("b",)
    assert [layer.vectors for layer in chosen.descriptors.values()] == [3 * 16 + 100]
    assert Deployment.model_validate_json((tmp_path / "result.json").read_text()) == result
    text = (tmp_path / "deploy.md").read_text()
    assert text.startswith("# small on the unit `small`: passed\n")
    assert "| b | 54 x 6 | 1 | 2 |" in text
    assert "| average of 4 | relu |" in text
    assert "**Every one is bit by bit what the golden model says**" in text
    assert "## Area" not in text
    wrong = result.model_copy(
        update={"replay": shown(chosen, difference="layer 0, vector 1"), "lane_ge": 123.4, "tile_lane_ge": 234.5}
    )
    assert not wrong.passed
    failed = render(wrong, unit)
    assert "FAILED" in failed.splitlines()[0]
    assert "**DIFFERENT**: layer 0, vector 1" in failed
    assert "123 GE as it is configured, 234 GE in the tile that is deployed" in failed
    assert not result.model_copy(update={"clean": False}).passed
    assert not result.model_copy(update={"replay": shown(chosen, results=0)}).passed


def test_what_makes_no_sense_is_refused(inputs: Inputs, tmp_path: Path) -> None:
    evaluation = small.asked()
    refused: list[tuple[dict[str, Any], str]] = [
        ({"images": 0}, "replay images = 0; 1 or more would do"),
        ({"random": -1}, "random = -1: 0 or more would do"),
        ({"library": Path("x.lib")}, "--lib is for the area; --area asks for it"),
        (
            {"evaluation": small.asked(posts=("fp32",))},
            "post = fp32 leaves out the unit that is deployed; nmpu would do",
        ),
        ({"replay": "c"}, "replay = c is no stage; all, a, b, fc would do"),
        ({"images": 41}, "replay images = 41: there are 40 test images"),
    ]
    for words, complaint in refused:
        with pytest.raises(ValueError, match=f"^{re.escape(complaint)}$"):
            deploy_network(Asked(**({"evaluation": evaluation} | words)), inputs, tmp_path, aside=False)
    assert not (tmp_path / "nmpu.v").exists()
    tight = small.config("how.stages=2", "tile.kind=axi", "tile.residual=true", "tile.pool=4", "tile.sets=1")
    with pytest.raises(ValueError, match=r"^stage b: base = 2: .* do not fit the 2 words of a bank .* more tile\.sets"):
        deploy_network(Asked(replace(evaluation, how=How(tight))), inputs, tmp_path, aside=False)


def test_library_is_read_first(inputs: Inputs, tmp_path: Path) -> None:
    """One that is not there, or none, is refused before anything is written."""
    (tmp_path / "no.lib").write_text("library (x) {")
    for name in ("absent.lib", "no.lib"):
        asked = Asked(small.asked(), area=True, library=tmp_path / name)
        with pytest.raises(ValueError, match=re.escape(name)):
            deploy_network(asked, inputs, tmp_path / "out", aside=False)
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("without_tools")
def test_area_is_what_optimize_finds(inputs: Inputs, tmp_path: Path) -> None:
    """Of both lanes: the one that is configured, and that of the tile."""
    asked = Asked(small.asked(posts=("nmpu",)), area=True, random=0)
    result = deploy_network(asked, inputs, tmp_path / "out", aside=False)
    on = OnNetwork(save_inputs(inputs, tmp_path), len(inputs.images), 20, analog=asked.evaluation.how.analog)
    lane = mapped(tmp_path / "lane.json", Mapper(None, (), "fast", False, ""), asked.evaluation.how.config, on)
    assert (result.lane_ge, result.tile_lane_ge) == (lane.ge, lane.tile_ge)
    assert lane.ge + 100 < lane.tile_ge
    assert not (tmp_path / "out" / "area").exists()


@pytest.mark.usefixtures("without_tools")
def test_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its words arrive; where the Verilog differs, it says so and ends with 1."""
    some, data, net = small.inputs(), tmp_path / "data.npz", tmp_path / "network.npz"
    np.savez(data, x_calib=some.calibration, y_calib=np.zeros(60, int), x_test=some.images, y_test=some.labels)
    save_plain(some.network, net)
    words = ["deploy", "--set", "array.columns=8", "--set", "array.lanes=4", "--network", str(net), "--data", str(data)]
    words += ["--images", "20", "--post", "nmpu", "--replay", "fc", "--random", "30", "-o", str(tmp_path / "out")]
    monkeypatch.setattr(
        "flows.deploy.step.run_verilog", lambda unit, chosen, *more: shown(chosen, difference="layer 0")
    )
    told = CliRunner().invoke(app, words)
    assert told.exit_code == 1, told.output
    assert told.output.endswith(f"FAILED; wrote {tmp_path / 'out' / 'deploy' / 'deploy.md'}\n")
    assert "--replay fc --replay-images 2 --random 30" in told.output
    assert "1 stage, with what it takes of 2 test images, and with codes by chance" in told.output
