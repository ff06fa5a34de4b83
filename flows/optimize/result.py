"""What an optimisation found, as plain frozen data.  Drops are shares of images, from -1 to 1."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

__all__ = ["SCATTER", "Asked", "CostKind", "Lane", "Loss", "Optimized", "Point", "Reason", "Verified"]

CostKind = Literal["lane", "tile-lane", "energy"]

SCATTER = 0.04
"""Share of a lane's area by which mappings differ for changes that mean nothing (docs/area.md: 3 to 5 %)."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Lane(_Frozen):
    """What a lane of some formats costs; really mapped.

    Attributes:
        ge: of the lane as it is configured, NAND2 equivalents.
        tile_ge: of the lane in the tile that holds the network, with its sums of row blocks and its residuals.
        sequential_ge: flip-flops in ``ge``.
        param_bits: of the parameters of a column, in memory.
        energy_pj: of the lane as it is configured, pJ a column; None where it was not asked for.
    """

    ge: float
    tile_ge: float
    sequential_ge: float
    param_bits: int
    energy_pj: float | None = None

    def cost(self, kind: CostKind) -> float:
        """What is to be small."""
        if kind == "energy":
            assert self.energy_pj is not None
            return self.energy_pj
        return self.ge if kind == "lane" else self.tile_ge


class Loss(_Frozen):
    """What is lost against something else on the same images and seeds, as :func:`flows.evaluate.statistics.pooled`
    has it.

    Attributes:
        drop: mean over seeds and images.
        low, high: limits of 95 %, over images; the drop itself where there is one image.
        error: standard error over seeds; None of one seed.
        seeds, images: how many.
    """

    drop: float
    low: float
    high: float
    error: float | None
    seeds: int
    images: int

    @property
    def significant(self) -> bool:
        """Whether the limits leave out no loss at all."""
        return self.low > 0


class Point(_Frozen):
    """A candidate that was looked at.

    Attributes:
        fields: the values that were chosen.
        digest: of the configuration; empty where there is none.
        refused: why it can be no answer: the generator, or the network's parameters, which it does not hold.
        lane: what it costs; None where the generator refuses it.
        loss: against binary16 with the codes and outputs of the base; None where it was not run.
        accuracy: share of images that are right.
        worst_lsb, rms_lsb: of all stages, against the network in float32, on a few images.
        whole: it was run on all images of the search, not only on the first of them.
        good: it keeps the constraint there.
        front: no other that was run on all images is cheaper and loses no more, or loses less and costs no more.
    """

    fields: dict[str, str | int]
    digest: str
    refused: str | None = None
    lane: Lane | None = None
    loss: Loss | None = None
    accuracy: float | None = None
    worst_lsb: float | None = None
    rms_lsb: float | None = None
    whole: bool = False
    good: bool = False
    front: bool = False


class Verified(_Frozen):
    """A candidate on images that the search never saw.

    Attributes:
        point: the place of the candidate in the result's ``points``.
        loss: against binary16, as in the search.
        of_base: against the base's formats.
        accuracy, reference, base: shares of images that are right: of the candidate, of binary16, of the base.
        worst_lsb: as of a point.
        good: it keeps the constraint here.
    """

    point: int
    loss: Loss
    of_base: Loss
    accuracy: float
    reference: float
    base: float
    worst_lsb: float | None
    good: bool


class Reason(_Frozen):
    """What another value of one field would give.

    Attributes:
        field: its name.
        value, other: what was chosen, and what is next to it.
        point: the place of that neighbour in ``points``.
        saves: cost that it saves; negative: that it takes more.  None where it cannot be mapped.
        share: the same of the chosen one's.
        loss: of the neighbour against the chosen one, on the same images; None where it was not run.
        text: the reason in words.
    """

    field: str
    value: str | int
    other: str | int
    point: int
    saves: float | None
    share: float | None
    loss: Loss | None
    text: str


class Asked(_Frozen):
    """What was asked for.

    Attributes:
        network: its name.
        library: its name, as its file gives it.
        cost: what was to be small.
        effort: of the mapping.
        max_drop: largest share of images that may be lost; None: no loss that is significant.
        max_lsb: largest error, output LSB; None: any.
        seeds: that arrays were programmed with.
        search_images, verify_images: of both parts.
        trials: candidates that may be looked at before reasons are given.
        space: values of each field.
        command: the command line.
    """

    network: str
    library: str
    cost: CostKind
    effort: str
    max_drop: float | None
    max_lsb: float | None
    seeds: tuple[int, ...]
    search_images: int
    verify_images: int
    trials: int
    space: dict[str, tuple[str | int, ...]]
    command: str


class Optimized(_Frozen):
    """The result: all that was looked at, and the choice.

    Attributes:
        asked: what was asked for.
        exhaustive: every candidate of the space was looked at.
        reference: share of the images of the search that binary16 gets right.
        base: place of the base in ``points``.
        points: candidates in the order in which they were looked at.
        verified: those of them that were tried on unseen images, in that order.
        chosen: place of the choice in ``points``; None where none kept the constraint on unseen images.
        reasons: why the choice's fields are what they are.
        refused: how many were refused, by the field or stage that could not be.
        tools: versions.
    """

    asked: Asked
    exhaustive: bool
    reference: float
    base: int
    points: tuple[Point, ...]
    verified: tuple[Verified, ...]
    chosen: int | None
    reasons: tuple[Reason, ...]
    refused: dict[str, int]
    tools: dict[str, str]

    @property
    def front(self) -> tuple[Point, ...]:
        """The cheapest first."""
        found = [point for point in self.points if point.front]
        return tuple(sorted(found, key=lambda point: (self.cost(point), point.digest)))

    @property
    def choice(self) -> Point | None:
        """What was chosen."""
        return None if self.chosen is None else self.points[self.chosen]

    @property
    def unit(self) -> str:
        """Of the cost."""
        return "pJ" if self.asked.cost == "energy" else "GE"

    def cost(self, point: Point) -> float:
        """Of a point that was mapped."""
        assert point.lane is not None
        return point.lane.cost(self.asked.cost)

    def saved(self, point: Point) -> float:
        """Share of the base's cost that a point saves."""
        return 1 - self.cost(point) / self.cost(self.points[self.base])
