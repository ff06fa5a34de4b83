"""Placement: netlists made fit for it, pins, rows, what graywolf reads and writes, and all of it on a dozen cells."""

from __future__ import annotations

import re
import shutil
from itertools import pairwise, product
from pathlib import Path

import pytest

from flows.layout.place import PinSides, Placement, core_sides, lane_sides, place
from flows.layout.place_floor import plan
from flows.layout.place_fold import Gate, fold
from flows.layout.place_graywolf import cells_text, parameters_text, parse_rows
from flows.layout.place_netlist import Instance, PortBit, Wiring, read_netlist
from flows.layout.place_pins import spread
from flows.layout.place_rows import Placed, Row, check_rows, fill, spread_rows
from flows.layout.technology import Technology, osu018
from flows.library import Library
from flows.tool import ToolMissing
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.ports import top_ports
from nmpu_hdl.presets import preset

from .tiny_layout import SIDES, tiny_netlist

DATA = Path(__file__).parent / "data"
needs_graywolf = pytest.mark.skipif(not shutil.which("graywolf"), reason="needs graywolf: apt-get install graywolf")
WIDTHS = {"INV": 2, "NAND": 3, "FILL": 1}


@pytest.fixture(scope="module")
def technology() -> Technology:
    try:
        return osu018()
    except ToolMissing as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def neutral() -> Library:
    return Library.read()


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory, neutral: Library) -> Wiring:
    folder = tmp_path_factory.mktemp("a netlist")
    (folder / "tiny.v").write_text(tiny_netlist("neutral"))
    return read_netlist(folder / "tiny.v", "tiny", folder / "work", neutral)


def test_netlist_names(tiny: Wiring) -> None:
    names = [instance.name for instance in tiny.instances]
    assert len(set(names)) == len(names)
    nets = {net for instance in tiny.instances for net in instance.nets.values()}
    ports = {port.name for port in tiny.ports}
    assert all(re.fullmatch(r"[A-Za-z_]\w*", name) for name in [*names, *nets - ports])
    assert {"u_0", "u_0_2", "deep_net", "deep_net_2", "n_1"} <= {*names, *nets}
    assert "b" in ports
    assert {f"a[{bit}]" for bit in range(4)} < ports


def test_netlist_ports(tiny: Wiring) -> None:
    assert tiny.constants == {"one": 1, "low": 0}
    assert tiny.undriven == ("none",)
    assert sorted(tiny.unloaded) == ["a[3]", "rst"]
    buffers = {instance.nets["Y"]: instance for instance in tiny.instances if instance.name.startswith("nmpu_port_")}
    assert {net: buffer.nets["A"] for net, buffer in buffers.items()} == {"same[0]": "y[0]", "same[1]": "a[2]"}
    assert tiny.buffers == 2
    assert {buffer.kind for buffer in buffers.values()} == {"BUF_X1"}
    ends = [pin for pins in tiny.nets().values() for pin in pins if pin[0] == "PIN"]
    assert len(ends) == len(set(ends))
    assert all(sum(pin[0] == "PIN" for pin in pins) <= 1 for pins in tiny.nets().values()), "a port each"


def test_netlist_as_verilog(tiny: Wiring, neutral: Library, tmp_path: Path) -> None:
    text = tiny.verilog()
    assert "assign" not in text
    assert "'" not in text, "no constants"
    assert "input [3:0] a;" in text
    (tmp_path / "again.v").write_text(text)
    again = read_netlist(tmp_path / "again.v", "tiny", tmp_path / "work", neutral)
    assert set(again.ports) == set(tiny.ports)
    assert {i.name: i for i in again.instances} == {i.name: i for i in tiny.instances}
    assert (again.buffers, again.folded, again.constants, again.undriven) == (0, 0, {}, ())


def evaluate(gates: tuple[Gate, ...], values: dict[int | str, int], wanted: int, library: Library) -> int:
    """The value of a net."""
    if wanted in values:
        return values[wanted]
    for gate in gates:
        cell = library.cells[gate.kind]
        for number, pin in enumerate(cell.outputs):
            if gate.pins.get(pin.name) == wanted:
                row = sum(
                    (values[bit] if (bit := gate.pins[name]) in values else evaluate(gates, values, int(bit), library))
                    << place
                    for place, name in enumerate(cell.inputs)
                )
                assert cell.truths is not None
                return cell.truths[1 + number] >> row & 1
    raise AssertionError(f"nothing drives {wanted}")


def test_folded_cells_do_the_same(neutral: Library) -> None:
    tried = 0
    for cell in neutral.cells.values():
        if cell.truths is None or len(cell.inputs) < 2:
            continue
        for given in product("01v", repeat=len(cell.inputs)):
            signals: list[int | str] = [10 + n if word == "v" else word for n, word in enumerate(given)]
            outputs = {pin.name: 100 + number for number, pin in enumerate(cell.outputs)}
            gate = Gate("g", cell.name, {**dict(zip(cell.inputs, signals, strict=True)), **outputs})
            found = fold([gate], list(outputs.values()), neutral)
            assert found.count == ("0" in given or "1" in given)
            assert not any(isinstance(bit, str) for left in found.gates for bit in left.pins.values())
            for number, net in enumerate(outputs.values()):
                for bits in product((0, 1), repeat=given.count("v")):
                    free = iter(bits)
                    row = [next(free) if word == "v" else int(word) for word in given]
                    values: dict[int | str, int] = {10 + n: bit for n, bit in enumerate(row)} | {"0": 0, "1": 1}
                    now = found.resolve(net)
                    got = values[now] if now in values else evaluate(found.gates, values, net, neutral)
                    assert got == cell.truths[1 + number] >> sum(bit << n for n, bit in enumerate(row)) & 1
                    tried += 1
    assert tried > 1000


def test_what_a_constant_leaves_idle_is_removed(neutral: Library) -> None:
    gates = [
        Gate("a", "AND2_X1", {"A": 1, "B": 2, "Y": 3}),
        Gate("b", "AND2_X1", {"A": 3, "B": "0", "Y": 4}),
        Gate("c", "OR2_X1", {"A": 4, "B": 5, "Y": 6}),
        Gate("d", "INV_X1", {"A": 6, "Y": 7}),
    ]
    found = fold(gates, [7], neutral)
    assert found.gates == (Gate("d", "INV_X1", {"A": 5, "Y": 7}),)
    assert found.count == 3


def test_constant_at_a_flip_flop(neutral: Library) -> None:
    gates = [Gate("f", "DFF_X1", {"CK": 1, "D": "0", "Q": 2})]
    with pytest.raises(ValueError, match=r"^pin D of f \(DFF_X1\) is constant.*map the design as one module"):
        fold(gates, [2], neutral)


@pytest.mark.parametrize(
    ("text", "top", "complaint"),
    [
        ("module other(); endmodule", "tiny", "has no module tiny; it has other"),
        ("module tiny(input a, output y); $and g (.A(a), .Y(y)); endmodule", "tiny", "no cells of nmpu_neutral"),
        ("module tiny(input a, output y); RAM g (.A(a), .Y(y)); endmodule", "tiny", "tiny has 1 RAM, no cells of"),
    ],
)
def test_other_netlists(text: str, top: str, complaint: str, neutral: Library, tmp_path: Path) -> None:
    (tmp_path / "x.v").write_text(text.replace("$and", "\\$and "))
    with pytest.raises(ValueError, match=complaint):
        read_netlist(tmp_path / "x.v", top, tmp_path / "work", neutral)


def bits_of(config: NmpuConfig) -> list[str]:
    """The bits of all ports of the core."""
    ports = [(port.name, port.width) for port in top_ports(config)] + [("clk", 1), ("rst", 1)]
    return [name if width == 1 else f"{name}[{bit}]" for name, width in ports for bit in range(width)]


def test_sides_of_a_core() -> None:
    config = NmpuConfig.model_validate(
        preset("paper").model_dump()
        | {"array": {"columns": 4, "lanes": 4}, "how": preset("paper").how.model_dump() | {"memory": "external"}}
    )
    bits = bits_of(config)
    sides = core_sides(config).bits(bits)
    assert sorted(name for side in sides.values() for name in side) == sorted(bits), "every bit has one place"
    codes, out = config.codes.counts * config.codes.format.width, config.output.format.width
    assert sides["bottom"] == tuple(f"s_axis_tdata[{bit}]" for bit in range(4 * codes))
    lanes = [sides["top"][lane * (out + 2) : (lane + 1) * (out + 2)] for lane in range(4)]
    assert lanes[2] == (
        *(f"m_axis_tdata[{bit}]" for bit in range(2 * out, 3 * out)),
        "m_axis_tuser[2]",
        "m_axis_tuser[6]",
    )
    assert {name.partition("_")[0] for name in sides["left"]} >= {"param"}
    assert "param_en" not in sides["right"]
    assert "mem_en" in sides["right"]


def test_sides_of_a_lane() -> None:
    bits = ["codes[0]", "codes[1]", "param[0]", "param[1]", "clk", "rst", "y[0]", "y[1]", "low", "high", "enable"]
    sides = lane_sides().bits(bits)
    assert sides["bottom"] == ("codes[0]", "codes[1]")
    assert sides["top"] == ("y[0]", "y[1]", "low", "high")
    assert sides["left"] == ("param[0]", "param[1]", "enable")
    assert sides["right"] == ("clk", "rst")


def test_a_bit_on_two_sides() -> None:
    with pytest.raises(ValueError, match=r"^a\[1\] has two places among the pins; name it once$"):
        PinSides(bottom=("a",), top=("a[1]",)).bits(["a[0]", "a[1]"])


@pytest.mark.parametrize(("count", "tracks"), [(0, 0), (1, 1), (5, 5), (3, 10), (20, 255), (7, 8)])
def test_spread(count: int, tracks: int) -> None:
    found = spread(count, tracks)
    assert sorted(set(found)) == found, "in order, and no two at one place"
    assert len(found) == count
    assert all(0 <= track < tracks for track in found)
    steps = {b - a for a, b in pairwise(found)}
    assert max(steps, default=0) - min(steps, default=0) <= 1, "evenly"


def test_too_many_pins() -> None:
    with pytest.raises(ValueError, match="4 pins do not fit on a side of 3 tracks"):
        spread(4, 3)


def rows() -> tuple[Row, ...]:
    """Two rows of ten sites, without fillers."""
    low = (Placed("a", "INV", 0, "N"), Placed("b", "NAND", 1, "FN"), Placed("c", "INV", 2, "N"))
    return (Row(False, low), Row(True, (Placed("d", "NAND", 0, "FS"),)))


def filled() -> tuple[Row, ...]:
    return fill(spread_rows(rows(), WIDTHS, 10), WIDTHS, 10, "FILL", 2)


WANTED = {"a": "INV", "b": "NAND", "c": "INV", "d": "NAND"}


def test_rows_spread_and_filled() -> None:
    found = spread_rows(rows(), WIDTHS, 10)
    assert [cell.site for cell in found[0].cells] == [0, 3, 7]
    assert [cell.name for cell in found[0].cells] == ["a", "b", "c"]
    full = filled()
    check_rows(full, WIDTHS, 14, WANTED)
    assert sum(cell.kind == "FILL" for cell in full[0].cells) == 3 + 4
    assert {cell.orientation for cell in full[1].cells} == {"FS"}
    with pytest.raises(ValueError, match="row 0 needs 7 sites and has 6"):
        spread_rows(rows(), WIDTHS, 6)


@pytest.mark.parametrize(
    ("seed", "complaint"),
    [
        ({"site": 4}, r"b \(NAND\) at site 4 of row 0 overlaps its neighbour, which ends at site 5"),
        ({"site": 9}, r"\(FILL\) at site 8 of row 0 leaves a gap from site 5"),
        ({"name": "a"}, "is placed twice"),
        ({"name": "z"}, r"b \(NAND\) is not in the placement"),
        ({"kind": "INV"}, "leaves a gap"),
        ({"orientation": "FS"}, "lies FS, which does not suit its row's supplies"),
    ],
)
def test_seeded_faults(seed: dict[str, object], complaint: str) -> None:
    low, high = filled()
    cells = [Placed(**{**vars(c), **seed}) if c.name == "b" else c for c in low.cells]
    assert any(c.name == "b" for c in low.cells)
    with pytest.raises(ValueError, match=complaint):
        check_rows((Row(False, tuple(cells)), high), WIDTHS, 14, WANTED)


def test_rows_that_do_not_fit_together() -> None:
    low, high = filled()
    with pytest.raises(ValueError, match="rows 0 and 1 lie the same way"):
        check_rows((low, low), WIDTHS, 14, WANTED)
    with pytest.raises(ValueError, match="row 0 ends at site 14, not at 15"):
        check_rows((low, high), WIDTHS, 15, WANTED)


def recorded() -> Wiring:
    """What graywolf placed when it was recorded: twelve cells and thirteen ports."""
    instances = tuple(Instance(f"i{number}", "INVX1", {}) for number in range(12))
    return Wiring("tiny", instances, tuple(PortBit(f"p{number}", "input") for number in range(13)), {}, (), 0, 0)


def test_recorded_placement() -> None:
    found, ports = parse_rows((DATA / "graywolf_tiny.pl1").read_text(), recorded())
    assert [[cell.name for cell in row.cells] for row in found] == [
        ["i4", "i6", "i8", "i9", "i7", "i5", "i11"],
        ["i0", "i2"],
        ["i10", "i1", "i3"],
    ]
    assert [row.flipped for row in found] == [True, False, True]
    assert [cell.orientation for cell in found[1].cells] == ["FN", "N"]
    bottom = [name for name, (_, y) in sorted(ports.items(), key=lambda port: port[1]) if y == -450]
    assert bottom == ["p2", "p3", "p4", "p6"], "in the order in which they were asked for"


@pytest.mark.parametrize("text", ["c0 1 2 3", "c99 0 0 1 1 1 1", "c1 0 0 1 1 9 1", "c1 a 0 1 1 1 1"])
def test_other_placements(text: str) -> None:
    with pytest.raises(ValueError, match="this is not a placement of tiny by graywolf"):
        parse_rows(text, recorded())


def test_parameters() -> None:
    text = parameters_text(
        "RULES\nENDRULES\n*random.seed : 1\nTWMC*chip.aspect.ratio : 0.75\n# GENR*numrows : 6", 9, 1.5, 7
    )
    assert text.splitlines()[:2] == ["RULES", "ENDRULES"]
    assert "*random.seed : 7" in text
    assert "GENR*numrows : 9" in text
    assert "0.75" not in text


def test_width_asked(technology: Technology) -> None:
    sides = lane_sides().bits([f"codes[{bit}]" for bit in range(20)])
    free = plan(1000, 12, 0.8, None, sides, technology)
    assert free.width_um == pytest.approx(free.height_um, rel=0.2)
    for asked in (60.0, 100.0, 250.0):
        floor = plan(1000, 12, 0.8, asked, sides, technology)
        assert floor.width_um <= asked
        assert floor.rows * (floor.sites - 10) >= 1000 / 0.8
    with pytest.raises(ValueError, match=r"^width = 40 um is too narrow: the least for its pins and cells is 51.2 um$"):
        plan(1000, 12, 0.8, 40.0, sides, technology)
    many = PinSides(bottom=("codes",)).bits([f"codes[{bit}]" for bit in range(200)])
    with pytest.raises(ValueError, match=r"^width = 60 um is too narrow"):
        plan(1000, 12, 0.8, 60.0, many, technology)


def laid(work: Path, technology: Technology, width_um: float | None = None) -> Placement:
    work.mkdir(parents=True)
    (work / "tiny.v").write_text(tiny_netlist("osu018"))
    return place(work / "tiny.v", "tiny", work / "place", technology, sides=SIDES, density=0.7, width_um=width_um)


@needs_graywolf
def test_placed(technology: Technology, tmp_path: Path) -> None:
    found = laid(tmp_path / "a folder", technology)
    assert found.cells == 12
    assert found.cell_area_um2 == 608.0
    assert (found.constants, found.undriven, found.port_buffers, found.folded) == (
        {"one": 1, "low": 0},
        ("none",),
        2,
        2,
    )
    assert 0.4 < found.density <= 0.7
    assert Placement.model_validate_json((found.def_file.parent / "result.json").read_text()) == found
    bits = SIDES.bits([pin.name for pin in found.pins])
    assert {pin.name: pin.side for pin in found.pins if pin.side in ("left", "right")}.keys() == {
        "clk",
        "rst",
        "same[0]",
        "same[1]",
    }
    for side in ("bottom", "top"):
        assert [pin.name for pin in sorted(found.pins, key=lambda pin: pin.x_um) if pin.side == side] == list(
            bits[side]
        )
    text = found.def_file.read_text()
    components = re.findall(r"^- (\S+) (\S+) \+ PLACED \( (\d+) (\d+) \) (\S+) ;$", text, re.MULTILINE)
    assert sum(kind != "FILL" for _, kind, *_ in components) == 12
    assert re.search(r"^- vdd \+ NET vdd \+ DIRECTION INOUT \+ USE POWER$", text, re.MULTILINE)
    assert "- y[3]\n  ( PIN y[3] )\n  ( f3 Q )\n  ;" in text


@needs_graywolf
def test_graywolf_keeps_the_pins_in_order(technology: Technology, tmp_path: Path) -> None:
    found = laid(tmp_path / "t", technology)
    wiring = read_netlist(tmp_path / "t" / "tiny.v", "tiny", tmp_path / "n", Library.read(technology.liberty))
    _, ports = parse_rows((found.def_file.parent / "design.pl1").read_text(), wiring)
    bottom = sorted((x, name) for name, (x, y) in ports.items() if name in ("a[0]", "a[1]", "a[2]", "b"))
    assert [name for _, name in bottom] == ["a[0]", "a[1]", "a[2]", "b"]
    top = sorted((x, name) for name, (x, y) in ports.items() if name.startswith("y"))
    assert [name for _, name in top] == ["y[3]", "y[2]", "y[1]", "y[0]"]
    assert max(ports[name][1] for _, name in bottom) < min(ports[name][1] for _, name in top)


@needs_graywolf
def test_same_inputs_same_placement(technology: Technology, tmp_path: Path) -> None:
    one, two = (laid(tmp_path / name, technology) for name in ("one", "two"))
    assert one.def_file.read_bytes() == two.def_file.read_bytes()
    assert one.netlist.read_bytes() == two.netlist.read_bytes()


@needs_graywolf
def test_placed_in_a_given_width(technology: Technology, tmp_path: Path) -> None:
    found = laid(tmp_path / "t", technology, width_um=52.0)
    assert found.floor.width_um <= 52.0


def test_density_out_of_range(technology: Technology, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^density = 1.2: it must be above 0 and at most 1, such as 0.8$"):
        place(tmp_path / "x.v", "x", tmp_path, technology, sides=SIDES, density=1.2)


def test_without_graywolf(technology: Technology, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolMissing, match=r"^graywolf is not installed; get it with: apt-get install graywolf$"):
        place(tmp_path / "x.v", "x", tmp_path / "w", technology, sides=SIDES)
    assert not (tmp_path / "w").exists()


def test_what_graywolf_is_given(technology: Technology, tmp_path: Path) -> None:
    (tmp_path / "tiny.v").write_text(tiny_netlist("osu018"))
    wiring = read_netlist(tmp_path / "tiny.v", "tiny", tmp_path / "w", Library.read(technology.liberty))
    text = cells_text(wiring, technology, SIDES.bits([port.name for port in wiring.ports]))
    assert len(re.findall(r"^cell \d+ c\d+\nleft -\d+ right \d+ bottom -500 top 500$", text, re.MULTILINE)) == 12
    pads = re.findall(
        r"^pad \d+ name twpin_p(\d+)\ncorners .*\nrestrict side (\w)\nsidespace (\S+)$", text, re.MULTILINE
    )
    bottom = {wiring.ports[int(number)].name: float(place) for number, side, place in pads if side == "B"}
    assert bottom == {"a[0]": 0.1, "a[1]": 0.3, "a[2]": 0.5, "b": 0.9}, "a[3] drives nothing; its place stays free"
