"""What a layout is made in: the files of a technology, and what they say of layers, sites and cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..tool import ToolMissing
from .lef import Layer, Lef, Macro, Rectangle

__all__ = ["Technology", "osu018"]

_OSU018 = Path("/usr/share/qflow/tech/osu018")


@dataclass(frozen=True)
class Technology:
    """A technology that graywolf, qrouter, magic and netgen can work in.

    Args:
        name: what results call it.
        lef: layers and outlines of the cells.
        liberty: the cells' timing and area.
        spice: the cells' transistors.
        magic_tech: the layers and rules of magic.
        magic_rc: what magic begins with.
        netgen_setup: what netgen begins with.
        graywolf_par: graywolf's parameters.
        layers: the layers for wires, lowest first.
        site_width_um: width of a place for a cell; every cell is some of them wide.
        site_height_um: height of a row.
        power: the supply net, and the cells' pin for it.
        ground: the same for ground.
        filler: the cell that fills one site.
        via: the via between the lowest two layers.
        vias: the shapes of all vias, around their middle, by name.
        macros: the cells by name.
    """

    name: str
    lef: Path
    liberty: Path
    spice: Path
    magic_tech: Path
    magic_rc: Path
    netgen_setup: Path
    graywolf_par: Path
    layers: tuple[Layer, ...]
    site_width_um: float
    site_height_um: float
    power: str
    ground: str
    filler: str
    via: str
    vias: Mapping[str, tuple[Rectangle, ...]]
    macros: Mapping[str, Macro]

    def layer(self, name: str) -> Layer:
        """The layer of that name.

        Raises:
            ValueError: there is none.
        """
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise ValueError(f"{self.name} has no layer {name}; it has {', '.join(layer.name for layer in self.layers)}")


def osu018(folder: Path = _OSU018) -> Technology:
    """The cells of Oklahoma State University for 180 nm with six layers of metal, from Debian's package.

    Args:
        folder: where its files are.

    Raises:
        ToolMissing: a file is not there; the message names the package.
        ValueError: the LEF file is not what it was.
    """
    names = {
        "lef": "osu018_stdcells.lef",
        "liberty": "osu018_stdcells.lib",
        "spice": "osu018_stdcells.sp",
        "magic_tech": "SCN6M_SUBM.10.tech",
        "magic_rc": "osu018.magicrc",
        "netgen_setup": "osu018_setup.tcl",
        "graywolf_par": "osu018.par",
    }
    files = {field: folder / name for field, name in names.items()}
    absent = [file.name for file in files.values() if not file.is_file()]
    if absent:
        raise ToolMissing(
            f"the OSU 180 nm cells are not installed ({folder} has no {', '.join(absent)}); "
            "get them with: apt-get install qflow-tech-osu018"
        )
    lef = Lef.read(files["lef"])
    if "core" not in lef.sites or "FILL" not in lef.macros:
        raise ValueError(f"{files['lef']} has no SITE core or no MACRO FILL; this is not OSU's LEF file")
    width, height = lef.sites["core"]
    return Technology(
        name="osu018",
        **files,
        layers=lef.layers,
        site_width_um=width,
        site_height_um=height,
        power="vdd",
        ground="gnd",
        filler="FILL",
        via="M2_M1",
        vias=lef.vias,
        macros=lef.macros,
    )
