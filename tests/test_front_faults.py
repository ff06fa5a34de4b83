"""Tests of the tests of front ends: faults seeded into their Verilog.

As in ``tests/test_axi_faults.py``: each fault says which tests of the regression have to notice it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.verilog import emit

from .seeding import Controls, Fault, Once, cases, expect_caught, seeded
from .test_front_end import configured

DESIGNS: dict[str, NmpuConfig] = {
    # Counts of planes, AND or XOR, with a zero point; an accumulator a column.
    "front-planes": configured("planes_zero"),
    # Three samples a beat, planes and sub-arrays around them.
    "front-samples": configured("samples_all"),
    # Bits that the unit counts; an accumulator a lane.
    "front-bits": configured("bits", "how.stages=2"),
}

ANY = ("any_settings",)
WAIT = ("gaps_and_stalls",)
END, LANE = "nmpu_front_end", "nmpu_front_lane"

PLANES = {
    "weight_off": Fault(LANE, r"(\$signed\(corrected\) << )(\w+\[\d+:\d+\])", r"\1(\2 ^ 1'h1)", ANY),
    "top_plane_of_activations_positive": Fault(END, r"x_signed & x_plane_end", "x_signed & 1'h0", ANY),
    "every_plane_of_weights_negative": Fault(END, r"w_signed & w_plane_end", "w_signed", ANY),
    "one_less_a_negative_step": Fault(LANE, r"(\{ before_0, )\w+\[\d+\] \}", r"\1 1'h0 }", ANY),
    "begin_does_not_clear": Fault(END, r"begun \? (\S+) : \d+'h0+;", r"\1;", ANY),
    "zero_point_with_every_plane": Fault(END, r"(point\s+= )_\d+_ \? \d+'h0+ : (_\d+_);", r"\1\2;", ANY),
    "accumulators_mixed_up": Fault(END, r"(= slot ==) 2'h3", r"\1 2'h2", ANY),
    "rows_not_held": Fault(END, r"rows = first \? (_\d+_) : rows_now", r"rows = \1", ANY),
    "zero_point_not_held": Fault(END, r"zero = first \? (\w+) : zero_now", r"zero = \1", ANY),
    "settings_of_lanes_not_held": Fault(END, r"(= \w+) & first;", r"\1;", ANY),
    "no_planes_of_activations": Fault(END, r"cfg_x_planes == 1'h0", "1'h0", ANY),
    "one_plane_of_weights_too_many": Fault(END, r"cfg_w_planes > 3'h4", "cfg_w_planes > 3'h5", ANY),
    "taken_while_blocked": Fault(END, r"_\d+_ \| o_ready;", "1'h1;", ("back_pressure",)),
    "operands_of_the_next_slot": Fault(END, r"if \(_\d+_\) shown <=", "shown <=", WAIT),
    "reset_keeps_the_plane": Fault(END, r"rst \? 3'h0 : (_\d+_);", r"rst ? w_plane : \1;", ("reset_in_mid_pass",)),
    "tlast_too_early_not_noticed": Fault(END, r"i_last != ends", "~ i_last & ends", ("wrong_tlast",)),
    "writes_are_not_seen": Fault("nmpu_arbiter", r"host__en \? 1'h0 : ", "host__en ? fresh : ", ("parameter_port",)),
    "operand_a_bit_too_narrow": Fault(
        LANE, r"codes = (_\d+_ \| _\d+_);", r"codes = $signed((\1) << 1'h1) >>> 1'h1;", ("corners",)
    ),
}
SAMPLES = {
    "sample_beyond_the_last_counts": Fault(END, r"\w+\[\d+:\d+\] > 2'h2", "1'h1", ANY),
    "as_many_in_every_group": Fault(END, r"samples_end \? left : (5'h03)", r"\1", ANY),
    "samples_go_on": Fault(END, r"samples_end \? 6'h00 : ", "", ANY),
    "last_group_one_late": Fault(END, r"left <= 2'h3", "left < 2'h3", ANY),
    "samples_not_held": Fault(END, r"\bsamples = first \? (_\d+_) : samples_now", r"samples = \1", ANY),
    "step_of_weights": Fault(END, r"w_exponent \+ 2'h2", "w_exponent + 1'h1", ANY),
    "both_top_planes_negative": Fault(END, r"(_\d+_) \^ (_\d+_);", r"\1 | \2;", ANY),
    "always_bipolar": Fault(LANE, r"amount = told\[\d+\] \? (_\d+_) : [^;]*;", r"amount = \1;", ANY),
    "sub_arrays_not_counted": Fault(END, r"(complete\s+= & \{ )subarray_end, ", r"\1", ANY),
}
BITS = {
    "bit_not_counted": Fault(LANE, r"\^ raw\[16\]", "^ 1'h0", ANY),
    "carry_lost": Fault(LANE, r"& raw\[2\];", "& 1'h0;", ANY),
    "slot_does_not_clear": Fault(END, r"begun \? (1'h1) : 1'h0", r"\1", ANY),
}
FAULTS = {"front-planes": PLANES, "front-samples": SAMPLES, "front-bits": BITS}
USUAL = ("begin_does_not_clear", "operands_of_the_next_slot", "zero_point_with_every_plane")
"""Of one design; the others take minutes."""
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
