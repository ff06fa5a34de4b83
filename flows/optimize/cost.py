"""What a lane of some formats costs: mapped to a library by itself, once, and kept by what it depends on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.presets import build

from ..compare_designs import core
from ..compare_measure import Job, measured
from ..efforts import Effort
from ..lane_area import lane_area, least_unit
from ..library import Library
from ..tool import write_atomic
from .evaluator import Evaluator
from .result import Lane

__all__ = ["Mapper", "mapped"]

_PASSES = 8
"""That are simulated for an energy, of a core of 16 columns."""


@dataclass(frozen=True)
class Mapper:
    """How candidates are mapped.

    Args:
        library: a Liberty file; None for the neutral library.
        dont_use: patterns of cells to avoid.
        effort: of the mapping.
        energy: whether passes are simulated.
        program: digest of the library and of the program that maps.
    """

    library: Path | None
    dont_use: tuple[str, ...]
    effort: Effort
    energy: bool
    program: str

    def key(self, config: NmpuConfig, network: str) -> str:
        """A digest of all that the cost of a candidate depends on; ``network``: the key of its evaluator."""
        asked = (least_unit(config).model_dump_json(), network, self.dont_use, self.effort, self.energy, self.program)
        return hashlib.sha256(repr(asked).encode()).hexdigest()


def mapped(file: Path, how: Mapper, config: NmpuConfig, evaluator: Evaluator) -> Lane:
    """Map a lane, and keep what it costs in ``file``.

    Only the module of a lane is mapped, which gives what ``nmpu area`` reports for it in a tenth of the time.

    Args:
        file: for the result; where passes are simulated, a folder of that name without ``.json`` stands beside it.
        how: library, effort, and whether an energy is wanted.
        config: the candidate.
        evaluator: of the network, which tells the tile that holds it.

    Raises:
        ValueError: the library cannot be used, or has no power tables for an energy.
        ToolFailed: a tool failed.
        OSError: a file cannot be read or written.
    """
    cells, own = Library.read(how.library, how.dont_use), least_unit(config)
    alone, held = lane_area(own, cells, how.effort), _held(config, evaluator)
    found = Lane(
        ge=alone.lane_ge,
        tile_ge=alone.lane_ge if held == own else lane_area(held, cells, how.effort).lane_ge,
        sequential_ge=alone.sequential_ge,
        param_bits=config.derived.param_width,
        energy_pj=_energy(config, file.with_suffix(""), how) if how.energy else None,
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(file, found.model_dump_json() + "\n")
    return found


def _held(config: NmpuConfig, evaluator: Evaluator) -> NmpuConfig:
    """A lane of the tile that holds the network; where there is none, the lane as configured."""
    try:
        return least_unit(evaluator.fitted(config))
    except ValueError:  # its evaluation tells why
        return least_unit(config)


def _energy(config: NmpuConfig, folder: Path, how: Mapper) -> float:
    """Of the lane as a core has it, pJ a column, at the least period."""
    fields = config.model_dump(mode="json")
    alone = build(fields | {"tile": {"kind": "none"}})
    job = Job(core(alone), folder, how.library, how.dont_use, passes=_PASSES, effort=how.effort)
    power = measured(job)
    if power.power is None:
        raise ValueError(f"--cost energy: {power.remark}")
    return round(sum(block.energy_per_column_pj for block in power.power.blocks if block.name == "lane"), 4)
