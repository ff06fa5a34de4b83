"""Place a component as a submodule, or, when Verilog is being made, as an instance of a module emitted once.

Amaranth emits a module for every *instance*, with port names of its own: 64 equal lanes would be 64 modules, and a
synthesizer would work 64 times.  With a :class:`ModuleLibrary` as the platform each distinct component is emitted once,
under its own name and with its own ports; in simulation the hierarchy stays inside Amaranth.
"""

from __future__ import annotations

from typing import Any

from amaranth.hdl import ClockSignal, Instance, Module, ResetSignal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In

__all__ = ["ModuleLibrary", "place", "ports_of"]


class ModuleLibrary:
    """The components of a design, by the name of their module.  Given to ``elaborate`` as the platform."""

    def __init__(self) -> None:
        self.components: dict[str, wiring.Component] = {}


def ports_of(component: wiring.Component) -> list[tuple[str, Value, bool]]:
    """Name, value and whether it is an input, of every port; interfaces are flattened with ``__``."""
    return [
        ("__".join(map(str, path)), Value.cast(value), member.flow is In)
        for path, member, value in component.signature.flatten(component)
    ]


def place(
    m: Module, platform: Any, module: str, component: wiring.Component, name: str = "", *, clocked: bool = True
) -> None:
    """Make ``component`` part of ``m``.

    Args:
        m: the parent.
        platform: what ``elaborate`` was given.
        module: name of the Verilog module; components that share it must be equal.
        component: what to place.
        name: name of the instance, ``module`` unless given.
        clocked: it has registers; a component without has no clock and no reset.
    """
    name = name or module
    if isinstance(platform, ModuleLibrary):
        if platform.components.setdefault(f"nmpu_{module}", component) is not component:
            component._MustUse__used = True  # emitted by its equal
        connections = {f"{'i' if is_in else 'o'}_{port}": value for port, value, is_in in ports_of(component)}
        clock = {"i_clk": ClockSignal(), "i_rst": ResetSignal()} if clocked else {}
        m.submodules[name] = Instance(f"nmpu_{module}", **clock, **connections)
    else:
        m.submodules[name] = component
