"""How often digits are told right, behind arrays of three kinds and of none; prints one JSON object.

    python -m tests.benchmarks.accuracies

The network of ``tests/networks/digits.py`` on the 599 images that were held out; every array and every chance is
seeded.  A few minutes on one core.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from golden import Analog
from tests.networks.arrays import bit_planes, converters, load_samples
from tests.networks.digits import Digits, load
from tests.networks.families import Family, numbers_of

__all__ = ["main", "measure"]

_DAY = 86_400.0


def measure(seeds: int = 12) -> dict[str, Any]:
    """Accuracies, as mean, least and most over the seeds.

    Args:
        seeds: of arrays and of chance.

    Returns:
        ``images``; and by family the plain network's accuracy and those of its variants, a number each of ``seeds``,
        ``mean``, ``least``, ``most``.
    """
    digits = load()
    numbers, samples = numbers_of(digits), load_samples()

    def told(families: Sequence[Family]) -> dict[str, Any]:
        rates = [_rate(digits, family, seed) for seed, family in enumerate(families)]
        spread = {"mean": round(float(np.mean(rates)), 4), "least": min(rates), "most": max(rates)}
        return {"seeds": len(rates), **spread}

    def counts(model: Analog, used: float = 0, measured: float = 0) -> dict[str, Any]:
        return told([converters(numbers, np.random.default_rng(k), model, used, measured) for k in range(seeds)])

    return {
        "images": len(digits.labels),
        "counts": {
            "plain": _plain(digits, converters(numbers, np.random.default_rng(0), Analog().ideal, 0, 0)),
            "ideal converters": counts(Analog().ideal),
            "all noise": counts(Analog()),
            "a day later, first parameters": counts(Analog(), _DAY),
            "a day later, measured anew": counts(Analog(), _DAY, _DAY),
        },
        "planes": {
            "plain": _plain(digits, bit_planes(numbers)),
            "no errors": told([bit_planes(numbers)]),
            **{f"bit error rate {rate:g}": told([bit_planes(numbers, rate)] * seeds) for rate in (1e-4, 1e-3)},
        },
        "samples": {
            "plain": _plain(digits, samples),
            "T as trained": told([samples] * seeds),
            **{f"T = {t}": told([replace(samples, times=(t,) * 5)] * seeds) for t in (1, 2, 4, 8, 16, 64)},
        },
    }


def _rate(digits: Digits, family: Family, seed: int) -> float:
    right = family.classes(digits.images, np.random.default_rng(seed)) == digits.labels
    return round(float(right.mean()), 4)


def _plain(digits: Digits, family: Family) -> float:
    return round(float((family.plain_classes(digits.images) == digits.labels).mean()), 4)


def main(arguments: list[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Accuracy on digits behind arrays of three kinds.")
    parser.add_argument("--seeds", type=int, default=12, help="arrays, and chances, of each kind")
    print(json.dumps(measure(parser.parse_args(arguments).seeds), indent=2))


if __name__ == "__main__":
    main()
