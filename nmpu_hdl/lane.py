"""One lane: the counts of a column in, its activation out, one result a clock."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import C, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from . import affine
from .activation import Clipped, clip, leaky, limit, saturate
from .config import NmpuConfig
from .fixed import Fixed, requantize, shape
from .formats import Activation, Number, Rounding
from .stage import Delay

__all__ = ["Lane", "lane_ports", "lane_settings", "tile_settings"]


def lane_settings(config: NmpuConfig) -> dict[str, tuple[str, Number]]:
    """The run-time settings a lane takes: name -> (the step that uses it, its range).  A choice of one is not among
    them, for it is a constant."""
    settings: dict[str, tuple[str, Number]] = {}
    if config.derived.layer_shift:
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
        "codes": In(config.codes.counts * config.codes.format.width),
        "param": In(config.derived.param_width),
        "enable": In(config.how.stages),
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
        codes: codes of one column, ``p`` (or ``x``) lowest.
        param: its parameter word.
        enable: bit ``k`` loads the registers at the end of stage ``k``.
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
        """The steps of ``derived.STEPS`` in order; what a later stage needs is carried there by ``delay``."""
        m = Module()
        config, derived = self._config, self._config.derived
        stage_of, delay = derived.stage_of, Delay(m, self.enable)
        fields = self._fields()

        def field(name: str, use: str) -> Fixed:
            """A parameter field at the stage of the step that uses it."""
            return Fixed(delay(fields[name].value, 0, stage_of[use], name), fields[name].number)

        def step(name: str, value: Fixed, made: str, used: str) -> Fixed:
            """Name a value, and carry it from the step that makes it to the one that uses it."""
            signal = Signal(shape(value.number), name=name)
            m.d.comb += signal.eq(value.value)
            return Fixed(delay(signal, stage_of[made], stage_of[used], name), value.number)

        def carried(name: str, row: Value) -> Value:
            return delay(_named(m, name, row), stage_of["multiply"], stage_of["carry"], name)

        scales = tuple(field(f.name, "multiply") for f in derived.param_fields if f.name.startswith("scale"))
        rows = affine.multiply(m, self._codes(), scales, config.how.multiplier)
        product = affine.carry(rows._replace(rows=tuple(carried(f"row_{k}", r) for k, r in enumerate(rows.rows))))
        # What even the least shift cuts off is not carried to the next stage.
        least = step("product", affine.least_shift(product, config.shift.min, config.guard), "carry", "shift")
        distance = field("shift", "shift").value if "shift" in fields else self._setting("distance")
        t = affine.narrow(affine.shift(least, distance), derived.kept)
        beyond = delay(_named(m, "beyond", t.beyond), stage_of["shift"], stage_of["finish"], "beyond")
        sign = delay(_named(m, "sign", t.sign), stage_of["shift"], stage_of["finish"], "sign")
        t_kept = step("shifted", t.kept, "shift", "offset")
        up, most = self._setting("offset_shift"), config.offset.max_shift
        a = affine.offset(t_kept, field("offset", "offset"), up, most, self._bias)
        following = "finish" if config.norm.kind == "none" else "norm"
        if derived.tiled:
            a = self._accumulate(m, a, delay, stage_of[following])
        else:
            a = step("biased" if self._bias else "affine", a, "offset", following)
        if config.norm.kind == "affine":
            a = affine.norm(a, field("norm_scale", "norm"), field("norm_offset", "norm"), config.guard)
            a = step("normed", a, "norm", "finish")
        if derived.residual:
            a = self._join(m, a, delay, stage_of["finish"])
        result = self._finish(m, affine.Narrow(a, beyond, sign))
        last = config.how.stages - 1
        for name, value in result._asdict().items():
            m.d.comb += getattr(self, name).eq(delay(Value.cast(value), last, last + 1, name))
        return m

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
        form = self._config.codes.format
        parts = (self.codes.word_select(k, form.width) for k in range(self._config.codes.counts))
        return tuple(_typed(part, form.number) for part in parts)

    def _fields(self) -> dict[str, Fixed]:
        return {
            f.name: _typed(self.param[f.lsb : f.lsb + f.width], f.number) for f in self._config.derived.param_fields
        }


def _typed(bits: Value, number: Number) -> Fixed:
    return Fixed(bits.as_signed() if number.signed else bits, number)


def _named(m: Module, name: str, value: Value) -> Signal:
    signal = Signal(value.shape(), name=name)
    m.d.comb += signal.eq(value)
    return signal


def _any(values: list[Value]) -> Value:
    result = values[0]
    for value in values[1:]:
        result = result | value
    return result
