"""A core in which a module is replaced by what was laid out for it, to be simulated.

What was laid out has no pins for outputs that are constant, so a wrapper with the ports of the source stands around it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..vcd import Activity

__all__ = ["below", "inputs_of", "inside", "pins_of"]

_INNER, _INSTANCE = "nmpu_laid", "laid"


def inside(mapped: str, laid: str, top: str, constants: Mapping[str, int]) -> str:
    """A mapped netlist with what was laid out for a module in its place.

    Args:
        mapped: Verilog with hierarchy, as Yosys writes it.
        laid: Verilog of what was laid out.
        top: the module's name in both.
        constants: bits of outputs that ``laid`` has not, and what they are.

    Raises:
        ValueError: a text has no such module.
    """
    pattern = rf"^module {re.escape(top)} ?\(.*?^endmodule"
    there, own = (re.search(pattern, text, re.MULTILINE | re.DOTALL) for text in (mapped, laid))
    if there is None or own is None:
        where = "the mapped netlist" if there is None else "what was laid out"
        raise ValueError(f"there is no module {top} in {where}")
    ports = re.findall(r"^ *(input|output) (?:signed )?(\[\d+:0\] )?(\w+) *;", there[0], re.MULTILINE)
    spans = re.findall(r"^ *(?:input|output) (\[\d+:\d+\])? ?(\w+) *;", own[0], re.MULTILINE)
    lines = [f"module {top}({', '.join(name for _, _, name in ports)});"]
    lines += [f"  {direction} {span}{name};" for direction, span, name in ports]
    lines += [f"  assign {bit} = 1'b{value};" for bit, value in constants.items()]
    joined = ",\n".join(f"    .{name}({name}{span})" for span, name in spans)
    lines += [f"  {_INNER} {_INSTANCE} (", joined, "  );", "endmodule"]
    renamed = re.sub(rf"^module {re.escape(top)}\b", f"module {_INNER}", own[0], flags=re.MULTILINE)
    return mapped[: there.start()] + "\n".join(lines) + mapped[there.end() :] + f"\n{renamed}\n"


def below(activity: Activity) -> Activity:
    """What the nets of the laid-out module in such a core did, by their names in it."""
    clock = next(name for name in activity.nets if f"/{name}".endswith(f"/{_INSTANCE}/clk"))
    prefix = clock.removesuffix("clk")
    nets = {name.removeprefix(prefix): net for name, net in activity.nets.items() if name.startswith(prefix)}
    return Activity(activity.duration, nets)


def pins_of(laid: str) -> dict[str, str]:
    """The net at each pin (``_0300_/Y``) of a flat netlist whose instances are on a line each."""
    nets: dict[str, str] = {}
    for name, ends in re.findall(r"^  \w+ (\w+) \((\..*)\);$", laid, re.MULTILINE):
        nets.update((f"{name}/{pin}", net) for pin, net in re.findall(r"\.(\w+)\(([^)]+)\)", ends))
    return nets


def inputs_of(laid: str) -> set[str]:
    """Bits of the inputs of a flat netlist."""
    ports = re.findall(r"^ *input (?:\[(\d+):(\d+)\] )?(\w+) *;", laid, re.MULTILINE)
    return {
        f"{name}[{k}]" if high else name
        for high, low, name in ports
        for k in (range(int(low), int(high) + 1) if high else (0,))
    }
