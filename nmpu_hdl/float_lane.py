"""One lane of binary16: the counts of a column in, its activation out, one result a clock."""

from __future__ import annotations

from typing import Any, NamedTuple

from amaranth.hdl import C, Const, Module, Signal, Value
from amaranth.lib import wiring

from . import float16, float_codes
from .config import NmpuConfig
from .fixed import Fixed
from .float16 import Product
from .formats import Activation
from .lane import lane_ports
from .stage import Delay

__all__ = ["FloatLane"]


class FloatLane(wiring.Component):
    """The chapter "Binary16" of docs/arithmetic.md with ``how.stages`` registers; ports are those of a fixed lane.

    Args:
        config: the configuration.

    Attributes:
        codes: codes of one column, ``p`` (or ``x``) lowest.
        param: its parameter word.
        enable: bit ``k`` loads the registers at the end of stage ``k``.
        activation: (where there is a choice) its code, timed to the input of the last stage.
        y: the activation, a code of the output format.
        low, high: it was clipped at that end.
    """

    def __init__(self, config: NmpuConfig) -> None:
        self._config = config
        super().__init__(lane_ports(config))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        config = self._config
        steps = _Steps(m, config, self.enable)
        fields = {f.name: self.param[f.lsb : f.lsb + f.width] for f in config.derived.param_fields}
        terms = [
            steps.product("", steps.count(code), steps.parameter(name, fields[name], "multiply"), negative=k == 1)
            for k, (code, name) in enumerate(zip(self._codes(), fields, strict=False))
        ]
        offset = fields["offset"]
        if config.arithmetic.fused:  # one exact product after the other is added to the offset
            a = steps.parameter("offset", offset, "align_1")
            for k, term in enumerate(terms, 1):
                a = steps.sum(str(k), term, a)
        else:  # the rounded products are added first
            a = terms[0] if len(terms) == 1 else steps.sum("1", *terms)
            last = str(len(terms))
            a = steps.sum(last, a, steps.parameter("offset", offset, f"align_{last}"))
        if config.norm.kind == "affine":
            scale = steps.parameter("norm_scale", fields["norm_scale"], "multiply_n")
            shift_in = steps.parameter("norm_offset", fields["norm_offset"], "align_n")
            a = steps.sum("n", steps.product("_n", a, scale), shift_in)
        result = float_codes.to_integer(m, steps.carried("a", a, "finish"), config.output.format, self._relu())
        end = config.how.stages
        for name, value in result._asdict().items():
            m.d.comb += getattr(self, name).eq(steps.delay(Value.cast(value), end - 1, end, name))
        return m

    def _codes(self) -> list[Fixed]:
        form = self._config.codes.format
        words = [self.codes.word_select(k, form.width) for k in range(self._config.codes.counts)]
        return [Fixed(word.as_signed() if form.signed else word, form.number) for word in words]

    def _relu(self) -> Value:
        """Whether ReLU is in force; a code that is not built in means the first."""
        modes = self._config.activation.modes
        if len(modes) == 1:
            return C(modes[0] is Activation.RELU, 1)
        other = self.activation == modes[1].code
        return other if modes[1] is Activation.RELU else ~other


class _Made(NamedTuple):
    """A value, and the stage in which it is there without a register."""

    value: Any
    stage: int


class _Steps:
    """The operations of a lane, each in the stage of its steps, with registers where a value has to wait."""

    def __init__(self, m: Module, config: NmpuConfig, enable: Signal) -> None:
        self._m, self._lean, self._fused = m, config.arithmetic.lean, config.arithmetic.fused
        self._stage_of = config.derived.stage_of
        self.delay = Delay(m, enable)

    def carried(self, name: str, made: _Made, step: str) -> Any:
        """The value at the input of a later step, its parts named; constants need neither name nor register."""
        end = self._stage_of[step]

        def register(part: str, value: Value) -> Value:
            if isinstance(value, Const):
                return value
            signal = Signal(value.shape(), name=f"{name}_{part}")
            self._m.d.comb += signal.eq(value)
            return self.delay(signal, made.stage, end, f"{name}_{part}")

        parts = {part: register(part, Value.cast(value)) for part, value in made.value._asdict().items()}
        return type(made.value)(**parts)

    def count(self, code: Fixed) -> _Made:
        """A code as binary16."""
        return _Made(float_codes.from_integer(self._m, code, lean=self._lean), self._stage_of["convert"])

    def parameter(self, name: str, bits: Value, step: str) -> _Made:
        """A parameter, unpacked in the stage before the one that uses it, if there is one."""
        stage = max(self._stage_of[step] - 1, 0)
        return _Made(float_codes.unpack(self._m, self.delay(bits, 0, stage, name), lean=self._lean), stage)

    def product(self, suffix: str, a: _Made, b: _Made, *, negative: bool = False) -> _Made:
        """``a * b`` or ``-a * b``: exact where multiply and add are fused, else rounded."""
        step = f"multiply{suffix}"
        left, right = self.carried("left", a, step), self.carried("right", b, step)
        product = float16.multiply(self._m, left._replace(sign=~left.sign) if negative else left, right)
        made = _Made(product, self._stage_of[step])
        if self._fused:
            return made
        step = f"products{suffix}"
        exact = self.carried("product", made, step)
        return _Made(float16.rounded(self._m, float16.leading_one(exact), lean=self._lean), self._stage_of[step])

    def sum(self, name: str, a: _Made, b: _Made) -> _Made:
        """``a + b``, rounded; ``a`` may be an exact product."""
        m, stage_of = self._m, self._stage_of
        align, add, normalize, round_ = (f"{step}_{name}" for step in ("align", "add", "normalize", "round"))
        left, right = self.carried(f"left_{name}", a, align), self.carried(f"right_{name}", b, align)
        exact = isinstance(left, Product)
        both = (float16.align_product if exact else float16.align)(m, left, right)
        both = self.carried(f"aligned_{name}", _Made(both, stage_of[align]), add)
        whole = self.carried(f"sum_{name}", _Made(float16.total(m, both), stage_of[add]), normalize)
        raw = self.carried(f"raw_{name}", _Made(float16.normalize(m, whole), stage_of[normalize]), round_)
        return _Made(float16.rounded(m, raw, lean=self._lean), stage_of[round_])
