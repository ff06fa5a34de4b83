"""The activation table: looking up, and its content from a function of real numbers, with how far off it is."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.formats import Format

from .checks import check_range

__all__ = ["FUNCTIONS", "activation_table", "look_up"]

Floats = NDArray[np.floating[Any]]


def look_up(config: NmpuConfig, y: NDArray[np.integer], table: ArrayLike) -> NDArray[np.integer]:
    """Replace codes by the table's entries: entry ``i`` for codes whose highest ``tile.table`` bits are ``i``.

    Args:
        config: the configuration.
        y: codes of ``output.format``, of any shape.
        table: (2**tile.table,) codes of ``output.format``.

    Raises:
        ValueError: the table does not fit.
    """
    entries, form, bits = np.asarray(table), config.output.format, config.tile.table
    if entries.shape != (1 << bits,):
        raise ValueError(f"a table of shape {entries.shape} is not ({1 << bits},), the entries of tile.table = {bits}")
    check_range(entries, form.low, form.high, "table entry", str(form))
    index = (y.astype(np.int32) & ((1 << form.width) - 1)) >> (form.width - bits)
    return entries.astype(y.dtype)[index]


def _sigmoid(x: float) -> float:
    """Of the two equal forms the one that does not overflow."""
    small = math.exp(-abs(x))
    return (1.0 if x >= 0 else small) / (1.0 + small)


def _hard_sigmoid(x: float) -> float:
    return min(max(x / 6.0 + 0.5, 0.0), 1.0)


def _exp(x: float) -> float:
    """Infinity where the largest float is passed: it saturates as any other."""
    return math.exp(x) if x < 709.0 else math.inf


FUNCTIONS: Mapping[str, Callable[[float], float]] = MappingProxyType(
    {
        "sigmoid": _sigmoid,
        "tanh": math.tanh,
        # erfc keeps its digits far below zero, where 1 + erf has none left.
        "gelu": lambda x: 0.5 * x * math.erfc(-x / math.sqrt(2.0)),
        "silu": lambda x: x * _sigmoid(x),
        "relu": lambda x: max(x, 0.0),
        "hardsigmoid": _hard_sigmoid,
        "hardswish": lambda x: x * _hard_sigmoid(x),
        "softplus": lambda x: max(x, 0.0) + math.log1p(math.exp(-abs(x))),
        "elu": lambda x: x if x > 0 else math.expm1(x),
        "exp": _exp,
    }
)
"""The functions known by name; ``gelu`` is the exact one, ``x * (1 + erf(x / sqrt(2))) / 2``."""


def activation_table(
    config: NmpuConfig,
    function: str | Callable[[float], float],
    *,
    in_step: float,
    out_step: float,
    width: int | None = None,
) -> tuple[NDArray[np.int64], float]:
    """The entries of a table, and its maximal error.

    Entry ``i`` serves the codes whose highest ``tile.table`` bits are ``i``.  It is the function's value in their
    middle, rounded half to even and saturated to the range of ``width``.

    Args:
        config: the configuration; ``tile.table`` is not 0.
        function: one of :data:`FUNCTIONS`, or anything from a float to a float; infinity saturates.
        in_step: what a code before the table is worth.
        out_step: what a code after the table is worth.
        width: the output width in force, one of ``derived.widths``; None means that of ``output.format``.

    Returns:
        The entries, (2**tile.table,) codes of ``output.format``, and the largest
        ``|entry - function(code * in_step) / out_step|`` in output LSB: over all codes that the width in force lets
        through and whose target lies within its range; 0 if there is none.  At most 0.5 where ``tile.table`` is the
        output's width.

    Raises:
        ValueError: there is no table, no such function or width, a step that is not positive, or a value that is no
            number.
    """
    bits, out = config.tile.table, config.output.format
    width = out.width if width is None else width
    _check(config, width, {"in_step": in_step, "out_step": out_step})
    call = _function(function)
    group = 1 << (out.width - bits)
    # Groups of codes in rising order; the index is the group's number as two's complement.
    numbers = np.arange(out.low // group, out.high // group + 1)
    middles = (numbers * group + (group - 1) / 2) * in_step
    limits = Format(out.signed, width, 0)
    rising = np.clip(np.rint(_values(call, middles, out_step)), limits.low, limits.high)
    entries = np.empty(1 << bits, np.int64)
    entries[numbers & ((1 << bits) - 1)] = rising
    codes = np.arange(limits.low, limits.high + 1)
    targets = _values(call, codes * in_step, out_step)
    error = np.abs(rising[codes // group - numbers[0]] - targets)
    inside = (limits.low <= targets) & (targets <= limits.high)
    return entries, float(error[inside].max(initial=0.0))


def _check(config: NmpuConfig, width: int, steps: Mapping[str, float]) -> None:
    if not (config.derived.tiled and config.tile.table):
        raise ValueError(f"tile.table = {config.tile.table} with tile.kind = {config.tile.kind} is no table")
    if width not in config.derived.widths:
        raise ValueError(f"width = {width} is not built in; {', '.join(map(str, config.derived.widths))} is")
    for name, value in steps.items():
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"{name} = {value} must be positive and finite")


def _function(function: str | Callable[[float], float]) -> Callable[[float], float]:
    if not isinstance(function, str):
        return function
    if function not in FUNCTIONS:
        raise ValueError(f"function = {function} is not known; {', '.join(FUNCTIONS)} are, or give a callable")
    return FUNCTIONS[function]


def _values(call: Callable[[float], float], inputs: Floats, out_step: float) -> Floats:
    """The function's values in output LSB."""
    with np.errstate(over="ignore"):  # what is beyond the largest float saturates
        values = np.array([call(float(x)) for x in inputs], np.float64) / out_step
    wrong = np.flatnonzero(np.isnan(values))
    if wrong.size:
        raise ValueError(f"the function of {inputs[wrong[0]]:g} is no number")
    return values
