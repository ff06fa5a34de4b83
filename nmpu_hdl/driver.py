"""The driver: software's side of the register map, over any bus that reads and writes 32-bit words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, Protocol

from .capabilities import FRONT, lane_space, sub_words
from .macros import coded_bits
from .program import Layer, descriptor_stride, encode, param_words
from .registers import Field, Register, register_map

if TYPE_CHECKING:
    from .config import NmpuConfig

__all__ = ["Bus", "Driver"]


class Bus(Protocol):
    """Where the unit's registers are.  Addresses are bytes from the unit's first, multiples of 4."""

    async def read(self, address: int) -> int:
        """The 32-bit word at ``address``; raises what it likes where the unit answers with an error."""

    async def write(self, address: int, data: int) -> None:
        """Write all four bytes at ``address``; raises likewise."""


class Driver:
    """A unit behind a bus.

    An error that the unit answers with (SLVERR) comes out as the bus's own exception.  A number for which the instance
    has no room, or what it does not have built in, is a ValueError; an unknown name is a KeyError; either before
    anything is written.

    Args:
        config: what the unit was generated from; :meth:`identify` makes sure of it.
        bus: the way there.

    Attributes:
        map: the registers and windows of the instance.
    """

    def __init__(self, config: NmpuConfig, bus: Bus) -> None:
        if not config.derived.tiled:
            raise ValueError(f"tile.kind = {config.tile.kind} has no registers; axi has")
        self._config, self._bus = config, bus
        self.map = register_map(config)

    # -- registers --

    async def read(self, register: str, field: str | None = None) -> int:
        """A register's word, or one field of it, negative where the field is signed and its sign is set."""
        found = self.map.register(register)
        chosen = found.field(field) if field else None
        word = await self._bus.read(found.address)
        return word if chosen is None else _value(word, chosen)

    async def write(self, register: str, **values: int) -> None:
        """Write fields of a register.  Its other rw fields keep their values, other pulse and sticky fields get 0."""
        found = self.map.register(register)
        word = 0
        for name, value in values.items():
            word |= _placed(found, found.field(name), value)
        kept = [f for f in found.fields if f.access == "rw" and f.name not in values]
        if kept:
            old = await self._bus.read(found.address)
            word |= old & sum(f.mask for f in kept)
        await self._bus.write(found.address, word)

    async def identify(self) -> None:
        """Compare identification and every capability with the configuration.

        Raises:
            ValueError: naming the fields that differ, what they read and what they should.
        """
        wrong: list[str] = []
        for register in self.map.registers:
            if wrong and register.name in FRONT:  # the unit may have no such register, and refuse the read
                continue
            constants = [f for f in register.fields if f.access == "const"]
            word = await self._bus.read(register.address) if constants else 0
            for f in constants:
                got, wanted = _value(word, f), _value(register.reset, f)
                if got != wanted:
                    wrong.append(f"{register.name}.{f.name} reads {got}, not {wanted}")
            if wrong and register.name == "ID":  # nothing else means anything there
                break
        if wrong:
            raise ValueError(f"the unit is not '{self._config.name}': {'; '.join(wrong)}")

    # -- memories --

    async def load_params(self, image: Sequence[int], base: int = 0) -> None:
        """Write parameter words to the bank that passes do not use.

        Args:
            image: an integer a word, of all lanes, lane 0 lowest; as ``golden.pack`` gives.
            base: the first word's address, in slots.
        """
        width, lanes = self._config.derived.param_width, self._config.array.lanes
        addresses = self._param_addresses(base, len(image))
        for k, word in enumerate(image):
            _check(f"word {k}", word, 0, (1 << lanes * width) - 1)
        for word, columns in zip(image, addresses, strict=True):
            for lane, column in enumerate(columns):
                bits = word >> lane * width & (1 << width) - 1
                for sub, address in enumerate(column):  # the highest last: it stores
                    await self._bus.write(address, bits >> 32 * sub & 0xFFFFFFFF)

    async def read_params(self, base: int = 0, count: int | None = None) -> list[int]:
        """``count`` words (all that follow, unless given) from ``base``, of the bank that passes do not use."""
        width, image = self._config.derived.param_width, []
        for columns in self._param_addresses(base, param_words(self._config) - base if count is None else count):
            word = 0
            for lane, column in enumerate(columns):
                for sub, address in enumerate(column):
                    word |= await self._bus.read(address) << lane * width + 32 * sub
            image.append(word)
        return image

    async def load_program(self, layers: Mapping[int, Layer]) -> None:
        """Write descriptors by their numbers."""
        window, stride = self.map.window("DESCRIPTORS"), descriptor_stride(self._config)
        for index in layers:
            _check("descriptor", index, 0, self._config.tile.descriptors - 1)
        encoded = {index: encode(self._config, layer) for index, layer in layers.items()}
        for index, words in encoded.items():
            for k, word in enumerate(words):
                await self._bus.write(window.address + 4 * (index * stride + k), word)

    async def load_table(self, bank: int, entries: Sequence[int]) -> None:
        """Fill a bank of the activation table with an output code for each index, from that of all bits 0 on."""
        size, out = 1 << self._config.tile.table, self._config.output.format
        if size == 1:
            raise ValueError("there is no activation table; tile.table > 0 builds it")
        if len(entries) != size:
            raise ValueError(f"{len(entries)} entries do not fill a table of {size}")
        _check("bank", bank, 0, 1)
        for k, entry in enumerate(entries):
            _check(f"entry {k}", entry, out.low, out.high)
        address = self.map.window("TABLE").address + 4 * bank * size
        for k, entry in enumerate(entries):
            await self._bus.write(address + 4 * k, entry & (1 << out.width) - 1)

    # -- running --

    async def swap(self, limit: int = 0) -> None:
        """Ask for an exchange of the parameter banks, and with ``limit`` poll at most so often until it is made.

        Raises:
            TimeoutError: it was not; it is still asked for.
        """
        await self.write("CONTROL", swap=1)
        if limit:
            await self._poll("swapping", limit)

    async def start(self, first: int = 0) -> None:
        """Run the chain that begins with descriptor ``first``."""
        _check("first", first, 0, self._config.tile.descriptors - 1)
        await self.write("FIRST", index=first)
        await self.write("CONTROL", start=1)

    async def wait(self, limit: int = 10_000) -> None:
        """Poll until no program runs, at most ``limit`` times.

        Raises:
            TimeoutError: one still does.
        """
        await self._poll("busy", limit)

    async def abort(self) -> None:
        """Stop: what was taken comes out, no more is taken.  :meth:`wait` tells when."""
        await self.write("CONTROL", abort=1)

    async def clear(self) -> None:
        """Set the counters to 0, and forget the least and the largest sum."""
        await self.write("CONTROL", clear=1)

    async def bypass(self, on: bool) -> None:
        """Hand codes through while no program runs."""
        await self.write("MODE", bypass=int(on))

    async def events(self) -> frozenset[str]:
        """Names of what has happened; just these are cleared."""
        register = self.map.register("EVENTS")
        word = await self._bus.read(register.address)
        if word:
            await self._bus.write(register.address, word)
        return frozenset(f.name for f in register.fields if word & f.mask)

    async def counters(self) -> dict[str, int]:
        """Every counter by its register's name in lower case.  They are not read at one time."""
        counts = [r for r in self.map.registers if r.fields[0].access == "count"]
        return {r.name.lower(): await self._bus.read(r.address) for r in counts}

    async def observed(self) -> tuple[int, int] | None:
        """Least and largest sum since the last :meth:`clear`, in units of the sum's last bit; None: no result."""
        if not self._config.tile.observe:
            raise ValueError("A_MIN and A_MAX are not built in; tile.observe = true builds them")
        least, most = await self._wide("A_MIN"), await self._wide("A_MAX")
        return None if least > most else (least, most)

    async def inject(
        self, memory: Literal["parameters", "sums"], lane: int, first: int, second: int | None = None
    ) -> None:
        """Invert one bit, or two, of the next word written to a lane of a memory."""
        bits = {"first": first, "second": first if second is None else second, "double": int(second is not None)}
        config, sums = self._config, memory == "sums"
        if config.tile.protect == "none" or (sums and config.tile.blocks == 1):
            raise ValueError(f"{memory} are not protected; tile.protect = secded (and tile.blocks > 1) would do")
        width = config.derived.total.width if sums else config.derived.param_width
        _check("lane", lane, 0, config.array.lanes - 1)
        for name in ("first", "second"):
            _check(name, bits[name], 0, coded_bits(config.tile.protect, width) - 1)
        await self.write("INJECT", memory=int(memory == "sums"), lane=lane, arm=1, **bits)

    # -- inner --

    async def _wide(self, name: str) -> int:
        """A signed number of two registers.  It moves one way only, so that an unmoved high word proves both."""
        high = await self.read(f"{name}_HIGH")
        while True:
            low, before = await self.read(f"{name}_LOW"), high
            high = await self.read(f"{name}_HIGH")
            if high == before:
                value = high << 32 | low
                return value - (1 << 64) if value >> 63 else value

    async def _poll(self, field: str, limit: int) -> None:
        for _ in range(limit):
            if not await self.read("STATUS", field):
                return
        raise TimeoutError(f"STATUS.{field} is still 1 after {limit} reads")

    def _param_addresses(self, base: int, count: int) -> list[list[list[int]]]:
        """Where the sub-words of the lanes of ``count`` parameter words are: [word][lane][sub-word]."""
        words, lanes, subs = param_words(self._config), self._config.array.lanes, sub_words(self._config)
        if base < 0 or count < 0 or base + count > words:
            raise ValueError(f"{count} parameter words from {base} on do not fit a bank of {words}")
        start, stride = self.map.window("PARAMETERS").address, 4 * subs
        each = range(start + base * lane_space(self._config) * stride, 1 << 32, lane_space(self._config) * stride)
        return [[[w + k * stride + 4 * sub for sub in range(subs)] for k in range(lanes)] for w in each[:count]]


def _value(word: int, field: Field) -> int:
    bits = (word & field.mask) >> field.lsb
    return bits - (1 << field.width) if field.signed and bits >> field.width - 1 else bits


def _placed(register: Register, field: Field, value: int) -> int:
    if field.access not in ("rw", "pulse", "sticky"):
        raise ValueError(f"{register.name}.{field.name} is read-only")
    _check(f"{register.name}.{field.name}", value, 0, (1 << field.width) - 1)
    return value << field.lsb


def _check(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise ValueError(f"{name} = {value} is outside {low}..{high}")
