"""Number formats and the names of what may be done to numbers.  No hardware here.

A value travels as an integer ``code`` together with a count of fraction bits: ``value = code * 2**-fraction``.
:class:`Format` is a *storage* format that a user writes (``UQ1.7``); :class:`Number` is the exact integer range
of an *inner* value, from which its width follows, so that nothing inside can wrap.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

__all__ = ["MAX_INNER_WIDTH", "Activation", "Format", "Number", "Overflow", "Rounding"]

MAX_INNER_WIDTH = 62
"""Widest inner value, in bits: NumPy wraps int64 without a word, and one bit of headroom holds a rounding term."""

_PATTERN = re.compile(r"([US])Q(\d{1,2})\.(\d{1,2})")


class Rounding(StrEnum):
    """How bits are cut *with* rounding.  The names are normative; see docs/arithmetic.md for the table of ties."""

    FLOOR = "floor"
    HALF_UP = "half_up"
    HALF_EVEN = "half_even"
    HALF_AWAY = "half_away"

    @property
    def code(self) -> int:
        """Value of the ``cfg_rounding`` pins that selects this mode."""
        return list(Rounding).index(self)


class Activation(StrEnum):
    """What happens to the rounded value (``leaky``: to the value before rounding)."""

    NONE = "none"
    RELU = "relu"
    CLIP = "clip"
    LEAKY = "leaky"

    @property
    def code(self) -> int:
        """Value of the ``cfg_activation`` pins that selects this function."""
        return list(Activation).index(self)


class Overflow(StrEnum):
    """What happens to a result outside the output format."""

    SATURATE = "saturate"
    WRAP = "wrap"


@dataclass(frozen=True)
class Format:
    """A fixed-point storage format, written ``UQi.f`` (unsigned) or ``SQi.f`` (signed, the sign counted in ``i``).

    Args:
        signed: two's complement if true.
        integer: integer bits, the sign included; at least 1 where signed.
        fraction: fraction bits.

    Raises:
        ValueError: no bits, negative counts, or a sign without an integer bit to hold it.
    """

    signed: bool
    integer: int
    fraction: int

    def __post_init__(self) -> None:
        if self.integer < 0 or self.fraction < 0 or self.width < 1:
            raise ValueError(f"a format needs at least one bit and no negative count of bits, not {self}")
        if self.signed and self.integer < 1:
            raise ValueError(f"{self}: the sign counts as an integer bit; write SQ1.{self.fraction}")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``UQ1.7`` or ``SQ8.1``.

        Raises:
            ValueError: the text is not of that form.
        """
        match = _PATTERN.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"'{text}' is not a number format; write UQi.f or SQi.f, such as UQ1.7 or SQ8.1")
        return cls(match[1] == "S", int(match[2]), int(match[3]))

    def __str__(self) -> str:
        return f"{'S' if self.signed else 'U'}Q{self.integer}.{self.fraction}"

    @property
    def width(self) -> int:
        """Bits a code takes."""
        return self.integer + self.fraction

    @property
    def low(self) -> int:
        """Lowest code."""
        return -(1 << (self.width - 1)) if self.signed else 0

    @property
    def high(self) -> int:
        """Highest code."""
        return (1 << (self.width - self.signed)) - 1

    @property
    def step(self) -> float:
        """Value of one LSB."""
        return 2.0**-self.fraction

    @property
    def number(self) -> Number:
        """All codes of this format, as an inner value."""
        return Number(self.low, self.high, self.fraction)


@dataclass(frozen=True)
class Number:
    """The exact range of an inner value: integer codes ``low..high``, each worth ``2**-fraction``.

    Every operation below is exact; ranges grow and nothing rounds, except :meth:`floor`, which says so.
    Zero is always within the range.
    """

    low: int
    high: int
    fraction: int

    def __post_init__(self) -> None:
        if not self.low <= 0 <= self.high:
            raise ValueError(f"a range must hold zero, not {self.low}..{self.high}")

    @property
    def signed(self) -> bool:
        """Whether the value can be negative."""
        return self.low < 0

    @property
    def width(self) -> int:
        """Least number of bits that holds every code, the sign included; at least 1."""
        return (
            max(self.high.bit_length(), (~self.low).bit_length() if self.signed else 0, 1 - self.signed) + self.signed
        )

    def __str__(self) -> str:
        return f"{'S' if self.signed else 'U'}Q{self.width - self.fraction}.{self.fraction}"

    def __neg__(self) -> Number:
        return Number(-self.high, -self.low, self.fraction)

    def __add__(self, other: Number) -> Number:
        left, right = self.aligned(other.fraction), other.aligned(self.fraction)
        return Number(left.low + right.low, left.high + right.high, left.fraction)

    def __sub__(self, other: Number) -> Number:
        return self + -other

    def __mul__(self, other: Number) -> Number:
        corners = [a * b for a in (self.low, self.high) for b in (other.low, other.high)]
        return Number(min(corners), max(corners), self.fraction + other.fraction)

    def aligned(self, fraction: int) -> Number:
        """The same value with at least ``fraction`` fraction bits (zeros appended; never fewer)."""
        up = max(fraction - self.fraction, 0)
        return Number(self.low << up, self.high << up, self.fraction + up)

    def scaled(self, exponent: int) -> Number:
        """The value times ``2**exponent``, exact: codes kept where the binary point can move, else shifted left."""
        if exponent <= self.fraction:
            return Number(self.low, self.high, self.fraction - exponent)
        return Number(self.low << (exponent - self.fraction), self.high << (exponent - self.fraction), 0)

    def floor(self, fraction: int) -> Number:
        """The range after all but ``fraction`` fraction bits are cut towards minus infinity."""
        cut = self.fraction - fraction
        if cut < 0:
            return self.aligned(fraction)
        return Number(self.low >> cut, self.high >> cut, fraction)

    def rounded(self) -> Number:
        """The range after all fraction bits are cut, whichever rounding mode does it."""
        half = (1 << self.fraction) >> 1
        return Number(self.low >> self.fraction, (self.high + half) >> self.fraction, 0)
