"""What a deployment gave, as plain frozen data."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from ..evaluate.result import Evaluation
from ..evaluate.verilog import Replayed

__all__ = ["Deployment", "StageFacts"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StageFacts(_Frozen):
    """A stage of the network as the unit has it.

    Args:
        name: of the stage.
        rows, columns, blocks: of its weights: inputs, outputs, and arrays that the inputs are spread over; rows 0: a
            pass, which has no weights.
        base: first parameter word.
        shifts: the least and the largest, of its blocks or columns.
        scales: the least and the largest scale of a column that is not 0, as integers.
        lsb: of its results.
        residual: power of two that a residual is multiplied by; None: there is none.
        pooling: ``none``, ``max`` or ``average``, and the window's vectors.
        activation: ``none``, ``relu`` or ``clip``.
        hands_on: its sums leave the unit without being rounded.
        error: bound of what integers of scales and offsets, and guard bits, do to any result, in LSB.
    """

    name: str
    rows: int
    columns: int
    blocks: int
    base: int
    shifts: tuple[int, int] | None
    scales: tuple[int, int] | None
    lsb: float
    residual: int | None
    pooling: tuple[str, int]
    activation: str
    hands_on: bool
    error: float


class Deployment(_Frozen):
    """A network on a unit, with files and proof.

    Args:
        evaluation: accuracy, of one seed's arrays at least.
        seed: of the arrays whose integers were written.
        stages: in the order in which they run.
        words, bank: parameter words that the network needs, and that a bank has.
        descriptors: layers, and what the memory holds.
        files: names and what they are.
        clean: whether lint found nothing.
        replay: stages on the Verilog.
        replayed_images: images that went through it.
        random: so many of the results there, and a few more, are of codes by chance.
        lane_ge: area of one lane as it is configured, if it was asked for, in gate equivalents of ``library``.
        tile_lane_ge: the same of the tile that is deployed, whose lanes add row blocks, residuals and more.
        library: of cells; empty where no area was asked for.
        command: gives all of it.
    """

    evaluation: Evaluation
    seed: int
    stages: tuple[StageFacts, ...]
    words: int
    bank: int
    descriptors: tuple[int, int]
    files: dict[str, str]
    clean: bool
    replay: Replayed
    replayed_images: int
    random: int
    lane_ge: float | None
    tile_lane_ge: float | None
    library: str
    command: str

    @property
    def passed(self) -> bool:
        """Whether the Verilog is clean and does what the golden model says."""
        return self.clean and self.replay.exact
