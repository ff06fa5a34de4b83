"""The README tells the truth: its Python runs and prints what it says, its complaints are the program's."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from pathlib import Path

import pytest

from nmpu_hdl.presets import load

README = (Path(__file__).parent.parent / "README.md").read_text()


def test_python() -> None:
    code = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(code) == 1
    said = re.findall(r"print\(.*\)\s+# ([-\d. ]+):", code[0])
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(code[0], {})
    assert out.getvalue().splitlines() == said


def test_complaints() -> None:
    shown = re.findall(r"^\$ nmpu generate (--set [^\n]*)\nnmpu: ([^\n]*)$", README, re.MULTILINE)
    assert len(shown) == 2
    for words, complaint in shown:
        with pytest.raises(ValueError, match=re.escape(complaint)):
            load(settings=[shlex.split(words)[1]])
