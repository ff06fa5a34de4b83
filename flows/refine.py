"""What is done to a mapped module of arithmetic after ABC: adder cells, polarities, sizes, and a proof."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .adders import place_adders
from .gate_graph import Graph
from .library import Library
from .polarity import choose_polarities
from .sizing import resize

__all__ = ["refine"]


def refine(
    name: str, module: Mapping[str, Any], library: Library, work: Path, target_ps: int
) -> tuple[dict[str, Any], float | None]:
    """Give a module the adder cells of the library where they save area, and the polarities that take the least.

    Both with and without adders are tried, for their inverters may take what they save, and a library may have none.
    ABC then sizes the gates and proves that the module does what it did.

    Args:
        name: of the module.
        module: as Yosys' ``write_json`` has it, mapped to ``library``.
        library: its cells.
        work: the folder, as :func:`flows.sizing.resize` has it, which leaves its files there.
        target_ps: what to size for.

    Returns:
        The module, and ABC's estimate of its longest path in ps; None where it has no gates.

    Raises:
        ToolFailed: ABC failed, or did not find them equal.
        OSError: a file cannot be read or written.
    """
    plain = Graph(module, library)
    if not plain.gates:
        return dict(module), None
    found = [plain]
    if library.full_adders or library.half_adders:
        found.append(Graph(module, library))
        place_adders(found[-1], library)
    for graph in found:
        choose_polarities(graph, library)
    return resize(name, min(found, key=Graph.area).module(), module, library, work, target_ps)
