"""Fixed point beside binary16, for one configuration and one library: lanes, units, and what follows from them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from nmpu_hdl.config import NmpuConfig

from .compare_chart import chart
from .compare_designs import FLOATS, core, floating, unit
from .compare_measure import Measured, fastest, lane_of_floats, measured, pipelined
from .compare_result import Comparison, Form
from .compare_rows import ALL, ALONE, NMPU, ONE, Found, Plan, assembled, target_of
from .library import Library
from .parallel import Crew, Task
from .templates import environment
from .tool import write_together

__all__ = ["compare", "render"]


def compare(
    config: NmpuConfig,
    work: Path,
    say: Callable[[str], None],
    *,
    library: Path | None = None,
    dont_use: tuple[str, ...] = (),
) -> Comparison:
    """Measure the lane and the unit of ``config`` and those of binary16, and compare them.

    Leaves in ``work``: ``result.json``, ``compare.md``, with matplotlib ``compare.svg``, and a folder a row; rows whose
    inputs are the same are not measured again.

    Args:
        config: a core of fixed point.
        work: the folder to work in, made if absent.
        say: told how far it is.
        library: a Liberty file; None for the neutral library, whose times are nominal, and which knows no power.
        dont_use: patterns of cells to avoid.

    Raises:
        ValueError: one line: the configuration has no counterpart in binary16, or the library cannot be used.
        ToolFailed: a tool failed.
        OSError: a file cannot be read or written.
    """
    if config.derived.floating or config.derived.tiled:
        field = f"arithmetic.kind = {config.arithmetic.kind}, tile.kind = {config.tile.kind}"
        raise ValueError(f"{field}: compare starts from a core of fixed point; fixed and none would do")
    if config.derived.front_end.present:
        raise ValueError(
            f"codes.source = {config.codes.source}: binary16 has no front end to compare with; counts would do, "
            "and nmpu families compares front ends"
        )
    floating(config, 1)
    cells = Library.read(library, dont_use)
    files = [work / name for name in ("result.json", "compare.md", "compare.svg")]
    for stale in files:
        stale.unlink(missing_ok=True)
    plan = Plan(config, work, library, dont_use)
    with Crew(lambda name, ended, begun: say(f"{ended} of {begun} done, the last: {name}")) as crew:
        found = _measure(plan, crew)
    result = assembled(plan, found, cells)
    drawn = chart(result)
    text = {files[0]: result.model_dump_json(indent=2) + "\n", files[1]: render(result, drawn=drawn is not None)}
    write_together(text | ({files[2]: drawn} if drawn is not None else {}))
    return result


def render(result: Comparison, *, drawn: bool) -> str:
    """A comparison as Markdown; ``drawn``: compare.svg is beside it."""
    return environment().get_template("compare.md.j2").render(r=result, drawn=drawn)


def _measure(plan: Plan, crew: Crew) -> Found:
    config = plan.config
    first = crew.do("fixed lane", measured, plan.job("fixed", core(config)))
    units: dict[tuple[str, Form], Task[Measured]] = {}

    def begin(name: str, form: Form, design: NmpuConfig, *, energy: bool = True) -> None:
        job = plan.job(f"{name} {form}", design, energy=energy)
        units[name, form] = crew.do(f"{name} {form}", measured, job)

    begin(NMPU, "configured", unit(config))
    fixed = first.result()
    target = target_of(fixed)
    lanes = {
        name: crew.do(name, lane_of_floats, plan.job(name, floating(core(config), 1, **how)), target)
        for name, how in FLOATS.items()
    }
    quickest = crew.do("fixed lane, mapped for speed", fastest, plan.job("fixed fastest", core(config), energy=False))
    one_job = plan.job("one count", floating(core(config), 1, counts=1), energy=False)
    one = crew.do("FP16 lane of one count", measured, one_job)
    begin(ALONE, "configured", unit(config, 1))
    begin(ONE, "unpipelined", floating(unit(config, 1), 1))
    begin(ALL, "unpipelined", floating(unit(config, 0), 1), energy=False)
    stages = lanes["fp16 fused"].result()[1].config.how.stages
    job = plan.job(f"{ONE} pipelined", floating(unit(config, 1), stages), target)
    units[ONE, "pipelined"] = crew.do(f"{ONE} pipelined", pipelined, job, stages)
    floats = {name: task.result() for name, task in lanes.items()}
    return Found(fixed, quickest.result(), floats, one.result(), {key: task.result() for key, task in units.items()})
