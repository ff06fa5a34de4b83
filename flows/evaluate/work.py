"""The work of an evaluation in pieces: a seed, an arithmetic, some images.  Each is kept on its own and not done again.

A piece's file is named by the digest of all that it depends on, the program among it; one that is damaged is done
again.  What pieces share, the network with its grids and one seed's arrays, a worker keeps from piece to piece.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from golden import Analog
from golden.network import Calibration, Deployed, Plan, StageError, build_arrays, deploy, fitted, plan, run, values
from nmpu_hdl.config import NmpuConfig

from ..networks.data import read_arrays
from ..networks.extras import extra
from ..networks.plain import write_arrays
from ..once import digest_of_files
from .inputs import Inputs, load_inputs

__all__ = [
    "ALL",
    "By",
    "Done",
    "How",
    "Piece",
    "check_seconds",
    "deployed",
    "do_piece",
    "model_digest",
    "pieces",
    "read_piece",
]

By: TypeAlias = Literal["float", "fp32", "fp16", "nmpu"]
"""What computes: the network in float32 without any array, or what follows the arrays' converters."""

ALL: tuple[By, ...] = ("fp32", "fp16", "nmpu")
"""What may follow the converters."""

PIECE = 250
"""Images of a piece."""


@dataclass(frozen=True)
class How:
    """How a network is put on arrays.

    Args:
        config: the unit; one that is no tile is made one that holds the network.
        analog: devices and converters.
        seconds: since the first read.
        calibration: of the columns.

    Raises:
        ValueError: seconds that make no sense.
    """

    config: NmpuConfig
    analog: Analog = field(default_factory=Analog)
    seconds: float = 0.0
    calibration: Calibration = "joint"

    def __post_init__(self) -> None:
        check_seconds(self.seconds)

    def key(self) -> dict[str, Any]:
        """All that results depend on: not the name, nor how the unit is built."""
        fields = self.config.model_dump(mode="json", exclude={"name", "how"})
        return {"config": fields, "analog": asdict(self.analog), "seconds": self.seconds, "by": self.calibration}


@dataclass(frozen=True)
class Piece:
    """Some images by one arithmetic on one seed's arrays.

    Args:
        inputs: file of :func:`flows.evaluate.inputs.save_inputs`, whose name has the digest of what is in it.
        how: how the network is put on arrays.
        by: what computes.
        seed: of the arrays; 0 for ``float``, which has none.
        images: which.
        batch: images at a time.
        errors: whether stages are compared with the network in float32.
        file: where its result is kept.
    """

    inputs: Path
    how: How
    by: By
    seed: int
    images: range
    batch: int
    errors: bool
    file: Path


@dataclass(frozen=True, eq=False)
class Done:
    """What a piece gave.

    Attributes:
        classes: (images,) int64.
        errors: of each stage, where they were asked for.
        seconds: of processor time; it depends on the machine, and little on what else that does.
    """

    classes: NDArray[np.int64]
    errors: tuple[StageError, ...]
    seconds: float


def check_seconds(seconds: float) -> None:
    """Refuse a time since the first read that is none.

    Raises:
        ValueError: less than 0, or not finite.
    """
    if not (np.isfinite(seconds) and seconds >= 0):
        raise ValueError(f"seconds = {seconds:g}: 0 or more would do")


def model_digest() -> str:
    """Of the program that pieces depend on, and of NumPy."""
    return digest_of_files(("golden/**/*.py", "nmpu_hdl/*.py", "flows/evaluate/work.py"), ("numpy",))


def pieces(
    inputs: Path, images: int, how: How, by: Sequence[By], seeds: Sequence[int], folder: Path, batch: int, errors: int
) -> Iterator[Piece]:
    """All pieces; the stages of the first ``errors`` images of each seed are compared with float32."""
    program = model_digest()
    for seed, one in [(0, "float"), *((seed, one) for seed in seeds for one in by)]:
        for start in range(0, images, PIECE):
            chosen = range(start, min(start + PIECE, images))
            compared = one != "float" and start < errors
            on = {} if one == "float" else how.key()
            what = [program, inputs.stem, on, one, seed, chosen.start, chosen.stop, compared]
            name = hashlib.sha256(json.dumps(what).encode()).hexdigest()[:32]
            yield Piece(inputs, how, one, seed, chosen, batch, compared, folder / f"{name}.npz")


def do_piece(piece: Piece) -> None:
    """Compute, and keep the result.  Runs in a worker, on one thread.

    Raises:
        ValueError: what the network, the arrays or the unit refuse.
        OSError: the result cannot be written.
    """
    with extra("threadpoolctl", "networks").threadpool_limits(1):
        inputs, errors = _inputs(piece.inputs), list[StageError]()
        unit = None if piece.by == "float" else deployed(piece.inputs, piece.how, piece.seed)
        found, seconds = [], 0.0
        for start in range(piece.images.start, piece.images.stop, piece.batch):
            images = inputs.images[start : min(start + piece.batch, piece.images.stop)]
            before = time.process_time()
            if unit is None or piece.by == "float":
                results = values(inputs.network, inputs.network.prepared(images))[inputs.network.result]
                found.append(results.reshape(len(images), -1).argmax(axis=1))
            else:
                outcome = run(unit, images, piece.by, errors=piece.errors)
                found.append(outcome.classes)
                errors = [a + b for a, b in zip(errors, outcome.errors, strict=True)] if errors else [*outcome.errors]
            seconds += time.process_time() - before
    told = json.dumps([asdict(one) for one in errors])
    arrays = {"classes": np.concatenate(found), "seconds": np.array(seconds), "errors": np.array(told)}
    piece.file.parent.mkdir(parents=True, exist_ok=True)
    write_arrays(piece.file, arrays)


def read_piece(piece: Piece) -> Done | None:
    """What was kept of it; None where there is nothing, or it is damaged."""
    try:
        arrays = read_arrays(piece.file)
        errors = tuple(StageError(**one) for one in json.loads(str(arrays["errors"])))
        classes, seconds = arrays["classes"].astype(np.int64), float(arrays["seconds"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Done(classes, errors, seconds) if classes.shape == (len(piece.images),) else None


@lru_cache(maxsize=1)
def deployed(inputs: Path, how: How, seed: int) -> Deployed:
    """The network on one seed's arrays; on one thread, as the last bits of sums depend on how many there are.

    Raises:
        ValueError: what the network, the arrays or the unit refuse.
    """
    with extra("threadpoolctl", "networks").threadpool_limits(1):
        planned, config = _planned(inputs, how.config)
        arrays = build_arrays(planned, config, how.analog, seed, seconds=how.seconds, calibration=how.calibration)
        return deploy(planned, arrays, config)


@lru_cache(maxsize=1)
def _planned(inputs: Path, config: NmpuConfig) -> tuple[Plan, NmpuConfig]:
    given = _inputs(inputs)
    planned = plan(given.network, given.calibration, config)
    return planned, fitted(config, planned)


@lru_cache(maxsize=1)
def _inputs(file: Path) -> Inputs:
    return load_inputs(file)
