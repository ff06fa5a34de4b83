"""Read Liberty text: the groups and attributes a synthesis needs, and a lean copy without the rest.

A Liberty file of a real process is mostly power and current-source tables; of 46 MB a third matters here.  One regular
expression walks from brace to brace, and only groups in :data:`_PARSED` are looked into, which takes a fraction of a
second where a full parser takes minutes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Group", "parse", "read"]

_PIECE = re.compile(r'((?:[^{}"/]++|"(?:[^"\\]|\\.)*+"|/\*.*?\*/|//[^\n]*+|/)*+)([{}])', re.DOTALL)
"""Text up to the next brace that is neither in a string nor in a comment."""

_COMMENT = re.compile(r'("(?:[^"\\]|\\.)*+")|/\*.*?\*/|//[^\n]*+', re.DOTALL)
_HEADER = re.compile(r"([A-Za-z_]\w*)\s*\(([^(){};]*)\)\s*\Z")
_SIMPLE = re.compile(r'([A-Za-z_]\w*)\s*:\s*(?:"([^"]*)"|([^;"\n]+))')
_COMPLEX = re.compile(r"([A-Za-z_]\w*)\s*\(([^()]*)\)\s*(?:;|\n|\Z)")

_PARSED = frozenset({"library", "operating_conditions", "cell", "pin", "bus", "bundle", "ff", "latch", "statetable"})
_DROPPED = re.compile(
    r"leakage_power|internal_power|power_lut_template|pg_pin|(in|out)put_voltage|normalized_driver_waveform|test_cell"
    r"|(rise|fall)_constraint|receiver_capacitance\w*|output_current_\w+|ccsn_\w+|compact_ccs_\w+|ecsm_\w+|ocv_\w+"
    r"|(dynamic|leakage|gate)_(current|leakage)|intrinsic_(parasitic|resistance|capacitance)|min_pulse_width|user_\w+"
)
"""Groups that neither mapping nor its delay estimate reads."""


@dataclass
class Group:
    """A group: ``kind (name) { attributes and groups }``.  Attributes are text without quotes."""

    kind: str
    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    groups: list[Group] = field(default_factory=list)

    def of(self, *kinds: str) -> Iterator[Group]:
        """The groups inside that are of one of ``kinds``."""
        return (group for group in self.groups if group.kind in kinds)


@dataclass
class _Open:
    group: Group
    start: int
    """Where the header begins."""
    parsed: bool
    kept: bool
    mark: tuple[int, int]
    """How much of the lean text there was, and up to where it was copied, when this began."""


def read(path: Path, unwanted: Callable[[Group], bool] = lambda cell: False) -> tuple[Group, str]:
    """The library group of a file with all its cells, and a lean copy of its text.

    Args:
        path: the file.
        unwanted: tells cells that the lean copy leaves out.

    Raises:
        ValueError: no such file, not readable, not Liberty, or cut short.  One line, with the path.
    """
    try:
        text = path.read_bytes().decode("latin-1")
    except OSError as error:
        raise ValueError(f"cannot read the Liberty file {path}: {error.strerror}") from None
    try:
        return parse(text, unwanted)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def parse(text: str, unwanted: Callable[[Group], bool] = lambda cell: False) -> tuple[Group, str]:
    """As :func:`read`, of a text.

    Raises:
        ValueError: not Liberty, or cut short.
    """
    stack: list[_Open] = []
    spans: list[str] = []
    copied = position = 0
    for piece in _PIECE.finditer(text):
        if piece.start() != position:
            break  # a string or comment without an end
        position = piece.end()
        if piece[2] == "{":
            stack.append(_enter(piece[1], piece.start(), stack[-1] if stack else None, (len(spans), copied)))
            continue
        if not stack:
            raise ValueError("a brace closes that was never opened")
        done = stack.pop()
        if done.parsed:
            _add_attributes(done.group, _plain(piece[1]))
        if done.parsed and done.group.kind == "cell" and unwanted(done.group):
            done.kept, copied = False, done.mark[1]
            del spans[done.mark[0] :]
        if not done.kept and (not stack or stack[-1].kept):
            spans.append(text[copied : done.start])
            copied = position
        if not stack:
            return done.group, "".join(spans) + text[copied:position] + "\n"
    if not stack:
        raise ValueError("not a Liberty file: it has no library (...) { ... }")
    inner = next((o.group for o in reversed(stack) if o.group.kind == "cell"), stack[-1].group)
    raise ValueError(f"the Liberty file ends inside {inner.kind} ({inner.name}); it seems to be cut short")


def _enter(text: str, start: int, parent: _Open | None, mark: tuple[int, int]) -> _Open:
    if parent is not None and not parent.kept:
        return _Open(parent.group, start, parsed=False, kept=False, mark=mark)
    plain = _plain(text)
    header = _HEADER.search(plain)
    kind, name = (header[1], header[2].replace('"', "").strip()) if header else ("", "")
    if parent is None and kind != "library":
        raise ValueError(f"not a Liberty file: it begins with {(kind or plain.strip())[:20]!r} instead of 'library'")
    group = Group(kind, name)
    parsed = kind in _PARSED and (parent is None or parent.parsed)
    if parent is not None and parent.parsed:
        _add_attributes(parent.group, plain[: header.start()] if header else plain)
        if parsed:
            parent.group.groups.append(group)
    kept = _DROPPED.fullmatch(kind) is None
    return _Open(group, start + (header.start() if header else len(text)), parsed, kept, mark)


def _plain(text: str) -> str:
    """The text with its comments blanked, so that positions stay."""
    if "/*" not in text and "//" not in text:
        return text
    return _COMMENT.sub(lambda m: m[1] or " " * len(m[0]), text)


def _add_attributes(group: Group, text: str) -> None:
    if ":" in text:
        for match in _SIMPLE.finditer(text):
            group.attributes[match[1]] = (match[2] if match[2] is not None else match[3]).strip()
    if group.kind == "library":
        for match in _COMPLEX.finditer(text):
            group.attributes.setdefault(match[1], match[2].replace('"', "").strip())
