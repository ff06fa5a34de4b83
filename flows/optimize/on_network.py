"""A network on arrays and the unit as an optimisation asks it: images of the search, and images it never sees."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from golden import Analog
from golden.network import (
    Arrays,
    Calibration,
    Deployed,
    Plan,
    StageError,
    build_arrays,
    deploy,
    fitted,
    plan,
    run,
)
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.presets import build

from ..evaluate.inputs import Inputs, load_inputs
from ..evaluate.work import check_seconds, model_digest
from ..networks.extras import extra
from ..once import digest_of_files
from .evaluator import Part, Post, Seen, Split

__all__ = ["OnNetwork"]

_BATCH = 50
"""Images at a time."""

_LOOKED_AT = ("array", "codes", "front", "offset", "output", "tile")
"""Groups that grids and arrays depend on; deploying depends on all.  Scales and shifts matter to grids of passes alone,
and there at their ends alone: a candidate that does not hold a pass's gain is refused, and gets no coarser grids."""


def _program() -> str:
    """Digest of what results depend on."""
    return model_digest() + digest_of_files(("flows/optimize/on_network.py",), ("numpy",))


@dataclass(frozen=True)
class OnNetwork:
    """A network with its images.

    Args:
        inputs: file of :func:`flows.evaluate.inputs.save_inputs`, whose name has the digest of what is in it.
        total: images in it.
        search: of them that the search sees, spread evenly; the others are for the proof.
        verify: of the others; None: all.
        errors: images of the search whose stages are compared with the network in float32.
        analog: devices and converters.
        seconds: since the first read.
        calibration: of the columns.
        program: digest of the program.

    Raises:
        ValueError: no images for one of both, more than there are, or seconds that make no sense.
    """

    inputs: Path
    total: int
    search: int
    verify: int | None = None
    errors: int = 50
    analog: Analog = field(default_factory=Analog)
    seconds: float = 0.0
    calibration: Calibration = "joint"
    program: str = field(default_factory=_program)

    def __post_init__(self) -> None:
        if not 0 < self.search < self.total:
            raise ValueError(
                f"--search-images {self.search} of {self.total} leaves none of both; {max(self.total // 4, 1)} would do"
            )
        others = self.total - self.search
        if self.verify is not None and not 0 < self.verify <= others:
            raise ValueError(
                f"--verify-images {self.verify} is outside 1..{others}, what the search leaves of the images"
            )
        check_seconds(self.seconds)

    @property
    def key(self) -> str:
        """Network, images, which of them are for what, arrays and program."""
        told = (self.inputs.stem, self.total, self.search, self.errors, self.seconds, self.calibration, self.program)
        return json.dumps([*told, asdict(self.analog)])

    def images(self, split: Split) -> int:
        """How many there are."""
        return self.search if split == "search" else self.verify or self.total - self.search

    def places(self, split: Split) -> NDArray[np.int64]:
        """Of the images of a split among all, both spread evenly."""
        chosen = np.arange(self.search) * self.total // self.search
        if split == "search":
            return chosen
        others = np.setdiff1d(np.arange(self.total), chosen)
        count = self.images("verify")
        return others[np.arange(count) * len(others) // count]

    def fitted(self, config: NmpuConfig) -> NmpuConfig:
        """The tile with a candidate's formats that holds the network.

        Raises:
            ValueError: there is none.
        """
        with extra("threadpoolctl", "networks").threadpool_limits(1):
            return fitted(config, _planned(self, _shared(config)))

    def measure(self, config: NmpuConfig, seed: int, part: Part, post: Post) -> Seen:
        """Run the images of a part.  The errors are those of the first images of the search, by the unit.

        Raises:
            ValueError: the network cannot be deployed with these formats.
        """
        with extra("threadpoolctl", "networks").threadpool_limits(1):
            unit, inputs = self._deployed(config, seed), _inputs(self.inputs)
            places = self.places(part.split)[part.start : part.stop]
            compared = self.errors if (part.split, part.start, post) == ("search", 0, "nmpu") else 0
            found: list[NDArray[np.int64]] = []
            errors: list[StageError] = []
            for start in range(0, len(places), _BATCH):
                some = places[start : start + _BATCH]
                outcome = run(unit, inputs.images[some], post, errors=start < compared)
                found.append(outcome.classes)
                errors += outcome.errors
        right = np.concatenate(found) == inputs.labels[places] if found else np.zeros(0, np.bool_)
        if not errors:
            return Seen.of(right)
        rms = np.sqrt(sum(one.squares for one in errors) / max(sum(one.count for one in errors), 1))
        return Seen.of(right, round(max(one.worst for one in errors), 3), round(float(rms), 4))

    def _deployed(self, config: NmpuConfig, seed: int) -> Deployed:
        shared = _shared(config)
        planned = _planned(self, shared)
        return deploy(planned, _arrays(self, shared, seed), fitted(config, planned))


def _shared(config: NmpuConfig) -> str:
    """What candidates have in common whose grids and arrays are the same, as JSON of a configuration."""
    fields = config.model_dump(mode="json", include={*_LOOKED_AT})
    return build(fields | {"how": {"stages": 2}}).model_dump_json()


@lru_cache(maxsize=1)
def _inputs(file: Path) -> Inputs:
    return load_inputs(file)


@lru_cache(maxsize=4)
def _planned(network: OnNetwork, shared: str) -> Plan:
    given = _inputs(network.inputs)
    return plan(given.network, given.calibration, NmpuConfig.model_validate_json(shared))


@lru_cache(maxsize=2)
def _arrays(network: OnNetwork, shared: str, seed: int) -> Arrays:
    config = NmpuConfig.model_validate_json(shared)
    return build_arrays(
        _planned(network, shared),
        config,
        network.analog,
        seed,
        seconds=network.seconds,
        calibration=network.calibration,
    )
