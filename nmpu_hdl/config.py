"""The one frozen configuration that hardware, golden model, test bench and flows all read.

*What* the unit computes (array, codes, scale, shift, offset, guard, norm, rounding, activation, output) is apart
from *how* it is built (:class:`How`).  Each group is a table of the TOML file; each field is documented where it
stands (groups.py), and ``nmpu schema`` exports all of it as JSON schema.
"""

from __future__ import annotations

from functools import cached_property
from typing import Self

from pydantic import Field, StrictInt, model_validator

from .derived import Derived
from .formats import Activation, Overflow
from .front_check import check_front
from .front_group import Front
from .groups import (
    ActivationGroup,
    Arithmetic,
    Array,
    Codes,
    Group,
    How,
    Norm,
    Offset,
    Output,
    RoundingGroup,
    Scale,
    Shift,
    Tile,
)

__all__ = ["NmpuConfig"]

_MOST_INPUTS = 65_000
"""Bits of all inputs of a module together: Amaranth 0.5 numbers them with 16 bits."""


class NmpuConfig(Group):
    """Everything that determines an NMPU.  Equal configurations give equal bytes.

    Raises:
        pydantic.ValidationError: naming field, value and what would do; ``presets.load`` turns it into one line.
    """

    name: str = Field("paper", pattern=r"^[a-z][a-z0-9_-]{0,31}$", description="names the build folder and reports")
    array: Array = Array()
    arithmetic: Arithmetic = Arithmetic()
    codes: Codes = Codes()
    front: Front = Front()
    scale: Scale = Scale()
    shift: Shift = Shift()
    offset: Offset = Offset()
    guard: StrictInt = Field(1, ge=0, le=12, description="fraction bits kept after the shift and cut with rounding")
    norm: Norm = Norm()
    rounding: RoundingGroup = RoundingGroup()
    activation: ActivationGroup = ActivationGroup()
    output: Output = Output()
    how: How = How()
    tile: Tile = Tile()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        check_front(self)
        if self.tile.kind != "none":
            self._check_tile()
        if self.how.built and self.array.lanes % self.how.built:
            near = ", ".join(str(n) for n in range(1, self.array.lanes + 1) if self.array.lanes % n == 0)
            raise ValueError(
                f"how.built = {self.how.built} does not divide array.lanes = {self.array.lanes}; one of {near} would"
            )
        if self.how.architecture == "shared" and self.codes.counts == 1:
            raise ValueError(
                "how.architecture = shared: with codes.counts = 1 there is no second count to share a multiplier with; "
                "parallel would do"
            )
        if self.arithmetic.kind == "fp16":
            self._check_float()
        elif self.how.stages > (most := max(self.derived.stage_choices)):
            raise ValueError(f"how.stages = {self.how.stages}: arithmetic.kind = fixed has {most} at most")
        self.derived.check()
        each = self.derived.lane_inputs
        if self.array.lanes * each > _MOST_INPUTS:
            raise ValueError(
                f"array.lanes = {self.array.lanes}: lanes take in {each} bits each, together more than the "
                f"{_MOST_INPUTS:,} that a module can have; {_MOST_INPUTS // each} lanes or fewer would do"
            )
        return self

    def _check_float(self) -> None:
        """What binary16 cannot do.

        Raises:
            ValueError: naming field, value and what would do.
        """
        if self.how.architecture != "parallel":
            raise ValueError(
                f"how.architecture = {self.how.architecture}: arithmetic.kind = fp16 has parallel lanes only; "
                "parallel would do"
            )
        odd = [mode for mode in self.activation.modes if mode not in (Activation.NONE, Activation.RELU)]
        if odd:
            raise ValueError(f"activation.modes: {odd[0]} is not for arithmetic.kind = fp16; none and relu would do")
        if self.output.overflow is not Overflow.SATURATE:
            raise ValueError(
                f"output.overflow = {self.output.overflow}: arithmetic.kind = fp16 saturates; saturate would do"
            )

    def _check_tile(self) -> None:
        """What the unit around the core needs of the other groups.

        Raises:
            ValueError: naming field, value and what would do.
        """
        tile, out = self.tile, self.output
        if self.arithmetic.kind != "fixed":
            raise ValueError(
                f"arithmetic.kind = {self.arithmetic.kind}: tile.kind = {tile.kind} is for fixed point; fixed would do"
            )
        if self.how.built not in (0, self.array.lanes):
            raise ValueError(f"how.built = {self.how.built}: tile.kind = {tile.kind} builds all lanes; 0 would do")
        if self.how.stages < 2:
            raise ValueError(f"how.stages = {self.how.stages}: tile.kind = {tile.kind} needs 2 or more")
        if self.how.memory == "external":
            raise ValueError(
                f"how.memory = external: tile.kind = {tile.kind} keeps its memories inside; internal or macro would do"
            )
        if tile.widths and out.overflow is not Overflow.SATURATE:
            raise ValueError(f"tile.widths = {list(tile.widths)} needs output.overflow = saturate, not {out.overflow}")
        for width in tile.widths:
            if width > out.format.width:
                raise ValueError(f"tile.widths: {width} bits are more than output.format = {out.format} has")
        if tile.sets * self.array.slots > 1 << 16:
            most = (1 << 16) // self.array.slots
            raise ValueError(
                f"tile.sets = {tile.sets}: descriptors address 65,536 slots of parameters; {most} sets would do"
            )
        if tile.table > out.format.width:
            raise ValueError(
                f"tile.table = {tile.table}: an index has at most the {out.format.width} bits of output.format"
            )

    @cached_property
    def derived(self) -> Derived:
        """Inner ranges, parameter layout, stages and ports that follow from the fields."""
        return Derived(self)
