"""The area of a lane by itself: only its module is mapped, which takes half a second instead of the unit's many."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.presets import build
from nmpu_hdl.verilog import emit

from .area import AreaResult, measure
from .efforts import Effort
from .library import Library
from .target import synthesize_for
from .timing import LANE

__all__ = ["lane_area", "least_unit"]


def least_unit(config: NmpuConfig) -> NmpuConfig:
    """The same lane in a unit of one: what is around it is not looked at."""
    fields = config.model_dump(mode="json", exclude={"name"})
    return build(fields | {"array": {"columns": 4, "lanes": 1}, "how": {**fields["how"], "built": 0}})


def lane_area(config: NmpuConfig, cells: Library, effort: Effort = "fast") -> AreaResult:
    """Map the lane of a unit, with its stages; ``lane_ge`` is what ``nmpu area`` reports for it, but for scatter.

    Args:
        config: the unit; a tile has the tile's lane, with partial sums, residuals and pooling.
        cells: the library.
        effort: of the mapping.

    Raises:
        ValueError: the library cannot be used.
        ToolFailed: a tool failed.
        OSError: no temporary file can be written.
    """
    with TemporaryDirectory(prefix="nmpu-") as place:
        verilog = Path(place) / "nmpu.v"
        verilog.write_text(emit(least_unit(config)))
        return measure(synthesize_for(None, verilog, LANE, Path(place) / "lane", cells, effort=effort), cells)
