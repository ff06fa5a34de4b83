"""The memories of an instance that may be macros, as data: size, ports and pins of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from .program import descriptor_stride, param_words

if TYPE_CHECKING:
    from .config import NmpuConfig

__all__ = ["Macro", "Pin", "check_bits", "coded_bits", "macros"]


@dataclass(frozen=True)
class Pin:
    """A pin of a macro, as wide as ``width`` says; ``flow`` is seen from the macro."""

    name: str
    flow: Literal["in", "out"]
    width: int


@dataclass(frozen=True)
class Macro:
    """A synchronous SRAM of the OpenRAM kind: selects and write enables are low when active, reads take a clock.

    Args:
        name: what it holds; the user sizes it under this name.
        words: words, the address being as wide as they need, and 1 bit at least.
        bits: bits of a word.
        lanes: bits of the write mask, each for ``bits // lanes`` bits of a word; 1: no mask.
        ports: 1: port 0 reads and writes.  2: port 0 writes, port 1 reads.
    """

    name: str
    words: int
    bits: int
    lanes: int = 1
    ports: Literal[1, 2] = 1

    @property
    def module(self) -> str:
        """The Verilog module."""
        return f"nmpu_macro_{self.name}"

    @property
    def address(self) -> int:
        """Bits of an address."""
        return max((self.words - 1).bit_length(), 1)

    @property
    def pins(self) -> tuple[Pin, ...]:
        """All pins, in the order of the module's ports."""
        clock, select, address = Pin("clk0", "in", 1), Pin("csb0", "in", 1), Pin("addr0", "in", self.address)
        data = Pin("din0", "in", self.bits)
        if self.ports == 2:
            other = Pin("clk1", "in", 1), Pin("csb1", "in", 1), Pin("addr1", "in", self.address)
            return clock, select, address, data, *other, Pin("dout1", "out", self.bits)
        mask = (Pin("wmask0", "in", self.lanes),) if self.lanes > 1 else ()
        return clock, select, Pin("web0", "in", 1), *mask, address, data, Pin("dout0", "out", self.bits)


def check_bits(width: int) -> int:
    """Check bits of a Hamming code of distance 3 over ``width`` bits: enough to name every bit of data and check, and
    to say that there is no error."""
    bits = 2
    while 1 << bits < width + bits + 1:
        bits += 1
    return bits


def coded_bits(kind: str, width: int) -> int:
    """Bits that a word of ``width`` bits takes in a memory, protected by ``kind`` (none, parity or secded)."""
    return width + {"none": 0, "parity": 1, "secded": check_bits(width) + 1}[kind]


def macros(config: NmpuConfig) -> tuple[Macro, ...]:
    """The kinds of macro that ``config`` instantiates; none unless ``how.memory`` is macro.

    ``params`` is there twice with a tile (two banks), ``table`` once a lane.
    """
    if config.how.memory != "macro":
        return ()
    lanes, derived, tile = config.array.lanes, config.derived, config.tile
    if not derived.tiled:
        return (Macro("params", derived.words, derived.built * derived.param_width, derived.built),)
    word, total = (coded_bits(tile.protect, width) for width in (derived.param_width, derived.total.width))
    found = [
        Macro("params", param_words(config), lanes * word, lanes),
        *([Macro("sums", config.array.slots, lanes * total, ports=2)] if config.tile.blocks > 1 else []),
    ]
    if tile.table:
        found.append(Macro("table", 2 << tile.table, config.output.format.width, ports=2))
    return (*found, Macro("descriptors", tile.descriptors * descriptor_stride(config), 32))
