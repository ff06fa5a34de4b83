"""A layer's integer weights on arrays of bit planes and of samples, and what those give for integer activations.

Rows beyond the height of an array are sub-arrays inside one pass.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.front_settings import FrontSettings

from .bitplanes import BitArray, population_counts
from .line import Line
from .mapping_counts import RawInputs, steps_of
from .slicing import Form, apart, parts, sums
from .stochastic import Junctions, expected, samples

__all__ = ["Planes", "Streams"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Planes:
    """Weights and activations in bit planes.

    Args:
        x_planes: M of activations.
        w_planes: K of weights.
        x_form, w_form: ``unsigned``, ``twos``, or ``odd`` for both (planes of -1 and +1: XOR).
        zero: stored weights are ``w + zero``, and unsigned.
        array: rows of a sub-array and errors; its gate is to go with the forms.

    Raises:
        ValueError: forms, zero point and gate that do not go together.
    """

    x_planes: int
    w_planes: int
    x_form: Form = "unsigned"
    w_form: Form = "twos"
    zero: int = 0
    array: BitArray = field(default_factory=BitArray)

    def __post_init__(self) -> None:
        odd = [form == "odd" for form in (self.x_form, self.w_form)]
        if "sign" in (self.x_form, self.w_form) or any(odd) != all(odd):
            raise ValueError(f"x_form = {self.x_form} does not go with w_form = {self.w_form}; odd goes with odd only")
        if (self.array.gate == "xor") != all(odd):
            raise ValueError(f"gate = {self.array.gate} does not go with w_form = {self.w_form}: xor is for odd")
        if self.zero and self.w_form != "unsigned":
            raise ValueError(f"zero = {self.zero} does not go with w_form = {self.w_form}; unsigned would do")

    def front(self, config: NmpuConfig, inputs: int) -> FrontSettings:
        """Settings for a layer of so many inputs."""
        pieces = parts(inputs, self.array.rows)
        odd, chosen = self.x_form == "odd", {}
        if odd:
            chosen["rows"] = max(piece.stop - piece.start for piece in pieces)
        if config.front.signed:
            chosen |= {"x_signed": self.x_form == "twos", "w_signed": self.w_form == "twos"}
        elif "twos" in (self.x_form, self.w_form):
            raise ValueError("front.signed = false has no planes that count negative; true would do")
        return FrontSettings.of(
            config,
            x_planes=self.x_planes,
            w_planes=self.w_planes,
            subarrays=len(pieces),
            bipolar=odd,
            zero=self.zero,
            **steps_of(self.x_planes, 1, self.w_planes, 1),
            **chosen,
        )

    def raw(
        self, config: NmpuConfig, x: ArrayLike, weights: ArrayLike, rng: np.random.Generator | None = None
    ) -> RawInputs:
        """Counts for integers x (vectors, inputs) and weights (inputs, columns); ``rng`` where the array errs."""
        w = apart(np.asarray(weights) + self.zero, self.w_planes, 1, self.w_form)
        a = apart(np.asarray(x), self.x_planes, 1, self.x_form).swapaxes(0, 1)
        if self.x_form == "odd":
            w, a = (w + 1) >> 1, (a + 1) >> 1
        found = population_counts(self.array, a, w, rng)
        if not config.derived.front_end.zero:
            return RawInputs(found[:, None])
        pieces = parts(a.shape[2], self.array.rows)
        along = [a[:, :, piece].sum(axis=2) for piece in pieces]
        return RawInputs(found[:, None], np.stack(along, axis=1)[:, None])

    def line(self, inputs: int, columns: int) -> Line:
        """Operands are the products; of XOR, rows that a smaller sub-array lacks count as +1 in every step."""
        if self.x_form != "odd":
            return Line.exact(1, columns)
        pieces = parts(inputs, self.array.rows)
        lacking = len(pieces) * max(piece.stop - piece.start for piece in pieces) - inputs
        steps = ((1 << self.x_planes) - 1) * ((1 << self.w_planes) - 1)
        return Line.exact(1, columns, intercept=lacking * steps)


@dataclass(frozen=True)
class Streams:
    """Activations in streams and weights in slices, in front of magnetic tunnel junctions.

    Args:
        x_planes, x_bits: streams M of activations, and bits of each.
        w_planes, w_bits: slices K of weights, and bits of each.
        rows: most rows of a sub-array.
        junctions: what ends the columns.
        x_form, w_form: of :func:`golden.slicing.apart`; not ``twos``, as no step counts negative here.
        bipolar: the unit takes bits for -1 and +1; False: for 0 and 1, and the offset makes up for it.
    """

    x_planes: int
    w_planes: int
    x_bits: int = 1
    w_bits: int = 1
    rows: int = 256
    junctions: Junctions = field(default_factory=Junctions)
    x_form: Form = "unsigned"
    w_form: Form = "sign"
    bipolar: bool = True

    def __post_init__(self) -> None:
        if "twos" in (self.x_form, self.w_form):
            raise ValueError(f"x_form = {self.x_form}, w_form = {self.w_form}: sign would do for twos")

    def front(self, config: NmpuConfig, inputs: int) -> FrontSettings:
        """Settings for a layer of so many inputs."""
        return FrontSettings.of(
            config,
            x_planes=self.x_planes,
            w_planes=self.w_planes,
            subarrays=len(parts(inputs, self.rows)),
            samples=self.junctions.samples,
            bipolar=self.bipolar,
            **steps_of(self.x_planes, self.x_bits, self.w_planes, self.w_bits),
        )

    def sums(self, x: ArrayLike, weights: ArrayLike) -> Ints:
        """Partial sums (vectors, S, M, K, columns) of integers x (vectors, inputs), weights (inputs, columns)."""
        w = apart(np.asarray(weights), self.w_planes, self.w_bits, self.w_form)
        a = apart(np.asarray(x), self.x_planes, self.x_bits, self.x_form).swapaxes(0, 1)
        return sums(a, w, parts(w.shape[1], self.rows))

    def raw(self, rng: np.random.Generator, partial: Ints, gain: ArrayLike = 1.0, shift: ArrayLike = 0.0) -> RawInputs:
        """Samples for :meth:`sums`, with gain and shift of :func:`golden.stochastic.samples`."""
        return RawInputs(samples(rng, self.junctions, partial, gain, shift)[:, None])

    def expected(self, partial: Ints, gain: ArrayLike = 1.0, shift: ArrayLike = 0.0) -> Floats:
        """``v``, (vectors, columns): the mean over sub-arrays of the weighted sum of ``tanh(a * ps)``."""
        means = expected(self.junctions, partial, gain, shift)
        found: Floats = np.einsum("mk,vsmkc->vc", self._weights(), means)
        return found / partial.shape[1]

    def _weights(self) -> Floats:
        """Of each stream and slice, (M, K)."""
        x, w = (1 << b * np.arange(n) for b, n in ((self.x_bits, self.x_planes), (self.w_bits, self.w_planes)))
        return np.multiply.outer(x, w).astype(np.float64)

    def line(self, inputs: int, columns: int) -> Line:
        """Operands are S * T times what is expected, which goes into the scale; of bits 0 and 1 half of it, and more by
        half of what all ones would give."""
        most = len(parts(inputs, self.rows)) * self.junctions.samples
        if self.bipolar:
            return Line.exact(1, columns, slope=most)
        return Line.exact(1, columns, slope=most / 2, intercept=most / 2 * float(self._weights().sum()))
