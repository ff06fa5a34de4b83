"""``nmpu optimize``: results on disk, what is kept for the next time, and a real network in small."""

from __future__ import annotations

import json
import pickle
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from flows.evaluate.inputs import Inputs, save_inputs
from flows.evaluate.words import Words
from flows.networks.digits import untrained
from flows.optimize import command
from flows.optimize.chart import chart
from flows.optimize.evaluator import Part, Post, Seen, Split
from flows.optimize.files import FILES, render, table
from flows.optimize.on_network import OnNetwork
from flows.optimize.optimize import Wanted, optimize
from flows.optimize.result import Optimized
from flows.optimize.search import Bound
from flows.optimize.space import Space, words_space
from golden import Analog
from golden.network import build_arrays, deploy, fitted, plan, run
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.presets import load, preset
from nmpu_hdl.verilog import digest

PAPER = preset("paper")


@dataclass(frozen=True)
class Told:
    """An evaluator that leaves a file for each call, and can fail: two bits of scale lose much, none refuses."""

    calls: Path
    fails: str = ""

    @property
    def key(self) -> str:
        return "told"

    def images(self, split: Split) -> int:
        return 160

    def fitted(self, config: NmpuConfig) -> NmpuConfig:
        raise ValueError("no tile holds it")

    def measure(self, config: NmpuConfig, seed: int, part: Part, post: Post) -> Seen:
        scale = str(config.scale.format)
        (self.calls / f"{scale} {config.guard} {seed} {part.split} {part.start} {post}").touch()
        if scale == self.fails:
            raise RuntimeError(f"{scale} is not finished")
        if scale == "UQ1.1":
            raise ValueError("stage one: the gain of column 3 needs 1.9, outside scale.format = UQ1.1")
        chance = np.random.default_rng([seed, part.split == "search"]).random(160)
        lost = 0.5 if scale == "UQ1.2" and post == "nmpu" else 0.0
        return Seen.of((chance > lost)[part.start : part.stop], 3.0, 1.0)


def asked(tmp_path: Path, fails: str = "") -> tuple[Space, Told]:
    (tmp_path / "calls").mkdir(exist_ok=True)
    values = {"scale.format": ["UQ1.1", "UQ1.2", "UQ1.3"], "guard": [0, 1]}
    return words_space(preset("tiny"), (), values), Told(tmp_path / "calls", fails)


def test_a_result_is_kept_and_nothing_is_measured_twice(tmp_path: Path) -> None:
    """Interrupted, gone on with, and once more: the same files, and each call once."""
    wanted, said = Wanted("told", trials=6), list[str]()
    space, failing = asked(tmp_path, "UQ1.2")
    with pytest.raises(RuntimeError, match=r"^UQ1\.2 is not finished"):
        optimize(space, failing, wanted, tmp_path / "work", said.append, aside=False)
    assert not any((tmp_path / "work" / name).exists() for name in FILES)
    before = {file.name for file in (tmp_path / "calls").iterdir()}
    assert before
    for file in (tmp_path / "calls").iterdir():
        if not file.name.startswith("UQ1.2"):
            file.unlink()
    told = replace(failing, fails="")
    result = optimize(space, told, wanted, tmp_path / "work", said.append, aside=False)
    assert not {file.name for file in (tmp_path / "calls").iterdir()} & {n for n in before if not n.startswith("UQ1.2")}
    text = {name: (tmp_path / "work" / name).read_bytes() for name in FILES}
    for file in (tmp_path / "calls").iterdir():
        file.unlink()
    assert optimize(space, told, wanted, tmp_path / "work", said.append, aside=False) == result
    assert text == {name: (tmp_path / "work" / name).read_bytes() for name in FILES}
    assert not list((tmp_path / "calls").iterdir())
    check_result(result, tmp_path / "work")


def check_result(result: Optimized, work: Path) -> None:
    """What :class:`Told` must lead to."""
    assert Optimized.model_validate_json((work / "result.json").read_text()) == result
    assert result.exhaustive
    assert len(result.points) == 6
    assert result.refused == {"stage one": 2}
    choice = result.choice
    assert choice is not None
    assert choice.fields["scale.format"] == "UQ1.3"
    assert choice.lane is not None
    assert choice.lane.tile_ge == choice.lane.ge
    assert result.verified[-1].good
    config = load(work / "chosen.toml")
    assert config.name == ("tiny" if result.chosen == result.base else "tiny-lean")
    assert digest(config.model_copy(update={"name": "tiny"})) == choice.digest
    texts = "\n".join(one.text for one in result.reasons)
    assert re.search(r"^scale.format UQ1.3 -> UQ1.2 saves \d+ GE \(.*\) and 2 bits a column and loses \d\d", texts)
    rows = table(result).splitlines()
    assert len(rows) == 7
    assert rows[0].startswith("scale.format,guard,lane_ge,tile_lane_ge,param_bits")
    assert all(row.count(",") == rows[0].count(",") for row in rows if '"' not in row)
    page = render(result, drawn=True)
    assert "| `scale.format` | UQ1.3 | UQ1.3 | UQ1.1, UQ1.2, UQ1.3 |" in page
    assert "6 candidates were looked at, all that there are; " in page
    assert "Refused: 2 for stage one." in page
    assert "![what is lost against what it costs](front.svg)" in page
    assert "No chart: matplotlib is not installed" in render(result, drawn=False)


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Optimized:
    """A result of two candidates."""
    place = tmp_path_factory.mktemp("one")
    space, told = asked(place)
    return optimize(
        Space(space.base, (("guard", (0, 1)),)), told, Wanted("told", seeds=1), place / "w", lambda s: None, aside=False
    )


def test_pages_of_other_ends(one: Optimized) -> None:
    """A base that stays, and no choice at all."""
    base = one.model_copy(update={"chosen": one.base})
    assert "**The choice is the base**" in render(base, drawn=False)
    none = one.model_copy(update={"chosen": None, "reasons": ()})
    assert "**There is no choice**" in render(none, drawn=False)
    limited = one.asked.model_copy(update={"max_drop": 0.004, "max_lsb": 12.0})
    text = render(one.model_copy(update={"asked": limited}), drawn=False)
    assert "a drop of at most 0.40 points and an error of at most 12 LSB, against binary16" in text
    if (drawn := chart(one)) is not None:
        assert drawn == chart(one)
        assert drawn != chart(none)


def small(tmp_path: Path) -> tuple[Inputs, OnNetwork]:
    """An untrained network on 60 images of noise: what it answers is not right, but always the same."""
    rng = np.random.default_rng(1)
    images = rng.integers(0, 17, (60, 8, 8, 1)).astype(np.uint8)
    inputs = Inputs(untrained(), images[:20], images, rng.integers(0, 10, 60))
    return inputs, OnNetwork(save_inputs(inputs, tmp_path), 60, 20, errors=10)


def test_a_network_is_judged_as_it_runs(tmp_path: Path) -> None:
    inputs, on = small(tmp_path)
    seen, unseen = on.places("search"), on.places("verify")
    assert sorted([*seen, *unseen]) == list(range(60))
    assert (on.images("search"), on.images("verify"), replace(on, verify=7).images("verify")) == (20, 40, 7)
    assert set(replace(on, verify=7).places("verify")) < set(unseen)
    for config in (PAPER, load(settings=["codes.format=UQ8.0", "offset.format=SQ7.1"])):
        planned = plan(inputs.network, inputs.calibration, config)
        unit = fitted(config, planned)
        assert on.fitted(config) == unit
        deployed = deploy(planned, build_arrays(planned, unit, Analog(), 3), unit)
        for split, places, post in (("search", seen, "nmpu"), ("verify", unseen, "fp16")):
            found = on.measure(config, 3, Part(split, 5, 20), post)  # type: ignore[arg-type]
            classes = run(deployed, inputs.images[places[5:20]], post).classes  # type: ignore[arg-type]
            assert (found.bits == (classes == inputs.labels[places[5:20]])).all()
            assert found.worst_lsb is None
    errors = on.measure(PAPER, 3, Part("search", 0, 20), "nmpu")
    assert errors.worst_lsb is not None
    assert errors.rms_lsb is not None
    assert 0 < errors.rms_lsb < errors.worst_lsb
    with pytest.raises(ValueError, match=r"^stage \S+: .*scale\.format"):
        on.measure(load(settings=["scale.format=UQ0.2", "shift.min=5"]), 1, Part("search", 0, 20), "nmpu")


def test_keys_tell_networks_apart(tmp_path: Path) -> None:
    _, on = small(tmp_path)
    others = [
        replace(on, search=21),
        replace(on, seconds=1.0),
        replace(on, analog=Analog(read=0.0)),
        replace(on, program="other"),
        replace(on, calibration="none"),
    ]
    assert pickle.loads(pickle.dumps(on)) == on
    assert len({one.key for one in (on, *others)}) == 6
    assert replace(on, verify=3).places("search").tolist() == on.places("search").tolist()
    for search in (0, 60):
        with pytest.raises(ValueError, match=f"--search-images {search} of 60 leaves none of both"):
            replace(on, search=search)
    for verify in (0, 41):
        with pytest.raises(ValueError, match=rf"^--verify-images {verify} is outside 1\.\.40, what the search leaves"):
            replace(on, verify=verify)
    assert replace(on, verify=40).images("verify") == 40
    for seconds in (-5.0, float("nan")):
        with pytest.raises(ValueError, match=rf"^seconds = {seconds:g}: 0 or more would do$"):
            replace(on, seconds=seconds)


def test_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one: Optimized) -> None:
    """Its words arrive, its page or its JSON is printed; without a choice its status is 1."""
    told: list[Any] = []
    inputs, _ = small(tmp_path)
    ends = [one, one, one.model_copy(update={"chosen": None})]

    def instead(space: Space, on: OnNetwork, wanted: Wanted, work: Path, say: Any) -> Optimized:
        told.append((space, on, wanted))
        (work / "optimize.md").write_text("the page\n")
        return ends.pop(0)

    monkeypatch.setattr(command, "optimize_step", instead)
    given: list[Words] = []

    def noted(self: Words, say: Any) -> Inputs:
        given.append(self)
        return inputs

    monkeypatch.setattr(Words, "inputs", noted)
    app = typer.Typer()
    app.command()(command.optimize)
    words = [
        "--space",
        "guard=0,1",
        "--seeds",
        "3",
        "--search-images",
        "30",
        "--max-drop",
        "0.4",
        "--cost",
        "tile-lane",
    ]
    words += ["--analog", "read=0", "--trials", "9", "--set", "guard=2", "-o", str(tmp_path / "out")]
    words += ["--mean", "8", "--deviation", "4.5"]
    shown = CliRunner().invoke(app, words)
    assert shown.exit_code == 0, shown.exception
    assert shown.output == f"the page\n\nwrote {tmp_path / 'out' / 'optimize' / 'optimize.md'}\n"
    space, on, wanted = told[0]
    assert (space.fields, space.base) == ((("guard", (0, 1)),), load(settings=["guard=2"]))
    assert (on.search, on.analog.read, wanted.bound, wanted.seeds) == (30, 0.0, Bound(0.004), 3)
    assert (given[0].mean, given[0].deviation) == ("8", "4.5")
    assert wanted.command == (
        "nmpu optimize --preset paper --set guard=2 --network digits --mean 8 --deviation 4.5 "
        "--search-images 30 --seeds 3 --trials 9 --max-drop 0.4 --cost tile-lane --analog read=0 --space guard=0,1"
    )
    shown = CliRunner().invoke(app, ["--json", "-o", str(tmp_path / "out")])
    assert Optimized.model_validate(json.loads(shown.output)) == one
    assert told[1][1].search == 30
    assert CliRunner().invoke(app, ["-o", str(tmp_path / "out")]).exit_code == 1
    late = CliRunner().invoke(app, ["--seconds", "nan", "-o", str(tmp_path / "out")])
    assert str(late.exception) == "seconds = nan: 0 or more would do"
    assert len(given) == 3  # it was refused before the network was looked for
