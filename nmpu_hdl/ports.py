"""The ports of the top, described once as data: the hardware, the manifest and the test bench read this table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from .formats import Activation, Number
from .front_settings import front_choices
from .registers import register_map

if TYPE_CHECKING:
    from .config import NmpuConfig

__all__ = ["Port", "config_ports", "front_ports", "memory_ports", "tile_ports", "top_name", "top_ports"]

Direction = Literal["in", "out"]


@dataclass(frozen=True)
class Port:
    """One port of the emitted Verilog.  ``flow`` is seen from the NMPU; ``signed`` tells how a pin is read."""

    name: str
    flow: Direction
    width: int
    about: str
    signed: bool = False


def top_name(config: NmpuConfig) -> str:
    """The module at the top."""
    return "nmpu_axi" if config.derived.tiled else "nmpu"


def top_ports(config: NmpuConfig) -> tuple[Port, ...]:
    """All ports of ``config`` but clk and rst, in the order in which the Verilog has them."""
    return tile_ports(config) if config.derived.tiled else core_ports(config)


def core_ports(config: NmpuConfig) -> tuple[Port, ...]:
    """The ports of the core, ``nmpu``."""
    lanes = config.array.lanes
    data_in, data_out = config.derived.front_end.beat_bits, lanes * config.output.format.width
    streams = (
        Port("s_axis_tvalid", "in", 1, "codes of a slot are there"),
        Port("s_axis_tready", "out", 1, "codes are taken"),
        Port("s_axis_tdata", "in", _bytes(data_in), f"{_carried(config)}; padded to bytes"),
        Port("s_axis_tlast", "in", 1, f"last {_beat(config)} of a pass; checked, see frame_error"),
        Port("m_axis_tvalid", "out", 1, "activations of a slot are there"),
        Port("m_axis_tready", "in", 1, "activations are taken"),
        Port("m_axis_tdata", "out", _bytes(data_out), "lane 0 lowest; inactive lanes are 0; padded to bytes with 0"),
        Port("m_axis_tlast", "out", 1, "last slot of a pass"),
        Port("m_axis_tuser", "out", 2 * lanes, "clipped at the output's low end (lower half), high end (upper half)"),
        Port("frame_error", "out", 1, "a beat is being taken whose tlast disagrees with the slot counter, which wins"),
    )
    external = memory_ports(config, "mem", host=False) if config.how.memory == "external" else ()
    return (*streams, *config_ports(config), *front_ports(config), *memory_ports(config, "param", host=True), *external)


def tile_ports(config: NmpuConfig) -> tuple[Port, ...]:
    """The ports of the unit around the core, ``nmpu_axi``."""
    tile = config.tile
    ports = [
        Port("irq", "out", 1, "an event of EVENTS that IRQ_ENABLE names; high until it is cleared"),
        *_axil(config),
    ]
    data_in = config.derived.front_end.beat_bits
    if tile.input == "stream":
        ports += _stream("s_axis", data_in, f"{_beat(config)} of codes; {_carried(config)}", keep=True)
    else:
        ports += [
            Port("codes_en", "out", 1, "read a slot of codes"),
            Port("codes_addr", "out", tile.address, "its address"),
            Port("codes_rdata", "in", data_in, "codes of the slot read in the clock before; held until the next read"),
        ]
    data_out = config.array.lanes * config.output.format.width
    if tile.output == "stream":
        user = 2 * config.array.lanes + 1
        ports += _stream("m_axis", data_out, "activations of a slot, packed, lane 0 lowest", keep=True, user=user)
    else:
        ports += [
            Port("acts_en", "out", 1, "write a slot of activations"),
            Port("acts_we", "out", _bytes(data_out) // 8, "bytes to be written"),
            Port("acts_addr", "out", tile.address, "address"),
            Port("acts_wdata", "out", _bytes(data_out), "activations, packed, lane 0 lowest"),
        ]
    if tile.residual:
        ports += _stream("s_axis_res", data_out, "residuals of a slot, in output.format, lane 0 lowest", last=False)
    if tile.chain > 1:
        sums = config.array.lanes * config.derived.total.width
        ports += _stream("s_axis_sum", sums, "a neighbour's partial sums of a slot, lane 0 lowest", user=1, last=False)
        ports += _stream("m_axis_sum", sums, "partial sums of a slot, lane 0 lowest; lanes not active give 0", user=1)
    return tuple(ports)


def _axil(config: NmpuConfig) -> list[Port]:
    """An AXI4-Lite slave of 32 bits."""
    width = register_map(config).address_width
    return [
        Port("s_axil_awaddr", "in", width, "byte address of a write"),
        Port("s_axil_awprot", "in", 3, "not used"),
        Port("s_axil_awvalid", "in", 1, "address is there"),
        Port("s_axil_awready", "out", 1, "address is taken"),
        Port("s_axil_wdata", "in", 32, "data of a write"),
        Port("s_axil_wstrb", "in", 4, "bytes to be written"),
        Port("s_axil_wvalid", "in", 1, "data are there"),
        Port("s_axil_wready", "out", 1, "data are taken"),
        Port("s_axil_bresp", "out", 2, "0 OKAY, 2 SLVERR"),
        Port("s_axil_bvalid", "out", 1, "answer to a write is there"),
        Port("s_axil_bready", "in", 1, "answer is taken"),
        Port("s_axil_araddr", "in", width, "byte address of a read"),
        Port("s_axil_arprot", "in", 3, "not used"),
        Port("s_axil_arvalid", "in", 1, "address is there"),
        Port("s_axil_arready", "out", 1, "address is taken"),
        Port("s_axil_rdata", "out", 32, "data of a read"),
        Port("s_axil_rresp", "out", 2, "0 OKAY, 2 SLVERR"),
        Port("s_axil_rvalid", "out", 1, "answer to a read is there"),
        Port("s_axil_rready", "in", 1, "answer is taken"),
    ]


def _stream(prefix: str, bits: int, about: str, *, keep: bool = False, last: bool = True, user: int = 0) -> list[Port]:
    """An AXI4-Stream, slave or master by its prefix, with the optional signals asked for."""
    forth: Direction = "in" if prefix.startswith("s_") else "out"
    back: Direction = "out" if prefix.startswith("s_") else "in"
    ports = [
        Port(f"{prefix}_tvalid", forth, 1, "a beat is there"),
        Port(f"{prefix}_tready", back, 1, "the beat is taken"),
        Port(f"{prefix}_tdata", forth, _bytes(bits), f"{about}; padded to bytes"),
    ]
    if keep:
        ports.append(Port(f"{prefix}_tkeep", forth, _bytes(bits) // 8, "bytes that hold something of active lanes"))
    if last:
        ports.append(Port(f"{prefix}_tlast", forth, 1, "last slot"))
    if user == 1:
        ports.append(Port(f"{prefix}_tuser", forth, 1, "made of a word with an error that could not be corrected"))
    elif user:
        text = "clipped at the low end (lower half), the high end (upper half); top bit: made of an uncorrected error"
        ports.append(Port(f"{prefix}_tuser", forth, user, text))
    return ports


def config_ports(config: NmpuConfig) -> tuple[Port, ...]:
    """The run-time pins, sampled when the first slot of a pass is taken.  A choice of one has no pin."""
    out = config.output.format
    roundings, up = config.derived.roundings, config.derived.offset_shifts
    rounding = max(mode.code for mode in roundings).bit_length()
    activation = max(mode.code for mode in config.activation.modes).bit_length()
    ports = [
        Port("cfg_columns", "in", config.array.columns.bit_length(), "active columns; 0 or too many: all of them"),
    ]
    if config.derived.layer_shift:
        span = Number(min(config.shift.min, 0), max(config.shift.max, 0), 0)
        ports.append(Port("cfg_shift", "in", span.width, "right shift; clamped to its range", span.signed))
    if up:
        ports.append(Port("cfg_offset_shift", "in", up.bit_length(), "left shift of the offsets; clamped to its range"))
    if len(roundings) > 1:
        ports.append(Port("cfg_rounding", "in", rounding, "0 floor, 1 half_up, 2 half_even, 3 half_away"))
    if len(config.activation.modes) > 1:
        ports.append(Port("cfg_activation", "in", activation, "0 none, 1 relu, 2 clip, 3 leaky"))
    if Activation.CLIP in config.activation.modes:
        ports.append(Port("cfg_clip_low", "in", out.width, "lower limit of clip", out.signed))
        ports.append(Port("cfg_clip_high", "in", out.width, "upper limit of clip; wins over the lower", out.signed))
    return tuple(ports)


def front_ports(config: NmpuConfig) -> tuple[Port, ...]:
    """The run-time pins of the front end, sampled with the first beat of a pass.  A choice of one has no pin."""
    return tuple(Port(f"cfg_{c.name}", "in", c.width, c.about) for c in front_choices(config))


def _beat(config: NmpuConfig) -> str:
    """What a beat of the input stream is."""
    return "beat" if config.derived.front_end.present else "slot"


def _carried(config: NmpuConfig) -> str:
    """What a beat of the input stream carries, from its lowest bit on."""
    facts, width = config.derived.front_end, config.codes.format.width
    if not facts.present:
        return "lane 0 lowest; in a lane p (or x) below n"
    if facts.counted:
        each = f"{facts.bits} {'samples' if config.codes.source == 'samples' else 'bits of a plane'} a lane"
    else:
        slices = f"{facts.beside} slices of {width} bits, the least first" if facts.beside > 1 else f"{width} bits"
        each = f"{slices} a lane" if facts.operands == 1 else f"{slices} of p, then of n, a lane"
    behind = f"; behind the lanes the sum of the activations' plane, {facts.reference_bits} bits" if facts.zero else ""
    return f"lane 0 lowest, {each}{behind}"


def memory_ports(config: NmpuConfig, prefix: str, *, host: bool) -> tuple[Port, ...]:
    """An SRAM tile port: enable, write enable with a bit a lane, address, write data, read data one cycle later.

    ``host``: seen from the memory (``param_*``: the outside drives it); else seen from its user (``mem_*``).
    """
    drive: Direction = "in" if host else "out"
    answer: Direction = "out" if host else "in"
    built, words = config.derived.built, config.derived.words
    word = built * config.derived.param_width
    address = max((words - 1).bit_length(), 1)
    walk = config.derived.walk
    where = "slot" if walk == 1 else f"slot * {walk} + group of {built} of its columns"
    return (
        Port(f"{prefix}_en", drive, 1, "access in this cycle"),
        Port(f"{prefix}_we", drive, built, "write this lane's word; all 0: read"),
        Port(f"{prefix}_addr", drive, address, where),
        Port(f"{prefix}_wdata", drive, word, "parameter words, lane 0 lowest"),
        Port(f"{prefix}_rdata", answer, word, "parameter words read in the cycle before"),
    )


def _bytes(bits: int) -> int:
    """AXI4-Stream carries whole bytes."""
    return -(-bits // 8) * 8
