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
from nmpu_hdl.ports import config_ports, front_ports, top_ports
from nmpu_hdl.settings import PassSettings

from .extremes import corner_numbers, extreme_raw, extreme_settings, extremes, full_size
from .floats import EXTREMES, aimed_floats, draw_floats
from .front import draw_inputs, fields_of_passes, short_settings, tamed
from .packing import words
from .passes import Steps
from .pins import Pins, Resolver, encode
from .raw import Raw, words_of
from .stream import Traffic

__all__ = ["Stimulus"]

Ints = NDArray[np.int64]

Inputs = Ints | Raw
"""Of one pass: (slots, lanes, counts) codes; or what an array gives to a front end."""


class Stimulus:
    """Makes inputs for one configuration.

    Args:
        config: the configuration.
        rng: source of chance.
    """

    def __init__(self, config: NmpuConfig, rng: np.random.Generator) -> None:
        self._config, self._rng = config, rng
        self._ports, self._resolve = (*config_ports(config), *front_ports(config)), Resolver(config)
        self._front = config.derived.front_end
        derived = config.derived
        self._numbers = {f.name: f.number for f in derived.param_fields}
        width = {port.name: port.width for port in top_ports(config)}["s_axis_tdata"]
        self._padding = width - self._front.beat_bits

    # -- settings --

    def any_pins(self) -> dict[str, int]:
        """Any bits at all on the settings pins."""
        draw = self._rng.random(len(self._ports)).tolist()
        return {port.name: int(x * (1 << port.width)) for port, x in zip(self._ports, draw, strict=True)}

    def wild_pins(self) -> dict[str, int]:
        """Any bits at all for the pins of a pass, but those that would make it long."""
        pins = self.any_pins()
        return tamed(self._rng, self._config, pins) if self._front.present else pins

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
            front=short_settings(self._rng, config),
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

    def inputs(self, settings: Sequence[PassSettings]) -> list[Inputs]:
        """What is sent in a pass with each of these settings, at chance."""
        if self._front.present:
            return [*draw_inputs(self._rng, self._config, settings)]
        array = self._config.array
        return [*self.codes(len(settings)).reshape(len(settings), array.slots, array.lanes, -1)]

    def operands(self, inputs: Inputs, settings: PassSettings) -> Ints:
        """(counts, columns): what the lanes are given of a pass."""
        if isinstance(inputs, Raw):
            assert settings.front is not None
            return inputs.operands(self._config, settings.front)[0]
        return inputs.reshape(self._config.array.columns, -1).T

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

    def corners(self) -> list[tuple[Inputs, Params, Pins]]:
        """All combinations of extreme operands, as many columns in a pass as there are; at most 1,500 of them.

        Each pass has settings of its own, those of :meth:`sweep` in turn.  Through a front end: extreme numbers at
        extreme settings, and two passes of as many beats as the largest settings make.
        """
        config, columns, front = self._config, self._config.array.columns, self._front.present
        pools = [EXTREMES if config.derived.floating else extremes(number) for number in self._numbers.values()]
        pools += [tuple(range(4)) if front else extremes(config.codes.format.number)] * config.codes.counts
        total = int(np.prod([len(pool) for pool in pools]))
        index = self._rng.permutation(total)[:1500]
        passes = max(-(-len(index) // columns), 12 * front)
        index = np.resize(index, passes * columns)
        picks = np.unravel_index(index, [len(pool) for pool in pools])
        values = [np.array(pool)[pick].reshape(-1, columns) for pool, pick in zip(pools, picks, strict=True)]
        stored, last = values[: len(self._numbers)], np.stack(values[len(self._numbers) :], axis=-1)
        made = []
        for k, settings in zip(range(passes), itertools.cycle(self.sweep()), strict=False):
            params = self._params({name: value[k] for name, value in zip(self._numbers, stored, strict=True)})
            made.append((*self._extreme(last[k], settings, passes - 1 - k), params))
        return [(inputs, params, pins) for inputs, pins, params in made]

    def _extreme(self, picks: Ints, settings: PassSettings, left: int) -> tuple[Inputs, dict[str, int]]:
        """The inputs of a pass, which ``left`` others follow, and its pins, from (columns, counts) codes, or of a front
        end kinds of numbers."""
        config, odd = self._config, dict[str, int]()
        if not self._front.present:
            return picks.reshape(config.array.slots, config.array.lanes, -1), self.pins(settings)
        settings, turned = extreme_settings(self._rng, config, settings), bool(self._rng.integers(2))
        if left < 2:
            settings, odd, turned = full_size(self._rng, config, settings, high=bool(left))
        assert settings.front is not None
        inputs = extreme_raw(config, settings.front, picks[: settings.columns].T, turned=turned)
        return inputs, self.pins(settings) | odd

    def aimed(self, operands: Ints, params: Params, settings: PassSettings) -> Params:
        """``params`` with offsets that put results where it matters: on ties of rounding and beside them, at the ends
        of the output's range, at the clip limits; as near as the offsets' format allows.

        Args:
            operands: (counts, columns) that the lanes will be given.
            params: scales and the rest.
            settings: that will be in force, of all columns.
        """
        config, columns = self._config, self._config.array.columns
        if config.derived.floating:
            return aimed_floats(self._rng, config, operands, params, settings)
        inner = taps(config, operands, params, settings)
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

    def traffic(self, inputs: Sequence[Inputs] | Ints, pins: Sequence[Pins], *, spoilt: float = 0.0) -> Traffic:
        """Beats of whole passes.

        Args:
            inputs: of each pass: (slots, lanes, counts) codes, of which as many slots as the columns on the pins need,
                or what the array gives to a front end.
            pins: for each pass; the lanes that are not active carry something all the same.
            spoilt: how often tlast is wrong.
        """
        config, settings, sums = self._config, [self._resolve(p) for p in pins], None
        beats = [Steps.of(config, each).beats for each in settings]
        if self._front.present:
            raws = [each for each in inputs if isinstance(each, Raw)]
            sent, sums = fields_of_passes(self._rng, config, raws, settings)
        else:
            codes = [each for each in inputs if not isinstance(each, Raw)]
            sent = np.concatenate([c[:n] for c, n in zip(codes, beats, strict=True)])
        filling = self._rng.integers(0, 2, (len(sent), self._padding), np.uint8)
        starts = [0, *itertools.accumulate(beats)]
        last = np.zeros(len(sent), np.int64)
        last[np.array(starts[1:]) - 1] = 1
        last ^= self._rng.random(len(sent)) < spoilt
        if sums is None:
            data = words(sent.reshape(len(sent), -1), config.codes.format.width, filling)
        else:
            data = words_of(config, sent, sums, filling)
        return Traffic(sent, data, last.tolist(), dict(zip(starts, pins, strict=False)), sums)

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
        corners = np.array(corner_numbers(number))
        corner, small = kind == 0, kind == 1
        values[corner] = corners[rng.integers(len(corners), size=int(corner.sum()))]
        values[small] = np.clip(rng.integers(-8, 9, int(small.sum())), number.low, number.high)
        return values

    def _nearest(self, target: Ints, fraction: int, form: Format, up: int) -> Ints:
        """Codes of ``form``, times ``2**up``, next to ``target`` with ``fraction`` fraction bits."""
        down = fraction - form.fraction + up
        codes = target >> down if down >= 0 else target << -down
        return np.clip(codes, form.low, form.high)
