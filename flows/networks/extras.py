"""Libraries that only some networks need: they are asked for where they are used, and missed in one line."""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["extra"]


def extra(module: str, group: str) -> Any:
    """A module of a library that is not always installed.

    Args:
        module: its whole name.
        group: the optional dependencies of this project that it is among.

    Raises:
        ValueError: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != module.split(".")[0]:
            raise  # it is there, and what it needs itself is not
        name = {"sklearn": "scikit-learn"}.get(module.split(".")[0], module.split(".")[0])
        raise ValueError(f"this needs {name}; pip install 'nmpu-hdl[{group}]' would do") from None
