"""``nmpu optimize``: the cheapest formats with which a network keeps its accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from nmpu_hdl.config import NmpuConfig

from ..compare_designs import words
from ..evaluate.inputs import Inputs, save_inputs
from ..evaluate.words import (
    AnalogFields,
    Calibrated,
    CalibrationImages,
    DataFile,
    Deviation,
    Drift,
    Mean,
    NetworkName,
    Seeds,
    Weights,
    Words,
)
from ..options import DontUse, Efforts, Json, Lib, Target, configured
from ..screen import exit_unless, print_json, working
from .on_network import OnNetwork
from .optimize import Wanted
from .optimize import optimize as optimize_step
from .ordinary import ordinary
from .search import Bound
from .space import Space, read_space, words_space

__all__ = ["optimize", "space_of"]

_DEFAULTS: dict[str, Any] = {
    "weights": None,
    "data": None,
    "mean": None,
    "deviation": None,
    "search-images": None,
    "verify-images": None,
    "calibration-images": 256,
    "seeds": 2,
    "seconds": 0.0,
    "calibration": "joint",
    "trials": 80,
    "max-drop": None,
    "max-lsb": None,
    "cost": "lane",
    "effort": "fast",
}
"""Words that the command line in the result leaves out where they are as without them."""

_SEARCH = 1000
"""Images of the search at most, unless told."""

Choices = Annotated[
    list[str] | None,
    typer.Option(
        "--space",
        metavar="FIELD=A,B,C|FILE",
        help="values of a field to choose from, or a TOML file with a table [space]; repeatable (default: narrower "
        "formats and shorter ranges of the shift than the configuration's)",
    ),
]
SearchImages = Annotated[
    int | None, typer.Option("--search-images", help="of the test images, spread evenly (default: half, 1000 at most)")
]
VerifyImages = Annotated[
    int | None, typer.Option("--verify-images", help="of the others, which the search never sees (default: all)")
]
Trials = Annotated[int, typer.Option("--trials", help="candidates to look at; a space of no more is looked at whole")]
MaxDrop = Annotated[
    float | None,
    typer.Option(
        "--max-drop", metavar="POINTS", help="percentage points that may be lost (default: none that is significant)"
    ),
]
MaxLsb = Annotated[float | None, typer.Option("--max-lsb", metavar="LSB", help="largest error of a stage's result")]
Cost = Annotated[
    Literal["lane", "tile-lane", "energy"],
    typer.Option("--cost", help="area of a lane, of one in the tile that holds the network, or a lane's energy"),
]


@configured
def optimize(
    target: Target,
    network: NetworkName = "digits",
    weights: Weights = None,
    data: DataFile = None,
    mean: Mean = None,
    deviation: Deviation = None,
    space: Choices = None,
    search_images: SearchImages = None,
    verify_images: VerifyImages = None,
    calibration_images: CalibrationImages = 256,
    seeds: Seeds = 2,
    seconds: Drift = 0.0,
    analog: AnalogFields = None,
    calibration: Calibrated = "joint",
    trials: Trials = 80,
    max_drop: MaxDrop = None,
    max_lsb: MaxLsb = None,
    cost: Cost = "lane",
    lib: Lib = None,
    dont_use: DontUse = None,
    effort: Efforts = "fast",
    as_json: Json = False,
) -> None:
    """Find the cheapest formats with which a network keeps its accuracy; write optimize.md and chosen.toml."""
    config, work = target
    said = dict(locals())
    chosen = space_of(config, space or ())
    avoid = tuple(dont_use or ())
    line = ["--network", network, *_line(said), *_repeated("--analog", analog), *_repeated("--space", space)]
    bound = Bound(None if max_drop is None else max_drop / 100, max_lsb)
    asked = Wanted(
        network=network,
        bound=bound,
        cost=cost,
        seeds=seeds,
        trials=trials,
        library=lib,
        dont_use=avoid,
        effort=effort,
        command=words("optimize", config, lib, avoid, *line),
    )
    given = Words(
        *(network, weights, data, None, calibration_images, seeds, "nmpu", seconds, tuple(analog or ()), calibration),
        mean=mean,
        deviation=deviation,
    )
    how, folder = given.how(config), work / "optimize"
    with working() as say:
        inputs: Inputs = given.inputs(say)
        total = len(inputs.images)
        some = min(max(total // 2, 1), _SEARCH) if search_images is None else search_images
        file = save_inputs(inputs, folder)
        on = OnNetwork(file, total, some, verify_images, analog=how.analog, seconds=seconds, calibration=calibration)
        result = optimize_step(chosen, on, replace(asked, network=inputs.network.name), folder, say)
    if as_json:
        print_json(result.model_dump(mode="json"))
    else:
        print((folder / "optimize.md").read_text())
        print(f"wrote {folder / 'optimize.md'}")
    exit_unless(result.chosen is not None)


def space_of(config: NmpuConfig, texts: Sequence[str]) -> Space:
    """The space of ``--space``; that of :func:`flows.optimize.ordinary.ordinary` where nothing is said.

    Raises:
        ValueError: a word that is none, or a file without a table ``[space]``.
        OSError: a file cannot be read.
    """
    if not texts:
        return ordinary(config)
    filed: dict[str, Any] = {}
    for text in texts:
        if "=" not in text:
            filed |= read_space(Path(text))
    return words_space(config, [text for text in texts if "=" in text], filed)


def _line(said: dict[str, Any]) -> list[str]:
    """The words that differ from what they are without; the library's are said elsewhere."""
    line: list[str] = []
    for name, default in _DEFAULTS.items():
        value = said[name.replace("-", "_")]
        if value != default:
            line += [f"--{name}", f"{value:g}" if isinstance(value, float) else str(value)]
    return line


def _repeated(word: str, texts: Sequence[str] | None) -> list[str]:
    return [part for text in texts or () for part in (word, text)]
