"""Stages of a network on the generated Verilog of its tile, every beat compared with the golden model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from golden import LayerInputs
from golden.network import Deployed, Given, codes_of
from nmpu_hdl.program import Layer
from tb import replay as program_file

from ..generate import generate
from ..networks.extras import extra
from ..simulate import simulate
from ..tool import write_atomic

__all__ = ["Program", "Replayed", "draw", "joined", "program", "run_verilog", "taken"]


class Replayed(BaseModel):
    """What the Verilog showed.

    Args:
        stages: names of the stages that ran, in their order.
        results: results compared, of every vector and column, before pooling; with flags, sums and counters.
        codes: codes of columns that went in: (layer and row block, column, code) triples that were evaluated.
        columns: different columns of stages among them.
        beats: clocks in which codes were taken.
        seconds: wall-clock time of the simulation.
        difference: the first one; None: there was none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    stages: tuple[str, ...]
    results: int
    codes: int
    columns: int
    beats: int
    seconds: float
    difference: str | None

    @property
    def exact(self) -> bool:
        """Whether every beat was what golden says, and there was one."""
        return self.difference is None and self.results > 0


@dataclass(frozen=True, eq=False)
class Program:
    """A chain of layers with what they take.

    Attributes:
        descriptors: by place, from 0 on.
        inputs: of each.
        stages: names of the stages that they are of.
    """

    descriptors: Mapping[int, Layer]
    inputs: tuple[LayerInputs, ...]
    stages: tuple[str, ...]

    @property
    def results(self) -> int:
        """Results of all vectors and columns, before pooling."""
        return sum(layer.vectors * layer.settings.columns for layer in self.descriptors.values())


def taken(deployed: Deployed, images: NDArray[Any]) -> dict[int, Given]:
    """What each stage takes of some images, by its number; on one thread, as evaluation does it."""
    with extra("threadpoolctl", "networks").threadpool_limits(1):
        return dict(enumerate(codes_of(deployed, images)))


def program(deployed: Deployed, given: Mapping[int, Given]) -> Program:
    """The chain that runs some stages, one after the other.

    Args:
        deployed: the network.
        given: of each stage by its number, what it takes; as many vectors as it is to run.
    """
    layers: list[Layer] = []
    inputs: list[LayerInputs] = []
    for number, one in sorted(given.items()):
        for group in deployed.stages[number].mapped:
            layers.append(replace(group.layer, vectors=len(one.codes), interrupt=False))
            residual = None if one.residual is None else one.residual[:, group.columns]
            inputs.append(LayerInputs(one.codes[..., group.columns].astype(np.int64), residual))
    last = len(layers) - 1
    chain = {k: replace(layer, next=None if k == last else k + 1) for k, layer in enumerate(layers)}
    return Program(chain, tuple(inputs), tuple(deployed.stages[number].name for number in sorted(given)))


def draw(
    deployed: Deployed, real: Mapping[int, Given], results: int, seed: int, *, of_images: bool = True
) -> dict[int, Given]:
    """A random sample of columns and codes of all stages: half of them of images, as far as there are so many different
    ones, the others by chance, from all of a code's range to a few of its lowest codes.

    Args:
        deployed: the network.
        real: of each stage by its number, what it takes of some images.
        results: at least so many are to be compared; about as many of each stage.
        seed: of chance.
        of_images: False: all by chance.
    """
    rng, given = np.random.default_rng(seed), {}
    for number, one in real.items():
        window = deployed.stages[number].layer.pool_window
        groups = max(-(-results // (len(real) * one.codes.shape[3] * window)), 2)
        there = len(one.codes) // window
        chosen = rng.choice(there, min(there, groups // 2) if of_images else 0, replace=False)
        rows = (chosen[:, None] * window + np.arange(window)).reshape(-1)
        given[number] = joined(_some(one, rows), _drawn(deployed, one, (groups - len(chosen)) * window, rng))
    return given


def joined(first: Given, second: Given) -> Given:
    """The vectors of both."""
    codes = np.concatenate([first.codes, second.codes])
    if first.residual is None or second.residual is None:
        return Given(codes, None)
    return Given(codes, np.concatenate([first.residual, second.residual]))


def run_verilog(deployed: Deployed, chosen: Program, work: Path, runtime: Path | None = None) -> Replayed:
    """Generate the tile in ``work``, and run a program on it under Verilator; leaves ``replay.json`` there.

    Args:
        deployed: the network.
        chosen: the program.
        work: the folder.
        runtime: of :func:`flows.simulate.simulate`.

    Raises:
        ToolMissing, ToolFailed: Verilator is not there, or the simulation could not be made.
    """
    config = deployed.config
    generate(config, work)
    program_file.save(work / program_file.INPUTS, config, chosen.descriptors, 0, deployed.image(), chosen.inputs)
    found = simulate(work, work / "sim", bench="tb.test_columns", runtime=runtime, optimize=chosen.results > 1 << 18)
    pairs = list(zip(chosen.descriptors.values(), chosen.inputs, strict=True))
    result = Replayed(
        stages=chosen.stages,
        results=found.columns_checked,
        codes=sum(given.codes.size for _, given in pairs),
        columns=sum(layer.settings.columns for layer, _ in pairs),
        beats=sum(layer.vectors * layer.blocks * layer.slots(config) for layer, _ in pairs),
        seconds=found.seconds,
        difference=found.failures[0].message if found.failures else None,
    )
    write_atomic(work / "replay.json", result.model_dump_json(indent=2) + "\n")
    return result


def _some(given: Given, rows: NDArray[np.integer]) -> Given:
    return Given(given.codes[rows], None if given.residual is None else given.residual[rows])


def _drawn(deployed: Deployed, like: Given, vectors: int, rng: np.random.Generator) -> Given:
    """Codes and residuals by chance: of each vector the lowest bits, as many as are drawn."""
    form, out = deployed.config.codes.format, deployed.config.output.format
    share = np.exp2(-rng.integers(0, form.width, (vectors, 1, 1, 1)))
    codes = np.floor(rng.uniform(form.low, form.high + 1, (vectors, *like.codes.shape[1:])) * share)
    if like.residual is None:
        return Given(codes.astype(np.int16), None)
    return Given(codes.astype(np.int16), rng.integers(out.low, out.high + 1, (vectors, like.residual.shape[1])))
