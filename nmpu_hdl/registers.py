"""The register map, once, as data: the bus slave, the SystemRDL, the documentation and the driver are made from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NoReturn

from .capabilities import capabilities, lane_space, sub_words
from .program import descriptor_stride, param_words

if TYPE_CHECKING:
    from .config import NmpuConfig

__all__ = ["EVENTS", "Access", "Field", "Register", "RegisterMap", "Window", "register_map"]

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
    return RegisterMap(
        (*_capabilities(config), *_control(config), *_events(config), *_counters(config)), _windows(config)
    )


def _capabilities(config: NmpuConfig) -> list[Register]:
    """Registers that never change, from address 0 on."""
    return [
        Register(
            one.name,
            4 * k,
            one.about,
            tuple(Field(f.name, f.lsb, f.width, "const", f.about, f.value, f.signed) for f in one.fields),
        )
        for k, one in enumerate(capabilities(config))
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
