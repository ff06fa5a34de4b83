"""Tests of the tests: faults seeded into the emitted Verilog, each of which the regression must catch.

A fault is a substitution in the text of one module, and must apply exactly once; if the hardware is written otherwise
one day, this file says so rather than test nothing.  Names that Yosys numbers are matched, not spelt out.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.generate import generate
from flows.simulate import simulate
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.presets import build

from .seeding import Fault, seeded

SMALL: NmpuConfig = build(
    {
        "name": "small",
        "array": {"columns": 6, "lanes": 2},
        "codes": {"format": "UQ4.0"},
        "scale": {"format": "UQ1.3"},
        "offset": {"format": "SQ4.1"},
        "output": {"format": "SQ4.0"},
    }
)


FAULTS = {
    # arithmetic
    "floor_for_half_up": Fault("nmpu_lane", r"\{ shifted, 1'h1 \}", "{ shifted, 1'h0 }"),
    "sign_lost_in_shift": Fault("nmpu_lane", r"\$signed\(product\) >>> distance", "product >> distance"),
    "sign_lost_in_offset": Fault("nmpu_lane", r"\$signed\(\{ param\[12:8\]", "$signed({ 1'h0, param[12:8]"),
    "carry_lost_in_product": Fault("nmpu_lane", r"(product, \w+\[0\] \} = [^;]*?) \+ ", r"\1 | "),
    "scales_swapped": Fault(
        "nmpu",
        r"lane_1 \((.*?)tile__rdata\[25:13\]",
        r"lane_1 (\1{tile__rdata[25:21], tile__rdata[16:13], tile__rdata[20:17]}",
    ),
    "shift_not_clamped": Fault("nmpu_sequencer", r"\$signed\(cfg_shift\) > \$signed\(4'h6\)", "1'h0"),
    # the end of the lane
    "saturation_at_the_wrong_bit": Fault("nmpu_lane", r"\| biased\[6:4\]", "| biased[6:5]"),
    "low_end_off_by_one": Fault("nmpu_lane", r"5'h18", "5'h19"),
    "relu_ignored": Fault("nmpu_lane", r"= activation == 1'h1;", "= 1'h0;"),
    "flags_swapped": Fault(
        "nmpu_lane", r"(low|high) <= (below|above);(.*)(low|high) <= (below|above);", r"\1 <= \5;\3\4 <= \2;"
    ),
    "flag_of_relu": Fault("nmpu_lane", r"assign below = (\w+) & \w+;", r"assign below = \1;"),
    "inactive_lane_not_masked": Fault("nmpu", r"active_1 \? (\\y\$\d+ ) : 4'h0", r"\1"),
    "inactive_flag_not_masked": Fault("nmpu", r"m_axis_tuser\[3\] = active_1 &", "m_axis_tuser[3] ="),
    # the pass
    "slot_off_by_one": Fault("nmpu_arbiter", r": fetch_addr;", ": fetch_addr + 1'h1;"),
    "pass_too_long": Fault("nmpu_sequencer", r"left <= 2'h2", "left < 2'h2"),
    "too_many_columns_accepted": Fault("nmpu_sequencer", r"cfg_columns > 3'h6", "1'h0"),
    "settings_stale": Fault("nmpu_sequencer", r"first \? cfg_activation : activation_held", "activation_held"),
    "settings_taken_every_slot": Fault(
        "nmpu_sequencer", r"first \? cfg_activation : activation_held", "cfg_activation"
    ),
    "reset_keeps_the_slot": Fault("nmpu_sequencer", r"rst \? 2'h0 : slot", "slot"),
    "reset_keeps_the_pass": Fault("nmpu_sequencer", r"rst \? 1'h1 :", "1'h0 ? 1'h1 :"),
    # the streams
    "back_pressure_dropped": Fault("nmpu_pipeline", r"assign i__ready = .*?;", "assign i__ready = 1'h1;"),
    "result_changes_while_it_waits": Fault("nmpu_lane", r"if \(enable\) y <=", "y <="),
    "result_stale_after_reset": Fault("nmpu_pipeline", r"= rst \? 1'h0 :", "= 1'h0 ? 1'h0 :"),
    "bubble_after_each_beat": Fault("nmpu", r"s_axis_tready = fresh", "s_axis_tready = ~ o__valid & fresh"),
    "tlast_wrong": Fault("nmpu", r"m_axis_tlast = o__payload\[0\]", "m_axis_tlast = i__payload[0]"),
    "frame_error_stuck": Fault("nmpu", r"frame_error = take &", "frame_error = 1'h0 &"),
    # the parameter memory
    "lane_mask_ignored": Fault("nmpu_arbiter", r"host__en \? host__we : 2'h0", "host__en ? {2{| host__we}} : 2'h0"),
    "host_not_waited_for": Fault("nmpu_arbiter", r"host__en \? 1'h0 :", "1'h0 ? 1'h0 :"),
    "read_data_of_a_write": Fault("nmpu_arbiter", r"host__rdata = tile__rdata", "host__rdata = tile__wdata"),
}
# One of each kind; all of them take minutes.
USUAL = (
    "floor_for_half_up",
    "sign_lost_in_shift",
    "sign_lost_in_offset",
    "scales_swapped",
    "saturation_at_the_wrong_bit",
    "relu_ignored",
    "flags_swapped",
    "inactive_lane_not_masked",
    "slot_off_by_one",
    "settings_taken_every_slot",
    "reset_keeps_the_pass",
    "back_pressure_dropped",
    "result_changes_while_it_waits",
    "tlast_wrong",
    "lane_mask_ignored",
    "host_not_waited_for",
)


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sound design, and in ``sim`` the regression that it passes."""
    folder = tmp_path_factory.mktemp("control")
    generate(SMALL, folder)
    result = simulate(folder, folder / "sim")
    assert result.failed == 0, result.failures[0]
    assert result.columns_checked > 5000
    return folder


@pytest.mark.parametrize("name", FAULTS)
def test_fault_applies(name: str, verilog: str) -> None:
    seeded(verilog, FAULTS[name])


@pytest.fixture(scope="module")
def verilog(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("verilog")
    generate(SMALL, folder)
    return (folder / "nmpu.v").read_text()


@pytest.mark.parametrize(
    "name", [name if name in USUAL else pytest.param(name, marks=pytest.mark.deep) for name in FAULTS]
)
def test_fault_is_caught(name: str, control: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "nmpu.v"
    wrong.write_text(seeded((control / "nmpu.v").read_text(), FAULTS[name]))
    result = simulate(control, tmp_path / "sim", netlist=wrong, max_failures=1, runtime=control / "sim")
    assert result.failed == 1, f"{name} was not caught: {result}"
