"""Measured pairs of an array's codes and ideal results, and the gain and offset of each count that they tell."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmpu_hdl.config import NmpuConfig

from ..checks import check_range
from ..line import Fit, Line

__all__ = ["FINE", "LARGEST", "SMALLEST", "Fitted", "Kind", "Pairs", "Verdict", "VerdictName"]

Ints = NDArray[np.int64]
Floats = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]

Kind = Literal["count", "block", "column"]
"""What an ideal number is of: a count of a block, a block, or a column, whose blocks add up."""

VerdictName = Literal["ok", "dead", "saturated", "negative", "undetermined", "unrepresentable"]

_MOST_NUMBERS = 1 << 28

SMALLEST, LARGEST = 1e-30, 1e30
"""Magnitudes of numbers in any unit: their squares, and products of those, are numbers still."""


class Verdict(NamedTuple):
    """What is to be thought of a column.

    Attributes:
        name: ``ok``; ``dead``: codes do not follow the ideal results; ``saturated``: too many codes at an end of the
            converter's range; ``negative``: codes fall where they should rise; ``undetermined``: the pairs do not tell;
            ``unrepresentable``: a gain or offset that the formats do not hold.
        why: with the values, and what would do; empty where it is ok.
    """

    name: VerdictName
    why: str = ""


FINE = Verdict("ok")


@dataclass(frozen=True)
class Pairs:
    """Measured codes and what they should have meant.

    Attributes:
        codes: (vectors, blocks, counts, columns) codes of the converters (of a front end: operands).
        ideal: ``kind`` count: (vectors, blocks, counts, columns), sums of the positive and of the negative products as
            numbers from 0 on, or with one count the sum; block: (vectors, blocks, columns), positive less negative;
            column: (vectors, columns), the sum of all blocks.  In any unit; no bias in it.
        kind: of ``ideal``.
    """

    codes: Ints
    ideal: Floats
    kind: Kind

    @classmethod
    def of(cls, config: NmpuConfig, codes: ArrayLike, ideal: ArrayLike) -> Pairs:
        """From arrays; the axis of blocks may be left out of both where there is one.

        Args:
            config: the configuration.
            codes: integers (vectors, [blocks,] counts, columns).
            ideal: as many axes as ``codes`` for a number a count, one fewer for one a block, two for one a column.

        Raises:
            ValueError: a shape, dtype or range that does not fit, or what is not finite; in one line.
        """
        measured, wanted = np.asarray(codes), np.asarray(ideal)
        if measured.ndim not in (3, 4) or measured.shape[-2] != config.codes.counts or not measured.size:
            raise ValueError(
                f"codes of shape {measured.shape} are not (vectors, [blocks,] counts, columns) with "
                f"{config.codes.counts} counts"
            )
        number = config.derived.operand
        check_range(measured, number.low, number.high, "code", str(number))
        if wanted.dtype.kind not in "iuf":
            raise ValueError(f"ideal results must be real numbers, not {wanted.dtype}")
        shape, columns = measured.shape, measured.shape[-1]
        kinds: dict[tuple[int, ...], Kind] = {
            (shape[0], columns): "column",
            (*shape[:-2], columns): "block",
            shape: "count",
        }
        kind = kinds.get(wanted.shape)
        if kind is None:
            would = ", ".join(map(str, kinds))
            raise ValueError(f"ideal results of shape {wanted.shape} do not fit codes of {shape}; {would} would do")
        if not np.isfinite(wanted).all():
            where = tuple(int(k) for k in np.argwhere(~np.isfinite(wanted))[0])
            raise ValueError(f"the ideal result at {where} is {wanted[where]}; finite numbers would do")
        _check_magnitudes(wanted)
        if measured.size > _MOST_NUMBERS:
            raise ValueError(f"{measured.size:,} codes are more than {_MOST_NUMBERS:,}; fewer vectors would do")
        if columns > config.array.columns:
            raise ValueError(f"{columns} columns are more than array.columns = {config.array.columns}")
        if measured.ndim == 3:
            measured, wanted = measured[:, None], wanted if kind == "column" else wanted[:, None]
        blocks = measured.shape[1]
        if not config.derived.tiled and blocks > 1:
            raise ValueError(f"{blocks} row blocks: tile.kind = none has one; tile.kind = axi would do")
        if config.derived.tiled and blocks > config.tile.blocks:
            raise ValueError(f"{blocks} row blocks are more than tile.blocks = {config.tile.blocks}")
        return cls(measured.astype(np.int64), wanted.astype(np.float64), kind)

    @property
    def vectors(self) -> int:
        """Measurements."""
        return self.codes.shape[0]

    @property
    def columns(self) -> int:
        """Columns that were measured."""
        return self.codes.shape[3]

    def values(self, config: NmpuConfig) -> Floats:
        """What the codes mean, of their shape."""
        result: Floats = self.codes * 2.0**-config.derived.operand.fraction
        return result

    def sums(self) -> Floats:
        """(vectors, columns): the ideal sum of all blocks, positive less negative."""
        if self.kind == "column":
            return self.ideal
        if self.kind == "block":
            return self.ideal.sum(axis=1)
        return (signs(self.codes.shape[2])[:, None] * self.ideal).sum(axis=(1, 2))

    def ends(self, config: NmpuConfig) -> tuple[Bools, Bools]:
        """Of the shape of codes: at the low end of the converter's range, and at its high end.

        A front end's operands are sums: nothing is known of what was clipped in them.
        """
        if config.codes.source != "counts":
            return np.zeros(self.codes.shape, np.bool_), np.zeros(self.codes.shape, np.bool_)
        form = config.codes.format
        return self.codes == form.low, self.codes == form.high

    def unclipped(self, config: NmpuConfig) -> Bools:
        """Codes that are measurements, of their shape: not at an end of the range.

        Zeros of unsigned codes are left in where they are the most: then 0 is what the count is, as without weights of
        one sign.
        """
        low, high = self.ends(config)
        if not config.codes.format.signed:
            low = low & (np.count_nonzero(low, axis=0) * 2 < self.vectors)
        return ~(low | high)


@dataclass(frozen=True)
class Fitted:
    """Columns as measured: ``sum = gain_p * p - gain_n * n + ... + offset`` over all blocks, p and n values of codes.

    Attributes:
        kind: of the pairs.
        gain: (blocks, counts, columns), units of the ideal sums for each unit of a code's value; 0 of a count that
            stands for nothing.
        offset: (columns,), units of the ideal sums.
        gain_error, offset_error: standard errors, likewise.
        fits: of each block the lines of its counts (:class:`golden.Fit`), a code's value of the ideal sum; only of
            ``kind`` count.
        centre: (blocks, counts, columns) mean value of the codes that count.
        middle: (columns,) mean of the ideal sums.
        spread: (columns,) standard deviation of what remains, outliers left out; units of the ideal sums.
        good: (vectors, columns): neither clipped nor an outlier in any block and count.
        outliers: (columns,) vectors with one.
        saturated: (columns,) vectors with a code that was clipped.
        verdicts: of each column.
    """

    kind: Kind
    gain: Floats
    offset: Floats
    gain_error: Floats
    offset_error: Floats
    fits: tuple[Fit, ...]
    centre: Floats
    middle: Floats
    spread: Floats
    good: Bools
    outliers: Ints
    saturated: Ints
    verdicts: tuple[Verdict, ...]

    @property
    def lines(self) -> tuple[Line, ...]:
        """Of each block, as :func:`golden.map_layer` takes them; none unless ``kind`` is count."""
        return tuple(fit.line for fit in self.fits)

    @property
    def fine(self) -> Bools:
        """(columns,): the verdict is ok."""
        return np.array([verdict.name == "ok" for verdict in self.verdicts], np.bool_)

    def predict(self, values: Floats) -> Floats:
        """Sums (vectors, columns) that values of codes (vectors, blocks, counts, columns) mean."""
        result: Floats = np.einsum("c,bcn,vbcn->vn", signs(values.shape[2]), self.gain, values) + self.offset
        return result

    def scaled(self, factor: Floats) -> Fitted:
        """The same array after all that it gives for a sum has become ``factor`` times as much.

        Offsets of the converters stay: only what a sum adds has changed.

        Args:
            factor: (counts, columns), or of a shape that broadcasts to it.  Unless ``kind`` is count, the factors of
                both counts are the same.
        """
        each = np.broadcast_to(factor, self.gain.shape[1:])
        gain = self.gain / each
        fits = tuple(fit._replace(line=Line(fit.line.slope * each, fit.line.intercept)) for fit in self.fits)
        offset = -zeros(gain, fits).sum(axis=(0, 1)) if fits else self.offset / each[0]
        errors = self.gain_error / each, self.offset_error / each.mean(axis=0)
        return replace(self, gain=gain, offset=offset, fits=fits, gain_error=errors[0], offset_error=errors[1])


def _check_magnitudes(ideal: NDArray[Any]) -> None:
    """Refuse ideal results (vectors, ..., columns) whose squares overflow, or vanish in all that a count has."""
    most = np.abs(ideal.astype(np.result_type(ideal, np.float64))).max(axis=0)  # long numbers stay as they are
    wrong = (most > LARGEST) | ((most > 0) & (most < SMALLEST))
    if wrong.any():
        where = tuple(int(k) for k in np.argwhere(wrong)[0])
        raise ValueError(
            f"ideal results of column {where[-1]} are up to {most[where]:g}; 0, or {SMALLEST:g} to {LARGEST:g}, would "
            "do: choose another unit"
        )


def signs(counts: int) -> Floats:
    """(counts,): the positive count adds, the negative one takes away."""
    return np.array([1.0, -1.0])[:counts]


def zeros(gain: Floats, fits: tuple[Fit, ...]) -> Floats:
    """(blocks, counts, columns): what codes mean where the sum is 0, with the sign of their count."""
    intercepts = np.stack([fit.line.intercept for fit in fits])
    result: Floats = signs(gain.shape[1])[:, None] * gain * intercepts
    return result
