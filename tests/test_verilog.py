"""The emitted Verilog: the same bytes every time, one lane, the ports that the manifest promises."""

from __future__ import annotations

import functools
import json
import os
import re
import subprocess
import sys

import pytest

from nmpu_hdl.ports import top_name
from nmpu_hdl.presets import PRESETS, load, preset
from nmpu_hdl.verilog import emit, manifest

EMIT = "from nmpu_hdl.presets import preset as p; from nmpu_hdl.verilog import emit; print(emit(p('{}')), end='')"


@functools.cache
def verilog(name: str) -> str:
    """What is emitted for a preset."""
    return emit(preset(name))


@pytest.mark.parametrize("name", PRESETS)
def test_same_bytes_under_any_hash_seed(name: str) -> None:
    """That of this process is one at chance."""
    other = subprocess.run(
        [sys.executable, "-c", EMIT.format(name)],
        env={**os.environ, "PYTHONHASHSEED": "0"},
        check=True,
        capture_output=True,
    )
    assert other.stdout.decode() == verilog(name)


def test_one_lane_module_many_instances() -> None:
    text = verilog("paper")
    assert re.findall(r"^module (\w+)", text, re.MULTILINE) == [
        "nmpu",
        "nmpu_arbiter",
        "nmpu_lane",
        "nmpu_memory",
        "nmpu_pipeline",
        "nmpu_sequencer",
        "nmpu_words",
    ]
    assert len(re.findall(r"^  nmpu_lane lane_\d+ \($", text, re.MULTILINE)) == 64


@pytest.mark.parametrize("name", PRESETS)
def test_ports_are_the_manifest_s(name: str) -> None:
    config = preset(name)
    top = verilog(name).split(f"\nmodule {top_name(config)}(", 1)[1].split("endmodule", 1)[0]
    declared = {
        (direction, int(high or 0) + 1, port)
        for direction, high, port in re.findall(
            r"^  (input|output) (?:signed )?(?:\[(\d+):0\] )?(\w+);", top, re.MULTILINE
        )
    }
    promised = {(f"{p['direction']}put", p["width"], p["name"]) for p in manifest(config)["ports"]}
    assert declared == promised | {("input", 1, "clk"), ("input", 1, "rst")}


@pytest.mark.parametrize(
    ("settings", "cycles"),
    [
        (["how.architecture=shared"], 2),
        (["how.architecture=serial"], 15),
        (["how.architecture=serial", "how.radix=4"], 7),
    ],
)
def test_manifest_of_lanes_of_several_clocks(settings: list[str], cycles: int) -> None:
    """The same ports and numbers, another time; lanes are still one module, and one counter tells all of them."""
    base, config = manifest(preset("paper")), load(settings=[*settings, "how.stages=2"])
    about = manifest(config)
    assert (about["ports"], about["numbers"]) == (base["ports"], base["numbers"])
    assert about["digest"] != manifest(load(settings=["how.stages=2"]))["digest"]
    assert (base["streams"]["cycles_a_beat"], about["streams"].pop("cycles_a_beat")) == (1, cycles)
    assert about["latency_cycles"] == cycles - 1 + 2
    assert about["streams"].items() <= base["streams"].items()
    walking = manifest(load(settings=[*settings, "how.built=8"]))
    assert (walking["streams"]["cycles_a_beat"], walking["latency_cycles"]) == (8 * cycles, 8 * cycles)
    text = emit(config)
    assert len(re.findall(r"^  nmpu_lane lane_\d+ \($", text, re.MULTILINE)) == 64
    assert len(re.findall(r"^  nmpu_phases phases \($", text, re.MULTILINE)) == 1


def test_how_changes_no_number_and_what_changes_the_digest() -> None:
    base, staged = manifest(preset("paper")), manifest(load(settings=["how.stages=3"]))
    assert base["numbers"] == staged["numbers"]
    assert (base["latency_cycles"], staged["latency_cycles"]) == (1, 3)
    assert base["digest"] != staged["digest"]
    assert json.loads(json.dumps(base)) == base
