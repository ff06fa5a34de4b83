"""A standard cell: its pins, functions and flip-flops, as a Liberty file describes it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from .boolean import Expression, truth
from .liberty import Group

__all__ = ["Cell", "Pin", "Storage", "cell_of", "takes_no_area"]


@dataclass(frozen=True)
class Pin:
    """A signal pin.

    Args:
        name: its name.
        direction: ``input``, ``output`` or ``inout``.
        capacitance: load of an input, fF.
        function: what an output shows, in terms of inputs and state; None where the file does not say.
    """

    name: str
    direction: str
    capacitance: float
    function: Expression | None


@dataclass(frozen=True)
class Storage:
    """The flip-flop (``edge``) or latch of a cell; ``state`` and ``inverse`` are the names its outputs refer to."""

    edge: bool
    state: str
    inverse: str
    clock: Expression
    data: Expression
    clear: Expression | None
    preset: Expression | None


@dataclass(frozen=True)
class Cell:
    """A cell; ``area`` in the library's own unit, um2 as a rule."""

    name: str
    area: float
    pins: tuple[Pin, ...]
    storage: tuple[Storage, ...]
    special: bool
    """Clock gates, pads and whatever else is described by more than functions and flip-flops."""
    usable: bool
    """Neither marked ``dont_use`` in the file, nor left out by the user, nor without area."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the input pins."""
        return tuple(pin.name for pin in self.pins if pin.direction == "input")

    @property
    def outputs(self) -> tuple[Pin, ...]:
        """The output pins."""
        return tuple(pin for pin in self.pins if pin.direction == "output")

    @property
    def sequential(self) -> bool:
        """It holds a state."""
        return bool(self.storage)

    @cached_property
    def truths(self) -> tuple[int, ...] | None:
        """The number of inputs and the truth table of every output; None for what is not plainly combinational or has
        more than 6 inputs."""
        if self.special or self.storage or not self.outputs or len(self.inputs) > 6:
            return None
        tables = [len(self.inputs)]
        for pin in self.outputs:
            if pin.function is None or not pin.function.signals <= set(self.inputs):
                return None
            tables.append(truth(pin.function, self.inputs))
        return tuple(tables)


def takes_no_area(group: Group) -> bool:
    """The file gives a ``cell`` group the area 0, or none: a filler, a pad, or something left unfinished."""
    try:
        return float(group.attributes.get("area") or 0) == 0
    except ValueError:
        return False


def cell_of(group: Group, load_ff: float, usable: bool) -> Cell:
    """The cell of a ``cell`` group; ``load_ff`` is the file's unit of capacitance in fF.

    Of a cell that is not usable, what cannot be read counts as 0 or as absent.

    Raises:
        ValueError: the cell is usable, and an area or capacitance is not a number from 0, or a function is not Boolean;
            one line, with cell and attribute.  Latches and three-state outputs are excepted: nothing is mapped to them.
    """
    try:
        return _cell(group, load_ff, usable)
    except ValueError as error:
        remedy = f"correct it, or leave the cell out with --dont-use {group.name}"
        raise ValueError(f"cell {group.name}: {error}; {remedy}") from None


def _cell(group: Group, load_ff: float, usable: bool) -> Cell:
    gated = any(key.startswith("clock_gating") or key == "pad_cell" for key in group.attributes)
    special = gated or any(True for _ in group.of("statetable", "bus", "bundle"))
    pins = []
    for pin in group.of("pin"):
        said = pin.attributes
        function = _function(pin, "function", usable) if "three_state" not in said else None
        load = _number(pin, "capacitance", usable) * load_ff
        pins += [Pin(n.strip(), said.get("direction", ""), load, function) for n in pin.name.split(",")]
    storage = tuple(filter(None, (_storage(found, usable and found.kind == "ff") for found in group.of("ff", "latch"))))
    return Cell(group.name, _number(group, "area", usable), tuple(pins), storage, special, usable)


def _storage(group: Group, strict: bool) -> Storage | None:
    edge = group.kind == "ff"
    names = ("clocked_on", "next_state") if edge else ("enable", "data_in")
    clock, data, clear, preset = (_function(group, name, strict) for name in (*names, "clear", "preset"))
    if clock is None or data is None:
        return None
    state, _, inverse = group.name.partition(",")
    return Storage(edge, state.strip(), inverse.strip(), clock, data, clear, preset)


def _function(group: Group, name: str, strict: bool) -> Expression | None:
    """Parsed; None for what is absent or, unless ``strict``, no Boolean function."""
    text = group.attributes.get(name)
    try:
        return Expression.parse(text) if text else None
    except ValueError as error:
        if strict:
            raise ValueError(f"{name} of {group.kind} ({group.name}): {error}") from None
        return None


def _number(group: Group, name: str, strict: bool) -> float:
    """A finite number from 0; 0 for what is absent or, unless ``strict``, something else."""
    text = group.attributes.get(name) or "0"
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if math.isfinite(number) and number >= 0:
        return number
    if strict:
        where = f" of {group.kind} ({group.name})" if group.kind != "cell" else ""
        raise ValueError(f"{name} {text!r}{where} is not a number from 0")
    return 0.0
