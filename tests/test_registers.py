"""The register map as others see it: SystemRDL compiled, HTML and C header rendered, and the page in docs."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from flows import registers
from flows.registers import markdown, rdl, write_registers
from flows.tool import ToolFailed
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.presets import load
from nmpu_hdl.registers import register_map

from .mirror import CONFIGS

compiler = pytest.importorskip("systemrdl")
DOCS = Path(__file__).parent.parent / "docs"

SOFTWARE = {"const": (1, 0), "state": (1, 0), "rw": (1, 1), "pulse": (0, 1), "sticky": (1, 1), "count": (1, 0)}


def compiled(config: NmpuConfig, folder: Path) -> Any:
    """The addrmap of the RDL of ``config``."""
    source = folder / "registers.rdl"
    source.write_text(rdl(config))
    rdlc = compiler.RDLCompiler()
    rdlc.compile_file(str(source))
    return rdlc.elaborate().top


@pytest.mark.parametrize("name", CONFIGS)
def test_rdl_has_everything_where_it_is(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    chart, top = register_map(CONFIGS[name]), compiled(CONFIGS[name], tmp_path)
    nodes = {node.inst_name: node for node in top.children()}
    assert set(nodes) == {r.name for r in chart.registers} | {w.name for w in chart.windows}
    for register in chart.registers:
        node = nodes[register.name]
        assert node.absolute_address == register.address
        assert node.size == 4
        fields = {f.inst_name: f for f in node.fields()}
        assert set(fields) == {f.name for f in register.fields}
        for f in register.fields:
            got = fields[f.name]
            assert (got.lsb, got.width) == (f.lsb, f.width)
            assert (got.is_sw_readable, got.is_sw_writable) == SOFTWARE[f.access], f.name
            assert got.get_property("reset") == f.reset % (1 << f.width)
            assert got.get_property("singlepulse") == (f.access == "pulse")
            assert got.get_property("counter") == (f.access == "count")
            cleared = got.get_property("onwrite") == compiler.rdltypes.OnWriteType.woclr
            assert cleared == (f.access == "sticky")
            assert got.get_property("desc") == f.about
    for window in chart.windows:
        node = nodes[window.name]
        assert node.absolute_address == window.address
        assert (node.get_property("mementries"), node.get_property("memwidth")) == (window.words, 32)
    for f in nodes["EVENTS"].fields():
        assert f.get_property("enable").get_path() == f"nmpu_axi.IRQ_ENABLE.{f.inst_name}"
    assert "warning" not in capfd.readouterr().err


def test_peakrdl_renders_html_and_a_header_that_compiles(tmp_path: Path) -> None:
    for package in ("peakrdl", "peakrdl_html", "peakrdl_cheader"):
        pytest.importorskip(package)
    config = CONFIGS["odd"]
    for _ in range(2):  # the second time over the first
        result = write_registers(config, tmp_path)
    assert result.missing == ()
    assert result.header is not None
    assert result.html is not None
    assert (result.html / "index.html").is_file()
    assert any("IRQ_ENABLE" in page.read_text() for page in result.html.rglob("*.js*"))
    assert result.rdl.read_text() == rdl(config)
    assert result.markdown.read_text() == markdown(config)
    assert json.loads((tmp_path / "result.json").read_text())["header"] == str(result.header)
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]
    program = '#include "registers.h"\n_Static_assert(NMPU_AXI__CAP_ARRAY__LANES_bm == 0x7ff0000, "");\n'
    (tmp_path / "program.c").write_text(program)
    command = ["g++", "-x", "c", "-std=c11", "-Wall", "-Werror", "-fsyntax-only", "program.c"]
    subprocess.run(command, cwd=tmp_path, check=True)


def test_without_peakrdl_the_rest_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "html").mkdir()
    (tmp_path / "registers.h").write_text("of an older run")
    monkeypatch.setattr(registers, "find_spec", lambda name: None)
    result = write_registers(CONFIGS["tiny"], tmp_path)
    assert result.missing == ("peakrdl", "peakrdl-cheader", "peakrdl-html")
    assert result.header is result.html is None
    assert sorted(p.name for p in tmp_path.iterdir()) == ["registers.md", "registers.rdl", "result.json"]


def test_a_failing_peakrdl_leaves_all_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("peakrdl")
    (tmp_path / "registers.h").write_text("of an older run")
    monkeypatch.setattr(registers, "rdl", lambda config: "addrmap x { reg {} y; };")
    with pytest.raises(ToolFailed, match=r"header\.log"):
        write_registers(CONFIGS["tiny"], tmp_path)
    assert (tmp_path / "registers.h").read_text() == "of an older run"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["header.command", "header.log", "registers.h"]


def test_no_registers_without_a_tile(tmp_path: Path) -> None:
    for function in (rdl, markdown, lambda config: write_registers(config, tmp_path / "new")):
        with pytest.raises(ValueError, match=r"tile\.kind = none"):
            function(load())
    assert not (tmp_path / "new").exists()


def test_page_is_current() -> None:
    assert (DOCS / "registers.md").read_text() == markdown(CONFIGS["tiny"])


def test_fields_and_registers_do_not_overlap() -> None:
    for config in CONFIGS.values():
        chart = register_map(config)
        _apart([(r.address, 4) for r in chart.registers] + [(w.address, 4 * w.words) for w in chart.windows])
        for register in chart.registers:
            _apart([(f.lsb, f.width) for f in register.fields])
            for f in register.fields:
                assert f.lsb + f.width <= 32
                assert (-(1 << f.width - 1) if f.signed else 0) <= f.reset < 1 << f.width - f.signed, f.name
        for window in chart.windows:
            assert window.address % (1 << (4 * window.words - 1).bit_length()) == 0


def _apart(spans: Sequence[tuple[int, int]]) -> None:
    for (start, size), (after, _) in zip(sorted(spans), sorted(spans)[1:], strict=False):
        assert start + size <= after
