"""The choice: the cheapest candidate that keeps its accuracy on images that the search never saw."""

from __future__ import annotations

from collections.abc import Sequence

from .evaluator import Part
from .judge import loss_of
from .result import Verified
from .search import Search, Tried

__all__ = ["front", "verify"]

_MOST = 12
"""Candidates that are verified at most, besides the base."""


def front(search: Search) -> list[Tried]:
    """Candidates that no other beats, the cheapest first: of those that were run on all images, which cost less or lose
    less than all others.  A loss below 0 counts as none; of equal ones the first that was looked at stays.
    """
    whole = [one for one in search.tried.values() if one.whole]
    found: list[Tried] = []
    least = float("inf")
    for one in sorted(whole, key=lambda tried: (search.cost(tried), _drop(tried))):
        if _drop(one) < least:
            found.append(one)
            least = _drop(one)
    return found


def verify(search: Search, images: int) -> tuple[list[Verified], Tried | None]:
    """Try the good ones on the other images, from the least on, until one keeps the bound there; the base last.

    Then what is one step from it, is less and is good in the search is tried as well, and gone on from where it is
    good.

    Args:
        search: that is done.
        images: of the other part.

    Returns:
        What was tried, ``point`` of each its place in the search, and the choice.
    """
    search.say("images that the search never saw")
    proof = _Proof(search, images)
    failed: list[Tried] = []
    while True:
        tried = _next(search, failed) if len(failed) < _MOST else proof.start
        if proof.good(tried):
            return proof.found, _lower(search, proof, tried)
        if tried is proof.start:
            return proof.found, None
        failed.append(tried)


class _Proof:
    """Candidates on the images that the search never saw."""

    def __init__(self, search: Search, images: int) -> None:
        base = search.space.base
        self._search, self._part = search, Part("verify", 0, images)
        self._reference = search.judge.scores([base], self._part, "fp16")[0]
        self._base = search.judge.scores([base], self._part)[0]
        self.start, self.found = search.tried[search.space.start], list[Verified]()

    def known(self, tried: Tried) -> bool:
        """Whether it was tried."""
        return any(one.point == self._place(tried) for one in self.found)

    def good(self, tried: Tried) -> bool:
        """Try it: whether it keeps the bound."""
        assert tried.config is not None
        judge = self._search.judge
        score = self._base if tried is self.start else judge.scores([tried.config], self._part)[0]
        loss = loss_of(self._reference, score)
        verified = Verified(
            point=self._place(tried),
            loss=loss,
            of_base=loss_of(self._base, score),
            accuracy=score.accuracy,
            reference=self._reference.accuracy,
            base=self._base.accuracy,
            worst_lsb=score.worst_lsb,
            good=self._search.bound.holds(loss, score.worst_lsb),
        )
        self.found.append(verified)
        return verified.good

    def _place(self, tried: Tried) -> int:
        return list(self._search.tried).index(tried.candidate)


def _lower(search: Search, proof: _Proof, tried: Tried) -> Tried:
    """What is reached from a good one by steps to good ones that are less."""
    while len(proof.found) < _MOST:
        steps = [other for _, other in search.space.steps(tried.candidate)]
        search.look(steps, below=search.rank(tried))
        near = [search.tried[other] for other in steps]
        less = [one for one in near if one.good and search.rank(one) < search.rank(tried) and not proof.known(one)]
        if not less:
            break
        one = min(less, key=search.rank)
        tried = one if proof.good(one) else tried
    return tried


def _next(search: Search, failed: Sequence[Tried]) -> Tried:
    """The least that is good in the search, and has smaller errors than any that failed; or else the base."""
    start = search.tried[search.space.start]
    good = [one for one in search.tried.values() if one.good and search.rank(one) < search.rank(start)]
    left = [one for one in good if all(_error(one) < _error(other) for other in failed)]
    return min(left, key=search.rank, default=start)


def _error(tried: Tried) -> tuple[float, float]:
    """By the errors of stages, which scatter less than accuracies; where they were not looked at, by the drop."""
    assert tried.score is not None
    return tried.score.rms_lsb or 0.0, _drop(tried)


def _drop(tried: Tried) -> float:
    assert tried.loss is not None
    return max(tried.loss.drop, 0.0)
