"""Arrays of small integers to the wide words on the pins and back, whole passes at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["NotBinaryError", "fields", "lane_mask", "words"]

Ints = NDArray[np.int64]


class NotBinaryError(AssertionError):
    """A word holds an X or a Z.

    Attributes:
        index: which word.
    """

    def __init__(self, index: int, text: str) -> None:
        super().__init__(f"word {index} is not binary: {text}")
        self.index = index


def words(values: NDArray[np.integer], width: int, filling: NDArray[np.uint8] | None = None) -> list[int]:
    """Pack rows of integers into one word each, the first integer lowest.

    Args:
        values: (rows, fields), signed or not; the lowest ``width`` bits of each count.
        width: bits of a field.
        filling: (rows, bits) bits to append above the fields.
    """
    rows, count = values.shape
    if width == 1:
        bits = (values & 1).astype(np.uint8)
    else:
        bits = ((values[:, :, None] >> np.arange(width)) & 1).astype(np.uint8).reshape(rows, count * width)
    if filling is not None:
        bits = np.concatenate((bits, filling), axis=1)
    return [int.from_bytes(row.tobytes(), "little") for row in np.packbits(bits, axis=1, bitorder="little")]


def fields(texts: Sequence[str], count: int, width: int, signed: bool) -> Ints:
    """Unpack words, given in binary with the highest bit first, into ``count`` integers each, the lowest first.

    Args:
        texts: words of equal length, of at least ``count * width`` digits; what is above the fields must be 0.
        count: fields a word.
        width: bits of a field, at most 16.
        signed: fields are two's complement.

    Returns:
        (words, count).

    Raises:
        NotBinaryError: there is a digit other than 0 and 1.
        AssertionError: a padding bit is not 0.
    """
    if not texts:
        return np.zeros((0, count), np.int64)
    digits = np.frombuffer("".join(texts).encode(), np.uint8).reshape(len(texts), -1)[:, ::-1] - ord("0")
    if digits.max() > 1:
        index = int(np.flatnonzero((digits > 1).any(axis=1))[0])
        raise NotBinaryError(index, texts[index])
    used = count * width
    if digits[:, used:].any():
        index = int(np.flatnonzero(digits[:, used:].any(axis=1))[0])
        raise AssertionError(f"word {index} has padding that is not 0: {texts[index]}")
    if width == 1 and not signed:
        return digits[:, :used].astype(np.int64)
    size = 8 if width <= 8 else 16
    spread = np.zeros((len(texts) * count, size), np.uint8)
    spread[:, :width] = digits[:, :used].reshape(-1, width)
    parts = np.packbits(spread, bitorder="little").view(f"<u{size // 8}").astype(np.int64)
    if signed:
        sign = 1 << (width - 1)
        parts = (parts ^ sign) - sign
    return parts.reshape(len(texts), count)


def lane_mask(enables: int, lanes: int, width: int) -> int:
    """A word with all ``width`` bits of those lanes set whose bit in ``enables`` is."""
    ones = (1 << width) - 1
    return sum(ones << (lane * width) for lane in range(lanes) if enables >> lane & 1)
