"""Faults seeded into emitted Verilog, for the tests of the tests."""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["Fault", "seeded"]


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
