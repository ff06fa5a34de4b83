"""Activity of a netlist from a sequence of passes on it, recorded by ``tb.test_activity``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .saif import saif
from .simulate import Simulator, simulate
from .simulators import DUMP
from .tool import ToolFailed, write_atomic
from .vcd import Activity, read_vcd

__all__ = ["SAIF", "Recorded", "nets_of_pins", "record"]

SAIF = "activity.saif"
_WINDOW = "window.json"
_CELL = re.compile(r"^  (\S+) (\S+) +\(\n(.*?)^  \);", re.MULTILINE | re.DOTALL)
_ESCAPE = "\\"
_PIN = re.compile(r"^    \.(\w+)\(([^{}()']*)\)", re.MULTILINE)


@dataclass(frozen=True)
class Recorded:
    """What was recorded.

    Args:
        activity: of all nets, in the window of the passes.
        nets: by the pin of a cell (``lane_0/_0300_/ZN``) the net on it.
        cycles: clocks of the window.
        passes, columns: in it.
        simulator: that ran.
    """

    activity: Activity
    nets: dict[str, str]
    cycles: int
    passes: int
    columns: int
    simulator: Simulator


def record(
    build: Path,
    work: Path,
    netlist: Path,
    top: str,
    *,
    models: Sequence[Path],
    simulator: Simulator,
    seed: int = 1,
    passes: int = 32,
    keep: bool = False,
) -> Recorded:
    """Simulate passes on a netlist with hierarchy, each result compared, and count what the nets do.

    Leaves in ``work`` what :func:`flows.simulate.simulate` leaves, and ``activity.saif``; the dump only with ``keep``.

    Args:
        build: folder with config.json, and macros.v where memories are macros.
        work: folder of this step.
        netlist: the netlist.
        top: its top module, a core.
        models: Verilog of its cells.
        simulator: ``verilator`` or ``icarus``.
        seed: of codes and parameters.
        passes: in the window, from 1.
        keep: leave ``dump.vcd``.

    Raises:
        ToolMissing: the simulator is not installed.
        ToolFailed: the simulation failed, or a result was wrong.
        OSError: a file cannot be read or written.
    """
    window = work / _WINDOW
    window.unlink(missing_ok=True)
    text = netlist.read_text()
    result = simulate(
        build,
        work,
        simulator=simulator,
        netlist=netlist,
        models=models,
        seed=seed,
        bench="tb.test_activity",
        scopes=[".".join((top, *path)) for path, _ in _Places(text).below(top)],
        plusargs=(f"+passes={passes}",),
    )
    if result.failures or not window.is_file():
        message = result.failures[0].message if result.failures else "it left no window"
        raise ToolFailed(f"the passes on the netlist failed: {message}", work / "log")
    said = json.loads(window.read_text())
    activity = read_vcd(work / DUMP, top, said["start_ps"], said["end_ps"])
    write_atomic(work / SAIF, saif(activity, top))
    if not keep:
        (work / DUMP).unlink()
    cycles = activity.nets["clk"].toggles // 2
    return Recorded(activity, nets_of_pins(text, top), cycles, said["passes"], said["columns"], simulator)


class _Places:
    """The modules of a netlist as Yosys writes it, and what is in them."""

    def __init__(self, netlist: str) -> None:
        modules = re.finditer(r"^module (\S+?) ?\(.*?^(.*?)^endmodule", netlist, re.MULTILINE | re.DOTALL)
        self._cells = {module[1]: [cell.groups() for cell in _CELL.finditer(module[2])] for module in modules}

    def below(self, module: str, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
        """Path and module of every instance of a module, the top first."""
        yield path, module
        for kind, name, _ in self._cells[module]:
            if kind in self._cells:
                yield from self.below(kind, (*path, name))

    def pins(self, module: str) -> Iterator[tuple[str, str]]:
        """Pin (``_0300_/ZN``) and net of all cells in a module."""
        for kind, name, body in self._cells[module]:
            if kind not in self._cells:
                for pin, net in _PIN.findall(body):
                    yield f"{name.removeprefix(_ESCAPE)}/{pin}", re.sub(r"[\\ ]", "", net)


def nets_of_pins(netlist: str, top: str) -> dict[str, str]:
    """The nets on the pins of all cells, by paths below the top; constants and pins that are left open are not in it.

    Args:
        netlist: Verilog with hierarchy, as Yosys writes it.
        top: its top module.
    """
    places = _Places(netlist)
    local = {module: list(places.pins(module)) for module in {module for _, module in places.below(top)}}
    result: dict[str, str] = {}
    for path, module in places.below(top):
        prefix = "".join(f"{name}/" for name in path)
        result.update((prefix + pin, prefix + net) for pin, net in local[module] if net)
    return result
