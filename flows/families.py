"""The periphery of every family of arrays: the area of its front end beside that of units behind converters."""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.presets import load
from nmpu_hdl.verilog import digest

from .area import AreaResult
from .compare_designs import words
from .compare_measure import Job, Measured, measured
from .efforts import Effort
from .families_chart import chart
from .families_designs import BITS, COLUMNS, FAMILIES, LANES, Family, stochastic
from .families_result import PARTS, Converter, Families, FamilyRow, Part, PartName
from .library import Library
from .parallel import Crew
from .templates import environment
from .tool import write_together

__all__ = ["Asked", "families", "render"]

_BITS = range(2, 17)
"""What a converter may have."""


_PARTS: dict[str, PartName] = {
    "nmpu_front_lane": "front lane",
    "nmpu_front_end": "front control",
    "nmpu_lane": "lane",
    "nmpu_memory": "memory",
    "nmpu_words": "memory",
}
"""Modules by the part that they are; all others are the rest."""


@dataclass(frozen=True)
class Asked:
    """What is measured, and how.

    Args:
        library: a Liberty file; None for the neutral library, whose times are nominal.
        dont_use: patterns of cells to avoid.
        columns, lanes: of all units.
        effort: of the mapping.
        converter_bits: of the codes of the stochastic array if it had converters, 2 to 16.
        converter_um2: area of what converts for one column, um2; None: not counted.
    """

    library: Path | None = None
    dont_use: tuple[str, ...] = ()
    columns: int = COLUMNS
    lanes: int = LANES
    effort: Effort = "fast"
    converter_bits: int = BITS
    converter_um2: float | None = None

    def __post_init__(self) -> None:
        if self.converter_bits not in _BITS:
            raise ValueError(
                f"converter bits = {self.converter_bits} is outside {_BITS[0]}..{_BITS[-1]}; {BITS} would do"
            )
        area = self.converter_um2
        if area is None:
            return
        if not (math.isfinite(area) and area > 0):
            raise ValueError(f"converter area = {area:g} um2: it must be above 0")
        if self.library is None:
            raise ValueError(f"converter area = {area:g} um2: the neutral library knows no um2; --lib FILE would do")

    def words(self) -> str:
        """The command line that asks so."""
        line = ["nmpu", "families", "--columns", str(self.columns), "--lanes", str(self.lanes)]
        line += ["--lib", str(self.library)] if self.library else []
        line += [word for pattern in self.dont_use for word in ("--dont-use", pattern)]
        line += ["--effort", self.effort, "--converter-bits", str(self.converter_bits)]
        line += ["--converter-um2", f"{self.converter_um2:g}"] if self.converter_um2 is not None else []
        return shlex.join(line)


def families(asked: Asked, work: Path, say: Callable[[str], None], chosen: Sequence[Family] = FAMILIES) -> Families:
    """Measure the unit of each family, and the stochastic array's without converters and with.

    All have the same columns and lanes, one pipeline stage, and their parameters in flip-flops.  Leaves in ``work``:
    ``result.json``, ``families.md``, with matplotlib ``families.svg``, and a folder a row; rows whose inputs are the
    same are not measured again.

    Args:
        asked: what is measured, and how.
        work: the folder to work in, made if absent.
        say: told how far it is.
        chosen: the families; the first is what the others are compared with.

    Raises:
        ValueError: one line: columns and lanes do not fit, or the library cannot be used.
        ToolFailed: a tool failed.
        OSError: a file cannot be read or written.
    """
    cells = Library.read(asked.library, asked.dont_use)
    tried = {family: _config(family, asked) for family in (*chosen, *stochastic(asked.converter_bits))}
    # A design that stands in both tables is measured once.
    jobs = {config.model_dump_json(): _job(family, config, asked, work) for family, config in reversed(tried.items())}
    files = [work / name for name in ("result.json", "families.md", "families.svg")]
    for stale in files:
        stale.unlink(missing_ok=True)
    with Crew(lambda name, ended, begun: say(f"{ended} of {begun} done, the last: {name}")) as crew:
        tasks = {design: crew.do(job.folder.name, measured, job) for design, job in jobs.items()}
        found = {design: task.result() for design, task in tasks.items()}
    rows = [_row(family, config, found[config.model_dump_json()], asked, cells) for family, config in tried.items()]
    result = _assembled(rows[: len(chosen)], rows[len(chosen) :], list(found.values()), asked, cells)
    drawn = chart(result)
    text = {files[0]: result.model_dump_json(indent=2) + "\n", files[1]: render(result, drawn=drawn is not None)}
    write_together(text | ({files[2]: drawn} if drawn is not None else {}))
    return result


def render(result: Families, *, drawn: bool) -> str:
    """A comparison as Markdown; ``drawn``: families.svg is beside it."""
    return environment().get_template("families.md.j2").render(r=result, drawn=drawn, parts=PARTS)


def _config(family: Family, asked: Asked) -> NmpuConfig:
    equal = (
        *(f"array.columns={asked.columns}", f"array.lanes={asked.lanes}"),
        *("how.stages=1", "how.built=0", "how.memory=internal"),
    )
    return load(preset_name=family.preset, settings=(*family.settings, *equal))


def _job(family: Family, config: NmpuConfig, asked: Asked, work: Path) -> Job:
    folder = work / family.name.replace(",", "").replace(" ", "-")
    return Job(config, folder, asked.library, asked.dont_use, effort=asked.effort)


def _assembled(
    rows: Sequence[FamilyRow], beside: Sequence[FamilyRow], found: Sequence[Measured], asked: Asked, cells: Library
) -> Families:
    remarks = (text for each in found for text in (each.remark, *each.mapped.timing.warnings) if text)
    tools = {name: version for each in found for name, version in each.mapped.timing.tools.items()}
    area = asked.converter_um2
    plain, at_once, coded = beside
    return Families(
        library=cells.name,
        voltage=cells.voltage,
        temperature=cells.temperature,
        conditions=cells.conditions,
        timed=found[0].mapped.timing.source,
        columns=asked.columns,
        lanes=asked.lanes,
        effort=asked.effort,
        rows=tuple(rows),
        stochastic=(plain, at_once, coded),
        converter=Converter(
            bits=asked.converter_bits,
            area_um2=area,
            ge=None if area is None else round(cells.ge(area), 3),
        ),
        tools=dict(sorted(tools.items())),
        command=asked.words(),
        warnings=tuple(dict.fromkeys(text for text in remarks if not text[0].isdigit())),
    )


def _row(family: Family, config: NmpuConfig, found: Measured, asked: Asked, cells: Library) -> FamilyRow:
    area, derived, facts = found.mapped.area, config.derived, config.derived.front_end
    return FamilyRow(
        name=family.name,
        about=family.about,
        preset=family.preset,
        settings=family.settings,
        digest=digest(config),
        source=config.codes.source,
        order=config.front.order if facts.present else None,
        beat_bits=facts.beat_bits,
        steps=facts.steps,
        accumulators=facts.accumulators * facts.operands if facts.present else 0,
        operand=str(derived.operand),
        operand_bits=derived.operand.width,
        cycles=derived.pass_cycles(asked.columns),
        columns=asked.columns,
        parts=_parts(area, cells),
        critical_path_ps=area.critical_path_ps,
        critical_block=area.critical_block,
        period_ps=found.mapped.timing.min_period_ps,
        command=words("area", config, asked.library, asked.dont_use, "--effort", asked.effort),
    )


def _parts(area: AreaResult, cells: Library) -> tuple[Part, ...]:
    """The parts of a unit; one that is there several times is one module."""
    parts = []
    for name in PARTS:
        blocks = [block for block in area.blocks if _PARTS.get(block.name, "rest") == name]
        alone = len(blocks) == 1
        instances = blocks[0].instances if alone else min(len(blocks), 1)
        ge = blocks[0].ge if alone else sum(block.ge * block.instances for block in blocks)
        um2 = None if cells.neutral else round(ge * cells.nand2.area, 3)
        parts.append(Part(name=name, instances=instances, ge=round(ge, 3), area_um2=um2))
    return tuple(parts)
