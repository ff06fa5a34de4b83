"""Files for LibreLane, which places and routes in technologies of today: a configuration, constraints, order of pins.

Variables are those of LibreLane 3, whose loader reads the configuration; it is not part of this package, and neither
are the tools and technologies that it runs with.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.verilog import emit

from ..generate import VERILOG, generate
from ..library import Library
from ..synthesize import synthesize
from ..tool import write_together
from .asked import Asked, core_of, top_of
from .place_pins import Side, core_sides, lane_sides

__all__ = ["PDKS", "Pdk", "die", "librelane", "port_bits"]

_CONFIG, _PINS, _CONSTRAINTS = "config.json", "pin_order.cfg", "constraints.sdc"
_PERIOD = 10_000.0
"""Of the clock, ps, where none is asked for; it is LibreLane's."""
_LETTERS: dict[Side, str] = {"bottom": "S", "top": "N", "left": "W", "right": "E"}
_MARGIN_SITES, _MARGIN_ROWS = 12, 4
"""Sites and rows that LibreLane leaves free on each side of the core (``LEFT_MARGIN_MULT``, ``BOTTOM_MARGIN_MULT``)."""


@dataclass(frozen=True)
class Pdk:
    """A technology as LibreLane calls it.

    Args:
        name: ``PDK``.
        cells: ``STD_CELL_LIBRARY``.
        nand2_um2: area of its smallest NAND2, um2: one GE.
        site_um, row_um: width of a site and height of a row.
    """

    name: str
    cells: str
    nand2_um2: float
    site_um: float
    row_um: float


PDKS = (
    Pdk("sky130A", "sky130_fd_sc_hd", 3.7536, 0.46, 2.72),
    Pdk("ihp-sg13g2", "sg13g2_stdcell", 7.2576, 0.48, 3.78),
)


def librelane(config: NmpuConfig, work: Path, asked: Asked) -> tuple[Path, ...]:
    """Write, for each of :data:`PDKS`, all that LibreLane needs besides the technology; no tool is needed.

    Leaves in ``work`` a folder for each with ``config.json``, ``constraints.sdc``, ``pin_order.cfg`` and ``nmpu.v``;
    and, where a width is asked for, ``area`` with the mapping to neutral cells that the height follows from.

    Args:
        config: the configuration.
        work: the folder to work in, made if absent.
        asked: what is to be laid out; cells to avoid and the seed mean nothing here.

    Returns:
        The configurations.

    Raises:
        ValueError: one line: the configuration cannot be laid out, or the width leaves no room for cells.
        OSError: a file cannot be read or written.
    """
    core = core_of(config, asked.lanes)
    top, verilog = top_of(core, asked), emit(core)
    ge = _area(core, top, work / "area") if asked.width_um is not None else 0.0
    sides = core_sides(core) if asked.lanes else lane_sides()
    order = _order(sides.bits(port_bits(verilog, top)))
    period = round((asked.target_ps or _PERIOD) / 1000, 6)
    environment = Environment(loader=PackageLoader("flows.layout", "."), undefined=StrictUndefined)
    constraints = environment.get_template("librelane.sdc.j2").render(period=period)
    files: dict[Path, str] = {}
    for pdk in PDKS:
        folder = work / pdk.name
        variables = _variables(pdk, top, period, asked) | die(pdk, asked, ge)
        files |= {folder / _CONFIG: json.dumps(variables, indent=2) + "\n", folder / _CONSTRAINTS: constraints + "\n"}
        files |= {folder / _PINS: order, folder / VERILOG: verilog}
        folder.mkdir(parents=True, exist_ok=True)
    write_together(files)
    return tuple(work / pdk.name / _CONFIG for pdk in PDKS)


def die(pdk: Pdk, asked: Asked, ge: float) -> dict[str, Any]:
    """A die of the width asked for, as high as cells of ``ge`` NAND2 equivalents need; without a width, LibreLane makes
    a square of what it finds.

    Raises:
        ValueError: the width leaves no room for cells.
    """
    if asked.width_um is None:
        return {"FP_SIZING": "relative", "FP_ASPECT_RATIO": 1}
    sides, ends = 2 * _MARGIN_SITES * pdk.site_um, 2 * _MARGIN_ROWS * pdk.row_um
    room = asked.width_um - sides
    if room < pdk.site_um:
        raise ValueError(
            f"width = {asked.width_um:g} um: LibreLane leaves {sides:.4g} um free beside the cells of {pdk.cells}; "
            "more than that would do"
        )
    rows = math.ceil(ge * pdk.nand2_um2 / asked.density / room / pdk.row_um)
    return {"FP_SIZING": "absolute", "DIE_AREA": [0, 0, asked.width_um, round(rows * pdk.row_um + ends, 3)]}


def _variables(pdk: Pdk, top: str, period: float, asked: Asked) -> dict[str, Any]:
    return {
        "meta": {"version": 2, "flow": "Classic"},
        "PDK": pdk.name,
        "STD_CELL_LIBRARY": pdk.cells,
        "DESIGN_NAME": top,
        "VERILOG_FILES": [f"dir::{VERILOG}"],
        "CLOCK_PORT": "clk",
        "CLOCK_PERIOD": period,
        "PNR_SDC_FILE": f"dir::{_CONSTRAINTS}",
        "SIGNOFF_SDC_FILE": f"dir::{_CONSTRAINTS}",
        "IO_PIN_ORDER_CFG": f"dir::{_PINS}",
        "FP_CORE_UTIL": round(100 * asked.density, 3),
    }


def _area(core: NmpuConfig, top: str, work: Path) -> float:
    """NAND2 equivalents of a module in neutral cells."""
    generate(core, work)
    cells = Library.read()
    mapped = synthesize(work / VERILOG, top, work, cells)
    return cells.ge(sum(cells.cells[kind].area * count for kind, count in mapped.cells.items()))


def port_bits(verilog: str, module: str) -> list[str]:
    """The bits of a module's ports (``codes[3]``), from Verilog as Yosys writes it.

    Raises:
        ValueError: there is no such module, or it has no ports.
    """
    body = re.search(rf"^module {re.escape(module)} ?\((.*?)^endmodule", verilog, re.MULTILINE | re.DOTALL)
    found = re.findall(
        r"^ *(?:input|output) (?:signed )?(?:\[(\d+):0\] )?([A-Za-z_]\w*) *;", body[1] if body else "", re.MULTILINE
    )
    if not found:
        raise ValueError(f"this Verilog has no module {module} with ports")
    return [bit for high, name in found for bit in ([f"{name}[{k}]" for k in range(int(high) + 1)] if high else [name])]


def _order(sides: Mapping[Side, Sequence[str]]) -> str:
    """The order of pins in the syntax of LibreLane: a side, then a regular expression for each bit."""
    blocks = ["\n".join([f"#{letter}", *map(_escaped, sides[side])]) for side, letter in _LETTERS.items()]
    return "\n\n".join(blocks) + "\n"


def _escaped(bit: str) -> str:
    return re.sub(r"([\[\]])", r"\\\1", bit)
