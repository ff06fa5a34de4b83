"""Arrays whose every column is known, and what is measured on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmpu_hdl.config import NmpuConfig

__all__ = ["KnownArray", "results"]

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class KnownArray:
    """``code = sum / gain + zero``, with noise, rounded and clipped.

    Attributes:
        config: gives the counts and the codes' format.
        gain: (blocks, counts, columns), units of the sums a code.
        zero: likewise, codes.
        noise: standard deviation, codes.
    """

    config: NmpuConfig
    gain: Floats
    zero: Floats
    noise: float = 1.0

    @classmethod
    def draw(
        cls, config: NmpuConfig, rng: np.random.Generator, *, blocks: int = 1, spread: float = 0.21, zeros: float = 8.0
    ) -> KnownArray:
        """Gains within 1 +- ``spread``, and zeros of -3 to ``zeros`` codes."""
        shape = blocks, config.codes.counts, config.array.columns
        return cls(config, 1 / rng.uniform(1 - spread, 1 + spread, shape), rng.uniform(-3, zeros, shape))

    def measure(self, rng: np.random.Generator, vectors: int, drift: float = 1.0) -> tuple[Ints, Floats]:
        """Codes and ideal sums, (vectors, blocks, counts, columns) each."""
        form, shape = self.config.codes.format, (vectors, *self.gain.shape)
        top = form.high / 1023
        sums = rng.gamma(8, 40 * top, shape) if self.gain.shape[1] == 2 else rng.normal(0, 250 * top, shape)
        return self.convert(rng, sums, drift), sums

    def convert(self, rng: np.random.Generator, sums: Floats, drift: float = 1.0) -> Ints:
        """Codes of given sums."""
        form = self.config.codes.format
        codes = np.rint(drift * sums / self.gain + self.zero + rng.normal(0, self.noise, sums.shape))
        return np.clip(codes, form.low, form.high).astype(np.int64)


def results(sums: Floats) -> Floats:
    """(vectors, blocks, columns): positive less negative."""
    return sums[:, :, 0] - sums[:, :, 1] if sums.shape[2] == 2 else sums[:, :, 0]
