"""The parameter image of a calibration, as the memory and the bus take it: NPZ, hexadecimal words, JSON."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from golden import Params
from golden.measured import Integers
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.driver import Driver
from nmpu_hdl.verilog import digest

from .networks.plain import write_arrays
from .tool import write_together

__all__ = ["IMAGES", "bus_hex", "bus_writes", "params_hex", "remove_image", "write_image"]

IMAGES = ("params.npz", "params.hex", "params.json", "params_bus.hex")
"""All files that an image may have; the last one only of a tile."""


class _Recorder:
    """A bus that keeps what is written."""

    def __init__(self) -> None:
        self.writes: list[tuple[int, int]] = []

    async def read(self, address: int) -> int:
        """Nothing is read while parameters are loaded."""
        raise NotImplementedError(f"read of {address:#x}")

    async def write(self, address: int, data: int) -> None:
        """Keep it."""
        self.writes.append((address, data))


def bus_writes(config: NmpuConfig, image: list[int]) -> list[tuple[int, int]]:
    """The byte addresses and 32-bit words by which the driver brings an image into the bank that passes do not use.

    Raises:
        ValueError: the configuration has no bus, or its bank is smaller.
    """
    if not config.derived.tiled:
        raise ValueError("tile.kind = none has no bus; axi has")
    recorder = _Recorder()
    asyncio.run(Driver(config, recorder).load_params(image))
    return recorder.writes


def params_hex(config: NmpuConfig, image: list[int]) -> str:
    """Words of a bank as ``$readmemh`` reads them: of all lanes that are built, as the memory's port takes them."""
    bits = config.derived.param_width * config.derived.built
    head = f"// {config.name} {digest(config)}: {len(image)} words of {bits} bits, lane 0 lowest"
    return "\n".join([head, *(f"{word:0{-(-bits // 4)}x}" for word in image), ""])


def bus_hex(config: NmpuConfig, image: list[int]) -> str:
    """The same as bus writes, a line each.

    Raises:
        ValueError: as :func:`bus_writes`.
    """
    head = f"// {config.name} {digest(config)}: byte address from the unit's first, 32-bit word; in this order"
    return "\n".join([head, *(f"{at:08x} {word:08x}" for at, word in bus_writes(config, image)), ""])


def remove_image(folder: Path) -> None:
    """Remove what an earlier run has left.

    Raises:
        OSError: it cannot be removed.
    """
    for name in IMAGES:
        (folder / name).unlink(missing_ok=True)


def write_image(config: NmpuConfig, integers: Integers, folder: Path) -> list[Path]:
    """Write ``params.npz``, ``params.hex``, ``params.json``, and of a tile ``params_bus.hex``.

    Returns:
        The files.

    Raises:
        ValueError: parameters that do not fit the memory.
        OSError: a file cannot be written; the others are as they were.
    """
    image = integers.image(config)
    text = {folder / "params.hex": params_hex(config, image)}
    if config.derived.tiled:
        text[folder / "params_bus.hex"] = bus_hex(config, image)
    words = text[folder / "params.hex"].split("\n")[1:-1]
    text[folder / "params.json"] = json.dumps(_description(config, integers, words), indent=2) + "\n"
    remove_image(folder)
    write_arrays(folder / "params.npz", _arrays(integers))
    write_together(text)
    return [folder / "params.npz", *text]


def _description(config: NmpuConfig, integers: Integers, words: list[str]) -> dict[str, Any]:
    """What software has to know besides the words."""
    fields = config.derived.param_fields
    blocks = [
        {name: value.tolist() for name, value in params.fields(config).items()} | {"block": number}
        for number, params in enumerate(integers.params)
    ]
    return {
        "name": config.name,
        "digest": digest(config),
        "columns": integers.params[0].columns,
        "lanes": config.derived.built,
        "column_bits": config.derived.param_width,
        "word_bits": config.derived.param_width * config.derived.built,
        "fields": [{"name": f.name, "lsb": f.lsb, "width": f.width, "format": f.about} for f in fields],
        "settings": {
            "shifts": list(integers.shifts) if config.derived.layer_shift else None,
            "offset_shift": integers.offset_shift,
        },
        "stored": blocks,
        "words": words,
    }


def _arrays(integers: Integers) -> dict[str, NDArray[Any]]:
    """All blocks in one array each, (blocks, ...)."""
    arrays: dict[str, Any] = {"shifts": np.array(integers.shifts), "offset_shift": np.array(integers.offset_shift)}
    for name in Params.__dataclass_fields__:
        parts = [getattr(params, name) for params in integers.params]
        if parts[0] is not None:
            arrays[name] = np.stack(parts)
    return arrays
