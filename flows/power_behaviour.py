"""What every pin of a netlist does: by a recorded activity of its nets, or as OpenSTA propagates it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from .library import Library
from .opensta import CLOCK
from .power_cells import Behaviour
from .power_pins import CellPins, Pins
from .vcd import Activity

__all__ = ["Behaviours", "propagated", "recorded"]

_Does = tuple[float, float]
"""Transitions a second, and the share of time at 1."""

_IDLE: _Does = (0.0, 0.5)


@dataclass(frozen=True)
class Behaviours:
    """By cell and pin, an array over its instances; and the share of outputs and input ports that was recorded."""

    cells: dict[str, dict[str, Behaviour]]
    annotated: float


def recorded(
    pins: Pins, library: Library, activity: Activity, nets: Mapping[str, str], cycles: int, period_ps: float
) -> Behaviours:
    """Behaviour from the counts of a simulation, at a clock of ``period_ps``.

    Args:
        pins: the netlist; buffers that the simulated one did not have do what drives them does.
        library: its cells.
        activity: what the nets did.
        nets: names of the nets in the simulated netlist, by the pins of cells.
        cycles: clocks of its window.
        period_ps: the clock's.
    """
    per_second = 1e12 / (cycles * period_ps)
    follows = _added(pins, nets)

    def of_net(name: str) -> _Does | None:
        net = activity.nets.get(name)
        if net is None:
            return None
        known = activity.duration - net.unknown
        return net.toggles * per_second, net.high / known if known > 0 else 0.5

    def of_pin(pin: str) -> _Does | None:
        while pin in follows:
            pin = follows[pin]
        return of_net(nets.get(pin, pin))

    outputs: dict[str, _Does] = {}
    wanted = found = 0
    for cell in pins.cells.values():
        for name, own in cell.nets.items():
            for path, net in zip(cell.paths, own, strict=True):
                does = of_pin(f"{path}/{name}") if net else None
                wanted, found = wanted + bool(net), found + (does is not None)
                if does is not None:
                    outputs[f"{path}/{name}"] = does
    ports = {port: does for port in pins.ports if (does := of_net(port)) is not None}
    share = (found + len(ports)) / (wanted + len(pins.ports))

    def source(driver: str) -> _Does:
        if driver.startswith("="):
            return of_net(driver[1:]) or _constant(driver)
        return outputs.get(driver) or ports.get(driver, _IDLE)

    return Behaviours({name: _pins(name, cell, library, outputs, source) for name, cell in pins.cells.items()}, share)


def propagated(
    pins: Pins, library: Library, volts: float, input_activity: float, asked_ps: float, period_ps: float
) -> Behaviours:
    """Behaviour as OpenSTA propagates it from the inputs; each pin is taken to be 1 half of the time.

    What it propagates to an output follows from the switching power that it gives for the load there.

    Args:
        pins: the netlist, with switching power.
        library: its cells.
        volts: supply.
        input_activity: transitions of each input a clock.
        asked_ps: the period that OpenSTA was told.
        period_ps: the clock's.
    """
    outputs: dict[str, _Does] = {}
    for cell in pins.cells.values():
        loads = [sum(cell.loads[name][k] for name in cell.nets) for k in range(len(cell.paths))]
        for path, watts, load in zip(cell.paths, cell.watts, loads, strict=True):
            rate = watts / (0.5 * volts**2 * load) * asked_ps / period_ps if load else 0.0
            outputs.update((f"{path}/{name}", (rate, 0.5)) for name in cell.nets)
    per_second = 1e12 / period_ps

    def source(driver: str) -> _Does:
        if driver == CLOCK:
            return 2 * per_second, 0.5
        if driver.startswith(("=", "-")):
            return _constant(driver)
        return outputs.get(driver, (input_activity * per_second, 0.5))

    return Behaviours({name: _pins(name, cell, library, outputs, source) for name, cell in pins.cells.items()}, 0.0)


def _added(pins: Pins, nets: Mapping[str, str]) -> dict[str, str]:
    """Outputs of buffers that are not in a netlist, and what drives their input."""
    return {
        f"{path}/{output}": next(iter(cell.drivers.values()))[k]
        for cell in pins.cells.values()
        if len(cell.drivers) == len(cell.nets) == 1
        for output in cell.nets
        for k, path in enumerate(cell.paths)
        if f"{path}/{output}" not in nets
    }


def _constant(driver: str) -> _Does:
    """Of a net that nothing drives; OpenSTA calls a constant 1 so."""
    return 0.0, float(driver.endswith("one_"))


def _pins(
    name: str, cell: CellPins, library: Library, outputs: dict[str, _Does], source: Callable[[str], _Does]
) -> dict[str, Behaviour]:
    """All pins of a cell; an output without a net does what the cell's other one does, upside down, in a flip-flop."""
    does = {pin: [source(driver) for driver in drivers] for pin, drivers in cell.drivers.items()}
    held = library.cells[name].sequential
    for pin in cell.nets:
        other = [path for path in cell.nets if path != pin]
        for path in cell.paths:
            own = outputs.get(f"{path}/{pin}")
            if own is None and held and other and (twin := outputs.get(f"{path}/{other[0]}")):
                own = twin[0], 1 - twin[1]
            does.setdefault(pin, []).append(own or _IDLE)
    return {pin: Behaviour(*np.array(values).T) for pin, values in does.items()}
