"""A routed layout as a picture.  klayout's Python module reads it and draws it, without a screen."""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..tool import ToolMissing
from .technology import Technology

if TYPE_CHECKING:
    from klayout import db

    from .sheet import Sheet

__all__ = ["draw", "read_layout"]

Window = tuple[float, float, float, float]
"""Left, bottom, right and top, um."""
Pixels = npt.NDArray[np.float32]

_OVERSAMPLING = 3
_HEADER = 8
"""Bytes before the pixels as klayout hands them out: width and height."""
_STROKE = 5
"""How wide the strokes of letters are, in parts of a pixel that is oversampled."""
_SETTINGS = {
    "background-color": "#ffffff",
    "grid-visible": "false",
    "inst-visible": "false",
    "text-visible": "true",
    "text-color": "#000000",
    "text-font": "2",  # drawn with strokes, so that it has any size and can be turned
    "text-lazy-rendering": "false",
    "apply-text-trans": "true",
}


def draw(
    def_file: Path, technology: Technology, picture: Path, *, window: Window | None = None, pixels: int = 1800
) -> None:
    """Draw a routed layout as PNG: cells, wires layer by layer, vias, pins with their names, a legend and a scale.

    Equal files give equal bytes with the same klayout.

    Args:
        def_file: a routed DEF file.
        technology: what it is made in.
        picture: the file to write; its folder must exist.
        window: the part to draw; None: all of it, with the names of the pins around it.
        pixels: the longer side of the picture, 100 to 10000.

    Raises:
        ValueError: ``def_file`` is not a DEF file, nothing of it is in ``window``, or ``pixels`` is out of range.
        ToolMissing: klayout is not installed.
        OSError: a file cannot be read or written.
    """
    if not 100 <= pixels <= 10000:
        raise ValueError(f"pixels = {pixels}: a picture has 100 to 10000")
    if importlib.util.find_spec("klayout") is None:
        raise ToolMissing("klayout is not installed; get it with: pip install 'nmpu-hdl[layout]'")
    from klayout import db

    from .sheet import sheet

    data = _painted(sheet(read_layout(def_file, technology), technology, db.DBox(*window) if window else None), pixels)
    temporary = picture.with_name(f".{picture.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(data)
        os.replace(temporary, picture)
    finally:
        temporary.unlink(missing_ok=True)


def read_layout(def_file: Path, technology: Technology) -> db.Layout:
    """A DEF file as klayout has it; the cells are what the LEF file shows of them.

    Raises:
        ValueError: it is not DEF.
        OSError: it cannot be read.
    """
    from klayout import db

    units = re.search(r"^\s*UNITS\s+DISTANCE\s+MICRONS\s+(\d+)\s*;", def_file.read_text(), re.MULTILINE)
    if units is None:
        raise ValueError(f"{def_file} has no UNITS; give the DEF file of a router")
    options = db.LoadLayoutOptions()
    reader = options.lefdef_config
    reader.dbu = 1 / int(units[1])
    reader.lef_files = [str(technology.lef.resolve())]
    reader.read_lef_with_def = False
    reader.macro_resolution_mode = 1  # the LEF file's shapes, although it says FOREIGN
    options.lefdef_config = reader
    layout = db.Layout()
    try:
        layout.read(str(def_file.resolve()), options)
    except RuntimeError as error:
        raise ValueError(f"{def_file} is not DEF as klayout reads it: {' '.join(str(error).split())}") from None
    return layout


def _painted(sheet: Sheet, longest: int) -> bytes:
    """The picture as PNG: the layers one above the other, each let through as much as it says."""
    from klayout import lay

    scale = longest / max(sheet.frame.width(), sheet.frame.height())
    width, height = round(sheet.frame.width() * scale), round(sheet.frame.height() * scale)
    picture = np.full((height, width, 3), 255, np.float32)
    for paint in sheet.paints:
        _lay_on(picture, paint.colour, paint.cover * _mask(paint.shapes, sheet, width, height))
    _lay_on(picture, sheet.ink, _mask(sheet.words, sheet, width, height))
    opaque = np.full((height, width, 1), 255, np.uint8)
    pixels = np.concatenate((np.rint(picture).astype(np.uint8), opaque), axis=2)
    header = np.array([width, height], np.uint32).tobytes()
    return lay.PixelBuffer.from_bytes(header + pixels.tobytes()).to_png_data()


def _lay_on(picture: Pixels, colour: str, cover: Pixels) -> None:
    """Lay a colour on a picture; ``cover`` is how much of it there is at each pixel, 0 to 1."""
    values = np.array([int(colour[place : place + 2], 16) for place in (5, 3, 1)], np.float32)  # blue comes first
    picture += cover[:, :, None] * (values - picture)


def _mask(shapes: db.Region | Sequence[db.DText], sheet: Sheet, width: int, height: int) -> Pixels:
    """How much of each pixel shapes or words cover, 0 to 1: klayout draws them alone, black on white."""
    from klayout import db, lay

    view = lay.LayoutView()
    for name, value in _SETTINGS.items():
        view.set_config(name, value)
    layout = view.cellview(view.create_layout(False)).layout()
    layout.dbu = sheet.dbu
    cell = layout.create_cell("top")
    drawn = cell.shapes(layout.layer(1, 0))
    if isinstance(shapes, db.Region):
        drawn.insert(shapes)
    else:
        for word in shapes:
            drawn.insert(word)
    view.cellview(0).cell = cell
    view.clear_layers()
    layer = lay.LayerProperties()
    layer.source, layer.dither_pattern, layer.fill_color, layer.frame_color = "1/0@1", 0, 0, 0
    view.insert_layer(view.end_layers(), layer)
    view.max_hier()
    line = 1 if isinstance(shapes, db.Region) else _STROKE
    buffer = view.get_pixels_with_options(width, height, line, _OVERSAMPLING, 0, sheet.frame)
    pixels = np.frombuffer(buffer.to_bytes(), np.uint8)[_HEADER:].reshape(height, width, 4)
    return ((255 - pixels[:, :, 0]) / 255).astype(np.float32)
