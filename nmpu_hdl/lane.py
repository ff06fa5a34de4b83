"""One lane: the counts of a column in, its activation out; a result a clock, or one each few clocks."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import C, Module, Mux, Shape, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from . import affine
from .activation import Clipped, clip, leaky, limit, saturate
from .clocked import Serial, shared
from .config import NmpuConfig
from .fixed import Fixed, requantize, shape
from .formats import Activation, Number, Rounding
from .multiply import Rows
from .phases import phase_ports
from .stage import Delay

__all__ = ["Lane", "lane_ports", "lane_settings", "tile_settings"]


def lane_settings(config: NmpuConfig) -> dict[str, tuple[str, Number]]:
    """The run-time settings a lane takes: name -> (the step that uses it, its range).  A choice of one is not among
    them, for it is a constant."""
    settings: dict[str, tuple[str, Number]] = {}
    if config.derived.layer_shift and config.derived.serial:
        if config.derived.digit > 1:  # the rest of the shift is a number of clocks
            settings["residue"] = ("shift", Number(0, 1, 0))
    elif config.derived.layer_shift:
        settings["distance"] = ("shift", Number(0, config.shift.max - config.shift.min, 0))
    if config.derived.offset_shifts:
        settings["offset_shift"] = ("offset", Number(0, config.derived.offset_shifts, 0))
    if len(config.derived.roundings) > 1:
        settings["rounding"] = ("finish", Number(0, max(mode.code for mode in config.derived.roundings), 0))
    if len(config.activation.modes) > 1:
        settings["activation"] = ("finish", Number(0, max(mode.code for mode in config.activation.modes), 0))
    if Activation.CLIP in config.activation.modes:
        settings["clip_low"] = settings["clip_high"] = ("finish", config.output.format.number)
    return settings


def tile_settings(config: NmpuConfig) -> dict[str, Number]:
    """The further settings that a lane of a tile takes, all used where its ``residual`` is or later.

    ``use_residual``; ``align``: left shift of the residual beyond the largest right shift; ``width``: index into
    ``derived.widths``.
    """
    settings: dict[str, Number] = {}
    if config.derived.tiled and config.tile.residual:
        settings["use_residual"] = Number(0, 1, 0)
        settings["align"] = Number(0, config.tile.residual_left + config.tile.residual_right, 0)
    if len(config.derived.widths) > 1:
        settings["width"] = Number(0, len(config.derived.widths) - 1, 0)
    return settings


def lane_ports(config: NmpuConfig) -> dict[str, wiring.Member]:
    """The ports that every lane has, whatever it is made of."""
    return {
        "codes": In(config.codes.counts * config.derived.operand.width),
        "param": In(config.derived.param_width),
        "enable": In(config.how.stages),
        **{name: In(form) for name, form in phase_ports(config).items()},
        **{name: In(shape(number)) for name, (_, number) in lane_settings(config).items()},
        "y": Out(config.output.format.width),
        "low": Out(1),
        "high": Out(1),
    }


class Lane(wiring.Component):
    """The arithmetic of docs/arithmetic.md with ``how.stages`` registers.

    Args:
        config: the configuration.

    Attributes:
        codes: operands of one column, ``p`` (or ``x``) lowest.
        param: its parameter word.
        enable: bit ``k`` loads the registers at the end of stage ``k``.
        (where a column takes several clocks, one port for each of :func:`nmpu_hdl.phases.phase_ports`; codes and
        parameters stay for all of them, and with the last the column is taken)
        (one port for each of :func:`lane_settings`, timed to the input of the stage that uses it)
        y: the activation, a code of the output format.
        low, high: it was clipped at that end.

    In a tile, where the step ``offset`` ends the *front* stages, also:
        partial: what is added to ``a``: a partial sum, or 0.
        total: the sum, before the register that ends the front.
        sum: the sum in that register.
        neighbour, start: (with ``tile.chain`` above 1) a neighbour's sum, at the input of stage 0, and whether it is
            added in place of ``partial``, at the input of the front's last stage.
        residual: a code of the output format, at the input of the stage after.
        (one port for each of :func:`tile_settings`, timed to that stage; ``width`` to that of the step ``finish``)
    """

    def __init__(self, config: NmpuConfig) -> None:
        self._config = config
        super().__init__(lane_ports(config) | self._tile_ports(config))

    @staticmethod
    def _tile_ports(config: NmpuConfig) -> dict[str, Any]:
        if not config.derived.tiled:
            return {}
        total = shape(config.derived.total)
        ports = {"partial": In(total), "total": Out(total), "sum": Out(total)}
        if config.tile.chain > 1:
            ports |= {"neighbour": In(total), "start": In(1)}
        if config.tile.residual:
            ports["residual"] = In(config.output.format.width)
        return ports | {name: In(shape(number)) for name, number in tile_settings(config).items()}

    def elaborate(self, platform: Any) -> Module:
        """The steps of ``cuts.STEPS`` in order; what a later stage needs is carried there by ``delay``."""
        m = Module()
        config, derived = self._config, self._config.derived
        steps = _Steps(m, config, self.enable, self.param)
        stage_of, delay = derived.stage_of, steps.delay
        t = affine.narrow(self._shifted(m, steps), derived.kept)
        beyond = delay(_named(m, "beyond", t.beyond), stage_of["shift"], stage_of["finish"], "beyond")
        sign = delay(_named(m, "sign", t.sign), stage_of["shift"], stage_of["finish"], "sign")
        t_kept = steps.carried("shifted", t.kept, "shift", "offset")
        up, most = self._setting("offset_shift"), config.offset.max_shift
        a = affine.offset(t_kept, steps.field("offset", "offset"), up, most, self._bias)
        following = "finish" if config.norm.kind == "none" else "norm"
        if derived.tiled:
            a = self._accumulate(m, a, delay, stage_of[following])
        else:
            a = steps.carried("biased" if self._bias else "affine", a, "offset", following)
        if config.norm.kind == "affine":
            a = affine.norm(a, steps.field("norm_scale", "norm"), steps.field("norm_offset", "norm"), config.guard)
            a = steps.carried("normed", a, "norm", "finish")
        if derived.residual:
            a = self._join(m, a, delay, stage_of["finish"])
        result = self._finish(m, affine.Narrow(a, beyond, sign))
        last = config.how.stages - 1
        for name, value in result._asdict().items():
            m.d.comb += getattr(self, name).eq(delay(Value.cast(value), last, last + 1, name))
        return m

    def _shifted(self, m: Module, steps: _Steps) -> Fixed:
        """``t`` at the step ``shift``: what the architectures of lanes differ in."""
        config, derived = self._config, self._config.derived
        scales = tuple(steps.field(name, "multiply") for name in steps.fields if name.startswith("scale"))
        own = "shift" in steps.fields
        distance = steps.field("shift", "shift").value if own else self._setting("distance")
        told = {name: getattr(self, name) for name in phase_ports(config)}
        if derived.serial:
            t = Serial(config, told).shifted(m, self._codes(), scales, steps.fields["shift"].value if own else None)
            rest = distance[: derived.digit - 1] if own else self._setting("residue")
            return affine.shift(t, rest) if len(rest) else t
        if derived.clocked:
            product = shared(m, config, self._codes(), scales, told)
            made = "shift"
        else:
            rows = affine.multiply(m, self._codes(), scales, config.how.multiplier)
            product = affine.carry(steps.rows(rows))
            made = "carry"
        # What even the least shift cuts off is not carried to the next stage.
        least = affine.least_shift(product, config.shift.min, config.guard)
        return affine.shift(steps.carried("product", least, made, "shift"), distance)

    def _accumulate(self, m: Module, a: Fixed, delay: Delay, used: int) -> Fixed:
        """Add the partial sum; the register behind it is what the rest of the lane, or the memory, goes on with.

        The range is that of all blocks together, so that no sum can wrap: a single term is far from its ends.
        """
        number, end = self._config.derived.total, self._config.derived.front
        m.d.comb += self.total.eq(a.value + self.partial)
        if self._config.tile.chain > 1:
            begun = delay(self.neighbour, 0, end - 1, "neighbour")
            m.d.comb += self.total.eq(a.value + Mux(self.start, begun, self.partial))
        m.d.comb += self.sum.eq(delay(self.total, end - 1, end, "sum"))
        return Fixed(delay(self.sum, end, used, "sum"), number)

    def _join(self, m: Module, a: Fixed, delay: Delay, used: int) -> Fixed:
        """Add the residual, aligned; exact."""
        number, front = self._config.derived.residual, self._config.derived.front
        assert number is not None
        aligned = Signal(shape(number), name="aligned")
        operand = _typed(self.residual, self._config.output.format.number).value
        m.d.comb += aligned.eq(Mux(self.use_residual, operand << self.align, 0))
        joined = Signal(shape(self._config.derived.joined), name="joined")
        m.d.comb += joined.eq((a + Fixed(delay(aligned, front, used, "aligned"), number)).value)
        return Fixed(joined, self._config.derived.joined)

    @property
    def _bias(self) -> int:
        """The rounding constant, where nothing stands between the offset's adder and a rounding that is half_up."""
        config = self._config
        between = config.derived.tiled or config.norm.kind != "none" or Activation.LEAKY in config.activation.modes
        folds = not between and config.rounding.modes == (Rounding.HALF_UP,)
        return (1 << config.derived.affine.fraction) >> 1 if folds else 0

    def _finish(self, m: Module, a: affine.Narrow) -> Clipped:
        """Round, activate and clip."""
        config = self._config
        modes, form = config.activation.modes, config.output.format
        chosen = {mode: self._chooses(mode) for mode in Activation}
        exact = a.kept
        if Activation.LEAKY in modes:
            exact = leaky(exact, config.activation.leaky_shift, chosen[Activation.LEAKY])
        rounding = (Rounding.FLOOR,) if self._bias else config.rounding.modes
        rounded = requantize(m, exact, rounding, self._setting("rounding"))
        y = a._replace(kept=rounded)
        result = saturate(m, y, form, chosen[Activation.RELU], config.output.overflow)
        if Activation.CLIP in modes:
            result = clip(m, y, result, (self.clip_low, self.clip_high), chosen[Activation.CLIP])
        if len(config.derived.widths) > 1:
            result = limit(result, form, config.derived.widths, self.width)
        return result

    def _chooses(self, mode: Activation) -> Value:
        """Whether ``mode`` is in force; a code that is not built in means the first."""
        modes = self._config.activation.modes
        if mode not in modes or len(modes) == 1:
            return C(mode in modes, 1)
        if mode is modes[0]:
            others = [self.activation == other.code for other in modes[1:]]
            return ~_any(others)
        return self.activation == mode.code

    def _setting(self, name: str) -> Value:
        """The run-time setting, or a constant 0 where there is no choice."""
        return getattr(self, name, C(0, 1))

    def _codes(self) -> tuple[Fixed, ...]:
        number = self._config.derived.operand
        parts = (self.codes.word_select(k, number.width) for k in range(self._config.codes.counts))
        return tuple(_typed(part, number) for part in parts)


class _Steps:
    """Values on their way from the step that makes them to the one that uses them."""

    def __init__(self, m: Module, config: NmpuConfig, enable: Signal, param: Signal) -> None:
        self._m, self._stage_of = m, config.derived.stage_of
        self.delay = Delay(m, enable)
        self.fields = {f.name: _typed(param[f.lsb : f.lsb + f.width], f.number) for f in config.derived.param_fields}

    def field(self, name: str, use: str) -> Fixed:
        """A parameter field at the stage of the step that uses it."""
        field = self.fields[name]
        return Fixed(self.delay(field.value, 0, self._stage_of[use], name), field.number)

    def carried(self, name: str, value: Fixed, made: str, used: str) -> Fixed:
        """Name a value, and carry it from the step that makes it to the one that uses it."""
        signal = _named(self._m, name, value.value, shape(value.number))
        return Fixed(self.delay(signal, self._stage_of[made], self._stage_of[used], name), value.number)

    def rows(self, rows: Rows) -> Rows:
        """Rows at the step ``carry``."""
        start, end = self._stage_of["multiply"], self._stage_of["carry"]
        moved = [self.delay(_named(self._m, f"row_{k}", r), start, end, f"row_{k}") for k, r in enumerate(rows.rows)]
        return rows._replace(rows=tuple(moved))


def _typed(bits: Value, number: Number) -> Fixed:
    return Fixed(bits.as_signed() if number.signed else bits, number)


def _named(m: Module, name: str, value: Value, form: Shape | None = None) -> Signal:
    signal = Signal(form or value.shape(), name=name)
    m.d.comb += signal.eq(value)
    return signal


def _any(values: list[Value]) -> Value:
    result = values[0]
    for value in values[1:]:
        result = result | value
    return result
