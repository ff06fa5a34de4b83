"""A layer's integer weights on analog arrays with converters, and what those give for integer activations.

Rows beyond the height of an array are row blocks, passes that a tile adds up; those of weight slices and bit-serial
streams are sub-arrays inside one pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.front_settings import FrontSettings

from .analog import Crossbar, counts
from .line import Line
from .slicing import Form, apart, parts, sums

__all__ = ["RawInputs", "Slices", "block_counts", "block_sums", "steps_of"]

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


def steps_of(x_planes: int, x_bits: int, w_planes: int, w_bits: int) -> dict[str, int]:
    """Steps of weights; not of a single plane, for there they mean nothing."""
    return ({"x_step": x_bits} if x_planes > 1 else {}) | ({"w_step": w_bits} if w_planes > 1 else {})


@dataclass(frozen=True)
class Slices:
    """Activations in bit-serial streams, weights in slices, and a converter for each: ``codes.source = slices``.

    Args:
        x_planes, x_bits: streams M of activations, and bits of each.
        w_planes, w_bits: slices of weights (those that arrive together, ``front.beside``, counted each), and bits.
        rows: most rows of a sub-array.
        x_form: ``unsigned``, or ``twos``: the top stream counts negative.
        w_form: ``sign``: slices have the sign of their weight, in two counts or a signed code; ``twos``: none has,
            and the top one counts negative.

    Raises:
        ValueError: other forms.
    """

    x_planes: int
    w_planes: int
    x_bits: int = 1
    w_bits: int = 1
    rows: int = 256
    x_form: Form = "unsigned"
    w_form: Form = "sign"

    def __post_init__(self) -> None:
        if self.x_form not in ("unsigned", "twos") or self.w_form not in ("sign", "twos"):
            raise ValueError(
                f"x_form = {self.x_form}, w_form = {self.w_form}: unsigned or twos, and sign or twos, would do"
            )

    def front(self, config: NmpuConfig, inputs: int) -> FrontSettings:
        """Settings for a layer of so many inputs."""
        beside = config.derived.front_end.beside
        if self.w_planes % beside:
            raise ValueError(f"w_planes = {self.w_planes} is no multiple of front.beside = {beside}")
        return FrontSettings.of(
            config,
            x_planes=self.x_planes,
            w_planes=self.w_planes // beside,
            subarrays=len(parts(inputs, self.rows)),
            **({"x_signed": 1} if self.x_form == "twos" else {}),
            **({"w_signed": 1} if self.w_form == "twos" else {}),
            **steps_of(self.x_planes, self.x_bits, self.w_planes, self.w_bits),
        )

    def apart(self, weights: ArrayLike) -> Ints:
        """Slices of weights (inputs, columns), the lowest first: (K, inputs, columns)."""
        return apart(np.asarray(weights), self.w_planes, self.w_bits, self.w_form)

    def raw(
        self,
        config: NmpuConfig,
        x: ArrayLike,
        weights: ArrayLike,
        crossbars: Sequence[Sequence[Crossbar]] | None = None,
    ) -> RawInputs:
        """Codes for integers x (vectors, inputs) and weights (inputs, columns).

        Args:
            config: the configuration, for its counts.
            x, weights: what is multiplied.
            crossbars: what converts, of each sub-array and slice; None: sums as they are, an LSB each.

        Raises:
            ValueError: numbers that so many digits do not hold.
        """
        w = self.apart(weights)
        streams = apart(np.asarray(x), self.x_planes, self.x_bits, self.x_form).swapaxes(0, 1)
        pieces = parts(w.shape[1], self.rows)
        if crossbars is None:
            sides = [np.maximum(w, 0), np.maximum(-w, 0)] if config.codes.counts == 2 else [w]
            return RawInputs(np.stack([sums(streams, side, pieces) for side in sides], axis=-2)[:, None])
        found = [
            np.stack([counts(crossbar, streams[:, :, piece]) for crossbar in slices], axis=2)
            for piece, slices in zip(pieces, crossbars, strict=True)
        ]
        return RawInputs(np.stack(found, axis=1)[:, None])

    def line(self, config: NmpuConfig, columns: int, slope: float = 1.0) -> Line:
        """Operands are the products, positive and negative apart with two counts; ``slope``: codes a unit."""
        return Line.exact(config.codes.counts, columns, slope=slope)
