"""The emitted Verilog: the same bytes every time, one lane, the ports that the manifest promises."""

from __future__ import annotations

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


@pytest.mark.parametrize("name", PRESETS)
def test_same_bytes_under_any_hash_seed(name: str) -> None:
    texts = {
        subprocess.run(
            [sys.executable, "-c", EMIT.format(name)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("0", "1")
    }
    assert len(texts) == 1
    assert texts.pop().decode() == emit(preset(name))


def test_one_lane_module_many_instances() -> None:
    text = emit(preset("paper"))
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
    top = emit(config).split(f"\nmodule {top_name(config)}(", 1)[1].split("endmodule", 1)[0]
    declared = {
        (direction, int(high or 0) + 1, port)
        for direction, high, port in re.findall(
            r"^  (input|output) (?:signed )?(?:\[(\d+):0\] )?(\w+);", top, re.MULTILINE
        )
    }
    promised = {(f"{p['direction']}put", p["width"], p["name"]) for p in manifest(config)["ports"]}
    assert declared == promised | {("input", 1, "clk"), ("input", 1, "rst")}


def test_how_changes_no_number_and_what_changes_the_digest() -> None:
    base, staged = manifest(preset("paper")), manifest(load(settings=["how.stages=3"]))
    assert base["numbers"] == staged["numbers"]
    assert (base["latency_cycles"], staged["latency_cycles"]) == (1, 3)
    assert base["digest"] != staged["digest"]
    assert json.loads(json.dumps(base)) == base
