"""One operation of binary16 by itself: to be tested, or to be used elsewhere."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Module, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .fixed import Fixed, shape
from .float16 import align, align_product, leading_one, multiply, normalize, rounded, total
from .float_codes import from_integer, pack, to_integer, unpack
from .formats import Format

__all__ = ["FloatUnit"]


class FloatUnit(wiring.Component):
    """One operation by itself, without registers.

    Args:
        operation: ``multiply``, ``add``, ``fused`` (a * b + c), ``from_integer`` or ``to_integer``.
        lean: no NaN, no infinity, no subnormals.
        form: of the codes that a conversion takes or gives.

    Attributes:
        a, b, c: bit patterns, as many as the operation takes; ``from_integer``: ``code`` in their place.
        y: bit pattern; ``to_integer``: a code, with ``low`` and ``high``, and ``relu`` as an input.
    """

    def __init__(self, operation: str, lean: bool, form: Format) -> None:
        self._operation, self._lean, self._form = operation, lean, form
        operands = {"multiply": "ab", "add": "ab", "fused": "abc", "to_integer": "a", "from_integer": ""}[operation]
        ports: dict[str, Any] = {name: In(16) for name in operands} | {"y": Out(16)}
        if operation == "from_integer":
            ports["code"] = In(shape(form.number))
        if operation == "to_integer":
            ports |= {"y": Out(unsigned(form.width)), "low": Out(1), "high": Out(1), "relu": In(1)}
        super().__init__(ports)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        lean = self._lean
        a, b, c = (unpack(m, getattr(self, name), lean=lean) if hasattr(self, name) else None for name in "abc")
        if a is not None and b is not None:
            if self._operation == "add":
                raw = normalize(m, total(m, align(m, a, b)))
            else:
                product = multiply(m, a, b)
                raw = leading_one(product) if c is None else normalize(m, total(m, align_product(m, product, c)))
            m.d.comb += self.y.eq(pack(rounded(m, raw, lean=lean), lean=lean))
        elif a is not None:
            result = to_integer(m, a, self._form, self.relu)
            m.d.comb += [self.y.eq(result.y), self.low.eq(result.low), self.high.eq(result.high)]
        else:
            code = Fixed(self.code, self._form.number)
            m.d.comb += self.y.eq(pack(from_integer(m, code, lean=lean), lean=lean))
        return m
