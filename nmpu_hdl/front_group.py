"""The table ``[front]`` of a configuration: what makes one operand a column of the many numbers that an array gives."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StrictBool, StrictInt, field_validator

from .groups import Group, several, without_repeats

__all__ = ["Front", "Values"]

Values = Literal["unipolar", "bipolar"]


class Front(Group):
    """The front end before the lanes, where codes.source is not ``counts``; else left alone.  See docs/front.md."""

    beside: StrictInt = Field(
        1, ge=1, le=8, description="slices: slices of a weight in neighbouring columns, which arrive together in a beat"
    )
    input: Literal["counts", "bits"] = Field(
        "counts", description="planes: a count a column in codes.format, or the column's bits, for the unit to count"
    )
    bits: StrictInt = Field(
        1, ge=1, le=1024, description="bits of a column a beat: rows of planes with input = bits, or samples"
    )
    x_planes: StrictInt = Field(1, ge=1, le=16, description="most bit planes, or bit-serial streams, of activations")
    w_planes: StrictInt = Field(
        1, ge=1, le=16, description="most bit planes, or slices, of weights that come one after another"
    )
    x_bits: StrictInt = Field(
        1, ge=0, le=8, description="bits from one stream of activations to the next: weights are 2^(x_bits * m)"
    )
    w_bits: StrictInt = Field(
        1, ge=0, le=8, description="bits from one slice of weights to the next: weights are 2^(w_bits * k)"
    )
    weights: Literal["static", "runtime"] = Field(
        "static", description="static: x_bits and w_bits hold; runtime: pins choose 0 up to them"
    )
    signed: StrictBool = Field(
        True, description="pins that make the top plane of activations, or of weights, count negative"
    )
    subarrays: StrictInt = Field(
        1, ge=1, le=64, description="most sub-arrays (parts of the rows), whose numbers are added with equal weight"
    )
    samples: StrictInt = Field(1, ge=1, le=4096, description="samples: most samples a conversion")
    values: Annotated[tuple[Values, ...], BeforeValidator(several)] = Field(
        ("unipolar",),
        min_length=1,
        description="what bits stand for: unipolar 0 and 1, bipolar -1 and +1; chosen at run time where both",
    )
    rows: StrictInt = Field(
        0,
        ge=0,
        le=1024,
        description="planes, bipolar: most rows N of a sub-array, as in N - 2 * count; 0: as many as a count can be",
    )
    zero: StrictInt = Field(
        0, ge=0, le=8, description="planes: bits of the weights' zero point, chosen at run time; 0: none"
    )
    order: Literal["slot", "pass"] = Field(
        "pass",
        description="slot: all numbers of a slot's columns, then the next slot (an accumulator a lane); pass: all "
        "slots for one plane, stream or sample, then the next (an accumulator a column)",
    )

    @field_validator("values")
    @classmethod
    def _distinct(cls, values: tuple[Values, ...]) -> tuple[Values, ...]:
        return without_repeats(values)
