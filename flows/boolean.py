"""Boolean functions as Liberty writes them: parsed, evaluated, and written as Verilog."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Expression", "truth"]

_TOKEN = re.compile(r"\s*(?:([A-Za-z_][\w\[\]]*)|([01])|([!'^*&+|()]))")


@dataclass(frozen=True)
class Expression:
    """``operator`` is ``!``, ``^``, ``&``, ``|`` with operands, ``0``, ``1``, or empty for the signal ``name``."""

    operator: str
    operands: tuple[Expression, ...] = ()
    name: str = ""

    @classmethod
    def parse(cls, text: str) -> Expression:
        """Read Liberty's syntax: ``!a a' a*b a&b a b a+b a|b a^b``; binding: not, xor, and, or.

        Raises:
            ValueError: not such a function.
        """
        parser = _Parser(text)
        result = parser.any_of()
        if parser.peek():
            raise ValueError(f"{text!r} is not a Boolean function: {parser.peek()!r} is not expected")
        return result

    @property
    def signals(self) -> frozenset[str]:
        """Names the function depends on."""
        if self.name:
            return frozenset({self.name})
        return frozenset().union(*(operand.signals for operand in self.operands))

    def evaluate(self, values: Mapping[str, int], ones: int = 1) -> int:
        """The value, bit by bit; ``ones`` has a 1 for every bit in use."""
        if self.name:
            return values[self.name]
        if self.operator in "01":
            return ones * int(self.operator)
        if self.operator == "!":
            return ones ^ self.operands[0].evaluate(values, ones)
        left, right = (operand.evaluate(values, ones) for operand in self.operands)
        return {"^": left ^ right, "&": left & right, "|": left | right}[self.operator]

    def verilog(self) -> str:
        """The function as a Verilog expression."""
        if self.name:
            return self.name
        if not self.operands:
            return f"1'b{self.operator}"
        if self.operator == "!":
            inner = self.operands[0].verilog()
            return f"~({inner})" if inner.startswith("~") else f"~{inner}"
        return f"({self.operands[0].verilog()} {self.operator} {self.operands[1].verilog()})"


def truth(function: Expression, inputs: Sequence[str]) -> int:
    """The truth table: bit ``k`` is the value where ``inputs[i]`` is bit ``i`` of ``k``.

    Raises:
        KeyError: the function has another input.
    """
    rows = 1 << len(inputs)
    columns = {name: sum(1 << k for k in range(rows) if k >> i & 1) for i, name in enumerate(inputs)}
    return function.evaluate(columns, (1 << rows) - 1)


class _Parser:
    def __init__(self, text: str) -> None:
        self._text, self._at, self._tokens = text, 0, list[str]()
        position, text = 0, text.rstrip()
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None:
                raise ValueError(f"{text!r} is not a Boolean function: {text[position]!r} is not expected")
            self._tokens.append(match[0].strip())
            position = match.end()

    def peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def take(self) -> str:
        self._at += 1
        return self._tokens[self._at - 1] if self._at <= len(self._tokens) else ""

    def any_of(self) -> Expression:
        left = self.all_of()
        while self.peek() in ("+", "|"):
            self.take()
            left = Expression("|", (left, self.all_of()))
        return left

    def all_of(self) -> Expression:
        left = self.odd_of()
        while self.peek() and self.peek() not in "+|)^":
            if self.peek() in "*&":
                self.take()
            left = Expression("&", (left, self.odd_of()))
        return left

    def odd_of(self) -> Expression:
        left = self.operand()
        while self.peek() == "^":
            self.take()
            left = Expression("^", (left, self.operand()))
        return left

    def operand(self) -> Expression:
        token = self.take()
        if token == "!":
            result = Expression("!", (self.operand(),))
        elif token == "(":
            result = self.any_of()
            if self.take() != ")":
                raise ValueError(f"{self._text!r} is not a Boolean function: a parenthesis is not closed")
        elif token and token in "01":
            result = Expression(token)
        elif token and (token[0].isalpha() or token[0] == "_"):
            result = Expression("", name=token)
        else:
            found = repr(token) if token else "its end"
            raise ValueError(f"{self._text!r} is not a Boolean function: {found} is not expected")
        while self.peek() == "'":
            self.take()
            result = Expression("!", (result,))
        return result
