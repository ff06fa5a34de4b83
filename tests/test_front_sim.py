"""The regression of configurations with a front end, and products of integers through bit planes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from flows.gates import simulate_gates
from flows.generate import generate
from flows.simulate import SimResult, simulate
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.formats import Number
from nmpu_hdl.front_settings import FrontSettings, front_choices
from nmpu_hdl.presets import load, preset
from nmpu_hdl.settings import PassSettings
from nmpu_hdl.verilog import emit
from tb.extremes import extreme_raw, full_size
from tb.front import fields_of_passes, operands_of, tamed
from tb.passes import Steps
from tb.pins import Resolver, encode
from tb.raw import draw_front_settings, draw_raw
from tb.stimulus import Stimulus

from .seeding import Fault, seeded
from .test_front_end import BITS, BOTH, CONFIGS, COUNTED, HOW, configured
from .test_simulate import needs_icarus

deep = pytest.mark.deep

CORES: dict[str, NmpuConfig] = {
    "slices_beside": configured("slices_beside"),
    "planes_zero-two_stages": configured("planes_zero", "how.stages=2"),
    "samples_all": configured("samples_all"),
    "slices_runtime-odd": configured("slices_runtime", *HOW["odd"]),
    "slices_signed_codes-external": configured("slices_signed_codes", "how.memory=external"),
    "planes_zero-walking": configured("planes_zero", *HOW["walking"]),
    "xnor-one_slot": configured("xnor", *HOW["one_slot"]),
    "bits-column": configured("bits", "shift.granularity=column", "norm.kind=affine"),
    "samples_all-serial": configured("samples_all", *HOW["serial"]),
    "slices-shared": configured("slices", "how.architecture=shared", "how.stages=3"),
}
USUAL = ("slices_beside", "planes_zero-two_stages", "samples_all")


def expect_all_passed(result: SimResult) -> None:
    assert not result.failures, result.failures[0]
    assert result.passed == result.tests == 11
    assert result.columns_checked > 5000


@pytest.mark.parametrize("name", [pytest.param(name, marks=[] if name in USUAL else [deep]) for name in CORES])
def test_regression(name: str, fast_runtime: Path, tmp_path: Path) -> None:
    generate(CORES[name], tmp_path)
    expect_all_passed(simulate(tmp_path, tmp_path / "sim", optimize=True, runtime=fast_runtime))


@deep
@needs_icarus
@pytest.mark.parametrize("name", ["planes_zero-walking", "samples_all"])
def test_regression_on_icarus(name: str, tmp_path: Path) -> None:
    generate(CORES[name], tmp_path)
    expect_all_passed(simulate(tmp_path, tmp_path / "sim", simulator="icarus", soak=512))


@deep
def test_regression_on_gates(tmp_path: Path) -> None:
    generate(CORES["planes_zero-two_stages"], tmp_path)
    expect_all_passed(simulate_gates(tmp_path, tmp_path / "gates"))


# -- products of integers --

WIDE = ["shift.min=0", "shift.max=24", "scale.format=UQ1.7", "output.format=SQ16.0", "activation.modes=none,relu"]
EIGHT = ["front.x_planes=8", "front.w_planes=8"]
PRODUCTS: dict[str, list[str]] = {
    "both": [
        *(*BITS, *EIGHT, BOTH, "front.bits=17", "front.rows=17", "front.zero=8", "front.subarrays=2"),
        "front.order=slot",
    ],
    "counts": [*COUNTED, *EIGHT, "codes.format=UQ6.0", "front.zero=8"],
    "unsigned": [*COUNTED, *EIGHT, "codes.format=UQ9.0", "front.signed=false"],
    "xnor": [*BITS, "front.bits=64", "front.rows=64", "front.values=bipolar", "front.subarrays=5"],
}


@pytest.mark.parametrize("name", [pytest.param(name, marks=[] if name == "both" else [deep]) for name in PRODUCTS])
def test_planes_equal_the_plain_product(name: str, fast_runtime: Path, tmp_path: Path) -> None:
    generate(load(preset_name="tiny", settings=[*PRODUCTS[name], *WIDE]), tmp_path)
    result = simulate(tmp_path, tmp_path / "sim", bench="tb.test_planes", optimize=True, runtime=fast_runtime)
    assert not result.failures, result.failures[0]
    assert (result.passed, result.columns_checked) == (1, 40 * 8)


@deep
def test_products_tell_of_a_sign_that_is_forgotten(fast_runtime: Path, tmp_path: Path) -> None:
    """Before the scoreboard does, which takes the golden front end's word."""
    config = load(preset_name="tiny", settings=[*PRODUCTS["both"], *WIDE])
    generate(config, tmp_path)
    fault = Fault("nmpu_front_end", r"w_signed & w_plane_end", "w_signed & 1'h0")
    wrong = tmp_path / "wrong.v"
    wrong.write_text(seeded(emit(config), fault))
    result = simulate(
        tmp_path, tmp_path / "sim", bench="tb.test_planes", netlist=wrong, optimize=True, runtime=fast_runtime
    )
    assert result.failed == 1
    assert "w_signed=True" in result.failures[0].message
    assert "products [" in result.failures[0].message


# -- the bench itself --


@pytest.mark.parametrize("name", CONFIGS)
def test_resolver_reads_what_encode_writes_and_survives_the_rest(name: str) -> None:
    config, rng = configured(name), np.random.default_rng(4)
    resolve, make = Resolver(config), Stimulus(config, rng)
    for _ in range(40):
        pins = make.pins(make.settings())
        assert encode(config, resolve(pins)) == pins
        resolve(make.any_pins()).check(config)


@pytest.mark.parametrize("name", CONFIGS)
def test_what_beats_carry_is_read_again(name: str) -> None:
    """Whole passes, and passes of which the first beats were taken: as many slots as are complete, all their steps."""
    config, rng = configured(name), np.random.default_rng(len(name))
    for _ in range(6):
        front = draw_front_settings(rng, config, limit=12)
        settings = PassSettings.of(config, columns=int(rng.integers(1, config.array.columns + 1)), front=front)
        raw, order = draw_raw(rng, config, front, settings.columns), Steps.of(config, settings)
        fields, sums = fields_of_passes(rng, config, [raw], [settings])
        assert len(fields) == order.beats == sum(order.completes(k) for k in range(order.beats)) * order.steps
        whole = raw.operands(config, front)
        for beats in (order.beats, int(rng.integers(1, order.beats + 1))):
            slots = order.complete(beats)
            if slots:
                got = operands_of(config, settings, slots, fields[None, :beats], sums[None, :beats])
                assert got.tolist() == whole[..., : slots * config.array.lanes].tolist()


def test_slots_are_complete_in_order() -> None:
    by_slot, by_step = Steps(3, 4, by_slot=True), Steps(3, 4, by_slot=False)
    assert [by_slot.complete(k) for k in range(13)] == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4]
    assert [by_step.complete(k) for k in range(13)] == [*[0] * 9, 1, 2, 3, 4]
    assert [by_slot.slot(k) for k in range(12)] == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert [by_step.slot(k) for k in range(12)] == [0, 1, 2, 3] * 3


@pytest.mark.parametrize("name", CONFIGS)
def test_extreme_numbers_reach_the_ends_of_the_operand(name: str) -> None:
    """Those of the two largest passes of the test ``corners`` need every bit of an operand.

    They are the ends of the derived range, but where that counts on two numbers of rows at once.
    """
    config, rng = configured(name), np.random.default_rng(1)
    number, seen = config.derived.operand, set[int]()
    make, kinds = Stimulus(config, rng), np.tile(np.arange(4), (config.codes.counts, 1))
    for high in (False, True):
        settings, _, turned = full_size(rng, config, make.settings(), high=high)
        assert settings.front is not None
        raw = extreme_raw(config, settings.front, kinds, turned=turned)
        seen |= set(raw.operands(config, settings.front).reshape(-1).tolist())
    assert Number(min(seen), max(seen), number.fraction).width == number.width
    if "rows" not in {choice.name for choice in front_choices(config)}:
        assert (min(seen), max(seen)) == (number.low, number.high)


@pytest.mark.parametrize("name", ["imce", "xnor", "stox"])
def test_any_pins_make_a_short_pass_and_odd_ones_are_among_them(name: str) -> None:
    config, rng = preset(name), np.random.default_rng(2)
    make, resolve, odd = Stimulus(config, rng), Resolver(config), set[str]()
    for _ in range(300):
        pins = tamed(rng, config, make.any_pins())
        settings = resolve(pins)
        assert settings.front is not None
        assert settings.front.steps(config) <= 16
        odd |= {pin for pin, bits in encode(config, settings).items() if bits != pins[pin]}
    assert odd >= {f"cfg_{name}" for name in ("x_planes", "w_planes", "subarrays", "samples") if f"cfg_{name}" in pins}
    zeros = resolve(dict.fromkeys(pins, 0)).front  # which stand for the most of all that is counted
    assert zeros is not None
    assert zeros.steps(config) == FrontSettings.of(config).steps(config)
