"""Accuracy of whole networks, and the formats that an optimisation finds for them, as a part of docs/results.md."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from flows.evaluate.result import Evaluation
from flows.evaluate.statistics import Spread
from flows.evaluate.step import evaluate
from flows.evaluate.words import Words
from flows.optimize.result import Loss, Optimized
from nmpu_hdl.presets import load

__all__ = ["NETWORKS", "PAPER", "evaluated", "section"]

NETWORKS = {"resnet9": "cifar10", "resnet32": "cifar100"}
"""Networks and their images in ../shared/data."""

PAPER = {"resnet9": 0.12, "resnet32": 0.40}
"""Points that the paper loses against binary16; on networks and chips of its own."""

_SEEDS = 5
_CALIBRATION = 512

_INTRO = """## Networks

Measured on {date}; NumPy {numpy}. ResNet9 on CIFAR-10 and ResNet32 on CIFAR-100, trained for noisy weights, {images}
test images each, {seeds} seeds of the arrays: tiles of 256 rows, two devices a weight with the programming noise and
1/f noise of aihwkit's `HermesNoiseModel`, converters of 10 bits whose gains spread by 7 % and whose offsets by 2
counts. Every column is calibrated on vectors of {calibration} calibration images, shifts are a layer. Activations are
8 bits on the same grids in all three; the unit has the paper's formats. How: [evaluate.md](evaluate.md).

| network | float32, no arrays | then float32 | then FP16 | then NMPU | loss against FP16, points | the paper's loss |
|---|---:|---:|---:|---:|---:|---:|
"""

_NOTE = """
*Then*: what follows the arrays' converters. Accuracies are means over seeds, with limits of 95 % over seeds (of float32
without arrays: over images); losses with limits of 95 % over images. The paper's networks, weights and chip are others:
only losses compare.

| network | seed | float32 | FP16 | NMPU | loss, points | only FP16 right | only NMPU right | p (exact McNemar) |
|---|---:|---:|---:|---:|---:|---:|---:|---:|
"""

_FORMATS = """
### Cheaper formats

`nmpu optimize` on {search} of the images, {seeds} seeds, verified on the other {verify}, which the search never saw.
How it searches and what a lane's area is: [optimize.md](optimize.md).

| network | formats, where not the paper's | lane, GE | saved | lane in the tile, GE | {loss} | {last} |
|---|---|---:|---:|---:|---:|---:|
"""


def evaluated(data: Path, work: Path, say: Callable[[str], None]) -> list[Evaluation]:
    """Evaluate both networks with the paper's formats; taken up where it was left.

    Args:
        data: the folder of networks and images.
        work: the folder to work in.
        say: told how far it is.
    """
    found = []
    for network, images in NETWORKS.items():
        words = Words(
            network,
            data / f"{network}_{images}.npz",
            data / f"{images}.npz",
            seeds=_SEEDS,
            calibration_images=_CALIBRATION,
        )
        asked = words.asked(load(), "evaluate")
        told = lambda what, done=0, total=0, name=network: say(f"{name}: {what} {done} of {total}")  # noqa: E731
        found.append(evaluate(asked, words.inputs(say), work / network / "evaluate", told))
    return found


def section(evaluations: Sequence[Evaluation], optimized: Sequence[Optimized], date: str) -> str:
    """The part of the page."""
    first = evaluations[0]
    text = _INTRO.format(
        date=date,
        numpy=first.tools["numpy"],
        images=f"{first.images:,}",
        seeds=len(first.seeds),
        calibration=first.calibration,
    )
    lines = [text.rstrip("\n"), *map(_accuracy, evaluations), _NOTE.rstrip("\n")]
    lines += [line for one in evaluations for line in _seeds(one)]
    if optimized:
        asked = optimized[0].asked
        told = {"search": f"{asked.search_images:,}", "seeds": len(asked.seeds), "verify": f"{asked.verify_images:,}"}
        told |= {"loss": "loss there against FP16, points", "last": "against the paper's formats"}
        lines += [_FORMATS.format(**told).rstrip("\n"), *map(_formats, optimized), *map(_reasons, optimized)]
    return "\n".join(lines) + "\n"


def _accuracy(one: Evaluation) -> str:
    means = " | ".join(_mean(row.mean) for row in one.rows)
    nmpu = one.row("nmpu")
    assert nmpu is not None
    assert nmpu.drop is not None
    images = nmpu.drop.images
    software = one.software
    return (
        f"| {one.network} | {100 * software.value:.2f} ({_ends(software.low, software.high)}) | {means} | "
        f"**{100 * nmpu.drop.drop:+.2f}** ({_span(images)}) | {PAPER[one.network]:.2f} |"
    )


def _seeds(one: Evaluation) -> list[str]:
    rows = {row.post: row for row in one.rows}
    lines = []
    for k, (seed, pair) in enumerate(zip(one.seeds, rows["nmpu"].pairs, strict=True)):
        tops = " | ".join(f"{100 * rows[post].top1[k].value:.2f}" for post in ("fp32", "fp16", "nmpu"))
        lines.append(
            f"| {one.network} | {seed} | {tops} | {100 * pair.drop:+.2f} ({_ends(pair.low, pair.high)}) | "
            f"{pair.only_reference} | {pair.only_this} | {pair.p_value:.2g} |"
        )
    return lines


def _formats(one: Optimized) -> str:
    base, choice = one.points[one.base], one.choice
    if choice is None or base.lane is None or choice.lane is None:
        return f"| {one.asked.network} | none keeps the accuracy | | | | | |"
    proof = next(each for each in one.verified if each.point == one.chosen)
    changed = ", ".join(f"`{name}` {value}" for name, value in choice.fields.items() if value != base.fields[name])
    return (
        f"| {one.asked.network} | {changed or 'none'} | {choice.lane.ge:,.0f} against {base.lane.ge:,.0f} | "
        f"**{100 * one.saved(choice):.0f} %** | {choice.lane.tile_ge:,.0f} against {base.lane.tile_ge:,.0f} | "
        f"{_loss(proof.loss)} | {_loss(proof.of_base)} |"
    )


def _reasons(one: Optimized) -> str:
    told = "\n".join(f"- {reason.text}." for reason in one.reasons)
    return f"\nWhy, for {one.asked.network} (`{one.asked.library}`; `{one.asked.command}`):\n\n{told}"


def _mean(spread: Spread) -> str:
    return f"{100 * spread.mean:.2f} ({_span(spread)})"


def _span(spread: Spread) -> str:
    assert spread.low is not None
    assert spread.high is not None
    return _ends(spread.low, spread.high)


def _ends(low: float, high: float) -> str:
    return f"{100 * low:.2f} to {100 * high:.2f}"


def _loss(loss: Loss) -> str:
    return f"{100 * loss.drop:+.2f} ({_ends(loss.low, loss.high)})"
