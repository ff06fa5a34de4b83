"""Evaluation of networks: what is counted, what is kept and done again, its page, and the words of the command."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from flows.cli import app
from flows.evaluate import step
from flows.evaluate.chart import chart
from flows.evaluate.inputs import Inputs, load_inputs, save_inputs
from flows.evaluate.result import Evaluation
from flows.evaluate.step import Asked, evaluate, render
from flows.evaluate.words import Words, analog_of
from flows.evaluate.work import How, do_piece, pieces, read_piece
from flows.networks.data import Data
from flows.networks.plain import save_plain
from golden import Analog
from golden.network import build_arrays, deploy, fitted, plan, run

from . import small_evaluation as small


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces of 20 images, and no chart, which takes longest."""
    monkeypatch.setattr("flows.evaluate.work.PIECE", 20)
    monkeypatch.setattr("flows.evaluate.step.chart", lambda result: None)


@pytest.fixture(scope="module")
def inputs() -> Inputs:
    return small.inputs(50)


def test_counts_are_those_of_the_model(inputs: Inputs, tmp_path: Path) -> None:
    """Classes, agreement and errors from a run of all images at once, of two seeds of noisy arrays."""
    asked = small.asked(Analog(programming=4.0), seeds=(3, 5), batch=7, errors=50)
    result = evaluate(asked, inputs, tmp_path, aside=False)
    planned = plan(inputs.network, inputs.calibration, asked.how.config)
    config = fitted(asked.how.config, planned)
    right = {}
    for seed in asked.seeds:
        unit = deploy(planned, build_arrays(planned, config, asked.how.analog, seed), config)
        for post in asked.posts:
            assert post != "float"
            outcome = run(unit, inputs.images, post, errors=True)
            right[post, seed] = outcome.classes == inputs.labels
            if seed == 3 and post == "nmpu":
                first = {one.name: one for one in outcome.errors}
    for row in result.rows:
        assert [one.right for one in row.top1] == [right[row.post, seed].sum() for seed in asked.seeds]  # type: ignore[index]
        assert row.mean.mean == pytest.approx(np.mean([one.value for one in row.top1]))
        if row.post == "fp16":
            assert (row.drop, row.pairs, row.agreement) == (None, (), 1)
        else:
            assert row.drop is not None
            assert row.drop.drop == pytest.approx(result.rows[1].mean.mean - row.mean.mean)
            assert row.pairs[0].only_this == (right[row.post, 3] & ~right["fp16", 3]).sum()  # type: ignore[index]
    assert 0 < result.rows[2].mean.mean < 1  # the arrays are so bad that something is counted
    assert result.software.right == 50
    one = evaluate(replace(asked, seeds=(3,)), inputs, tmp_path, aside=False)
    for stage in (row for row in one.stages if row.post == "nmpu"):
        assert (stage.rms, stage.worst) == pytest.approx((first[stage.stage].rms, first[stage.stage].worst), abs=1e-3)
        assert (stage.low, stage.high) == (first[stage.stage].low, first[stage.stage].high)
    assert [row.stage for row in one.stages[:3]] == [stage.name for stage in unit.stages]


def test_equal_inputs_give_equal_bytes_and_no_work(
    inputs: Inputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In another folder, after an interrupt, and with kept pieces that are damaged: only what lacks is done."""
    asked = small.asked(seeds=(1, 2), posts=("fp16", "nmpu"))
    evaluate(asked, inputs, tmp_path / "plain", aside=False)
    done: list[Any] = []

    def some(piece: Any) -> None:
        if len(done) == 4:
            raise KeyboardInterrupt
        done.append(piece)
        do_piece(piece)

    monkeypatch.setattr(step, "do_piece", some)
    with pytest.raises(KeyboardInterrupt):
        evaluate(asked, inputs, tmp_path / "other", aside=False)
    assert not (tmp_path / "other" / "result.json").exists()
    done[0].file.write_bytes(done[0].file.read_bytes()[:-40])
    done[1].file.write_bytes(b"")
    spoilt, done[:] = done[:2], []

    def noted(piece: Any) -> None:
        done.append(piece)
        do_piece(piece)

    monkeypatch.setattr(step, "do_piece", noted)
    told: list[tuple[int, int | None]] = []
    evaluate(asked, inputs, tmp_path / "other", lambda what, so_far=0, of=None: told.append((so_far, of)), aside=False)
    every = 3 + 2 * 2 * 3
    assert len(done) == every - 4 + 2
    assert [piece.file for piece in done[:2]] == [piece.file for piece in spoilt]
    assert told[0] == (2, every)
    assert (every, every) in told
    for name in ("result.json", "evaluate.md"):
        assert (tmp_path / "plain" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()
    done.clear()
    evaluate(replace(asked, posts=("nmpu",)), inputs, tmp_path / "other", aside=False)
    assert not done


def test_processes_give_the_same(inputs: Inputs, tmp_path: Path) -> None:
    few = replace(inputs, images=inputs.images[:21], labels=inputs.labels[:21])
    asked = small.asked(posts=("nmpu",))
    assert evaluate(asked, few, tmp_path / "a") == evaluate(asked, few, tmp_path / "b", aside=False)
    rates = json.loads((tmp_path / "a" / "speed.json").read_text())
    assert rates["processes"] == os.cpu_count()
    assert set(rates["images_per_second"]) == {"float", "nmpu"}


def test_key_of_a_piece(tmp_path: Path) -> None:
    """All that changes a result changes the file's name; how the unit is built, and its name, do not."""

    def names(how: How, inputs: str = "inputs-1.npz", **words: Any) -> list[str]:
        given: dict[str, Any] = {"images": 40, "by": ("nmpu",), "seeds": (1,), "batch": 10, "errors": 20} | words
        return [piece.file.name for piece in pieces(tmp_path / inputs, how=how, folder=tmp_path, **given)][2:]

    how = How(small.config())
    base = names(how)
    assert len(set(base)) == len(base) == 2
    assert names(replace(how, config=small.config("name=other", "how.stages=1"))) == base
    assert names(how, batch=3) == base
    changed = [
        names(replace(how, config=small.config("scale.format=UQ1.6"))),
        names(replace(how, analog=Analog(read=0.5))),
        names(replace(how, seconds=60.0)),
        names(replace(how, calibration="none")),
        names(how, seeds=(2,)),
        names(how, by=("fp16",)),
        names(how, inputs="inputs-2.npz"),
    ]
    assert len({*base, *(name for some in changed for name in some)}) == 2 + 2 * len(changed)
    assert names(how, errors=0)[1] == base[1]
    assert names(how, errors=0)[0] != base[0]


def test_damaged_pieces_are_none(inputs: Inputs, tmp_path: Path) -> None:
    kept = save_inputs(inputs, tmp_path)
    piece = next(pieces(kept, 50, How(small.config()), ("nmpu",), (1,), tmp_path, 10, 0))
    assert read_piece(piece) is None
    do_piece(piece)
    done = read_piece(piece)
    assert done is not None
    whole, lost = piece.file.read_bytes(), 0
    for place in range(0, len(whole), 4):
        piece.file.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        left = read_piece(piece)
        lost += left is None
        assert left is None or np.array_equal(left.classes, done.classes)  # some of the container says nothing
    assert lost > len(whole) / 12
    piece.file.write_bytes(whole)
    assert read_piece(replace(piece, images=range(3))) is None
    kept.write_bytes(b"damaged")
    assert load_inputs(save_inputs(inputs, tmp_path)).digest() == inputs.digest()


def test_page(inputs: Inputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.evaluate.step.chart", chart)
    result = evaluate(small.asked(seeds=(1, 2)), inputs, tmp_path, aside=False)
    text = (tmp_path / "evaluate.md").read_text()
    assert Evaluation.model_validate_json((tmp_path / "result.json").read_text()) == result
    drawn = chart(result)
    assert drawn == (None if find_spec("matplotlib") is None else (tmp_path / "evaluate.svg").read_text())
    assert text == render(result, drawn=drawn is not None)
    assert "**100.00** (92.89 to 100.00)" in text
    tables = [line.count("|") for line in text.splitlines() if line.startswith("|")]
    assert sorted(set(tables)) == [7, 10]
    assert "No chart: matplotlib is not installed" in render(result, drawn=False)
    row = result.rows[2].model_copy(update={"agreement": None, "pairs": (), "drop": None})
    alone = render(result.model_copy(update={"rows": (row,), "stages": ()}), drawn=True)
    assert "fp16" not in alone.replace(result.command, "")


def test_images_are_chosen() -> None:
    some = small.inputs()
    pixels, labels = np.concatenate([some.calibration, some.images]), np.arange(100) % 3
    data = Data(pixels[:60], labels[:60], pixels[60:], labels[60:])
    chosen = Inputs.of(some.network, data, 10, 4)
    assert np.array_equal(chosen.images, pixels[60:70])
    assert np.array_equal(chosen.calibration, pixels[[0, 19, 39, 59]])
    assert len(Inputs.of(some.network, data, None, 500).calibration) == 60
    for images, calibration, complaint in (
        (41, 4, "images = 41 is outside 1..40, the test images that there are"),
        (10, 0, "calibration images = 0; 1 or more would do, a few hundred are usual"),
    ):
        with pytest.raises(ValueError, match=f"^{re.escape(complaint)}$"):
            Inputs.of(some.network, data, images, calibration)
    wide = Data(data.x_train[:, :3], data.y_train, data.x_test[:, :3], data.y_test)
    with pytest.raises(
        ValueError, match=r"^images of \(3, 4, 2\) are not the \(4, 4, 2\) that the network small takes$"
    ):
        Inputs.of(some.network, wide, 10, 4)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ({"seeds": ()}, "seeds = []: different numbers from 0 on, at least one, would do"),
        ({"posts": ("fp8",)}, "post = fp8: some of fp32, fp16, nmpu, each once, would do"),
        ({"posts": ("nmpu", "nmpu")}, "post = nmpu,nmpu: some of fp32, fp16, nmpu, each once, would do"),
        ({"batch": 0}, "batch = 0: 1 or more would do"),
        ({"errors": -1}, "errors = -1: 0 or more would do"),
    ],
)
def test_what_makes_no_sense_is_refused(words: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(complaint)}$"):
        Asked(**({"how": How(small.config())} | words))


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf")])
def test_seconds_that_are_none_are_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match=rf"^seconds = {seconds:g}: 0 or more would do$"):
        How(small.config(), seconds=seconds)


def test_what_the_unit_refuses_leaves_no_result(inputs: Inputs, tmp_path: Path) -> None:
    """Here two signed counts; what was there before is gone."""
    evaluate(small.asked(posts=("nmpu",)), inputs, tmp_path, aside=False)
    asked = Asked(How(small.config("codes.format=SQ8.0")))
    with pytest.raises(
        ValueError, match=r"codes\.format = SQ8\.0.*: networks need counts, two unsigned or a signed one"
    ):
        evaluate(asked, inputs, tmp_path, aside=False)
    assert not list(tmp_path.glob("*.json"))


def test_words_of_the_arrays() -> None:
    assert analog_of(["gain_spread=0.21", " devices = 1"]) == Analog(gain_spread=0.21, devices=1)
    for text, complaint in (
        ("bits=8", "--analog bits=8: FIELD=VALUE with one of devices, programming"),
        ("read", "--analog read: FIELD=VALUE with one of"),
        ("read=much", "--analog read=much: 'much' is no number"),
        ("gain_spread=1.5", "gain_spread = 1.5: less than 1 would do"),
    ):
        with pytest.raises(ValueError, match=f"^{re.escape(complaint)}"):
            analog_of([text])


def test_command(tmp_path: Path) -> None:
    """On a network from files; its page, its JSON, and the command line that it says would give the same."""
    some, data, net = small.inputs(), tmp_path / "data.npz", tmp_path / "network.npz"
    np.savez(data, x_calib=some.calibration, y_calib=np.zeros(60, int), x_test=some.images, y_test=some.labels)
    save_plain(some.network, net)
    words = ["--set", "array.columns=8", "--set", "array.lanes=4", "--network", str(net), "--data", str(data)]
    words += ["--images", "20", "--seeds", "1", "--analog", "read=0.5", "--post", "nmpu", "-o", str(tmp_path / "out")]
    shown = CliRunner().invoke(app, ["evaluate", *words])
    assert shown.exit_code == 0, shown.output
    assert shown.output.startswith("# small on analog arrays\n")
    assert "images a second of processor time" in shown.output
    as_json = json.loads(CliRunner().invoke(app, ["evaluate", *words, "--json"]).output)
    assert as_json["evaluation"]["command"] == (
        f"nmpu evaluate --preset paper --set array.columns=8 --set array.lanes=4 --network {net} --data {data} "
        "--images 20 --post nmpu --analog read=0.5"
    )
    assert as_json["triples"] is None
    refused = CliRunner().invoke(app, ["evaluate", "--triples", "0"])
    assert str(refused.exception) == "triples = 0: 1 or more would do"


def test_command_line_says_all_words() -> None:
    given = Words("resnet9", Path("w"), Path("d"), 10, 99, 3, "fp16", 3600.0, ("read=2",), "counts", 5, 7)
    assert given.asked(small.config(), "evaluate").command.split(" --network ")[1] == (
        "resnet9 --weights w --data d --images 10 --calibration-images 99 --seeds 3 --post fp16 --seconds 3600 "
        "--calibration counts --batch 5 --errors 7 --analog read=2"
    )
