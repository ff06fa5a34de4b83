"""The rows of a calibration's result."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from golden.measured import Calibrated, Pairs
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.verilog import digest

from .calibrate_result import CalibrateResult, ColumnRow, Drift
from .calibrate_stored import StoredFit, StoredIntegers, StoredWanted

__all__ = ["FLOATING", "assemble", "formats", "known"]

FLOATING = "binary16"
"""What stands for a format where parameters are floating-point."""


def formats(config: NmpuConfig) -> dict[str, Any]:
    """The arithmetic, as a result has it: ``codes``, ``scale``, ``offset``, ``output`` and ``granularity``."""
    floating = config.derived.floating
    return {
        "codes": str(config.codes.format),
        "scale": FLOATING if floating else str(config.scale.format),
        "offset": FLOATING if floating else str(config.offset.format),
        "output": str(config.output.format),
        "granularity": "none" if floating else config.shift.granularity,
    }


def assemble(
    config: NmpuConfig, pairs: Pairs, made: Calibrated, drift: Drift | None, about: Mapping[str, Any]
) -> CalibrateResult:
    """All that is known of a calibration.

    Args:
        config: the configuration.
        pairs: the measurements.
        made: the calibration.
        drift: of a re-calibration.
        about: the fields ``pairs``, ``command`` and ``lsb``.
    """
    worst, rms = made.checked.total(made.fine)
    return CalibrateResult(
        name=config.name,
        digest=digest(config),
        **formats(config),
        kind=made.fitted.kind,
        vectors=pairs.vectors,
        blocks=pairs.codes.shape[1],
        counts=pairs.codes.shape[2],
        shifts=made.integers.shifts if config.derived.layer_shift else None,
        offset_shift=made.integers.offset_shift,
        worst=known(worst),
        rms=known(rms),
        columns=tuple(_row(config, made, n) for n in range(pairs.columns)),
        refused=made.refused,
        complaint=made.complaint(),
        drift=drift,
        fit=StoredFit.of(made.fitted),
        wanted=StoredWanted.of(made.wanted),
        integers=StoredIntegers.of(made.integers),
        **about,
    )


def _row(config: NmpuConfig, made: Calibrated, n: int) -> ColumnRow:
    fitted, checked, gain = made.fitted, made.checked, made.fitted.gain[..., n]
    scale = np.abs(made.wanted.folded().gain[n])
    errors = np.divide(fitted.gain_error[..., n], np.abs(gain), out=np.zeros_like(gain), where=gain != 0)
    params = made.integers.params
    return ColumnRow(
        column=n,
        verdict=made.verdicts[n].name,
        why=made.verdicts[n].why,
        gain=made.gain[..., n].tolist(),
        gain_error=known(float(errors.max())) if (gain != 0).any() else None,
        offset=known(float(made.offset[n])) or 0.0,
        offset_error=known(float(fitted.offset_error[n] * scale)),
        scales=tuple(tuple(int(s) for s in p.scales[:, n]) for p in params),
        shifts=_shifts(config, made, n),
        offset_code=int(params[-1].offset[n]),
        worst=float(checked.worst[n]),
        rms=known(float(checked.rms[n])),
        rms_all=float(checked.rms_all[n]),
        low=float(checked.low[n]),
        high=float(checked.high[n]),
        outliers=int(fitted.outliers[n]),
        saturated=int(fitted.saturated[n]),
    )


def _shifts(config: NmpuConfig, made: Calibrated, n: int) -> tuple[int, ...]:
    """Of each row block; of binary16 none."""
    if config.derived.floating:
        return ()
    layer = made.integers.shifts if config.derived.layer_shift else [config.shift.min] * len(made.integers.shifts)
    pairs = zip(layer, made.integers.params, strict=True)
    return tuple(int(shift if params.shift is None else params.shift[n]) for shift, params in pairs)


def known(value: float) -> float | None:
    """The number, or None for one that JSON does not have."""
    return value if math.isfinite(value) else None
