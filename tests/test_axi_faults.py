"""Tests of the tests of a whole tile: faults seeded into its Verilog, each of which the regression must catch.

As in ``tests/test_faults.py``; besides, each fault says which tests have to notice it, and only these are run.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.presets import load, preset
from nmpu_hdl.verilog import emit

from .seeding import Controls, Fault, Once, cases, expect_caught, seeded

DESIGNS: dict[str, NmpuConfig] = {
    "tiny": preset("tiny-tile"),
    # What "tiny" is too small for: two words a column's parameters, two bytes a result, a register before the sums, a
    # second affine stage; and without a neighbour, for clocks spent waiting for one cannot be told from outside.
    "wide": load(
        preset_name="tiny-tile",
        settings=[
            *("name=wide-tile", "array.columns=12", "array.lanes=4", "how.stages=4", "tile.chain=1"),
            *("norm.kind=affine", "norm.scale=SQ1.11", "norm.offset=SQ4.4"),
        ],
    ),
}

RUN = ("random_programs",)
ERRORS = ("errors_in_parameters",)
TABLES = ("tables_in_mid_run", "table_of_the_layer_before")

TINY = {
    # partial sums
    "sums_not_cleared": Fault("nmpu_unit", r"assign partial = at__\d\[\d+\] \?", "assign partial = 1'h0 ?", RUN),
    "sums_written_to_the_next_slot": Fault(
        "nmpu_unit", r"sums_write_slot = (at__\d\[[\d:]+\]);", r"sums_write_slot = \1 + 1'h1;", RUN
    ),
    "sums_read_a_beat_late": Fault("nmpu_unit", r"sums_ahead_slot = due_slot;", "sums_ahead_slot = slot;", RUN),
    "single_slot_not_forwarded": Fault("nmpu_sums", r"(rdata\[\d+:0\] =) forwards \?", r"\1 1'h0 ?", RUN),
    "sum_lost_in_a_stall": Fault("nmpu_lane", r"if \(enable\[0\]\) sum <=", "sum <=", RUN),
    "sum_lost_in_a_bubble": Fault(
        "nmpu_unit",
        r"(nmpu_front front \(.*?\.enable\()(\\enable\$\d+ )(\).*?lane_0 \(.*?\.enable\(\{ \\enable\$\d+ , )moves",
        r"\1\2\3\2",
        RUN,
    ),
    "neighbour_in_every_block": Fault("nmpu_unit", r"start = at__0\[\d+\] & (at__0\[\d+\]);", r"start = \1;", RUN),
    "inactive_sum_not_masked": Fault(
        "nmpu_unit", r"so\[23:12\] = _\d+_ \? (\\sum\$\d+ )", r"so[23:12] = 1'h1 ? \1", RUN
    ),
    "sum_tlast_every_beat": Fault("nmpu_unit", r"so_last = .*?;", "so_last = 1'h1;", RUN),
    "mark_of_the_neighbour_ignored": Fault("nmpu_unit", r"needs_sums & si_mark;", "1'h0;", RUN),
    # the end of the lane
    "residual_off_by_one": Fault(
        "nmpu_lane", r"\$signed\(residual\) << align;", "$signed(residual) << align << 1;", RUN
    ),
    "residual_always_added": Fault("nmpu_lane", r"= use_residual \?", "= 1'h1 ?", RUN),
    "width_of_the_other_index": Fault("nmpu_lane", r"= width == 1'h1;", "= width == 1'h0;", RUN),
    "narrow_end_off_by_one": Fault("nmpu_lane", r"\? 4'h3 :", "? 4'h2 :", RUN),
    # table and pooling
    "table_index_of_the_lower_bits": Fault(
        "nmpu_table", r"(at\[4:0\] \} = \{ )4'h0, i__payload\[3:0\]", r"\g<1>5'h00, i__payload[3:1]", RUN
    ),
    "other_bank_of_the_table": Fault("nmpu_table", r"= (i__payload\[\d+\] << 3'h4);", r"= 8'h10 ^ (\1);", RUN),
    "bank_in_use_written": Fault("nmpu_table", r"refused = .*?;", "refused = 1'h0;", TABLES[:1]),
    "bank_in_use_opened_early": Fault("nmpu_axi", r"flushed = .*?;", "flushed = 1'h1;", TABLES[1:]),
    "window_too_long": Fault("nmpu_conductor", r"(_\d+_) == (now\[138:128\]);", r"\1 > \2;", RUN),
    "average_rounds_down": Fault(
        "nmpu_pool_lane", r"\$signed\(halves\) \+ \$signed\(2'h1\)", "$signed(halves) + $signed(2'h0)", RUN
    ),
    "flag_of_the_last_result_only": Fault("nmpu_pool_lane", r"(\\store\.low  = low) \| _\d+_;", r"\1;", RUN),
    "mark_of_the_last_result_only": Fault(
        "nmpu_pool", r"marked = (held\[\d+\]) \| _\d+_;", r"marked = \1;", (*RUN, "errors_in_sums")
    ),
    # protection
    "mark_lost_in_later_blocks": Fault("nmpu_unit", r"= at__0\[\d+\] & (_\d+_);", r"= \1;", ERRORS),
    "mark_stays": Fault("nmpu_unit", r"at__0\[8:7\] == 1'h0;", "1'h0;", RUN + ERRORS),
    "mark_of_an_inactive_lane": Fault("nmpu_unit", r"= param_wrong & active;", "= param_wrong;", ERRORS),
    "error_of_an_inactive_lane_counted": Fault(
        "nmpu_axi", r"taken = take \? active :", "taken = take ? 2'h3 :", ERRORS
    ),
    "syndrome_of_one_bit": Fault(
        "nmpu_secded_decode_13",
        r"word_syndrome == 4'hb;",
        "word_syndrome == 4'h8;",
        (*ERRORS, "errors_read_by_the_bus"),
    ),
    "error_in_a_sum_marks_nothing": Fault("nmpu_unit", r"= partial_used & sums_wrong;", "= 2'h0;", ("errors_in_sums",)),
    "double_error_taken_for_none": Fault(
        "nmpu_secded_decode_13", r"wrong = word_odd \? (_\d+_) : _\d+_;", r"wrong = word_odd ? \1 : 1'h0;", ERRORS
    ),
    # the program
    "swap_within_a_vector": Fault(
        "nmpu_conductor", r"swapped = swapping & _\d+_;", "swapped = swapping;", ("swaps_in_mid_run",)
    ),
    "swap_after_a_block": Fault(
        "nmpu_conductor",
        r"assign (_\d+_) = (_\d+_) \| (_\d+_);(.*?swapped = swapping & \1;)",
        r"assign \1 = \2 | pass_end;\4",
        ("swaps_in_mid_run",),
    ),
    "never_swapped": Fault("nmpu_conductor", r"swapped = swapping & _\d+_;", "swapped = 1'h0;", RUN),
    "base_not_checked": Fault("nmpu_fetcher", r"\\end \[[\d:]+\] <= \d+'h\w+;", "1'h1;", ("illegal_descriptors",)),
    "extent_not_checked": Fault(
        "nmpu_fetcher", r"= word_2\[15:0\] \+ _\d+_;", "= word_2[15:0] + 1'h1;", ("illegal_descriptors",)
    ),
    "next_not_checked": Fault("nmpu_fetcher", r"word_1\[31:24\] < 4'h\w;", "1'h1;", ("illegal_descriptors",)),
    "offset_shift_not_checked": Fault("nmpu_fetcher", r"word_3\[6:4\] <= 1'h0;", "1'h1;", ("illegal_descriptors",)),
    "stride_not_checked": Fault("nmpu_fetcher", r"word_9\[23:0\] < 17'h10000;", "1'h1;", ("illegal_descriptors",)),
    "blocks_not_checked": Fault("nmpu_fetcher", r"word_0\[22:16\] <= 3'h4;", "1'h1;", ("illegal_descriptors",)),
    "shift_of_block_0": Fault("nmpu_conductor", r"(now\[[\d:]+\]) >> _\d+_;", r"\1;", RUN),
    "parameters_of_block_0": Fault(
        "nmpu_conductor", r"final_block \? (now\[65:50\]) : \{ 10'h000, _\d+_ \}", r"final_block ? \1 : \1", RUN
    ),
    "layers_further_apart": Fault(
        "nmpu_conductor",
        r"assign (_\d+_) = fsm_state == 2'h1;",
        r"reg waited; always @(posedge clk) waited <= fsm_state == 2'h1;\n  assign \1 = waited & fsm_state == 2'h1;",
        ("throughput",),
    ),
    "pass_resumed_after_an_abort": Fault("nmpu_conductor", r"restart = aborted;", "restart = 1'h0;", ("aborts",)),
    "abort_waits_for_ever": Fault("nmpu_unit", r"= stopping \| (_\d+_);", r"= \1;", ("aborts",)),
    # the streams
    "tlast_every_beat": Fault("nmpu_pack", r"m_axis_tlast = .*?;", "m_axis_tlast = 1'h1;", RUN),
    "keep_of_a_frame_ignored": Fault("nmpu_unit", r"= ~ keep;", "= 2'h0;", ("wrong_frames",)),
    "raw_parts_in_the_wrong_order": Fault(
        "nmpu_bypass",
        r"\{ (s_tdata\[11:8\], s_tdata\[3:0\]), (s_tdata\[15:12\], s_tdata\[7:4\]) \}",
        r"{ \2, \1 }",
        ("raw_codes",),
    ),
    # bus and counters
    "stalls_out_counted_always": Fault("nmpu_axi", r"= m_axis_tvalid & _\d+_;", "= m_axis_tvalid;", RUN),
    "saturations_swapped": Fault(
        "nmpu_axi",
        r"(nmpu_tally tally \(.*?)\.high\((.*?)\)(.*?)\.low\((.*?)\)",
        r"\1.high(\4)\3.low(\2)",
        RUN,
    ),
    "largest_sum_of_an_inactive_lane": Fault("nmpu_observe", r"= active > 1'h1;", "= 1'h1;", RUN),
    "irq_stays": Fault("nmpu_csr", r"irq <= (_\d+_);", r"irq <= ~rst & (irq | \1);", ("interrupts",)),
    "hole_answers_okay": Fault("nmpu_csr", r"= \| hit;", "= 1'h1;", ("registers",)),
    "strobe_ignored": Fault("nmpu_csr", r"= (_\d+_) & bus__wstrb\[3\];", r"= \1;", ("registers",)),
    "window_written_by_bytes": Fault("nmpu_csr", r"= & bus__wstrb;", "= 1'h1;", ("registers",)),
}
WIDE = {
    "sums_forwarded_to_the_wrong_slot": Fault("nmpu_sums", r"= write_slot == ahead_slot;", "= 1'h1;", RUN),
    "norm_of_the_first_block": Fault(
        "nmpu_lane", r"if \(enable\[1\]\) (norm_scale_1 <=)", r"if (enable[1] & partial == 0) \1", RUN
    ),
    "keep_a_byte_short": Fault("nmpu_pack", r"(m_axis_tkeep = _\d+_ \? )\{ _\d+_, (_\d+_) \}", r"\1{ 1'h0, \2 }", RUN),
    "parameter_words_swapped": Fault(
        "nmpu_param_port", r"host_wdata = \{ wdata\[0\], kept \};", "host_wdata = { kept[0], wdata };", RUN
    ),
    "parameter_words_read_swapped": Fault(
        "nmpu_param_port", r"part <= addr\[0\];", "part <= ~ addr[0];", ("memories_by_the_bus",)
    ),
    "stalls_in_counted_always": Fault("nmpu_axi", r"= willing & lacking;", "= willing;", RUN),
}
FAULTS = {"tiny": TINY, "wide": WIDE}
# Quick to tell, and one of each kind; all of them take a quarter of an hour.
USUAL = (
    "sums_not_cleared",
    "swap_within_a_vector",
    "mark_lost_in_later_blocks",
)
NAMES = [(design, name) for design, faults in FAULTS.items() for name in faults]


@pytest.fixture(scope="module")
def verilog() -> dict[str, str]:
    """Design to its Verilog."""
    return {name: emit(config) for name, config in DESIGNS.items()}


@pytest.mark.parametrize(("design", "name"), NAMES)
def test_fault_applies(design: str, name: str, verilog: dict[str, str]) -> None:
    seeded(verilog[design], FAULTS[design][name])


@pytest.fixture(scope="session")
def controls(once: Once, runtime: Path, everything: Path) -> Controls:
    return Controls(once, runtime, DESIGNS, FAULTS, made={"tiny": everything})


@pytest.mark.parametrize(("design", "name"), cases(FAULTS, USUAL))
def test_fault_is_caught(design: str, name: str, controls: Controls, tmp_path: Path) -> None:
    expect_caught(name, FAULTS[design][name], controls[design], tmp_path)
