"""The settings of a front end that a measurement of power takes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from .front_settings import FrontSettings

if TYPE_CHECKING:
    from .config import NmpuConfig

__all__ = ["pass_clocks", "usual_front"]

_STEPS = 256
"""Beats of a slot, at the most if fewer sub-arrays do it: gates take long to simulate, and sub-arrays are all alike."""


def usual_front(config: NmpuConfig) -> FrontSettings:
    """The largest settings, but for as many sub-arrays, and then samples, as keep a slot at 256 beats, where they can.

    Args:
        config: one with a front end.
    """
    settings = FrontSettings.of(config)
    each = settings.steps(config) // settings.subarrays
    planes = settings.x_planes * settings.w_planes
    samples = max(1, _STEPS // planes) * config.derived.front_end.bits
    return replace(
        settings,
        subarrays=min(settings.subarrays, max(1, _STEPS // each)),
        samples=min(settings.samples, samples) if config.codes.source == "samples" else settings.samples,
    )


def pass_clocks(config: NmpuConfig) -> int:
    """Clocks from the first beat of a pass over all columns to the first of the next, if nothing stalls; of a front
    end: with :func:`usual_front`."""
    steps = usual_front(config).steps(config) if config.derived.front_end.present else None
    return config.array.slots * config.derived.slot_cycles(steps=steps)
