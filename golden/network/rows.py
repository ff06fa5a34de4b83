"""What the rows of a stage's arrays are given, in the order in which a stage computes pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmpu_hdl.config import NmpuConfig

from .graph import patches
from .lowering import Stage, viewed

__all__ = ["pass_shift", "stage_rows", "windowed"]


def stage_rows(stage: Stage, x: NDArray[Any]) -> NDArray[Any]:
    """What the rows of a stage's arrays are given, (images * pixels, rows), pixels of a pooled window side by side.

    Args:
        stage: the stage.
        x: (images, height, width, channels) results of what it takes, before views; codes or real.
    """
    taken = viewed(x, stage.source.views)
    kernel = (1, 1) if stage.conv is None else stage.conv.weight.shape[:2]
    stride, padding = ((1, 1), (0, 0)) if stage.conv is None else (stage.conv.stride, stage.conv.padding)
    pixels = windowed(stage, patches(taken, (kernel[0], kernel[1]), stride, padding))
    return pixels.reshape(-1, int(np.prod(kernel)) * taken.shape[3])


def windowed(stage: Stage, pixels: NDArray[Any]) -> NDArray[Any]:
    """(images, rows, columns, ...) in the order in which a stage computes pixels."""
    high, wide = stage.window
    if (high, wide) == (1, 1):
        return pixels
    images, rows, columns, *rest = pixels.shape
    cut = pixels.reshape(images, rows // high, high, columns // wide, wide, *rest)
    return cut.swapaxes(2, 3)


def pass_shift(config: NmpuConfig, span: tuple[int, int]) -> int:
    """Bits by which a pass's codes are shifted left: as far as codes have room, so that its scales are like others'.

    Args:
        config: of which the codes matter.
        span: the least and the largest code of what the pass takes; either sign may come in either count.

    Raises:
        ValueError: codes that do not hold them.
    """
    most, codes = max(span[1], -span[0]), config.codes.format
    room = [left for left in range(16) if most << left <= codes.high]
    if not room:
        raise ValueError(
            f"activations stand where codes of converters do, and codes.format = {codes} does not hold {most}; "
            f"{most.bit_length() + codes.signed} bits would do"
        )
    return room[-1]
