"""The register map for others: SystemRDL, Markdown, and by PeakRDL a C header and HTML."""

from __future__ import annotations

import shutil
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from nmpu_hdl import __version__
from nmpu_hdl.capabilities import lane_space, sub_words
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.program import SHIFTS_FROM, descriptor_fields, descriptor_stride, descriptor_words, param_words
from nmpu_hdl.registers import Field, register_map

from .templates import environment
from .tool import run, write_atomic, write_together

__all__ = ["RegistersResult", "markdown", "rdl", "write_registers"]

_PROPERTIES = {
    "const": "sw = r; hw = na;",
    "state": "sw = r; hw = w;",
    "rw": "sw = rw; hw = r;",
    "pulse": "sw = w; hw = r; singlepulse;",
    "sticky": "sw = rw; hw = na; hwset; onwrite = woclr; precedence = hw; intr;",
    "count": "sw = r; hw = na; counter; incrwidth = 16; hwclr;",
}

_ACCESS = {
    "const": "fixed when the hardware is generated",
    "state": "read-only, driven by the hardware",
    "rw": "read and written by software",
    "pulse": "a 1 written starts something; reads as 0",
    "sticky": "set by the hardware; a 1 written clears it, unless it is being set",
    "count": "read-only, counts up modulo 2^32; CONTROL.clear clears it",
}

_RESERVED = """
abstract accesstype addressingtype addrmap alias all alternate bit boolean bothedge byte component componentwidth
compact constraint default encode enum external false field fullalign hw inside int internal level longint mem na
negedge nonsticky number onreadtype onwritetype posedge precedencetype property r rclr real ref reg regalign regfile
rset ruser rw rw1 shortint shortreal signal signed string struct sw this true type unsigned w w1 wclr with within
woclr woset wot wr wset wuser wzc wzs wzt
"""
"""SystemRDL's words; as names they are written with a backslash before them."""


class RegistersResult(BaseModel, frozen=True):
    """What :func:`write_registers` wrote.

    Args:
        rdl: SystemRDL.
        markdown: documentation.
        header: C header; None where PeakRDL is not installed.
        html: folder of the HTML documentation, its ``index.html`` in it; None likewise.
        missing: Python packages that the files left out need.
    """

    rdl: Path
    markdown: Path
    header: Path | None
    html: Path | None
    missing: tuple[str, ...]


def rdl(config: NmpuConfig) -> str:
    """The registers and windows of ``config`` in SystemRDL 2.0.

    Raises:
        ValueError: the configuration has no tile, and so no registers.
    """
    return _render("registers.rdl.j2", config)


def markdown(config: NmpuConfig) -> str:
    """The registers, windows and descriptors of ``config`` for people.

    Raises:
        ValueError: the configuration has no tile, and so no registers.
    """
    return _render("registers.md.j2", config)


def write_registers(config: NmpuConfig, work: Path) -> RegistersResult:
    """Write ``registers.rdl``, ``registers.md``, and by PeakRDL ``registers.h`` and ``html/``, and ``result.json``.

    What PeakRDL is not there for is left out, and an older one of it removed.  Its logs are ``header.log`` and
    ``html.log``.

    Raises:
        ValueError: the configuration has no tile, and so no registers.
        ToolFailed: PeakRDL did not accept the map.
        OSError: the folder cannot be written.
    """
    work = work.resolve()
    text = {work / "registers.rdl": rdl(config), work / "registers.md": markdown(config)}
    work.mkdir(parents=True, exist_ok=True)
    packages = {"header": "peakrdl_cheader", "html": "peakrdl_html"}
    missing = [p for p in ("peakrdl", *packages.values()) if find_spec(p) is None]
    header, html = work / "registers.h", work / "html"
    able = {kind: "peakrdl" not in missing and package not in missing for kind, package in packages.items()}
    with tempfile.TemporaryDirectory(dir=work, prefix=".registers-") as folder:
        source = Path(folder, "registers.rdl")
        source.write_text(text[work / "registers.rdl"], encoding="utf-8")
        if able["header"]:
            text[header] = _exported("c-header", source, Path(folder, "registers.h"), work, "header.log").read_text()
        if able["html"]:
            _exported("html", source, Path(folder, "html"), work, "html.log")
        write_together(text)
        _replace(html, Path(folder, "html") if able["html"] else None, Path(folder, "old"))
    if not able["header"]:
        header.unlink(missing_ok=True)
    result = RegistersResult(
        rdl=work / "registers.rdl",
        markdown=work / "registers.md",
        header=header if able["header"] else None,
        html=html if able["html"] else None,
        missing=tuple(name.replace("_", "-") for name in missing),
    )
    write_atomic(work / "result.json", result.model_dump_json(indent=2) + "\n")
    return result


def _exported(exporter: str, source: Path, target: Path, work: Path, log_name: str) -> Path:
    """What PeakRDL makes of ``source``."""
    done = run([sys.executable, "-m", "peakrdl", exporter, str(source), "-o", str(target)], work, log_name=log_name)
    if not target.exists():
        raise FileNotFoundError(f"PeakRDL ended well but left no {target.name}; the log is {done.log}")
    return target


def _replace(old: Path, new: Path | None, aside: Path) -> None:
    """Put the folder ``new`` in the place of ``old``."""
    if old.exists():
        shutil.move(old, aside)
    if new is not None:
        shutil.move(new, old)


def _render(template: str, config: NmpuConfig) -> str:
    if not config.derived.tiled:
        raise ValueError(f"tile.kind = {config.tile.kind} has no registers; axi has")
    pages = environment()
    pages.filters |= {"quoted": _quoted, "identifier": _identifier, "reset": _reset}
    names: dict[str, Any] = {
        "version": __version__,
        "config": config,
        "map": register_map(config),
        "PROPERTIES": _PROPERTIES,
        "ACCESS": _ACCESS,
        "FIELDS": descriptor_fields(config),
        "SHIFTS_FROM": SHIFTS_FROM,
        "shifts_to": SHIFTS_FROM + (config.tile.blocks - 1) // 4,
        "words": descriptor_words(config),
        "stride": descriptor_stride(config),
        "param_words": param_words(config),
        "space": lane_space(config),
        "subs": sub_words(config),
    }
    return pages.get_template(template).render(names) + "\n"


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _identifier(name: str) -> str:
    return f"\\{name}" if name in _RESERVED.split() else name


def _reset(field: Field) -> str:
    return f"0x{field.reset & (1 << field.width) - 1:X}"
