"""``nmpu evaluate``: how accurate a network is on arrays, by each arithmetic behind their converters."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..options import Json, Target, configured
from ..screen import exit_unless, print_json
from .inputs import Inputs, save_inputs
from .progress import Tell, counting
from .result import Speed
from .step import Asked
from .step import evaluate as evaluate_step
from .verilog import Replayed, draw, program, run_verilog, taken
from .words import Words, on_network
from .work import deployed

__all__ = ["evaluate"]

_REAL = 8
"""Images whose codes are among the triples."""


@configured
@on_network
def evaluate(
    target: Target,
    given: Words,
    triples: Annotated[
        int | None,
        typer.Option("--triples", help="also compare so many random results of all layers with the Verilog's"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Run a network on analog arrays and the unit, bit by bit, beside float32 and binary16; write evaluate.md."""
    if triples is not None and triples < 1:
        raise ValueError(f"triples = {triples}: 1 or more would do")
    config, work = target
    folder = work / "evaluate"
    asked = given.asked(config, "evaluate", *(["--triples", str(triples)] if triples else []))
    with counting() as tell:
        inputs = given.inputs(tell)
        result = evaluate_step(asked, inputs, folder, tell)
        shown = _triples(asked, inputs, folder, triples, tell) if triples else None
    speed = Speed.model_validate_json((folder / "speed.json").read_text())
    if as_json:
        told = result.model_dump(mode="json"), speed.model_dump(mode="json")
        print_json(
            {"evaluation": told[0], "speed": told[1], "triples": shown.model_dump(mode="json") if shown else None}
        )
    else:
        print((folder / "evaluate.md").read_text())
        _print(speed, shown)
        print(f"wrote {folder / 'evaluate.md'}")
    exit_unless(shown is None or shown.exact)


def _triples(asked: Asked, inputs: Inputs, folder: Path, results: int, tell: Tell) -> Replayed:
    """Random results of all layers on the Verilog, with the first seed's arrays."""
    unit = deployed(save_inputs(inputs, folder), asked.how, asked.seeds[0])
    tell(f"{results:,} results on the Verilog")
    chosen = draw(unit, taken(unit, inputs.images[:_REAL]), results, asked.seeds[0])
    return run_verilog(unit, program(unit, chosen), folder / "triples")


def _print(speed: Speed, shown: Replayed | None) -> None:
    rates = ", ".join(f"{name} {rate:,.0f}" for name, rate in speed.images_per_second.items())
    print(f"images a second of processor time ({speed.processes} side by side): {rates}")
    if shown is not None:
        same = "all the same" if shown.exact else f"DIFFERENT: {shown.difference}"
        print(
            f"Verilog: {shown.results:,} results of {shown.columns:,} columns of {len(shown.stages)} stages, "
            f"made of {shown.codes:,} codes, {same}"
        )
