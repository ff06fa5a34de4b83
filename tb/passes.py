"""The order of the beats of a pass, and what was taken of one.

A pass of a configuration without a front end is one of a single step, in which each beat is a slot.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.settings import PassSettings

from .stream import Traffic

__all__ = ["Steps", "TakenPass", "alike", "taken_settings"]


class Steps(NamedTuple):
    """The order of the beats of a pass.

    Attributes:
        steps: beats that a slot takes.
        slots: slots of the pass.
        by_slot: all beats of a slot come one after another; else all slots of a step.
    """

    steps: int
    slots: int
    by_slot: bool

    @classmethod
    def of(cls, config: NmpuConfig, settings: PassSettings) -> Steps:
        """Those of a pass with these settings."""
        steps = 1 if settings.front is None else settings.front.steps(config)
        return cls(steps, -(-settings.columns // config.array.lanes), config.front.order == "slot")

    @property
    def beats(self) -> int:
        """Beats of the pass."""
        return self.steps * self.slots

    def slot(self, beat: int) -> int:
        """The slot of the beat of that number."""
        return beat // self.steps if self.by_slot else beat % self.slots

    def complete(self, beats: int) -> int:
        """Slots, from the first on, of which all beats are among the first so many of the pass."""
        return beats // self.steps if self.by_slot else max(0, beats - (self.steps - 1) * self.slots)

    def completes(self, beat: int) -> bool:
        """Whether the beat of that number is the last of its slot."""
        return self.complete(beat + 1) > self.complete(beat)

    @property
    def completing(self) -> list[bool]:
        """That, for each beat of the pass."""
        return [self.completes(beat) for beat in range(self.beats)]


@dataclass
class TakenPass:
    """What was taken of one pass: its number, settings, the order of its beats, for each beat where it is, and the
    parameters of each slot that is complete."""

    number: int
    settings: PassSettings
    order: Steps
    beats: list[tuple[Traffic, int]] = field(default_factory=list)
    words: list[int] = field(default_factory=list)

    @property
    def slots(self) -> int:
        """Slots that are complete."""
        return self.order.complete(len(self.beats))


def alike(one: TakenPass, other: TakenPass) -> bool:
    """Whether both share settings and parameters, and as much was taken of one as of the other."""
    same = one.settings is other.settings and len(one.beats) == len(other.beats)
    return same and one.words == other.words


def taken_settings(settings: PassSettings, columns: int) -> PassSettings:
    """The settings for a pass of which the beats of ``columns`` columns were taken."""
    return replace(settings, columns=min(settings.columns, columns))
