"""Stages compute what the graph says, in real numbers; and what no stage can do is refused by the node's name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from golden.network import (
    INPUT,
    Add,
    Clip,
    Conv,
    Flatten,
    Grid,
    Lowered,
    Network,
    Node,
    Norm,
    Pool,
    Shortcut,
    lower,
    values,
)
from golden.network.lowering import viewed
from golden.network.rows import stage_rows, windowed

from .staged_network import images, staged_network


def real(lowered: Lowered, prepared: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Results of all stages without any grid: products, gain and offset, residual, limits, pooling."""
    found = {INPUT: prepared}
    for stage in lowered.stages:
        rows = stage_rows(stage, found[stage.source.stage])
        v = rows if stage.conv is None else rows @ stage.conv.weight.reshape(stage.rows, -1)
        a = v * stage.gain + stage.offset
        if stage.residual is not None:
            added = viewed(found[stage.residual.stage], stage.residual.views)
            a = a + windowed(stage, added).reshape(len(a), -1)
        y = np.clip(a, stage.low, stage.high).reshape(-1, int(np.prod(stage.window)), stage.columns)
        y = y.max(axis=1) if stage.pool is not None and stage.pool.kind == "max" else y.mean(axis=1)
        high, wide = (size // window for size, window in zip(stage.pixels, stage.window, strict=True))
        found[stage.name] = y.reshape(len(prepared), high, wide, stage.columns)
    return found


@pytest.mark.parametrize("seed", range(4))
def test_stages_compute_what_the_graph_says(seed: int) -> None:
    network = staged_network(seed)
    prepared = network.prepared(images(3, seed)).astype(np.float64)
    wanted, lowered = values(network, prepared), lower(network)
    found = real(lowered, prepared)
    assert lowered.stages[-1].name == network.result
    for stage in lowered.stages:
        np.testing.assert_allclose(found[stage.name], wanted[stage.name], atol=1e-9)


def test_what_goes_into_one_stage_does() -> None:
    stages = {stage.name: stage for stage in lower(staged_network()).stages}
    assert list(stages) == ["stem.relu", "a.relu", "b.relu", "b.add", "c.pool", "mean", "fc"]
    assert stages["a.relu"].residual is not None
    assert stages["a.relu"].residual.stage == "stem.relu"
    assert [name for name, stage in stages.items() if stage.conv is None] == ["b.add", "mean"]
    assert stages["b.add"].source.stage == "b.relu"  # the later one is what is scaled, the earlier one aligned
    assert isinstance(stages["c.pool"].residual.views[0], Shortcut)  # type: ignore[union-attr]
    assert (stages["mean"].low, stages["mean"].high, stages["mean"].window) == (-1.0, 1.0, (2, 2))


def _refusal(*nodes: Node, shape: tuple[int, int, int] = (4, 4, 2)) -> str:
    try:
        lower(Network("n", shape, nodes))
    except ValueError as error:
        return str(error)
    pytest.fail("it was not refused")


def test_refusals_name_the_node() -> None:
    eye = np.eye(2).reshape(1, 1, 2, 2)
    assert _refusal(Conv("c", "x", eye)) == "node c takes x, which no node before it is called"
    assert _refusal(Clip("c", INPUT), Clip("c", "c")) == "the name c is used twice"
    assert "weights (1, 1, 2, 2) are not (height, width, 3, outputs)" in _refusal(
        Conv("c", INPUT, eye), shape=(4, 4, 3)
    )
    assert _refusal(Flatten("f", INPUT)).startswith("node f is the result, and computes nothing")
    assert "windows of 3 x 3 do not tile 4 x 4" in _refusal(Pool("p", INPUT, "max", (3, 3)))
    assert "limits on either side of 0" in _refusal(Clip("c", INPUT, 1.0, 2.0))
    assert "adds the input to itself" in _refusal(Add("s", INPUT, INPUT))
    assert "gains (3,) and offsets (2,) for 2 channels" in _refusal(Norm("b", INPUT, np.ones(3), np.ones(2)))
    assert "node s adds (4, 4, 2) and (2, 2, 2)" in _refusal(Shortcut("h", INPUT, 2), Add("s", INPUT, "h"))
    assert "a weight is not finite" in _refusal(Conv("c", INPUT, eye * np.nan))
    assert "an LSB of 0" in _refusal(Grid("g", INPUT, 0.0, -8, 7))
    assert _refusal() == "the network n has no node"


def test_a_sum_after_a_sum_takes_a_pass() -> None:
    eye = np.eye(2).reshape(1, 1, 2, 2)
    nodes = (
        Conv("a", INPUT, eye),
        Conv("b", INPUT, eye),
        Conv("c", INPUT, eye),
        Add("ab", "a", "b"),
        Add("abc", "ab", "c"),
    )
    stages = lower(Network("n", (4, 4, 2), nodes)).stages
    assert [(s.name, None if s.residual is None else s.residual.stage) for s in stages] == [
        ("a", None),
        ("ab", "a"),
        ("abc", "ab"),
    ]
    twice = lower(Network("n", (4, 4, 2), (Conv("a", INPUT, eye), Add("aa", "a", "a")))).stages
    assert [(s.name, s.source.stage, s.conv is None) for s in twice] == [("a", INPUT, False), ("aa", "a", True)]


def test_grids_limit_what_they_are_of() -> None:
    """A quantised network's grid from 0 on is its ReLU."""
    rng = np.random.default_rng(1)
    weight = rng.standard_normal((1, 1, 3, 3))
    nodes = (
        Grid("in", INPUT, 0.25, -4, 3),
        Conv("a", "in", weight),
        Grid("q", "a", 0.125, 0, 9),
        Grid("q2", "q", 0.25, 0, 3),
        Conv("b", "q2", weight),
        Clip("c", "b", -2.0, 1.0),
        Clip("d", "c", -1.0, 3.0),
    )
    lowered = lower(Network("n", (2, 2, 3), nodes))
    assert [(s.name, s.low, s.high) for s in lowered.stages] == [("q", 0.0, 1.125), ("q2", 0.0, 0.75), ("d", -1.0, 1.0)]
    assert lowered.grid == nodes[0]
