"""Accuracy of whole networks, and the formats that an optimisation finds for them, as a part of docs/results.md."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from flows.evaluate.inputs import save_inputs
from flows.evaluate.progress import Tell
from flows.evaluate.result import Evaluation
from flows.evaluate.statistics import Spread
from flows.evaluate.step import evaluate
from flows.evaluate.words import Words
from flows.optimize.on_network import OnNetwork
from flows.optimize.optimize import Wanted, optimize
from flows.optimize.result import Loss, Optimized
from flows.optimize.search import Bound
from flows.optimize.space import words_space
from nmpu_hdl.presets import load

__all__ = ["NETWORKS", "PAPER", "evaluated", "optimized", "section"]

NETWORKS = {"resnet9": "cifar10", "resnet32": "cifar100"}
"""Networks and their images in ../shared/data."""

PAPER = {"resnet9": 0.12, "resnet32": 0.40}
"""Points that the paper loses against binary16; on networks and chips of its own."""

_UNITS = ((("guard=3",), 5, "fp32,fp16,nmpu"), ((), 2, "fp16,nmpu"))
"""Settings of the unit, how many seeds, and what follows the converters."""

_CALIBRATION = 512
_SEARCH, _OPTIMIZED, _TRIALS = 800, 2, 32
_SPACE = (
    "codes.format=UQ10.0,UQ8.0",
    "scale.format=UQ1.7,UQ1.4,UQ1.3,UQ1.2",
    "shift.granularity=layer,column",
    "guard=1,3",
    "rounding.modes=half_up,floor",
)

_INTRO = """## Networks

Measured on {date}; NumPy {numpy}. ResNet9 on CIFAR-10 and ResNet32 on CIFAR-100, trained for noisy weights, {images}
test images each, {seeds} seeds of the arrays: tiles of 256 rows, two devices a weight with the programming noise and
1/f noise of aihwkit's `HermesNoiseModel`, converters of 10 bits whose gains spread by 7 % and whose offsets by 2
counts. Every column is calibrated on vectors of {calibration} calibration images, shifts are a layer. Activations are
8 bits on the same grids in all three. The unit has the paper's formats, which say nothing of guard bits: with 3 of
them, and with the one of the preset `paper`. How: [evaluate.md](evaluate.md).

| network | guard bits | float32, no arrays | then float32 | then FP16 | then NMPU | {loss} | the paper's loss |
|---|---:|---:|---:|---:|---:|---:|---:|
"""

_NOTE = """
*Then*: what follows the arrays' converters. Accuracies are means over seeds, with limits of 95 % over seeds (of float32
without arrays: over images); losses with limits of 95 % over images. The paper's networks, weights and chip are others:
only losses compare.

| network | guard bits | seed | FP16 | NMPU | loss, points | only FP16 right | only NMPU right | p (exact McNemar) |
|---|---:|---:|---:|---:|---:|---:|---:|---:|
"""

_FORMATS = """
### Cheaper formats

`nmpu optimize`, from the preset `paper`; each choice was verified on images that the search never saw. How it searches
and what a lane's area is: [optimize.md](optimize.md).

| network | images searched, verified; seeds | formats, where not the paper's | lane, GE | saved | {last} |
|---|---|---|---:|---:|---:|---:|---:|
"""


def evaluated(data: Path, work: Path, say: Callable[[str], None]) -> list[Evaluation]:
    """Evaluate both networks; taken up where it was left.

    Args:
        data: the folder of networks and images.
        work: the folder to work in.
        say: told how far it is.
    """
    found = []
    for settings, seeds, post in _UNITS:
        for network in NETWORKS:
            words = replace(_words(data, network), seeds=seeds, post=post)
            config = load(settings=settings)
            folder = work / f"{network}-{config.guard}"
            found.append(evaluate(words.asked(config, "evaluate"), words.inputs(say), folder, _telling(network, say)))
    return found


def optimized(data: Path, library: Path, work: Path, say: Callable[[str], None]) -> list[Optimized]:
    """Find the cheapest formats for both networks; taken up where it was left.  Arguments as of :func:`evaluated`, and
    the library that lanes are mapped to."""
    found = []
    for network in NETWORKS:
        folder = work / f"{network}-formats"
        inputs = _words(data, network).inputs(say)
        on = OnNetwork(save_inputs(inputs, folder), len(inputs.images), _SEARCH)
        wanted = Wanted(
            network=network,
            bound=Bound(PAPER[network] / 100, None),
            cost="lane",
            seeds=_OPTIMIZED,
            trials=_TRIALS,
            library=library,
            dont_use=(),
            effort="fast",
            command=_command(network, library),
        )
        found.append(optimize(words_space(load(), _SPACE, {}), on, wanted, folder, say))
    return found


def _command(network: str, library: Path) -> str:
    """What does the same on the command line."""
    images = NETWORKS[network]
    words = (
        f"--network {network} --weights {network}_{images}.npz --data {images}.npz --calibration-images {_CALIBRATION}"
    )
    much = f"--search-images {_SEARCH} --seeds {_OPTIMIZED} --trials {_TRIALS} --max-drop {PAPER[network]:g}"
    return f"nmpu optimize {words} {much} --lib {library.name} " + " ".join(f"--space {one}" for one in _SPACE)


def _words(data: Path, network: str) -> Words:
    images = NETWORKS[network]
    weights = data / f"{network}_{images}.npz"
    return Words(network, weights, data / f"{images}.npz", calibration_images=_CALIBRATION)


def _telling(network: str, say: Callable[[str], None]) -> Tell:
    def tell(step: str, done: int = 0, total: int | None = None) -> None:
        say(f"{network}: {step}" if total is None else f"{network}: {step}, {done} of {total}")

    return tell


def section(
    evaluations: Sequence[Evaluation], found: Sequence[Optimized], charts: Sequence[str | None], date: str
) -> str:
    """The part of the page; ``charts``: of each optimisation, or None where it could not be drawn."""
    first = evaluations[0]
    text = _INTRO.format(
        date=date,
        numpy=first.tools["numpy"],
        images=f"{first.images:,}",
        seeds=len(first.seeds),
        calibration=first.calibration,
        loss="loss against FP16, points",
    )
    lines = [text.rstrip("\n"), *map(_accuracy, evaluations), _NOTE.rstrip("\n")]
    lines += [line for one in evaluations for line in _seeds(one)]
    if found:
        last = "lane in the tile, GE | loss there against FP16, points | against the paper's formats"
        lines += [_FORMATS.format(last=last).rstrip("\n"), *map(_formats, found)]
        lines += [_reasons(one, drawn) for one, drawn in zip(found, charts, strict=True)]
    return "\n".join(lines) + "\n"


def _accuracy(one: Evaluation) -> str:
    rows = {row.post: row for row in one.rows}
    means = " | ".join(_mean(rows[post].mean) if post in rows else "" for post in ("fp32", "fp16", "nmpu"))
    software, drop = one.software, rows["nmpu"].drop
    assert drop is not None
    name = f"{one.network} | {_guard(one)}"
    return (
        f"| {name} | {100 * software.value:.2f} ({_ends(software.low, software.high)}) | {means} | "
        f"**{100 * drop.drop:+.2f}** ({_span(drop.images)}) | {PAPER[one.network]:.2f} |"
    )


def _seeds(one: Evaluation) -> list[str]:
    rows = {row.post: row for row in one.rows}
    lines, name = [], f"{one.network} | {_guard(one)}"
    for k, (seed, pair) in enumerate(zip(one.seeds, rows["nmpu"].pairs, strict=True)):
        tops = " | ".join(f"{100 * rows[post].top1[k].value:.2f}" for post in ("fp16", "nmpu"))
        lines.append(
            f"| {name} | {seed} | {tops} | {100 * pair.drop:+.2f} ({_ends(pair.low, pair.high)}) | "
            f"{pair.only_reference} | {pair.only_this} | {pair.p_value:.2g} |"
        )
    return lines


def _guard(one: Evaluation) -> str:
    """Guard bits, from the formats in words."""
    return one.formats.split(" guard bits")[0].split()[-1]


def _formats(one: Optimized) -> str:
    base, choice = one.points[one.base], one.choice
    if choice is None or base.lane is None or choice.lane is None:
        return f"| {one.asked.network} | | none keeps the accuracy | | | | | |"
    proof = next(each for each in one.verified if each.point == one.chosen)
    changed = ", ".join(f"`{name}` {value}" for name, value in choice.fields.items() if value != base.fields[name])
    asked = one.asked
    much = f"{asked.search_images:,}, {asked.verify_images:,}; {len(asked.seeds)}"
    return (
        f"| {asked.network} | {much} | {changed or 'none'} | {choice.lane.ge:,.0f} against {base.lane.ge:,.0f} | "
        f"**{100 * one.saved(choice):.0f} %** | {choice.lane.tile_ge:,.0f} against {base.lane.tile_ge:,.0f} | "
        f"{_loss(proof.loss)} | {_loss(proof.of_base)} |"
    )


def _reasons(one: Optimized, drawn: str | None) -> str:
    told = "\n".join(f"- {reason.text}." for reason in one.reasons)
    picture = f"![front of {one.asked.network}]({drawn})\n\n" if drawn else ""
    return f"\n{picture}Why, for {one.asked.network} (`{one.asked.library}`; `{one.asked.command}`):\n\n{told}"


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
