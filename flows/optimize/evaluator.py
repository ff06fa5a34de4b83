"""What an optimisation asks of a network: to run some images with a candidate's formats."""

from __future__ import annotations

from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from nmpu_hdl.config import NmpuConfig

__all__ = ["Evaluator", "Part", "Post", "Seen", "Split"]

Split = Literal["search", "verify"]
Post = Literal["nmpu", "fp16"]


class Part(NamedTuple):
    """Images ``start`` to before ``stop`` of a split."""

    split: Split
    start: int
    stop: int


class Seen(BaseModel):
    """What a candidate made of some images, with one seed.

    Attributes:
        images: how many.
        right: hexadecimal: bits, the first image highest; whether its class is right.
        worst_lsb, rms_lsb: errors of all stages, where they were looked at.
        refused: why the network cannot be deployed; then no image is right.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    images: int
    right: str
    worst_lsb: float | None = None
    rms_lsb: float | None = None
    refused: str | None = None

    @classmethod
    def of(cls, right: NDArray[np.bool_], worst_lsb: float | None = None, rms_lsb: float | None = None) -> Seen:
        """Of (images,) bool."""
        return cls(images=len(right), right=np.packbits(right).tobytes().hex(), worst_lsb=worst_lsb, rms_lsb=rms_lsb)

    @property
    def bits(self) -> NDArray[np.bool_]:
        """(images,) bool."""
        packed = np.frombuffer(bytes.fromhex(self.right), np.uint8)
        return np.unpackbits(packed, count=self.images).astype(np.bool_)


class Evaluator(Protocol):
    """A network on arrays with its images; it can be pickled, and knows how to be judged."""

    @property
    def key(self) -> str:
        """A digest of all that results depend on besides candidate, seed and images: network, data, program."""

    def images(self, split: Split) -> int:
        """How many there are."""

    def fitted(self, config: NmpuConfig) -> NmpuConfig:
        """The tile with a candidate's formats that holds the network.

        Raises:
            ValueError: there is none.
        """

    def measure(self, config: NmpuConfig, seed: int, part: Part, post: Post) -> Seen:
        """Run the images of a part.

        Raises:
            ValueError: the network cannot be deployed with these formats; one line, with the stage.
        """
