"""What is sent: codes, parameters and settings, at chance and at the corners of any configuration."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from golden import Params, taps
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.formats import Activation, Format, Number
from nmpu_hdl.ports import config_ports, top_ports
from nmpu_hdl.settings import PassSettings

from .floats import EXTREMES, aimed_floats, draw_floats
from .packing import words
from .pins import Pins, Resolver, encode
from .stream import Traffic

__all__ = ["Stimulus"]

Ints = NDArray[np.int64]


class Stimulus:
    """Makes inputs for one configuration.

    Args:
        config: the configuration.
        rng: source of chance.
    """

    def __init__(self, config: NmpuConfig, rng: np.random.Generator) -> None:
        self._config, self._rng = config, rng
        self._ports, self._resolve = config_ports(config), Resolver(config)
        derived = config.derived
        self._numbers = {f.name: f.number for f in derived.param_fields}
        used = config.array.lanes * config.codes.counts * config.codes.format.width
        width = {port.name: port.width for port in top_ports(config)}["s_axis_tdata"]
        self._padding = width - used

    # -- settings --

    def any_pins(self) -> dict[str, int]:
        """Any bits at all on the settings pins."""
        draw = self._rng.random(len(self._ports)).tolist()
        return {port.name: int(x * (1 << port.width)) for port, x in zip(self._ports, draw, strict=True)}

    def pins(self, settings: PassSettings) -> dict[str, int]:
        """The pins that ask for ``settings``."""
        return encode(self._config, settings)

    def settings(self, columns: int | None = None) -> PassSettings:
        """Legal settings at chance, of all columns unless told; the clip limits like corners, often crossed."""
        config, out = self._config, self._config.output.format
        limits = self._mixed(out.number, 2)
        return PassSettings.of(
            config,
            columns=columns,
            shift=int(self._rng.integers(config.shift.min, config.shift.max + 1)),
            offset_shift=int(self._rng.integers(config.offset.max_shift + 1)),
            rounding=config.rounding.modes[self._rng.integers(len(config.rounding.modes))],
            activation=config.activation.modes[self._rng.integers(len(config.activation.modes))],
            clip_low=int(limits[0]),
            clip_high=int(limits[1]),
        )

    def sweep(self) -> list[PassSettings]:
        """Settings of which every shift, every offset_shift and every pair of rounding and activation is one."""
        config, derived = self._config, self._config.derived
        shifts = range(config.shift.min, (config.shift.max if derived.layer_shift else config.shift.min) + 1)
        roundings = config.rounding.modes[: len(derived.roundings)]
        modes = list(itertools.product(roundings, config.activation.modes))
        ups = range(derived.offset_shifts + 1)
        count = max(len(shifts), len(modes), len(ups))
        columns = [self._rng.permutation([i % len(options) for i in range(count)]) for options in (shifts, modes, ups)]
        return [
            replace(self.settings(), shift=shifts[s], offset_shift=ups[u], rounding=modes[m][0], activation=modes[m][1])
            for s, m, u in zip(*columns, strict=True)
        ]

    # -- operands --

    def codes(self, passes: int = 1) -> Ints:
        """(slots, lanes, counts) codes at chance, the corners among them often; ``passes`` times as many slots."""
        array = self._config.array
        shape = passes * array.slots, array.lanes, self._config.codes.counts
        return self._mixed(self._config.codes.format.number, int(np.prod(shape))).reshape(shape)

    def params(self) -> Params:
        """Parameters of all columns, likewise."""
        columns = self._config.array.columns
        if self._config.derived.floating:
            return self._params(draw_floats(self._rng, self._config))
        return self._params({name: self._mixed(number, columns) for name, number in self._numbers.items()})

    def corners(self) -> list[tuple[Ints, Params]]:
        """All combinations of extreme operands, as many columns in a pass as there are; at most 1,500 of them."""
        config, columns = self._config, self._config.array.columns
        floating = config.derived.floating
        pools = [EXTREMES if floating else _extremes(number) for number in self._numbers.values()]
        pools += [_extremes(config.codes.format.number)] * config.codes.counts
        total = int(np.prod([len(pool) for pool in pools]))
        index = self._rng.permutation(total)[:1500]
        index = np.resize(index, -(-len(index) // columns) * columns)
        picks = np.unravel_index(index, [len(pool) for pool in pools])
        values = [np.array(pool)[pick].reshape(-1, columns) for pool, pick in zip(pools, picks, strict=True)]
        stored, counts = values[: len(self._numbers)], np.stack(values[len(self._numbers) :], axis=-1)
        array = config.array
        return [
            (
                counts[k].reshape(array.slots, array.lanes, -1),
                self._params({name: value[k] for name, value in zip(self._numbers, stored, strict=True)}),
            )
            for k in range(len(counts))
        ]

    def aimed(self, codes: Ints, params: Params, settings: PassSettings) -> Params:
        """``params`` with offsets that put results where it matters: on ties of rounding and beside them, at the ends
        of the output's range, at the clip limits; as near as the offsets' format allows.

        Args:
            codes: (slots, lanes, counts) that will be sent.
            params: scales and the rest.
            settings: that will be in force, of all columns.
        """
        config, columns = self._config, self._config.array.columns
        if config.derived.floating:
            return aimed_floats(self._rng, config, codes.reshape(columns, -1).T, params, settings)
        inner = taps(config, codes.reshape(columns, -1).T, params, settings)
        out, derived = config.output.format, config.derived
        fraction, extra = derived.normed.fraction, derived.sloped.fraction - derived.normed.fraction
        whole = self._rng.choice(
            [out.low - 1, out.low, -2, -1, 0, 1, out.high, out.high + 1, settings.clip_low, settings.clip_high], columns
        )
        half = (1 << fraction) >> 1
        beside = [-half - 1, -half, -half + 1, -1, 0, 1, half - 1, half, half + 1]
        aim = (whole << fraction) + self._rng.choice(beside, columns)
        if settings.activation is Activation.LEAKY:
            aim = np.where((aim < 0) & (np.abs(whole) < 4), aim << extra, aim)
        if params.norm_scale is None:
            base, form, up = inner["shifted"], config.offset.format, settings.offset_shift
            base = base << (fraction - config.guard)
            return replace(params, offset=self._nearest(aim - base, fraction, form, up))
        affine = config.derived.affine.fraction + config.norm.scale.fraction
        base = (inner["affine"] * params.norm_scale) >> max(affine - fraction, 0) << max(fraction - affine, 0)
        return replace(params, norm_offset=self._nearest(aim - base, fraction, config.norm.offset, 0))

    def traffic(self, codes: Sequence[Ints] | Ints, pins: Sequence[Pins], *, spoilt: float = 0.0) -> Traffic:
        """Beats of whole passes.

        Args:
            codes: (slots, lanes, counts) for each pass; of it as many slots as the columns on the pins need.
            pins: for each pass; the lanes that are not active carry codes all the same.
            spoilt: how often tlast is wrong.
        """
        lanes = self._config.array.lanes
        slots = [-(-self._resolve(p).columns // lanes) for p in pins]
        sent = np.concatenate([c[:n] for c, n in zip(codes, slots, strict=True)])
        filling = self._rng.integers(0, 2, (len(sent), self._padding), np.uint8)
        starts = [0, *itertools.accumulate(slots)]
        last = np.zeros(len(sent), np.int64)
        last[np.array(starts[1:]) - 1] = 1
        last ^= self._rng.random(len(sent)) < spoilt
        data = words(sent.reshape(len(sent), -1), self._config.codes.format.width, filling)
        return Traffic(sent, data, last.tolist(), dict(zip(starts, pins, strict=False)))

    # -- inside --

    def _params(self, fields: dict[str, Ints]) -> Params:
        scales = np.stack([value for name, value in fields.items() if name.startswith("scale")])
        shift = fields["shift"] + self._config.shift.min if "shift" in fields else None
        return Params(scales, fields["offset"], shift, fields.get("norm_scale"), fields.get("norm_offset"))

    def _mixed(self, number: Number, count: int) -> Ints:
        """Integers of a range: corners, small ones, any, a third of each."""
        rng = self._rng
        values = rng.integers(number.low, number.high + 1, count)
        kind = rng.integers(3, size=count, dtype=np.uint8)
        corners = np.array(_corners(number))
        corner, small = kind == 0, kind == 1
        values[corner] = corners[rng.integers(len(corners), size=int(corner.sum()))]
        values[small] = np.clip(rng.integers(-8, 9, int(small.sum())), number.low, number.high)
        return values

    def _nearest(self, target: Ints, fraction: int, form: Format, up: int) -> Ints:
        """Codes of ``form``, times ``2**up``, next to ``target`` with ``fraction`` fraction bits."""
        down = fraction - form.fraction + up
        codes = target >> down if down >= 0 else target << -down
        return np.clip(codes, form.low, form.high)


def _corners(number: Number) -> list[int]:
    """Both ends, zero, and powers of two with their neighbours: one bit alone reaches each position of a shifter."""
    powers = [sign << k for k in range(max(number.high, -number.low).bit_length()) for sign in (1, -1)]
    near = {0, number.low, number.low + 1, number.high - 1, number.high} | {p + d for p in powers for d in (-1, 0, 1)}
    return sorted(v for v in near if number.low <= v <= number.high)


def _extremes(number: Number) -> tuple[int, ...]:
    return tuple(sorted({number.low, 0, min(1, number.high), number.high}))
