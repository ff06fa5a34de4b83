"""docs/arrays.md tells the truth: its program runs and prints what the page says, its sections and presets exist."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path
from typing import Any

import pytest

from nmpu_hdl.presets import PRESETS

from .test_docs import DOCS

ARRAYS = (DOCS / "arrays.md").read_text()
BLOCK = re.compile(r"```python\n(.*?)```\n(?:\n```text\n(.*?)```\n)?", re.DOTALL)


def run_page(page: str) -> None:
    """The Python blocks of a page are one program, which prints the text behind each."""
    blocks = BLOCK.findall(page)
    assert len(blocks) == page.count("```python")
    assert sum(bool(text) for _, text in blocks) == page.count("```text")
    names = dict[str, Any]()
    for code, text in blocks:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(code, names)
        assert out.getvalue() == text, code


def test_program() -> None:
    run_page(ARRAYS)


def test_every_family_shows_a_number() -> None:
    for link in re.findall(r"\]\(#([^)]+)\)", ARRAYS):
        (section,) = [part for part in ARRAYS.split("\n## ")[1:] if slug(part.splitlines()[0]) == link]
        assert BLOCK.search(section), link
        assert re.search(r"\by -?\d", section), link


def test_every_array_preset_is_told() -> None:
    told = {name for row in re.findall(r"^\| \[.*\|$", ARRAYS, re.MULTILINE) for name in re.findall(r"`([\w-]+)`", row)}
    assert set(PRESETS) & told == set(PRESETS) - {"fp16-ldpu", "tiny", "tile", "tiny-tile", "wide"}


@pytest.mark.parametrize("page", [DOCS.parent / "README.md", *sorted(DOCS.glob("*.md"))], ids=lambda page: page.name)
def test_links_lead_to_sections(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([\w./]*\.md)?#([^)]+)\)", page.read_text()):
        text = (page.parent / target).read_text() if target else page.read_text()
        assert anchor in {slug(heading) for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}, anchor


def slug(heading: str) -> str:
    """The anchor of a heading, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
