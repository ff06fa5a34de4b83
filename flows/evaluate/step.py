"""Evaluation of a network: pieces of work side by side, then statistics, a page and a chart."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from golden.network import StageError
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.verilog import digest

from ..parallel import Crew
from ..templates import environment
from ..tool import write_together
from .chart import chart
from .inputs import Inputs, save_inputs
from .progress import Tell, quiet
from .result import Evaluation, PostRow, Speed, StageRow
from .statistics import paired, pooled, proportion, spread
from .work import ALL, By, Done, How, Piece, do_piece, pieces, read_piece

__all__ = ["Asked", "evaluate", "formats", "render", "speed"]

Found = Mapping[tuple[By, int], Sequence[Done]]
"""What pieces gave, by arithmetic and seed."""


@dataclass(frozen=True)
class Asked:
    """What is evaluated, and how.

    Args:
        how: the unit and the arrays.
        seeds: of the arrays; one seed alone scatters by a tenth of a point or two.
        posts: what follows the converters.
        batch: images at a time.
        errors: the stages of so many images are compared with float32.
        command: the command line that asks so.

    Raises:
        ValueError: naming the word, the value and what would do.
    """

    how: How
    seeds: tuple[int, ...] = (1,)
    posts: tuple[By, ...] = ALL
    batch: int = 50
    errors: int = 250
    command: str = "nmpu evaluate"

    def __post_init__(self) -> None:
        if not self.seeds or len(set(self.seeds)) < len(self.seeds) or min(self.seeds) < 0:
            raise ValueError(f"seeds = {list(self.seeds)}: different numbers from 0 on, at least one, would do")
        if not self.posts or len(set(self.posts)) < len(self.posts) or not set(self.posts) <= set(ALL):
            raise ValueError(f"post = {','.join(self.posts)}: some of {', '.join(ALL)}, each once, would do")
        for name, value, least in (("batch", self.batch, 1), ("errors", self.errors, 0)):
            if value < least:
                raise ValueError(f"{name} = {value}: {least} or more would do")


def evaluate(asked: Asked, inputs: Inputs, work: Path, tell: Tell = quiet, *, aside: bool = True) -> Evaluation:
    """Accuracy of a network behind arrays, by each arithmetic, and how far its stages are from float32.

    Leaves in ``work``: ``result.json``, ``evaluate.md``, with matplotlib ``evaluate.svg``, ``speed.json``, the network
    with its images, and ``pieces``: what an interrupted evaluation has done is not done again.

    Args:
        asked: what, and how.
        inputs: the network and its images.
        work: the folder to work in, made if absent.
        tell: told how far it is.
        aside: in processes of their own, one a core; False: in this one.

    Raises:
        ValueError: what the network, the arrays or the unit refuse.
        OSError: a file cannot be read or written.
    """
    files = [work / name for name in ("result.json", "evaluate.md", "evaluate.svg", "speed.json")]
    for stale in files:
        stale.unlink(missing_ok=True)
    kept = save_inputs(inputs, work)
    todo = list(
        pieces(
            kept, len(inputs.images), asked.how, asked.posts, asked.seeds, work / "pieces", asked.batch, asked.errors
        )
    )
    _do([piece for piece in todo if read_piece(piece) is None], len(todo), tell, aside)
    found: dict[tuple[By, int], list[Done]] = {}
    for piece in todo:
        done = read_piece(piece)
        if done is None:
            raise OSError(f"{piece.file} was written and cannot be read")
        found.setdefault((piece.by, piece.seed), []).append(done)
    tell("statistics")
    result = _assembled(asked, inputs, found)
    drawn, fast = chart(result), speed(found, aside)
    text = {files[0]: result.model_dump_json(indent=2) + "\n", files[1]: render(result, drawn=drawn is not None)}
    text |= {files[3]: fast.model_dump_json(indent=2) + "\n"}
    write_together(text | ({files[2]: drawn} if drawn is not None else {}))
    return result


def render(result: Evaluation, *, drawn: bool) -> str:
    """An evaluation as Markdown; ``drawn``: evaluate.svg is beside it."""
    return environment("flows.evaluate").get_template("evaluate.md.j2").render(r=result, drawn=drawn)


def formats(config: NmpuConfig) -> str:
    """The formats of a unit in words."""
    shift = config.shift
    return (
        f"codes {config.codes.counts} x {config.codes.format}, scale {config.scale.format}, "
        f"shift {shift.min}..{shift.max} a {shift.granularity}, offset {config.offset.format}, "
        f"{config.guard} guard bits, {config.rounding.modes[0]}, output {config.output.format}"
    )


def speed(found: Found, aside: bool) -> Speed:
    """Images a second of one process; pieces that were compared with float32 do not count."""
    rates = {}
    for by in dict.fromkeys(by for by, _ in found):
        some = [done for (one, _), each in found.items() if one == by for done in each]
        plain = [done for done in some if not done.errors] or some
        rates[str(by)] = round(sum(len(d.classes) for d in plain) / max(sum(d.seconds for d in plain), 1e-9), 2)
    return Speed(processes=(os.cpu_count() or 1) if aside else 1, images_per_second=rates)


def _do(missing: Sequence[Piece], total: int, tell: Tell, aside: bool) -> None:
    def told(done: int) -> None:
        tell("evaluate", total - len(missing) + done, total)

    told(0)
    if not aside or len(missing) < 2:
        for k, piece in enumerate(missing, 1):
            do_piece(piece)
            told(k)
        return
    with Crew(lambda name, ended, begun: told(ended)) as crew:
        tasks = [crew.do(piece.file.stem, do_piece, piece) for piece in missing]
        for task in tasks:
            task.result()


def _assembled(asked: Asked, inputs: Inputs, found: Found) -> Evaluation:
    classes = {of: np.concatenate([done.classes for done in each]) for of, each in found.items()}
    config = asked.how.config
    return Evaluation(
        network=inputs.network.name,
        inputs=inputs.digest()[:12],
        images=len(inputs.images),
        calibration=len(inputs.calibration),
        classes=int(inputs.labels.max()) + 1,
        seeds=asked.seeds,
        software=proportion(int((classes["float", 0] == inputs.labels).sum()), len(inputs.labels)),
        rows=tuple(_row(asked, inputs.labels, post, classes) for post in asked.posts),
        stages=tuple(row for post in asked.posts for row in _stages(asked, post, found)),
        compared=min(len(inputs.images), asked.errors),
        config=(config.name, digest(config)),
        formats=formats(config),
        analog=asdict(asked.how.analog),
        seconds=asked.how.seconds,
        calibrated=asked.how.calibration,
        command=asked.command,
        tools={"numpy": np.__version__},
    )


def _row(
    asked: Asked, labels: NDArray[np.int64], post: By, classes: Mapping[tuple[By, int], NDArray[np.int64]]
) -> PostRow:
    own = np.stack([classes[post, seed] for seed in asked.seeds])
    right = own == labels
    top1 = tuple(proportion(int(each.sum()), len(labels)) for each in right)
    agreement = pairs = drop = None
    if "fp16" in asked.posts:
        reference = np.stack([classes["fp16", seed] for seed in asked.seeds])
        agreement = float((own == reference).mean())
        if post != "fp16":
            base = reference == labels
            pairs, drop = tuple(map(paired, base, right)), pooled(base, right)
    return PostRow(
        post=post,
        top1=top1,
        mean=spread([one.value for one in top1]),
        over_images=proportion(round(float(right.sum()) / len(right)), len(labels)),
        agreement=agreement,
        pairs=pairs or (),
        drop=drop,
    )


def _stages(asked: Asked, post: By, found: Found) -> list[StageRow]:
    """Of all seeds together."""
    sums: dict[str, StageError] = {}
    for seed in asked.seeds:
        for one in (error for done in found[post, seed] for error in done.errors):
            sums[one.name] = sums[one.name] + one if one.name in sums else one
    return [
        StageRow(
            stage=one.name,
            post=post,
            rms=round(one.rms, 6),
            worst=round(one.worst, 4),
            results=one.count,
            low=one.low,
            high=one.high,
        )
        for one in sums.values()
    ]
