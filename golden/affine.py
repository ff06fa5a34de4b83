"""Scale, shift, offset, norm and residual.  Mirrors nmpu_hdl/affine.py by name, and shares no arithmetic with it.

Arrays are integers of one signed dtype that is wide enough (``golden.model`` sees to that); all shapes broadcast.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["join", "multiply", "norm", "offset", "power_of_two", "shift"]

Ints = NDArray[np.signedinteger]


def power_of_two(value: Ints, exponent: Ints | int) -> Ints:
    """``floor(value * 2**exponent)``: a left shift, or an arithmetic right shift where ``exponent`` is negative."""
    if isinstance(exponent, int):
        return value << exponent if exponent >= 0 else value >> -exponent
    return (value << np.maximum(exponent, 0)) >> np.maximum(-exponent, 0)


def multiply(codes: Ints, scales: Ints) -> Ints:
    """``m = s_p * p - s_n * n``, or ``s * x``; exact.

    Args:
        codes: (..., counts, columns).
        scales: (counts, columns).

    Returns:
        (..., columns), with the fraction bits of codes and scales together.
    """
    if codes.shape[-2] == 1:
        return codes[..., 0, :] * scales[0]
    return codes[..., 0, :] * scales[0] - codes[..., 1, :] * scales[1]


def shift(product: Ints, fraction: int, amount: Ints | int, guard: int) -> Ints:
    """``t = floor(m * 2**(guard - fraction - amount))``.

    Args:
        product: (..., columns), with ``fraction`` fraction bits.
        fraction: fraction bits of codes and scales together.
        amount: right shift (left where negative): one for all, or (columns,).
        guard: fraction bits of the result.
    """
    return power_of_two(product, guard - fraction - amount)


def offset(shifted: Ints, value: Ints, fraction: int, up: int, guard: int) -> tuple[Ints, int]:
    """``a = t + o * 2**up``, exact.

    Args:
        shifted: (..., columns), with ``guard`` fraction bits.
        value: (columns,), with ``fraction`` fraction bits.
        fraction: fraction bits of the offsets.
        up: the run-time ``offset_shift``.
        guard: fraction bits of ``shifted``.

    Returns:
        The sum and its fraction bits: as many as the finer of the two has.
    """
    fine = max(guard, fraction)
    return (shifted << (fine - guard)) + (value << (fine - fraction + up)), fine


def norm(a: Ints, fraction: int, scale: tuple[Ints, int], shift_in: tuple[Ints, int], guard: int) -> Ints:
    """The second affine stage: ``floor(a * scale + offset)`` to ``guard`` fraction bits.

    Args:
        a: (..., columns), with ``fraction`` fraction bits.
        fraction: fraction bits of ``a``.
        scale: (columns,) integers, and their fraction bits.
        shift_in: (columns,) integers, and their fraction bits.
        guard: fraction bits of the result.
    """
    product_fraction = fraction + scale[1]
    fine = max(product_fraction, shift_in[1])
    total = (a * scale[0] << (fine - product_fraction)) + (shift_in[0] << (fine - shift_in[1]))
    return total >> (fine - guard)


def join(a: Ints, fraction: int, residual: Ints, exponent: int, right: int) -> tuple[Ints, int]:
    """``a + r * 2**exponent``, exact.

    Args:
        a: (..., columns), with ``fraction`` fraction bits.
        fraction: fraction bits of ``a``.
        residual: (..., columns), without fraction bits.
        exponent: the run-time alignment, at least ``-right``.
        right: largest right shift of a residual, ``tile.residual_right``.

    Returns:
        The sum and its fraction bits: ``max(fraction, right)``.
    """
    fine = max(fraction, right)
    return (a << (fine - fraction)) + (residual << (fine + exponent)), fine
