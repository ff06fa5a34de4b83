"""What the software of an instance has to know of it: every parameter, as read-only registers."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from . import __version__
from .formats import Activation, Format, Rounding
from .program import descriptor_stride, descriptor_words, param_words

if TYPE_CHECKING:
    from .config import NmpuConfig

__all__ = ["FRONT", "SOURCES", "Capability", "Constant", "capabilities", "lane_space", "sub_words"]

SOURCES = ("counts", "slices", "planes", "samples")
"""``codes.source`` by its number."""

FRONT = ("CAP_FRONT", "CAP_PLANES", "CAP_SAMPLES")
"""Registers that only a unit with a front end has."""


class Constant(NamedTuple):
    """Bits ``lsb .. lsb + width - 1`` that always read as ``value``."""

    name: str
    lsb: int
    width: int
    value: int
    about: str
    signed: bool = False


class Capability(NamedTuple):
    """A register of constants."""

    name: str
    about: str
    fields: tuple[Constant, ...]


def sub_words(config: NmpuConfig) -> int:
    """32-bit words that a column's parameter word takes in the window, a power of two."""
    return 1 << (-(-config.derived.param_width // 32) - 1).bit_length()


def lane_space(config: NmpuConfig) -> int:
    """Lanes that a parameter word has room for in the window: the lanes, or the next power of two, with gaps behind."""
    return 1 << (config.array.lanes - 1).bit_length()


def capabilities(config: NmpuConfig) -> tuple[Capability, ...]:
    """Identification, and every number of the instance that a driver needs, in the order of the map."""
    return (*_identity(), *_formats(config), *_choices(config), *_memories(config), *_front(config))


def _identity() -> list[Capability]:
    version = [int(part) for part in __version__.split(".")[:3]]
    return [
        Capability("ID", "identification", (Constant("id", 0, 32, 0x4E4D5055, "the letters NMPU"),)),
        Capability(
            "VERSION",
            "version of the generator",
            (
                Constant("patch", 0, 8, version[2], "third number"),
                Constant("minor", 8, 8, version[1], "second number"),
                Constant("major", 16, 8, version[0], "first number"),
            ),
        ),
    ]


def _form(f: Format, what: str) -> tuple[Constant, ...]:
    return (
        Constant("signed", 0, 1, f.signed, f"{what} are two's complement"),
        Constant("integer", 1, 6, f.integer, f"integer bits of {what}, the sign included"),
        Constant("fraction", 8, 6, f.fraction, f"fraction bits of {what}"),
    )


def _formats(config: NmpuConfig) -> list[Capability]:
    """Codes and parameters."""
    tile, shift = config.tile, config.shift
    granularity = ("layer", "column", "fixed").index(shift.granularity)
    source = SOURCES.index(config.codes.source)
    return [
        Capability(
            "CAP_ARRAY",
            "the crossbar's edge",
            (
                Constant("columns", 0, 11, config.array.columns, "columns"),
                Constant("lanes", 16, 11, config.array.lanes, "lanes"),
            ),
        ),
        Capability(
            "CAP_CODES",
            "codes",
            (
                *_form(config.codes.format, "codes"),
                Constant("counts", 16, 2, config.codes.counts, "counts a column"),
                Constant("sram", 20, 1, tile.input == "sram", "codes are read from an SRAM"),
                Constant("source", 24, 2, source, "0 codes; with a front end 1 slices, 2 planes, 3 samples"),
            ),
        ),
        Capability("CAP_SCALE", "scales", _form(config.scale.format, "scales")),
        Capability(
            "CAP_OFFSET",
            "offsets",
            (
                *_form(config.offset.format, "offsets"),
                Constant("max_shift", 16, 3, config.offset.max_shift, "largest offset_shift"),
            ),
        ),
        Capability(
            "CAP_SHIFT",
            "shifts and guard bits",
            (
                Constant("min", 0, 8, shift.min, "least shift", True),
                Constant("max", 8, 8, shift.max, "largest shift", True),
                Constant("granularity", 16, 2, granularity, "0 a block of a layer, 1 a column, 2 fixed"),
                Constant("guard", 20, 4, config.guard, "guard bits"),
            ),
        ),
        Capability(
            "CAP_NORM_SCALE",
            "scales of the second affine stage",
            (
                *_form(config.norm.scale, "second scales"),
                Constant("present", 16, 1, config.norm.kind != "none", "there is a second affine stage"),
            ),
        ),
        Capability(
            "CAP_NORM_OFFSET", "offsets of the second affine stage", _form(config.norm.offset, "second offsets")
        ),
    ]


def _choices(config: NmpuConfig) -> list[Capability]:
    """What a layer may ask for."""
    tile, out, d = config.tile, config.output, config.derived
    rounding = sum(1 << mode.code for mode in Rounding if mode in config.rounding.modes)
    activation = sum(1 << mode.code for mode in Activation if mode in config.activation.modes)
    return [
        Capability(
            "CAP_MODES",
            "what can be chosen at run time",
            (
                Constant("rounding", 0, 4, rounding, "bit k: rounding k of the descriptor is built in"),
                Constant("activation", 4, 4, activation, "bit k: activation k is built in"),
                Constant("leaky_shift", 8, 3, config.activation.leaky_shift, "leaky's slope is two to minus this"),
                Constant("wrap", 12, 1, out.overflow.value == "wrap", "results wrap instead of saturating"),
            ),
        ),
        Capability(
            "CAP_OUTPUT",
            "activations",
            (
                Constant("signed", 0, 1, out.format.signed, "activations are two's complement"),
                Constant("width", 1, 6, out.format.width, "bits of an activation"),
                Constant("widths", 8, 17, sum(1 << w for w in d.widths), "bit w: a width of w can be chosen"),
                Constant("sram", 28, 1, tile.output == "sram", "activations are written to an SRAM"),
            ),
        ),
        Capability(
            "CAP_SUMS",
            "partial sums and residuals",
            (
                Constant("blocks", 0, 7, tile.blocks, "most row blocks"),
                Constant("chain", 8, 5, tile.chain, "most units in a chain; 1: no streams of sums"),
                Constant("width", 16, 6, d.total.width, "bits of a sum"),
                Constant("fraction", 24, 6, d.total.fraction, "fraction bits of a sum"),
            ),
        ),
        Capability(
            "CAP_RESIDUAL",
            "residuals",
            (
                Constant("present", 0, 1, d.residual is not None, "there are residuals"),
                Constant("left", 4, 4, tile.residual_left, "largest left shift"),
                Constant("right", 8, 4, tile.residual_right, "largest right shift"),
            ),
        ),
    ]


def _memories(config: NmpuConfig) -> list[Capability]:
    """What follows the lanes, memories, and how the instance is built."""
    tile, d = config.tile, config.derived
    protect = ("none", "parity", "secded").index(tile.protect)
    return [
        Capability(
            "CAP_AFTER",
            "what follows the lanes",
            (
                Constant("table", 0, 4, tile.table, "address bits of the activation table; 0: none"),
                Constant("pool", 16, 11, tile.pool, "largest window of pooling; 0: none"),
            ),
        ),
        Capability(
            "CAP_MEMORY",
            "memories",
            (
                Constant("param_words", 0, 18, param_words(config), "parameter words (of all lanes) a bank"),
                Constant("protect", 20, 2, protect, "0 none, 1 parity, 2 secded"),
            ),
        ),
        Capability(
            "CAP_PARAM",
            "the parameter window",
            (
                Constant("width", 0, 8, d.param_width, "bits of a column's parameter word"),
                Constant("sub_words", 8, 4, sub_words(config), "32-bit words it takes in the window"),
            ),
        ),
        Capability(
            "CAP_PROGRAM",
            "the descriptor memory",
            (
                Constant("descriptors", 0, 9, tile.descriptors, "descriptors"),
                Constant("words", 12, 6, descriptor_words(config), "32-bit words of a descriptor"),
                Constant("stride", 20, 7, descriptor_stride(config), "32-bit words from one descriptor to the next"),
            ),
        ),
        Capability(
            "CAP_BUILD",
            "how the instance is built",
            (
                Constant("stages", 0, 3, config.how.stages, "pipeline stages of a lane"),
                Constant("observe", 4, 1, tile.observe, "A_MIN and A_MAX work"),
                Constant("address", 8, 5, tile.address, "address bits of the SRAMs of codes and activations"),
            ),
        ),
    ]


def _front(config: NmpuConfig) -> list[Capability]:
    """The front end; without one there are no such registers."""
    front, facts = config.front, config.derived.front_end
    if not facts.present:
        return []
    values = sum(1 << value for value in set(facts.bipolar))
    return [
        Capability(
            "CAP_FRONT",
            "the front end",
            (
                Constant("counted", 2, 1, facts.counted, "a beat carries bits, which the unit counts"),
                Constant("slots_first", 3, 1, front.order == "slot", "all steps of a slot, then the next slot"),
                Constant("signed", 4, 1, front.signed, "x_signed and w_signed can be chosen"),
                Constant("values", 5, 2, values, "bit 0: bits may stand for 0 and 1; bit 1: for -1 and +1"),
                Constant("steps", 7, 1, front.weights == "runtime", "x_step and w_step can be chosen"),
                Constant("beside", 8, 4, facts.beside, "slices of a weight in a beat"),
                Constant("zero", 12, 4, facts.zero, "bits of the zero point"),
                Constant("bits", 16, 11, facts.bits if facts.counted else 0, "bits of a column a beat"),
            ),
        ),
        Capability(
            "CAP_PLANES",
            "what a conversion may be the sum of",
            (
                Constant("x_planes", 0, 5, front.x_planes, "most planes (or streams) of activations"),
                Constant("w_planes", 5, 5, front.w_planes, "most planes (or groups of slices) of weights"),
                Constant("subarrays", 10, 7, front.subarrays, "most sub-arrays"),
                Constant("x_bits", 17, 4, front.x_bits, "bits from one plane of activations to the next"),
                Constant("w_bits", 21, 4, front.w_bits, "bits from one plane of weights to the next"),
            ),
        ),
        Capability(
            "CAP_SAMPLES",
            "samples and rows",
            (
                Constant("samples", 0, 13, facts.samples, "most samples a conversion"),
                Constant(
                    "rows",
                    16,
                    11,
                    facts.rows if any(facts.bipolar) else 0,
                    "most rows of a sub-array, for N - 2 * count",
                ),
            ),
        ),
    ]
