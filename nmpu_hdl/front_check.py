"""What a front end needs of the groups of a configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .formats import MAX_INNER_WIDTH
from .front_group import Front

if TYPE_CHECKING:
    from .config import NmpuConfig

__all__ = ["check_front"]

_OF = {
    "beside": ("slices",),
    "input": ("planes",),
    "zero": ("planes",),
    "values": ("planes", "samples"),
    "rows": ("planes",),
    "samples": ("samples",),
}
"""Fields of ``[front]`` that mean something with some sources only."""


def check_front(config: NmpuConfig) -> None:
    """Refuse what the front end cannot do.

    Raises:
        ValueError: naming field, value and what would do.
    """
    source, front, facts = config.codes.source, config.front, config.derived.front_end
    if source == "counts":
        if config.how.front_stages != 1:
            raise ValueError(
                f"how.front_stages = {config.how.front_stages} means nothing with codes.source = counts; "
                "slices, planes or samples would do"
            )
        for name, field in Front.model_fields.items():
            if getattr(front, name) != field.default:
                raise ValueError(
                    f"front.{name} = {getattr(front, name)} means nothing with codes.source = counts; "
                    "slices, planes or samples would do"
                )
        return
    for name, sources in _OF.items():
        value, usual = getattr(front, name), Front.model_fields[name].default
        if source not in sources and value != usual:
            raise ValueError(
                f"front.{name} = {value} means nothing with codes.source = {source}; "
                f"codes.source = {sources[0]} would do"
            )
    if front.bits > 1 and not facts.counted:
        raise ValueError(
            f"front.bits = {front.bits}: nothing is counted with codes.source = {source}; "
            f"{'front.input = bits' if source == 'planes' else 'codes.source = samples'} would do"
        )
    _check_codes(config)
    _check_sizes(config)
    if facts.zero and all(facts.bipolar):
        raise ValueError(
            f"front.zero = {front.zero}: bits that stand for -1 and +1 have no zero point; 0, or front.values with "
            "unipolar, would do"
        )
    if front.beside > 1 and front.weights == "runtime":
        raise ValueError(
            f"front.weights = runtime: slices that arrive together (front.beside = {front.beside}) have fixed weights; "
            "static would do"
        )
    if config.arithmetic.kind != "fixed":
        raise ValueError(
            f"arithmetic.kind = {config.arithmetic.kind}: codes.source = {source} is for fixed point; fixed would do"
        )
    if config.tile.kind != "none" and config.tile.input == "sram":
        raise ValueError(f"tile.input = sram: codes.source = {source} comes as a stream; stream would do")
    if facts.operand.width > MAX_INNER_WIDTH:
        raise ValueError(
            f"the value 'operand' would take {facts.operand.width} bits, the most is {MAX_INNER_WIDTH}; "
            "fewer front.x_planes, front.w_planes, front.subarrays or front.samples, or smaller front.x_bits and "
            "front.w_bits, would do"
        )


def _check_codes(config: NmpuConfig) -> None:
    """What the codes have to be."""
    source, form = config.codes.source, config.codes.format
    if source == "slices":
        return
    if config.codes.counts != 1:
        raise ValueError(f"codes.counts = {config.codes.counts}: codes.source = {source} has one a column; 1 would do")
    if source == "planes" and config.front.input == "counts" and (form.signed or form.fraction):
        raise ValueError(f"codes.format = {form}: counts of a plane are whole; UQ{form.width}.0 would do")


def _check_sizes(config: NmpuConfig) -> None:
    """Bits that nothing would use, and rows that no count can be of."""
    source, front, facts = config.codes.source, config.front, config.derived.front_end
    if source == "samples" and front.bits > front.samples:
        raise ValueError(
            f"front.bits = {front.bits}: a conversion has front.samples = {front.samples} at most; "
            f"{front.samples} would do"
        )
    if front.rows and not any(facts.bipolar):
        raise ValueError(f"front.rows = {front.rows} means nothing with front.values = unipolar; bipolar would do")
    if front.rows > facts.most and any(facts.bipolar):
        raise ValueError(f"front.rows = {front.rows}: a count is {facts.most} at most; {facts.most}, or 0, would do")
