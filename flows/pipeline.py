"""The least number of pipeline stages that meets a period."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.presets import build

from . import opensta
from .efforts import Effort
from .generate import VERILOG, generate
from .once import once, software
from .target import check_target
from .timing import timing
from .timing_result import TimingResult
from .tool import write_atomic

__all__ = ["Pipelined", "TooSlow", "pipeline"]


class TooSlow(RuntimeError):
    """No number of stages meets the period.  The message is one line with the best that was found."""


@dataclass(frozen=True)
class Pipelined:
    """A configuration that meets the period.

    Args:
        config: the configuration, with the stages it needs.
        timing: its timing.
        tried: least periods, ps, by the number of stages, up to the one that meets it.
    """

    config: NmpuConfig
    timing: TimingResult
    tried: dict[int, float]

    def summary(self) -> dict[str, Any]:
        """One object for ``--json``."""
        return {"stages": self.config.how.stages, "tried": self.tried, "timing": self.timing.model_dump(mode="json")}


def pipeline(
    config: NmpuConfig,
    work: Path,
    target_ps: float,
    say: Callable[[str], None],
    *,
    library: Path | None = None,
    dont_use: Sequence[str] = (),
    period_ps: float | None = None,
    input_delay_ps: float = 0,
    output_delay_ps: float = 0,
    wires: str = "none",
    effort: Effort = "fast",
) -> Pipelined:
    """Try one stage, two, and so on, until the least period is ``target_ps`` or less; then generate that.

    Each is tried in ``work/timing/stages_<n>``, and not again while its inputs are the same.  Leaves in ``work`` what
    :func:`flows.generate.generate` leaves, and ``timing/result.json``.

    Args:
        config: the configuration; its own number of stages does not count.
        work: the folder.
        target_ps: the period, ps.
        say: told which is being tried.

    The other arguments are those of :func:`flows.timing.timing`.

    Raises:
        TooSlow: none meets it.
        ValueError, ToolFailed, OSError: as :func:`flows.timing.timing`.
    """
    check_target(target_ps)
    (work / "timing" / "result.json").unlink(missing_ok=True)
    numbers = (target_ps, period_ps, input_delay_ps, output_delay_ps, wires, effort, *dont_use)
    given = [library.read_bytes() if library else b"", repr(numbers).encode(), software(), _checker(work / "timing")]
    tried: dict[int, float] = {}
    for stages in config.derived.stage_choices:
        say(f"stages {stages}")
        folder = work / "timing" / f"stages_{stages}"
        one = _with_stages(config, stages)

        def job(place: Path, one: NmpuConfig = one) -> TimingResult:
            generate(one, place)
            return timing(
                place / VERILOG,
                one,
                place,
                library=library,
                dont_use=dont_use,
                period_ps=period_ps,
                input_delay_ps=input_delay_ps,
                output_delay_ps=output_delay_ps,
                wires=wires,
                target_ps=target_ps,
                effort=effort,
            )

        # What is generated follows from the configuration and the software, which is in `given`.
        result = TimingResult.model_validate(once(folder, [one.model_dump_json().encode(), *given], job))
        tried[stages] = result.min_period_ps
        if result.min_period_ps <= target_ps:
            generate(one, work)
            write_atomic(work / "timing" / "result.json", result.model_dump_json(indent=2) + "\n")
            return Pipelined(one, result, tried)
    best = min(tried, key=lambda stages: tried[stages])
    raise TooSlow(
        f"no number of stages from {min(tried)} to {max(tried)} meets {target_ps:g} ps; the best, how.stages = {best}, "
        f"needs {tried[best]:,.0f} ps"
    )


def _with_stages(config: NmpuConfig, stages: int) -> NmpuConfig:
    fields = config.model_dump(mode="json")
    return build({**fields, "how": {**fields["how"], "stages": stages}})


def _checker(work: Path) -> bytes:
    """What tells the times apart: OpenSTA's version, or nothing where ABC estimates them."""
    return opensta.version(work).encode() if opensta.available() else b""
