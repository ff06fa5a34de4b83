"""docs/example.md runs: its files are written out, its commands done, and say what the page says."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[1] / "docs" / "example.md").read_text()


def files() -> dict[str, str]:
    """The Python files of the page by name."""
    return dict(re.findall(r"^```python\n# (\w+\.py)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE))


def commands() -> list[str]:
    """What is typed, in order."""
    return re.findall(r"^\$ (.*)$", PAGE, re.MULTILINE)


def test_files_are_python() -> None:
    assert list(files()) == ["mynet.py", "train.py", "measure.py"]
    for name, text in files().items():
        compile(text, name, "exec")


@pytest.mark.deep
def test_the_page_runs(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="the example is a PyTorch module; pip install 'nmpu-hdl[torch]' installs it")
    for name, text in files().items():
        (tmp_path / name).write_text(text)
    done = []
    for line in commands():
        words = shlex.split(line)
        program = [sys.executable, *words[1:]] if words[0] == "python" else [sys.executable, "-m", "flows", *words[1:]]
        run = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert run.returncode == 0, f"{line}: {run.stderr}"
        done.append(words[:2])
        if words[0] == "python" and run.stdout:
            assert run.stdout.strip() in PAGE
    assert ["nmpu", "deploy"] in done
    assert ["nmpu", "calibrate"] in done
    assert ["nmpu", "optimize"] in done
