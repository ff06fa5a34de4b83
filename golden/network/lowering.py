"""From a network's graph to stages: what one layer of the tile does at a time.

A stage takes products with its weights (or, as a *pass*, what it is given as it is), brings them to ``gain * v +
offset``, adds a residual, limits, rounds, and pools.  Batch norm, bias, activation, sums and pooling go into the stage
before them where that is exact; what does not fit becomes a pass, whose codes are the results of an earlier stage.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .graph import INPUT, Network, shapes
from .nodes import Add, Clip, Conv, Flatten, Grid, Node, Norm, Pool, Shape, Shortcut, sources

__all__ = ["Lowered", "Stage", "Taken", "lower", "viewed"]

Floats: TypeAlias = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Taken:
    """What a stage takes: the results of another (or the input), after views that move numbers and change none."""

    stage: str
    views: tuple[Shortcut | Flatten, ...] = ()


@dataclass(frozen=True, eq=False)
class Stage:
    """A layer of the tile.

    Attributes:
        name: of the last node that is in it.
        source: what it takes.
        conv: its weights, kernel, stride and padding; None: a pass.
        gain, offset: (columns,) float64, of the sums of products (of what it takes, in a pass).
        residual: added before limits, or None.
        low, high: limits.
        pool: with its window, or None.
        grid: what a quantised network says of its results, or None.
        inner: the node whose values are those before pooling.
        shape: of what it takes, after views.
        pixels: rows and columns before pooling.
    """

    name: str
    source: Taken
    conv: Conv | None
    gain: Floats
    offset: Floats
    residual: Taken | None = None
    low: float = -np.inf
    high: float = np.inf
    pool: Pool | None = None
    grid: Grid | None = None
    inner: str = ""
    shape: Shape = (1, 1, 1)
    pixels: tuple[int, int] = (1, 1)

    @property
    def columns(self) -> int:
        """Output channels."""
        return len(self.gain)

    @property
    def rows(self) -> int:
        """Rows of the array; 0 in a pass."""
        return 0 if self.conv is None else int(np.prod(self.conv.weight.shape[:3]))

    @property
    def window(self) -> tuple[int, int]:
        """Rows and columns of pixels that are pooled."""
        return (1, 1) if self.pool is None else self.pool.window or self.pixels


@dataclass(frozen=True)
class Lowered:
    """A network as stages, in the order in which they run; the last gives the network's result.

    Attributes:
        network: what it was made of.
        stages: each takes the input or the results of stages before it.
        grid: what a quantised network says of its input, or None.
    """

    network: Network
    stages: tuple[Stage, ...]
    grid: Grid | None = None


def lower(network: Network) -> Lowered:
    """Stages of a network.

    Raises:
        ValueError: naming the node that no stage can do.
    """
    return _Lowering(network).result()


def viewed(x: NDArray[Any], views: tuple[Shortcut | Flatten, ...]) -> NDArray[Any]:
    """Images after the views, in whatever dtype they are."""
    for view in views:
        if isinstance(view, Flatten):
            x = x.reshape(len(x), 1, 1, -1)
        else:
            every = x[:, :: view.stride, :: view.stride]
            x = np.pad(every, ((0, 0), (0, 0), (0, 0), (view.before, view.behind)))
    return x


class _Lowering:
    """The stages so far; a node stands for what is finished (:class:`Taken`) or for a stage that may still grow."""

    def __init__(self, network: Network) -> None:
        self._network, self._shapes = network, shapes(network)
        self._uses = Counter(name for node in network.nodes for name in sources(node))
        self._known: dict[str, Taken | Stage] = {INPUT: Taken(INPUT)}
        self._stages: list[Stage] = []
        self._grid: Grid | None = None

    def result(self) -> Lowered:
        for node in self._network.nodes:
            made = self._node(node)
            self._known[node.name] = made
            if self._uses[node.name] != 1:
                self._finished(node.name)
        last = self._finished(self._network.result)
        if last.stage == INPUT or last.views:
            raise ValueError(f"node {self._network.result} is the result, and computes nothing; leave it out")
        return Lowered(self._network, tuple(self._stages), self._grid)

    def _node(self, node: Node) -> Taken | Stage:
        if isinstance(node, Conv):
            offset = np.zeros(node.weight.shape[3]) if node.bias is None else node.bias.astype(np.float64)
            return self._stage(node, node.source, np.ones(len(offset)), offset, node)
        if isinstance(node, Add):
            return self._add(node)
        if isinstance(node, Shortcut | Flatten):
            before = self._finished(node.source)
            return replace(before, views=(*before.views, node))
        if isinstance(node, Grid) and self._known[node.source] == Taken(INPUT) and self._grid is None:
            self._grid = node
            return Taken(INPUT)
        grown = self._grown(node, self._known[node.source])
        return grown if grown is not None else self._grown_pass(node)

    def _grown(self, node: Norm | Clip | Pool | Grid, before: Taken | Stage) -> Stage | None:
        """The stage with a node more, where that is exact."""
        if isinstance(before, Taken):
            return None
        flat = before.pool is None
        named = replace(before, name=node.name, inner=node.name if flat else before.inner)
        if isinstance(node, Norm) and _linear(before):
            return replace(named, gain=before.gain * node.gain, offset=before.offset * node.gain + node.offset)
        if isinstance(node, Clip) and flat:
            return replace(named, low=max(before.low, node.low), high=min(before.high, node.high))
        if isinstance(node, Pool) and flat:
            return replace(before, name=node.name, pool=node)
        if isinstance(node, Grid) and flat and before.grid is None:
            low, high = node.low * node.lsb, node.high * node.lsb
            return replace(named, low=max(before.low, low), high=min(before.high, high), grid=node)
        return None

    def _grown_pass(self, node: Norm | Clip | Pool | Grid) -> Stage:
        grown = self._grown(node, self._pass(node, node.source))
        assert grown is not None  # a pass without anything in it takes any of them
        return grown

    def _add(self, node: Add) -> Stage:
        """The residual goes into the stage of the one that may still take it; of two, into the later one."""
        for open_name, other in ((node.second, node.first), (node.first, node.second)):
            stage = self._known[open_name]
            if isinstance(stage, Stage) and _linear(stage) and open_name != other:
                residual = self._finished(other)
                return replace(stage, name=node.name, inner=node.name, residual=residual)
        first, second = self._finished(node.first), self._finished(node.second)
        order = [INPUT, *(stage.name for stage in self._stages)]
        later, earlier = (first, second) if order.index(first.stage) > order.index(second.stage) else (second, first)
        if earlier.stage == INPUT:  # residuals come from results; what is given comes as codes
            later, earlier = earlier, later
        if earlier.stage == INPUT:
            raise ValueError(
                f"node {node.name} adds the input to itself, and residuals are results of stages; a convolution "
                f"or batch norm before it would do"
            )
        made = self._stage(node, node.first, *_same(self._shapes[node.name][2]))
        return replace(made, source=later, shape=self._shapes[node.name], residual=earlier)

    def _pass(self, node: Node, source: str) -> Stage:
        return self._stage(node, source, *_same(self._shapes[source][2]))

    def _stage(self, node: Node, source: str, gain: Floats, offset: Floats, conv: Conv | None = None) -> Stage:
        high, wide, _ = self._shapes[node.name if isinstance(node, Conv | Add) else source]
        return Stage(
            node.name,
            self._finished(source),
            conv,
            gain,
            offset,
            inner=node.name,
            shape=self._shapes[source],
            pixels=(high, wide),
        )

    def _finished(self, name: str) -> Taken:
        """What a node stands for once its stage takes no more."""
        known = self._known[name]
        if isinstance(known, Taken):
            return known
        self._stages.append(known)
        self._known[name] = Taken(known.name)
        return Taken(known.name)


def _linear(stage: Stage) -> bool:
    """Whether nothing but the products' gain and offset is in it."""
    free = (stage.low, stage.high) == (-np.inf, np.inf) and stage.residual is None
    return free and stage.pool is None and stage.grid is None


def _same(columns: int) -> tuple[Floats, Floats]:
    """Gain and offset that change nothing."""
    return np.ones(columns), np.zeros(columns)
