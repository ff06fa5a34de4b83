"""The part of docs/results.md about front ends, beside units behind converters."""

from __future__ import annotations

import re
from collections.abc import Sequence

from flows.families import render
from flows.families_result import Families

from .architectures import AVOIDED

__all__ = ["AVOIDED", "section"]

_INTRO = """## Front ends

What stands between an array of each family and its activations, beside units behind converters: `nmpu families` in
{count} {libraries}. What a front end does: [front.md](front.md). Measured on {date}.

StoX-Net (arXiv 2407.12378) claims up to 10 times less area for stochastic samples than for converters. The digital
periphery differs by little: it is {claims}.

Whatever more there is has to come from the converter, which is analog and not synthesised; `--converter-um2` adds one.
To tell what it may take: 7,100 um2 for 7 bits at 1.25 GS/s in 28 nm (Ramkaj et al., IEEE JSSC 53(7), 2018; read in the
authors' abstract: sure). 1,200 um2 for 8 bits in 32 nm is what ISAAC (ISCA 2016) is said to assume (read in a library
of estimates: less sure). Neither is scaled to the libraries here, and neither is in a figure below.
"""


def section(measured: Sequence[Families], charts: Sequence[str | None], date: str) -> str:
    """The part, and in it every library with the name of its chart."""
    claims = "; ".join(_claim(result) for result in measured)
    libraries = "library" if len(measured) == 1 else "libraries"
    parts = [_INTRO.format(count=len(measured), libraries=libraries, claims=claims, date=date)]
    for result, drawn in zip(measured, charts, strict=True):
        text = render(result, drawn=drawn is not None).replace("families.svg", drawn or "")
        parts.append(re.sub(r"^#", "###", text, flags=re.MULTILINE))
    return "\n".join(parts)


def _claim(result: Families) -> str:
    """By how much the digital periphery is smaller, a sample a beat and all of them in one."""
    plain, at_once, coded = (row.column_ge() for row in result.stochastic)
    with_one, with_all = (
        f"{abs(1 - area / coded):.0%} {'smaller' if area < coded else 'larger'}" for area in (plain, at_once)
    )
    return f"in `{result.library}` {with_one} with a sample a beat and {with_all} with all of them in one"
