"""What candidates cost and lose: each measured once, in parallel, and kept by what it depends on."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from nmpu_hdl.config import NmpuConfig

from ..evaluate.statistics import pooled
from ..tool import write_atomic
from .cost import Mapper, mapped
from .evaluator import Evaluator, Part, Post, Seen
from .result import Lane, Loss

__all__ = ["Alone", "Does", "Judge", "Measures", "Score", "digest_of", "joined", "loss_of", "measured"]

_PIECE = 500
"""Images of a task at most."""

Kept = TypeVar("Kept", bound=BaseModel)


@dataclass(frozen=True, eq=False)
class Score:
    """What came of all seeds.

    Attributes:
        right: bool (seeds, images).
        worst_lsb, rms_lsb: of the seed that is worst; None where they were not looked at.
        refused: why there are no images.
    """

    right: NDArray[np.bool_]
    worst_lsb: float | None = None
    rms_lsb: float | None = None
    refused: str | None = None

    @property
    def accuracy(self) -> float:
        """Share that is right."""
        return float(self.right.mean())


class Measures(Protocol):
    """Tells what candidates cost, and what a network makes of images with them; in the order in which it is asked."""

    def lanes(self, configs: Sequence[NmpuConfig]) -> list[Lane]:
        """What each costs."""

    def scores(self, configs: Sequence[NmpuConfig], part: Part, post: Post = "nmpu") -> list[Score]:
        """What each makes of some images, with every seed."""


class Waits(Protocol):
    """What has a result, or will have one."""

    def result(self) -> Any:
        """Wait for it."""


class Does(Protocol):
    """What does tasks: :class:`flows.parallel.Crew`, or :class:`Alone`."""

    def do(self, name: str, function: Callable[..., Any], *arguments: Any) -> Waits:
        """Begin one."""


class Alone:
    """Does tasks at once, in this process."""

    def do(self, name: str, function: Callable[..., Any], *arguments: Any) -> Waits:
        """Do one."""
        return _Done(function(*arguments))


@dataclass(frozen=True)
class _Done:
    found: Any

    def result(self) -> Any:
        return self.found


class Judge:
    """Measures; what was measured before, even by a run that was interrupted, is read from its folder.

    Args:
        evaluator: the network.
        seeds: of the arrays.
        mapper: how candidates are mapped.
        folder: keeps what was measured.
        crew: does it.
    """

    def __init__(self, evaluator: Evaluator, seeds: Sequence[int], mapper: Mapper, folder: Path, crew: Does) -> None:
        self._evaluator, self._seeds, self._mapper, self._folder, self._crew = evaluator, seeds, mapper, folder, crew

    def lanes(self, configs: Sequence[NmpuConfig]) -> list[Lane]:
        """What each costs.

        Raises:
            ValueError: the library cannot be used.
            ToolFailed: a tool failed.
            OSError: a file cannot be read or written.
        """
        wanted = []
        for config in configs:
            file = self._folder / "lanes" / f"{self._mapper.key(config, self._evaluator.key)}.json"
            name = f"lane of {_short(config)}"
            wanted.append(self._begun(name, file, Lane, mapped, self._mapper, config, self._evaluator))
        return [result() for result in wanted]

    def scores(self, configs: Sequence[NmpuConfig], part: Part, post: Post = "nmpu") -> list[Score]:
        """What each makes of some images, with every seed.

        Raises:
            OSError: a file cannot be read or written.
        """
        pieces = [
            part._replace(start=start, stop=min(start + _PIECE, part.stop))
            for start in range(part.start, part.stop, _PIECE)
        ] or [part]
        wanted = [
            [[self._seen(config, seed, piece, post) for seed in self._seeds] for piece in pieces] for config in configs
        ]
        found = [[_score([result() for result in some]) for some in each] for each in wanted]
        return [reduce(joined, each) for each in found]

    def _seen(self, config: NmpuConfig, seed: int, part: Part, post: Post) -> Callable[[], Seen]:
        arithmetic = config.model_dump_json(exclude={"name"})
        name = digest_of(self._evaluator.key, arithmetic, seed, *part, post)
        file = self._folder / "evaluations" / f"{name}.json"
        told = f"{_short(config)}, seed {seed}"
        return self._begun(told, file, Seen, measured, self._evaluator, config, seed, part, post)

    def _begun(
        self, name: str, file: Path, kind: type[Kept], function: Callable[..., Kept], *arguments: Any
    ) -> Callable[[], Kept]:
        """What waits for a result: that of ``file``, or what ``function`` finds and keeps there."""
        with contextlib.suppress(OSError, ValueError):
            found = kind.model_validate_json(file.read_text())
            return lambda: found
        return self._crew.do(name, function, file, *arguments).result


def joined(first: Score, second: Score) -> Score:
    """Two parts together; errors are those of the first, which looks at them."""
    if first.refused or second.refused:
        return first if first.refused else second
    right = np.concatenate([first.right, second.right], axis=1)
    return Score(right, first.worst_lsb, first.rms_lsb)


def loss_of(reference: Score, score: Score) -> Loss:
    """What is lost against a reference on the same images and seeds."""
    found = pooled(reference.right, score.right)
    low, high = found.images.low, found.images.high
    seeds, images = score.right.shape
    return Loss(
        drop=found.drop,
        low=found.drop if low is None else low,
        high=found.drop if high is None else high,
        error=found.seeds.error,
        seeds=seeds,
        images=images,
    )


def digest_of(*parts: object) -> str:
    """Hexadecimal, of what parts are as text."""
    return hashlib.sha256(json.dumps([str(part) for part in parts]).encode()).hexdigest()


def measured(file: Path, evaluator: Evaluator, config: NmpuConfig, seed: int, part: Part, post: Post) -> Seen:
    """Run the images of a part, and keep what came of it in ``file``."""
    try:
        found = evaluator.measure(config, seed, part, post)
    except ValueError as error:
        found = Seen(images=0, right="", refused=str(error))
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(file, found.model_dump_json() + "\n")
    return found


def _score(seen: Sequence[Seen]) -> Score:
    refused = [one.refused for one in seen if one.refused]
    if refused:
        return Score(np.zeros((len(seen), 0), np.bool_), refused=refused[0])
    worst = [one.worst_lsb for one in seen if one.worst_lsb is not None]
    rms = [one.rms_lsb for one in seen if one.rms_lsb is not None]
    return Score(np.stack([one.bits for one in seen]), max(worst, default=None), max(rms, default=None))


def _short(config: NmpuConfig) -> str:
    return f"{config.codes.format} x {config.scale.format}"
