"""Where ports leave a layout: which on which side, in which order, and at which track."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from nmpu_hdl.config import NmpuConfig

__all__ = ["PinSides", "Side", "core_sides", "lane_sides", "spread"]

Side = Literal["bottom", "top", "left", "right"]


@dataclass(frozen=True)
class PinSides:
    """Ports along each side: bottom and top from the left to the right, left and right from below.

    A name is that of a bit (``codes[3]``) or of a port, which stands for its bits in order.
    """

    bottom: tuple[str, ...] = ()
    top: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    right: tuple[str, ...] = ()

    def bits(self, ports: Sequence[str]) -> dict[Side, tuple[str, ...]]:
        """The bits of each side.

        Args:
            ports: the bits of all ports there are; of them, those that have no side go left or right, whichever has
                less.  A side's names that are not among them are left out.

        Raises:
            ValueError: a bit is named twice.
        """
        by_port: dict[str, list[str]] = {}
        for bit in ports:
            by_port.setdefault(bit, []).append(bit)
            if "[" in bit:
                by_port.setdefault(bit.partition("[")[0], []).append(bit)
        sides: dict[Side, list[str]] = {
            side: [bit for name in getattr(self, side) for bit in by_port.get(name, ())] for side in get_args(Side)
        }
        said = [bit for side in sides.values() for bit in side]
        twice = next((bit for bit in said if said.count(bit) > 1), None)
        if twice is not None:
            raise ValueError(f"{twice} has two places among the pins; name it once")
        for bit in ports:
            if bit not in said:
                min(sides["left"], sides["right"], key=len).append(bit)
        return {side: tuple(bits) for side, bits in sides.items()}


def lane_sides() -> PinSides:
    """The sides of one lane (``nmpu_lane``): codes at the bottom, activations and their flags at the top, the
    parameter word at the left; the rest where there is room."""
    return PinSides(bottom=("codes",), top=("y", "low", "high"), left=("param",))


def core_sides(config: NmpuConfig) -> PinSides:
    """The sides of the core (``nmpu``): what belongs to lane 0 is left of what belongs to lane 1, and so on, so that
    every lane's codes come from the crossbar's columns below it and its activations leave above it.  The host's port
    of the parameters and the memory's are opposite each other."""
    lanes, out = config.array.lanes, config.output.format.width
    carried = config.derived.front_end.beat_bits
    top = [
        name
        for lane in range(lanes)
        for name in (
            *(f"m_axis_tdata[{lane * out + bit}]" for bit in range(out)),
            f"m_axis_tuser[{lane}]",
            f"m_axis_tuser[{lanes + lane}]",
        )
    ]
    memory = ("en", "we", "addr", "wdata", "rdata")
    return PinSides(
        bottom=tuple(f"s_axis_tdata[{bit}]" for bit in range(carried)),
        top=tuple(top),
        left=tuple(f"param_{name}" for name in memory),
        right=tuple(f"mem_{name}" for name in memory),
    )


def spread(count: int, tracks: int) -> list[int]:
    """Tracks for ``count`` pins, evenly over a side of ``tracks``; each different from the next.

    Raises:
        ValueError: there are more pins than tracks.
    """
    if count > tracks:
        raise ValueError(f"{count} pins do not fit on a side of {tracks} tracks")
    return [(2 * index + 1) * tracks // (2 * count) for index in range(count)]
