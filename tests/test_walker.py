"""Units with fewer lanes than a beat has columns: the whole regression, of both kinds of lanes."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import NamedTuple

import pytest

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.presets import load

from .test_float_lane import expect_all_passed, regression

MEMORIES = ("internal", "external", "macro")


class Walk(NamedTuple):
    """How a unit of eight lanes is built."""

    kind: str
    built: int
    stages: int
    memory: str

    @property
    def config(self) -> NmpuConfig:
        """Eight lanes in each of three slots, formats of ``tiny``."""
        settings = [f"arithmetic.kind={self.kind}", "array.columns=24", "array.lanes=8"]
        settings += [f"how.{name}={getattr(self, name)}" for name in ("built", "stages", "memory")]
        return load(preset_name="tiny", settings=settings)

    def __str__(self) -> str:
        return f"{self.kind}-{self.built}-{self.stages}-{self.memory}"


USUAL = [
    Walk("fixed", 1, 1, "internal"),
    Walk("fixed", 4, 4, "external"),
    Walk("fixed", 2, 3, "macro"),
    Walk("fp16", 1, 6, "internal"),
    Walk("fp16", 4, 2, "macro"),
]

_BUILDS = [
    *itertools.product(["fixed"], (1, 2, 4, 8), range(1, 5)),
    *itertools.product(["fp16"], (1, 2, 4, 8), range(1, 7)),
]
ALL = [Walk(*build, memory=MEMORIES[k % 3]) for k, build in enumerate(_BUILDS)]
"""Every number of lanes and stages; memories in turn, so that each meets each number of stages."""


@pytest.mark.parametrize(
    "walk", [*USUAL, *(pytest.param(one, marks=pytest.mark.deep) for one in ALL if one not in USUAL)], ids=str
)
def test_walk(walk: Walk, runtime: Path, tmp_path: Path) -> None:
    expect_all_passed(regression(walk.config, tmp_path, runtime=runtime))


def test_an_only_lane_of_a_unit_without_slots(runtime: Path, tmp_path: Path) -> None:
    """Odd numbers: one slot, three columns of one lane."""
    settings = ["array.columns=3", "array.lanes=3", "how.built=1", "shift.granularity=column", "how.stages=2"]
    expect_all_passed(regression(load(preset_name="tiny", settings=settings), tmp_path, runtime=runtime))
