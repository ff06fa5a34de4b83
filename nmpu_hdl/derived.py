"""What follows from a configuration: the exact range of every inner value, the parameter word, the pipeline.

Names of inner values are those of docs/arithmetic.md, and of the golden model's taps.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from .cuts import cuts
from .float_steps import float_steps, spread
from .formats import MAX_INNER_WIDTH, Activation, Format, Number, Overflow, Rounding
from .front_facts import FrontFacts

if TYPE_CHECKING:
    from .config import NmpuConfig

__all__ = ["BINARY16", "Derived", "ParamField"]

BINARY16 = Number(0, 0xFFFF, 0)
"""Bit patterns of binary16."""


@dataclass(frozen=True)
class ParamField:
    """A field of the parameter word of a column.

    Args:
        name: ``scale_p``, ``scale_n`` (or ``scale``), ``offset``, ``shift``, ``norm_scale``, ``norm_offset``.
        lsb: position of its lowest bit in the word.
        number: range of the stored integer; ``shift`` is stored less the least shift, so that it is unsigned.
        format: the storage format, or None for ``shift`` and for binary16, whose integer is the bit pattern.
    """

    name: str
    lsb: int
    number: Number
    format: Format | None

    @property
    def width(self) -> int:
        """Bits the field takes."""
        return self.format.width if self.format else self.number.width

    @property
    def about(self) -> str:
        """How the field is to be read: its format, the range of its integer, or ``binary16``."""
        return "binary16" if self.format is None and self.number == BINARY16 else str(self.format or self.number)


class Derived:
    """Ranges, layouts and latencies of one configuration; all of it lazily computed and never stored."""

    def __init__(self, config: NmpuConfig) -> None:
        self._config = config

    # -- inner values, in the order in which a datum travels --

    @cached_property
    def front_end(self) -> FrontFacts:
        """What stands before the lanes."""
        return FrontFacts(self._config)

    @property
    def operand(self) -> Number:
        """What a lane multiplies: a code, or what the front end made of many."""
        return self.front_end.operand

    @cached_property
    def product(self) -> Number:
        """``m``: the scaled operands, ``s_p * p - s_n * n`` or ``s * x``, exact."""
        one = self.operand * self._config.scale.format.number
        return one - one if self._config.codes.counts == 2 else one

    @cached_property
    def shifted(self) -> Number:
        """``t``: the product in output LSB, cut to the guard bits."""
        return self.product.scaled(-self._config.shift.min).floor(self._config.guard)

    @cached_property
    def kept(self) -> Number:
        """The part of ``t`` that the offset's adder has to see.

        Beyond it the output saturates whatever the offset is, so that its sign is all that counts.  The whole of ``t``
        where what follows is not monotonic and saturating: a second affine stage, a slope, a wrap.
        """
        c, t = self._config, self.shifted
        if (
            self.tiled
            or c.norm.kind == "affine"
            or Activation.LEAKY in c.activation.modes
            or c.output.overflow is not Overflow.SATURATE
        ):
            return t
        fine = max(c.guard, self.offset.fraction)
        offset = self.offset.aligned(fine)
        above = (c.output.format.high + 1 << fine) - offset.low
        below = (c.output.format.low << fine) - (1 << fine >> 1) - offset.high
        for width in range(1, t.width):
            edge = 1 << (width - 1 + fine - c.guard)
            if edge >= above and -edge - (1 << fine - c.guard) < below:
                return Number(-(1 << width - 1), (1 << width - 1) - 1, c.guard)
        return t

    @cached_property
    def offset(self) -> Number:
        """The offset after ``offset_shift``."""
        number, up = self._config.offset.format.number, self._config.offset.max_shift
        return Number(number.low << up, number.high << up, number.fraction)

    @cached_property
    def affine(self) -> Number:
        """``a`` of one pass: with as many fraction bits as the finer of guard and offset has."""
        return self.shifted + self.offset

    @property
    def tiled(self) -> bool:
        """Whether the top is ``nmpu_axi``."""
        return self._config.tile.kind != "none"

    @cached_property
    def total(self) -> Number:
        """``a`` summed over row blocks and chained units; equals :attr:`affine` without a tile."""
        terms = self._config.tile.blocks * self._config.tile.chain if self.tiled else 1
        return Number(self.affine.low * terms, self.affine.high * terms, self.affine.fraction)

    @cached_property
    def lane_inputs(self) -> int:
        """Bits a lane that the module with most inputs takes in: codes and parameters, and, in a tile, tkeep, sums,
        residual, marks."""
        config, tile = self._config, self._config.tile
        codes, total = config.codes.counts * self.operand.width, self.total.width
        if self.front_end.present:
            codes = max(codes, -(-self.front_end.beat_bits // config.array.lanes))
        if not self.tiled:
            outside = config.how.memory == "external"
            params = -(-self.param_width // self.walk)
            return max(codes + params * (1 + outside), 2 * params) + 1
        chained, residual = (tile.chain > 1) * total, tile.residual * config.output.format.width
        return max(codes + -(-codes // 8) + self.param_width + total + chained + residual + 3, 2 * total + 1)

    @cached_property
    def norm_sum(self) -> Number:
        """The second affine stage before it is cut; equals :attr:`total` where there is none."""
        norm = self._config.norm
        if norm.kind == "none":
            return self.total
        return self.total * norm.scale.number + norm.offset.number

    @cached_property
    def normed(self) -> Number:
        """``a`` after the second affine stage, cut to the guard bits again."""
        if self._config.norm.kind == "none":
            return self.total
        return self.norm_sum.floor(self._config.guard)

    @cached_property
    def residual(self) -> Number | None:
        """The aligned residual, exact; None where there is none."""
        tile, out = self._config.tile, self._config.output.format
        if not (self.tiled and tile.residual):
            return None
        up = tile.residual_left + tile.residual_right
        return Number(out.low << up, out.high << up, tile.residual_right)

    @cached_property
    def joined(self) -> Number:
        """``a`` with the residual added; equals :attr:`normed` where there is none."""
        return self.normed if self.residual is None else self.normed + self.residual

    @cached_property
    def sloped(self) -> Number:
        """``a`` with room for the leaky slope: ``leaky_shift`` more fraction bits where leaky is built in."""
        k = self._config.activation.leaky_shift if Activation.LEAKY in self._config.activation.modes else 0
        return self.joined.aligned(self.joined.fraction + k)

    @cached_property
    def widths(self) -> tuple[int, ...]:
        """Output widths to choose from at run time, widest first; the output format's own is among them."""
        own = self._config.output.format.width
        return tuple(sorted({own, *(self._config.tile.widths if self.tiled else ())}, reverse=True))

    @cached_property
    def rounded(self) -> Number:
        """``y`` before activation and clip, whichever rounding mode is chosen."""
        return self.sloped.rounded()

    # -- storage --

    @property
    def floating(self) -> bool:
        """Whether lanes work in binary16."""
        return self._config.arithmetic.kind == "fp16"

    @property
    def layer_shift(self) -> bool:
        """Whether the shift is a setting of a pass."""
        return self._config.shift.granularity == "layer" and not self.floating

    @property
    def offset_shifts(self) -> int:
        """Largest left shift of all offsets that a pass may set."""
        return 0 if self.floating else self._config.offset.max_shift

    @property
    def roundings(self) -> tuple[Rounding, ...]:
        """Rounding modes to choose from."""
        return (Rounding.HALF_EVEN,) if self.floating else self._config.rounding.modes

    @cached_property
    def param_fields(self) -> tuple[ParamField, ...]:
        """Fields of a column's parameter word, lowest first."""
        c = self._config
        scales = ("scale_p", "scale_n") if c.codes.counts == 2 else ("scale",)
        entries: list[tuple[str, Number, Format | None]] = [
            *((name, c.scale.format.number, c.scale.format) for name in scales),
            ("offset", c.offset.format.number, c.offset.format),
        ]
        if c.shift.granularity == "column":
            entries.append(("shift", Number(0, c.shift.max - c.shift.min, 0), None))
        if c.norm.kind == "affine":
            entries.append(("norm_scale", c.norm.scale.number, c.norm.scale))
            entries.append(("norm_offset", c.norm.offset.number, c.norm.offset))
        if self.floating:
            entries = [(name, BINARY16, None) for name, _, _ in entries if name != "shift"]
        fields: list[ParamField] = []
        for name, number, form in entries:
            lsb = fields[-1].lsb + fields[-1].width if fields else 0
            fields.append(ParamField(name, lsb, number, form))
        return tuple(fields)

    @cached_property
    def param_width(self) -> int:
        """Bits of a column's parameter word."""
        return self.param_fields[-1].lsb + self.param_fields[-1].width

    # -- time --

    @cached_property
    def stage_of(self) -> dict[str, int]:
        """The pipeline stage, from 0, in which each step is computed: of a lane of fixed point, or of binary16."""
        if self.floating:
            return spread(float_steps(self._config), self._config.how.stages)
        normed = self._config.norm.kind == "affine"
        return cuts(self._config.how.stages, normed=normed, tiled=self.tiled, clocked=self.clocked)

    @property
    def front(self) -> int:
        """Stages of a tile up to the register that holds the sum; the rest of ``how.stages`` follow it."""
        return self.stage_of["offset"] + 1

    @property
    def depth(self) -> int:
        """Clock edges from the one that takes a beat to the one that shows its activations, if nothing stalls."""
        tile = self._config.tile
        after = (1 if tile.table else 0) + (2 if tile.pool else 0) if self.tiled else 0
        return self._config.how.stages + after

    @property
    def latency(self) -> int:
        """Clock edges from the first that finds a beat on offer (of a front end: the last of a slot) to the one that
        shows its activations, if nothing stalls, at the largest shift."""
        return self.beat_cycles() - 1 + self.depth + self.front_end.stages

    # -- lanes that take several clocks for a column --

    @property
    def clocked(self) -> bool:
        """Whether a lane takes several clocks for a column, in which what it is given stays as it is."""
        return self._config.how.architecture != "parallel"

    @property
    def serial(self) -> bool:
        """Whether lanes take their scales digit by digit."""
        return self._config.how.architecture == "serial"

    @property
    def counts_shift(self) -> bool:
        """Whether the shift of a pass tells how many clocks its columns take."""
        return self.serial and self.layer_shift

    @property
    def digit(self) -> int:
        """Bits of the scales, or of the shift, that a serial lane takes a clock."""
        return self._config.how.radix.bit_length() - 1

    @property
    def digits(self) -> int:
        """Digits of a scale."""
        return -(-self._config.scale.format.width // self.digit)

    def shift_cycles(self, shift: int | None = None) -> int:
        """Clocks that a serial lane shifts for after its last digit.

        Args:
            shift: of the pass; None, or a shift that is not of the layer: the largest.
        """
        if not self.serial:
            return 0
        allowed = self._config.shift
        shift = allowed.max if shift is None or not self.layer_shift else shift
        return shift - allowed.min >> self.digit - 1

    def lane_cycles(self, shift: int | None = None) -> int:
        """Clocks that a lane takes for a column."""
        if not self.clocked:
            return 1
        return self.digits + self.shift_cycles(shift) if self.serial else 2

    def beat_cycles(self, shift: int | None = None) -> int:
        """Clocks that a beat takes: for a column, times the columns that a lane of hardware walks through."""
        return self.walk * self.lane_cycles(shift)

    @property
    def layer_gap(self) -> int:
        """Clocks without a beat between two layers of a program, if the second's descriptor has been read."""
        return 1 + max(self.front_end.stages, 1)

    @property
    def stage_choices(self) -> range:
        """What ``how.stages`` may be."""
        return range(2 if self.tiled else 1, 7 if self.floating else 5)

    @property
    def built(self) -> int:
        """Lanes of hardware."""
        return self._config.how.built or self._config.array.lanes

    @property
    def walk(self) -> int:
        """Columns of a beat that a lane of hardware walks through."""
        return self._config.array.lanes // self.built

    @property
    def words(self) -> int:
        """Words of the parameter memory, each with the parameters of as many columns as lanes are built."""
        return self._config.array.columns // self.built

    def slot_cycles(self, shift: int | None = None, steps: int | None = None) -> int:
        """Clocks from the first beat of a slot to the first of the next, if nothing stalls.

        Of a front end no beat is taken while a slot's operands wait for lanes that take several clocks.

        Args:
            shift: of :meth:`beat_cycles`.
            steps: beats of the slot; None: the most.
        """
        return (self.front_end.steps if steps is None else steps) + self.beat_cycles(shift) - 1

    def pass_cycles(self, columns: int, shift: int | None = None) -> int:
        """Clocks from the first beat of a pass over ``columns`` columns to its last result, if nothing stalls; with a
        front end of as many steps as its settings allow."""
        slots = -(-columns // self._config.array.lanes)
        return slots * self.slot_cycles(shift) + self.depth + self.front_end.stages

    # -- legality --

    def check(self) -> None:
        """Refuse a configuration of which an inner value could reach the model's 64-bit integers.

        Raises:
            ValueError: naming the widest value and the fields that would narrow it.
        """
        if self.floating:  # no inner value of its model depends on the configuration
            return
        narrower = {
            "product": "a smaller scale.format or codes.format, or fewer steps of the front end",
            "shifted": "a smaller guard, scale.format or codes.format, or a larger shift.min",
            "affine": "a smaller offset.format or offset.max_shift",
            "total": "fewer tile.blocks or a shorter tile.chain",
            "norm_sum": "a smaller norm.scale or norm.offset, a smaller guard, or a larger shift.min",
            "joined": "a smaller tile.residual_left or tile.residual_right",
            "sloped": "a smaller activation.leaky_shift or guard, or a larger shift.min",
        }
        for name, remedy in narrower.items():
            width = getattr(self, name).width
            if width > MAX_INNER_WIDTH:
                raise ValueError(
                    f"the value '{name}' would take {width} bits, the most is {MAX_INNER_WIDTH}; {remedy} would do"
                )
