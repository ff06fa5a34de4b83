"""The whole path of a network: arrays, integers, accuracy, Verilog, parameters, and the replay that proves them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from golden.network import Deployed, DeployedStage
from nmpu_hdl.ports import top_name
from nmpu_hdl.program import param_words

from ..evaluate.inputs import Inputs, save_inputs
from ..evaluate.progress import Tell, quiet
from ..evaluate.step import Asked as Evaluated
from ..evaluate.step import evaluate
from ..evaluate.verilog import Program, draw, joined, program, run_verilog, taken
from ..evaluate.work import deployed
from ..generate import VERILOG, generate, macro_models
from ..lane_area import lane_area
from ..library import Library
from ..lint import lint
from ..templates import environment
from ..tool import write_together
from .files import FILES, write_files
from .result import Deployment, StageFacts

__all__ = ["Asked", "deploy_network", "render"]


@dataclass(frozen=True)
class Asked:
    """What is deployed, and how it is proved.

    Args:
        evaluation: the unit, the arrays and how accuracy is found; the first seed's arrays are those deployed.
        replay: ``all``, or the name of a stage that is to run on the Verilog.
        images: so many test images run on it.
        random: and so many results of codes by chance, of which every kind occurs.
        area: measure a lane's area, as it is configured and as the tile has it.
        library: a Liberty file for it; None for the neutral library.
        command: the command line that asks so.

    Raises:
        ValueError: naming the word, the value and what would do.
    """

    evaluation: Evaluated
    replay: str = "all"
    images: int = 2
    random: int = 20_000
    area: bool = False
    library: Path | None = None
    command: str = "nmpu deploy"

    def __post_init__(self) -> None:
        if self.images < 1:
            raise ValueError(f"replay images = {self.images}; 1 or more would do")
        if self.random < 0:
            raise ValueError(f"random = {self.random}: 0 or more would do")
        if self.library is not None and not self.area:
            raise ValueError("--lib is for the area; --area asks for it")
        posts = self.evaluation.posts
        if "nmpu" not in posts:
            raise ValueError(f"post = {','.join(posts)} leaves out the unit that is deployed; nmpu would do")


def deploy_network(
    asked: Asked,
    inputs: Inputs,
    work: Path,
    tell: Tell = quiet,
    *,
    aside: bool = True,
    runtime: Path | None = None,
) -> Deployment:
    """Do all of it in ``work``; leaves :data:`flows.deploy.files.FILES`, ``deploy.md`` and ``result.json`` there, and
    the steps in folders of their own: ``evaluate``, ``lint``, ``replay``.

    Args:
        asked: what, and how.
        inputs: the network and its images.
        work: the folder, made if absent.
        tell: told how far it is.
        aside: evaluate in processes of their own.
        runtime: of :func:`flows.simulate.simulate`.

    Raises:
        ValueError: what the network, the arrays or the unit refuse; a stage that there is not; a library that cannot
            be used.
        ToolMissing, ToolFailed: Verilator is not there, or a step could not be done.
        OSError: a file cannot be read or written.
    """
    cells = Library.read(asked.library, ()) if asked.area else None
    report = [work / name for name in ("result.json", "deploy.md")]
    for stale in report:
        stale.unlink(missing_ok=True)
    tell("arrays and integers")
    # Before the accuracy, so that what cannot be deployed is refused at once.
    unit = deployed(save_inputs(inputs, work / "evaluate"), asked.evaluation.how, asked.evaluation.seeds[0])
    chosen = _chosen(unit, asked, inputs)
    accuracy = evaluate(asked.evaluation, inputs, work / "evaluate", tell, aside=aside)
    tell("generate")
    generate(unit.config, work)
    write_files(unit, work)
    tell("lint")
    clean = lint(work / VERILOG, work / "lint", top_name(unit.config), macro_models(unit.config, work)).clean
    tell(f"{chosen.results:,} results on the Verilog")
    shown = run_verilog(unit, chosen, work / "replay", runtime)
    lane, in_tile = _lanes(unit, asked, cells, tell) if cells else (None, None)
    used = sum(one.layer.blocks * one.layer.slots(unit.config) for stage in unit.stages for one in stage.mapped)
    result = Deployment(
        evaluation=accuracy,
        seed=asked.evaluation.seeds[0],
        stages=tuple(map(_facts, unit.stages)),
        words=used,
        bank=param_words(unit.config),
        descriptors=(len(unit.descriptors), unit.config.tile.descriptors),
        files=FILES,
        clean=clean,
        replay=shown,
        replayed_images=asked.images,
        random=asked.random,
        lane_ge=lane,
        tile_lane_ge=in_tile,
        library=cells.name if cells else "",
        command=asked.command,
    )
    write_together({report[0]: result.model_dump_json(indent=2) + "\n", report[1]: render(result, unit)})
    return result


def render(result: Deployment, unit: Deployed) -> str:
    """A deployment as Markdown."""
    return (
        environment("flows.deploy")
        .get_template("deploy.md.j2")
        .render(r=result, e=result.evaluation, config=unit.config)
    )


def _chosen(unit: Deployed, asked: Asked, inputs: Inputs) -> Program:
    """The stages that are to run on the Verilog, with what they take of the first images.

    Raises:
        ValueError: there is no such stage, or there are not so many images.
    """
    names = [stage.name for stage in unit.stages]
    if asked.replay not in ("all", *names):
        raise ValueError(f"replay = {asked.replay} is no stage; all, {', '.join(names)} would do")
    if asked.images > len(inputs.images):
        raise ValueError(f"replay images = {asked.images}: there are {len(inputs.images)} test images")
    every = taken(unit, inputs.images[: asked.images])
    given = {k: one for k, one in every.items() if asked.replay in ("all", names[k])}
    if asked.random:
        more = draw(unit, given, asked.random, asked.evaluation.seeds[0], of_images=False)
        given = {k: joined(one, more[k]) for k, one in given.items()}
    return program(unit, given)


def _lanes(unit: Deployed, asked: Asked, cells: Library, tell: Tell) -> tuple[float, float]:
    """GE of a lane as it is configured, and of one of the tile that is deployed."""
    configured = asked.evaluation.how.config
    tell("area")
    alone = lane_area(configured, cells).lane_ge
    return alone, alone if configured == unit.config else lane_area(unit.config, cells).lane_ge


def _facts(stage: DeployedStage) -> StageFacts:
    planned, layer = stage.planned, stage.layer
    column = [params.shift for one in stage.mapped for params in one.params if params.shift is not None]
    shifts = _ends(column, zero=True) if column else _ends([one.layer.shifts for one in stage.mapped], zero=True)
    return StageFacts(
        name=stage.name,
        rows=planned.stage.rows,
        columns=planned.stage.columns,
        blocks=layer.blocks,
        base=layer.base,
        shifts=shifts,
        scales=_ends([params.scales for one in stage.mapped for params in one.params]),
        lsb=planned.out_lsb,
        residual=planned.residual,
        pooling=(layer.pooling, layer.pool_window),
        activation=str(layer.settings.activation),
        hands_on=layer.sum_out,
        error=round(float(max(one.error.max() for one in stage.mapped)), 4),
    )


def _ends(arrays: Sequence[object], zero: bool = False) -> tuple[int, int] | None:
    """The least and the largest integer, of those that are not 0 unless ``zero``."""
    values = np.concatenate([np.asarray(one).reshape(-1) for one in arrays])
    values = values if zero else values[values != 0]
    return (int(values.min()), int(values.max())) if values.size else None
