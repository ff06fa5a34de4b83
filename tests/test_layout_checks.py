"""Checks of a routed layout: magic's rules, and the circuit its metal makes beside the netlist; faults are put in."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from flows.layout import netgen
from flows.layout.checks import RuleCheck, check_rules, compare_netlists, explain
from flows.layout.circuit import Circuit, Placed, differences, parse_spice, read_verilog
from flows.layout.magic import parse_errors
from flows.layout.netgen import parse_comparison
from flows.layout.technology import Technology, osu018
from flows.tool import ToolFailed, ToolMissing

DATA = Path(__file__).parent / "data" / "layout"
ROUTED, NETLIST = (DATA / "tiny.def").read_text(), (DATA / "tiny.v").read_text()
MENDED = (DATA / "tiny_mended.def").read_text()
"""Without the errors of area that it has as qrouter leaves it."""
MISSING = [tool for tool in ("magic", "netgen-lvs") if not shutil.which(tool)]
MISSING += [] if Path("/usr/share/qflow/tech/osu018").is_dir() else ["qflow-tech-osu018"]
needs_tools = pytest.mark.skipif(bool(MISSING), reason=f"needs apt-get install {' '.join(MISSING)}")


@pytest.fixture(scope="module")
def technology() -> Technology:
    return osu018()


def changed(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1, old
    return text.replace(old, new)


def rules(text: str, technology: Technology, work: Path) -> RuleCheck:
    work.mkdir(exist_ok=True)
    (work / "routed.def").write_text(text)
    return check_rules(work / "routed.def", technology, work)


def test_recorded_errors() -> None:
    area2, area3 = parse_errors((DATA / "magic_errors.txt").read_text())
    assert (area2.rule, area2.count, len(area2.places)) == ("Metal2 area < 20 (Mosis #+++)", 5, 5)
    assert area2.places[0] == (4.6, -2.19, 5.0, -1.79)
    assert (area3.rule, area3.count) == ("Metal3 area < 20 (Mosis #+++)", 1)
    assert parse_errors("end\n") == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "has no end"),
        ("rule 3 Metal2 spacing < 3\n", "has no end"),
        ("0 1 2 3\nend\n", "not a list of errors: '0 1 2 3'"),
        ("rule 1 x\n0 1 2\nend\n", "not a list of errors: '0 1 2'"),
        ("rule x\nend\n", "not a list of errors: 'rule x'"),
    ],
)
def test_other_lists(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_errors(text)


def test_explanations() -> None:
    assert explain("Metal4 area < 20 (Mosis #+++)").startswith("real: the pad")
    assert explain("Metal1 spacing < 3 (Mosis #7.2)").startswith("real: two pieces")
    assert explain("N-well width < 12 (Mosis #1.1)") == "not known"


def test_recorded_comparisons() -> None:
    def read(name: str) -> tuple[str, str, str]:
        return (DATA / f"{name}.json").read_text(), (DATA / f"{name}.out").read_text(), "Netgen 1.5.133 compiled on x\n"

    equal, other = parse_comparison(*read("netgen_equal")), parse_comparison(*read("netgen_other"))
    assert (equal.equal, equal.nets, equal.version) == (True, (11, 11), "1.5.133")
    assert (other.equal, other.nets) == (False, (12, 11))
    found, out, log = read("netgen_equal")
    assert not parse_comparison(found, read("netgen_other")[1], log).equal, "both files must say so"
    assert not parse_comparison(read("netgen_other")[0], out, log).equal
    for broken in ((found[:-20], out, log), ("[]", out, log), (found, "", log), (found, out, "")):
        with pytest.raises(ValueError, match=r"not a comparison|no version"):
            parse_comparison(*broken)


def test_spice() -> None:
    text = "* magic\n.subckt INV A Y\n.ends\n.subckt t a[0] y\nX/1 a[0]\n+ y INV\n.ends\n"
    assert parse_spice(text, "t") == Circuit({"a[0]": "a[0]", "y": "y"}, {"/1": Placed("INV", {"A": "a[0]", "Y": "y"})})
    with pytest.raises(ValueError, match="no subcircuit u; there are INV, t"):
        parse_spice(text, "u")
    for line in ("X2 a NAND", "X2 a INV", "M2 a y INV"):
        with pytest.raises(ValueError, match=f"t has {line[:2]}, which is not an instance"):
            parse_spice(text.replace("X/1", f"{line}\nX/1"), "t")


def test_verilog(tmp_path: Path) -> None:
    source = NETLIST.replace("y, q)", "y, q, one, same, open)").replace(
        "output q;", "output q;\n output one, same, open;\n assign one = 1'b1;\n assign same = q;"
    )
    source = source.replace(".D(n1)", ".D(1'b0)")
    (tmp_path / "tiny.v").write_text(source)
    read = read_verilog(tmp_path / "tiny.v", "tiny", tmp_path / "w", "vdd", "gnd")
    assert len(read.cells) == 5
    assert read.ports["one"] == "vdd"
    assert read.ports["same"] == read.ports["q"] == read.cells["_4_"].nets["Q"]
    assert read.cells["_4_"].nets["D"] == "gnd"
    assert read.cells["u0/x.1"].nets["A"] == read.cells["_1_"].nets["Y"]
    assert read.cells["_0_"].nets == {"A": "a[0]", "B": "a[1]", "Y": read.cells["_1_"].nets["A"]}
    assert read.ports.keys() == {"clk", "a[0]", "a[1]", "b", "y[0]", "y[1]", "q", "one", "same", "open"}
    with pytest.raises(ValueError, match=r"tiny\.v has no module huge; name the one that was laid out"):
        read_verilog(tmp_path / "tiny.v", "huge", tmp_path / "w", "vdd", "gnd")


def inverter(source: str, sink: str, power: str = "vdd") -> Placed:
    return Placed("INVX1", {"A": source, "Y": sink, "vdd": power, "gnd": "gnd" if power == "vdd" else "vdd"})


ENDS = {"a": "a", "y": "y", "vdd": "vdd", "gnd": "gnd"}
CHAIN = Circuit(ENDS, {"i": inverter("a", "n"), "j": inverter("n", "y"), "k": inverter("n", "y")})
RING = {"a": inverter("p", "q"), "b": inverter("q", "p"), "c": inverter("r", "s"), "d": inverter("s", "r")}
RING_OF_FOUR = {"a": inverter("p", "q"), "b": inverter("q", "r"), "c": inverter("r", "s"), "d": inverter("s", "p")}


@needs_tools
@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        (CHAIN, CHAIN.renamed({"n": "N", "a": "A"}), True),
        (CHAIN, Circuit(ENDS, dict(zip("xyz", CHAIN.cells.values(), strict=True))), True),
        (Circuit({**ENDS, "b": "b"}, CHAIN.cells), Circuit({**ENDS, "b": "b"}, CHAIN.cells), True),
        (Circuit({**ENDS, "z": "y"}, CHAIN.cells), Circuit({**ENDS, "z": "y"}, CHAIN.cells), True),
        (Circuit({**ENDS, "a": "p"}, RING), Circuit({**ENDS, "a": "p"}, RING), True),
        (Circuit(ENDS, RING), Circuit(ENDS, RING_OF_FOUR), False),
        (CHAIN, Circuit(ENDS, {**CHAIN.cells, "l": inverter("n", "y")}), False),
        (Circuit({**ENDS, "b": "b"}, CHAIN.cells), CHAIN, False),
        (Circuit({**ENDS, "z": "y"}, CHAIN.cells), CHAIN, False),
        (Circuit({**ENDS, "z": "y"}, CHAIN.cells), Circuit({**ENDS, "z": "z"}, CHAIN.cells), False),
        (Circuit({**ENDS, "a": "y", "y": "a"}, CHAIN.cells), CHAIN, False),
        (Circuit(ENDS, {**CHAIN.cells, "i": replace(CHAIN.cells["i"], kind="INVX2")}), CHAIN, False),
        (
            Circuit(ENDS, {name: inverter("a", "y", "gnd") for name in "ij"}),
            Circuit(ENDS, {"i": inverter("a", "y")}),
            False,
        ),
        (Circuit(ENDS, {"i": inverter("a", "y", "gnd")}), Circuit(ENDS, {"i": inverter("a", "y")}), False),
    ],
)
def test_what_is_equal(left: Circuit, right: Circuit, equal: bool, technology: Technology, tmp_path: Path) -> None:
    """Parallel cells, ports on nothing, ports on one net, symmetries, and the supply at the wrong pin."""
    assert netgen.compare(left, right, technology, tmp_path).equal is equal


def test_differences_by_name() -> None:
    assert differences(CHAIN, CHAIN) == ()
    other = Circuit(
        {"a": "a", "z": "y"},
        {"i": inverter("a", "n"), "j": inverter("m", "y"), "l": replace(inverter("n", "y"), kind="X")},
    )
    assert differences(other, CHAIN) == (
        "port gnd is in the netlist only",
        "port vdd is in the netlist only",
        "port y is in the netlist only",
        "port z is in the layout only",
        "cell k is in the netlist only",
        "cell l is in the layout only",
        "net n is in 2 pieces in the layout: i/Y | j/A",
    )


@needs_tools
def test_rules(technology: Technology, tmp_path: Path) -> None:
    found = rules(ROUTED, technology, tmp_path / "as routed")
    assert {rule.rule: rule.count for rule in found.rules} == {
        "Metal2 area < 20 (Mosis #+++)": 5,
        "Metal3 area < 20 (Mosis #+++)": 1,
    }
    assert found.errors == 6
    assert "no GDS" in found.covers
    assert RuleCheck.model_validate_json((tmp_path / "as routed" / "result.json").read_text()) == found
    assert rules(MENDED, technology, tmp_path / "mended").errors == 0


@needs_tools
@pytest.mark.parametrize(
    ("wire", "rule", "at"),
    [
        ("metal2 ( 130 0 ) ( * 200 )", "Metal2 spacing < 3", (0.95, -0.15)),  # 0.2 um beside the wire of a[0]
        ("metal1 ( 450 300 ) ( * 400 )", "Metal1 spacing < 3", (4.15, 2.65)),  # beside the pin of a cell
        ("metal3 ( 0 2000 ) ( * 2010 )", "Metal3 area < 20", (-0.15, 19.85)),
    ],
)
def test_broken_rules(wire: str, rule: str, at: tuple[float, float], technology: Technology, tmp_path: Path) -> None:
    text = changed(MENDED, "NETS 9 ;", f"NETS 10 ;\n- more\n+ ROUTED {wire} ;")
    found = rules(text, technology, tmp_path)
    assert [each.rule.partition(" (")[0] for each in found.rules] == [rule]
    left, bottom, right, top = found.rules[0].places[0]
    assert left - 0.7 < at[0] < right + 0.7
    assert bottom - 0.7 < at[1] < top + 0.7
    assert found.rules[0].explanation.startswith("real")


STRAP = """- gnd
+ ROUTED metal2 30 ( 1200 50 ) ( * 2050 )
  NEW metal1 0 ( 1200 50 ) M2_M1
  NEW metal1 0 ( 1200 2050 ) M2_M1 ;
END SPECIALNETS"""


@needs_tools
def test_equal(technology: Technology, tmp_path: Path) -> None:
    """Vector ports, an escaped name, fillers, and a supply in two rails that nothing joins."""
    assert "FILL" in ROUTED
    assert "\\u0/x.1 " in NETLIST
    found = compare_netlists(DATA / "tiny.def", DATA / "tiny.v", "tiny", technology, tmp_path)
    assert found.matches
    assert (found.devices, found.nets, found.ports, found.fillers) == ((5, 5), (11, 11), (7, 7), 3)
    assert found.supplies == {"vdd": 1, "gnd": 2}
    assert found.differences == ()
    assert json.loads((tmp_path / "result.json").read_text()) == json.loads(found.model_dump_json())
    (tmp_path / "routed.def").write_text(changed(ROUTED, "END SPECIALNETS", STRAP))
    strapped = compare_netlists(tmp_path / "routed.def", DATA / "tiny.v", "tiny", technology, tmp_path)
    assert strapped.matches
    assert strapped.supplies == {"vdd": 1, "gnd": 1}


LAYOUT_FAULTS = {
    "two nets shorted": (
        [("( 80 * ) ( * 400 ) M2_M1", "( 80 * ) ( * 400 ) M2_M1 NEW metal2 ( 160 -199 ) ( 320 * )")],
        "nets a[0] and a[1] are one in the layout",
    ),
    "a wire dropped": (
        [("NEW metal1 ( 480 -199 ) ( 1120 * ) M2_M1", "NEW metal1 ( 480 -199 ) ( 800 * )")],
        "net b is in 2 pieces in the layout: port b | u0/x.1/B",
    ),
    "a via dropped": (
        [("( 240 * ) ( * 600 ) M2_M1", "( 240 * ) ( * 600 )")],
        "net a[1] is in 2 pieces in the layout: port a[1] | _0_/B",
    ),
    "two pins swapped": (
        [
            ("PLACED ( 640 2300 )", "PLACED ( here )"),
            ("PLACED ( 800 2300 )", "PLACED ( 640 2300 )"),
            ("PLACED ( here )", "PLACED ( 800 2300 )"),
        ],
        "net y[0] is in 2 pieces in the layout: port y[0] | u0/x.1/Y",
    ),
    "a signal on a rail": (
        [("( 240 * ) ( * 600 ) M2_M1", "( 240 * ) ( * 600 ) M2_M1 NEW metal1 ( 240 600 ) ( * 50 )")],
        "nets _0_/Y and a[1] and gnd are one in the layout",
    ),
    "the supply shorted": (
        [("END SPECIALNETS", STRAP), ("( 1200 2050 ) M2_M1", "( 1200 2050 ) M2_M1 NEW metal1 0 ( 1200 1050 ) M2_M1")],
        "nets gnd and vdd are one in the layout",
    ),
    "a cell left out": (
        [("- _3_ NAND2X1 + PLACED ( 1000 1050 ) FS ;\n", ""), ("COMPONENTS 8 ;", "COMPONENTS 7 ;")],
        "cell _3_ is in the netlist only",
    ),
    "another cell": (
        [("- _1_ INVX1 +", "- _1_ FILL +")],
        "cell _1_ is in the netlist only",
    ),
    "a pin too many": (
        [("PINS 7 ;", "PINS 8 ;\n- z + NET z\n  + LAYER metal2 ( 0 0 ) ( 1 1 )\n  + PLACED ( 1440 2300 ) N ;")],
        "port z is in the layout only",
    ),
}


@needs_tools
@pytest.mark.parametrize("fault", LAYOUT_FAULTS)
def test_faults_in_the_layout(fault: str, technology: Technology, tmp_path: Path) -> None:
    edits, told = LAYOUT_FAULTS[fault]
    text = ROUTED
    for old, new in edits:
        text = changed(text, old, new)
    (tmp_path / "routed.def").write_text(text)
    found = compare_netlists(tmp_path / "routed.def", DATA / "tiny.v", "tiny", technology, tmp_path / "w")
    assert not found.matches
    assert told in found.differences


@needs_tools
@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "_0_ (.A(a[0]), .B(a[1])",
            "_0_ (.A(a[1]), .B(a[0])",
            "nets a[0] and a[1] are one in the layout",
        ),
        (".D(n1), .Q(q)", ".D(q), .Q(n1)", "net q is in 2 pieces in the layout"),
        ("NAND2X1 _3_", "NOR2X1 _3_", "cell _3_ is NAND2X1 in the layout, NOR2X1 in the netlist"),
        ("endmodule", "INVX1 more (.A(b));\nendmodule", "cell more is in the netlist only"),
        (".B(b)", ".B(1'b1)", "nets b and vdd are one in the layout"),
    ],
)
def test_faults_in_the_netlist(old: str, new: str, told: str, technology: Technology, tmp_path: Path) -> None:
    (tmp_path / "tiny.v").write_text(changed(NETLIST, old, new))
    found = compare_netlists(DATA / "tiny.def", tmp_path / "tiny.v", "tiny", technology, tmp_path / "w")
    assert not found.matches
    assert any(each.startswith(told) for each in found.differences), found.differences


@needs_tools
@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("DESIGN tiny ;", "", "has no DESIGN; give the DEF file of a router"),
        (
            "NAND2X1 + PLACED ( 40",
            "NAND9 + PLACED ( 40",
            "places NAND9, no cells of osu018; give a layout of its cells",
        ),
    ],
)
def test_what_is_no_layout(old: str, new: str, words: str, technology: Technology, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=words):
        rules(ROUTED.replace(old, new, 1), technology, tmp_path)


@needs_tools
def test_a_layout_that_is_cut_short(technology: Technology, tmp_path: Path) -> None:
    """As qrouter leaves it where it loses count of its stubs; magic's exit status is 0."""
    with pytest.raises(ToolFailed, match="magic stopped: DEF read, Line"):
        rules(ROUTED.replace("END SPECIALNETS\n", ""), technology, tmp_path)
    assert not (tmp_path / "result.json").exists()


@needs_tools
def test_other_cells(technology: Technology, tmp_path: Path) -> None:
    (tmp_path / "tiny.v").write_text(NETLIST.replace("INVX1", "INV_X1"))
    with pytest.raises(ValueError, match="the netlist has INV_X1, no cells of osu018; map it to its library"):
        compare_netlists(DATA / "tiny.def", tmp_path / "tiny.v", "tiny", technology, tmp_path)


def test_without_tools(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if "qflow-tech-osu018" in MISSING:
        pytest.skip("needs apt-get install qflow-tech-osu018")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolMissing, match=r"^magic is not installed; get it with: apt-get install magic$"):
        check_rules(DATA / "tiny.def", osu018(), tmp_path)
    with pytest.raises(ToolMissing, match=r"^magic, netgen-lvs are not installed; .*apt-get install netgen-lvs$"):
        compare_netlists(DATA / "tiny.def", DATA / "tiny.v", "tiny", osu018(), tmp_path)
