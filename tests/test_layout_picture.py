"""The picture of a routed layout: what is painted where, and that equal files give equal bytes."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from flows.layout.picture import draw, read_layout
from flows.layout.technology import Technology, osu018
from flows.tool import ToolMissing

ROUTED = Path(__file__).parent / "data" / "layout" / "tiny.def"
KLAYOUT = importlib.util.find_spec("klayout") is not None
CELLS = Path("/usr/share/qflow/tech/osu018").is_dir()
needs_klayout = pytest.mark.skipif(not KLAYOUT, reason="needs pip install 'nmpu-hdl[layout]'")
needs_cells = pytest.mark.skipif(not CELLS, reason="needs apt-get install qflow-tech-osu018")


@pytest.fixture(scope="module")
def technology() -> Technology:
    return osu018()


def pixels(picture: Path) -> npt.NDArray[np.uint8]:
    """Red, green and blue, top row first."""
    from klayout import lay

    buffer = lay.PixelBuffer.read_png(str(picture))
    raw = np.frombuffer(buffer.to_bytes(), np.uint8)[8:]
    return raw.reshape(buffer.height(), buffer.width(), 4)[:, :, 2::-1]


@needs_klayout
@needs_cells
def test_layers_are_where_they_are(technology: Technology, tmp_path: Path) -> None:
    """A piece of 8 um x 8 um: a wire of metal2 and its via, a cell and its rail, a filler, and nothing."""
    from klayout import db

    from flows.layout.sheet import sheet

    draw(ROUTED, technology, tmp_path / "a.png", window=(0, 0, 8, 8), pixels=400)
    image = pixels(tmp_path / "a.png")
    frame = sheet(read_layout(ROUTED, technology), technology, db.DBox(0, 0, 8, 8)).frame
    scale = 400 / max(frame.width(), frame.height())

    def at(x: float, y: float) -> list[int]:
        return [int(value) for value in image[int((frame.top - y) * scale), int((x - frame.left) * scale)]]

    wire, via, cell, rail, filler, nothing = at(2.4, 4.9), at(2.4, 6), at(2.0, 7.8), at(6, 0.5), at(3.5, 7), at(0.2, 3)
    assert wire[0] > wire[1] + 60, "metal2 is red"
    assert rail[2] > rail[0], "metal1 is blue"
    assert max(via) < 110
    assert nothing == [255, 255, 255]
    assert sum(cell) < sum(filler) < sum(nothing)
    assert len({tuple(each) for each in (wire, cell, filler, via, rail, nothing)}) == 6


@needs_klayout
@needs_cells
def test_equal_bytes(technology: Technology, tmp_path: Path) -> None:
    for name in "ab":
        draw(ROUTED, technology, tmp_path / f"{name}.png", pixels=300)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.png", "b.png"]
    draw(ROUTED, technology, tmp_path / "b.png", window=(2, 2, 9, 9), pixels=300)
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "b.png").read_bytes()
    assert max(pixels(tmp_path / "a.png").shape) == 300


@needs_klayout
@needs_cells
def test_pins_and_legend(technology: Technology) -> None:
    from flows.layout.sheet import sheet

    made = sheet(read_layout(ROUTED, technology), technology, None)
    words = {word.string for word in made.words}
    assert words == {
        "tiny   16.0 um x 25.0 um",
        *("a[0:1]", "b", "y[0:1]", "clk", "q", "2 um"),
        *("filler", "cell", "metal1 in cells", "metal2 in cells", "metal1", "metal2", "metal3", "via"),
    }
    at = {word.string: (word.x, word.y) for word in made.words}
    assert at["clk"][0] < -1.6
    assert at["clk"][1] == pytest.approx(15, abs=0.1)
    assert at["q"][0] > 14.4
    assert at["b"][1] < -2
    assert at["y[0:1]"][0] == pytest.approx(7.2, abs=0.1)
    assert at["y[0:1]"][1] > 23


@needs_klayout
@needs_cells
@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("UNITS DISTANCE MICRONS 100 ;", "", "has no UNITS; give the DEF file of a router"),
        ("END NETS", "END NOTHING", "is not DEF as klayout reads it: "),
    ],
)
def test_what_is_no_layout(old: str, new: str, words: str, technology: Technology, tmp_path: Path) -> None:
    assert old in ROUTED.read_text()
    (tmp_path / "x.def").write_text(ROUTED.read_text().replace(old, new))
    with pytest.raises(ValueError, match=words):
        draw(tmp_path / "x.def", technology, tmp_path / "a.png")
    assert not (tmp_path / "a.png").exists()


@needs_klayout
@needs_cells
def test_numbers_that_make_no_sense(technology: Technology, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="pixels = 20: a picture has 100 to 10000"):
        draw(ROUTED, technology, tmp_path / "a.png", pixels=20)
    with pytest.raises(ValueError, match=r"window = \(90,90;99,99\): nothing of the block is there"):
        draw(ROUTED, technology, tmp_path / "a.png", window=(90, 90, 99, 99))
    with pytest.raises(OSError, match="nowhere"):
        draw(tmp_path / "nowhere.def", technology, tmp_path / "a.png")
    with pytest.raises(OSError, match="nowhere"):
        draw(ROUTED, technology, tmp_path / "nowhere" / "a.png", pixels=100)


@needs_cells
def test_without_klayout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ToolMissing, match=r"^klayout is not installed; get it with: pip install 'nmpu-hdl\[layout\]'$"):
        draw(ROUTED, osu018(), tmp_path / "a.png")
