"""Binary16 carried in float64 is that of NumPy and of golden.float16."""

from __future__ import annotations

import numpy as np

from golden import float16
from golden.network.half import fused, rounded


def test_rounding_is_numpys() -> None:
    rng = np.random.default_rng(1)
    x = np.concatenate(
        [rng.standard_normal(100_000) * 2.0 ** rng.integers(-30, 18, 100_000), [0.0, -0.0, 65519.9, 65520.0, -1e9]]
    )
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16).astype(np.float64)
    finite = np.sort(halves[np.isfinite(halves)])
    ties = (finite[1:] + finite[:-1]) / 2
    for one in (x, finite, ties, np.nextafter(ties, np.inf), np.nextafter(ties, -np.inf)):
        with np.errstate(over="ignore"):
            wanted = one.astype(np.float16).astype(np.float64)
        np.testing.assert_array_equal(rounded(one), wanted)


def test_multiply_add_is_goldens() -> None:
    rng = np.random.default_rng(2)
    a, b, c = rng.integers(0, 1 << 16, (3, 200_000))
    a, b, c = (np.where((one >> 10 & 31) == 31, one & 0x3FF, one) for one in (a, b, c))  # no infinity, no NaN
    counts = float16.from_integer(rng.integers(-1024, 1024, 200_000), 0, False)
    for first in (a, counts):
        wanted = float16.fused(first, b, c, False).astype(np.uint16).view(np.float16).astype(np.float64)
        found = fused(*(one.astype(np.uint16).view(np.float16).astype(np.float64) for one in (first, b, c)))
        np.testing.assert_array_equal(found, wanted)
