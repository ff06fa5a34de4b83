"""A layer's integer weights on analog arrays with converters, and what those give for integer activations.

Rows beyond the height of an array are row blocks, passes that a tile adds up; those of weight slices and bit-serial
streams are sub-arrays inside one pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.front_settings import FrontSettings

from .analog import Crossbar, counts
from .slicing import Form, apart, parts, sums

__all__ = ["RawInputs", "block_counts", "block_sums", "slice_codes", "weight_slices"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class RawInputs(NamedTuple):
    """What :meth:`golden.LayerInputs.of_raw` takes.

    Attributes:
        raw: (vectors, 1, *:func:`golden.front_end.raw_shape`).
        reference: (vectors, 1, S, M) sums of activations, or None.
    """

    raw: NDArray[np.integer]
    reference: Ints | None = None


def block_sums(x: ArrayLike, weights: ArrayLike, rows: int, counts: int = 2) -> Ints:
    """What converters' counts stand for: of each row block, the sums of positive and of negative products.

    Args:
        x: integers (vectors, inputs).
        weights: integers (inputs, columns).
        rows: of the array.
        counts: 2; or 1 for their difference.

    Returns:
        int64 (vectors, blocks, counts, columns).
    """
    w = np.asarray(weights)
    sides = [np.maximum(w, 0), np.maximum(-w, 0)] if counts == 2 else [w]
    found = sums(np.asarray(x)[:, None], np.stack(sides), parts(len(w), rows))
    return found[:, :, 0]


def block_counts(x: ArrayLike, crossbars: Sequence[Crossbar], conductance: Sequence[Floats] | None = None) -> Ints:
    """Counts of the arrays that hold the row blocks of a layer, split by :func:`golden.slicing.parts`.

    Args:
        x: integers (vectors, inputs).
        crossbars: of each row block.
        conductance: of each, from :func:`golden.analog.read_array`; None: as programmed.

    Returns:
        int64 (vectors, blocks, counts, columns).

    Raises:
        ValueError: arrays whose rows are not as many as there are inputs.
    """
    inputs, start, found = np.asarray(x), 0, []
    for block, crossbar in enumerate(crossbars):
        height = crossbar.programmed.shape[1]
        g = None if conductance is None else conductance[block]
        found.append(counts(crossbar, inputs[:, start : start + height], g))
        start += height
    if start != inputs.shape[1]:
        raise ValueError(f"arrays of {start} rows do not take {inputs.shape[1]} inputs")
    return np.stack(found, axis=1)


def slice_codes(
    config: NmpuConfig,
    front: FrontSettings,
    x: ArrayLike,
    weights: ArrayLike,
    rows: int,
    *,
    x_form: Form = "unsigned",
    crossbars: Sequence[Sequence[Crossbar]] | None = None,
) -> RawInputs:
    """Codes of weight slices and bit-serial streams, for ``codes.source = slices``.

    Slices have the sign of their weight (:func:`weight_slices`); streams of activations are ``x_form``, ``twos`` where
    ``front.x_signed``.

    Args:
        config: the configuration; slices of one weight arrive together by ``front.beside``.
        front: of the pass; its steps are the bits of a digit.
        x: integers (vectors, inputs).
        weights: integers (inputs, columns).
        rows: most rows of a sub-array.
        x_form: of the streams.
        crossbars: what converts, of each sub-array and slice; None: sums as they are, an LSB each.

    Raises:
        ValueError: numbers that so many digits do not hold, or rows that take more or fewer sub-arrays than ``front``
            has.
    """
    w = weight_slices(config, front, weights)
    streams = apart(np.asarray(x), front.x_planes, front.x_step or 1, x_form).swapaxes(0, 1)
    pieces = parts(w.shape[1], rows)
    if front.subarrays != len(pieces):
        raise ValueError(f"subarrays = {front.subarrays}, but the layer takes {len(pieces)}")
    if crossbars is None:
        sides = [np.maximum(w, 0), np.maximum(-w, 0)] if config.codes.counts == 2 else [w]
        return RawInputs(np.stack([sums(streams, side, pieces) for side in sides], axis=-2)[:, None])
    found = [
        np.stack([counts(crossbar, streams[:, :, piece]) for crossbar in slices], axis=2)
        for piece, slices in zip(pieces, crossbars, strict=True)
    ]
    return RawInputs(np.stack(found, axis=1)[:, None])


def weight_slices(config: NmpuConfig, front: FrontSettings, weights: ArrayLike) -> Ints:
    """Slices of weights, (K * beside, inputs, columns): digits with the sign of the weight, the lowest first."""
    count = front.w_planes * config.derived.front_end.beside
    return apart(np.asarray(weights), count, front.w_step or 1, "sign")
