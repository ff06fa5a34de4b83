"""Faults seeded into emitted Verilog, for the tests of the tests."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
from _pytest.mark import ParameterSet

from flows.generate import generate
from flows.simulate import simulate
from nmpu_hdl.config import NmpuConfig

__all__ = ["Controls", "Fault", "Make", "Once", "cases", "expect_caught", "seeded"]

Make = Callable[[Path], None]
Once = Callable[[str, Make], Path]
"""The fixture of that name."""


class Fault(NamedTuple):
    """What is changed: in this module, the one match of ``pattern`` becomes ``wrong`` (as in ``re.sub``).

    Args:
        module: name of the module.
        pattern: of the text that is wrong from now on; ``.`` matches the end of a line too.
        wrong: what stands there instead.
        tests: those of the regression that have to notice it; all if empty.
    """

    module: str
    pattern: str
    wrong: str
    tests: tuple[str, ...] = ()


def seeded(text: str, fault: Fault) -> str:
    """``text`` with the fault in it.

    Raises:
        AssertionError: the module or the pattern is not there exactly once.
    """
    found = re.findall(rf"^module {fault.module}\(.*?^endmodule$", text, re.DOTALL | re.MULTILINE)
    assert len(found) == 1, f"{len(found)} modules {fault.module}"
    changed, count = re.subn(fault.pattern, fault.wrong, found[0], flags=re.DOTALL)
    assert count == 1, f"{count} places in {fault.module} match {fault.pattern}"
    assert changed != found[0]
    return text.replace(found[0], changed)


class Controls:
    """Folders with sound designs, and in ``sim`` the tests in question, which they pass; made when first used.

    Args:
        once: the fixture.
        runtime: the fixture.
        designs: by name, each of which is a folder of that name.
        faults: of each design.
        made: folders of those that are there already; their whole regression is another test's to judge.
    """

    def __init__(
        self,
        once: Once,
        runtime: Path,
        designs: Mapping[str, NmpuConfig],
        faults: Mapping[str, Mapping[str, Fault]],
        made: Mapping[str, Path] | None = None,
    ) -> None:
        self._once, self._runtime, self._designs, self._faults = once, runtime, designs, faults
        self._made = made or {}

    def __getitem__(self, design: str) -> Path:
        if design in self._made:
            return self._made[design]

        def sound(folder: Path) -> None:
            generate(self._designs[design], folder)
            faults = self._faults[design].values()
            tests = sorted({test for fault in faults for test in fault.tests}) if all(f.tests for f in faults) else []
            result = simulate(folder, folder / "sim", tests=tests, runtime=self._runtime)
            assert result.failed == 0, result.failures[0]
            assert result.tests == len(tests) or not tests
            assert result.columns_checked > 1000

        return self._once(f"control-{design}", sound)


def cases(faults: Mapping[str, Mapping[str, Fault]], usual: Collection[str]) -> list[ParameterSet]:
    """Parameters ``design, name``: those named in ``usual`` for the normal suite, the others deep."""
    return [
        pytest.param(design, name, marks=[] if name in usual else [pytest.mark.deep])
        for design, some in faults.items()
        for name in some
    ]


def expect_caught(name: str, fault: Fault, control: Path, work: Path) -> None:
    """The tests that a sound design passes, in :class:`Controls`, do not pass with the fault."""
    wrong = work / "nmpu.v"
    wrong.write_text(seeded((control / "nmpu.v").read_text(), fault))
    result = simulate(control, work / "sim", netlist=wrong, max_failures=1, tests=fault.tests, runtime=control / "sim")
    assert result.failed == 1, f"{name} was not caught: {result}"
