"""Tests of the tests: faults seeded into the emitted Verilog, each of which the regression must catch.

A fault is a substitution in the text of one module, and must apply exactly once; if the hardware is written otherwise
one day, this file says so rather than test nothing.  Names that Yosys numbers are matched, not spelt out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.presets import build
from nmpu_hdl.verilog import emit

from .seeding import Controls, Fault, Once, expect_caught, seeded

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

FLOAT: NmpuConfig = build(
    {
        "name": "small-fp16",
        "array": {"columns": 12, "lanes": 6},
        "arithmetic": {"kind": "fp16"},
        "codes": {"counts": 1, "format": "UQ2.4"},
        "norm": {"kind": "affine"},
        "output": {"format": "SQ6.0"},
        "how": {"built": 2, "stages": 2},
    }
)
"""A lane of binary16, and three groups for it to walk through; the second of its sums has an ``n`` in its names.

Products of whole codes would be multiples of 2**-24, and no subnormal would ever be rounded.
"""
DESIGNS = {"small": SMALL, "small-fp16": FLOAT}


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
    "frame_error_stuck": Fault("nmpu", r"frame_error = (?:take|step) &", "frame_error = 1'h0 &"),
    # the parameter memory
    "lane_mask_ignored": Fault("nmpu_arbiter", r"host__en \? host__we : 2'h0", "host__en ? {2{| host__we}} : 2'h0"),
    "host_not_waited_for": Fault("nmpu_arbiter", r"host__en \? 1'h0 :", "1'h0 ? 1'h0 :"),
    "read_data_of_a_write": Fault("nmpu_arbiter", r"host__rdata = tile__rdata", "host__rdata = tile__wdata"),
}
FLOAT_FAULTS = {
    # arithmetic
    "sticky_lost_in_alignment": Fault("nmpu_lane", r"= \| shifted\[10:0\];", "= 1'h0;"),
    "rounded_down_only": Fault("nmpu_lane", r"assign up = .*?;", "assign up = 1'h0;"),
    "ties_away": Fault("nmpu_lane", r"assign up = (\w+) & \w+;", r"assign up = \1;"),
    "carry_lost_in_rounding": Fault("nmpu_lane", r"= up & filled\[11\];", "= 1'h0;"),
    "subnormal_not_masked": Fault("nmpu_lane", r"assign below\[4\] = .*?;", "assign below[4] = 1'h0;"),
    "subnormal_off_by_one": Fault("nmpu_lane", r"assign power = (.*?;)", r"assign power = 6'h1 + \1"),
    "exponent_off_by_one": Fault("nmpu_lane", r"param\[14:10\] - 4'hf", "param[14:10] - 4'he"),
    "sign_of_product_lost": Fault("nmpu_lane", r"= left_sign_0 \^ right_sign_0;", "= left_sign_0;"),
    "larger_term_taken_for_the_smaller": Fault("nmpu_lane", r"assign reverse = .*?;", "assign reverse = 1'h0;"),
    "infinity_less_infinity": Fault("nmpu_lane", r"= \w+ & right_n_inf_0;", "= 1'h0;"),
    "zero_times_infinity": Fault("nmpu_lane", r"= left_zero_0 & right_inf_0;", "= 1'h0;"),
    "nan_forgotten_at_the_end": Fault("nmpu_lane", r"assign above = \w+ \| ", "assign above = "),
    "too_large_not_seen": Fault("nmpu_lane", r"\$signed\(far\[6:0\]\) < \$signed\(1'h0\)", "1'h0"),
    "relu_of_floats_ignored": Fault("nmpu_lane", r"activation == 1'h1", "1'h0"),
    # lanes that walk
    "walk_not_begun_again": Fault("nmpu_walker", r"again \? 2'h0 : following", "following"),
    "walk_goes_on_while_blocked": Fault("nmpu_walker", r"step \? ", "1'h1 ? "),
    "reset_keeps_the_group": Fault("nmpu_walker", r"rst \? 2'h0 :", "1'h0 ? 2'h0 :"),
    "parameters_of_another_slot": Fault("nmpu_walker", r"slot \* 2'h3", "slot * 2'h2"),
    "group_kept_in_the_wrong_place": Fault("nmpu_collector", r"group == 1'h0", "group == 2'h2"),
    "codes_of_another_group": Fault("nmpu", r"s_axis_tdata\[11:0\], s_axis_tdata\[23:12\]", "{2{s_axis_tdata[11:0]}}"),
    "taken_before_the_last_group": Fault("nmpu", r"s_axis_tready = (\w+) & \\final ", r"s_axis_tready = \1"),
    "shown_before_it_is_whole": Fault("nmpu", r"m_axis_tvalid = o__valid & complete", "m_axis_tvalid = o__valid"),
    "groups_wait_for_the_sink": Fault("nmpu", r"o__ready = m_axis_tready \| \w+", "o__ready = m_axis_tready"),
}

# One of each kind; all of them take minutes.
USUAL = (
    "floor_for_half_up",
    "sign_lost_in_shift",
    "scales_swapped",
    "relu_ignored",
    "inactive_lane_not_masked",
    "slot_off_by_one",
    "back_pressure_dropped",
    "tlast_wrong",
    "host_not_waited_for",
    "ties_away",
    "infinity_less_infinity",
    "walk_not_begun_again",
)


@pytest.fixture(scope="session")
def controls(once: Once, runtime: Path) -> Controls:
    return Controls(once, runtime, DESIGNS, {"small": FAULTS, "small-fp16": FLOAT_FAULTS})


def some(faults: dict[str, Fault]) -> list[Any]:
    """Those of :data:`USUAL`; the others are for the deep run."""
    return [name if name in USUAL else pytest.param(name, marks=pytest.mark.deep) for name in faults]


@pytest.fixture(scope="module")
def verilog() -> dict[str, str]:
    """Design to its Verilog."""
    return {name: emit(config) for name, config in DESIGNS.items()}


@pytest.mark.parametrize("name", FAULTS)
def test_fault_applies(name: str, verilog: dict[str, str]) -> None:
    seeded(verilog["small"], FAULTS[name])


@pytest.mark.parametrize("name", some(FAULTS))
def test_fault_is_caught(name: str, controls: Controls, tmp_path: Path) -> None:
    expect_caught(name, FAULTS[name], controls["small"], tmp_path)


@pytest.mark.parametrize("name", FLOAT_FAULTS)
def test_float_fault_applies(name: str, verilog: dict[str, str]) -> None:
    seeded(verilog["small-fp16"], FLOAT_FAULTS[name])


@pytest.mark.parametrize("name", some(FLOAT_FAULTS))
def test_float_fault_is_caught(name: str, controls: Controls, tmp_path: Path) -> None:
    expect_caught(name, FLOAT_FAULTS[name], controls["small-fp16"], tmp_path)
