"""What an optimisation chooses from: values of some fields of a configuration, and which values are next to which."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, product
from pathlib import Path
from typing import Any, TypeAlias

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.formats import Format, Rounding
from nmpu_hdl.presets import build

__all__ = ["FIELDS", "Candidate", "Space", "Value", "read_space", "value_of", "words_space"]

Value: TypeAlias = str | int
Candidate: TypeAlias = tuple[Value, ...]
"""A value of each field of the space, in its order."""

FIELDS = {
    "codes.format": "UQ10.0,UQ9.0",
    "scale.format": "UQ1.7,UQ1.4",
    "shift.min": "-1,0",
    "shift.max": "5,6",
    "shift.granularity": "layer,column",
    "offset.format": "SQ8.1,SQ8.0",
    "guard": "1,0",
    "rounding.modes": "half_up,floor",
    "output.format": "SQ8.0,SQ6.0",
}
"""Fields that may be chosen, and what their values look like."""

_ORDERED = ("shift.min", "shift.max", "guard")
_FORMATS = tuple(name for name in FIELDS if name.endswith(".format"))
_TRIED = 2000
"""Candidates at most that are looked at to find one that can be generated."""


@dataclass(frozen=True)
class Space:
    """Values of some fields; all else is as in the base.

    Args:
        base: the configuration that is started from, and compared with.
        fields: name of each field, and its values.

    Raises:
        ValueError: naming the field, the value and what would do.
    """

    base: NmpuConfig
    fields: tuple[tuple[str, tuple[Value, ...]], ...]

    def __post_init__(self) -> None:
        if self.base.derived.floating:
            raise ValueError("arithmetic.kind = fp16 has no formats to choose; fixed would do")
        if not self.fields:
            raise ValueError(f"the space has no field; one or more of {', '.join(FIELDS)} would do")
        for name, values in self.fields:
            if name not in FIELDS:
                raise ValueError(f"the space cannot have the field {name}; {', '.join(FIELDS)} would do")
            if not values:
                raise ValueError(f"the field {name} of the space has no values; {name}={FIELDS[name]} would do")
            for value in values:
                _check(name, value)
            if len(set(values)) != len(values):
                raise ValueError(f"the field {name} of the space names a value twice; once is enough")
        self._check_some()

    @property
    def names(self) -> tuple[str, ...]:
        """Of the fields."""
        return tuple(name for name, _ in self.fields)

    @property
    def size(self) -> int:
        """Candidates, those among them that no unit can be generated of."""
        return math.prod(len(values) for _, values in self.fields)

    @property
    def start(self) -> Candidate:
        """The base; its values need not be among the choices."""
        return tuple(value_of(self.base, name) for name in self.names)

    def every(self) -> Iterator[Candidate]:
        """All candidates."""
        return product(*(values for _, values in self.fields))

    def config(self, candidate: Candidate) -> NmpuConfig:
        """The configuration.

        Raises:
            ValueError: the generator refuses it; one line that names the field, the value and what would do.
        """
        fields = self.base.model_dump(mode="json")
        for name, value in zip(self.names, candidate, strict=True):
            *groups, last = name.split(".")
            place = fields
            for group in groups:
                place = place[group]
            place[last] = str(value).split("+") if name == "rounding.modes" else value
        return build(fields)

    def _check_some(self) -> None:
        """Refuse a space of which no unit but the base can be generated: it would only lead back to the base.

        Raises:
            ValueError: with the first candidate, and why it cannot be.
        """
        single = ((*self.start[:k], one, *self.start[k + 1 :]) for k, (_, few) in enumerate(self.fields) for one in few)
        others, first = (one for one in chain(single, self.every()) if one != self.start), ""
        for count, candidate in enumerate(others):
            try:
                self.config(candidate)
            except ValueError as error:
                first = first or str(error)
            else:
                return
            if count == _TRIED:  # the search will tell
                return
        if first:
            raise ValueError(f"all candidates of the space but the base are refused, the first: {first}")

    def told(self, candidate: Candidate) -> dict[str, Value]:
        """The values by the names of their fields."""
        return dict(zip(self.names, candidate, strict=True))

    def steps(self, candidate: Candidate) -> Iterator[tuple[str, Candidate]]:
        """The field that changes, and the candidate that comes of it, for each that is one step away in one field.

        A step of a number is to the next smaller or larger one; of a format to the next integer or fraction bits that
        there are; of a word to each of the others.
        """
        for k, (name, values) in enumerate(self.fields):
            for value in _next(name, candidate[k], values):
                yield name, (*candidate[:k], value, *candidate[k + 1 :])


def words_space(base: NmpuConfig, words: Sequence[str], others: Mapping[str, Any] | None = None) -> Space:
    """A space of words ``field=a,b,c``, which go before what a file says.

    Args:
        base: the configuration.
        words: each a field and its values; several rounding modes built in together are joined by ``+``.
        others: fields and their values of a file.

    Raises:
        ValueError: as :class:`Space`, or a word that is none.
    """
    chosen = {name: _listed(name, values) for name, values in (others or {}).items()}
    for word in words:
        name, equals, values = word.partition("=")
        if not equals or not values.strip():
            raise ValueError(f"--space {word}: write field=a,b,c, such as scale.format=UQ1.7,UQ1.4")
        chosen[name.strip()] = tuple(_number(name.strip(), one.strip()) for one in values.split(","))
    return Space(base, tuple((name, values) for name, values in chosen.items()))


def read_space(file: Path) -> dict[str, Any]:
    """The table ``[space]`` of a TOML file, by names with dots.

    Raises:
        ValueError: a file that is no TOML, or has no such table.
        OSError: the file cannot be read.
    """
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8")).get("space")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{file}: not TOML: {error}") from None
    if not isinstance(table, dict):
        raise ValueError(f'{file} has no table [space]; [space] and scale.format = ["UQ1.7", "UQ1.4"] would do')
    return dict(_flat(table))


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _listed(name: str, values: Any) -> tuple[Value, ...]:
    if not isinstance(values, list):
        values = [values]
    return tuple("+".join(map(str, one)) if isinstance(one, list) else one for one in values)


def _number(name: str, text: str) -> Value:
    if name not in _ORDERED:
        return text
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"the field {name} of the space has the value {text}; a whole number would do") from None


def _check(name: str, value: Any) -> None:
    """What can be told of a value by itself."""
    if name in _FORMATS:
        try:
            Format.parse(value)
        except (ValueError, TypeError) as error:
            raise ValueError(f"the field {name} of the space: {error}") from None
    elif name in _ORDERED and (not isinstance(value, int) or isinstance(value, bool)):
        raise ValueError(f"the field {name} of the space has the value {value!r}; a whole number would do")
    elif name == "shift.granularity" and value not in ("layer", "column", "fixed"):
        raise ValueError(f"the field {name} of the space has the value {value!r}; layer, column or fixed would do")
    elif name == "rounding.modes" and not {*str(value).split("+")} <= {*Rounding}:
        raise ValueError(f"the field {name} of the space has the value {value!r}; {', '.join(Rounding)} would do")


def value_of(config: NmpuConfig, name: str) -> Value:
    """That of a field, as a space has it."""
    found: Any = config.model_dump(mode="json")
    for part in name.split("."):
        found = found[part]
    return "+".join(found) if isinstance(found, list) else found


def _next(name: str, value: Value, values: Sequence[Value]) -> Iterator[Value]:
    """Those of ``values`` that are next to one."""
    if name in _ORDERED:
        numbers = sorted(int(one) for one in values)
        yield from [one for one in numbers if one < int(value)][-1:]
        yield from [one for one in numbers if one > int(value)][:1]
    elif name in _FORMATS:
        here, forms = Format.parse(str(value)), [Format.parse(str(one)) for one in values]
        integers = [form for form in forms if (form.signed, form.fraction) == (here.signed, here.fraction)]
        fractions = [form for form in forms if (form.signed, form.integer) == (here.signed, here.integer)]
        for some in (integers, fractions):
            ordered = sorted(some, key=lambda form: form.width)
            yield from [str(form) for form in ordered if form.width < here.width][-1:]
            yield from [str(form) for form in ordered if form.width > here.width][:1]
    else:
        yield from (one for one in values if one != value)
