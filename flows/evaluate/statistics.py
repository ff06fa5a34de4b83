"""How sure an accuracy is, and a difference of two accuracies on the same images.  All intervals are of 95 %.

Three questions, three answers:

- :func:`proportion`: of one accuracy, over images like these; exact (Clopper and Pearson).
- :func:`paired`: of two that saw the same images, one pair; exact (McNemar): only images that one gets right and the
  other wrong tell them apart.
- :func:`pooled`: of several seeds (chips).  The same images come again with every seed, so the pairs of all seeds are
  not independent, and their sum is not to be tested as if they were.  There are two intervals instead: over seeds, with
  these images, and over images, with these seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict

from ..networks.extras import extra

__all__ = ["CONFIDENCE", "Interval", "Paired", "Pooled", "Spread", "paired", "pooled", "proportion", "spread"]

CONFIDENCE = 0.95

Bools = NDArray[np.bool_]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Interval(_Frozen):
    """A share, with the exact interval of what it is the share of.

    Args:
        right, of: how many of how many.
        value: the share, 0 to 1.
        low, high: limits.
    """

    right: int
    of: int
    value: float
    low: float
    high: float


class Paired(_Frozen):
    """What one loses against a reference on the same images.

    Args:
        images: how many.
        only_reference, only_this: images that just one of the two gets right.
        drop: share of images lost, net; negative: won.
        low, high: limits of the drop; they leave out 0 just where ``p_value`` is below 1 - :data:`CONFIDENCE`.
        p_value: of a difference at least so large where there is none.
    """

    images: int
    only_reference: int
    only_this: int
    drop: float
    low: float
    high: float
    p_value: float


class Spread(_Frozen):
    """A mean of independent values by Student's t.

    Args:
        values: how many.
        mean: their mean.
        error: standard error of the mean; None of one value, which tells nothing of others.
        low, high: limits; None likewise.
    """

    values: int
    mean: float
    error: float | None
    low: float | None
    high: float | None


class Pooled(_Frozen):
    """The drop over several seeds.

    Args:
        drop: mean over seeds and images.
        seeds: over seeds: what other chips would show on these images.
        images: over images, of each the mean over seeds: what these chips would show on other images.
        only_reference, only_this: of all seeds together.
        significant: whether the interval over images leaves out 0 on the side of a loss.
    """

    drop: float
    seeds: Spread
    images: Spread
    only_reference: int
    only_this: int

    @property
    def significant(self) -> bool:
        """Whether the interval over images says that something is lost."""
        return self.images.low is not None and self.images.low > 0


def proportion(right: int, of: int) -> Interval:
    """A share and its exact interval.

    Raises:
        ValueError: more than all of them, or none at all.
    """
    if not 0 <= right <= of or not of:
        raise ValueError(f"{right} right of {of} images; 0 to all of at least one would do")
    low, high = _limits(right, of)
    return Interval(right=right, of=of, value=right / of, low=low, high=high)


def paired(reference_right: ArrayLike, right: ArrayLike) -> Paired:
    """McNemar's exact test, and an interval that goes with it.

    The drop is ``(2 p - 1) * t``: ``t`` the share of images that tell the two apart, ``p`` the share of these that only
    the reference gets right.  Each limit takes those ends of the exact intervals of both that are farthest from the
    drop, so that it is not too short where few images tell; ``p`` alone decides whether 0 is left out, as in the test.

    Args:
        reference_right: (images,) bool.
        right: (images,) bool, of the same images.

    Raises:
        ValueError: shapes that differ, or no image.
    """
    first, second = _pair(reference_right, right, 1)
    lost, won = int((first & ~second).sum()), int((second & ~first).sum())
    telling, images = lost + won, len(first)
    few, many = _limits(telling, images)
    least, most = (2 * limit - 1 for limit in (_limits(lost, telling) if telling else (0.0, 1.0)))
    low, high = least * (many if least < 0 else few), most * (few if most < 0 else many)
    value = float(_stats().binomtest(lost, telling, 0.5).pvalue) if telling else 1.0
    drop = (lost - won) / images
    return Paired(images=images, only_reference=lost, only_this=won, drop=drop, low=low, high=high, p_value=value)


def pooled(reference_right: ArrayLike, right: ArrayLike) -> Pooled:
    """The drop over several seeds, and how sure it is.

    Of one seed the interval over images is that of :func:`paired`.  Where no image tells anything it is as there, too:
    values that are all 0 would have none.

    Args:
        reference_right: (seeds, images) bool.
        right: (seeds, images) bool, of the same images and seeds.

    Raises:
        ValueError: shapes that differ, or nothing in them.
    """
    first, second = _pair(reference_right, right, 2)
    difference = first.astype(np.int64) - second
    images = spread(difference.mean(axis=0).tolist())
    if len(first) == 1 or not difference.any():
        alone = paired(first[0], second[0])
        images = images.model_copy(update={"low": alone.low, "high": alone.high})
    return Pooled(
        drop=float(difference.mean()),
        seeds=spread(difference.mean(axis=1).tolist()),
        images=images,
        only_reference=int((difference > 0).sum()),
        only_this=int((difference < 0).sum()),
    )


def spread(values: Sequence[float]) -> Spread:
    """The mean of some values, its standard error, and Student's interval.

    Raises:
        ValueError: there are none.
    """
    number = len(values)
    if not number:
        raise ValueError("a mean of no values; one or more would do")
    mean = float(np.mean(values))
    if number == 1:
        return Spread(values=1, mean=mean, error=None, low=None, high=None)
    error = float(np.std(values, ddof=1) / np.sqrt(number))
    reach = float(_stats().t.ppf((1 + CONFIDENCE) / 2, number - 1)) * error
    return Spread(values=number, mean=mean, error=error, low=mean - reach, high=mean + reach)


def _limits(right: int, of: int) -> tuple[float, float]:
    found = _stats().binomtest(right, of).proportion_ci(CONFIDENCE, method="exact")
    return float(found.low), float(found.high)


def _pair(reference: ArrayLike, right: ArrayLike, axes: int) -> tuple[Bools, Bools]:
    first, second = np.asarray(reference), np.asarray(right)
    if first.dtype != np.bool_ or second.dtype != np.bool_:
        raise ValueError(f"right or not is {first.dtype} and {second.dtype}; bool would do")
    if first.ndim != axes or first.shape != second.shape or not first.size:
        what = ("(images,)", "(seeds, images)")[axes - 1]
        raise ValueError(f"shapes {first.shape} and {second.shape} are not both {what} of at least one")
    return first, second


def _stats() -> Any:
    return extra("scipy.stats", "networks")
