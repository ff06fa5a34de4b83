"""PyTorch's modules as the functions that they call, and their arguments as NumPy has them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["array_of", "maybe", "module_call", "pair"]

Floats = NDArray[np.floating[Any]]


def module_call(nn: Any, module: Any) -> tuple[str, dict[str, Any]]:
    """The function of ``torch.nn.functional`` that a module calls, and its arguments by name.

    Args:
        nn: ``torch.nn``.
        module: one of its modules.

    Raises:
        ValueError: it is not mapped.
    """
    if isinstance(module, nn.Conv2d):
        names: tuple[str, ...] = ("weight", "bias", "stride", "padding", "dilation", "groups", "padding_mode")
        word = "conv2d"
    elif isinstance(module, nn.Linear):
        word, names = "linear", ("weight", "bias")
    elif isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
        word, names = "batch_norm", ("running_mean", "running_var", "weight", "bias", "eps")
    elif isinstance(module, nn.Hardtanh):  # ReLU6 is one
        word, names = "hardtanh", ("min_val", "max_val")
    elif isinstance(module, nn.ReLU):
        word, names = "relu", ()
    elif isinstance(module, nn.MaxPool2d):
        word, names = "max_pool2d", ("kernel_size", "stride", "padding", "dilation")
    elif isinstance(module, nn.AvgPool2d):
        word, names = "avg_pool2d", ("kernel_size", "stride", "padding")
    elif isinstance(module, (nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)):
        word = "adaptive_max_pool2d" if isinstance(module, nn.AdaptiveMaxPool2d) else "adaptive_avg_pool2d"
        names = ("output_size",)
    elif isinstance(module, nn.Flatten):
        word, names = "flatten", ()
    elif isinstance(module, (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.AlphaDropout)):
        word, names = "dropout", ()
    else:
        raise ValueError("it is not mapped; docs/networks.md lists what is")
    return word, {name: getattr(module, name) for name in names}


def array_of(tensor: Any) -> Floats:
    """A tensor as float32."""
    return np.asarray(tensor.detach().cpu().numpy(), np.float32).copy()


def maybe(tensor: Any) -> Floats | None:
    """The same, or None."""
    return None if tensor is None else array_of(tensor)


def pair(given: Any) -> tuple[Any, Any]:
    """One number for rows and columns, or two."""
    if isinstance(given, (tuple, list)):
        return (given[0], given[-1])
    return (given, given)
