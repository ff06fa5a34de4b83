"""Calibration from measured pairs of codes and ideal results: see docs/calibration.md."""

from __future__ import annotations

from .check import Checked, Integers, check
from .columns import Calibrated, calibrate, finish, fit_pairs
from .drift import Rescaled, rescale, transfer
from .limits import Limits
from .pairs import Fitted, Pairs, Verdict

__all__ = [
    "Calibrated",
    "Checked",
    "Fitted",
    "Integers",
    "Limits",
    "Pairs",
    "Rescaled",
    "Verdict",
    "calibrate",
    "check",
    "finish",
    "fit_pairs",
    "rescale",
    "transfer",
]
