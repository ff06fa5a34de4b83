"""Lanes of every architecture, mapped with every effort: what each takes, and which of them are worth it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.front_usual import usual_front
from nmpu_hdl.presets import build
from nmpu_hdl.verilog import digest

from .compare_designs import core, words
from .compare_measure import Job, Measured, measured
from .efforts import EFFORTS, Effort
from .library import Library
from .parallel import Crew
from .sweep_chart import chart
from .sweep_result import Sweep, SweepRow
from .templates import environment
from .tool import write_together

__all__ = ["ARCHITECTURES", "STAGES", "sweep"]

_COLUMNS = 512
"""That are simulated at least for an energy; with a front end, columns times beats."""

STAGES = (1, 2)


class Architecture(NamedTuple):
    """Fields of ``how``; ``radix`` is None but for serial lanes."""

    architecture: str
    multiplier: str
    radix: int | None = None


ARCHITECTURES = (
    Architecture("parallel", "tree"),
    Architecture("parallel", "rows"),
    Architecture("shared", "tree"),
    Architecture("shared", "rows"),
    Architecture("serial", "tree", 4),
    Architecture("serial", "tree", 2),
)
"""Digits of serial lanes are too short for forms of the tree to differ; ``booth`` pays for wider factors."""

_WITH_ENERGY = "area"
"""The effort whose lanes' energy is simulated."""


@dataclass(frozen=True)
class _Point:
    """A row to be: how the lane is built, and how it is mapped."""

    how: Architecture
    stages: int
    effort: Effort
    config: NmpuConfig
    job: Job

    @property
    def name(self) -> str:
        return self.job.folder.name


def sweep(
    config: NmpuConfig,
    work: Path,
    say: Callable[[str], None],
    *,
    library: Path | None = None,
    dont_use: tuple[str, ...] = (),
    stages: Sequence[int] = STAGES,
    efforts: Sequence[Effort] = EFFORTS,
    energy: bool = True,
) -> Sweep:
    """Measure a lane of ``config`` in every architecture that it allows, in some stages, mapped with some efforts.

    Leaves in ``work``: ``result.json``, ``sweep.md``, with matplotlib ``sweep.svg``, and a folder a row; rows whose
    inputs are the same are not measured again.

    Args:
        config: a core of fixed point; its own architecture and stages do not matter.
        work: the folder to work in, made if absent.
        say: told how far it is.
        library: a Liberty file; None for the neutral library, whose times are nominal, and which knows no power.
        dont_use: patterns of cells to avoid.
        stages: pipeline stages to try, 1 to 4.
        efforts: of :data:`flows.efforts.EFFORTS`.
        energy: whether passes are simulated for the energy a column, of lanes mapped with effort ``area``.

    Raises:
        ValueError: one line: the configuration is not a core of fixed point, or the library cannot be used.
        ToolFailed: a tool failed.
        OSError: a file cannot be read or written.
    """
    if config.derived.floating or config.derived.tiled:
        field = f"arithmetic.kind = {config.arithmetic.kind}, tile.kind = {config.tile.kind}"
        raise ValueError(f"{field}: sweep is for cores of fixed point; fixed and none would do")
    cells = Library.read(library, dont_use)
    shapes = [how for how in ARCHITECTURES if how.architecture != "shared" or config.codes.counts == 2]
    points = [
        _point(config, how, count, effort, Job(config, work, library, dont_use, passes=energy * _passes(config)))
        for how, count, effort in itertools.product(shapes, dict.fromkeys(stages), dict.fromkeys(efforts))
    ]
    files = [work / name for name in ("result.json", "sweep.md", "sweep.svg")]
    for stale in files:
        stale.unlink(missing_ok=True)
    with Crew(lambda name, ended, begun: say(f"{ended} of {begun} done, the last: {name}")) as crew:
        tasks = [crew.do(point.name, measured, point.job) for point in points]
        found = [task.result() for task in tasks]
    result = _assembled(config, points, found, cells, words("sweep", config, library, dont_use))
    drawn = chart(result)
    text = {files[0]: result.model_dump_json(indent=2) + "\n", files[1]: render(result, drawn=drawn is not None)}
    write_together(text | ({files[2]: drawn} if drawn is not None else {}))
    return result


def render(result: Sweep, *, drawn: bool) -> str:
    """A sweep as Markdown; ``drawn``: sweep.svg is beside it."""
    return environment().get_template("sweep.md.j2").render(r=result, drawn=drawn)


def _passes(config: NmpuConfig) -> int:
    """Passes to simulate; of a front end fewer, for they are longer."""
    least, front = -(-_COLUMNS // core(config).array.columns), config.derived.front_end.present
    return max(1, least // usual_front(config).steps(config)) if front else least


def _point(config: NmpuConfig, how: Architecture, stages: int, effort: Effort, job: Job) -> _Point:
    built = {**how._asdict(), "radix": how.radix or 2, "stages": stages, "built": 0}
    fields = config.model_dump(mode="json")
    chosen = build({**fields, "how": {**fields["how"], **built}})
    name = "-".join([how.architecture, str(how.radix) if how.radix else how.multiplier, str(stages), effort])
    passes = job.passes if effort == _WITH_ENERGY else 0
    own = Job(core(chosen), job.folder / name, job.library, job.dont_use, passes=passes, effort=effort)
    return _Point(how, stages, effort, chosen, own)


def _assembled(
    config: NmpuConfig, points: Sequence[_Point], found: Sequence[Measured], cells: Library, command: str
) -> Sweep:
    rows = [_row(point, each, cells) for point, each in zip(points, found, strict=True)]
    front = [row.model_copy(update={"front": not any(_beats(other, row) for other in rows)}) for row in rows]
    tools = {name: version for each in found for name, version in _tools(each).items()}
    remarks = [text for each in found for text in (each.remark, *each.mapped.timing.warnings) if text]
    return Sweep(
        name=config.name,
        digest=digest(config),
        library=cells.name,
        voltage=cells.voltage,
        temperature=cells.temperature,
        conditions=cells.conditions,
        timed=found[0].mapped.timing.source,
        columns=config.array.columns,
        lanes=config.array.lanes,
        counts=config.codes.counts,
        rows=tuple(front),
        tools=dict(sorted(tools.items())),
        command=command,
        warnings=tuple(dict.fromkeys(text for text in remarks if not text[0].isdigit())),
    )


def _beats(other: SweepRow, row: SweepRow) -> bool:
    """Whether ``other`` is no worse in area and time, and better in one of them."""
    return (other.ge, other.ns) != (row.ge, row.ns) and other.ge <= row.ge and other.ns <= row.ns


def _row(point: _Point, found: Measured, cells: Library) -> SweepRow:
    mapped, derived, config = found.mapped, point.config.derived, point.config
    ge, period = mapped.area.lane_ge, mapped.timing.min_period_ps
    cycles = derived.pass_cycles(config.array.columns)
    lane = [block.energy_per_column_pj for block in found.power.blocks if block.name == "lane"] if found.power else []
    command = words("timing", core(config), point.job.library, point.job.dont_use, "--effort", point.effort)
    return SweepRow(
        architecture=point.how.architecture,
        multiplier=point.how.multiplier,
        radix=point.how.radix,
        stages=point.stages,
        effort=point.effort,
        recipe=mapped.netlist.recipe,
        ge=ge,
        area_um2=None if cells.neutral else round(ge * cells.nand2.area, 3),
        flip_flops=mapped.flip_flops,
        period_ps=period,
        logic_ps=mapped.logic_ps,
        lane_cycles=derived.lane_cycles(),
        steps=derived.front_end.steps if derived.front_end.present else 0,
        front_stages=derived.front_end.stages,
        cycles=cycles,
        cycles_least=derived.pass_cycles(config.array.columns, config.shift.min),
        ns=round(cycles * period / 1000, 3),
        energy_pj=round(sum(lane), 4) if lane else None,
        front=False,
        command=command,
    )


def _tools(found: Measured) -> dict[str, str]:
    return found.mapped.timing.tools | (found.power.tools if found.power else {})
