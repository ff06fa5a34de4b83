"""What files of tests share: the library that simulations by Verilator are linked with, compiled once for all of them."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import Any

import pytest

from flows.generate import generate
from flows.simulate import simulate
from flows.tool import ToolMissing
from nmpu_hdl.presets import preset


@pytest.fixture(scope="session")
def runtime(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A simulation whose compiled library serves others: ``runtime`` of :func:`flows.simulate.simulate`."""
    return _simulated(request, tmp_path_factory, "runtime")


@pytest.fixture(scope="session")
def fast_runtime(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As :func:`runtime`, for those with ``optimize``."""
    return _simulated(request, tmp_path_factory, "fast_runtime", optimize=True)


def _simulated(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, name: str, **options: Any
) -> Path:
    """Simulated by the first process that needs it; the others, of which pytest-xdist starts some, wait for it."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if hasattr(request.config, "workerinput") else base) / name
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "sim" / "result.json").exists():
            generate(preset("tiny"), folder)
            try:
                simulate(folder, folder / "sim", tests=["any_settings"], **options)
            except ToolMissing as missing:
                pytest.skip(str(missing))
    return folder / "sim"
