"""Sums of products in one carry-save tree, for a single carry chain to finish.

Each product is unfolded into rows of dots: one for every *two* bits of its shorter factor, with three times the longer
factor made once (unsigned radix 4: no sign rows, and fewer dots than Booth's), or one for every bit where that factor
is short.  All rows, those to be subtracted inverted, and one constant that corrects for the inversions, meet in one
tree of full and half adders, which takes the earliest bits first.  docs/area.md tells what that saves.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from amaranth.hdl import C, Cat, Module, Shape, Signal, Value

from .fixed import Fixed
from .formats import Number

__all__ = ["Rows", "Term", "multiply_add"]

_SHORTEST_FOR_RADIX_4 = 4
"""Bits of the shorter factor from which three times the longer one pays; measured on 11 shapes."""


class Term(NamedTuple):
    """One product of a sum, added or subtracted."""

    sign: int
    left: Fixed
    right: Fixed


class _Dot(NamedTuple):
    """A bit of the tree and a rough time of its arrival, in gate delays."""

    time: int
    bit: Value


@dataclass
class _Tree:
    """Dots by weight, and one constant; all of it modulo ``2**width``."""

    m: Module
    width: int
    constant: int = 0
    columns: list[list[_Dot]] = field(init=False)

    def __post_init__(self) -> None:
        self.columns = [[] for _ in range(self.width)]

    def add(self, weight: int, time: int, bit: Value) -> None:
        if weight < self.width:
            self.columns[weight].append(_Dot(time, _wire(self.m, bit)))

    def row(self, weight: int, dots: list[_Dot], *, signed: bool, negative: bool) -> None:
        """A row; the top bit of a signed one weighs negative.  ``-b`` is ``~b - 1``."""
        for i, (time, bit) in enumerate(dots):
            inverted = negative != (signed and i == len(dots) - 1)
            if inverted:
                self.constant -= 1 << (weight + i)
            self.add(weight + i, time, ~bit if inverted else bit)

    def product(self, x: Value, y: Value, *, negative: bool) -> None:
        """``x * y``, with rows for the bits of ``y``."""
        signed = x.shape().signed
        positive = len(y) - y.shape().signed  # bits of y that do not weigh negative
        pairs = positive // 2 if len(y) >= _SHORTEST_FOR_RADIX_4 else 0
        multiples = _multiples(self.m, x) if pairs else []
        for j in range(0, 2 * pairs, 2):
            digit = [_wire(self.m, y[j : j + 2] == k) for k in (1, 2, 3)]
            dots = [_Dot(min(3 + i, 8), _select(digit, [k[i] for k in multiples])) for i in range(len(x) + 2)]
            self.row(j, dots, signed=signed, negative=negative)
        for j in range(2 * pairs, len(y)):
            dots = [_Dot(0, x[i] & y[j]) for i in range(len(x))]
            self.row(j, dots, signed=signed, negative=negative != (j >= positive))

    def compress(self) -> tuple[Value, Value]:
        """Add the earliest dots of each column until two rows are left, and return them."""
        for weight, column in enumerate(self.columns):
            one = bool(self.constant >> weight & 1)
            while len(column) + one > 2:
                column.sort(key=lambda dot: dot.time)
                if one:
                    self._half_add_one(weight, column.pop(0), column.pop(0))
                else:
                    self._full_add(weight, column.pop(0), column.pop(0), column.pop(0))
                one = False
            if one:
                column.append(_Dot(0, C(1, 1)))
        zero = C(0, 1)
        first, second = ([c[row].bit if row < len(c) else zero for c in self.columns] for row in (0, 1))
        return Cat(*first), Cat(*second)

    def _full_add(self, weight: int, a: _Dot, b: _Dot, c: _Dot) -> None:
        either = _wire(self.m, a.bit ^ b.bit)
        self.add(weight, max(b.time + 4, c.time + 2), either ^ c.bit)
        self.add(weight + 1, max(b.time + 3, c.time + 2), a.bit & b.bit | either & c.bit)

    def _half_add_one(self, weight: int, a: _Dot, b: _Dot) -> None:
        """``a + b + 1``: the constant costs no full adder."""
        self.add(weight, b.time + 2, ~(a.bit ^ b.bit))
        self.add(weight + 1, b.time + 1, a.bit | b.bit)


class Rows(NamedTuple):
    """Values whose sum, modulo the width of ``number``, is a number in its range: one row or two."""

    rows: tuple[Value, ...]
    number: Number


def multiply_add(m: Module, terms: list[Term]) -> Rows:
    """The exact sum of ``sign * left * right``, before the last carry chain; any widths and signedness.

    Args:
        m: the module that holds the tree.
        terms: the products, all with the same count of fraction bits.
    """
    products = [left.number * right.number for _, left, right in terms]
    signed = [product if term.sign > 0 else -product for term, product in zip(terms, products, strict=True)]
    number = signed[0]
    for product in signed[1:]:
        number = number + product
    tree = _Tree(m, number.width)
    for sign, left, right in terms:
        x, y = min([(left.value, right.value), (right.value, left.value)], key=lambda pair: _dots(*pair))
        tree.product(x, y, negative=sign < 0)
    return Rows(tree.compress(), number)


def _wire(m: Module, bit: Value) -> Signal:
    signal = Signal(name="dot")
    m.d.comb += signal.eq(bit)
    return signal


def _multiples(m: Module, x: Value) -> list[Signal]:
    """``x``, ``2x`` and ``3x``."""
    width = Shape(len(x) + 2, x.shape().signed)
    single, double, triple = (Signal(width, name=name) for name in ("single", "double", "triple"))
    m.d.comb += [single.eq(x), double.eq(x << 1), triple.eq(x + (x << 1))]
    return [single, double, triple]


def _select(chosen: list[Signal], bits: list[Value]) -> Value:
    return chosen[0] & bits[0] | chosen[1] & bits[1] | chosen[2] & bits[2]


def _dots(x: Value, y: Value) -> int:
    """Dots of ``x * y`` with rows for the bits of ``y``."""
    pairs = (len(y) - y.shape().signed) // 2
    return pairs * (len(x) + 2) + (len(y) - 2 * pairs) * len(x)
