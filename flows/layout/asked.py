"""What is to be laid out, and the core that it is or is part of."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.ports import top_name
from nmpu_hdl.presets import build

from ..efforts import Effort
from ..target import check_target

__all__ = ["DENSITY", "LANE", "Asked", "core_of", "top_of"]

LANE = "nmpu_lane"
DENSITY = 0.8
"""Share of the rows that cells take, unless something else is asked for."""
_COLUMNS = 32
"""Of the core of one lane, in which a lane that is laid out is simulated."""
_MOST_COLUMNS = 1024
"""That a configuration may have."""


@dataclass(frozen=True)
class Asked:
    """What is to be laid out, and how.

    Args:
        lanes: of a core; None: a lane by itself.
        width_um: how wide the block may be, um; None: as wide as high.
        density: share of the rows that cells take, above 0 and up to 1.
        target_ps: a period that the mapping is to meet, ps; None: as :func:`flows.target.synthesize_for` has it.
        dont_use: patterns of cells to avoid.
        seed: of codes and parameters.
        effort: of the mapping.
    """

    lanes: int | None = None
    width_um: float | None = None
    density: float = DENSITY
    target_ps: float | None = None
    dont_use: tuple[str, ...] = ()
    seed: int = 1
    effort: Effort = "fast"

    def __post_init__(self) -> None:
        if self.lanes is not None and not 1 <= self.lanes <= 64:
            raise ValueError(f"lanes = {self.lanes}: 1 to 64 would do")
        if self.width_um is not None and not (math.isfinite(self.width_um) and self.width_um > 0):
            raise ValueError(f"width = {self.width_um:g} um: it must be above 0")
        if not 0 < self.density <= 1:
            raise ValueError(f"density = {self.density:g}: it must be above 0 and at most 1, such as {DENSITY:g}")
        check_target(self.target_ps)


def core_of(config: NmpuConfig, lanes: int | None) -> NmpuConfig:
    """The core that is laid out, or that has the lane: its parameter memory is outside.

    It has as many slots as the configuration, but at least 2 and no more than may be; or as a core of one lane 32, so
    that its parameters change with every column.

    Raises:
        ValueError: one line: the configuration is a tile's, or does not go with so many lanes.
    """
    if config.derived.tiled:
        raise ValueError(
            f"tile.kind = {config.tile.kind}: a lane or a core is laid out, not a tile; --set tile.kind=none would do"
        )
    slots = max(2, min(config.array.slots, _MOST_COLUMNS // (lanes or 1)))
    array = {"lanes": lanes or 1, "columns": lanes * slots if lanes else _COLUMNS}
    fields = config.model_dump(mode="json")
    return build(fields | {"array": array, "how": {**fields["how"], "memory": "external", "built": 0}})


def top_of(core: NmpuConfig, asked: Asked) -> str:
    """The module of a core that is laid out."""
    return top_name(core) if asked.lanes else LANE
