"""Looking at candidates: all of a small space, or those that a sampler asks for; and steps from the best of them on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from nmpu_hdl.config import NmpuConfig

from .evaluator import Part
from .judge import Measures, Score, joined, loss_of
from .result import CostKind, Lane, Loss
from .space import Candidate, Space

__all__ = ["BATCH", "BIT", "Bound", "Search", "Tried"]

BATCH = 8
"""Candidates that are asked for together, so that the result does not depend on the number of cores."""

BIT = 0.0025
"""Share of the base's cost that a bit of a column's parameters counts besides: of the paper's lane 3 GE, which is about
what it takes in a memory for the four columns of a lane."""

_FIRST = 4
"""A candidate is run on a part of the images first, one of so many."""

_LEAST_FIRST = 64
"""Images of that part at least, where there are so many."""


@dataclass(frozen=True)
class Bound:
    """What a candidate has to keep.

    Args:
        max_drop: largest share of images that may be lost; None: none that is significant, unless there is a
            ``max_lsb``.
        max_lsb: largest error of any stage, output LSB; None: any.
    """

    max_drop: float | None = None
    max_lsb: float | None = None

    def holds(self, loss: Loss, worst_lsb: float | None) -> bool:
        """Whether it is kept."""
        if self.max_lsb is not None and (worst_lsb is None or worst_lsb > self.max_lsb):
            return False
        if self.max_drop is not None:
            return loss.drop <= self.max_drop
        return self.max_lsb is not None or not loss.significant

    def hopeless(self, loss: Loss, worst_lsb: float | None) -> bool:
        """Whether some of the images are enough to see that it is not."""
        if self.max_lsb is not None and worst_lsb is not None and worst_lsb > self.max_lsb:
            return True
        return (self.max_drop is not None or self.max_lsb is None) and loss.low > (self.max_drop or 0)


@dataclass(frozen=True, eq=False)
class Tried:
    """What is known of a candidate.

    Attributes:
        candidate: its values.
        config: None where the generator refuses it.
        refused: why it can be no answer.
        lane: what it costs, where it can be generated.
        score: on the images of the search that it was run on; None: on none.
        loss: against the reference, on these.
        whole: they are all images of the search.
        good: it keeps the bound on them.
    """

    candidate: Candidate
    config: NmpuConfig | None = None
    refused: str | None = None
    lane: Lane | None = None
    score: Score | None = None
    loss: Loss | None = None
    whole: bool = False
    good: bool = False


@dataclass(eq=False)
class Search:
    """Looks at candidates, and remembers them in the order in which it did.

    Args:
        space: what is chosen from.
        judge: measures.
        bound: what is to be kept.
        kind: of the cost.
        images: of the search.
        say: told what is being done.
        tried: what is known, in that order.
        reference: of binary16, on all images of the search.
    """

    space: Space
    judge: Measures
    bound: Bound
    kind: CostKind
    images: int
    say: Callable[[str], None]
    tried: dict[Candidate, Tried] = field(default_factory=dict)
    reference: Score = field(init=False)

    @property
    def parts(self) -> tuple[Part, Part]:
        """The first images, and the rest."""
        first = min(max(self.images // _FIRST, _LEAST_FIRST), self.images)
        return Part("search", 0, first), Part("search", first, self.images)

    def begin(self) -> None:
        """Run the reference, which is binary16 with codes and outputs of the base, and the base itself.

        Raises:
            ValueError: the network cannot be deployed with the base's formats.
        """
        self.say("the reference")
        base = self.space.base
        first, rest = (self.judge.scores([base], part, "fp16")[0] for part in self.parts)
        self.reference = joined(first, rest)
        if self.reference.refused:
            raise ValueError(f"the configuration that is started from: {self.reference.refused}")
        self.look([self.space.start], whole=True)
        found = self.tried[self.space.start]
        if found.refused:
            raise ValueError(f"the configuration that is started from: {found.refused}")

    def look(self, candidates: Iterable[Candidate], *, below: float | None = None, whole: bool = False) -> None:
        """See to it that candidates are known.

        Args:
            candidates: in the order in which they are remembered; those that are known are not looked at again.
            below: those whose rank is not less are mapped only.
            whole: run all images even where some show that it is hopeless.
        """
        asked = list(dict.fromkeys(candidates))
        self._map([one for one in asked if one not in self.tried])
        self._run([one for one in asked if self._wanted(self.tried[one], below)], whole)

    def cost(self, tried: Tried) -> float:
        """Of a candidate that was mapped."""
        assert tried.lane is not None
        return tried.lane.cost(self.kind)

    def rank(self, tried: Tried) -> float:
        """What is to be least: the cost, and for each bit of a column's parameters :data:`BIT` of the base's cost."""
        assert tried.lane is not None
        return self.cost(tried) + BIT * tried.lane.param_bits * self.cost(self.tried[self.space.start])

    def best(self) -> Tried | None:
        """The least of those that keep the bound on all images; of several, the one that was looked at first."""
        good = [one for one in self.tried.values() if one.good]
        return min(good, key=self.rank, default=None)

    def descend(self) -> None:
        """From the best on, step by step, to a candidate of which no neighbour is less and keeps the bound."""
        best = self.best()
        while best is not None:
            self.say("steps from the best")
            self.look((other for _, other in self.space.steps(best.candidate)), below=self.rank(best))
            found = self.best()
            if found is best:
                return
            best = found

    def _wanted(self, tried: Tried, below: float | None) -> bool:
        ready = tried.lane is not None and tried.score is None and tried.refused is None
        return ready and (below is None or self.rank(tried) < below)

    def _map(self, candidates: Sequence[Candidate]) -> None:
        for one in candidates:
            try:
                self.tried[one] = Tried(one, self.space.config(one))
            except ValueError as error:
                self.tried[one] = Tried(one, refused=str(error))
        made = [(one, config) for one in candidates if (config := self.tried[one].config) is not None]
        for (one, _), lane in zip(made, self.judge.lanes([config for _, config in made]), strict=True):
            self.tried[one] = replace(self.tried[one], lane=lane)

    def _run(self, candidates: Sequence[Candidate], whole: bool) -> None:
        first, rest = self.parts
        for one, score in zip(candidates, self._scores(candidates, first), strict=True):
            self._keep(one, score)
        hopeful = [one for one in candidates if self._goes_on(self.tried[one], whole)]
        for one, score in zip(hopeful, self._scores(hopeful, rest), strict=True):
            known = self.tried[one].score
            assert known is not None
            self._keep(one, joined(known, score))

    def _scores(self, candidates: Sequence[Candidate], part: Part) -> list[Score]:
        configs = [config for one in candidates if (config := self.tried[one].config) is not None]
        return self.judge.scores(configs, part)

    def _keep(self, candidate: Candidate, score: Score) -> None:
        if score.refused:
            self.tried[candidate] = replace(self.tried[candidate], refused=score.refused)
            return
        seen = score.right.shape[1]
        loss = loss_of(Score(self.reference.right[:, :seen]), score)
        whole = seen == self.images
        good = whole and self.bound.holds(loss, score.worst_lsb)
        self.tried[candidate] = replace(self.tried[candidate], score=score, loss=loss, whole=whole, good=good)

    def _goes_on(self, tried: Tried, whole: bool) -> bool:
        if tried.loss is None or tried.score is None or tried.whole:
            return False
        return whole or not self.bound.hopeless(tried.loss, tried.score.worst_lsb)
