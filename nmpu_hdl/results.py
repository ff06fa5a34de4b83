"""What leaves the lanes, and travels through the stages that follow them."""

from __future__ import annotations

from amaranth.lib import data

from .config import NmpuConfig

__all__ = ["TURN", "result_layout", "tag_layout"]

TURN = 3
"""Bits that tell layers apart: the lanes hold at most ``how.stages`` beats, each of which may be of another layer."""


def tag_layout(config: NmpuConfig) -> data.StructLayout:
    """What the stages after the lanes must know of a pass: made by the conductor, carried along, not looked at before.

    ``width``: index into ``derived.widths``.  ``table``, ``table_bank``: look results up.  ``pooling``: index into
    ``program.POOLINGS``; ``pool_first``, ``pool_final``: first and last vector of a window (both 1 without pooling);
    ``pool_shift``.  ``address``: of slot 0 of the result in the SRAM of activations.  ``ends``: last vector of a layer
    whose descriptor asks for an interrupt.  ``turn``: counts layers, modulo more than can be under way at a time.
    """
    tile = config.tile
    return data.StructLayout(
        {
            "width": range(max(len(config.derived.widths), 2)),
            "table": 1,
            "table_bank": 1,
            "pooling": 2,
            "pool_first": 1,
            "pool_final": 1,
            "pool_shift": 4,
            "address": tile.address,
            "ends": 1,
            "turn": TURN,
        }
    )


def result_layout(config: NmpuConfig) -> data.StructLayout:
    """A slot of results.

    ``y``: a code of the output format a lane, sign-extended where the width in force is narrower; ``low``, ``high``:
    clipped; all three are 0 in lanes that are not active.  ``active``: active lanes; ``slot``; ``last``: last slot of
    the vector; ``mark``: made of a word with an uncorrected error; ``tag``: :func:`tag_layout`.
    """
    lanes = config.array.lanes
    return data.StructLayout(
        {
            "y": data.ArrayLayout(config.output.format.width, lanes),
            "low": lanes,
            "high": lanes,
            "active": range(lanes + 1),
            "slot": range(max(config.array.slots, 2)),
            "last": 1,
            "mark": 1,
            "tag": tag_layout(config),
        }
    )
