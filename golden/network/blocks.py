"""What a stage's crossbars are once they are programmed: matrices to counts, and what counts are worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..line import Line

__all__ = ["Block", "StageArrays", "phased", "to_counts"]

Floats: TypeAlias = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Block:
    """A row block of a stage, on an array of its own.

    Attributes:
        rows: of the stage's.
        matrix: float32 (rows, counts * columns), counts for each unit of an input's code; with inputs of both signs
            and two counts (2 * rows, counts * columns), the second half for the magnitudes of those below 0.
        offset: float32 (counts * columns), counts.
        line: what codes' values are of the sums of codes times weights, (counts, columns).
        mean: (counts, columns) the codes' values on average over the calibration vectors.
    """

    rows: slice
    matrix: NDArray[np.float32]
    offset: NDArray[np.float32]
    line: Line
    mean: Floats

    def counts(self, rows: NDArray[np.float32], low: int, high: int) -> NDArray[np.float32]:
        """What the converters give, whole numbers (vectors, counts * columns).

        Args:
            rows: (vectors, rows of the stage) codes of the inputs.
            low, high: the least and the largest count.
        """
        y = phased(rows[:, self.rows], self.matrix) @ self.matrix
        y += self.offset
        np.rint(y, out=y)
        return np.clip(y, low, high, out=y)


@dataclass(frozen=True, eq=False)
class StageArrays:
    """The arrays of a stage.

    Attributes:
        flip: (columns,) -1 where a column is stored negated (in a pass: where its two counts are exchanged), else 1.
        blocks: its row blocks; none in a pass.
    """

    flip: Floats
    blocks: tuple[Block, ...]


def to_counts(y: NDArray[Any], counts: int, flip: Floats, left: int) -> NDArray[np.int16]:
    """What a pass is given instead of converters' counts: the results themselves, ``left`` bits further up.

    Args:
        y: (vectors, columns) results of an earlier stage.
        counts: of a column.
        flip: (columns,) -1 where the two counts are exchanged.
        left: from :func:`golden.network.planning.pass_shift`.

    Returns:
        (vectors, 1, counts, columns).
    """
    signed = (y.astype(np.int16) << left) * flip.astype(np.int16)
    both = [np.maximum(signed, 0), np.maximum(-signed, 0)] if counts == 2 else [signed]
    return np.stack(both, axis=1)[:, None]


def phased(codes: NDArray[Any], matrix: NDArray[Any]) -> NDArray[Any]:
    """Inputs as a matrix takes them: where it has a half for those below 0, both signs' magnitudes side by side."""
    if len(matrix) == codes.shape[1]:
        return codes
    return np.concatenate([np.maximum(codes, 0), np.maximum(-codes, 0)], axis=1)
