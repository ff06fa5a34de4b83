"""The run-time pins: from settings to what is driven, and from what was driven to what the hardware must do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.formats import Activation, Rounding
from nmpu_hdl.front_settings import FrontSettings, front_choices
from nmpu_hdl.ports import config_ports, front_ports
from nmpu_hdl.settings import PassSettings

__all__ = ["Pins", "Resolver", "encode"]

Mode = TypeVar("Mode", Rounding, Activation)

Pins = Mapping[str, int]
"""Name of a ``cfg_*`` port -> the bits on it, as an unsigned integer."""


def encode(config: NmpuConfig, settings: PassSettings) -> dict[str, int]:
    """The pins that ask for ``settings``."""
    values = {
        "cfg_columns": settings.columns,
        "cfg_shift": settings.shift,
        "cfg_offset_shift": settings.offset_shift,
        "cfg_rounding": settings.rounding.code,
        "cfg_activation": settings.activation.code,
        "cfg_clip_low": settings.clip_low,
        "cfg_clip_high": settings.clip_high,
    }
    if settings.front is not None:
        values |= {f"cfg_{choice.name}": int(getattr(settings.front, choice.name)) for choice in front_choices(config)}
    ports = (*config_ports(config), *front_ports(config))
    return {port.name: values[port.name] & ((1 << port.width) - 1) for port in ports}


class Resolver:
    """What the hardware makes of any bits on its pins, the odd ones included.  Never fails.

    Args:
        config: the configuration.
    """

    def __init__(self, config: NmpuConfig) -> None:
        self._config = config
        self._signed = {port.name: port.width for port in config_ports(config) if port.signed}
        self._choices = front_choices(config)
        self._known: dict[tuple[int, ...], PassSettings] = {}

    def __call__(self, pins: Pins) -> PassSettings:
        """The settings of a pass whose first beat is taken with ``pins``; equal pins, the same object."""
        key = tuple(pins.values())
        if key not in self._known:
            self._known[key] = self._settings(pins)
        return self._known[key]

    def _settings(self, pins: Pins) -> PassSettings:
        config, columns, out, shift = self._config, pins["cfg_columns"], self._config.output.format, self._config.shift
        return PassSettings.of(
            config,
            columns=columns if 1 <= columns <= config.array.columns else config.array.columns,
            shift=min(max(self._read(pins, "cfg_shift", max(shift.min, 0)), shift.min), shift.max),
            offset_shift=min(pins.get("cfg_offset_shift", 0), config.offset.max_shift),
            rounding=_mode(pins.get("cfg_rounding"), list(Rounding), config.rounding.modes),
            activation=_mode(pins.get("cfg_activation"), list(Activation), config.activation.modes),
            clip_low=self._read(pins, "cfg_clip_low", out.low),
            clip_high=self._read(pins, "cfg_clip_high", out.high),
            front=self._front(pins),
        )

    def _front(self, pins: Pins) -> FrontSettings | None:
        if not self._config.derived.front_end.present:
            return None
        return FrontSettings.of(self._config, **{c.name: c.resolve(pins[f"cfg_{c.name}"]) for c in self._choices})

    def _read(self, pins: Pins, name: str, default: int) -> int:
        bits, width = pins.get(name, default), self._signed.get(name)
        return bits - (1 << width) if name in pins and width and bits >> (width - 1) else bits


def _mode(code: int | None, every: Sequence[Mode], built_in: Sequence[Mode]) -> Mode:
    """The mode of that code; the first where it is not built in, or where there are no pins to choose by."""
    return every[code] if code is not None and code < len(every) and every[code] in built_in else built_in[0]
