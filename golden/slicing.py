"""Numbers apart in digits (bit planes, bit-serial streams, slices), and the sums of their products by sub-arrays.

What an array in front of a front end multiplies: digit m of an activation by digit k of a weight, over the rows of a
sub-array.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .checks import check_range

__all__ = ["FORMS", "Form", "apart", "digit_range", "im2col", "parts", "sums", "together"]

Ints = NDArray[np.int64]

Form = Literal["unsigned", "twos", "sign", "odd"]
FORMS: tuple[Form, ...] = get_args(Form)


def apart(values: ArrayLike, count: int, bits: int = 1, form: Form = "unsigned") -> Ints:
    """Digits of integers, the lowest first: ``value = sum_k 2^(bits * k) * digit_k``.

    Args:
        values: integers of any shape, within :func:`digit_range`.
        count: digits, at least 1.
        bits: of a digit.
        form: ``unsigned``: digits 0 to 2^bits - 1.  ``twos``: likewise, of which the top one counts negative; with bits
            of 1 that is two's complement.  ``sign``: each digit has the sign of the value (slices of differential
            columns).  ``odd`` (bits of 1): digits -1 and +1, which make odd numbers.

    Returns:
        int64 (count, *shape).

    Raises:
        ValueError: a value that so many digits do not hold, or a form that does not go with ``bits``.
    """
    array = np.asarray(values)
    low, high = digit_range(count, bits, form)
    check_range(array, low, high, "value", f"{count} digits of {bits} bits, {form}")
    array = array.astype(np.int64)
    if form == "odd":
        if array.size and not (array & 1).all():
            raise ValueError("form = odd makes odd numbers only; form = twos would do")
        array = (array + high) >> 1
    if form == "twos":
        place = bits * (count - 1)
        top = np.maximum(-(array >> place), 0)
        rest = array + (top << place)
        return np.concatenate([apart(rest, count - 1, bits), top[None]]) if count > 1 else top[None]
    shifts = bits * np.arange(count).reshape(-1, *[1] * array.ndim)
    mask = (1 << bits) - 1
    if form == "sign":
        return np.sign(array) * (np.abs(array) >> shifts & mask)
    digits: Ints = array >> shifts & mask
    return 2 * digits - 1 if form == "odd" else digits


def together(digits: ArrayLike, bits: int = 1, form: Form = "unsigned") -> Ints:
    """The inverse of :func:`apart`: (count, *shape) to int64 (*shape)."""
    array = np.asarray(digits, np.int64)
    weights = 1 << bits * np.arange(len(array))
    weights[-1] *= -1 if form == "twos" else 1
    total: Ints = np.tensordot(weights, array, 1)
    return total


def digit_range(count: int, bits: int = 1, form: Form = "unsigned") -> tuple[int, int]:
    """The least and the largest number of so many digits.

    Raises:
        ValueError: no digits, or a form that does not go with ``bits``.
    """
    if form not in FORMS:
        raise ValueError(f"form = {form!r} is none of {', '.join(FORMS)}")
    for name, value, high in (("count", count, 16), ("bits", bits, 8)):
        if not 1 <= value <= high:
            raise ValueError(f"{name} = {value} is outside 1..{high}")
    if form == "odd" and bits != 1:
        raise ValueError(f"bits = {bits}: form = {form} has digits of one bit; bits = 1 would do")
    top = (1 << bits * count) - 1
    if form == "twos":
        place = 1 << bits * (count - 1)
        return -((1 << bits) - 1) * place, place - 1
    return (0 if form == "unsigned" else -top), top


def parts(rows: int, most: int) -> list[slice]:
    """Rows (or columns) in as few even parts of at most ``most`` as there can be; the first ones are the larger.

    Raises:
        ValueError: less than 1 of either.
    """
    if rows < 1 or most < 1:
        raise ValueError(f"{rows} rows in parts of at most {most}: 1 or more of each would do")
    count = -(-rows // most)
    edges = [-(-rows * k // count) for k in range(count + 1)]
    return [slice(a, b) for a, b in itertools.pairwise(edges)]


def sums(x: ArrayLike, w: ArrayLike, rows: Sequence[slice]) -> Ints:
    """Sums of products over the rows of each part, exact.

    Args:
        x: integers (vectors, M, rows), digits of activations.
        w: integers (K, rows, columns), digits of weights.
        rows: the parts, such as :func:`parts` makes.

    Returns:
        int64 (vectors, S, M, K, columns).

    Raises:
        ValueError: shapes that do not fit, or sums that reach 2^53.
    """
    a, b = np.asarray(x), np.asarray(w)
    if a.ndim != 3 or b.ndim != 3 or a.shape[2] != b.shape[1]:
        raise ValueError(f"activations {a.shape} and weights {b.shape} are not (vectors, M, rows), (K, rows, columns)")
    if _peak(a) * _peak(b) * a.shape[2] >= 1 << 53:
        raise ValueError("the sums may reach 2^53; smaller digits would do")
    vectors, m, total = a.shape
    k, _, columns = b.shape
    left = a.reshape(-1, total).astype(np.float64)  # products by BLAS: exact below 2^53
    right = b.transpose(1, 0, 2).reshape(total, -1).astype(np.float64)
    found = [(left[:, r] @ right[r]).reshape(vectors, m, k, columns) for r in rows]
    return np.stack(found, axis=1).astype(np.int64)


def _peak(array: NDArray[Any]) -> int:
    return int(np.abs(array).max(initial=0))


def im2col(x: ArrayLike, kernel: int, stride: int = 1, padding: int = 0) -> NDArray[Any]:
    """What the rows of an array get of an image, for a convolution with square kernels.

    Args:
        x: (images, height, width, channels), of any dtype.
        kernel: pixels on a side; row ``(i * kernel + j) * channels + c`` is tap (i, j) of channel c.
        stride: pixels from one result to the next.
        padding: zeros on each side.

    Returns:
        (images * results, kernel * kernel * channels), results row by row, of the dtype of ``x``.

    Raises:
        ValueError: the shape, or a kernel that does not fit the padded image.
    """
    image = np.asarray(x)
    if image.ndim != 4 or stride < 1 or padding < 0 or not 1 <= kernel <= min(image.shape[1:3]) + 2 * padding:
        raise ValueError(
            f"kernel = {kernel}, stride = {stride}, padding = {padding} do not go with an image of shape {image.shape}"
        )
    padded = np.pad(image, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (kernel, kernel), (1, 2))[:, ::stride, ::stride]
    return windows.transpose(0, 1, 2, 4, 5, 3).reshape(-1, kernel * kernel * image.shape[3])
