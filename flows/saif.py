"""Activity from SAIF, and to SAIF, for other tools."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .vcd import UNITS, Activity, Net

__all__ = ["read_saif", "saif"]

_SAIF_TOKEN = re.compile(r'[()]|"[^"]*"|(?:\\.|[^\s()"])+')


def read_saif(path: Path, top: str) -> Activity:
    """The activity that a backward SAIF file holds.

    Args:
        path: the file.
        top: the instance whose nets count, at any depth; what is not below it is left out.

    Raises:
        ValueError: not SAIF, or without the instance; one line.
        OSError: the file cannot be read.
    """
    tokens = iter(_SAIF_TOKEN.findall(path.read_text(encoding="latin-1")))
    try:
        tree = _tree(tokens) if next(tokens, None) == "(" else []
    except StopIteration:
        raise ValueError(f"{path}: the SAIF file is cut short") from None
    if not tree or tree[0] != "SAIFILE":
        raise ValueError(f"{path}: not a SAIF file: it does not begin with (SAIFILE")
    said = {part[0]: part[1:] for part in tree[1:]}
    try:
        unit = float(said["TIMESCALE"][0]) * UNITS[said["TIMESCALE"][1]]
        duration = float(said["DURATION"][0]) * unit
        nets = {name: net for part in tree[1:] if part[0] == "INSTANCE" for name, net in _nets(part, top, None, unit)}
    except (KeyError, IndexError, ValueError) as error:
        raise ValueError(f"{path}: the SAIF file has no proper TIMESCALE, DURATION or net: {error!r}") from None
    if not nets:
        raise ValueError(f"{path}: it has no nets of an instance {top}")
    return Activity(duration, nets)


def _tree(tokens: Iterator[str]) -> list[Any]:
    """What is up to the parenthesis that closes; lists of words and lists."""
    result: list[Any] = []
    while (token := next(tokens)) != ")":
        result.append(_tree(tokens) if token == "(" else token)
    return result


def _nets(instance: list[Any], top: str, prefix: str | None, unit: float) -> Iterator[tuple[str, Net]]:
    """Nets of an instance and of those in it; ``prefix`` is None above the top."""
    name = _unescaped(instance[1])
    inside = "" if prefix is None and name == top else None if prefix is None else f"{prefix}{name}/"
    for part in instance[2:]:
        if part[0] == "INSTANCE":
            yield from _nets(part, top, inside, unit)
        elif part[0] in ("NET", "PORT") and inside is not None:
            for entry in part[1:]:
                said = {key: float(value) for key, value, *_ in entry[1:]}
                net = Net(int(said["TC"]), said["T1"] * unit, said.get("TX", 0) * unit)
                yield inside + _unescaped(entry[0]), net


def _unescaped(name: str) -> str:
    return re.sub(r"\\(.)", r"\1", name).strip('"')


def saif(activity: Activity, top: str) -> str:
    """The activity as a backward SAIF file, version 2.0, in ps."""
    tree: dict[str, Any] = {}
    for path in sorted(activity.nets):
        *scopes, name = path.split("/")
        place = tree
        for scope in scopes:
            place = place.setdefault(f"{scope}/", {})
        place[name] = activity.nets[path]
    head = ['(SAIFVERSION "2.0")', '(DIRECTION "backward")', f'(DESIGN "{top}")', "(DIVIDER / )", "(TIMESCALE 1 ps)"]
    lines = ["(SAIFILE", *head, f"(DURATION {activity.duration:.0f})", *_instance(top, tree, activity.duration), ")"]
    return "\n".join(lines) + "\n"


def _instance(name: str, tree: dict[str, Any], duration: float) -> Iterator[str]:
    yield f"(INSTANCE {_escaped(name)}"
    yield "(NET"
    for net, did in tree.items():
        if isinstance(did, Net):
            low = duration - did.high - did.unknown
            times = f"(T0 {low:.0f}) (T1 {did.high:.0f}) (TX {did.unknown:.0f})"
            yield f"({_escaped(net)} {times} (TC {did.toggles}) (IG 0))"
    yield ")"
    for scope, inside in tree.items():
        if not isinstance(inside, Net):
            yield from _instance(scope.removesuffix("/"), inside, duration)
    yield ")"


def _escaped(name: str) -> str:
    return re.sub(r"([^\w])", r"\\\1", name)
