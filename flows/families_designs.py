"""The families of arrays whose front ends are compared: presets, and what differs from them."""

from __future__ import annotations

from typing import NamedTuple

from nmpu_hdl.presets import load, preset

__all__ = ["BITS", "COLUMNS", "FAMILIES", "LANES", "Family", "stochastic"]

COLUMNS, LANES, BITS = 64, 16, 8
"""So that a lane has four columns, as the paper's has; and bits of a converter."""


class Family(NamedTuple):
    """A family of arrays: a preset, and what differs from it."""

    name: str
    about: str
    preset: str
    settings: tuple[str, ...] = ()


_SLICES = (
    *("codes.source=slices", "codes.counts=1", "codes.format=UQ8.0", "shift.min=0", "shift.max=22"),
    *("front.x_planes=8", "front.w_planes=4", "front.w_bits=2"),
)

FAMILIES = (
    Family("paper", "converters, two counts of 10 bits", "paper"),
    Family("aon-cim", "converters, one signed code of 8 bits; the tile's core", "aon-cim", ("tile.kind=none",)),
    Family("slices", "converters, shift and add: 8 streams of 1 bit, 4 slices of 2 bits", "paper", _SLICES),
    Family("imce", "counts of bit planes, 8 of activations and 8 of weights", "imce"),
    Family("xnor", "64 bits of XOR a beat, counted in the unit, 16 times", "xnor"),
    Family("stox", "stochastic samples: 16 a conversion, 4 streams, 4 slices, 16 sub-arrays", "stox"),
    Family("ternary", "converters, two counts of 8 bits with one scale", "ternary"),
    Family("compare-add", "signed sums of 12 bits of an array that compares and adds", "compare-add"),
)
"""The first is what the others are compared with."""


def stochastic(bits: int) -> tuple[Family, Family, Family]:
    """The stochastic array: as the preset has it, with all samples of a conversion in a beat, and with converters.

    With converters it has as many streams, slices and sub-arrays, and one signed code of ``bits`` bits where it had
    the samples of a conversion; shifts reach as much further as operands are wider.
    """
    plain = preset("stox")
    coded = ("codes.source=slices", f"codes.format=SQ{bits}.0", "front.values=unipolar", "front.samples=1")
    wider = load(preset_name="stox", settings=coded).derived.operand.width - plain.derived.operand.width
    least = plain.shift.min
    most = max(plain.shift.max + wider, least)
    samples = plain.front.samples
    return (
        Family("stox, a sample a beat", "without converters", "stox"),
        Family(f"stox, {samples} samples a beat", "without converters", "stox", (f"front.bits={samples}",)),
        Family(f"the same with {bits}-bit converters", "with converters", "stox", (*coded, f"shift.max={most}")),
    )
