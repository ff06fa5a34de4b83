"""Counting what nets do: recorded dumps of both simulators, hand-made ones, SAIF there and back."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from flows.power_record import nets_of_pins
from flows.saif import read_saif, saif
from flows.vcd import Activity, Net, read_vcd

DATA = Path(__file__).parent / "data" / "activity"
"""``icarus.vcd`` and ``verilator.vcd``: a 4-bit counter in steps of 3 and two registers behind it, 2 ns a clock."""

HEADER = """$timescale 10 ps $end
$scope module TOP $end
$var wire 1 ! outside $end
$scope module unit $end
$var wire 1 " a $end
$var wire 3 # v [2:0] $end
$var wire 3 % up [0:2] $end
$var wire 1 $ \\bit [7] $end
$scope module part_0 $end
$var wire 1 " same $end
$upscope $end
$upscope $end
$upscope $end
$enddefinitions $end
"""


def counted(tmp_path: Path, changes: str, start: float | None = None, end: float | None = None) -> Activity:
    file = tmp_path / "dump.vcd"
    file.write_text(HEADER + changes)
    return read_vcd(file, "unit", start, end)


@pytest.mark.parametrize("simulator", ["icarus", "verilator"])
def test_recorded_dumps_are_counted(simulator: str) -> None:
    """Eight clocks from 3 ns on, in which the counter goes 6, 9, 12, ...; the clock rises at odd ns."""
    activity = read_vcd(DATA / f"{simulator}.vcd", "unit", 3000, 19000)
    assert activity.duration == 16000
    values = [(3 * k) % 16 for k in range(1, 10)]  # before the window, and in its eight clocks
    for bit in range(4):
        levels = [value >> bit & 1 for value in values]
        toggles = sum(a != b for a, b in itertools.pairwise(levels))
        assert activity.nets[f"d[{bit}]"] == Net(toggles, 2000 * sum(levels[1:]))
        assert activity.nets[f"part_0/d[{bit}]"] == activity.nets[f"d[{bit}]"]
    assert activity.nets["clk"] == Net(16, 8000)
    assert activity.nets["part_0/odd.name$1"] == Net(0, 16000)  # d[0] differs from q[0] in every clock


def test_both_simulators_agree() -> None:
    one, other = (read_vcd(DATA / f"{name}.vcd", "unit", 5000, 19000) for name in ("icarus", "verilator"))
    assert one == other
    assert len(one.nets) == 30


def test_changes_at_the_end_of_the_window_are_not_in_it(tmp_path: Path) -> None:
    changes = '#0\n0"\n#10\n1"\n#20\n0"\n#30\n1"\n'
    assert counted(tmp_path, changes).nets["a"] == Net(3, 100)
    assert counted(tmp_path, changes, 100, 300).nets["a"] == Net(2, 100)
    assert counted(tmp_path, changes, 110, 200).nets["a"] == Net(0, 90)
    assert counted(tmp_path, changes, 110, 500).nets["a"] == Net(2, 90 + 200), "values stay after the last change"


def test_unknown_values_are_no_transitions(tmp_path: Path) -> None:
    activity = counted(tmp_path, '#0\nx"\n#10\n0"\n#20\nx"\n#30\n1"\n#40\nz"\n#50\n1"\n#60\n')
    assert activity.nets["a"] == Net(1, 200, 300)
    assert activity.nets["part_0/same"] == activity.nets["a"]
    assert "outside" not in activity.nets


def test_vectors_bit_by_bit(tmp_path: Path) -> None:
    activity = counted(tmp_path, "#0\nb0 #\nb001 %\n1$\n#10\nb11 #\n#20\nb1x0 #\n#30\nbx #\n#40\n")
    assert [activity.nets[f"v[{k}]"] for k in range(3)] == [Net(2, 100, 100), Net(1, 100, 200), Net(1, 100, 100)]
    assert [activity.nets[f"up[{k}]"].high for k in range(3)] == [0, 0, 400]
    assert activity.nets["bit[7]"] == Net(0, 400)


@pytest.mark.parametrize(
    ("text", "window", "complaint"),
    [
        ("", (None, None), "not a VCD file"),
        (HEADER.replace("$enddefinitions", "$end"), (None, None), "not a VCD file"),
        (HEADER.replace("unit", "else"), (None, None), "no signals of unit"),
        (HEADER + '#0\n0"\n#10\n1"\n', (200, 400), "it ends before the window from 200 to 400 ps begins"),
    ],
)
def test_dumps_that_cannot_be_used(
    text: str, window: tuple[float | None, float | None], complaint: str, tmp_path: Path
) -> None:
    (tmp_path / "dump.vcd").write_text(text)
    with pytest.raises(ValueError, match=complaint) as caught:
        read_vcd(tmp_path / "dump.vcd", "unit", *window)
    assert "\n" not in str(caught.value)


def test_saif_there_and_back(tmp_path: Path) -> None:
    activity = read_vcd(DATA / "icarus.vcd", "unit", 1000, 19000)
    text = saif(activity, "unit")
    assert r"(odd\.name\$1 (T0 " in text
    assert r"(q\[3\] (T0 " in text
    (tmp_path / "a.saif").write_text(text)
    assert read_saif(tmp_path / "a.saif", "unit") == activity


def test_saif_of_others(tmp_path: Path) -> None:
    """Ports and nets, an instance around the top, other units, entries without unknown time."""
    (tmp_path / "a.saif").write_text(
        '(SAIFILE (SAIFVERSION "2.0") (DIRECTION "backward") (PROGRAM_NAME "a (b)") (DIVIDER / ) (TIMESCALE 1 ns)\n'
        "(DURATION 100.00) (INSTANCE bench (NET (x (T0 1) (T1 99) (TC 1))) (INSTANCE unit (PORT (a\\[0\\] (T0 40)"
        " (T1 60) (TX 0) (TC 7) (IG 0))) (INSTANCE p (NET (b (T0 100) (T1 0) (TC 0)))))))\n"
    )
    assert read_saif(tmp_path / "a.saif", "unit") == Activity(100e3, {"a[0]": Net(7, 60e3), "p/b": Net(0, 0)})
    for text, complaint in (("(SAIFILE (DURATION 1", "cut short"), ("hello", "not a SAIF file"), ("()", "not a SAIF")):
        (tmp_path / "b.saif").write_text(text)
        with pytest.raises(ValueError, match=complaint):
            read_saif(tmp_path / "b.saif", "unit")
    with pytest.raises(ValueError, match="no nets of an instance other"):
        read_saif(tmp_path / "a.saif", "other")


def test_nets_on_the_pins_of_cells() -> None:
    netlist = r"""
module unit(a, \b.c );
  input a;
  wire [1:0] \w$1 ;
  INV_X1 _1_ (
    .A(a),
    .Z(\w$1 [1])
  );
  part p_0 (
    .i({ a, a }),
    .o(\w$1 )
  );
endmodule

module part(i, o);
  NAND2_X1 \odd.cell  (
    .A(i[0]),
    .B(1'h0),
    .Z(o)
  );
endmodule
"""
    assert nets_of_pins(netlist, "unit") == {
        "_1_/A": "a",
        "_1_/Z": "w$1[1]",
        "p_0/odd.cell/A": "p_0/i[0]",
        "p_0/odd.cell/Z": "p_0/o",
    }
