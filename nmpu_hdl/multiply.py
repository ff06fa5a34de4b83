"""Sums of products in one carry-save tree, for a single carry chain to finish.

Each product is unfolded into rows.  ``tree``: one for every *two* bits of its shorter factor, with three times the
longer factor made once (unsigned radix 4: no sign rows, and fewer bits than Booth's), or one for every bit where it is
short.
``rows``: one for every bit.  ``booth``: one for every two bits, recoded as -2 to 2 (Booth, 1951, and MacSorley, 1961).
All rows, those to be subtracted inverted, and one constant that corrects for the inversions, meet in one tree of
carry-save adders.  docs/area.md tells what each takes.

The rows are words, not single bits: a tree that places every adder by itself is 1 to 3 % smaller, but five times slower
to simulate and not to be read by a person.
"""

from __future__ import annotations

from typing import NamedTuple

from amaranth.hdl import C, Cat, Module, Mux, Shape, Signal, Value

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


class Rows(NamedTuple):
    """Values whose sum, modulo the width of ``number``, is a number in its range: one row or two."""

    rows: tuple[Value, ...]
    number: Number


class _Row(NamedTuple):
    """A row of the tree: a rough time of its arrival in gate delays, the weight of its lowest bit, its bits."""

    time: int
    weight: int
    word: Value


class _Tree:
    """Rows, and one constant, whose sum modulo ``2**width`` is the result."""

    def __init__(self, m: Module, width: int, form: str) -> None:
        self._m, self._width, self._form = m, width, form
        self._rows: list[_Row] = []
        self._constant = 0

    def product(self, x: Value, y: Value, *, negative: bool) -> None:
        """``x * y``, with rows for the bits of ``y``."""
        if self._form == "booth":
            self._booth(x, y, negative=negative)
            return
        positive = len(y) - y.shape().signed  # bits of y that do not weigh negative
        pairs = positive // 2 if self._form == "tree" and len(y) >= _SHORTEST_FOR_RADIX_4 else 0
        multiples = self._multiples(x) if pairs else ()
        for j in range(0, 2 * pairs, 2):
            chosen = [Mux(y[j : j + 2] == k, value.as_unsigned(), 0) for k, value in enumerate(multiples, 1)]
            self._add(5, j, chosen[0] | chosen[1] | chosen[2], signed=x.shape().signed, negative=negative)
        for j in range(2 * pairs, len(y)):
            subtract = negative != (j >= positive)
            self._add(0, j, Mux(y[j], x.as_unsigned(), 0), signed=x.shape().signed, negative=subtract)

    def _booth(self, x: Value, y: Value, *, negative: bool) -> None:
        """A row for every two bits of ``y``, recoded as -2 to 2; what a negative one lacks, 1, is in the row after."""
        longer = Signal(Shape(len(y) + 2, y.shape().signed), name="recoded")
        self._m.d.comb += longer.eq(y)
        count = (len(y) + 1) // 2 if y.shape().signed else len(y) // 2 + 1
        before: Value = C(0, 1)
        lacks: tuple[Value, ...] = ()
        for k in range(count):
            low, high = longer[2 * k], longer[2 * k + 1]
            minus = Signal(name="minus")
            single, double = Signal(name="single"), Signal(name="double")
            self._m.d.comb += [
                minus.eq(~high if negative else high),
                single.eq(low ^ before),
                double.eq(~single & (high ^ before)),
            ]
            extended = Signal(Shape(len(x) + 1 + (not x.shape().signed), True), name="extended")
            self._m.d.comb += extended.eq(x)
            twice = (extended << 1)[: len(extended)]
            chosen = Mux(single, extended.as_unsigned(), 0) | Mux(double, twice, 0)
            inverted = chosen ^ minus.replicate(len(extended))
            self._add(3, 2 * k, inverted, signed=True, negative=False, after=lacks)
            before, lacks = high, (minus, C(0, 1))
        self._add(0, 2 * count - 2, lacks[0], signed=False, negative=False)

    def word(self, word: Value) -> None:
        """A number that is there already, as wide as the result or less."""
        row = Signal(Shape(self._width, word.shape().signed), name="onto")
        self._m.d.comb += row.eq(word)
        self._rows.append(_Row(0, 0, row.as_unsigned()))

    def compress(self) -> tuple[Value, Value]:
        """Carry-save adders over the earliest rows, the highest first, until two are left."""
        rows = [*self._rows, _Row(0, 0, C(self._constant % (1 << self._width), self._width))]
        while len(rows) > 2:
            rows.sort(key=lambda row: (row.time, -row.weight))
            first, second, third = rows[:3]
            rows = [*rows[3:], *self._carry_save(first, second, third)]
        return rows[0].word, rows[1].word

    def _multiples(self, x: Value) -> tuple[Signal, Signal, Signal]:
        """``x``, ``2x`` and ``3x``."""
        width = Shape(len(x) + 2, x.shape().signed)
        single, double, triple = (Signal(width, name=name) for name in ("single", "double", "triple"))
        self._m.d.comb += [single.eq(x), double.eq(x << 1), triple.eq(single + double)]
        return single, double, triple

    def _add(
        self, time: int, weight: int, bits: Value, *, signed: bool, negative: bool, after: tuple[Value, ...] = ()
    ) -> None:
        """A row.  The top bit of a signed one weighs negative; of a bit that does, ``-b`` is ``~b - 1``.

        ``after``: what goes into the places below its lowest bit.
        """
        top = 1 << (len(bits) - 1)
        inverted = (2 * top - 1 if negative else 0) ^ (top if signed else 0)
        self._constant -= inverted << weight
        if inverted:
            bits = ~bits if inverted == 2 * top - 1 else bits ^ C(inverted, len(bits))
        word = Signal(self._width, name="row")
        self._m.d.comb += word.eq(Cat(C(0, weight - len(after)), *after, bits))
        self._rows.append(_Row(time, weight, word))

    def _carry_save(self, a: _Row, b: _Row, c: _Row) -> tuple[_Row, _Row]:
        either, total, carry = (Signal(self._width, name=name) for name in ("either", "total", "carry"))
        self._m.d.comb += [
            either.eq(a.word ^ b.word),
            total.eq(either ^ c.word),
            carry.eq(Cat(C(0, 1), a.word & b.word | either & c.word)),
        ]
        weight, time = min(a.weight, b.weight, c.weight), max(a.time, b.time, c.time)
        return _Row(time + 4, weight, total), _Row(time + 3, weight + 1, carry)


def multiply_add(
    m: Module, terms: list[Term], form: str = "tree", *, onto: Value | None = None, number: Number | None = None
) -> Rows:
    """The exact sum of ``sign * left * right``, before the last carry chain; any widths and signedness.

    Args:
        m: the module that holds the tree.
        terms: the products, all with the same count of fraction bits.
        form: ``tree``, ``booth`` or ``rows``: what products are unfolded into.
        onto: a number that is added too; None: none.
        number: range of the sum, where the caller knows a smaller one, or one of a sum with ``onto``.
    """
    products = [left.number * right.number for _, left, right in terms]
    signed = [product if term.sign > 0 else -product for term, product in zip(terms, products, strict=True)]
    if number is None:
        number = signed[0]
        for product in signed[1:]:
            number = number + product
    tree = _Tree(m, number.width, form)
    if onto is not None:
        tree.word(onto)
    for sign, left, right in terms:
        x, y = min([(left.value, right.value), (right.value, left.value)], key=lambda pair: _bits(*pair))
        tree.product(x, y, negative=sign < 0)
    return Rows(tree.compress(), number)


def _bits(x: Value, y: Value) -> int:
    """Bits in the rows of ``x * y`` with rows for the bits of ``y``."""
    pairs = (len(y) - y.shape().signed) // 2
    return pairs * (len(x) + 2) + (len(y) - 2 * pairs) * len(x)
