"""Where the pipeline of a fixed-point lane is cut: the stage that each of its steps is computed in."""

from __future__ import annotations

__all__ = ["STEPS", "cuts"]

STEPS = ("multiply", "carry", "shift", "offset", "norm", "finish")
"""The steps of a lane, in order; ``multiply`` leaves rows that ``carry`` adds, ``offset`` adds the partial sum of a
tile too, ``finish`` adds the residual, rounds, activates, clips."""

_CUTS: dict[tuple[int, bool], tuple[int, ...]] = {
    # (pipeline stages, second affine stage present) -> stage of each of STEPS
    (1, False): (0, 0, 0, 0, 0, 0),
    (2, False): (0, 0, 1, 1, 1, 1),
    (3, False): (0, 1, 1, 2, 2, 2),
    (4, False): (0, 1, 2, 3, 3, 3),
    (1, True): (0, 0, 0, 0, 0, 0),
    (2, True): (0, 0, 0, 0, 1, 1),
    (3, True): (0, 0, 1, 1, 2, 2),
    (4, True): (0, 0, 1, 1, 2, 3),
}

_TILE_CUTS: dict[tuple[int, bool], tuple[int, ...]] = {
    # As above; a register ends the step that adds partial sums, for there a beat goes on or into the memory.
    (2, False): (0, 0, 0, 0, 1, 1),
    (3, False): (0, 0, 1, 1, 2, 2),
    (4, False): (0, 1, 2, 2, 3, 3),
    (2, True): (0, 0, 0, 0, 1, 1),
    (3, True): (0, 0, 0, 0, 1, 2),
    (4, True): (0, 0, 1, 1, 2, 3),
}

_CLOCKED_CUTS: dict[tuple[bool, int, bool], tuple[int, ...]] = {
    # (tile, pipeline stages, second affine stage present) -> stage of each of STEPS, where a lane takes several clocks
    # for a column: its product is summed up in the first stage, in the register that ends it where the shift is behind.
    (False, 1, False): (0, 0, 0, 0, 0, 0),
    (False, 2, False): (0, 0, 1, 1, 1, 1),
    (False, 3, False): (0, 0, 1, 2, 2, 2),
    (False, 4, False): (0, 0, 1, 2, 2, 3),
    (False, 1, True): (0, 0, 0, 0, 0, 0),
    (False, 2, True): (0, 0, 1, 1, 1, 1),
    (False, 3, True): (0, 0, 1, 1, 2, 2),
    (False, 4, True): (0, 0, 1, 1, 2, 3),
    (True, 2, False): (0, 0, 0, 0, 1, 1),
    (True, 3, False): (0, 0, 1, 1, 2, 2),
    (True, 4, False): (0, 0, 1, 2, 3, 3),
    (True, 2, True): (0, 0, 0, 0, 1, 1),
    (True, 3, True): (0, 0, 1, 1, 2, 2),
    (True, 4, True): (0, 0, 1, 1, 2, 3),
}


def cuts(stages: int, *, normed: bool, tiled: bool, clocked: bool) -> dict[str, int]:
    """The stage, from 0, of each of :data:`STEPS`.

    Args:
        stages: of the pipeline, 1 to 4; in a tile from 2.
        normed: there is a second affine stage.
        tiled: the lane is in a tile.
        clocked: the lane takes several clocks for a column.
    """
    parallel = _TILE_CUTS if tiled else _CUTS
    found = _CLOCKED_CUTS[tiled, stages, normed] if clocked else parallel[stages, normed]
    return dict(zip(STEPS, found, strict=True))
