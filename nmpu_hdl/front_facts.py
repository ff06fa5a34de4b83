"""What follows from ``codes.source`` and the table ``[front]``: what a beat carries, and the range of an operand.

A conversion is a number of *steps*, nested in this order, the outermost first: sub-arrays r, planes (or streams) of
activations m, planes (or slices) of weights k, groups of samples.  Each gives an amount a column; its weight is
``2^(x_step * m + w_step * k)``, negative for one of a top plane that is signed.  See docs/front.md.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from .formats import Number

if TYPE_CHECKING:
    from .config import NmpuConfig

__all__ = ["FrontFacts"]


class FrontFacts:
    """Of one configuration; lazily computed and never stored.

    Args:
        config: the configuration.  Where its ``codes.source`` is ``counts`` an operand is a code.
    """

    def __init__(self, config: NmpuConfig) -> None:
        self._config, self._front = config, config.front

    @property
    def present(self) -> bool:
        """Whether there is a front end."""
        return self._config.codes.source != "counts"

    @property
    def stages(self) -> int:
        """Clock edges from the one that takes the last beat of a slot to the one that shows its operands; 0: none."""
        return self._config.how.front_stages if self.present else 0

    @property
    def counted(self) -> bool:
        """Whether bits are counted: those of a plane, or samples."""
        source = self._config.codes.source
        return source == "samples" or (source == "planes" and self._front.input == "bits")

    @property
    def operands(self) -> int:
        """Operands of a column."""
        return self._config.codes.counts

    @property
    def beside(self) -> int:
        """Slices of a weight that a beat carries for each count."""
        return self._front.beside if self._config.codes.source == "slices" else 1

    @property
    def bits(self) -> int:
        """Bits of a column that a beat carries: what a lane takes in."""
        if self.counted:
            return self._front.bits
        return self.operands * self.beside * self._config.codes.format.width

    @property
    def most(self) -> int:
        """The largest count of a plane."""
        return self._front.bits if self.counted else self._config.codes.format.high

    @property
    def rows(self) -> int:
        """Most rows N of ``N - 2 * count``."""
        return self._front.rows or min(self.most, 1024)

    @property
    def reference_bits(self) -> int:
        """Bits of the sum of a plane of activations that a beat carries behind the lanes; 0: none."""
        return self.most.bit_length() if self.zero else 0

    @property
    def zero(self) -> int:
        """Bits of the zero point of weights."""
        return self._front.zero if self._config.codes.source == "planes" else 0

    @property
    def beat_bits(self) -> int:
        """Bits of a beat, without the padding to bytes."""
        return self._config.array.lanes * self.bits + self.reference_bits

    @property
    def bipolar(self) -> tuple[bool, ...]:
        """What can be chosen."""
        if self._config.codes.source not in ("planes", "samples"):
            return (False,)
        return tuple(value == "bipolar" for value in self._front.values)

    @property
    def samples(self) -> int:
        """Most samples of a conversion."""
        return self._front.samples if self._config.codes.source == "samples" else 1

    def groups(self, samples: int) -> int:
        """Beats that so many samples take."""
        return -(-samples // self.bits) if self._config.codes.source == "samples" else 1

    @property
    def steps(self) -> int:
        """Most beats that a slot takes."""
        f = self._front
        return f.subarrays * f.x_planes * f.w_planes * self.groups(self.samples) if self.present else 1

    @property
    def reach(self) -> tuple[int, int]:
        """Largest exponents of a step's weight: of activations and of weights (with ``beside``: of its first slice)."""
        f = self._front
        return (f.x_planes - 1) * f.x_bits, (f.w_planes - 1) * f.w_bits * self.beside

    @cached_property
    def amount(self) -> Number:
        """Range of what a step adds, before its weight: of all samples of a conversion together."""
        codes, top = self._config.codes, self.most
        if codes.source == "samples":
            return Number(-self.samples if any(self.bipolar) else 0, self.samples, 0)
        if codes.source == "planes":
            unipolar, bipolar = Number(0, top, 0), Number(min(1 - 2 * top, 0), self.rows, 0)
            chosen = [bipolar if value else unipolar for value in self.bipolar]
            return Number(min(n.low for n in chosen), max(n.high for n in chosen), 0)
        return codes.format.number

    @cached_property
    def operand(self) -> Number:
        """Range of an operand: a code, or what a front end makes of all steps at their largest number."""
        if not self.present:
            return self._config.codes.format.number
        f, a = self._front, self.amount
        x, w = _weights(f.x_planes, f.x_bits), _weights(f.w_planes * self.beside, f.w_bits)
        ranges = []
        for x_signed in (False, True)[: 1 + f.signed]:
            for w_signed in (False, True)[: 1 + f.signed]:
                (xp, xn), (wp, wn) = _signs(x, x_signed), _signs(w, w_signed)
                up, down = xp * wp + xn * wn, xp * wn + xn * wp
                point = self._reference_most
                ranges.append((a.low * up - a.high * down - point * xp, a.high * up - a.low * down + point * xn))
        low, high = min(r[0] for r in ranges), max(r[1] for r in ranges)
        return Number(f.subarrays * low, f.subarrays * high, a.fraction)

    @property
    def _reference_most(self) -> int:
        """The largest correction for a zero point, before its weight."""
        return ((1 << self.zero) - 1) * ((1 << self.reference_bits) - 1) if self.zero else 0

    @property
    def accumulators(self) -> int:
        """Accumulators a lane and operand."""
        return self._config.array.slots if self._front.order == "pass" else 1


def _weights(planes: int, bits: int) -> list[int]:
    return [1 << bits * k for k in range(planes)]


def _signs(weights: list[int], top: bool) -> tuple[int, int]:
    """Sums of the positive weights, and of the negative ones."""
    return (sum(weights[:-1]), weights[-1]) if top else (sum(weights), 0)
