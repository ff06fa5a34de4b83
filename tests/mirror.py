"""What software sees of a unit, in Python: the registers' mirror, and the configurations that are tried."""

from __future__ import annotations

from collections import Counter
from typing import Any

from nmpu_hdl.capabilities import sub_words
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.presets import load
from nmpu_hdl.registers import Register, register_map

TILE = ["tile.kind=axi", "how.stages=2"]
CONFIGS = {
    "tiny": load(
        preset_name="tiny",
        settings=[
            *TILE,
            *(f"tile.{name}" for name in ("residual=true", "widths=[3]", "table=4", "pool=4", "protect=secded")),
            *(f"tile.{name}" for name in ("sets=4", "chain=2", "observe=true")),
        ],
    ),
    "paper": load(settings=TILE),
    # Three lanes in the space of four, two sub-words a column, and windows that are no power of two.
    "odd": load(
        preset_name="tiny",
        settings=[
            *TILE,
            *("array.columns=9", "array.lanes=3", "codes.format=UQ12.0", "scale.format=UQ1.11", "offset.format=SQ20.1"),
            *("tile.descriptors=5", "tile.sets=3", "tile.input=sram", "tile.table=3"),
        ],
    ),
    # Registers and descriptor words of a front end.
    "front": load(
        preset_name="tiny",
        settings=[
            *TILE,
            *(
                "array.columns=10",
                "codes.source=planes",
                "codes.counts=1",
                "front.input=bits",
                "front.bits=5",
                "front.x_planes=3",
            ),
            *("front.values=unipolar,bipolar", "front.zero=2", "front.weights=runtime"),
        ],
    ),
    # One lane, and a column of four sub-words, the highest without a bit.
    "long": load(
        preset_name="wide",
        settings=[*TILE, "how.memory=internal", "array.columns=3", "array.lanes=1", "tile.sets=1", "tile.blocks=2"],
    ),
}


class Mirror:
    """What software sees of a unit whose hardware does what :attr:`state` says.

    Attributes:
        state: value of each field but const and pulse ones, by register and field.
        pulses: how often each pulse field was written with 1.
        memory: words of DESCRIPTORS and TABLE by window and index; of PARAMETERS by word and lane.
        refuse: indices of DESCRIPTORS that the hardware refuses.
    """

    def __init__(self, config: NmpuConfig) -> None:
        self.config, self.map = config, register_map(config)
        self.fields = [(r, f) for r in self.map.registers for f in r.fields]
        self.state = {(r.name, f.name): f.reset for r, f in self.fields if f.access not in ("const", "pulse")}
        self.pulses: Counter[tuple[str, str]] = Counter()
        self.memory: dict[tuple[Any, int], int] = {}
        self.kept = [0] * sub_words(config)
        self.refuse: set[int] = set()

    def word(self, register: Register) -> int:
        """The word of a register."""
        values = {
            f.name: self.state.get((register.name, f.name), f.reset if f.access == "const" else 0)
            for f in register.fields
        }
        return sum((values[f.name] & ((1 << f.width) - 1)) << f.lsb for f in register.fields)

    def access(self, address: int, data: int | None = None, strobe: int = 15) -> tuple[int, int]:
        """One access; returns response and data, which is 0 for writes and errors."""
        address &= ~3
        for register in self.map.registers:
            if register.address == address:
                return self._register(register, data, strobe)
        for window in self.map.windows:
            if window.address <= address < window.address + 4 * window.words:
                if data is not None and strobe != 15:
                    return (2 if strobe else 0), 0
                index = (address - window.address) // 4
                access = self._column if window.name == "PARAMETERS" else self._plain
                return access(window.name, index, data)
        return 2, 0

    def _register(self, register: Register, data: int | None, strobe: int) -> tuple[int, int]:
        if data is None:
            return 0, self.word(register)
        if not strobe:
            return 0, 0
        bits = sum(0xFF << 8 * byte for byte in range(4) if strobe >> byte & 1)
        refused = True
        for f in register.fields:
            key, written = (register.name, f.name), (data & bits & f.mask) >> f.lsb
            if f.access == "rw":
                self.state[key] = self.state[key] & ~((bits & f.mask) >> f.lsb) | written
            elif f.access == "pulse":
                self.pulses[key] += written
            elif f.access == "sticky":
                self.state[key] &= ~written
            refused &= f.access in ("const", "state", "count")
        if register.name == "CONTROL" and data & bits & 8:
            self.state |= {(r.name, f.name): 0 for r, f in self.fields if f.access == "count"}
        return (2 if refused else 0), 0

    def _plain(self, name: str, index: int, data: int | None) -> tuple[int, int]:
        if name == "DESCRIPTORS" and index in self.refuse:
            return 2, 0
        if data is None:
            return 0, self.memory.get((name, index), 0)
        self.memory[name, index] = data
        return 0, 0

    def _column(self, name: str, index: int, data: int | None) -> tuple[int, int]:
        subs, width = sub_words(self.config), self.config.derived.param_width
        space = 1
        while space < self.config.array.lanes:
            space *= 2
        word, rest = divmod(index, space * subs)
        lane, sub = divmod(rest, subs)
        if lane >= self.config.array.lanes:
            return 2, 0
        if data is None:
            return 0, self.memory.get((word, lane), 0) >> 32 * sub & 0xFFFFFFFF
        self.kept[sub] = data
        if sub == subs - 1:
            whole = sum(part << 32 * k for k, part in enumerate(self.kept))
            self.memory[word, lane] = whole & ((1 << width) - 1)
        return 0, 0


class BusError(Exception):
    """SLVERR."""


class Fake:
    """A bus to a mirror.  ``busy``: reads of STATUS after a write that show a running program or a pending swap."""

    def __init__(self, mirror: Mirror, busy: int = 3) -> None:
        self.mirror, self.busy, self.left = mirror, busy, 0
        self.log: list[tuple[int, int | None]] = []

    async def read(self, address: int) -> int:
        state, pulses = self.mirror.state, self.mirror.pulses
        state["STATUS", "busy"] = int(pulses["CONTROL", "start"] > 0 and self.left > 0)
        state["STATUS", "swapping"] = int(pulses["CONTROL", "swap"] > 0 and self.left > 0)
        if address == 0x08C:  # STATUS
            self.left -= 1
        return self._access(address)

    async def write(self, address: int, data: int) -> None:
        assert 0 <= data < 1 << 32
        self.left = self.busy
        self._access(address, data)

    def _access(self, address: int, data: int | None = None) -> int:
        assert address % 4 == 0
        self.log.append((address, data))
        response, word = self.mirror.access(address, data)
        if response:
            raise BusError(hex(address))
        return word
