"""All pins of a netlist as OpenSTA links them: what drives each, its slew, its load."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["PINS", "CellPins", "Pins", "parse_pins", "question"]

PINS = "pins.txt"
"""What OpenSTA leaves."""

_QUESTION = """
find_timing
set nmpu_file [open {file} w]
set nmpu_corner [sta::cmd_corner]
proc nmpu_slews {{vertex}} {{
  foreach edge {{rise fall}} {{ lappend slews [format %.5g [$vertex slew $edge max]] }}
  return $slews
}}
proc nmpu_load {{net}} {{
  foreach edge {{rise fall}} {{ lappend loads [format %.6g [$net capacitance $edge $::nmpu_corner max]] }}
  return $loads
}}
proc nmpu_driver {{vertex net}} {{
  set name -
  if {{$net ne "NULL"}} {{ set name =[get_full_name $net] }}
  set edges [$vertex in_edge_iterator]
  while {{[$edges has_next]}} {{ set name [get_full_name [[[$edges next] from] pin]] }}
  $edges finish
  return $name
}}
set nmpu_cells [sta::leaf_instance_iterator]
while {{[$nmpu_cells has_next]}} {{
  set cell [$nmpu_cells next]
  set type [$cell liberty_cell]
  if {{$type eq "NULL"}} {{ continue }}
  set watts 0
  {watts}
  puts $nmpu_file "cell [get_full_name $cell] [get_name $type] $watts"
  set pins [$cell pin_iterator]
  while {{[$pins has_next]}} {{
    set pin [$pins next]
    set net [$pin net]
    set vertex [lindex [$pin vertices] 0]
    if {{[$pin is_load]}} {{
      puts $nmpu_file "in [$pin port_name] [nmpu_driver $vertex $net] [nmpu_slews $vertex]"
    }} elseif {{[$pin is_driver] && $net ne "NULL"}} {{
      puts $nmpu_file "out [$pin port_name] [get_full_name $net] [nmpu_load $net]"
    }}
  }}
  $pins finish
}}
$nmpu_cells finish
foreach port [all_inputs] {{ puts $nmpu_file "port [get_full_name $port]" }}
puts $nmpu_file done
close $nmpu_file
"""


@dataclass
class CellPins:
    """All instances of a cell, in the order of the netlist.

    Macros are not among them, for OpenSTA knows no cells of theirs.

    Args:
        paths: of the instances, ``lane_0/_0300_``.
        drivers: by input, for each instance: the output ``lane_0/_0299_/ZN`` or the port ``rst`` that drives it,
            ``=`` with the net's name where nothing does, or ``-`` where it hangs on nothing.
        nets: by output, for each instance: the net; empty where there is none.
        rises, falls: slews by input, s.
        loads: by output, F; the larger of those for a rise and a fall.
        watts: switching power as OpenSTA has it with the activities that it was told or propagated; 0 without.
    """

    paths: list[str] = field(default_factory=list)
    drivers: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    nets: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    rises: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    falls: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    loads: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    watts: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Pins:
    """The netlist: its instances by cell, and the input ports of its top, bit by bit."""

    cells: dict[str, CellPins]
    ports: tuple[str, ...]


def question(*, switching: bool = False) -> str:
    """Tcl after :func:`flows.opensta.preamble` that writes :data:`PINS`.

    Args:
        switching: ask for OpenSTA's switching power of each cell too, which has it propagate activities.
    """
    watts = "set watts [lindex [sta::instance_power $cell $nmpu_corner] 1]" if switching else ""
    return _QUESTION.format(file=PINS, watts=watts)


def parse_pins(path: Path) -> Pins:
    """The pins that OpenSTA has written.

    Raises:
        ValueError: the file is cut short, or something else.
        OSError: it cannot be read.
    """
    cells: dict[str, CellPins] = defaultdict(CellPins)
    ports: list[str] = []
    at, ended = CellPins(), False
    with path.open(encoding="utf-8") as file:
        for line in file:
            kind, *words = line.replace("\\", "").split()
            if kind == "in":
                name, driver, rise, fall = words
                at.drivers[name].append(driver)
                at.rises[name].append(float(rise))
                at.falls[name].append(float(fall))
            elif kind == "out":
                name, net, rise, fall = words
                _pad(at, name, len(at.paths) - 1)
                at.nets[name].append(net)
                at.loads[name].append(max(float(rise), float(fall)))
            elif kind == "cell":
                at = cells[words[1]]
                at.paths.append(words[0])
                at.watts.append(float(words[2]))
            elif kind == "port":
                ports.append(words[0])
            ended = kind == "done"
    if not ended:
        raise ValueError(f"{path} is not what OpenSTA was asked for, or is cut short")
    for cell in cells.values():
        for name in cell.nets:
            _pad(cell, name, len(cell.paths))
    return Pins(dict(cells), tuple(ports))


def _pad(cell: CellPins, output: str, count: int) -> None:
    """Instances whose output hangs on nothing."""
    missing = count - len(cell.nets[output])
    cell.nets[output] += [""] * missing
    cell.loads[output] += [0.0] * missing
