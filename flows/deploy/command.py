"""``nmpu deploy``: from a network to Verilog, parameters and proof in one command."""

from __future__ import annotations

from typing import Annotated

import typer

from ..evaluate.progress import counting
from ..evaluate.words import Words, on_network
from ..options import Json, Lib, Target, configured
from ..screen import exit_unless, print_json
from .step import Asked, deploy_network

__all__ = ["deploy"]


@configured
@on_network
def deploy(
    target: Target,
    given: Words,
    replay: Annotated[
        str, typer.Option("--replay", metavar="all|STAGE", help="what runs on the generated Verilog")
    ] = "all",
    replay_images: Annotated[int, typer.Option("--replay-images", help="test images that run on it")] = 2,
    random: Annotated[int, typer.Option("--random", help="results of codes by chance that run on it besides")] = 20_000,
    area: Annotated[bool, typer.Option("--area", help="measure the area of a lane as well")] = False,
    lib: Lib = None,
    as_json: Json = False,
) -> None:
    """Put a network on the unit: arrays, integers, accuracy, Verilog, parameters, and a replay that proves them."""
    config, work = target
    more = ["--replay", replay, "--replay-images", str(replay_images), "--random", str(random)]
    more += ["--area"] if area else []
    more += ["--lib", str(lib)] if lib else []
    evaluation = given.asked(config, "deploy", *more)
    asked = Asked(evaluation, replay, replay_images, random, area, lib, evaluation.command)
    folder = work / "deploy"
    with counting() as tell:
        result = deploy_network(asked, given.inputs(tell), folder, tell)
    if as_json:
        print_json({"passed": result.passed, **result.model_dump(mode="json")})
    else:
        print((folder / "deploy.md").read_text())
        print(f"{'passed' if result.passed else 'FAILED'}; wrote {folder / 'deploy.md'}")
    exit_unless(result.passed)
