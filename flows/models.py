"""Behaviour of library cells in Verilog, so that a netlist can be simulated without the vendor's models."""

from __future__ import annotations

from collections.abc import Iterable

from .cells import Cell, Storage
from .library import Library

__all__ = ["cell_models"]


def cell_models(library: Library, names: Iterable[str]) -> str:
    """Verilog modules for the cells ``names``: functions and flip-flops of the Liberty file, without delays.

    A flip-flop starts with an arbitrary but known value, as silicon does, so that an unwritten register neither hides
    a missing reset nor floods the simulation with X.

    Raises:
        ValueError: a cell is not in the library, or its file does not say what it does.
    """
    modules = [f"// Behaviour of cells of {library.name}; no delays.\n"]
    for name in sorted(set(names)):
        if name not in library.cells:
            raise ValueError(f"{library.path} has no cell {name}")
        modules.append(_module(library.cells[name], library))
    return "\n".join(modules)


def _module(cell: Cell, library: Library) -> str:
    if cell.special or any(pin.function is None for pin in cell.outputs):
        raise ValueError(f"{library.path} does not say what {cell.name} does; it cannot be simulated")
    lines = [f"module {cell.name}({', '.join(pin.name for pin in cell.pins if pin.direction in ('input', 'output'))});"]
    lines += [f"  {pin.direction} {pin.name};" for pin in cell.pins if pin.direction in ("input", "output")]
    for storage in cell.storage:
        lines += _storage(storage)
    lines += [f"  assign {pin.name} = {pin.function.verilog()};" for pin in cell.outputs if pin.function]
    return "\n".join([*lines, "endmodule", ""])


def _storage(storage: Storage) -> list[str]:
    state = storage.state
    forced = [(e, v) for e, v in ((storage.clear, "1'b0"), (storage.preset, "1'b1")) if e]
    lines = [f"  reg {state};", f"  initial {state} = ($random & 1) == 1;"]
    if storage.inverse:
        lines += [f"  wire {storage.inverse};", f"  assign {storage.inverse} = ~{state};"]
    conditions = [f"if ({condition.verilog()}) {state} <= {value};" for condition, value in forced]
    if storage.edge:
        events = [f"posedge {_wire(lines, f'{state}_clock', storage.clock.verilog())}"]
        events += [f"posedge {_wire(lines, f'{state}_{k}', e.verilog())}" for k, (e, _) in enumerate(forced)]
        body = [*conditions, f"{state} <= {storage.data.verilog()};"]
        lines.append(f"  always @({' or '.join(events)})")
    else:
        body = [*conditions, f"if ({storage.clock.verilog()}) {state} <= {storage.data.verilog()};"]
        lines.append("  always @*")
    return [*lines, "    " + "\n    else ".join(body)]


def _wire(lines: list[str], name: str, value: str) -> str:
    """A plain signal to wait for; some simulators take no expression after posedge."""
    if value.isidentifier():
        return value
    lines += [f"  wire {name};", f"  assign {name} = {value};"]
    return name
