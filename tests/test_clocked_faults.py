"""Tests of the tests of lanes that take several clocks for a column: faults seeded into their Verilog.

As in ``tests/test_axi_faults.py``: each fault says which tests of the regression have to notice it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.presets import load
from nmpu_hdl.verilog import emit

from .seeding import Controls, Fault, Once, cases, expect_caught, seeded

DESIGNS: dict[str, NmpuConfig] = {
    # One slot, so that every write to the parameters is to those of the column that is due.
    "shared": load(preset_name="tiny", settings=["array.columns=2", "how.architecture=shared", "how.stages=2"]),
    # A shift a column, some to the left, so that lanes hold, and keep bits that have been shifted out.
    "column": load(
        preset_name="tiny",
        settings=[
            *("array.columns=6", "how.architecture=serial", "how.radix=4", "codes.format=SQ4.0", "scale.format=SQ1.2"),
            *("shift.granularity=column", "shift.min=-4", "shift.max=4", "guard=3"),
        ],
    ),
    # A shift a layer, which tells how many clocks a column takes, and lanes that walk.
    "layer": load(
        preset_name="tiny",
        settings=[
            *("array.columns=6", "how.architecture=serial", "how.radix=4", "codes.format=SQ4.0", "scale.format=UQ1.4"),
            *("codes.counts=1", "how.built=1", "how.stages=2"),
        ],
    ),
    "clocked-tile": load(preset_name="tiny-tile", settings=["how.architecture=serial", "how.stages=3"]),
}

ANY = ("any_settings",)
WAIT = ("gaps_and_stalls",)
WRITE = ("parameter_port",)
CLOCKS = ("latency_and_throughput",)
RUN = ("random_programs",)

SHARED = {
    "code_of_p_twice": Fault("nmpu_lane", r"first \? codes\[7:4\] : ", "", ANY),
    "scales_exchanged": Fault("nmpu_lane", r"first \? (param\[7:4\]) : (param\[3:0\])", r"first ? \2 : \1", ANY),
    "column_before_not_masked": Fault("nmpu_lane", r"first \? 9'h000 : 9'h1ff", "9'h1ff", ANY),
    "not_the_complement": Fault("nmpu_lane", r"onto = ~ ", "onto = ", ANY),
    "less_one_forgotten": Fault("nmpu_lane", r"onto = (~ _\d+_)", r"onto = first ? 9'h000 : \1", ANY),
    "added_while_it_waits": Fault("nmpu_lane", r"if \(step\) held", "held", WAIT),
    "phase_goes_on_while_it_waits": Fault("nmpu", r"step = _\d+_ & i__ready", "step = i__ready", WAIT),
    "phase_goes_on_while_blocked": Fault("nmpu", r"step = (_\d+_) & i__ready", r"step = \1", WAIT),
    "taken_in_the_first_clock": Fault("nmpu", r"(s_axis_tready = _\d+_) & \\final ", r"\1 ", ANY),
    "not_again_after_a_write": Fault("nmpu", r"again = param_en & _\d+_;", "again = 1'h0;", WRITE),
    "reset_keeps_the_phase": Fault("nmpu_phases", r"\{ (_\d+_), rst, step \}", r"{ \1, step }", ("reset_in_mid_pass",)),
}
COLUMN = {
    "digit_of_other_bits": Fault("nmpu_lane", r"\{ param\[5\], param\[5\] \}", "{ param[5:4] }", ANY),
    "digit_that_is_not_due": Fault("nmpu_lane", r"digit\[1\] \? \{ param\[2\]", "1'h1 ? { param[2]", ANY),
    "sign_of_the_top_digit": Fault("nmpu_lane", r"^(.*?)\\digit\$\d+ \[1\] & digit\[1\]", r"\1 1'h0", ANY),
    "first_digit_onto_the_column_before": Fault("nmpu_lane", r"(onto\[4:0\] =) digit\[0\] \? 5'h00 :", r"\1", ANY),
    "low_bits_of_the_column_before": Fault("nmpu_lane", r"digit\[0\] \? 5'h00 : (held\[8:4\])", r"\1", ANY),
    "shifts_on_for_the_largest": Fault("nmpu_lane", r"after \} = _\d+_ \?", "after } = 1'h1 ?", ANY),
    "shifts_once_more": Fault("nmpu_lane", r"late < ", "late <= ", ANY),
    "odd_shift_forgotten": Fault("nmpu_lane", r"\$signed\(t\) >>> param\[11\]", "$signed(t) >>> 1'h0", ANY),
    "digits_while_it_waits": Fault("nmpu_lane", r"if \(step\) held", "held", WRITE),
    "done_too_early": Fault("nmpu_phases", r"count == 3'h5", "count == 3'h4", ANY),
    "done_too_late": Fault("nmpu_phases", r"count == 3'h5", "count == 3'h6", CLOCKS),
    "not_begun_again_after_a_write": Fault("nmpu", r"again = param_en & _\d+_;", "again = 1'h0;", WRITE),
}
LAYER = {
    "residue_forgotten": Fault("nmpu_lane", r">>> residue", ">>> 1'h0", ANY),
    "residue_of_the_other_parity": Fault("nmpu_sequencer", r"(\\side\.activation  ?,) distance", r"\1 ~ distance", ANY),
    "distance_not_held": Fault("nmpu_sequencer", r"first \? (_\d+_) : \{ 2'h0, distance_held \}", r"\1", ANY),
    "distance_not_limited": Fault("nmpu_sequencer", r"\$signed\(cfg_shift\) > \$signed\(4'h4\)", "1'h0", ANY),
    "a_bit_a_clock": Fault("nmpu_phases", r"distance >> 1'h1", "distance >> 1'h0", ANY),
    "last_digit_forgotten": Fault("nmpu_phases", r"= 2'h2 \+ ", "= 2'h1 + ", ANY),
    "walks_on_in_every_clock": Fault(
        "nmpu", r"\\step\$(\d+)  = i__valid & i__ready", r"\\step$\1  = s_axis_tvalid & fresh & i__ready", ANY
    ),
}
TILE = {
    "phase_kept_by_an_abort": Fault("nmpu_unit", r"again\(restart\)", "again(1'h0)", ("aborts",)),
    "steps_without_codes": Fault("nmpu_unit", r"step = willing & _\d+_;", "step = willing;", RUN),
    "sums_of_a_neighbour_taken_early": Fault("nmpu_unit", r"(si_ready = _\d+_) & \\final ", r"\1 ", RUN),
    "codes_taken_early": Fault("nmpu_unit", r"(codes_ready = _\d+_) & \\final ", r"\1 ", RUN),
    "shown_in_every_clock": Fault("nmpu_unit", r"(i__valid = _\d+_) & \\final ", r"\1 ", RUN),
    "distance_of_the_pins": Fault("nmpu_sequencer", r"first \? (_\d+_) : \{ 2'h0, distance_held \}", r"\1 ^ 1'h1", RUN),
}
FAULTS = {"shared": SHARED, "column": COLUMN, "layer": LAYER, "clocked-tile": TILE}
USUAL = (
    "column_before_not_masked",
    "not_again_after_a_write",
    "sign_of_the_top_digit",
)
"""Two designs, and one of each kind; the others take minutes."""
NAMES = [(design, name) for design, faults in FAULTS.items() for name in faults]


@pytest.fixture(scope="module")
def verilog() -> dict[str, str]:
    """Design to its Verilog."""
    return {name: emit(config) for name, config in DESIGNS.items()}


@pytest.fixture(scope="session")
def controls(once: Once, runtime: Path) -> Controls:
    return Controls(once, runtime, DESIGNS, FAULTS)


@pytest.mark.parametrize(("design", "name"), NAMES)
def test_fault_applies(design: str, name: str, verilog: dict[str, str]) -> None:
    seeded(verilog[design], FAULTS[design][name])


@pytest.mark.parametrize(("design", "name"), cases(FAULTS, USUAL))
def test_fault_is_caught(design: str, name: str, controls: Controls, tmp_path: Path) -> None:
    expect_caught(name, FAULTS[design][name], controls[design], tmp_path)
