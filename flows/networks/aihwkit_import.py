"""Networks of IBM's aihwkit: the weights that its tiles hold, as they were programmed and have drifted, or as wanted.

What is taken of a tile is linear: its weights, scales and drift compensation.  Its converters and the noise of a read
are not, for those of the arrays here take their place.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from golden.network import Conv, Network

from .extras import extra
from .torch_import import from_torch

__all__ = ["Programmed", "from_aihwkit"]


class Programmed(NamedTuple):
    """A network twice, with the same nodes.

    Attributes:
        wanted: with the weights that the tiles were to hold: results are judged against it.
        held: with those that they hold: conductances follow them, and have noise already.
    """

    wanted: Network
    held: Network

    @property
    def weights(self) -> dict[str, NDArray[np.floating[Any]]]:
        """Weights that the tiles hold, by convolution: the ``programmed`` of :func:`golden.network.build_arrays`.

        Raises:
            ValueError: biases on the array, with noise of their own, which arrays of weights do not have.
        """
        for one, other in zip(self.wanted.nodes, self.held.nodes, strict=True):
            if not isinstance(one, Conv) or not isinstance(other, Conv) or one.bias is None or other.bias is None:
                continue
            if not np.array_equal(one.bias, other.bias):
                raise ValueError(
                    f"node {one.name} has biases on its array, with noise; mapping.digital_bias = True would do"
                )
        return {node.name: node.weight for node in self.held.nodes if isinstance(node, Conv)}


def from_aihwkit(
    module: Any,
    shape: tuple[int, int, int] | int,
    mean: Sequence[float] = (0.0,),
    deviation: Sequence[float] = (1.0,),
    name: str = "",
) -> Programmed:
    """The networks of a module with ``AnalogLinear`` and ``AnalogConv2d`` layers, besides what PyTorch's may be.

    Call ``program_analog_weights()`` and ``drift_analog_weights(seconds)`` of the module before; without, both networks
    are the same.

    Args:
        module: of ``aihwkit.nn``, or with such layers in it.
        shape, mean, deviation, name: as of :func:`flows.networks.torch_import.from_torch`.

    Raises:
        ValueError: aihwkit or PyTorch is not installed; or naming the layer, and what would do.
    """
    nn, analog = extra("torch.nn", "aihwkit"), extra("aihwkit.nn", "aihwkit")
    networks = []
    for held in (False, True):
        plain = {}
        for key, layer in module.named_modules():
            if isinstance(layer, (analog.AnalogLinear, analog.AnalogConv2d)) or hasattr(layer, "analog_module"):
                plain[id(layer)] = _digital(nn, analog, key or type(layer).__name__, layer, held)
        digital = copy.deepcopy(module, plain)
        networks.append(from_torch(digital, shape, mean, deviation, name or type(module).__name__))
    return Programmed(*networks)


def _digital(nn: Any, analog: Any, key: str, layer: Any, held: bool) -> Any:
    """PyTorch's layer with the weights of an analog one."""
    if type(layer) not in (analog.AnalogLinear, analog.AnalogConv2d):
        raise ValueError(f"layer {key} is an {type(layer).__name__}; an AnalogLinear or AnalogConv2d would do")
    try:
        weight, bias, ranges = _weights(layer.analog_module, held)
    except ValueError as error:
        raise ValueError(f"layer {key}: {error}") from None
    if type(layer) is analog.AnalogLinear:
        made = nn.Linear(layer.in_features, layer.out_features, bias is not None)
    else:
        made = nn.Conv2d(
            layer.in_channels,
            layer.out_channels,
            layer.kernel_size,
            layer.stride,
            layer.padding,
            layer.dilation,
            layer.groups,
            bias is not None,
            layer.padding_mode,
        )
    made.weight.data = weight.reshape(made.weight.shape).clone()
    if bias is not None:
        made.bias.data = bias.reshape(-1).clone()
    if not ranges:
        return made
    return nn.Sequential(nn.Hardtanh(-max(ranges), max(ranges)), made)


def _weights(tiles: Any, held: bool) -> tuple[Any, Any, set[float]]:
    """Weights (outputs, inputs), biases or None, and the ranges that inputs are clipped to.

    Args:
        tiles: a tile, or an array of them.
        held: as they are; else as they were to be.
    """
    cat, array = extra("torch", "aihwkit").cat, getattr(tiles, "array", [[tiles]])
    ranges: set[float] = set()
    columns, biases = [], []
    for row in array:
        found = [_of_tile(tile, held) for tile in row]
        columns.append(cat([weight for weight, _ in found], 0))
        biases.append([bias for _, bias in found])
        ranges |= {_range(tile) for tile in row}
    if len(ranges) > 1:
        raise ValueError(f"its tiles clip inputs to {sorted(ranges)}; one input range would do")
    bias = getattr(tiles, "bias", None) if array is getattr(tiles, "array", None) else None
    if bias is None and biases[0][0] is not None:
        bias = cat(biases[0], 0)
    return cat(columns, 1), None if bias is None else bias.detach().cpu(), ranges - {0.0}


def _of_tile(tile: Any, held: bool) -> tuple[Any, Any]:
    """Weights and biases of a tile with its scales, and with what compensates its drift."""
    if hasattr(getattr(tile.rpu_config, "pre_post", None), "periph_quant"):
        raise ValueError("its tiles quantise their periphery, which is not mapped; an InferenceRPUConfig would do")
    weight, bias = tile.get_weights(apply_weight_scaling=False)
    wanted = getattr(tile, "reference_combined_weights", None)
    if wanted is not None and not held:
        wanted = wanted.detach().cpu()
        weight = wanted[:, :-1] if tile.analog_bias else wanted
        bias = wanted[:, -1] if tile.analog_bias else bias
    scale, alpha = tile.get_scales(), 1.0
    if held and getattr(tile.rpu_config, "drift_compensation", None) is not None:
        alpha = float(tile.alpha)
    factor = alpha if scale is None else alpha * scale.detach().cpu().reshape(-1)
    by_row = factor if isinstance(factor, float) else factor[:, None]
    return weight * by_row, bias * factor if tile.analog_bias else bias


def _range(tile: Any) -> float:
    """What inputs are clipped to; 0: to nothing."""
    given = getattr(tile, "input_range", None)
    return 0.0 if given is None else abs(float(given.detach()))
