"""The part of docs/results.md about layouts: what an estimate before layout is worth."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from flows.layout.asked import Asked
from flows.layout.picture import draw
from flows.layout.result import LayoutResult
from flows.layout.step import layout
from flows.layout.technology import osu018
from nmpu_hdl.presets import load

__all__ = ["Layout", "laid_out", "pictures", "section"]

_PIXELS = 1200


class Layout(NamedTuple):
    """What is laid out: a preset's lane, or a core of some."""

    about: str
    settings: tuple[str, ...] = ()
    lanes: int | None = None
    width_um: float | None = None

    @property
    def command(self) -> str:
        """How a user has it."""
        sets = "".join(f" --set {text}" for text in self.settings)
        lanes = f" --lanes {self.lanes}" if self.lanes else ""
        width = f" --width-um {self.width_um:g}" if self.width_um else ""
        return f"nmpu layout --preset paper{sets}{lanes}{width}"


_SERIAL = "how.architecture=serial"
LAYOUTS = {
    "lane": Layout("lane"),
    "lane2": Layout("lane, two stages", ("how.stages=2",)),
    "narrow": Layout("the same, no wider than 120 um", ("how.stages=2",), width_um=120),
    "shared": Layout("shared lane, two stages", ("how.architecture=shared", "how.stages=2")),
    "radix4": Layout("serial lane, radix 4, two stages", (_SERIAL, "how.radix=4", "how.stages=2")),
    "radix2": Layout("serial lane, radix 2, two stages", (_SERIAL, "how.stages=2")),
    "array": Layout("core of 4 lanes, two stages", ("how.stages=2",), lanes=4),
    "serial-array": Layout("core of 4 serial lanes, radix 2, two stages", (_SERIAL, "how.stages=2"), lanes=4),
}

_INTRO = """## Layouts

Placed and routed in OSU's 180 nm cells by graywolf and qrouter, checked by magic and netgen, timed and measured again
with the wires: [layout.md](layout.md). *Estimate*: the same netlist without wires. The clock is everywhere at once in
both; *clock's wires*: the least period with those as they are, without a clock tree. *um a column*: what a lane takes
of the crossbar's edge. Energy is at the least period with wires.

"""
_COLUMNS = (
    *("", "GE", "block, um x um", "um a column", "cells fill", "wires, mm", "rules", "netlist"),
    *(
        "least period, ps: estimate",
        "with wires",
        "more",
        "clock's wires",
        "pJ a column: estimate",
        "with wires",
        "more",
    ),
)


def laid_out(work: Path, say: Callable[[str], None]) -> dict[str, LayoutResult]:
    """All of them, each in a folder of its own."""
    found = {}
    for name, what in LAYOUTS.items():
        asked = Asked(lanes=what.lanes, width_um=what.width_um)

        def told(step: str, name: str = name) -> None:
            say(f"layout {name}: {step}")

        found[name] = layout(load(settings=what.settings), work / name, asked, told)
    return found


def pictures(found: dict[str, LayoutResult], folder: Path) -> None:
    """The pictures that the pages show, of a lane and of a core."""
    for name in ("lane2", "array"):
        draw(Path(found[name].layout), osu018(), folder / f"layout_{name}.png", pixels=_PIXELS)


def section(found: dict[str, LayoutResult], date: str) -> str:
    """The part."""
    rows = "".join(_row(LAYOUTS[name], result) + "\n" for name, result in found.items())
    commands = "".join(f"- {what.about}: `{what.command}`\n" for what in LAYOUTS.values())
    tools = ", ".join(f"{name} {version}" for name, version in next(iter(found.values())).tools.items())
    shown = "![lane, two stages](layout_lane2.png)\n\n![core of 4 lanes](layout_array.png)\n"
    head = f"| {' | '.join(_COLUMNS)} |\n|---{'|---:' * (len(_COLUMNS) - 1)}|\n"
    return f"{_INTRO}{head}{rows}\n{commands}\nMeasured on {date}. Tools: {tools}.\n\n{shown}"


def _row(what: Layout, result: LayoutResult) -> str:
    timing, power = result.timing, result.power
    before, after, clocked = (each.min_period_ps for each in (timing.estimate, timing.routed, timing.clock_wires))
    parts = [
        what.about,
        f"{result.ge:,.0f}",
        f"{result.width_um:.0f} x {result.height_um:.0f}",
        f"{result.width_per_column_um:.0f}",
        f"{result.utilisation:.0%}",
        f"{sum(result.wire_um.values()) / 1000:.1f}",
        f"{result.rules.errors} errors",
        "matches" if result.netlist.matches else "differs",
        *(f"{number:,.0f}" for number in (before, after)),
        f"{timing.ratio - 1:+.0%}",
        f"{clocked:,.0f}",
    ]
    if power:
        parts += [f"{each.energy_per_column_pj:.1f}" for each in (power.estimate, power.routed)]
        parts.append(f"{power.ratio - 1:+.0%}")
    else:
        parts += ["not measured", "", ""]
    return f"| {' | '.join(parts)} |"
