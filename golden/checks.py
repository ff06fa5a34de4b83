"""Refusals that several functions share."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.settings import PassSettings

__all__ = ["check_range", "checked_residual"]


def check_range(array: NDArray[Any], low: int, high: int, what: str, where: str) -> None:
    """Refuse what is not an integer of ``low..high``.

    Args:
        array: of any shape.
        low, high: the range.
        what: names one of the values: ``code``.
        where: names the range: ``UQ10.0``.

    Raises:
        ValueError: the dtype is not integer, or a value is outside.
    """
    if array.dtype.kind not in "iu":
        raise ValueError(f"{what}s must be integers, not {array.dtype}")
    if array.size and not (low <= int(array.min()) and int(array.max()) <= high):
        raise ValueError(f"a {what} of {int(array.min())}..{int(array.max())} is outside {where} ({low}..{high})")


def checked_residual(
    config: NmpuConfig, settings: PassSettings, residual: ArrayLike | None, lead: tuple[int, ...]
) -> NDArray[np.integer] | None:
    """Residuals of the active columns, (lead..., columns), once known to fit; None where none is to be added.

    Raises:
        ValueError: residuals where there should be none or the reverse, wrong shape or dtype, or outside their format.
    """
    if (residual is None) != (settings.residual is None):
        fault = "needs residuals" if residual is None else "takes no residuals"
        raise ValueError(f"settings.residual = {settings.residual} {fault}")
    if residual is None:
        return None
    array, form = np.asarray(residual), config.output.format
    if array.shape[:-1] != lead or array.shape[-1] < settings.columns:
        raise ValueError(f"residuals of shape {array.shape} are not {(*lead, settings.columns)}")
    active = array[..., : settings.columns]
    check_range(active, form.low, form.high, "residual", str(form))
    return active
