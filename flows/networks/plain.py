"""A network in one .npz file, its nodes as JSON and their arrays: NumPy is all that one needs to write it."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from golden.network import Conv, Network, Node

from .data import read_arrays

__all__ = ["load_plain", "network_of_arrays", "plain_arrays", "save_plain", "write_arrays"]

_KINDS: dict[str, type[Node]] = {kind.__name__.lower(): kind for kind in get_args(Node)}
_HEADER = "network"
_FITS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("name", "source", "first", "second", "kind"), (str,)),
    **dict.fromkeys(("low", "high", "lsb"), (int, float)),
    **dict.fromkeys(("before", "behind", "stride"), (int,)),
}
_ARRAYS = ("weight", "bias", "gain", "offset")
"""Fields of nodes that are arrays; those of the node n are called n.weight and so on."""


def save_plain(network: Network, file: Path) -> None:
    """Write a network; :func:`load_plain` gives the same one back, bit by bit.

    Raises:
        OSError: the file cannot be written; it is as it was.
    """
    write_arrays(file, plain_arrays(network))


def load_plain(file: Path) -> Network:
    """The network of a file.

    Raises:
        ValueError: naming the file, the node, what is wrong with it and what would do.
        OSError: the file cannot be read.
    """
    arrays = read_arrays(file)
    try:
        return network_of_arrays(arrays)
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from None


def plain_arrays(network: Network) -> dict[str, NDArray[Any]]:
    """The arrays of :func:`save_plain` by their names."""
    arrays: dict[str, NDArray[Any]] = {}
    nodes: list[dict[str, Any]] = []
    for node in network.nodes:
        told: dict[str, Any] = {"op": type(node).__name__.lower()}
        for field in fields(node):
            value = getattr(node, field.name)
            if field.name in _ARRAYS:
                if value is not None:
                    arrays[f"{node.name}.{field.name}"] = np.asarray(value)
            elif field.default is MISSING or value != field.default:
                told[field.name] = value
        nodes.append(told)
    header = {"name": network.name, "shape": network.shape, "mean": network.mean, "deviation": network.deviation}
    return {_HEADER: np.array(json.dumps({**header, "nodes": nodes})), **arrays}


def network_of_arrays(arrays: Mapping[str, NDArray[Any]]) -> Network:
    """What :func:`plain_arrays` was made of; arrays that no node asks for are left alone.

    Raises:
        ValueError: as :func:`load_plain`.
    """
    if _HEADER not in arrays:
        raise ValueError(f"no {_HEADER}; a string of JSON with name, shape and nodes, docs/networks.md, would do")
    try:
        header = json.loads(str(arrays[_HEADER]))
    except json.JSONDecodeError as error:
        raise ValueError(f"{_HEADER} is not JSON: {error}") from None
    if not isinstance(header, dict) or not {"name", "shape", "nodes"} <= set(header):
        raise ValueError(f"{_HEADER} is not an object with name, shape and nodes")
    shape = header["shape"]
    if not isinstance(shape, list) or len(shape) != 3 or not all(isinstance(n, int) and n > 0 for n in shape):
        raise ValueError(f"shape = {shape}: [height, width, channels], each 1 or more, would do")
    if not isinstance(header["nodes"], list):
        raise ValueError(f"nodes = {json.dumps(header['nodes'])[:80]}: a list of objects would do")
    nodes = tuple(_node(told, arrays) for told in header["nodes"])
    mean, deviation = (_reals(what, header.get(what, [d])) for what, d in (("mean", 0.0), ("deviation", 1.0)))
    return Network(str(header["name"]), (shape[0], shape[1], shape[2]), nodes, mean, deviation)


def write_arrays(file: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write an .npz file so that others see the old one or the new, and never half of it; equal arrays, equal bytes.

    Raises:
        OSError: with the name of the file; no temporary is left.
    """
    stream = io.BytesIO()
    np.savez_compressed(stream, allow_pickle=False, **arrays)
    temporary = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(stream.getvalue())
        os.replace(temporary, file)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        error.filename, error.filename2 = str(file), None  # the temporary name means nothing to a user
        raise


def _node(told: Any, arrays: Mapping[str, NDArray[Any]]) -> Node:
    if not isinstance(told, dict) or not isinstance(told.get("name"), str):
        raise ValueError(f"a node is {json.dumps(told)[:80]}; an object with op, name and source would do")
    name = told["name"]
    kind = _KINDS.get(str(told.get("op")))
    if kind is None:
        raise ValueError(f"node {name} has op = {told.get('op')}; {', '.join(_KINDS)} would do")
    known = {field.name for field in fields(kind)}
    strange = sorted(set(told) - known - {"op"})
    if strange:
        raise ValueError(f"node {name}, a {told['op']}, has no field {strange[0]}; {', '.join(sorted(known))} would do")
    given = {key: _plain(kind, name, key, value) for key, value in told.items() if key != "op"}
    for key in _ARRAYS:
        if key in known and f"{name}.{key}" in arrays:
            given[key] = _real(f"{name}.{key}", arrays[f"{name}.{key}"])
    for field in fields(kind):
        if field.name not in given and field.default is MISSING:
            where = f"the array {name}.{field.name}" if field.name in _ARRAYS else field.name
            raise ValueError(f"node {name}, a {told['op']}, lacks {where}")
    return kind(**given)


def _plain(kind: type[Node], name: str, key: str, value: Any) -> Any:
    """A field's value as the node has it: a pair for a list of two.

    Raises:
        ValueError: another type.
    """
    if key in ("padding", "window") or (key == "stride" and kind is Conv):
        if value is None and key == "window":
            return None
        if (
            isinstance(value, list)
            and len(value) == 2
            and all(type(n) is int and n >= (key != "padding") for n in value)
        ):
            return value[0], value[1]
        raise ValueError(f"node {name} has {key} = {json.dumps(value)}; two numbers, of rows and columns, would do")
    fits = _FITS.get(key, ())
    if not isinstance(value, fits) or isinstance(value, bool) or (key == "kind" and value not in ("max", "average")):
        raise ValueError(f"node {name} has {key} = {json.dumps(value)[:80]}; docs/networks.md says what would do")
    return value


def _real(name: str, array: NDArray[Any]) -> NDArray[Any]:
    if array.dtype.kind not in "fiu":
        raise ValueError(f"the array {name} is {array.dtype}; real numbers would do")
    return array if array.dtype.kind == "f" else array.astype(np.float64)


def _reals(name: str, values: Any) -> tuple[float, ...]:
    if not isinstance(values, list) or not all(isinstance(v, (int, float)) for v in values):
        raise ValueError(f"{name} = {json.dumps(values)}: a list of numbers would do")
    return tuple(map(float, values))
