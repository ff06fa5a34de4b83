"""Spaces of ``nmpu optimize``: the usual one, words, files, and which values are next to which."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from flows.optimize.command import space_of
from flows.optimize.optimize import Wanted
from flows.optimize.ordinary import ordinary
from flows.optimize.search import Bound
from flows.optimize.space import read_space, words_space
from nmpu_hdl.presets import preset

PAPER = preset("paper")


def test_the_usual_space_is_around_the_base() -> None:
    space = ordinary(PAPER)
    assert all(value in dict(space.fields)[name] for name, value in space.told(space.start).items())
    assert space.told(space.start)["rounding.modes"] == "half_up"
    assert space.config(space.start) == PAPER
    assert dict(space.fields)["guard"] == (0, 1, 2, 3)
    for name in ("tile", "aon-cim", "tiny", "wide"):
        assert ordinary(preset(name)).size > 1000
    assert len(list(words_space(PAPER, ["guard=0,1", "shift.max=5,6"]).every())) == 4


def test_steps_are_to_what_is_next() -> None:
    space = words_space(
        PAPER,
        ["offset.format=SQ8.1,SQ7.1,SQ6.1,SQ8.0,SQ7.0", "guard=3,0,1", "rounding.modes=half_up,floor,half_up+floor"],
    )
    found = [(name, space.told(other)[name]) for name, other in space.steps(space.start)]
    assert found == [
        *(("offset.format", "SQ7.1"), ("offset.format", "SQ8.0")),
        *(("guard", 0), ("guard", 3)),
        *(("rounding.modes", "floor"), ("rounding.modes", "half_up+floor")),
    ]
    both = space.config(("SQ8.1", 1, "half_up+floor"))
    assert both.rounding.modes == ("half_up", "floor")
    with pytest.raises(ValueError, match="guard = -1: input"):
        words_space(PAPER, ["guard=0,-1"]).config((-1,))


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["scale.fomat=UQ1.3"], "the space cannot have the field scale.fomat; codes.format, scale.format, "),
        (["scale.format"], "--space scale.format: write field=a,b,c, such as scale.format=UQ1.7,UQ1.4"),
        (["scale.format="], "--space scale.format=: write field=a,b,c"),
        (["scale.format=1.3"], "the field scale.format of the space: '1.3' is not a number format; write UQi.f or SQi"),
        (["guard=0,x"], "the field guard of the space has the value x; a whole number would do"),
        (["guard=0,0"], "the field guard of the space names a value twice; once is enough"),
        (["shift.granularity=row"], "the field shift.granularity of the space has the value 'row'; layer, column or"),
        (
            ["rounding.modes=half_up+up"],
            "the field rounding.modes of the space has the value 'half_up+up'; floor, half",
        ),
        (["guard=-5"], "all candidates of the space but the base are refused, the first: guard = -5: input"),
        (["codes.format=UQ99.0"], "all candidates of the space but the base are refused, the first: codes.format"),
        (["guard=-5,1", "shift.max=6"], "all candidates of the space but the base are refused, the first: guard = -5"),
        ([], "the space has no field; one or more of codes.format, "),
    ],
)
def test_words_that_make_no_sense(words: list[str], complaint: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(complaint)}"):
        words_space(PAPER, words)


def test_a_space_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "s.toml"
    file.write_text(
        '[space]\nguard = [0, 1]\nscale.format = ["UQ1.7"]\nrounding.modes = [["half_up", "floor"], "floor"]\n'
    )
    space = space_of(PAPER, [str(file), "guard=2,1"])
    assert dict(space.fields) == {
        "guard": (2, 1),
        "scale.format": ("UQ1.7",),
        "rounding.modes": ("half_up+floor", "floor"),
    }
    file.write_text("guard = [0, 1]\n")
    with pytest.raises(ValueError, match=re.escape("has no table [space]; [space] and scale.format = ")):
        read_space(file)
    file.write_text("guard = [0, 1\n")
    with pytest.raises(ValueError, match="not TOML"):
        read_space(file)
    assert space_of(PAPER, ()) == ordinary(PAPER)


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"seeds": 0}, "--seeds 0 is nothing; 1 or more would do"),
        (
            {"cost": "energy"},
            "--cost energy: the neutral library knows no power; --lib FILE with such tables would do",
        ),
        ({"trials": 0}, "--trials 0 is nothing; 1 or more would do"),
        ({"bound": Bound(max_drop=-0.01)}, "--max-drop -1: 0 or more would do"),
        ({"bound": Bound(max_lsb=float("nan"))}, "--max-lsb nan: 0 or more would do"),
    ],
)
def test_numbers_that_make_no_sense(fields: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(complaint)}$"):
        Wanted("told", **fields)
