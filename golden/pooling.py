"""Max and average pooling.  Mirrors nmpu_hdl/pool.py by name."""

from __future__ import annotations

import numpy as np

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.formats import Format
from nmpu_hdl.program import Layer

from .model import Activations

__all__ = ["pool"]


def pool(config: NmpuConfig, layer: Layer, results: Activations) -> Activations:
    """Maximum or average over windows of ``layer.pool_window`` vectors that follow one another.

    Args:
        config: the configuration.
        layer: the layer.
        results: (vectors, columns) each.

    Returns:
        Activations (outputs, columns): ``results`` themselves without pooling; else flags are those of any vector of
        the window, and what is left over at the end gives nothing.

    Raises:
        ValueError: an array does not fit.
    """
    for name, part in results._asdict().items():
        if part.ndim != 2 or len(part) != layer.vectors:
            raise ValueError(f"{name} of shape {part.shape} has not (vectors, columns) of {layer.vectors} vectors")
    if layer.pooling == "none":
        return results
    used = layer.outputs * layer.pool_window
    y, low, high = (part[:used].reshape(layer.outputs, layer.pool_window, part.shape[1]) for part in results)
    if layer.pooling == "max":
        pooled = y.max(axis=1)
    else:
        limits = Format(config.output.format.signed, layer.settings.width, 0)
        half = (1 << layer.pool_shift) >> 1
        mean = (y.sum(axis=1, dtype=np.int64) + half) >> layer.pool_shift
        pooled = np.clip(mean, limits.low, limits.high).astype(y.dtype)
    return Activations(pooled, np.any(low, axis=1), np.any(high, axis=1))
