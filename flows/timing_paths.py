"""Paths as OpenSTA finds them: what it is asked, and what its answer says."""

from __future__ import annotations

from dataclasses import dataclass, replace

__all__ = ["QUESTION", "Path", "Paths", "Point", "parse_paths"]

QUESTION = """
proc nmpu_block {port cell} {
  if {$cell eq ""} { return [get_property $port direction] }
  if {[string first / $cell] < 0} { return top }
  regsub {_[0-9]+$} [lindex [split $cell /] 0] ""
}
proc nmpu_cell {pin} {
  set name [get_full_name $pin]
  string range $name 0 [expr {[string last / $name] - 1}]
}
foreach cell [all_registers -cells] {
  lappend nmpu_starts([nmpu_block "" [get_full_name $cell]]) $cell
}
foreach port $inputs { lappend nmpu_starts(input) $port }
foreach start [lsort [array names nmpu_starts]] {
  array unset nmpu_seen
  foreach path [find_timing_paths -from $nmpu_starts($start) -path_delay max -group_count 1000000 \\
      -endpoint_count 1 -sort_by_slack] {
    set pin [get_property $path endpoint]
    set end [nmpu_block $pin [nmpu_cell $pin]]
    if {[info exists nmpu_seen($end)]} { continue }
    set nmpu_seen($end) 1
    puts "nmpu path $start $end [get_property $path slack]"
    foreach point [get_property $path points] {
      set pin [get_property $point pin]
      set cell [nmpu_cell $pin]
      set type -
      if {$cell ne ""} { set type [get_property [get_cells -of_objects $pin] ref_name] }
      set way [get_property $pin direction]
      puts "nmpu point [get_property $point arrival] $way $type [nmpu_block $pin $cell] [get_full_name $pin]"
    }
  }
}
foreach path [find_timing_paths -path_delay max] {
  foreach point [get_property $path points] {
    set pin [get_property $point pin]
    if {([get_property $pin direction] eq "input") == ([nmpu_cell $pin] ne "")} { continue }
    puts "nmpu fanout [expr {[llength [get_fanout -from $pin -flat -pin_levels 1]] - 1}] [get_full_name $pin]"
  }
}
puts "nmpu done"
"""
"""Tcl after :func:`flows.opensta.preamble`: the worst path of each pair of blocks between which there is one; then
the fanouts on the worst of all, for they take long.

A block is an instance in the top; those whose names differ in their number are one (``lane``).  What the top has
itself is ``top``, its ports are ``input`` and ``output``.
"""


@dataclass(frozen=True)
class Point:
    """A pin on a path.

    Args:
        pin: its name; that of a cell's pin has a slash.
        type: the library cell, or empty for a port of the top.
        block: where it is.
        arrival_ps: when the edge is there, after that of the clock.
        drives: it drives a net: an output of a cell, or an input of the top.
    """

    pin: str
    type: str
    block: str
    arrival_ps: float
    drives: bool

    @property
    def cell(self) -> str:
        """The path of its cell, or the name of the port."""
        return self.pin.rpartition("/")[0] or self.pin


@dataclass(frozen=True)
class Path:
    """A path: the blocks it begins and ends in, what is left of the period, and its pins."""

    start: str
    end: str
    slack_ps: float
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Paths:
    """The paths, the worst first, and how many pins hang on those that drive a net on the worst of all."""

    worst: tuple[Path, ...]
    fanout: dict[str, int]


def parse_paths(log: str) -> Paths:
    """The answer to :data:`QUESTION`, from a log.

    Raises:
        ValueError: it is none, or is cut short.
    """
    said = [line.split()[1:] for line in log.splitlines() if line.startswith("nmpu ")]
    if not said or said[-1] != ["done"]:
        raise ValueError("this log of OpenSTA has no end")
    paths: list[Path] = []
    fanout: dict[str, int] = {}
    try:
        for kind, *words in said[:-1]:
            if kind == "path":
                start, end, slack = words
                paths.append(Path(start, end, float(slack), ()))
            elif kind == "point":
                paths[-1] = replace(paths[-1], points=(*paths[-1].points, _point(*words)))
            elif kind == "fanout":
                fanout[words[1]] = int(words[0])
    except (ValueError, TypeError, IndexError) as error:
        raise ValueError(f"this is not a list of paths: {error}") from None
    return Paths(tuple(sorted(paths, key=lambda path: (path.slack_ps, path.start, path.end))), fanout)


def _point(arrival: str, way: str, kind: str, block: str, pin: str) -> Point:
    port = kind == "-"
    return Point(pin, "" if port else kind, block, float(arrival), drives=(way == "input") == port)
