"""Liberty files: what is found by looking into them, and what is said of those that cannot be used."""

from __future__ import annotations

import re
import time
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from flows.boolean import Expression, truth
from flows.liberty import parse
from flows.library import NEUTRAL, Library
from flows.models import cell_models

LIB = Path(__file__).parents[2] / "shared" / "lib"
OSU = Path("/usr/share/qflow/tech/osu018/osu018_stdcells.lib")

# file: NAND2 and its area, flip-flop, driver, full and half adder, output load in fF, V
SKY = "sky130_fd_sc_hd__"
KNOWN = {
    LIB / "ihp_sg13g2_typ_1p20V_25C.lib": (
        *("sg13g2_nand2_1", 7.2576, "sg13g2_dfrbp_1", "sg13g2_buf_1"),
        *(None, None, 12.066, 1.2),
    ),
    LIB / "sky130hd_tt.lib": (
        *(f"{SKY}nand2_1", 3.7536, f"{SKY}dfxtp_1", f"{SKY}buf_1"),
        *(f"{SKY}fa_1", f"{SKY}ha_1", 9.296, 1.8),
    ),
    LIB / "nangate45_typ.lib": ("NAND2_X1", 0.798, "DFF_X1", "BUF_X1", "FA_X1", "HA_X1", 6.657, 1.1),
    LIB / "asap7_rvt_tt.lib": (
        *("NAND2x1_ASAP7_75t_R", 0.08748, "DFFHQNx1_ASAP7_75t_R", "BUFx2_ASAP7_75t_R"),
        *("FAx1_ASAP7_75t_R", "HAxp5_ASAP7_75t_R", 3.961, 0.7),
    ),
    OSU: ("NAND2X1", 24.0, "DFFPOSX1", "BUFX2", "FAX1", "HAX1", 51.614, 1.8),
    NEUTRAL: ("NAND2_X1", 1.0, "DFF_X1", "BUF_X1", "FA_X1", "HA_X1", 5.332, 1.0),
}


@pytest.mark.parametrize("path", KNOWN, ids=lambda path: path.name)
def test_cells_are_found_by_what_they_do(path: Path) -> None:
    if not path.exists():
        pytest.skip(f"{path} is not on this machine")
    nand2, area, flip_flop, driver, full, half, load, volts = KNOWN[path]
    start = time.perf_counter()
    library = Library.read(path)
    assert time.perf_counter() - start < 5  # about 1 s; the margin is for busy machines
    assert (library.nand2.name, library.nand2.area) == (nand2, area)
    assert library.flip_flops[0].name == flip_flop
    assert library.driver.name == driver
    assert next((cell.name for cell in library.full_adders), None) == full
    assert next((cell.name for cell in library.half_adders), None) == half
    assert library.output_load == pytest.approx(load, rel=1e-3)
    assert (library.voltage, library.temperature) == (volts, 25.0)
    assert library.time_ps == (1.0 if path.name in ("asap7_rvt_tt.lib", "neutral.lib") else 1000.0)
    assert library.ge(3 * area) == pytest.approx(3)
    lean, _ = parse(library.lean)
    assert {cell.name for cell in lean.of("cell")} == {name for name, cell in library.cells.items() if cell.usable}


VALUES = r'\(linear\) \{ values \("([\d.]+), ([\d.]+), ([\d.]+)"'
"""Of a delay or transition: without load, with 64 fF, with 128 fF."""


def test_neutral_library_is_what_its_header_says() -> None:
    """Every table is 4 ps * (parasitic + load / drive), and an inverter with four of its like takes 20 ps."""
    library = Library.read()
    assert library.neutral
    assert library.nand2.area == 1
    text = NEUTRAL.read_text()
    for name, body in re.findall(r"^  cell \((\w+)\) \{(.*?)^  \}", text, re.MULTILINE | re.DOTALL):
        drive = int(name[-1])
        for low, high, twice in re.findall(rf"cell_(?:rise|fall) {VALUES}", body):
            assert float(high) - float(low) == pytest.approx(4 * 64 / drive), name
            assert float(twice) - float(low) == pytest.approx(4 * 128 / drive), name
            assert float(low) >= 4
        for low, high, twice in re.findall(rf"(?:rise|fall)_transition {VALUES}", body):
            loaded = [4 + 1.5 * 4 * load / drive for load in (0, 64, 128)]
            assert [float(low), float(high), float(twice)] == loaded, name
    inverter = re.search(rf"cell \(INV_X1\).*?cell_rise {VALUES}", text, re.DOTALL)
    assert inverter
    intrinsic, at_64, _ = map(float, inverter.groups())
    assert intrinsic + 4 * library.cells["INV_X1"].pins[0].capacitance * (at_64 - intrinsic) / 64 == 20


def test_dont_use_leaves_cells_out_but_not_the_unit() -> None:
    library = Library.read(dont_use=["NAND2_*", "*_X2", "BUF_X1"])
    assert library.nand2.name == "NAND2_X1"
    assert library.driver.name == "BUF_X4"
    left = {cell.name for cell in parse(library.lean)[0].of("cell")}
    assert "INV_X1" in left
    assert not any(fnmatchcase(name, "NAND2_*") or name.endswith("_X2") for name in left)


def small(*cells: str) -> str:
    return 'library (small) {\n  time_unit : "1ns";\n  capacitive_load_unit (1, pf);\n' + "".join(cells) + "}\n"


NAND = """  cell (N) { area : 4; pin ("A") { direction : input; capacitance : 0.002; } pin (B) { direction : input; }
    pin (Y) { direction : output; function : "A' + B'"; internal_power () { values ("1, }"); } } }
"""
FLIP_FLOP = """  cell (F) { area : 20; ff (IQ, IQN) { clocked_on : "C"; next_state : "D"; } /* a } here */
    pin (C, D) { direction : input; } pin (Q) { direction : output; function : "IQ"; } }
"""
AND = '  cell (A) { area : 5; pin (A, B) { direction : input; } pin (Y) { direction : output; function : "A B"; } }\n'


INV = '  cell (I) { area : 3; pin (A) { direction : input; } pin (Y) { direction : output; function : "A\'"; } }\n'


BUF = INV.replace("(I)", "(B)").replace("A'", "A")


def test_small_library(tmp_path: Path) -> None:
    path = tmp_path / "small.lib"
    path.write_text(small(NAND, FLIP_FLOP, AND, INV, BUF))
    library = Library.read(path)
    assert library.nand2.name == "N"
    assert library.output_load == 8.0
    assert library.flip_flops[0].inputs == ("C", "D")
    assert library.driver.name == "B"
    assert "internal_power" not in library.lean


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (small(FLIP_FLOP, AND), "none of its 2 cells is a NAND2, so there is no area unit"),
        (small(NAND, AND), "none of its 2 cells is a flip-flop"),
        (
            small(NAND.replace("area : 4", "area : 0"), FLIP_FLOP),
            "none of its 2 cells is a NAND2, so there is no area unit; cell N is one, but needs an area above 0",
        ),
        (
            small(NAND, FLIP_FLOP.replace("area : 20;", "")),
            "none of its 2 cells is a flip-flop; cell F is one, but needs an area above 0",
        ),
        (small(NAND, FLIP_FLOP), "none of its 2 cells is an inverter, without which ABC cannot work"),
        (small(NAND, FLIP_FLOP, INV), "none of its 3 cells is a buffer, without which ABC cannot work"),
        (
            small(NAND, FLIP_FLOP, INV).replace("0.002", "x"),
            "cell N: capacitance 'x' of pin (A) is not a number from 0; "
            "correct it, or leave the cell out with --dont-use N",
        ),
        (
            small(NAND, FLIP_FLOP.replace('"D"', '"D +"')),
            "cell F: next_state of ff (IQ, IQN): 'D +' is not a Boolean function: its end is not expected; "
            "correct it, or leave the cell out with --dont-use F",
        ),
        (
            small(NAND, FLIP_FLOP, AND.replace("A B", "(A & ")),
            "cell A: function of pin (Y): '(A &' is not a Boolean function: its end is not expected; "
            "correct it, or leave the cell out with --dont-use A",
        ),
        (small("nom_voltage : high;\n", NAND), "nom_voltage 'high' is not a number"),
        (small(NAND, FLIP_FLOP)[:-20], "the Liberty file ends inside cell (F); it seems to be cut short"),
        (small(NAND, FLIP_FLOP)[:200], "the Liberty file ends inside cell (N); it seems to be cut short"),
        (small(NAND)[:60], "the Liberty file ends inside library (small); it seems to be cut short"),
        (small(NAND).replace("1, pf", "1, kg"), "'1, kg' is not a unit known here; pf, ff, nf are"),
        ("module x; endmodule\n", "not a Liberty file: it has no library (...) { ... }"),
        ("int main() { return 0; }", "not a Liberty file: it begins with 'main' instead of 'library'"),
        ("", "not a Liberty file: it has no library (...) { ... }"),
    ],
)
def test_unusable_files(text: str, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.lib"
    path.write_text(text)
    with pytest.raises(ValueError, match=re.escape(complaint)) as caught:
        Library.read(path)
    assert str(caught.value) == f"{path}: {complaint}"


@pytest.mark.parametrize("area", ["-4", "nan", "inf", "wide"])
def test_area_that_is_none(area: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.lib"
    path.write_text(small(NAND, FLIP_FLOP, INV, BUF, AND.replace("area : 5", f"area : {area}")))
    with pytest.raises(ValueError, match="area") as caught:
        Library.read(path)
    wrong = f"cell A: area '{area}' is not a number from 0"
    assert str(caught.value) == f"{path}: {wrong}; correct it, or leave the cell out with --dont-use A"
    assert Library.read(path, ["A"]).cells["A"].area == 0


def test_cells_that_are_not_used_may_be_anything(tmp_path: Path) -> None:
    path = tmp_path / "odd.lib"
    filler, free = "  cell (FILL) { area : 0; }\n", AND.replace("area : 5", "area : 0.0")
    marked = AND.replace("(A) {", "(M) { dont_use : true;", 1).replace("A B", "A &")
    path.write_text(small(NAND, FLIP_FLOP, INV, BUF, filler, free, marked))
    library = Library.read(path)
    assert [name for name, cell in library.cells.items() if cell.usable] == ["N", "F", "I", "B"]
    assert [cell.name for cell in parse(library.lean)[0].of("cell")] == ["N", "F", "I", "B"]


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^cannot read the Liberty file .*none\.lib: No such file or directory$"):
        Library.read(tmp_path / "none.lib")
    with pytest.raises(ValueError, match="Is a directory"):
        Library.read(tmp_path)


def test_dont_use_that_leaves_nothing() -> None:
    with pytest.raises(ValueError, match=r"cells that --dont-use DFF\* leaves is a flip-flop"):
        Library.read(dont_use=["DFF*"])
    with pytest.raises(
        ValueError, match=r"cells that --dont-use INV\* leaves is an inverter, without which ABC cannot"
    ):
        Library.read(dont_use=["INV*"])
    with pytest.raises(ValueError, match=r"leaves is an AND2, NAND2, OR2 or NOR2, without which ABC cannot work$"):
        Library.read(dont_use=["*AND2*", "*OR2*"])


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.9, 0.999])
def test_truncated_anywhere(cut: float, tmp_path: Path) -> None:
    text = NEUTRAL.read_text()
    path = tmp_path / "cut.lib"
    path.write_text(text[: int(len(text) * cut)])
    with pytest.raises(ValueError, match="cut short"):
        Library.read(path)


@pytest.mark.parametrize(
    ("text", "table"),
    [
        ("!(A*B)", 0b0111),
        ("(A B)'", 0b0111),
        ("A'+B'", 0b0111),
        ("!A | !B", 0b0111),
        ("A & B + !A & !B", 0b1001),
        ("A ^ B & A", 0b0010),  # xor binds before and
        ("A + B ^ A", 0b1110),
        ("1", 0b1111),
        ("A''", 0b1010),
    ],
)
def test_functions(text: str, table: int) -> None:
    assert truth(Expression.parse(text), ("A", "B")) == table


@pytest.mark.parametrize("text", ["", "A +", "(A", "A)", "A $ B", "* A"])
def test_what_is_no_function(text: str) -> None:
    with pytest.raises(ValueError, match="is not a Boolean function"):
        Expression.parse(text)


def test_models() -> None:
    text = cell_models(Library.read(), ["DFFE_X1", "OAI21_X1", "DFFR_X1", "OAI21_X1"])
    assert text.count("module OAI21_X1(A, B, C, Y);") == 1
    assert "assign Y = ~((A | B) & C);" in text
    assert "always @(posedge CK)\n    IQ <= ((D & E) | (IQ & ~E));" in text
    assert "always @(posedge CK or posedge IQ_0)\n    if (~RN) IQ <= 1'b0;\n    else IQ <= D;" in text
    with pytest.raises(ValueError, match="has no cell NAND9"):
        cell_models(Library.read(), ["NAND9"])
