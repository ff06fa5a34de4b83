"""What may change from pass to pass: the value of every run-time pin, checked against the configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .formats import Activation, Rounding
from .front_settings import FrontSettings

if TYPE_CHECKING:
    from .config import NmpuConfig

__all__ = ["PassSettings"]


@dataclass(frozen=True)
class PassSettings:
    """The settings of one pass, sampled by the hardware with the first slot.

    Args:
        columns: active columns, 1 to the array's.
        shift: right shift (left where negative); of no effect where shifts are a column or fixed.
        offset_shift: left shift of all offsets.
        rounding: one of the configured modes.
        activation: one of the configured functions.
        clip_low: lower limit of ``clip``, an output code.
        clip_high: upper limit of ``clip``; it wins where the limits cross.
        width: output width, one of ``derived.widths``; the result saturates to it.
        residual: a residual is added, multiplied by two to this power; None: it is not.
        front: of the front end; None just where there is none.
    """

    columns: int
    shift: int
    offset_shift: int
    rounding: Rounding
    activation: Activation
    clip_low: int
    clip_high: int
    width: int
    residual: int | None
    front: FrontSettings | None = None

    @classmethod
    def of(
        cls,
        config: NmpuConfig,
        *,
        columns: int | None = None,
        shift: int | None = None,
        offset_shift: int = 0,
        rounding: Rounding | str | None = None,
        activation: Activation | str | None = None,
        clip_low: int | None = None,
        clip_high: int | None = None,
        width: int | None = None,
        residual: int | None = None,
        front: FrontSettings | None = None,
    ) -> PassSettings:
        """Settings for ``config``; what is not given takes its default: all columns, shift 0 (or the nearest
        that the configuration allows), the first rounding mode and activation, the output's whole range, no residual,
        :meth:`FrontSettings.of`.

        Raises:
            ValueError: a value that the configuration does not allow, with the field, the value and what would do.
        """
        allowed, out = config.shift, config.output.format
        chosen = cls(
            columns=config.array.columns if columns is None else columns,
            shift=min(max(0, allowed.min), allowed.max) if shift is None else shift,
            offset_shift=offset_shift,
            rounding=config.rounding.modes[0] if rounding is None else Rounding(rounding),
            activation=config.activation.modes[0] if activation is None else Activation(activation),
            clip_low=out.low if clip_low is None else clip_low,
            clip_high=out.high if clip_high is None else clip_high,
            width=out.width if width is None else width,
            residual=residual,
            front=FrontSettings.of(config) if front is None and config.derived.front_end.present else front,
        )
        chosen.check(config)
        return chosen

    def check(self, config: NmpuConfig) -> None:
        """Refuse what the configuration does not allow.

        Raises:
            ValueError: with the field, the value and what would do.
        """
        out = config.output.format
        for name, low, high in (
            ("columns", 1, config.array.columns),
            ("shift", config.shift.min, config.shift.max),
            ("offset_shift", 0, config.offset.max_shift),
            ("clip_low", out.low, out.high),
            ("clip_high", out.low, out.high),
        ):
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name} = {getattr(self, name)} is outside {low}..{high}")
        if (self.front is None) == config.derived.front_end.present:
            fault = "needs settings of its front end" if self.front is None else "has no front end"
            raise ValueError(f"codes.source = {config.codes.source} {fault}")
        if self.front is not None:
            self.front.check(config)
        if self.width not in config.derived.widths:
            built = ", ".join(map(str, config.derived.widths))
            raise ValueError(f"width = {self.width} is not built in; {built} is")
        if self.residual is not None:
            tile = config.tile
            if config.derived.residual is None:
                raise ValueError("residual is not built in; tile.residual = true builds it")
            if not -tile.residual_right <= self.residual <= tile.residual_left:
                raise ValueError(f"residual = {self.residual} is outside {-tile.residual_right}..{tile.residual_left}")
        if self.rounding not in config.rounding.modes:
            raise ValueError(f"rounding = {self.rounding} is not built in; {', '.join(config.rounding.modes)} is")
        if self.activation not in config.activation.modes:
            raise ValueError(f"activation = {self.activation} is not built in; {', '.join(config.activation.modes)} is")
