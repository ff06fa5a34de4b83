"""The layer program: what a descriptor says, checked against the configuration, and the words that hold it.

A *layer* is ``vectors`` results of ``columns`` columns, each the sum of ``blocks`` passes.  Descriptors are read by the
hardware from a memory of 32-bit words; :data:`FIELDS` is the only place that knows where a field lies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

from .formats import Activation, Rounding
from .front_settings import FrontSettings
from .settings import PassSettings

if TYPE_CHECKING:
    from .config import NmpuConfig

__all__ = [
    "FIELDS",
    "POOLINGS",
    "SHIFTS_FROM",
    "DescriptorField",
    "Layer",
    "Pooling",
    "decode",
    "descriptor_fields",
    "descriptor_stride",
    "descriptor_words",
    "encode",
    "param_words",
]

Pooling = Literal["none", "max", "average"]
POOLINGS: tuple[Pooling, ...] = get_args(Pooling)


@dataclass(frozen=True)
class DescriptorField:
    """Where a field of a descriptor lies: bits ``lsb .. lsb + width - 1`` of 32-bit word ``word``."""

    name: str
    word: int
    lsb: int
    width: int
    about: str
    signed: bool = False


FIELDS: tuple[DescriptorField, ...] = (
    DescriptorField("columns", 0, 0, 11, "active columns, 1 to the array's"),
    DescriptorField("blocks", 0, 16, 7, "row blocks, 1 to tile.blocks"),
    DescriptorField("vectors", 1, 0, 24, "results of the layer, each of blocks passes; at least 1"),
    DescriptorField("next", 1, 24, 8, "descriptor that follows, where last is 0"),
    DescriptorField("base", 2, 0, 16, "address of the first parameter word, in slots"),
    DescriptorField("last", 2, 16, 1, "the chain ends with this layer"),
    DescriptorField("interrupt", 2, 17, 1, "interrupt when the last result of this layer leaves the lanes"),
    DescriptorField("residual", 2, 18, 1, "add a residual"),
    DescriptorField("sum_in", 2, 19, 1, "the first block starts with a neighbour's partial sums, not with 0"),
    DescriptorField("sum_out", 2, 20, 1, "the last block hands the sums on to a neighbour, and does not round"),
    DescriptorField("table", 2, 21, 1, "look results up in the activation table"),
    DescriptorField("table_bank", 2, 22, 1, "bank of the activation table"),
    DescriptorField("pooling", 2, 24, 2, "0 none, 1 max, 2 average"),
    DescriptorField("rounding", 3, 0, 2, "0 floor, 1 half_up, 2 half_even, 3 half_away"),
    DescriptorField("activation", 3, 2, 2, "0 none, 1 relu, 2 clip, 3 leaky"),
    DescriptorField("offset_shift", 3, 4, 3, "left shift of the offsets"),
    DescriptorField("width", 3, 8, 5, "output width in bits, one of the built-in ones"),
    DescriptorField("residual_shift", 3, 16, 5, "the residual is multiplied by two to this power", True),
    DescriptorField("pool_shift", 3, 24, 4, "the sum of a window is divided by two to this power"),
    DescriptorField("clip_low", 4, 0, 16, "lower limit of clip, the lowest bits of it"),
    DescriptorField("clip_high", 4, 16, 16, "upper limit of clip, the lowest bits of it"),
    DescriptorField("pool_window", 5, 0, 11, "vectors a window of pooling"),
    DescriptorField("in_base", 6, 0, 24, "address of the codes of the first pass"),
    DescriptorField("in_stride", 7, 0, 24, "what is added to it from pass to pass"),
    DescriptorField("out_base", 8, 0, 24, "address of the first result"),
    DescriptorField("out_stride", 9, 0, 24, "what is added to it from result to result"),
)
"""All fields but the shifts: shift of block ``b`` is the signed byte ``b % 4`` of word ``SHIFTS_FROM + b // 4``."""

SHIFTS_FROM = 10

_FRONT_FIELDS: tuple[DescriptorField, ...] = (
    DescriptorField("x_planes", 0, 0, 5, "planes (or streams) of activations"),
    DescriptorField("w_planes", 0, 5, 5, "planes (or groups of slices) of weights"),
    DescriptorField("subarrays", 0, 10, 7, "sub-arrays"),
    DescriptorField("zero", 0, 17, 8, "zero point of the weights"),
    DescriptorField("x_signed", 0, 25, 1, "the top plane of activations counts negative"),
    DescriptorField("w_signed", 0, 26, 1, "the top plane of weights counts negative"),
    DescriptorField("bipolar", 0, 27, 1, "bits stand for -1 and +1"),
    DescriptorField("samples", 1, 0, 13, "samples a conversion"),
    DescriptorField("rows", 1, 13, 11, "rows N of N - 2 * count"),
    DescriptorField("x_step", 1, 24, 4, "bits from one plane of activations to the next"),
    DescriptorField("w_step", 1, 28, 4, "bits from one plane of weights to the next"),
)
"""Of a front end, in words counted from the one behind the shifts; see :class:`FrontSettings`."""


def descriptor_fields(config: NmpuConfig) -> tuple[DescriptorField, ...]:
    """:data:`FIELDS`, and where there is a front end its settings, in two words behind the shifts."""
    if not config.derived.front_end.present:
        return FIELDS
    start = SHIFTS_FROM + -(-config.tile.blocks // 4)
    return (*FIELDS, *(replace(f, word=start + f.word) for f in _FRONT_FIELDS))


def descriptor_words(config: NmpuConfig) -> int:
    """Words of a descriptor that are used."""
    return SHIFTS_FROM + -(-config.tile.blocks // 4) + 2 * config.derived.front_end.present


def descriptor_stride(config: NmpuConfig) -> int:
    """Words from one descriptor to the next, a power of two."""
    return 1 << (descriptor_words(config) - 1).bit_length()


def param_words(config: NmpuConfig) -> int:
    """Parameter words (each of all lanes) that a bank holds."""
    return config.tile.sets * config.array.slots


@dataclass(frozen=True)
class Layer:
    """One descriptor.

    Args:
        settings: of all its passes; ``shift`` is not used.
        shifts: right shift of each row block; as many as there are blocks.  Of effect where shifts are a layer.
        vectors: results, 1 to 2^24 - 1.
        base: parameter word of the first block's first slot; the blocks' words follow one another, each block taking
            as many as it has slots.
        sum_in: start with a neighbour's partial sums.
        sum_out: hand the sums on and do not round.
        table, table_bank: look results up in the activation table, and in which bank.
        pooling: over windows of ``pool_window`` results; what is left over at the end of the layer gives nothing.
        pool_window: 1 to ``tile.pool``.
        pool_shift: the average is ``round(sum * 2^-pool_shift)``.
        in_base, in_stride: where codes are read, with ``tile.input = sram``: pass ``k`` at ``base + k * stride``.
        out_base, out_stride: where results are written, with ``tile.output = sram``.
        next: descriptor that follows; None ends the chain.
        interrupt: at the end of the layer.
    """

    settings: PassSettings
    shifts: tuple[int, ...] = (0,)
    vectors: int = 1
    base: int = 0
    sum_in: bool = False
    sum_out: bool = False
    table: bool = False
    table_bank: int = 0
    pooling: Pooling = "none"
    pool_window: int = 1
    pool_shift: int = 0
    in_base: int = 0
    in_stride: int = 0
    out_base: int = 0
    out_stride: int = 0
    next: int | None = None
    interrupt: bool = field(default=False)

    @property
    def blocks(self) -> int:
        """Row blocks."""
        return len(self.shifts)

    def slots(self, config: NmpuConfig) -> int:
        """Beats of a pass."""
        return -(-self.settings.columns // config.array.lanes)

    @property
    def outputs(self) -> int:
        """Results that leave the unit, after pooling."""
        return self.vectors // self.pool_window if self.pooling != "none" else self.vectors

    def check(self, config: NmpuConfig) -> None:
        """Refuse what this instance cannot do.

        Raises:
            ValueError: with the field, the value and what would do.
        """
        tile, address = config.tile, (1 << config.tile.address) - 1
        self.settings.check(config)
        shifts = self.shifts if config.shift.granularity == "layer" else ()
        for name, value, low, high in (
            ("blocks", self.blocks, 1, tile.blocks),
            ("vectors", self.vectors, 1, (1 << 24) - 1),
            ("table_bank", self.table_bank, 0, 1),
            ("pool_window", self.pool_window, 1, max(tile.pool, 1)),
            ("pool_shift", self.pool_shift, 0, 15),
            ("next", self.next or 0, 0, tile.descriptors - 1),
            *((name, getattr(self, name), 0, address) for name in ("in_base", "in_stride", "out_base", "out_stride")),
            *((f"shift of block {b}", s, config.shift.min, config.shift.max) for b, s in enumerate(shifts)),
        ):
            if not low <= value <= high:
                raise ValueError(f"{name} = {value} is outside {low}..{high}")
        used, words = self.blocks * self.slots(config), param_words(config)
        if not 0 <= self.base <= words - used:
            raise ValueError(
                f"base = {self.base}: {self.blocks} blocks of {self.slots(config)} slots do not fit the {words} words "
                f"of a bank from there; more tile.sets would do"
            )
        if self.pooling not in POOLINGS:
            raise ValueError(f"pooling = {self.pooling!r} is none of {', '.join(POOLINGS)}")
        for name, wanted, field_name in (
            ("sum_in", self.sum_in and tile.chain == 1, "tile.chain > 1"),
            ("sum_out", self.sum_out and tile.chain == 1, "tile.chain > 1"),
            ("table", self.table and not tile.table, "tile.table > 0"),
            ("pooling", self.pooling != "none" and not tile.pool, "tile.pool > 0"),
        ):
            if wanted:
                raise ValueError(f"{name} is not built in; {field_name} builds it")

    def fields(self, config: NmpuConfig) -> dict[str, int]:
        """The value of each of :func:`descriptor_fields`."""
        s = self.settings
        special: dict[str, Any] = {
            "columns": s.columns,
            "last": self.next is None,
            "next": self.next or 0,
            "residual": s.residual is not None,
            "residual_shift": s.residual or 0,
            "pooling": POOLINGS.index(self.pooling),
            "rounding": s.rounding.code,
            "activation": s.activation.code,
            "offset_shift": s.offset_shift,
            "width": s.width,
            "clip_low": s.clip_low,
            "clip_high": s.clip_high,
            **({} if s.front is None else asdict(s.front)),
        }
        return {f.name: int(special.get(f.name, getattr(self, f.name, 0))) for f in descriptor_fields(config)}


def encode(config: NmpuConfig, layer: Layer) -> list[int]:
    """The words of a descriptor.

    Raises:
        ValueError: the instance cannot do what the layer asks for.
    """
    layer.check(config)
    words = [0] * descriptor_words(config)
    values = layer.fields(config)
    for f in descriptor_fields(config):
        words[f.word] |= (values[f.name] & ((1 << f.width) - 1)) << f.lsb
    for block, shift in enumerate(layer.shifts):
        words[SHIFTS_FROM + block // 4] |= (shift & 0xFF) << (8 * (block % 4))
    return words


def decode(config: NmpuConfig, words: Sequence[int]) -> Layer:
    """The inverse of :func:`encode`.

    Raises:
        ValueError: the words ask for what the instance cannot do.
    """
    v = {f.name: _number(words[f.word] >> f.lsb, f.width, f.signed) for f in descriptor_fields(config)}
    out = config.output.format
    if v["blocks"] > config.tile.blocks:
        raise ValueError(f"blocks = {v['blocks']} is outside 1..{config.tile.blocks}")
    limits = [_number(v[name], out.width, out.signed) for name in ("clip_low", "clip_high")]
    if v["pooling"] >= len(POOLINGS):
        raise ValueError(f"pooling = {v['pooling']} is outside 0..{len(POOLINGS) - 1}")
    shifts = [_number(words[SHIFTS_FROM + b // 4] >> (8 * (b % 4)), 8, True) for b in range(v["blocks"])]
    settings = PassSettings.of(
        config,
        columns=v["columns"],
        offset_shift=v["offset_shift"],
        rounding=list(Rounding)[v["rounding"]],
        activation=list(Activation)[v["activation"]],
        clip_low=limits[0],
        clip_high=limits[1],
        width=v["width"],
        residual=v["residual_shift"] if v["residual"] else None,
        front=_front(config, v),
    )
    names = {f.name for f in fields(Layer)} & set(v) - {"next"}
    layer = Layer(
        settings,
        tuple(shifts),
        next=None if v["last"] else v["next"],
        **{name: _typed(name, v[name]) for name in names},
    )
    layer.check(config)
    return layer


def _number(bits: int, width: int, signed: bool) -> int:
    low = bits & ((1 << width) - 1)
    return low - (1 << width) if signed and low >> (width - 1) else low


def _front(config: NmpuConfig, values: dict[str, int]) -> FrontSettings | None:
    if not config.derived.front_end.present:
        return None
    return FrontSettings.of(config, **{f.name: values[f.name] for f in _FRONT_FIELDS})


def _typed(name: str, value: int) -> Any:
    if name == "pooling":
        return POOLINGS[value]
    return bool(value) if name in ("interrupt", "sum_in", "sum_out", "table") else value
