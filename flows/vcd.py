"""What the nets of a simulation did in a window of time, from a VCD dump.

A net is named by its path below the top, ``lane_0/_0300_`` or ``lane_0/codes[3]``, as OpenSTA names it.  A transition
is one between 0 and 1, be there an X between them; simulators dump what remains at the end of an instant.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

__all__ = ["UNITS", "Activity", "Net", "read_vcd"]

UNITS = {"s": 1e12, "ms": 1e9, "us": 1e6, "ns": 1e3, "ps": 1.0, "fs": 1e-3}
"""Of time, in ps."""

_SCOPE_OR_VAR = re.compile(
    rb"\$(?:(upscope)|scope\s+\S+\s+(\S+)|var\s+\S+\s+\d+\s+(\S+)\s+(\S+?)\s*(?:\[(-?\d+)(?::(-?\d+))?\]\s*)?)\s*\$end"
)


class Net(NamedTuple):
    """What one bit did.

    Args:
        toggles: transitions.
        high: how long it was 1, ps.
        unknown: how long it was neither 0 nor 1, ps.
    """

    toggles: int
    high: float
    unknown: float = 0


@dataclass(frozen=True)
class Activity:
    """What all nets did.

    Args:
        duration: length of the window, ps.
        nets: by path.
    """

    duration: float
    nets: dict[str, Net]


class _Bit:
    """A bit while it is followed: its value as an ASCII code, since when, and what it did so far."""

    __slots__ = ("high", "known", "since", "toggles", "unknown", "value")

    def __init__(self) -> None:
        self.value, self.known, self.since = 120, 120, 0
        self.toggles = self.high = self.unknown = 0

    def become(self, value: int, time: int) -> None:
        """Take a value (48 or 49 is known) at a time."""
        if self.value == 49:
            self.high += time - self.since
        elif self.value != 48:
            self.unknown += time - self.since
        self.since, self.value = time, value
        if value in (48, 49):
            self.toggles += value != self.known and self.known != 120
            self.known = value

    def forget(self, time: int) -> None:
        """Begin to count."""
        self.since, self.toggles, self.high, self.unknown = time, 0, 0, 0


def read_vcd(path: Path, top: str, start_ps: float | None = None, end_ps: float | None = None) -> Activity:
    """The activity between two times; changes at the first are counted, those at the second are not.

    Args:
        path: a VCD file, one change a line, as simulators write it.
        top: the module whose nets count; what is not below it is left out.
        start_ps: begin of the window; None: of the file.
        end_ps: its end; None: the last time in the file.

    Raises:
        ValueError: not VCD, without the top, or the window is not in it; one line.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        unit, names = _header(file, path, top)
        bits = {code: [_Bit() for _ in paths[0]] for code, paths in names.items()}
        start = None if start_ps is None else round(start_ps / unit)
        window = _follow(file, bits, start, None if end_ps is None else round(end_ps / unit))
    if window is None or window[1] <= window[0]:
        raise ValueError(f"{path}: it ends before the window from {start_ps} to {end_ps} ps begins")
    nets: dict[str, Net] = {}
    for code, followed in bits.items():
        for bit in followed:
            bit.become(bit.value, window[1])
        done = [Net(bit.toggles, bit.high * unit, bit.unknown * unit) for bit in followed]
        for paths in names[code]:
            nets.update(zip(paths, done, strict=True))
    return Activity((window[1] - window[0]) * unit, nets)


def _header(file: IO[bytes], path: Path, top: str) -> tuple[float, dict[bytes, list[list[str]]]]:
    """The unit of time, ps, and for each code the signals of it, each as the paths of its bits, the highest first."""
    lines = []
    for line in file:
        lines.append(line)
        if b"$enddefinitions" in line:
            break
    text = b"".join(lines)
    scale = re.search(rb"\$timescale\s+(\d+)\s*([munpf]?s)\s+\$end", text)
    if scale is None or not lines or b"$enddefinitions" not in lines[-1]:
        raise ValueError(f"{path}: not a VCD file, or its header is cut short")
    names: dict[bytes, list[list[str]]] = {}
    scopes: list[str] = []
    for up, scope, code, name, left, right in (m.groups() for m in _SCOPE_OR_VAR.finditer(text)):
        if up:
            scopes.pop()
        elif scope:
            scopes.append(_plain(scope))
        elif top in scopes:
            place = "/".join((*scopes[scopes.index(top) + 1 :], _plain(name)))
            names.setdefault(code, []).append(_bits(place, left, right))
    if not names:
        raise ValueError(f"{path}: it has no signals of {top}")
    return int(scale[1]) * UNITS[scale[2].decode()], names


def _plain(name: bytes) -> str:
    return name.decode("latin-1").removeprefix("\\")


def _bits(place: str, left: bytes | None, right: bytes | None) -> list[str]:
    if left is None:
        return [place]
    first, last = int(left), int(right or left)
    return [f"{place}[{k}]" for k in (range(first, last - 1, -1) if first >= last else range(first, last + 1))]


def _follow(
    file: Iterable[bytes], bits: dict[bytes, list[_Bit]], start: int | None, end: int | None
) -> tuple[int, int] | None:
    """Take the changes of a file; the window that was counted, or None where it did not begin."""
    time, begun = 0, None
    single = {code: followed[0] for code, followed in bits.items() if len(followed) == 1}
    for line in file:
        kind = line[0]
        if kind in b"01xzXZ":
            bit = single.get(line[1:].rstrip())
            if bit is not None and bit.value != kind:
                bit.become(kind, time)
        elif kind in b"bB":
            value, code = line[1:].split()
            if code in bits:
                _spread(bits[code], value, time)
        elif kind == 35:  # '#'
            time = int(line[1:])
            if begun is None and (start is None or time >= start):
                begun = time if start is None else start
                for bit in (bit for followed in bits.values() for bit in followed):
                    bit.forget(begun)
            if end is not None and time >= end:
                return None if begun is None else (begun, end)
    return None if begun is None else (begun, time if end is None else end)


def _spread(followed: list[_Bit], value: bytes, time: int) -> None:
    """The value of a vector; a short one is extended by 0, or by X or Z if it begins so."""
    if len(value) < len(followed):
        value = value.rjust(len(followed), b"0" if value[:1] in b"01" else value[:1])
    for bit, new in zip(followed, value, strict=True):
        if bit.value != new:
            bit.become(new, time)
