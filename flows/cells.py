"""A standard cell: its pins, functions and flip-flops, as a Liberty file describes it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from .boolean import Expression, truth
from .liberty import Group

__all__ = ["Cell", "Pin", "Storage", "cell_of"]


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
    """Neither marked ``dont_use`` in the file nor left out by the user."""

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


def cell_of(group: Group, load_ff: float, usable: bool) -> Cell:
    """The cell of a ``cell`` group; ``load_ff`` is the file's unit of capacitance in fF.

    Raises:
        ValueError: an area or capacitance is not a number.
    """
    pins = []
    for pin in group.of("pin"):
        said = pin.attributes
        function = _function(said.get("function")) if "three_state" not in said else None
        load = (_number(said.get("capacitance")) or 0.0) * load_ff
        pins += [Pin(n.strip(), said.get("direction", ""), load, function) for n in pin.name.split(",")]
    storage = tuple(filter(None, (_storage(found) for found in group.of("ff", "latch"))))
    gated = any(key.startswith("clock_gating") or key == "pad_cell" for key in group.attributes)
    special = gated or any(True for _ in group.of("statetable", "bus", "bundle"))
    return Cell(group.name, _number(group.attributes.get("area")) or 0.0, tuple(pins), storage, special, usable)


def _storage(group: Group) -> Storage | None:
    said, edge = group.attributes, group.kind == "ff"
    clock, data = (_function(said.get(k)) for k in (("clocked_on", "next_state") if edge else ("enable", "data_in")))
    if clock is None or data is None:
        return None
    state, _, inverse = group.name.partition(",")
    clear, preset = (_function(said.get(key)) for key in ("clear", "preset"))
    return Storage(edge, state.strip(), inverse.strip(), clock, data, clear, preset)


def _function(text: str | None) -> Expression | None:
    """Parsed; None for what is absent or beyond Boolean functions, for such a cell is merely not recognized."""
    try:
        return Expression.parse(text) if text else None
    except ValueError:
        return None


def _number(text: str | None) -> float | None:
    return float(text) if text else None
