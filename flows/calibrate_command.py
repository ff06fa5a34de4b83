"""The command that calibrates a layer's columns from measurements."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from golden.measured import Limits
from golden.measured.drift import Each

from .calibrate import Asked
from .calibrate import calibrate as calibrate_step
from .options import Json, Target, configured
from .screen import exit_unless, print_json, working

__all__ = ["calibrate"]

_LIMITS = Limits()


@configured
def calibrate(
    target: Target,
    pairs: Annotated[
        Path | None, typer.Option("--pairs", metavar="FILE", help="measured codes and ideal results, .npz or .csv")
    ] = None,
    batch_norm: Annotated[
        Path | None, typer.Option("--batch-norm", metavar="FILE", help="gamma, beta, mean, variance, .npz")
    ] = None,
    lsb: Annotated[
        float | None,
        typer.Option("--lsb", metavar="X", help="an output LSB in the unit of the ideal results (default: 1)"),
    ] = None,
    recalibrate: Annotated[
        Path | None,
        typer.Option("--recalibrate", metavar="FILE", help="scale that result.json by what the pairs tell"),
    ] = None,
    each: Annotated[Each, typer.Option("--each", help="of --recalibrate: a factor of what")] = "array",
    within: Annotated[
        float | None, typer.Option("--within", metavar="LSB", help="RMS error that --recalibrate may leave")
    ] = None,
    allow_dead: Annotated[
        bool, typer.Option("--allow-dead", help="dead columns get a gain of 0 and their mean result")
    ] = False,
    most_saturated: Annotated[
        float, typer.Option("--most-saturated", metavar="SHARE", help="vectors with a clipped code, of a good column")
    ] = _LIMITS.saturated,
    most_outliers: Annotated[
        float, typer.Option("--most-outliers", metavar="SHARE", help="outliers, of a good column")
    ] = _LIMITS.outliers,
    most_residual: Annotated[
        float, typer.Option("--most-residual", metavar="SHARE", help="of the spread of results, left unexplained")
    ] = _LIMITS.residual,
    most_clipped: Annotated[
        float, typer.Option("--most-clipped", metavar="SHARE", help="ideal results beyond the output's range")
    ] = _LIMITS.clipped,
    as_json: Json = False,
) -> None:
    """Make parameters from measured pairs of codes and ideal results, or scale earlier ones after drift."""
    config, work = target
    if pairs is None:
        raise ValueError("there are no pairs to calibrate from; --pairs FILE would do")
    limits = Limits(most_saturated, most_outliers, most_residual, most_clipped)
    asked = Asked(pairs, batch_norm, lsb, recalibrate, each, within, allow_dead, limits)
    folder = work / "calibrate"
    with working() as say:
        result = calibrate_step(config, asked, folder, say)
    if as_json:
        print_json(result.model_dump(mode="json"))
    else:
        print((folder / "calibrate.md").read_text())
        print(f"wrote {folder / ('params.hex' if result.passed else 'calibrate.md')}")
    if not result.passed:
        typer.echo(f"nmpu: no parameters: {result.failure}", err=True)
    exit_unless(result.passed)
