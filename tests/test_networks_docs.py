"""docs/networks.md tells the truth: its examples run, its tables are those of the code."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import re
from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import Any, get_args

import pytest

from flows.networks.digits import SCHEDULE
from flows.networks.torch_nodes import ARGUMENTS, NOTHING, SHAPING
from golden.network import Node

PAGE = (Path(__file__).parent.parent / "docs" / "networks.md").read_text()


def section(heading: str) -> str:
    return re.split(r"\n## ", PAGE.split(f"\n## {heading}\n", 1)[1])[0]


def blocks(heading: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", section(heading), re.DOTALL)


@pytest.mark.parametrize(
    ("heading", "library", "before"),
    [
        ("Images", None, ()),
        ("From PyTorch", "torch", ("Images",)),
        ("From ONNX", "onnx", ("Images",)),
        ("With NumPy alone", None, ("Images",)),
        ("From aihwkit", "aihwkit", ("Images", "From PyTorch")),
        ("The network that comes along", "sklearn", ("Images",)),
    ],
)
def test_examples_run(
    heading: str, library: str | None, before: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if library and importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("flows.networks.digits.SCHEDULE", replace(SCHEDULE, epochs=1))  # of the text it is measured
    names: dict[str, Any] = {"__name__": "example"}
    for text in [block for one in (*before, heading) for block in blocks(one)]:
        told = io.StringIO()
        with contextlib.redirect_stdout(told):
            exec(compile(text, heading, "exec"), names)
        said = [
            line.split("#", 1)[1].strip() for line in text.splitlines() if line.startswith("print(") and "#" in line
        ]
        if said:
            assert told.getvalue().splitlines() == said
        if "  # Grid, Conv" in text:
            assert [line.split()[0] for line in told.getvalue().splitlines()] == [
                "Grid",
                "Conv",
                "Clip",
                "Grid",
                "Pool",
            ]


def test_every_section_with_an_example_is_run() -> None:
    found = {heading for heading in re.findall(r"\n## (.*)\n", PAGE) if blocks(heading)}
    marks = [m for m in test_examples_run.pytestmark if m.name == "parametrize"]  # type: ignore[attr-defined]
    assert found == {case[0] for case in marks[0].args[1]}


def rows(heading: str, first: str) -> list[list[str]]:
    """Cells of the table whose first cell is ``first``."""
    lines = [line for line in section(heading).splitlines() if line.startswith("|")]
    start = next(k for k, line in enumerate(lines) if line.startswith(f"| {first} |"))
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[start + 2 :]]


def test_nodes_and_their_fields() -> None:
    told = {cells[0]: cells[2] for cells in rows("With NumPy alone", "node")}
    kinds = get_args(Node)
    assert list(told) == [kind.__name__ for kind in kinds]
    for kind in kinds:
        wanted = [(f.name, f.default is not MISSING) for f in fields(kind) if f.name != "name"]
        parts = re.findall(r"(\[?)`([a-z]+)`", re.sub(r"\((`[^)]*)\)", "", told[kind.__name__]))
        assert [(name, bool(bracket)) for bracket, name in parts] == wanted, kind.__name__


def test_all_that_pytorch_may_call_is_in_the_table() -> None:
    told = " ".join(cells[0] for cells in rows("From PyTorch", "PyTorch"))
    words = set(re.findall(r"`([a-z_0-9]+)`", told))
    assert {*ARGUMENTS, *NOTHING, *SHAPING} == words - {"padding", "same", "valid"}
