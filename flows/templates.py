"""The pages that Jinja2 writes: their environment, the same for all."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined

__all__ = ["environment"]


def environment(package: str = "flows") -> Environment:
    """Templates of a package; lines of statements leave no line, and a name that is not given is an error."""
    return Environment(
        loader=PackageLoader(package, "."), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
