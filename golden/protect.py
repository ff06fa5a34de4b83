"""Protected words, from the definition of the codes: even parity, and the extended Hamming code.

A Hamming word has its bits at the positions 1, 2, 3, ...: check bits at the powers of two, data bits in order at the
others.  It is legal where the exclusive or of the positions of all its ones is 0.  Stored are the data, lowest bit
first, then the check bits in the order of their positions, then a bit that makes the number of ones even.
"""

from __future__ import annotations

from itertools import count, islice

__all__ = ["coded_width", "decode", "encode"]


def coded_width(kind: str, width: int) -> int:
    """Bits of a stored word that holds ``width`` bits of data.

    Raises:
        ValueError: ``kind`` is not none, parity or secded.
    """
    if kind == "none":
        return width
    if kind == "parity":
        return width + 1
    if kind == "secded":
        return len(_positions(width)) + 1
    raise ValueError(f"kind = {kind!r} is no protection; none, parity or secded is")


def encode(kind: str, width: int, word: int) -> int:
    """The stored word of ``word``, which has ``width`` bits.

    Raises:
        ValueError: ``word`` has more bits, or ``kind`` is unknown.
    """
    if not 0 <= word < 1 << width:
        raise ValueError(f"word = {word} is outside 0..{(1 << width) - 1}")
    coded_width(kind, width)  # refuses an unknown kind
    if kind == "none":
        return word
    if kind == "secded":
        word |= _fold(_positions(width), word) << width
    return _with_parity(word, coded_width(kind, width) - 1)


def decode(kind: str, width: int, word: int) -> tuple[int, bool, bool]:
    """What a stored word says: the data, whether one error was put right, whether there is one that was not.

    Raises:
        ValueError: ``kind`` is unknown.
    """
    coded_width(kind, width)
    mask = (1 << width) - 1
    odd = word.bit_count() % 2 == 1
    if kind == "none":
        return word & mask, False, False
    if kind == "parity":
        return word & mask, False, odd
    positions = _positions(width)
    where = _fold(positions, word)
    if not odd:
        return word & mask, False, where != 0
    if where == 0:
        return word & mask, True, False  # the last bit itself
    if where not in positions:
        return word & mask, False, True
    return (word ^ 1 << positions.index(where)) & mask, True, False


def _positions(width: int) -> list[int]:
    """The position of every stored bit but the last: those of the data, then those of the check bits."""
    data = list(islice((n for n in count(1) if n.bit_count() > 1), width))
    return data + [1 << k for k in range(data[-1].bit_length())]


def _fold(positions: list[int], word: int) -> int:
    """The exclusive or of the positions of all ones."""
    result = 0
    for k, position in enumerate(positions):
        if word >> k & 1:
            result ^= position
    return result


def _with_parity(word: int, bit: int) -> int:
    return word | (word.bit_count() % 2) << bit
