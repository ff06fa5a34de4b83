"""Compare fixed point with binary16, sweep over lanes, compare front ends, lay out, run networks: docs/results.md.

python -m tests.benchmarks.results ../shared/lib/nangate45_typ.lib ../shared/lib/asap7_rvt_tt.lib \\
    --sweep ../shared/lib/sky130hd_tt.lib --sweep ../shared/lib/ihp_sg13g2_typ_1p20V_25C.lib
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from flows.compare import compare, render
from flows.compare_chart import chart
from flows.compare_result import Comparison
from flows.families import Asked, families
from flows.families_chart import chart as families_chart
from flows.optimize.chart import chart as formats_chart
from flows.sweep import sweep
from flows.sweep_chart import chart as sweep_chart
from flows.tool import write_together
from nmpu_hdl.presets import load

from . import architectures, front_ends, layouts, network_results

DOCS = Path(__file__).parents[2] / "docs"
FULL, FURTHER = 1, (2, 3)
"""Stages of the configuration that is shown in full, and of those whose ratios are."""

_INTRO = """# Results

`make results` writes this page and its charts. This part was measured on {date}; {versions}.

The paper's preset against the same unit in binary16, built as well as we can: `nmpu compare` in {count} {libraries}.
What is divided by what, what differs from the paper's own comparison, and why a figure is below it, is said under each
library. Then [lanes of other architectures](#architectures-of-lanes-and-efforts-of-mapping), [front ends](#front-ends),
[layouts](#layouts), and whole [networks](#networks).
How areas are measured: [area.md](area.md); the arithmetic: [arithmetic.md](arithmetic.md).
"""


class Part(StrEnum):
    """What the page consists of, in this order; each is measured by itself."""

    FLOATS = "floats"
    LANES = "lanes"
    FAMILIES = "families"
    LAYOUTS = "layouts"
    NETWORKS = "networks"


def main(
    libs: Annotated[list[Path], typer.Argument(help="Liberty files, named in the page as they are given")],
    sweeps: Annotated[list[Path] | None, typer.Option("--sweep", help="a Liberty file to sweep in only")] = None,
    parts: Annotated[list[Part] | None, typer.Option("--part", help="to measure anew (default: all)")] = None,
    date: Annotated[
        str | None, typer.Option(help="of the measurement, as it is to be written (default: today)")
    ] = None,
    work: Annotated[Path, typer.Option(help="folder for what the tools leave; taken up where it was left")] = Path(
        "build/results"
    ),
    data: Annotated[Path, typer.Option(help="folder of the networks and their images")] = Path("../shared/data"),
    further: Annotated[bool, typer.Option(help="the ratios for 2 and 3 stages as well")] = True,
) -> None:
    """Compare in every library, sweep in those and in others, compare front ends, lay out, and write the page."""
    for part in parts or Part:
        if part is Part.FLOATS:
            write_part(part, *_floats(libs, work, date or _today(), further=further))
        elif part is Part.LANES:
            write_part(part, *_lanes((*libs, *(sweeps or ())), work, date or _today()))
        elif part is Part.FAMILIES:
            write_part(part, *_families(libs, work, date or _today()))
        elif part is Part.NETWORKS:
            write_part(part, *_networks(data, libs[0], work / "networks", date or _today()))
        else:
            found = layouts.laid_out(work / "layout", _say)
            write_part(part, layouts.section(found, date or _today()), {})
            layouts.pictures(found, DOCS)


def _floats(libs: Sequence[Path], work: Path, date: str, *, further: bool) -> tuple[str, dict[str, str | None]]:
    measured = [
        [
            compare(load(settings=[f"how.stages={stages}"]), work / lib.stem, _say, library=lib)
            for stages in (FULL, *(FURTHER if further else ()))
        ]
        for lib in libs
    ]
    charts = {f"results_{lib.stem}.svg": chart(runs[0]) for lib, runs in zip(libs, measured, strict=True)}
    return page(measured, _drawn(charts), date), charts


def _lanes(libs: Sequence[Path], work: Path, date: str) -> tuple[str, dict[str, str | None]]:
    swept = [
        sweep(load(), work / f"{lib.stem}-sweep", _say, library=lib, dont_use=architectures.AVOIDED.get(lib.stem, ()))
        for lib in libs
    ]
    charts = {f"lanes_{lib.stem}.svg": sweep_chart(result) for lib, result in zip(libs, swept, strict=True)}
    return architectures.section(swept, _drawn(charts), date), charts


def _families(libs: Sequence[Path], work: Path, date: str) -> tuple[str, dict[str, str | None]]:
    measured = [
        families(Asked(lib, front_ends.AVOIDED.get(lib.stem, ())), work / f"{lib.stem}-families", _say) for lib in libs
    ]
    charts = {f"families_{lib.stem}.svg": families_chart(result) for lib, result in zip(libs, measured, strict=True)}
    return front_ends.section(measured, _drawn(charts), date), charts


def _networks(data: Path, lib: Path, work: Path, date: str) -> tuple[str, dict[str, str | None]]:
    judged = network_results.evaluated(data, work, _say)
    found = network_results.optimized(data, lib, work, _say)
    charts = {f"formats_{one.asked.network}.svg": formats_chart(one) for one in found}
    return network_results.section(judged, found, _drawn(charts), date), charts


def write_part(part: Part, text: str, charts: Mapping[str, str | None]) -> None:
    """Put a part in its place in the page, and its charts beside it."""
    page = DOCS / "results.md"
    there = dict(
        re.findall(r"^<!-- part (\w+) -->\n(.*?)(?=^<!-- part |\Z)", page.read_text(), re.DOTALL | re.MULTILINE)
    )
    there[part] = text
    whole = "\n\n".join(f"<!-- part {name} -->\n{there[name].strip()}" for name in Part if name in there)
    write_together({page: whole + "\n"} | {DOCS / name: drawn for name, drawn in charts.items() if drawn})


def _drawn(charts: Mapping[str, str | None]) -> list[str | None]:
    """Names of the charts that could be drawn."""
    return [name if drawn else None for name, drawn in charts.items()]


def page(measured: Sequence[Sequence[Comparison]], charts: Sequence[str | None], date: str) -> str:
    """The page: for every library its comparisons, the one that is shown in full first, and the name of its chart."""
    first = [runs[0] for runs in measured]
    versions = dict.fromkeys(f"{tool} {version}" for result in first for tool, version in result.tools.items())
    libraries = "library" if len(first) == 1 else "libraries"
    parts = [_INTRO.format(date=date, versions=", ".join(versions), count=len(first), libraries=libraries)]
    parts.append(_summary(first))
    if any(len(runs) > 1 for runs in measured):
        parts.append(_stages(measured))
    for result, drawn in zip(first, charts, strict=True):
        text = render(result, drawn=drawn is not None).replace("compare.svg", drawn or "")
        parts.append(re.sub(r"^#", "##", text, flags=re.MULTILINE))
    return "\n".join(parts)


def _summary(results: Sequence[Comparison]) -> str:
    lines = ["## In short", "", "| | paper | " + " | ".join(f"`{r.library}`" for r in results) + " |"]
    lines.append("|---|---:|" + "---:|" * len(results))
    for number, ratio in enumerate(results[0].ratios):
        ours = " | ".join(f"{r.ratios[number].ours:,.1f}" for r in results)
        lines.append(f"| {ratio.name} | {'' if ratio.paper is None else f'{ratio.paper:g}'} | {ours} |")
    return "\n".join([*lines, ""])


def _stages(measured: Sequence[Sequence[Comparison]]) -> str:
    """The ratios against fixed lanes of more stages, which binary16 has to keep up with."""
    lines = ["## Fixed lanes with more stages", "", "| library | fixed: stages | GE | ps | FP16: stages | GE | ps |"]
    lines[-1] += " area, equal throughput and clock | time | time, FP16 pipelined |"
    lines.append("|---|" + "---:|" * 9)
    for runs in measured:
        for result in runs:
            fixed, quick = result.lane("fixed", "configured"), result.lane("fp16 fused", "pipelined")
            lanes = " | ".join(f"{row.stages} | {row.ge:,.0f} | {row.period_ps:,.0f}" for row in (fixed, quick))
            ratios = {ratio.name: ratio.ours for ratio in result.ratios}
            names = ("lane area, equal throughput and clock", "time", "time, FP16 pipelined")
            lines.append(
                f"| `{result.library}` | {lanes} | " + " | ".join(f"{ratios[name]:,.1f}" for name in names) + " |"
            )
    return "\n".join([*lines, ""])


def _say(step: str) -> None:
    print(step, flush=True)


def _today() -> str:
    return datetime.datetime.now(tz=datetime.UTC).date().isoformat()


if __name__ == "__main__":
    typer.run(main)
