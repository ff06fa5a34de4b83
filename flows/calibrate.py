"""Calibration from measured pairs: robust fit, integers, a report on every column, and the parameter image."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from golden import BatchNorm, Wanted
from golden.measured import Calibrated, Limits, Pairs, Rescaled, Verdict, check, finish, fit_pairs, rescale
from golden.measured.drift import Each
from golden.measured.pairs import LARGEST, SMALLEST
from nmpu_hdl.config import NmpuConfig

from .calibrate_chart import chart
from .calibrate_files import read_batch_norm, read_pairs
from .calibrate_image import remove_image, write_image
from .calibrate_result import CalibrateResult, Drift
from .calibrate_rows import FLOATING, assemble, formats, known
from .compare_designs import words
from .templates import environment
from .tool import write_together

__all__ = ["Asked", "calibrate", "render"]

_MORE = 1.5
"""RMS error that a re-calibration may leave, of the earlier calibration's."""

_LEAST = 0.5
"""The same in output LSB, whatever the earlier one was: rounding alone gives 0.29."""


@dataclass(frozen=True)
class Asked:
    """What is calibrated.

    Args:
        pairs: file of codes and ideal results.
        batch_norm: file of a batch norm in the unit of the ideal results; None: there is none.
        lsb: an output LSB in that unit.
        earlier: ``result.json`` of a calibration to be brought up to date; its batch norm and LSB hold.
        each: what has a factor in a re-calibration.
        within: RMS error that a re-calibration may leave, output LSB; None: half as much more as the earlier one's, or
            0.5 if that is more.
        allow_dead: columns that cannot follow their inputs get a gain of 0 and their mean result.
        limits: what columns are refused for.

    Raises:
        ValueError: a number that makes no sense, or what does not go together.
    """

    pairs: Path
    batch_norm: Path | None = None
    lsb: float | None = None
    earlier: Path | None = None
    each: Each = "array"
    within: float | None = None
    allow_dead: bool = False
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if self.lsb is not None and not (math.isfinite(self.lsb) and self.lsb > 0):
            raise ValueError(f"--lsb {self.lsb:g}: a number above 0 would do")
        if self.lsb is not None and not SMALLEST <= self.lsb <= LARGEST:
            raise ValueError(f"--lsb {self.lsb:g}: {SMALLEST:g} to {LARGEST:g} would do; choose another unit")
        if self.within is not None and not self.within > 0:
            raise ValueError(f"--within {self.within:g}: a number above 0 would do")
        if self.earlier is None and (self.each != "array" or self.within is not None):
            word = "--each" if self.each != "array" else "--within"
            raise ValueError(f"{word} is for a re-calibration; --recalibrate FILE would do")
        if self.earlier is not None and (self.batch_norm or self.lsb is not None):
            word = "--batch-norm" if self.batch_norm else "--lsb"
            raise ValueError(f"{word} does not go with --recalibrate: that of {self.earlier} holds; leave it out")

    def words(self, config: NmpuConfig) -> str:
        """The command line that asks so."""
        line = ["--pairs", str(self.pairs)]
        line += ["--batch-norm", str(self.batch_norm)] if self.batch_norm else []
        line += ["--lsb", f"{self.lsb:g}"] if self.lsb is not None else []
        line += ["--recalibrate", str(self.earlier)] if self.earlier else []
        line += ["--each", self.each] if self.each != "array" else []
        line += ["--within", f"{self.within:g}"] if self.within is not None else []
        line += ["--allow-dead"] if self.allow_dead else []
        for name, value in vars(self.limits).items():
            line += [f"--most-{name}", f"{value:g}"] if value != getattr(Limits(), name) else []
        return words("calibrate", config, None, (), *line)


def calibrate(config: NmpuConfig, asked: Asked, folder: Path, say: Callable[[str], None]) -> CalibrateResult:
    """Calibrate all columns of a layer, or bring an earlier calibration up to date.

    Leaves in ``folder``: ``result.json``, ``calibrate.md``, with matplotlib ``calibrate.svg``; and, where no column is
    refused and a re-calibration is good enough, the parameter image.  An earlier image does not stay.

    Args:
        config: the configuration.
        asked: what is calibrated.
        folder: the folder to work in, made if absent.
        say: told what is being done.

    Raises:
        ValueError: one line: a file that cannot be used, or pairs that do not fit.
        OSError: a file cannot be read or written.
    """
    say("read")
    found = read_pairs(config, asked.pairs)
    if asked.earlier is None:
        lsb = 1.0 if asked.lsb is None else asked.lsb
        norm = None if asked.batch_norm is None else read_batch_norm(asked.batch_norm, found.pairs.columns)
        wanted = _wanted(found.pairs.columns, found.bias, norm, lsb)
        say("fit")
        fitted = fit_pairs(config, found.pairs, asked.limits)
        made = finish(config, found.pairs, fitted, wanted, limits=asked.limits, allow_dead=asked.allow_dead)
        result = assemble(config, found.pairs, made, None, _about(config, asked, lsb))
    else:
        if found.bias.any():
            raise ValueError(f"{asked.pairs}: a bias does not go with --recalibrate: that of {asked.earlier} holds")
        result, made = _again(config, asked, found.pairs, asked.earlier)
    say("write")
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / name for name in ("result.json", "calibrate.md", "calibrate.svg")]
    for stale in files:
        stale.unlink(missing_ok=True)
    remove_image(folder)
    drawn = chart(result)
    text = {files[0]: result.model_dump_json(indent=1) + "\n", files[1]: render(result, drawn=drawn is not None)}
    write_together(text | ({files[2]: drawn} if drawn is not None else {}))
    if result.passed:
        write_image(config, made.integers, folder)
    return result


def render(result: CalibrateResult, *, drawn: bool) -> str:
    """A calibration as Markdown; ``drawn``: calibrate.svg is beside it."""
    return environment().get_template("calibrate.md.j2").render(r=result, drawn=drawn)


def _wanted(columns: int, bias: NDArray[Any], norm: BatchNorm | None, lsb: float) -> Wanted:
    """What the layer computes, in output LSB, from what is known in the unit of the ideal results."""
    if norm is not None:
        gamma, beta, mean, variance = (np.asarray(one) for one in norm[:4])
        norm = BatchNorm(gamma / lsb, beta / lsb, mean / lsb, variance / lsb**2, norm.eps / lsb**2)
    return Wanted(np.full(columns, 1 / lsb), bias / lsb, norm)


def _again(config: NmpuConfig, asked: Asked, pairs: Pairs, file: Path) -> tuple[CalibrateResult, Calibrated]:
    """An earlier calibration, brought up to date."""
    earlier = _earlier(config, file)
    verdicts = tuple(Verdict(row.verdict, row.why) for row in earlier.columns)
    wanted, old = earlier.wanted.wanted(), earlier.fit.fitted(verdicts)
    weight = np.abs(wanted.folded().gain)
    try:
        found = rescale(config, old, pairs, asked.each, weight)
        before = check(config, pairs, earlier.integers.integers(), wanted, found.fitted.good)
    except ValueError as error:
        raise ValueError(f"{asked.pairs} with {file}: {error}") from None
    made = finish(config, pairs, found.fitted, wanted, limits=asked.limits, allow_dead=asked.allow_dead)
    limit = asked.within
    if limit is None:
        limit = max(_MORE * (earlier.rms or 0.0), _LEAST)
    worst, rms = before.total(made.fine)
    after = made.checked.total(made.fine)
    drift = Drift(
        each=asked.each,
        factor=_factors(found, asked.each),
        factor_error=float(found.error.max()),
        spread=known(float(np.nanstd(found.own))) if np.isfinite(found.own).any() else None,
        worst_before=known(worst),
        rms_before=known(rms),
        worst_after=known(after[0]),
        rms_after=known(after[1]),
        rms_earlier=earlier.rms,
        limit=limit,
        enough=bool(after[1] <= limit),
    )
    return assemble(config, pairs, made, drift, _about(config, asked, earlier.lsb)), made


def _earlier(config: NmpuConfig, file: Path) -> CalibrateResult:
    """The calibration of a result.json.

    Raises:
        ValueError: it is none, or one of another arithmetic.
    """
    try:
        earlier = CalibrateResult.model_validate_json(file.read_text(encoding="utf-8"))
    except ValidationError as error:
        first = error.errors()[0]
        where = "".join(f"{part}." for part in first["loc"])[:-1]
        why = f"{where}{': ' if where else ''}{first['msg'].removeprefix('Value error, ')}"
        raise ValueError(f"{file}: not the result.json of nmpu calibrate: {why}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{file}: not the result.json of nmpu calibrate: not UTF-8") from None
    forms, floating = formats(config), earlier.scale == FLOATING
    norm = "none" if earlier.integers.norm_scale is None else "affine"
    for name, there, here in (
        ("codes.counts", earlier.counts, config.codes.counts),
        ("codes.format", earlier.codes, forms["codes"]),
        ("arithmetic.kind", "fp16" if floating else "fixed", config.arithmetic.kind),
        ("scale.format", earlier.scale, forms["scale"]),
        ("offset.format", earlier.offset, forms["offset"]),
        ("output.format", earlier.output, forms["output"]),
        ("shift.granularity", earlier.granularity, forms["granularity"]),
        ("norm.kind", norm, config.norm.kind),
    ):
        if there != here:
            raise ValueError(
                f"{file}: {name} = {there} there, {here} here; the configuration of that calibration would do"
            )
    return earlier


def _about(config: NmpuConfig, asked: Asked, lsb: float) -> dict[str, Any]:
    return {"pairs": str(asked.pairs), "command": asked.words(config), "lsb": lsb}


def _factors(found: Rescaled, each: Each) -> Any:
    return found.factor.tolist() if each == "column" else found.factor[:, int(np.argmax(found.fitted.fine))].tolist()
