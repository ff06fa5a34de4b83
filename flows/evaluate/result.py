"""What an evaluation found, as plain frozen data; times are not in it, for they are of a machine."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from .statistics import Interval, Paired, Pooled, Spread

__all__ = ["Evaluation", "PostRow", "Speed", "StageRow"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PostRow(_Frozen):
    """One arithmetic behind the converters.

    Args:
        post: ``fp32``, ``fp16`` or ``nmpu``.
        top1: of each seed, in the order of the seeds.
        mean: over seeds.
        over_images: the mean again, with the exact interval of one seed's number of images.
        agreement: share of images, of all seeds, that get the class that fp16 gives them; None without fp16.
        pairs: against fp16, of each seed; none without it, or of itself.
        drop: against fp16, of all seeds; None likewise.
    """

    post: str
    top1: tuple[Interval, ...]
    mean: Spread
    over_images: Interval
    agreement: float | None
    pairs: tuple[Paired, ...]
    drop: Pooled | None


class StageRow(_Frozen):
    """How far a stage's results are from the network in float32, by one arithmetic.

    Args:
        stage: its name.
        post: the arithmetic.
        rms, worst: in LSB of the stage's results.
        results: how many, behind pooling.
        low, high: results, before pooling, that were clipped at that end of the format; of the unit alone.
    """

    stage: str
    post: str
    rms: float
    worst: float
    results: int
    low: int
    high: int


class Evaluation(_Frozen):
    """A network on arrays, and what follows them.

    Args:
        network: its name.
        inputs: digest of network and images.
        images, calibration: how many images it was judged on, and its grids and columns were chosen by.
        classes: of the labels.
        seeds: of the arrays.
        software: top-1 of the network in float32, without arrays and grids.
        rows: one for each arithmetic.
        stages: stages by arithmetic.
        compared: images of each seed that ``stages`` is of.
        config: the configuration's name and digest.
        formats: its formats in words.
        analog: devices and converters.
        seconds: since the first read.
        calibrated: how columns were.
        command: gives all of it.
        tools: versions.
    """

    network: str
    inputs: str
    images: int
    calibration: int
    classes: int
    seeds: tuple[int, ...]
    software: Interval
    rows: tuple[PostRow, ...]
    stages: tuple[StageRow, ...]
    compared: int
    config: tuple[str, str]
    formats: str
    analog: dict[str, Any]
    seconds: float
    calibrated: str
    command: str
    tools: dict[str, str]

    @property
    def by_stage(self) -> dict[str, list[StageRow]]:
        """The stages' rows by their names."""
        found: dict[str, list[StageRow]] = {}
        for row in self.stages:
            found.setdefault(row.stage, []).append(row)
        return found

    def row(self, post: str) -> PostRow | None:
        """The row of an arithmetic."""
        return next((row for row in self.rows if row.post == post), None)


class Speed(_Frozen):
    """How fast images went through, as measured when they did, in processor time; of no result.

    Args:
        processes: that ran side by side.
        images_per_second: of one process, by arithmetic.
    """

    processes: int
    images_per_second: dict[str, float]
