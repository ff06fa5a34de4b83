"""The parameter image of a calibration, as the memory and the bus take it: NPZ, hexadecimal words, JSON."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from golden import Params
from golden.measured import Integers
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.driver import Driver
from nmpu_hdl.verilog import digest

from .tool import write_together

__all__ = ["IMAGES", "bus_writes", "remove_image", "write_image"]

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
    bits = config.derived.param_width * config.derived.built
    columns = integers.params[0].columns
    about = f"{config.name} {digest(config)}, {columns} columns"
    words = [f"{word:0{-(-bits // 4)}x}" for word in image]
    text = {
        folder / "params.hex": "\n".join([f"// {about}: {len(words)} words of {bits} bits, lane 0 lowest", *words, ""])
    }
    data = _description(config, integers, words)
    if config.derived.tiled:
        writes = bus_writes(config, image)
        lines = [f"// {about}: byte address from the unit's first, 32-bit word; in this order"]
        text[folder / "params_bus.hex"] = "\n".join([*lines, *(f"{at:08x} {word:08x}" for at, word in writes), ""])
    text[folder / "params.json"] = json.dumps(data, indent=2) + "\n"
    remove_image(folder)
    _write_npz(folder / "params.npz", integers)
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


def _write_npz(path: Path, integers: Integers) -> None:
    """All blocks in one array each, (blocks, ...); equal integers give equal bytes."""
    arrays: dict[str, Any] = {"shifts": np.array(integers.shifts), "offset_shift": np.array(integers.offset_shift)}
    for name in Params.__dataclass_fields__:
        parts = [getattr(params, name) for params in integers.params]
        if parts[0] is not None:
            arrays[name] = np.stack(parts)
    memory = io.BytesIO()
    np.savez(memory, **arrays)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(memory.getvalue())
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        error.filename = str(path)
        raise
