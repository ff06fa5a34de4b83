"""Stages of networks on the generated Verilog: what goes in, what must come out, and a difference that is found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flows.evaluate import verilog
from flows.evaluate.inputs import Inputs, save_inputs
from flows.evaluate.verilog import Replayed, draw, program, run_verilog, taken
from flows.evaluate.work import How, deployed
from flows.generate import generate
from flows.networks.load import load_network
from flows.simulate import Failure, SimResult
from golden.network import Deployed
from nmpu_hdl.presets import load
from tb.columns import Beat, chain, compare, prepare
from tb.replay import Replay

from . import small_evaluation as small

DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="module")
def inputs() -> Inputs:
    return small.inputs()


@pytest.fixture(scope="module")
def unit(inputs: Inputs, tmp_path_factory: pytest.TempPathFactory) -> Deployed:
    kept = save_inputs(inputs, tmp_path_factory.mktemp("inputs"))
    return deployed(kept, How(small.config()), 1)


@pytest.mark.deep
@pytest.mark.parametrize("name", ["resnet9_cifar10", "resnet32_cifar100"])
def test_a_million_results_of_a_real_network(name: str, fast_runtime: Path, tmp_path: Path) -> None:
    network, images = name.split("_")
    files = DATA / f"{name}.npz", DATA / f"{images}.npz"
    if not all(file.is_file() for file in files):
        pytest.skip(f"no {name}.npz and {images}.npz in {DATA}")
    loaded = load_network(network, tmp_path, weights=files[0], data=files[1])
    given = Inputs.of(*loaded, 8, 128)
    unit = deployed(save_inputs(given, tmp_path), How(load()), 1)
    chosen = draw(unit, taken(unit, given.images), 1_000_000, 1)
    result = run_verilog(unit, program(unit, chosen), tmp_path / "replay", fast_runtime)
    assert result.exact, result.difference
    assert result.results >= 1_000_000
    assert result.stages == tuple(stage.name for stage in unit.stages)


def test_columns_are_drawn(unit: Deployed, inputs: Inputs) -> None:
    """Of each stage about as many; half of them of images, whole windows, and the rest over the whole range."""
    real = taken(unit, inputs.images)
    chosen, again, other = (program(unit, draw(unit, real, 3000, seed)) for seed in (5, 5, 6))
    assert 3000 <= chosen.results < 3200
    for k, (layer, given) in enumerate(zip(chosen.descriptors.values(), chosen.inputs, strict=True)):
        assert layer.vectors * layer.settings.columns >= 1000
        assert layer.vectors % layer.pool_window == 0
        assert layer.next == (None if k == 2 else k + 1)
        assert np.array_equal(given.codes, again.inputs[k].codes)
        assert not np.array_equal(given.codes, other.inputs[k].codes)
        known = {vector.tobytes() for vector in real[k].codes.astype(np.int64)}
        of_images = sum(vector.tobytes() in known for vector in given.codes)
        assert of_images >= min(layer.vectors // 2 - layer.pool_window, len(real[k].codes))
        assert (given.codes[of_images:].min(), given.codes[of_images:].max() > 500) == (0, True)
        assert (given.residual is None) == (k != 1)
    few = program(unit, draw(unit, {2: real[2]}, 1, 5))
    assert (few.stages, few.descriptors[0].vectors) == (("fc",), 2)


def test_a_difference_is_found_and_named(unit: Deployed, inputs: Inputs) -> None:
    """By the bench's own comparison: in a result, a flag, a sum, and by their number."""
    config = unit.config
    made = program(unit, taken(unit, inputs.images[:2]))
    plan = Replay(made.descriptors, 0, unit.image(), made.inputs)
    assert chain(plan) == [0, 1, 2]
    beats = prepare(config, plan)
    kept = compare(config, beats, beats.results, beats.sums)
    assert list(kept) == ["y_0", "y_1", "a_2"]
    for (name, values), (_, golden, _) in zip(kept.items(), beats.layers, strict=True):
        wanted = golden.totals if name == "a_2" else golden.y
        assert wanted is not None
        assert np.array_equal(values, wanted), name
    assert kept["a_2"].min() < 0
    place = beats.layers[1][2] + 3  # the second vector's second slot
    results, sums = list(beats.results), list(beats.sums)
    for change in (Beat(1 << 9, 0, 0, 0), Beat(0, 0, 2, 0), Beat(0, 0, 0, 1)):
        spoilt = list(results)
        spoilt[place] = Beat(*(a ^ b for a, b in zip(results[place], change, strict=True)))
        with pytest.raises(AssertionError, match="layer 1, vector 1, slot 1 gave Beat"):
            compare(config, beats, spoilt, sums)
    with pytest.raises(AssertionError, match="layer 2, vector 0, slot 0 gave Beat"):
        compare(config, beats, results, [sums[0]._replace(data=sums[0].data ^ 1), *sums[1:]])
    with pytest.raises(AssertionError, match=f"{len(results) - 1} results came, not {len(results)}"):
        compare(config, beats, results[:-1], sums)
    assert beats.columns == made.results


def test_words_on_the_pins(unit: Deployed, inputs: Inputs) -> None:
    """The last slot of 6 columns on 4 lanes has 2 of them: tkeep tells, and what else the word carries is not used."""
    made = program(unit, {1: taken(unit, inputs.images[:1])[1]})
    beats = prepare(unit.config, Replay(made.descriptors, 0, unit.image(), made.inputs))
    codes, residual = made.inputs[0].codes, made.inputs[0].residual
    assert residual is not None
    assert len(beats.codes) == len(beats.residuals) == 16 * 2
    assert beats.keep[:2] == [(1 << 10) - 1, (1 << 5) - 1]
    assert beats.last[:2] == [0, 1]
    for column in range(6):
        slot, lane = divmod(column, 4)
        word = beats.codes[2 * 5 + slot]
        assert [word >> 10 * (2 * lane + k) & 1023 for k in (0, 1)] == codes[5, 0, :, column].tolist()
        assert beats.residuals[2 * 5 + slot] >> 8 * lane & 255 == int(residual[5, column]) & 255
    sram = unit.config.model_copy(update={"tile": unit.config.tile.model_copy(update={"input": "sram"})})
    with pytest.raises(ValueError, match=r"tile.input = sram, .* streams on both sides, would do"):
        prepare(sram, Replay(made.descriptors, 0, unit.image(), made.inputs))


def test_simulation_that_fails_is_told(
    unit: Deployed, inputs: Inputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"simulator": "verilator", "tests": 1, "passed": 0, "failed": 1, "columns_checked": 0, "seconds": 1.0}
    given |= {"build_seconds": 1.0, "soak_columns": 0, "soak_seconds": 0.0, "waves": None}
    failed = SimResult.model_validate({**given, "failures": (Failure(test="columns", message="layer 0"),)})
    monkeypatch.setattr(verilog, "generate", lambda config, work: None)
    monkeypatch.setattr(verilog, "simulate", lambda *words, **more: failed)
    result = run_verilog(unit, program(unit, {0: taken(unit, inputs.images[:1])[0]}), tmp_path)
    assert (result.difference, result.exact) == ("layer 0", False)
    assert Replayed.model_validate_json((tmp_path / "replay.json").read_text()) == result


@pytest.mark.deep
def test_verilog_that_is_wrong_is_found(
    unit: Deployed, inputs: Inputs, runtime: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lanes that pass the largest result by 1: one column of random codes that reaches it, and all is named."""
    made = program(unit, draw(unit, taken(unit, inputs.images), 20_000, 1))
    assert run_verilog(unit, made, tmp_path, runtime).exact

    def spoilt(config: Any, work: Path) -> None:
        generate(config, work)
        text = (work / "nmpu.v").read_text()
        wrong = text.replace("8'h7f", "8'h7e")
        assert wrong != text
        (work / "nmpu.v").write_text(wrong)

    monkeypatch.setattr(verilog, "generate", spoilt)
    found = run_verilog(unit, made, tmp_path, runtime)
    assert not found.exact
    assert found.difference is not None
    assert "golden says" in found.difference
