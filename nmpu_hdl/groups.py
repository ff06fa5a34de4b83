"""The groups of fields of a configuration: each a table of the TOML file, each field documented where it stands."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StrictBool,
    StrictInt,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from .formats import Activation, Format, Overflow, Rounding

__all__ = [
    "ActivationGroup",
    "Arithmetic",
    "Array",
    "Codes",
    "Group",
    "How",
    "Norm",
    "Offset",
    "Output",
    "RoundingGroup",
    "Scale",
    "Shift",
    "Tile",
    "several",
    "without_repeats",
]

T = TypeVar("T")


def _as_format(value: Any) -> Format:
    if isinstance(value, Format):
        return value
    if isinstance(value, str):
        return Format.parse(value)
    raise ValueError(f"{value!r} is not a number format; write UQi.f or SQi.f, such as UQ1.7 or SQ8.1")


FormatField = Annotated[
    Format,
    BeforeValidator(_as_format),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^[US]Q\d{1,2}\.\d{1,2}$", "examples": ["UQ1.7", "SQ8.1"]}),
]


def several(value: Any) -> Any:
    """Let a single name stand for a list of one: ``modes = "relu"``."""
    return (value,) if isinstance(value, str) else value


class Group(BaseModel):
    """Common ground of all groups: frozen, and no unknown key."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _bounded(form: Format, low: int, high: int, what: str) -> Format:
    if not low <= form.width <= high:
        raise ValueError(f"{form} has {form.width} bits; {what} take {low} to {high}")
    return form


class Array(Group):
    """The crossbar's edge."""

    columns: StrictInt = Field(256, ge=1, le=1024, description="columns of the crossbar")
    lanes: StrictInt = Field(64, ge=1, le=1024, description="columns processed at a time; divides columns")

    @model_validator(mode="after")
    def _divides(self) -> Self:
        if self.columns % self.lanes:
            near = [n for n in range(1, self.columns + 1) if self.columns % n == 0]
            best = sorted(sorted(near, key=lambda n: abs(n - self.lanes))[:3])
            raise ValueError(f"lanes = {self.lanes} does not divide columns = {self.columns}; {_or(best)} would")
        return self

    @property
    def slots(self) -> int:
        """Beats that a pass over all columns takes."""
        return self.columns // self.lanes


class Arithmetic(Group):
    """The numbers that a lane works with: fixed point, or IEEE 754 binary16 as the reference to compare with."""

    kind: Literal["fixed", "fp16"] = Field(
        "fixed",
        description="fixed; or fp16: parameters are binary16, and scale.format, shift, offset, guard, the formats of "
        "norm and rounding are not used",
    )
    fused: StrictBool = Field(True, description="fp16: multiply and add round once (false: each of them rounds)")
    lean: StrictBool = Field(
        False, description="fp16: subnormals are 0; no NaN, no infinity: the largest exponent is one like the others"
    )

    @model_validator(mode="after")
    def _of_use(self) -> Self:
        if self.kind == "fixed" and (self.lean or not self.fused):
            said = "lean = true" if self.lean else "fused = false"
            raise ValueError(f"{said} means nothing with kind = fixed; kind = fp16 would do")
        return self


class Codes(Group):
    """What the crossbar delivers for a column."""

    source: Literal["counts", "slices", "planes", "samples"] = Field(
        "counts",
        description="counts: converter codes; or what the front end makes one operand a column of: slices of weights "
        "and bit-serial streams (shift and add), counts of bit planes, samples of a stochastic converter",
    )
    counts: StrictInt = Field(2, ge=1, le=2, description="1: one code x; 2: a positive count p and a negative count n")
    format: FormatField = Field(Format(False, 10, 0), description="format of a code, 2 to 16 bits")

    @field_validator("format")
    @classmethod
    def _width(cls, form: Format) -> Format:
        return _bounded(form, 2, 16, "codes")


class Scale(Group):
    """The factor of a count, one a column and count."""

    format: FormatField = Field(Format(False, 1, 7), description="format of a scale, 2 to 16 bits")

    @field_validator("format")
    @classmethod
    def _width(cls, form: Format) -> Format:
        return _bounded(form, 2, 16, "scales")


class Shift(Group):
    """The power of two that brings products to the output's range: a right shift, or a left shift where negative."""

    min: StrictInt = Field(-1, ge=-8, le=31, description="least shift")
    max: StrictInt = Field(6, ge=-8, le=31, description="largest shift")
    granularity: Literal["layer", "column", "fixed"] = Field(
        "layer", description="layer: run-time pins; column: a parameter a column; fixed: a constant (min = max)"
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min > self.max:
            raise ValueError(f"min = {self.min} is above max = {self.max}; exchange them")
        if self.granularity == "fixed" and self.min != self.max:
            raise ValueError(
                f"granularity = fixed needs min = max, not {self.min} and {self.max}; set both to the shift you want"
            )
        if self.granularity != "fixed" and self.min == self.max:
            raise ValueError(
                f"granularity = {self.granularity} with min = max = {self.min} is no choice; use granularity = fixed"
            )
        return self


class Offset(Group):
    """The summand of a column, in output LSB."""

    format: FormatField = Field(Format(True, 8, 1), description="format of an offset, 2 to 24 bits")
    max_shift: StrictInt = Field(
        0, ge=0, le=7, description="largest run-time left shift of all offsets (offset_shift); 0: no such pins"
    )

    @field_validator("format")
    @classmethod
    def _width(cls, form: Format) -> Format:
        return _bounded(form, 2, 24, "offsets")


class Norm(Group):
    """A second scale and offset a column, for a batch norm that is not folded into the first."""

    kind: Literal["none", "affine"] = Field("none", description="none, or affine: a * scale + offset")
    scale: FormatField = Field(Format(True, 2, 6), description="format of the second scale, 2 to 16 bits")
    offset: FormatField = Field(Format(True, 8, 1), description="format of the second offset, 2 to 24 bits")

    @field_validator("scale")
    @classmethod
    def _scale_width(cls, form: Format) -> Format:
        return _bounded(form, 2, 16, "scales")

    @field_validator("offset")
    @classmethod
    def _offset_width(cls, form: Format) -> Format:
        return _bounded(form, 2, 24, "offsets")


class RoundingGroup(Group):
    """How the guard bits are cut."""

    modes: Annotated[tuple[Rounding, ...], BeforeValidator(several)] = Field(
        (Rounding.HALF_UP,),
        min_length=1,
        description="rounding modes built in; chosen at run time where more than one, the first being the default",
    )

    @field_validator("modes")
    @classmethod
    def _distinct(cls, modes: tuple[Rounding, ...]) -> tuple[Rounding, ...]:
        return without_repeats(modes)


class ActivationGroup(Group):
    """The non-linear function at the end."""

    modes: Annotated[tuple[Activation, ...], BeforeValidator(several)] = Field(
        (Activation.NONE, Activation.RELU),
        min_length=1,
        description="activations built in; chosen at run time where more than one, the first being the default",
    )
    leaky_shift: StrictInt = Field(3, ge=1, le=7, description="k of the slope 2^-k that leaky has below zero")

    @field_validator("modes")
    @classmethod
    def _distinct(cls, modes: tuple[Activation, ...]) -> tuple[Activation, ...]:
        return without_repeats(modes)


class Output(Group):
    """The activation handed to the next layer."""

    format: FormatField = Field(Format(True, 8, 0), description="output format, 2 to 16 bits, no fraction bits")
    overflow: Overflow = Field(Overflow.SATURATE, description="saturate, or wrap modulo 2^width")

    @field_validator("format")
    @classmethod
    def _whole(cls, form: Format) -> Format:
        _bounded(form, 2, 16, "outputs")
        if form.fraction:
            whole = Format(form.signed, form.width, 0)
            raise ValueError(
                f"{form} has fraction bits, but results count in output LSB; "
                f"write {whole} and let the shift set the scale"
            )
        return form


class How(Group):
    """How the unit is built; none of it changes a result."""

    stages: StrictInt = Field(
        1, ge=1, le=6, description="pipeline registers between the codes and the activations; 5 and 6 for fp16 only"
    )
    built: StrictInt = Field(
        0,
        ge=0,
        le=1024,
        description="lanes of hardware, which the columns of a beat share in turn; divides array.lanes; 0: all of them",
    )
    architecture: Literal["parallel", "shared", "serial"] = Field(
        "parallel",
        description="parallel: a lane gives a result a clock; shared: its two counts share one multiplier, in two "
        "clocks; serial: bits of the scales one after the other, then the shift, in as many clocks as they have",
    )
    radix: Literal[2, 4] = Field(
        2, description="serial: 2 takes one bit of the scales, or of the shift, a clock; 4 two"
    )
    front_stages: StrictInt = Field(
        1,
        ge=1,
        le=2,
        description="clocks of a front end: 1; or 2, with a register between what a beat adds and the accumulators, "
        "for where its bits are many or a zero point makes it slow",
    )
    multiplier: Literal["tree", "rows", "booth", "operator"] = Field(
        "tree",
        description="an adder tree for both products, of rows for two bits of a factor and its triple made once "
        "(tree: least area), for each bit (rows: faster), or for two bits recoded as -2 to 2 (booth: between, where "
        "factors are wide); operator: *, for FPGAs",
    )
    memory: Literal["internal", "external", "macro"] = Field(
        "internal",
        description="memories: arrays inside; external: a port at the top (core only); macro: black boxes by name",
    )

    @model_validator(mode="after")
    def _of_use(self) -> Self:
        if self.radix != 2 and self.architecture != "serial":
            raise ValueError(
                f"radix = {self.radix} means nothing with architecture = {self.architecture}; "
                "architecture = serial would do"
            )
        return self


class Tile(Group):
    """The unit around the core: bus, layer program, partial sums and what comes after the lanes; see docs/tile.md."""

    kind: Literal["none", "axi"] = Field(
        "none", description="none: the core nmpu is the top, and the rest of this table is not used; axi: nmpu_axi is"
    )
    blocks: StrictInt = Field(16, ge=1, le=64, description="row blocks (passes) that a result may be the sum of")
    chain: StrictInt = Field(
        1, ge=1, le=16, description="units whose partial sums may be chained by streams; 1: no such streams"
    )
    residual: StrictBool = Field(False, description="a residual operand a column, added before rounding")
    residual_left: StrictInt = Field(3, ge=0, le=8, description="largest left shift that aligns a residual")
    residual_right: StrictInt = Field(3, ge=0, le=8, description="largest right shift that aligns a residual; exact")
    widths: tuple[StrictInt, ...] = Field(
        (), description="output widths to choose from at run time besides that of output.format, such as [6, 4]"
    )
    table: StrictInt = Field(0, ge=0, le=10, description="activation table of 2^n entries after saturation; 0: none")
    pool: StrictInt = Field(0, ge=0, le=1024, description="largest window of max and average pooling; 0: none")
    protect: Literal["none", "parity", "secded"] = Field(
        "none", description="protection of parameter and aggregation memory"
    )
    sets: StrictInt = Field(
        16, ge=1, le=1024, description="parameters a bank holds, in sets for all columns; there are two banks"
    )
    descriptors: StrictInt = Field(32, ge=1, le=256, description="layers that the descriptor memory holds")
    input: Literal["stream", "sram"] = Field("stream", description="codes come as a stream, or are read from an SRAM")
    output: Literal["stream", "sram"] = Field(
        "stream", description="activations leave as a stream, or are written to an SRAM"
    )
    address: StrictInt = Field(16, ge=1, le=24, description="address bits of those SRAMs")
    observe: StrictBool = Field(False, description="registers for the least and the largest a, for calibration")

    @field_validator("widths")
    @classmethod
    def _distinct(cls, widths: tuple[int, ...]) -> tuple[int, ...]:
        for width in widths:
            if not 2 <= width <= 16:
                raise ValueError(f"an output width of {width} is outside 2..16 bits")
        return without_repeats(widths)

    @field_validator("pool")
    @classmethod
    def _a_window(cls, pool: int) -> int:
        if pool == 1:
            raise ValueError("a window of 1 pools nothing; 0 leaves pooling out, 4 is a window of 2 x 2")
        return pool

    @field_validator("table")
    @classmethod
    def _an_index(cls, table: int) -> int:
        if table == 1:
            raise ValueError("a table of 2 entries is none; 0 leaves it out, 2 to 10 are its address bits")
        return table


def _or(values: list[int]) -> str:
    words = [str(v) for v in values]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def without_repeats(modes: tuple[T, ...]) -> tuple[T, ...]:
    repeated = [m for i, m in enumerate(modes) if m in modes[:i]]
    if repeated:
        raise ValueError(f"{repeated[0]} is named twice; once is enough")
    return modes
