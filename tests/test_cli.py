"""The command line as a user meets it: what it prints, and one clear line for every mistake."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

PROGRAM = [sys.executable, "-m", "flows"]


def nmpu(*words: str, cwd: Path, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*PROGRAM, *words], cwd=cwd, env=env, capture_output=True, text=True, check=False)


def expect_complaint(done: subprocess.CompletedProcess[str], status: int, *parts: str) -> None:
    """One line on stderr that has all ``parts``, nothing on stdout, and that exit status."""
    assert done.returncode == status, done.stderr
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("nmpu: ")
    for part in parts:
        assert part in done.stderr


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["generate", "--set", "array.lane=4"], ["unknown key 'array.lane'", "'array.lanes'"]),
        (["generate", "--set", "array.lanes=7"], ["lanes = 7 does not divide columns = 256"]),
        (["generate", "--width", "0"], ["width = 0 is outside 2..16 bits"]),
        (["generate", "--set", "offset.format=SQ20.9"], ["offset.format: SQ20.9 has 29 bits; offsets take 2 to 24"]),
        (["generate", "none.toml"], ["none.toml: No such file or directory"]),
        (
            ["generate", "--preset", "papers"],
            ["there is no preset 'papers'; paper, fp16-ldpu, tiny, tile, tiny-tile, aon-cim, imce, xnor,"],
        ),
        (["generate", "--set", "guard"], ["--set guard: write group.field=value"]),
        (["generate", "-o", "file/below"], ["file/below", "Not a directory"]),
        (["generate", "--wide"], ["--wide"]),
        (["generate", "--set", "123=4"], ["unknown key '123'"]),
        (["generate", "--set", "na\nme=3"], ["unknown key"]),
        (["generate", "--set", "codes.counts=true"], ["codes.counts = True: input should be a valid integer"]),
        (["generates"], ["generates"]),
        (["area", "--preset", "tiny", "--lib", "none.lib"], ["none.lib"]),
        (["area", "--preset", "tiny", "--lib", "cut.lib"], ["cut.lib"]),
        (["sim", "--preset", "tiny", "--simulator", "modelsim"], ["modelsim"]),
        (["area", "--preset", "tiny", "--macro", "params:4:26"], ["--macro 'params:4:26' is not name:words:bits:area"]),
        (["area", "--preset", "tiny", "--macro", "params:4:26:9"], ["no such macro is needed, but none is"]),
        (
            ["run", "--preset", "tiny", "--set", "how.memory=macro", "--macro", "params:4:25:9"],
            ["4 words of 25 bits are too small; 4 words of 26 bits are needed"],
        ),
        (
            ["registers", "--preset", "tiny"],
            ["tile.kind = none has no registers; --preset tile or --set tile.kind=axi"],
        ),
        (["generate", "--input", "sram"], ["tile.input=sram is for a tile", "--preset tile or --set tile.kind=axi"]),
        (["generate", "--activations", "dram"], ["--activations", "dram"]),
        (["init", "none/nmpu.toml"], ["none/nmpu.toml: No such file or directory"]),
        (["init", "there.toml"], ["there.toml is there already; --force overwrites it"]),
    ],
)
def test_mistakes(words: list[str], parts: list[str], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "there.toml").touch()
    neutral = (Path(__file__).parent.parent / "flows" / "neutral.lib").read_text()
    (tmp_path / "cut.lib").write_text(neutral[: len(neutral) // 2])
    expect_complaint(nmpu(*words, cwd=tmp_path), 2, *parts)
    assert not list(tmp_path.rglob("*.tmp"))
    if words[0] in ("generate", "run", "registers") or "--macro" in words:
        assert not (tmp_path / "build").exists()


def test_no_compiler(tmp_path: Path) -> None:
    """A PATH with everything but g++."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("make", "perl", "python3", "env", "sh", "bash"):
        (tools / name).symlink_to(shutil.which(name) or name)
    done = nmpu("sim", "--preset", "tiny", cwd=tmp_path, env={**os.environ, "PATH": str(tools)})
    expect_complaint(done, 2, "g++", "apt-get install")
    assert not (tmp_path / "build" / "tiny" / "sim" / "result.json").exists()


def test_full_disk_leaves_nothing_half_written(tmp_path: Path) -> None:
    def small_files_only() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000))

    done = subprocess.run(
        [*PROGRAM, "generate", "--preset", "tiny"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        preexec_fn=small_files_only,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (1, 2)
    assert done.stderr.count("\n") == 1, done.stderr
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_folder_in_the_way_leaves_all_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "out" / "manifest.json").mkdir(parents=True)
    expect_complaint(nmpu("generate", "-o", "out", cwd=tmp_path), 2, "out/manifest.json: Is a directory")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["manifest.json"]


def test_temporary_folder_with_a_space(tmp_path: Path) -> None:
    (tmp_path / "t m").mkdir()
    done = nmpu("generate", "--preset", "tiny", cwd=tmp_path, env={**os.environ, "TMPDIR": str(tmp_path / "t m")})
    assert done.returncode == 0, done.stderr


WHILE_IMPORTING = """
import sys
class Interrupting:
    def find_spec(self, name, *rest):
        if name == "flows.cli":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupting())
"""
WHILE_GENERATING = """
import os, signal, time
import flows.generate
def emit(config):
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(10)
flows.generate.emit = emit
"""
SWALLOWED = """
import os, signal, time
import flows.generate
def emit(config):
    try:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(10)
    except KeyboardInterrupt:
        return ""  # as Python does where an interrupt meets a destructor
flows.generate.emit = emit
"""


@pytest.mark.parametrize("when", [WHILE_IMPORTING, WHILE_GENERATING, SWALLOWED])
def test_interrupt_is_one_line(when: str, tmp_path: Path) -> None:
    program = f"{when}\nfrom flows.__main__ import main\nmain()"
    words = [sys.executable, "-c", program, "generate", "--preset", "tiny", "--json"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("nmpu: interrupted; ")
    assert not list(tmp_path.rglob("*.tmp"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_leaves_nothing_half_written(number: signal.Signals, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*PROGRAM, "run", "--preset", "tiny"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    sim = tmp_path / "build" / "tiny" / "sim"
    while not sim.exists() and process.poll() is None:
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (2, "", "nmpu: interrupted; what was finished is kept\n")
    assert not (sim / "result.json").exists()
    assert (tmp_path / "build" / "tiny" / "lint" / "result.json").exists()
    assert not (tmp_path / "build" / "tiny" / "report.md").exists()


def test_run_tiny_then_resume(tmp_path: Path) -> None:
    first = nmpu("run", "--preset", "tiny", "--json", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    result = json.loads(first.stdout)
    assert result["passed"]
    assert result["sim"]["failed"] == 0
    assert result["sim"]["columns_checked"] > 1000
    assert result["area"]["ge"] > result["area"]["lane_ge"] > 0
    assert first.stderr == ""
    report = (tmp_path / "build" / "tiny" / "report.md").read_text()
    assert "All passed" in report
    again = nmpu("run", "--preset", "tiny", "--json", cwd=tmp_path)
    assert json.loads(again.stdout) == result, "a second run takes the results of the first, timings included"
    other = nmpu("sim", "--preset", "tiny", "--set", "output.format=SQ5.0", "--simulator", "icarus", cwd=tmp_path)
    if other.returncode == 0:  # Icarus may not be there
        third = json.loads(nmpu("run", "--preset", "tiny", "--json", cwd=tmp_path).stdout)
        assert third["sim"]["simulator"] == "verilator", "what another command left there is not taken for its own"


def test_init_generate_from_the_file(tmp_path: Path) -> None:
    assert nmpu("init", "--width", "6", cwd=tmp_path).stdout == "wrote nmpu.toml\n"
    done = nmpu("generate", "nmpu.toml", "--set", "how.stages=2", "-o", "out", "--json", cwd=tmp_path)
    manifest = json.loads(done.stdout)
    assert manifest["latency_cycles"] == 2
    assert manifest["config"]["output"]["format"] == "SQ6.0"
    assert manifest == json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["config.json", "manifest.json", "nmpu.v"]


def test_a_tile_and_its_macros(tmp_path: Path) -> None:
    words = ["generate", "--preset", "tiny-tile", "-o", "out"]
    said = nmpu(*words, "--set", "how.memory=macro", "--input", "sram", "--activations", "sram", cwd=tmp_path).stdout
    assert said.startswith("wrote out/nmpu.v and out/macros.v: ")
    assert ", 12 layers" in said
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert (config["tile"]["input"], config["tile"]["output"]) == ("sram", "sram")
    design, models = ((tmp_path / "out" / name).read_text() for name in ("nmpu.v", "macros.v"))
    macros = re.findall(r"^module (nmpu_macro_\w+)\(", models, re.MULTILINE)
    assert len(macros) == 4
    assert set(macros) == set(re.findall(r"^  (nmpu_macro_\w+) ", design, re.MULTILINE))
    assert nmpu(*words, cwd=tmp_path).stdout.startswith("wrote out/nmpu.v: ")
    assert not (tmp_path / "out" / "macros.v").exists(), "macros of another configuration are no part of this one"


def test_registers(tmp_path: Path) -> None:
    done = nmpu("registers", "--preset", "tiny-tile", "-o", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("wrote registers.rdl, registers.md")
    assert "into out/registers" in done.stdout
    assert "addrmap" in (tmp_path / "out" / "registers" / "registers.rdl").read_text()
    result = json.loads(nmpu("registers", "--preset", "tiny-tile", "-o", "out", "--json", cwd=tmp_path).stdout)
    assert Path(result["markdown"]).is_file()


@pytest.mark.skipif(not shutil.which("iverilog"), reason="needs Icarus Verilog")
def test_run_with_a_macro_of_the_user_s(tmp_path: Path) -> None:
    """The size is an input of the area step alone."""
    words = ["run", "--preset", "tiny", "--simulator", "icarus", "--set", "how.memory=macro", "--json", "--macro"]
    first, second = (json.loads(nmpu(*words, f"params:4:26:{n}", cwd=tmp_path).stdout) for n in (1000, 1500))
    assert first["passed"]
    assert first["sim"] == second["sim"]
    assert [one["area"]["macros"][0]["ge"] for one in (first, second)] == [1000, 1500]
    assert second["area"]["ge"] == pytest.approx(first["area"]["ge"] + 500)
    assert "| params | 1 | 4 | 26 | 1,500 | 1,500 |" in (tmp_path / "build" / "tiny" / "report.md").read_text()


def test_lint_json(tmp_path: Path) -> None:
    done = nmpu("lint", "--preset", "tiny", "--json", cwd=tmp_path)
    assert json.loads(done.stdout)["clean"], done.stdout


def test_area_json_has_what_was_promised(tmp_path: Path) -> None:
    done = nmpu("area", "--preset", "tiny", "--json", cwd=tmp_path)
    result = json.loads(done.stdout)
    for key in ("top", "library", "ge", "sequential_ge", "lane_ge", "critical_path_ps", "tools"):
        assert result[key] is not None, key
    assert result["area_um2"] is None
    assert {"nmpu", "nmpu_lane", "nmpu_sequencer"} <= {block["name"] for block in result["blocks"]}


def test_doctor_and_schema_and_version(tmp_path: Path) -> None:
    tools = {tool["name"]: tool for tool in json.loads(nmpu("doctor", "--json", cwd=tmp_path).stdout)["tools"]}
    assert tools["g++"]["version"]
    assert tools["verilator"]["version"]
    assert "amaranth" in nmpu("doctor", cwd=tmp_path).stdout
    assert json.loads(nmpu("schema", cwd=tmp_path).stdout)["title"] == "NmpuConfig"
    assert nmpu("--version", cwd=tmp_path).stdout.startswith("nmpu-hdl ")
    assert "generate" in nmpu("--help", cwd=tmp_path).stdout
