"""The steps of a lane of binary16, and how they are spread over the stages of a pipeline."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .config import NmpuConfig

__all__ = ["float_steps", "spread"]

_DELAYS = {
    "convert": 27,
    "multiply": 65,
    "products": 50,
    "align": 45,
    "add": 50,
    "normalize": 48,
    "round": 42,
    "finish": 59,
}
"""Delay of each kind of step, in 10 ps of Nangate45, mapped by itself for least delay."""

_BESIDE = 5
"""Delay of an alignment beside the multiplication whose exact product it waits for."""


def float_steps(config: NmpuConfig) -> tuple[str, ...]:
    """The steps in order: each sum is ``align``, ``add``, ``normalize``, ``round`` with its number behind.

    ``convert``: counts to binary16, parameters unpacked.  ``multiply``: exact products, ``products``: rounded (only
    where multiply and add are separate).  Sums ``1`` (and ``2``): products and offset.  With a second affine stage
    ``multiply_n``, (``products_n``,) and the sum ``n``.  ``finish``: ReLU, to an integer, saturated.
    """
    fused, two = config.arithmetic.fused, config.codes.counts == 2
    products = () if fused else ("products",)
    steps = ["convert", "multiply", *products, *_sum("1"), *(_sum("2") if two else ())]
    if config.norm.kind == "affine":
        steps += ["multiply_n", *(f"{step}_n" for step in products), *_sum("n")]
    return (*steps, "finish")


def _sum(name: str) -> tuple[str, ...]:
    return tuple(f"{step}_{name}" for step in ("align", "add", "normalize", "round"))


def spread(steps: Sequence[str], stages: int) -> dict[str, int]:
    """The stage of each step, from 0, such that the longest stage is as short as can be; ties to the earlier cut."""
    kinds = [step.partition("_")[0] for step in steps]
    beside = [pair == ("multiply", "align") for pair in itertools.pairwise(["", *kinds])]
    delays = [_BESIDE if found else _DELAYS[kind] for kind, found in zip(kinds, beside, strict=True)]

    def longest(cuts: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
        edges = (0, *cuts, len(steps))
        return max(sum(delays[a:b]) for a, b in itertools.pairwise(edges)), cuts

    _, cuts = min(longest(cuts) for cuts in itertools.combinations(range(1, len(steps)), stages - 1))
    return {step: sum(k >= cut for cut in cuts) for k, step in enumerate(steps)}
