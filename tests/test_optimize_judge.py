"""What a judge makes of images: losses, parts, and pieces that are kept."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any, cast

import numpy as np

from flows.optimize.cost import Mapper
from flows.optimize.evaluator import Part, Post, Seen
from flows.optimize.judge import Alone, Judge, Score, joined, loss_of
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.presets import preset


def test_losses_and_parts() -> None:
    right = np.array([[True, True, False, True], [True, False, True, True]])
    other = np.array([[True, False, False, True], [False, False, True, True]])
    loss = loss_of(Score(right), Score(other))
    assert (loss.drop, loss.seeds, loss.images) == (0.25, 2, 4)
    assert loss.low < 0.25 < loss.high
    assert loss_of(Score(right[:, :1]), Score(right[:, :1])).drop == 0
    both = joined(Score(right, 3.0, 1.0), Score(other))
    assert (both.right.shape, both.worst_lsb) == ((2, 8), 3.0)
    assert joined(Score(right), Score(other[:, :0], refused="no")).refused == "no"
    for bits in itertools.product((False, True), repeat=4):
        seen = Seen.of(np.array(bits), 1.0, 0.5)
        assert Seen.model_validate_json(seen.model_dump_json()).bits.tolist() == list(bits)


def test_many_images_are_run_in_pieces(tmp_path: Path) -> None:
    class Parts:
        key = "parts"

        def measure(self, config: NmpuConfig, seed: int, part: Part, post: Post) -> Seen:
            right = np.arange(part.start, part.stop) % (seed + 1) == 0
            return Seen.of(right, 1.0 if part.start == 0 else None)

    mapper = Mapper(None, (), "fast", False, "")
    judge = Judge(cast(Any, Parts()), (1, 2), mapper, tmp_path, Alone())
    score = judge.scores([preset("paper")], Part("verify", 0, 1100))[0]
    assert (score.right == np.stack([np.arange(1100) % 2 == 0, np.arange(1100) % 3 == 0])).all()
    assert score.worst_lsb == 1.0
    assert len(list((tmp_path / "evaluations").iterdir())) == 2 * 3
    assert judge.scores([preset("paper")], Part("search", 4, 4))[0].right.shape == (2, 0)
