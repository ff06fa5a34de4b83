"""What files of tests share: the library that Verilator links simulations with, and what else is made once for all."""

from __future__ import annotations

import fcntl
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from flows.generate import generate
from flows.simulate import simulate
from flows.tool import ToolMissing
from nmpu_hdl.presets import preset

from .seeding import Make, Once


@pytest.fixture(scope="session")
def once(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Once:
    """``once(name, make)``: the folder of that name, which ``make`` fills for the first that asks.

    Processes of pytest-xdist wait for each other.
    """
    base = tmp_path_factory.getbasetemp()
    base = base.parent if hasattr(request.config, "workerinput") else base

    def filled(name: str, make: Make) -> Path:
        folder, done = base / name, base / f"{name}.done"
        with (base / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not done.exists():
                folder.mkdir(exist_ok=True)
                make(folder)
                done.touch()
        return folder

    return filled


@pytest.fixture(scope="session")
def runtime(once: Once) -> Path:
    """A simulation whose compiled library serves others: ``runtime`` of :func:`flows.simulate.simulate`."""
    return once("runtime", _simulated) / "sim"


@pytest.fixture(scope="session")
def fast_runtime(once: Once) -> Path:
    """As :func:`runtime`, for those with ``optimize``."""
    return once("fast_runtime", lambda folder: _simulated(folder, optimize=True)) / "sim"


@pytest.fixture(scope="session")
def everything(once: Once, runtime: Path) -> Path:
    """A tile with everything switched on, and in ``sim`` its whole regression, passed or not."""
    return once("everything", lambda folder: _simulated(folder, "tiny-tile", tests=(), runtime=runtime))


def _simulated(folder: Path, name: str = "tiny", tests: Sequence[str] = ("any_settings",), **options: Any) -> None:
    generate(preset(name), folder)
    try:
        simulate(folder, folder / "sim", tests=tests, **options)
    except ToolMissing as missing:
        pytest.skip(str(missing))
