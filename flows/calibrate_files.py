"""Measurements from files: pairs of codes and ideal results as NPZ or CSV, and batch norms as NPZ."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from golden import BatchNorm
from golden.measured import Pairs
from golden.measured.pairs import LARGEST, SMALLEST
from nmpu_hdl.config import NmpuConfig

from .networks.data import read_arrays

__all__ = ["Measurements", "read_batch_norm", "read_pairs"]

Floats = NDArray[np.floating[Any]]

_PAIRS = ("codes", "ideal", "bias")
_NORM = {
    "gamma": ("gamma", "weight"),
    "beta": ("beta", "bias"),
    "mean": ("mean", "running_mean"),
    "variance": ("variance", "var", "running_var"),
    "eps": ("eps",),
}
"""Names of a batch norm's arrays, ours first."""

_MOST_PLACES = (1 << 28) - 1
"""The largest number of a vector, block or column: no more codes are taken."""


@dataclass(frozen=True)
class Measurements:
    """What a file holds.

    Attributes:
        pairs: codes and ideal results.
        bias: (columns,) what the layer adds to its sums, in their unit.
    """

    pairs: Pairs
    bias: Floats


def read_pairs(config: NmpuConfig, path: Path) -> Measurements:
    """Pairs from an NPZ file (``codes``, ``ideal``, perhaps ``bias``) or a CSV file; see docs/calibration.md.

    Raises:
        ValueError: one line with the file, what is wrong, and what would do.
        OSError: the file cannot be read.
    """
    if path.suffix.lower() not in (".npz", ".csv"):
        raise ValueError(f"{path}: '{path.suffix}' is not known; .npz or .csv would do")
    stored = read_arrays(path) if path.suffix.lower() == ".npz" else None
    try:
        arrays = _csv(config, path) if stored is None else _known(stored, _PAIRS)
        for name in ("codes", "ideal"):
            if name not in arrays:
                raise ValueError(f"there is no array '{name}'; codes and ideal would do")
        pairs = Pairs.of(config, arrays["codes"], arrays["ideal"])
        bias = _columns("bias", arrays.get("bias", np.zeros(pairs.columns)), pairs.columns)
    except ValueError as error:
        raise ValueError(f"{path}: {' '.join(str(error).split())}") from None
    return Measurements(pairs, bias)


def read_batch_norm(path: Path, columns: int) -> BatchNorm:
    """A batch norm from an NPZ file: gamma, beta, mean and variance, (columns,) each, and perhaps eps.

    PyTorch's names (weight, bias, running_mean, running_var) do as well.

    Raises:
        ValueError: one line with the file, what is wrong, and what would do.
        OSError: the file cannot be read.
    """
    stored = read_arrays(path)
    try:
        arrays = _known(stored, [alias for names in _NORM.values() for alias in names])
        found: dict[str, Any] = {}
        for name, names in _NORM.items():
            there = [alias for alias in names if alias in arrays]
            if len(there) > 1:
                raise ValueError(f"'{there[0]}' and '{there[1]}' mean the same; one would do")
            if there:
                found[name] = arrays[there[0]]
        missing = [name for name in _NORM if name not in found and name != "eps"]
        if missing:
            raise ValueError(f"there is no array '{missing[0]}'; gamma, beta, mean and variance would do")
        eps = np.asarray(found.pop("eps", 1e-5))
        if eps.size != 1 or eps.dtype.kind not in "iuf" or not 0 <= float(eps.reshape(-1)[0]) <= LARGEST:
            raise ValueError(f"eps is not one number of 0 to {LARGEST:g}")
        parts = {name: _columns(name, one, columns) for name, one in found.items()}
        if (parts["variance"] < 0).any():
            column = int(np.flatnonzero(parts["variance"] < 0)[0])
            raise ValueError(f"the variance of column {column} is {parts['variance'][column]:g}; 0 or more would do")
        divided = parts["variance"] + float(eps.reshape(-1)[0])
        if (divided < SMALLEST).any():
            column = int(np.flatnonzero(divided < SMALLEST)[0])
            raise ValueError(f"variance + eps of column {column} is {divided[column]:g}; {SMALLEST:g} or more would do")
    except ValueError as error:
        raise ValueError(f"{path}: {' '.join(str(error).split())}") from None
    return BatchNorm(**parts, eps=float(eps.reshape(-1)[0]))


def _columns(name: str, array: NDArray[Any], columns: int) -> Floats:
    if array.dtype.kind not in "iuf":
        raise ValueError(f"{name} must be real numbers, not {array.dtype}")
    if array.shape not in ((), (1,), (columns,)):
        raise ValueError(f"{name} of shape {array.shape} is not one number for each of {columns} columns")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} of column {int(np.flatnonzero(~np.isfinite(array))[0])} is not a finite number")
    if (np.abs(array.astype(np.result_type(array, np.float64))) > LARGEST).any():
        raise ValueError(f"{name} has a number beyond {LARGEST:g}; choose another unit")
    return np.broadcast_to(array, (columns,)).astype(np.float64)


def _known(arrays: Mapping[str, NDArray[Any]], known: Iterable[str]) -> Mapping[str, NDArray[Any]]:
    names = list(known)
    surplus = [name for name in arrays if name not in names]
    if surplus:
        raise ValueError(f"unknown array '{surplus[0]}'; {', '.join(names)} are known")
    return arrays


def _csv(config: NmpuConfig, path: Path) -> Mapping[str, NDArray[Any]]:
    """A row a vector, block and column; blocks may be left out where there is one."""
    two = config.codes.counts == 2
    codes = ["p", "n"] if two else ["code"]
    places, ideal, lines, numbers = _table(path, codes, ["ideal_p", "ideal_n"] if two else ["ideal"])
    first = len(places)
    last = first + len(codes)
    form = config.derived.operand
    _check_whole(numbers[:, :first], places, lines, 0, _MOST_PLACES, "")
    _check_whole(numbers[:, first:last], codes, lines, form.low, form.high, f" of {form}")
    index = numbers[:, :first].astype(np.int64)
    shape = _shape(index, places)
    flat = np.ravel_multi_index(tuple(index.T), shape)
    seen = np.bincount(flat, minlength=math.prod(shape))
    if (seen != 1).any():
        place = np.unravel_index(int(np.flatnonzero(seen != 1)[0]), shape)
        where = ", ".join(f"{name} {int(k)}" for name, k in zip(places, place, strict=True))
        times = int(seen[seen != 1][0])
        raise ValueError(f"{where} is there {times} times; each of {' x '.join(map(str, shape))} once would do")
    ordered = numbers[np.argsort(flat)].reshape(*shape, -1)
    told = np.moveaxis(ordered[..., last:], -1, -2)
    return {
        "codes": np.moveaxis(ordered[..., first:last], -1, -2).astype(np.int64),
        "ideal": told if two and len(ideal) == 2 else told[..., 0, :],
    }


def _table(
    path: Path, codes: list[str], ideals: list[str]
) -> tuple[list[str], list[str], list[int], NDArray[np.float64]]:
    """Names of places and of ideal results, the rows' lines, and (rows, places + codes + ideals) numbers."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.reader(file)
        try:
            header = [name.strip() for name in next(rows, [])]
            ideal = ideals if all(name in header for name in ideals) else ["ideal"]
            places = ["vector", *(["block"] if "block" in header else []), "column"]
            _check_header(header, [*places, *codes, *ideal], ideals)
            order = [header.index(name) for name in (*places, *codes, *ideal)]
            table = [(rows.line_num, _numbers(row, order, rows.line_num, len(header))) for row in rows if row]
        except (csv.Error, UnicodeDecodeError) as error:
            raise ValueError(f"not a CSV file in UTF-8: {error}") from None
    if not table:
        raise ValueError("there are no rows; one for each vector and column would do")
    return places, ideal, [line for line, _ in table], np.array([numbers for _, numbers in table], np.float64)


def _check_whole(
    numbers: NDArray[np.float64], names: list[str], lines: list[int], low: int, high: int, of: str
) -> None:
    """Refuse numbers (rows, names) that are not whole, or not within ``low..high``."""
    for wrong, why in (
        (numbers != np.rint(numbers), "is no whole number"),
        ((numbers < low) | (numbers > high), f"is not one{of} from {low} to {high}"),
    ):
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            raise ValueError(f"line {lines[row]}: {names[column]} = {numbers[row, column]:g} {why}")


def _check_header(header: list[str], wanted: list[str], ideals: list[str]) -> None:
    missing = [name for name in wanted if name not in header]
    surplus = [name for name in header if name not in wanted]
    alternative = f" or {', '.join(ideals)}" if len(ideals) == 2 else ""
    would = f"{', '.join(wanted)}{f' (ideal{alternative})' if alternative else ''} would do"
    if missing:
        raise ValueError(f"line 1: there is no column '{missing[0]}'; {would}")
    if surplus or len(set(header)) < len(header):
        name = surplus[0] if surplus else next(n for n in header if header.count(n) > 1)
        raise ValueError(f"line 1: the column '{name}' is {'unknown' if surplus else 'there twice'}; {would}")


def _numbers(row: list[str], order: list[int], line: int, width: int) -> list[float]:
    if len(row) != width:
        raise ValueError(f"line {line}: {len(row)} values under {width} names")
    numbers = []
    for place in order:
        try:
            numbers.append(float(row[place]))
        except ValueError:
            raise ValueError(f"line {line}: '{row[place][:40]}' is no number") from None
        if not math.isfinite(numbers[-1]):
            raise ValueError(f"line {line}: {row[place]} is not finite")
    return numbers


def _shape(index: NDArray[np.int64], places: list[str]) -> tuple[int, ...]:
    """How many vectors, blocks and columns there are."""
    shape = tuple(int(most) + 1 for most in index.max(axis=0))
    if math.prod(shape) != len(index):
        raise ValueError(
            f"{len(index)} rows are not {' x '.join(map(str, shape))}: one for each {', '.join(places)}, counted from "
            "0, would do"
        )
    return shape
