"""Whether a beat of a stream from outside keeps all that is needed of it."""

from __future__ import annotations

from amaranth.hdl import C, Cat, Value

__all__ = ["lacks_bytes"]


def lacks_bytes(keep: Value, active: Value, width: int, behind: int = 0) -> Value:
    """tkeep takes away a byte that is needed: one whose lowest bit is of an active lane, or that has bits behind them.

    Args:
        keep: tkeep.
        active: a bit a lane.
        width: bits of a lane; a byte may hold those of several.
        behind: bits behind the lanes.
    """
    end = len(active) * width
    needed = [C(1, 1) if behind and 8 * byte + 8 > end else active[8 * byte // width] for byte in range(len(keep))]
    return (Cat(*needed) & ~keep).any()
