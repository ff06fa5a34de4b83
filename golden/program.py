"""A chain of layers as the unit runs it, and the parameter bank that it reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.front_settings import FrontSettings
from nmpu_hdl.program import Layer, param_words

from .front_end import front_end
from .layer import Counters, LayerResult, run_layer
from .params import Params, pack, unpack

__all__ = ["LayerInputs", "ProgramResult", "block_params", "place_params", "run_program"]


@dataclass(frozen=True)
class LayerInputs:
    """What a layer takes from outside, one for each time it runs.

    Attributes:
        codes: (vectors, blocks, counts, columns); with a front end its operands.
        residual: (vectors, columns), or None where none is used.
        sums: (vectors, columns) of a neighbour, likewise.
        raw: (vectors, blocks, *:func:`golden.front_end.raw_shape`) what the front end made ``codes`` of, or None where
            there is none.
        reference: (vectors, blocks, S, M) sums of activations, with a zero point.
    """

    codes: NDArray[np.integer]
    residual: NDArray[np.integer] | None = None
    sums: NDArray[np.integer] | None = None
    raw: NDArray[np.integer] | None = None
    reference: NDArray[np.integer] | None = None

    @classmethod
    def of_raw(
        cls,
        config: NmpuConfig,
        front: FrontSettings,
        raw: NDArray[np.integer],
        *,
        residual: NDArray[np.integer] | None = None,
        sums: NDArray[np.integer] | None = None,
        reference: NDArray[np.integer] | None = None,
    ) -> LayerInputs:
        """With ``codes`` by :func:`golden.front_end.front_end`.

        Raises:
            ValueError: settings that the configuration does not allow, or an array that does not fit.
        """
        return cls(front_end(config, raw, front, reference), residual, sums, raw, reference)


@dataclass(frozen=True)
class ProgramResult:
    """What a chain gives.

    Attributes:
        layers: the results in the order in which layers ran.
        order: the descriptor of each.
        counters: of all of them.
    """

    layers: tuple[LayerResult, ...]
    order: tuple[int, ...]
    counters: Counters


def block_params(config: NmpuConfig, image: Sequence[int], layer: Layer, block: int) -> Params:
    """The parameters of a row block's active columns, as a bank of the parameter memory holds them.

    Args:
        config: the configuration.
        image: the bank: one integer a slot, the word of lane 0 lowest; as many as the layer needs, or more.
        layer: the layer; block ``b`` lies at ``base + b * slots``.
        block: 0 to ``layer.blocks - 1``.

    Raises:
        ValueError: there is no such block, or the image ends before it.
    """
    if not 0 <= block < layer.blocks:
        raise ValueError(f"block = {block} is outside 0..{layer.blocks - 1}")
    slots = layer.slots(config)
    start = layer.base + block * slots
    if start + slots > len(image):
        raise ValueError(f"block {block} needs words {start}..{start + slots - 1}; the image has {len(image)}")
    return unpack(config, list(image[start : start + slots])).first(layer.settings.columns)


def place_params(config: NmpuConfig, image: list[int], base: int, params: Sequence[Params], columns: int) -> None:
    """Write a layer's parameters into a bank's image, in place: the inverse of :func:`block_params`.

    Args:
        config: the configuration.
        image: the bank; lanes of the last slot beyond ``columns`` become 0.
        base: word of the first block's first slot.
        params: the parameters of each row block.
        columns: active columns; the parameters of more are not used.

    Raises:
        ValueError: parameters that do not fit, or words beyond the image or the bank.
    """
    slots = -(-columns // config.array.lanes)
    room = min(len(image), param_words(config))
    if base < 0 or base + len(params) * slots > room:
        raise ValueError(f"{len(params)} blocks of {slots} words at base = {base} are outside 0..{room - 1}")
    words = [pack(config, p.first(columns))[:slots] for p in params]
    image[base : base + len(params) * slots] = [word for block in words for word in block]


def run_program(
    config: NmpuConfig,
    descriptors: Mapping[int, Layer],
    first: int,
    image: Sequence[int],
    inputs: Sequence[LayerInputs],
    tables: Sequence[ArrayLike] | NDArray[np.integer] | None = None,
) -> ProgramResult:
    """Run a chain of layers from ``first`` to the one that ends it.

    Args:
        config: the configuration.
        descriptors: the layers by the place of their descriptor.
        first: where the chain starts.
        image: the parameter bank in use, for :func:`block_params`.
        inputs: for each layer in the order in which they run; a descriptor that runs twice takes two.
        tables: both banks of the activation table, (2**tile.table,) each; None where no layer looks results up.

    Raises:
        ValueError: a layer that the instance cannot run, a descriptor that is not there, an array that does not fit,
            or a chain that ends before the inputs do or after.
    """
    layers: list[LayerResult] = []
    order: list[int] = []
    index: int | None = first
    while index is not None:
        if index not in descriptors:
            raise ValueError(f"there is no descriptor {index}, which layer {len(order)} of the chain needs")
        if len(order) == len(inputs):
            raise ValueError(f"the chain goes on to descriptor {index} after the inputs of all {len(inputs)} layers")
        layer = descriptors[index]
        layer.check(config)
        params = [block_params(config, image, layer, block) for block in range(layer.blocks)]
        looks_up = layer.table and not layer.sum_out
        if looks_up and tables is None:
            raise ValueError(f"descriptor {index} looks results up, but there are no tables")
        given = inputs[len(order)]
        table = tables[layer.table_bank] if looks_up and tables is not None else None
        layers.append(
            run_layer(config, layer, params, given.codes, residual=given.residual, sums=given.sums, table=table)
        )
        order.append(index)
        index = layer.next
    if len(order) < len(inputs):
        raise ValueError(f"the chain has ended after {len(order)} layers; there are inputs for {len(inputs)}")
    return ProgramResult(tuple(layers), tuple(order), sum((r.counters for r in layers), Counters()))
