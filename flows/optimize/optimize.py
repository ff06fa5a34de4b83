"""From a network, a space and a bound to the cheapest formats: search, proof on unseen images, reasons, and files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from nmpu_hdl.verilog import digest

from ..efforts import Effort
from ..library import Library
from ..once import digest_of_files
from ..parallel import Crew
from .choice import front, verify
from .cost import Mapper
from .evaluator import Evaluator
from .files import FILES, write
from .judge import Alone, Judge, digest_of
from .reasons import reasons
from .result import Asked, CostKind, Optimized, Point, Reason, Verified
from .sampler import explore
from .search import Bound, Search, Tried
from .space import Space

__all__ = ["Wanted", "optimize"]

_PROGRAM = ("nmpu_hdl/*.py", "flows/*.py", "flows/optimize/cost.py")
"""What the area of a lane depends on."""


@dataclass(frozen=True)
class Wanted:
    """What is asked for, besides network and space.

    Args:
        network: its name.
        bound: what is to be kept.
        cost: what is to be small.
        seeds: arrays to program; from 1.
        trials: candidates to look at before reasons are given.
        library: a Liberty file; None for the neutral library.
        dont_use: patterns of cells to avoid.
        effort: of the mapping.
        command: the command line.
    """

    network: str
    bound: Bound = field(default_factory=Bound)
    cost: CostKind = "lane"
    seeds: int = 2
    trials: int = 60
    library: Path | None = None
    dont_use: tuple[str, ...] = ()
    effort: Effort = "fast"
    command: str = "nmpu optimize"

    def __post_init__(self) -> None:
        for name, value in (("--seeds", self.seeds), ("--trials", self.trials)):
            if value < 1:
                raise ValueError(f"{name} {value} is nothing; 1 or more would do")
        if self.cost == "energy" and self.library is None:
            raise ValueError("--cost energy: the neutral library knows no power; --lib FILE with such tables would do")
        points = None if self.bound.max_drop is None else 100 * self.bound.max_drop
        for name, limit in (("--max-drop", points), ("--max-lsb", self.bound.max_lsb)):
            if limit is not None and not limit >= 0:
                raise ValueError(f"{name} {limit:g}: 0 or more would do")


def optimize(
    space: Space, evaluator: Evaluator, wanted: Wanted, work: Path, say: Callable[[str], None], *, aside: bool = True
) -> Optimized:
    """Find the cheapest candidate of a space that keeps its accuracy.

    Leaves in ``work``: ``result.json``, ``front.csv``, ``optimize.md``, with matplotlib ``front.svg``, and where there
    is a choice ``chosen.toml``; and what was measured, in ``lanes`` and ``evaluations``, for the next time.

    Args:
        space: what is chosen from; its base is what the result is compared with.
        evaluator: the network.
        wanted: bound, cost and effort.
        work: the folder to work in, made if absent.
        say: told how far it is.
        aside: in processes of their own, one a core; False: in this one.

    Raises:
        ValueError: one line: the base cannot be deployed, or the library cannot be used.
        ToolMissing, ToolFailed: a tool is missing, or failed.
        OSError: a file cannot be read or written.
    """
    cells = Library.read(wanted.library, wanted.dont_use)
    for name in FILES:
        (work / name).unlink(missing_ok=True)
    told = _Told(say)
    program = digest_of(cells.path.read_bytes(), digest_of_files(_PROGRAM, ("numpy", "pyosys", "amaranth")))
    how = Mapper(wanted.library, wanted.dont_use, wanted.effort, wanted.cost == "energy", program)
    with Crew(told.ended) if aside else nullcontext(Alone()) as does:
        judge = Judge(evaluator, _seeds(wanted), how, work, does)
        search = Search(space, judge, wanted.bound, wanted.cost, evaluator.images("search"), told.phase)
        search.begin()
        exhaustive = explore(search, wanted.trials)
        verified, chosen = verify(search, evaluator.images("verify"))
        why = [] if chosen is None else reasons(search, chosen, verified)
    asked = _asked(space, evaluator, wanted, cells)
    result = _assembled(search, asked, exhaustive, verified, chosen, why)
    write(result, space, chosen, work)
    return result


class _Told:
    """Says what is being done, and how far it is."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say, self._name = say, ""

    def phase(self, name: str) -> None:
        """Something else is done now."""
        self._name = name
        self._say(name)

    def ended(self, name: str, ended: int, begun: int) -> None:
        """A task of it is."""
        self._say(f"{self._name}: {ended} of {begun} done, the last: {name}")


def _seeds(wanted: Wanted) -> range:
    return range(1, wanted.seeds + 1)


def _asked(space: Space, evaluator: Evaluator, wanted: Wanted, cells: Library) -> Asked:
    return Asked(
        network=wanted.network,
        library=cells.name,
        cost=wanted.cost,
        effort=wanted.effort,
        max_drop=wanted.bound.max_drop,
        max_lsb=wanted.bound.max_lsb,
        seeds=tuple(_seeds(wanted)),
        search_images=evaluator.images("search"),
        verify_images=evaluator.images("verify"),
        trials=wanted.trials,
        space=dict(space.fields),
        command=wanted.command,
    )


def _assembled(
    search: Search,
    asked: Asked,
    exhaustive: bool,
    verified: Sequence[Verified],
    chosen: Tried | None,
    why: Sequence[Reason],
) -> Optimized:
    unbeaten = {one.candidate for one in front(search)}
    order = list(search.tried)
    points = [_point(search, tried, tried.candidate in unbeaten) for tried in search.tried.values()]
    return Optimized(
        asked=asked,
        exhaustive=exhaustive,
        reference=search.reference.accuracy,
        base=order.index(search.space.start),
        points=tuple(points),
        verified=tuple(verified),
        chosen=None if chosen is None else order.index(chosen.candidate),
        reasons=tuple(why),
        refused=dict(sorted(Counter(_kind(point.refused) for point in points if point.refused).items())),
        tools={name: found for name in ("pyosys", "amaranth", "numpy", "optuna") if (found := _version(name))},
    )


def _point(search: Search, tried: Tried, unbeaten: bool) -> Point:
    score = tried.score
    return Point(
        fields=search.space.told(tried.candidate),
        digest="" if tried.config is None else digest(tried.config),
        refused=tried.refused,
        lane=tried.lane,
        loss=tried.loss,
        accuracy=None if score is None else score.accuracy,
        worst_lsb=None if score is None else score.worst_lsb,
        rms_lsb=None if score is None else score.rms_lsb,
        whole=tried.whole,
        good=tried.good,
        front=unbeaten,
    )


def _kind(refused: str) -> str:
    """A complaint without its numbers: what stands before the first colon or equals sign."""
    return refused.split(":")[0].split(" = ")[0]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
