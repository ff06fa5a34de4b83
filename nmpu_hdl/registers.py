"""The register map, once, as data: the bus slave, the SystemRDL, the documentation and the driver are made from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NoReturn

from . import __version__
from .formats import Activation, Format, Rounding
from .program import descriptor_stride, descriptor_words, param_words

if TYPE_CHECKING:
    from .config import NmpuConfig

__all__ = ["EVENTS", "Access", "Field", "Register", "RegisterMap", "Window", "lane_space", "register_map", "sub_words"]

Access = Literal["const", "state", "rw", "pulse", "sticky", "count"]
"""What a field is.

const: fixed when the hardware is generated.  state: read-only, driven by the hardware.  rw: software's.
pulse: a 1 written starts something, reads as 0.  sticky: set by the hardware, cleared by writing a 1.
count: read-only, counts up modulo 2^32, cleared by CONTROL.clear.
"""

WINDOW_ALIGN = 0x1000


@dataclass(frozen=True)
class Field:
    """Bits ``lsb .. lsb + width - 1`` of a register; ``reset`` is the value after reset (of a const, the value)."""

    name: str
    lsb: int
    width: int
    access: Access
    about: str
    reset: int = 0
    signed: bool = False

    @property
    def mask(self) -> int:
        """Its bits in the register."""
        return ((1 << self.width) - 1) << self.lsb


@dataclass(frozen=True)
class Register:
    """A 32-bit register at byte address ``address``."""

    name: str
    address: int
    about: str
    fields: tuple[Field, ...]

    @property
    def writable(self) -> bool:
        """Whether a write does anything; others answer it with SLVERR."""
        return any(f.access in ("rw", "pulse", "sticky") for f in self.fields)

    @property
    def reset(self) -> int:
        """The word after reset."""
        return sum((f.reset & ((1 << f.width) - 1)) << f.lsb for f in self.fields)

    def field(self, name: str) -> Field:
        """The field of that name.

        Raises:
            KeyError: there is none.
        """
        return next((f for f in self.fields if f.name == name), None) or _missing(self.name, name)


@dataclass(frozen=True)
class Window:
    """A memory on the bus: ``words`` 32-bit words from byte address ``address``; only whole words are written.

    Args:
        name: ``DESCRIPTORS``, ``PARAMETERS`` or ``TABLE``.
        address: of its first byte; a multiple of the next power of two that holds it.
        words: 32-bit words of address space.
        about: what it is.
    """

    name: str
    address: int
    words: int
    about: str


@dataclass(frozen=True)
class RegisterMap:
    """All that the bus sees."""

    registers: tuple[Register, ...]
    windows: tuple[Window, ...]

    @property
    def address_width(self) -> int:
        """Bits of a byte address."""
        return max((w.address + 4 * w.words - 1).bit_length() for w in self.windows)

    def register(self, name: str) -> Register:
        """The register of that name.

        Raises:
            KeyError: there is none.
        """
        return next((r for r in self.registers if r.name == name), None) or _missing("the map", name)

    def window(self, name: str) -> Window:
        """The window of that name.

        Raises:
            KeyError: this instance has none.
        """
        return next((w for w in self.windows if w.name == name), None) or _missing("the map", name)


def register_map(config: NmpuConfig) -> RegisterMap:
    """The map of an instance with ``tile.kind = "axi"``."""
    return RegisterMap((*_identity(config), *_control(config), *_events(config), *_counters(config)), _windows(config))


def sub_words(config: NmpuConfig) -> int:
    """32-bit words that a column's parameter word takes in the window, a power of two."""
    return 1 << (-(-config.derived.param_width // 32) - 1).bit_length()


def lane_space(config: NmpuConfig) -> int:
    """Lanes that a parameter word has room for in the window: the lanes, or the next power of two, with gaps behind."""
    return 1 << (config.array.lanes - 1).bit_length()


def _identity(config: NmpuConfig) -> list[Register]:
    """Identification, and every number of the instance that a driver needs."""
    tile, shift, out, d = config.tile, config.shift, config.output, config.derived
    version = [int(part) for part in __version__.split(".")[:3]]

    def const(name: str, lsb: int, width: int, value: int, about: str, signed: bool = False) -> Field:
        return Field(name, lsb, width, "const", about, value, signed)

    def form(f: Format, what: str) -> tuple[Field, ...]:
        return (
            const("signed", 0, 1, f.signed, f"{what} are two's complement"),
            const("integer", 1, 6, f.integer, f"integer bits of {what}, the sign included"),
            const("fraction", 8, 6, f.fraction, f"fraction bits of {what}"),
        )

    rounding = sum(1 << mode.code for mode in Rounding if mode in config.rounding.modes)
    activation = sum(1 << mode.code for mode in Activation if mode in config.activation.modes)
    granularity = ("layer", "column", "fixed").index(shift.granularity)
    return [
        Register("ID", 0x000, "identification", (const("id", 0, 32, 0x4E4D5055, "the letters NMPU"),)),
        Register(
            "VERSION",
            0x004,
            "version of the generator",
            (
                const("patch", 0, 8, version[2], "third number"),
                const("minor", 8, 8, version[1], "second number"),
                const("major", 16, 8, version[0], "first number"),
            ),
        ),
        Register(
            "CAP_ARRAY",
            0x008,
            "the crossbar's edge",
            (
                const("columns", 0, 11, config.array.columns, "columns"),
                const("lanes", 16, 11, config.array.lanes, "lanes"),
            ),
        ),
        Register(
            "CAP_CODES",
            0x00C,
            "codes",
            (
                *form(config.codes.format, "codes"),
                const("counts", 16, 2, config.codes.counts, "counts a column"),
                const("sram", 20, 1, tile.input == "sram", "codes are read from an SRAM"),
            ),
        ),
        Register("CAP_SCALE", 0x010, "scales", form(config.scale.format, "scales")),
        Register(
            "CAP_OFFSET",
            0x014,
            "offsets",
            (
                *form(config.offset.format, "offsets"),
                const("max_shift", 16, 3, config.offset.max_shift, "largest offset_shift"),
            ),
        ),
        Register(
            "CAP_SHIFT",
            0x018,
            "shifts and guard bits",
            (
                const("min", 0, 8, shift.min, "least shift", True),
                const("max", 8, 8, shift.max, "largest shift", True),
                const("granularity", 16, 2, granularity, "0 a block of a layer, 1 a column, 2 fixed"),
                const("guard", 20, 4, config.guard, "guard bits"),
            ),
        ),
        Register(
            "CAP_NORM_SCALE",
            0x01C,
            "scales of the second affine stage",
            (
                *form(config.norm.scale, "second scales"),
                const("present", 16, 1, config.norm.kind != "none", "there is a second affine stage"),
            ),
        ),
        Register(
            "CAP_NORM_OFFSET", 0x020, "offsets of the second affine stage", form(config.norm.offset, "second offsets")
        ),
        Register(
            "CAP_MODES",
            0x024,
            "what can be chosen at run time",
            (
                const("rounding", 0, 4, rounding, "bit k: rounding k of the descriptor is built in"),
                const("activation", 4, 4, activation, "bit k: activation k is built in"),
                const("leaky_shift", 8, 3, config.activation.leaky_shift, "leaky's slope is two to minus this"),
                const("wrap", 12, 1, out.overflow.value == "wrap", "results wrap instead of saturating"),
            ),
        ),
        Register(
            "CAP_OUTPUT",
            0x028,
            "activations",
            (
                const("signed", 0, 1, out.format.signed, "activations are two's complement"),
                const("width", 1, 6, out.format.width, "bits of an activation"),
                const("widths", 8, 17, sum(1 << w for w in d.widths), "bit w: a width of w can be chosen"),
                const("sram", 28, 1, tile.output == "sram", "activations are written to an SRAM"),
            ),
        ),
        Register(
            "CAP_SUMS",
            0x02C,
            "partial sums and residuals",
            (
                const("blocks", 0, 7, tile.blocks, "most row blocks"),
                const("chain", 8, 5, tile.chain, "most units in a chain; 1: no streams of sums"),
                const("width", 16, 6, d.total.width, "bits of a sum"),
                const("fraction", 24, 6, d.total.fraction, "fraction bits of a sum"),
            ),
        ),
        Register(
            "CAP_RESIDUAL",
            0x030,
            "residuals",
            (
                const("present", 0, 1, d.residual is not None, "there are residuals"),
                const("left", 4, 4, tile.residual_left, "largest left shift"),
                const("right", 8, 4, tile.residual_right, "largest right shift"),
            ),
        ),
        Register(
            "CAP_AFTER",
            0x034,
            "what follows the lanes",
            (
                const("table", 0, 4, tile.table, "address bits of the activation table; 0: none"),
                const("pool", 16, 11, tile.pool, "largest window of pooling; 0: none"),
            ),
        ),
        Register(
            "CAP_MEMORY",
            0x038,
            "memories",
            (
                const("param_words", 0, 18, param_words(config), "parameter words (of all lanes) a bank"),
                const("protect", 20, 2, ("none", "parity", "secded").index(tile.protect), "0 none, 1 parity, 2 secded"),
            ),
        ),
        Register(
            "CAP_PARAM",
            0x03C,
            "the parameter window",
            (
                const("width", 0, 8, d.param_width, "bits of a column's parameter word"),
                const("sub_words", 8, 4, sub_words(config), "32-bit words it takes in the window"),
            ),
        ),
        Register(
            "CAP_PROGRAM",
            0x040,
            "the descriptor memory",
            (
                const("descriptors", 0, 9, tile.descriptors, "descriptors"),
                const("words", 12, 6, descriptor_words(config), "32-bit words of a descriptor"),
                const("stride", 20, 7, descriptor_stride(config), "32-bit words from one descriptor to the next"),
            ),
        ),
        Register(
            "CAP_BUILD",
            0x044,
            "how the instance is built",
            (
                const("stages", 0, 3, config.how.stages, "pipeline stages of a lane"),
                const("observe", 4, 1, tile.observe, "A_MIN and A_MAX work"),
                const("address", 8, 5, tile.address, "address bits of the SRAMs of codes and activations"),
            ),
        ),
    ]


def _control(config: NmpuConfig) -> list[Register]:
    index = max((config.tile.descriptors - 1).bit_length(), 1)
    # Codes can be handed through only from stream to stream.
    bypass: Access = "rw" if config.tile.input == config.tile.output == "stream" else "const"
    return [
        Register(
            "CONTROL",
            0x080,
            "commands; each is a 1 written, and reads as 0",
            (
                Field("start", 0, 1, "pulse", "run the chain that begins with FIRST; without effect while busy"),
                Field("abort", 1, 1, "pulse", "take no more codes, let out what was taken, stop"),
                Field("swap", 2, 1, "pulse", "exchange the parameter banks at the next vector, or at once if idle"),
                Field("clear", 3, 1, "pulse", "clear the counters, A_MIN and A_MAX"),
            ),
        ),
        Register(
            "MODE",
            0x084,
            "settings outside of the layer program",
            (Field("bypass", 0, 1, bypass, "while idle: hand codes through, lowest bits of all lanes first"),),
        ),
        Register("FIRST", 0x088, "where a program starts", (Field("index", 0, index, "rw", "descriptor"),)),
        Register(
            "STATUS",
            0x08C,
            "what the unit does",
            (
                Field("busy", 0, 1, "state", "a program runs"),
                Field("swapping", 1, 1, "state", "a swap of the parameter banks was asked for and has not been made"),
                Field("bank", 2, 1, "state", "bank of parameters that passes use; the window is on the other"),
                Field("armed", 3, 1, "state", "an injection of errors waits for its write"),
                Field("index", 8, index, "state", "descriptor of the layer that runs, or ran last"),
            ),
        ),
    ]


EVENTS = (
    ("done", "a chain has ended and all its results are out"),
    ("layer", "a layer whose descriptor asks for an interrupt has ended"),
    ("swapped", "the parameter banks were exchanged"),
    ("aborted", "a program was stopped by CONTROL.abort"),
    ("descriptor", "a descriptor asks for what the instance cannot do; the program has stopped before it"),
    ("frame", "tlast or tkeep of s_axis disagreed with the descriptor, which wins"),
    ("corrected", "a single error in a memory was corrected"),
    ("uncorrected", "an error in a memory could not be corrected; results made of it are marked"),
)


def _events(config: NmpuConfig) -> list[Register]:
    return [
        Register(
            "IRQ_ENABLE",
            0x090,
            "events of EVENTS that raise irq",
            tuple(Field(name, k, 1, "rw", f"irq when {about}") for k, (name, about) in enumerate(EVENTS)),
        ),
        Register(
            "EVENTS",
            0x094,
            "what has happened; write 1 to clear",
            tuple(Field(name, k, 1, "sticky", about) for k, (name, about) in enumerate(EVENTS)),
        ),
        Register(
            "ERROR_AT",
            0x098,
            "where the last error in a memory was, corrected or not",
            (
                Field("memory", 0, 1, "state", "0 parameters, 1 sums"),
                Field("host", 1, 1, "state", "found by a read of the bus, not by a pass"),
                Field("lane", 4, 10, "state", "the lowest lane with an error"),
                Field("word", 16, 16, "state", "the word"),
            ),
        ),
        Register(
            "INJECT",
            0x09C,
            "for tests of the protection: bits to be inverted in the next word written",
            (
                Field("arm", 0, 1, "pulse", "invert the bits in the next write to that lane of that memory"),
                Field("memory", 1, 1, "rw", "0 parameters, 1 sums"),
                Field("double", 2, 1, "rw", "invert second as well as first"),
                Field("lane", 4, 10, "rw", "lane"),
                Field("first", 16, 7, "rw", "bit of the stored word, check bits above data"),
                Field("second", 24, 7, "rw", "another bit"),
            ),
        ),
    ]


def _counters(config: NmpuConfig) -> list[Register]:
    total = config.derived.total
    texts = (
        ("PASSES", "passes whose last beat was taken"),
        ("COLUMNS", "active columns of the beats taken"),
        ("STALL_IN", "clocks in which a program waited for codes, a residual or a neighbour's sums"),
        ("STALL_OUT", "clocks in which a result or sums waited to be taken"),
        ("SAT_LOW", "results clipped at the output's low end"),
        ("SAT_HIGH", "results clipped at the output's high end"),
        ("CORRECTED", "words read with a corrected error"),
        ("UNCORRECTED", "words read with an error that could not be corrected"),
    )
    registers = [
        Register(name, 0x0C0 + 4 * k, about, (Field("count", 0, 32, "count", about),))
        for k, (name, about) in enumerate(texts)
    ]
    for k, (name, about) in enumerate((("A_MIN", "least"), ("A_MAX", "largest"))):
        for half in range(2):
            low = f"{'high' if half else 'low'} word of the {about} sum before rounding, sign-extended; see CAP_SUMS"
            # Before the first result: the ends of the range the wrong way round.
            start = ((total.high if k == 0 else total.low) >> (32 * half)) & 0xFFFFFFFF
            reset = start if config.tile.observe else 0
            registers.append(
                Register(
                    f"{name}_{'HIGH' if half else 'LOW'}",
                    0x0E0 + 8 * k + 4 * half,
                    low,
                    (Field("value", 0, 32, "state", low, reset),),
                )
            )
    return registers


def _windows(config: NmpuConfig) -> tuple[Window, ...]:
    sizes = [
        ("DESCRIPTORS", config.tile.descriptors * descriptor_stride(config), "descriptors; see docs/tile.md"),
        (
            "PARAMETERS",
            param_words(config) * lane_space(config) * sub_words(config),
            "the bank that passes do not use, a column's word after another; writing its highest sub-word stores it",
        ),
    ]
    if config.tile.table:
        sizes.append(("TABLE", 2 << config.tile.table, "both banks of the activation table, an entry a word"))
    windows: list[Window] = []
    free = WINDOW_ALIGN
    for name, words, about in sizes:
        size = max(1 << (4 * words - 1).bit_length(), WINDOW_ALIGN)
        address = -(-free // size) * size
        windows.append(Window(name, address, words, about))
        free = address + size
    return tuple(windows)


def _missing(where: str, name: str) -> NoReturn:
    raise KeyError(f"{where} has no {name}")
