"""The search for the cheapest formats, with a judge whose answers follow from the fields: fronts, steps, choices."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from flows.optimize.choice import front, verify
from flows.optimize.evaluator import Part, Post
from flows.optimize.judge import Score
from flows.optimize.ordinary import ordinary
from flows.optimize.reasons import reasons
from flows.optimize.result import Lane
from flows.optimize.sampler import explore
from flows.optimize.search import BIT, Bound, Search, Tried
from flows.optimize.space import Space, Value
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.presets import load, preset

IMAGES = 400
SMALL: dict[str, tuple[Value, ...]] = {
    "scale.format": ("UQ1.2", "UQ1.3", "UQ1.4", "UQ1.7"),
    "guard": (0, 1, 2),
    "shift.max": (-1, 4, 6),
}


class Made:
    """Costs grow with widths; errors come with bits of scale, and with guard 0; it counts what it is asked."""

    def __init__(self, seeds: int = 2, lost: dict[int, float] | None = None, unseen: dict[int, float] | None = None):
        self.seeds, self.asked = seeds, Counter[str]()
        self.lost = {"search": lost or {2: 0.2, 3: 0.05}, "verify": unseen or lost or {2: 0.2, 3: 0.05}}

    def lanes(self, configs: Sequence[NmpuConfig]) -> list[Lane]:
        self.asked["lanes"] += len(configs)
        return [self.lane(config) for config in configs]

    def lane(self, config: NmpuConfig) -> Lane:
        ge = 100 * config.scale.format.width + 20 * config.guard + 10 * config.shift.max
        return Lane(ge=ge, tile_ge=ge + 500, sequential_ge=50, param_bits=config.derived.param_width)

    def scores(self, configs: Sequence[NmpuConfig], part: Part, post: Post = "nmpu") -> list[Score]:
        self.asked[f"{post} {part.split} {part.start}"] += len(configs)
        return [self.score(config, part, post) for config in configs]

    def score(self, config: NmpuConfig, part: Part, post: Post) -> Score:
        if config.shift.max == 4 and config.guard == 2:
            return Score(np.zeros((self.seeds, 0), np.bool_), refused="stage two: column 7 needs a shift of 5")
        reference = np.random.default_rng(1).random((self.seeds, 2 * IMAGES)) < 0.9
        chance = np.random.default_rng(2).random((self.seeds, 2 * IMAGES))
        rate = self.lost[part.split].get(config.scale.format.fraction, 0.0) if post == "nmpu" else 0.0
        right = (reference & (chance >= rate))[:, part.start : part.stop]
        return Score(right, worst_lsb=10.0 - config.scale.format.fraction if post == "nmpu" else None)


def searched(judge: Made, bound: Bound | None = None, trials: int = 100, **fields: tuple[Value, ...]) -> Search:
    chosen = SMALL | {name.replace("_", "."): values for name, values in fields.items()}
    space = Space(load(settings=["guard=1"]), tuple(chosen.items()))
    search = Search(space, judge, bound or Bound(), "lane", IMAGES, lambda step: None)
    search.begin()
    explore(search, trials)
    return search


def test_all_of_a_small_space_is_looked_at() -> None:
    judge = Made()
    search = searched(judge)
    assert set(search.tried) == set(search.space.every())
    refused = {one: tried.refused for one, tried in search.tried.items() if tried.refused}
    assert len(refused) == 4 * 3 + 4
    assert {text for one, text in refused.items() if one[2] == -1} == {
        "shift: granularity = layer with min = max = -1 is no choice; use granularity = fixed"
    }
    assert {one[1:] for one, text in refused.items() if text and text.startswith("stage two")} == {(2, 4)}
    assert judge.asked["lanes"] == len(search.tried) - 12
    assert judge.asked["fp16 search 0"] == 1


def test_the_front_is_that_of_brute_force_with_ties_once() -> None:
    search = searched(Made(lost={2: 0.2, 3: 0.05}))
    whole = [one for one in search.tried.values() if one.whole]

    def key(one: Tried) -> tuple[float, float]:
        assert one.loss is not None
        return search.cost(one), max(one.loss.drop, 0.0)

    keys = {key(one) for one in whole}
    best = sorted(a for a in keys if not any(b != a and b[0] <= a[0] and b[1] <= a[1] for b in keys))
    found = front(search)
    assert [key(one) for one in found] == best
    assert len(found) == len(set(map(key, found)))
    assert best[-1][1] == 0.0


def test_what_is_hopeless_is_not_run_on_all_images() -> None:
    judge = Made()
    search = searched(judge)
    for one in search.tried.values():
        if one.score is not None:
            assert one.whole == (one.candidate[0] not in ("UQ1.2", "UQ1.3"))
            assert one.score.right.shape == (2, IMAGES if one.whole else 100)
    assert judge.asked["nmpu search 100"] < judge.asked["nmpu search 0"]


def test_the_choice_is_verified_and_the_next_is_taken_where_it_fails() -> None:
    search = searched(Made(lost={2: 0.2, 3: 0.05}, unseen={2: 0.2, 3: 0.05, 4: 0.06}))
    best = search.best()
    assert best is not None
    assert best.candidate == ("UQ1.4", 0, 4)
    verified, chosen = verify(search, IMAGES)
    assert chosen is not None
    assert search.space.start == ("UQ1.7", 1, 6)
    assert chosen.candidate == ("UQ1.7", 0, 4)
    order = [(list(search.tried)[one.point], one.good) for one in verified]
    assert order == [
        *((best.candidate, False), (search.space.start, True)),
        *((("UQ1.4", 1, 6), False), (("UQ1.7", 0, 6), True)),
        *((("UQ1.4", 0, 6), False), (chosen.candidate, True)),
    ]
    assert verified[0].loss.significant
    assert verified[0].loss.images == IMAGES
    assert verified[0].accuracy < verified[0].base == verified[0].reference
    _, good = verify(searched(Made()), IMAGES)
    assert good is not None
    assert good.candidate == best.candidate


def test_steps_down_are_verified_after_a_success() -> None:
    """The best fails; what has smaller errors does not, and from it a narrower one is reached that was passed over."""
    judge = Made(lost={2: 0.2}, unseen={2: 0.2, 3: 0.06})
    search = searched(judge, scale_format=("UQ1.3", "UQ1.4", "UQ1.5"))
    for one, tried in search.tried.items():  # errors that do not tell all
        if tried.score is not None:
            error = 2.0 if one[0] == "UQ1.3" else 1.0 + (one[1:] != (2, 6)) + (one[0] == "UQ1.4")
            search.tried[one] = replace(tried, score=replace(tried.score, rms_lsb=error))
    verified, chosen = verify(search, IMAGES)
    assert chosen is not None
    places = list(search.tried)
    tried_ones = [places[one.point] for one in verified]
    assert tried_ones[:2] == [("UQ1.3", 0, 4), ("UQ1.5", 2, 6)]
    assert not verified[0].good
    assert chosen.candidate == ("UQ1.4", 0, 4)
    assert next(one for one in verified if places[one.point] == chosen.candidate).good
    texts = {(one.field, one.other): one.text for one in reasons(search, chosen, verified)}
    assert re.search(
        r"; on images that the search never saw, \d\.\d\d points \(\d\.\d\d to \d\.\d\d\) are lost against binary16$",
        texts["scale.format", "UQ1.3"],
    )


def test_nothing_is_chosen_where_even_the_base_fails() -> None:
    everything = dict.fromkeys(range(8), 0.1)
    search = searched(Made(lost={2: 0.2}, unseen=everything))
    verified, chosen = verify(search, IMAGES)
    assert chosen is None
    assert not verified[-1].good


def test_of_what_costs_as_much_the_fewest_bits_are_best() -> None:
    search = searched(Made(lost={2: 0.2}), offset_format=("SQ8.1", "SQ6.1"))
    verified, chosen = verify(search, IMAGES)
    assert chosen is not None
    assert chosen.candidate == ("UQ1.3", 0, 4, "SQ6.1")
    assert len(verified) == 1
    other = search.tried["UQ1.3", 0, 4, "SQ8.1"]
    assert search.cost(other) == search.cost(chosen)
    assert search.rank(other) - search.rank(chosen) == pytest.approx(
        2 * BIT * search.cost(search.tried[search.space.start])
    )


def test_bounds() -> None:
    assert searched(Made(), Bound(max_drop=0.08)).best().candidate[0] == "UQ1.3"  # type: ignore[union-attr]
    assert searched(Made(), Bound(max_drop=0.5)).best().candidate[0] == "UQ1.2"  # type: ignore[union-attr]
    assert searched(Made(), Bound(max_lsb=6.5)).best().candidate[0] == "UQ1.4"  # type: ignore[union-attr]
    assert searched(Made(), Bound(max_lsb=8.0)).best().candidate[0] == "UQ1.2"  # type: ignore[union-attr]
    both = searched(Made(), Bound(max_drop=0.0, max_lsb=7.0)).best()
    assert both is not None
    assert both.candidate[0] == "UQ1.4"


def test_reasons_of_both_sides_measured() -> None:
    search = searched(Made())
    chosen = search.best()
    assert chosen is not None
    assert chosen.candidate == ("UQ1.4", 0, 4)
    found = {(one.field, one.other): one for one in reasons(search, chosen)}
    assert list(found) == [
        ("scale.format", "UQ1.3"),
        ("scale.format", "UQ1.7"),
        ("guard", 1),
        ("shift.max", -1),
        ("shift.max", 6),
    ]
    less = found["scale.format", "UQ1.3"]
    assert less.saves == 100
    assert less.loss is not None
    assert less.loss.significant
    assert re.fullmatch(
        r"scale.format UQ1.4 -> UQ1.3 saves 100 GE \(18.5 %\) and 2 bits a column and loses \d\.\d\d points "
        r"\(\d\.\d\d to \d\.\d\d\); "
        r"against binary16 \d\.\d\d points of the first 100 images are lost, which is too much",
        less.text,
    )
    assert found["scale.format", "UQ1.7"].text.startswith(
        "scale.format UQ1.4 -> UQ1.7 costs 300 GE (55.6 %) and 6 bits a column and "
        "gains nothing that is seen: 0.00 points (-0."
    )
    assert found["guard", 1].text.startswith("guard 0 -> 1 costs 20 GE (less than mappings scatter) and gains nothing")
    assert found["shift.max", -1].text == (
        "shift.max 4 -> -1 cannot be: shift: granularity = layer with min = max = -1 is no choice; "
        "use granularity = fixed"
    )
    assert found["shift.max", -1].saves is None


def test_a_large_space_is_sampled_within_its_trials_and_always_alike() -> None:
    pytest.importorskip("optuna")
    base = preset("paper")
    runs = []
    for _ in range(2):
        search = Search(ordinary(base), Made(), Bound(), "lane", IMAGES, lambda step: None)
        search.begin()
        assert not explore(search, 40)
        runs.append(search)
    assert list(runs[0].tried) == list(runs[1].tried)
    assert 40 <= len(runs[0].tried) <= 40 + 40
    best = runs[0].best()
    assert best is not None
    assert runs[0].cost(best) <= 540
    near = [runs[0].tried.get(other) for _, other in runs[0].space.steps(best.candidate)]
    assert not any(one.good and runs[0].cost(one) < runs[0].cost(best) for one in near if one is not None)


def test_steps_lead_to_where_no_neighbour_is_better() -> None:
    search = searched(Made(), trials=100)
    walk = Search(search.space, Made(), Bound(), "lane", IMAGES, lambda step: None)
    walk.begin()
    walk.descend()
    assert walk.best() is not None
    assert walk.best().candidate == search.best().candidate  # type: ignore[union-attr]
    assert len(walk.tried) < len(search.tried)


def test_a_base_that_cannot_be_deployed() -> None:
    space = Space(load(settings=["guard=2", "shift.max=4"]), (("guard", (1, 2)),))
    search = Search(space, Made(), Bound(), "lane", IMAGES, lambda step: None)
    with pytest.raises(ValueError, match="started from: stage two: column 7 needs a shift of 5"):
        search.begin()


def test_a_judge_is_asked_for_nothing_twice() -> None:
    judge = Made()
    search = searched(judge)
    before: Any = judge.asked.copy()
    search.look(search.space.every())
    search.descend()
    assert judge.asked == before
