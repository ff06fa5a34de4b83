"""What a front end may be told from pass to pass, and the pins that tell it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .config import NmpuConfig

__all__ = ["FrontChoice", "FrontSettings", "front_choices"]


class FrontChoice(NamedTuple):
    """A setting with pins: its range ``least..most``.  Beyond it the hardware takes the most; and for 0 too, where
    ``least`` is 1."""

    name: str
    least: int
    most: int
    about: str

    @property
    def width(self) -> int:
        """Pins."""
        return self.most.bit_length()

    def resolve(self, bits: int) -> int:
        """What the hardware makes of any number on the pins."""
        return bits if self.least <= bits <= self.most else self.most


def front_choices(config: NmpuConfig) -> tuple[FrontChoice, ...]:
    """The settings to choose at run time; those with one value only are not among them."""
    if not config.derived.front_end.present:
        return ()
    f, facts = config.front, config.derived.front_end
    runtime, signs = f.weights == "runtime", int(f.signed)
    loops = [
        FrontChoice("x_planes", 1, f.x_planes, "planes (or streams) of activations; 0 or too many: all of them"),
        FrontChoice("w_planes", 1, f.w_planes, "planes (or groups of slices) of weights; 0 or too many: all of them"),
        FrontChoice("subarrays", 1, f.subarrays, "sub-arrays; 0 or too many: all of them"),
        FrontChoice("samples", 1, facts.samples, "samples a conversion; 0 or too many: all of them"),
        FrontChoice("rows", 1, _rows(config), "rows N of N - 2 * count; 0 or too many: all"),
    ]
    flags = [
        FrontChoice("x_signed", 0, signs, "the top plane of activations counts negative"),
        FrontChoice("w_signed", 0, signs, "the top plane of weights counts negative"),
        FrontChoice("bipolar", 0, int(len(facts.bipolar) > 1), "bits stand for -1 and +1, not for 0 and 1"),
        FrontChoice("zero", 0, (1 << facts.zero) - 1, "zero point of the weights"),
        FrontChoice(
            "x_step",
            0,
            f.x_bits * (runtime and f.x_planes > 1),
            "bits from one plane of activations to the next; clamped",
        ),
        FrontChoice(
            "w_step", 0, f.w_bits * (runtime and f.w_planes > 1), "bits from one plane of weights to the next; clamped"
        ),
    ]
    return tuple(choice for choice in (*loops, *flags) if choice.most > choice.least)


_FLAGS = ("x_signed", "w_signed", "bipolar")


def _rows(config: NmpuConfig) -> int:
    """The most rows N of ``N - 2 * count``; 1 where there is no such count."""
    planes = config.codes.source == "planes" and any(config.derived.front_end.bipolar)
    return config.derived.front_end.rows if planes else 1


def _defaults(config: NmpuConfig) -> dict[str, int]:
    """What is not chosen: where there is no choice, the one value there is."""
    f, facts = config.front, config.derived.front_end
    return {
        "x_planes": f.x_planes,
        "w_planes": f.w_planes,
        "subarrays": f.subarrays,
        "samples": facts.samples,
        "rows": _rows(config),
        "x_signed": 0,
        "w_signed": 0,
        "bipolar": int(facts.bipolar[0]),
        "zero": 0,
        "x_step": f.x_bits,
        "w_step": f.w_bits,
    }


@dataclass(frozen=True)
class FrontSettings:
    """Settings of the front end for one pass.

    Args:
        x_planes: planes (or bit-serial streams) M of activations.
        w_planes: planes K of weights; of slices: groups of ``front.beside``.
        subarrays: sub-arrays S, added with equal weight.
        samples: samples T a conversion.
        rows: N of ``N - 2 * count``, for planes whose bits stand for -1 and +1.
        x_signed: the top plane of activations counts negative (two's complement).
        w_signed: the top plane (slice) of weights does.
        bipolar: bits stand for -1 and +1.
        zero: zero point of the weights.
        x_step, w_step: bits from one plane of activations, or of weights, to the next.
    """

    x_planes: int = 1
    w_planes: int = 1
    subarrays: int = 1
    samples: int = 1
    rows: int = 1
    x_signed: bool = False
    w_signed: bool = False
    bipolar: bool = False
    zero: int = 0
    x_step: int = 1
    w_step: int = 1

    @classmethod
    def of(cls, config: NmpuConfig, **chosen: int) -> FrontSettings:
        """Settings for ``config``; what is not given takes its default: the most of what is counted, the static
        steps, no sign, the first of ``front.values``, a zero point of 0.

        Raises:
            ValueError: a value that the configuration does not allow, with the field, the value and what would do.
        """
        unknown = set(chosen) - {one.name for one in fields(cls)}
        if unknown:
            raise ValueError(f"there is no setting '{min(unknown)}' of the front end")
        values = {**_defaults(config), **chosen}
        for name, value in values.items():
            if not isinstance(value, int) or (name in _FLAGS and value not in (0, 1)):
                raise ValueError(f"{name} = {value!r}: {'0 or 1' if name in _FLAGS else 'a whole number'} would do")
        x_signed, w_signed, bipolar = (bool(values.pop(name)) for name in _FLAGS)
        settings = cls(**values, x_signed=x_signed, w_signed=w_signed, bipolar=bipolar)
        settings.check(config)
        return settings

    def check(self, config: NmpuConfig) -> None:
        """Refuse what the configuration does not allow.

        Raises:
            ValueError: with the field, the value and what would do.
        """
        choices = {choice.name: choice for choice in front_choices(config)}
        fixed = _defaults(config)
        for one in fields(self):
            value = int(getattr(self, one.name))
            if one.name in choices:
                choice = choices[one.name]
                if not choice.least <= value <= choice.most:
                    raise ValueError(f"{one.name} = {value} is outside {choice.least}..{choice.most}")
            elif value != fixed[one.name]:
                raise ValueError(f"{one.name} = {value} is not built in; {fixed[one.name]} is")

    def steps(self, config: NmpuConfig) -> int:
        """Beats that a slot takes."""
        return self.subarrays * self.x_planes * self.w_planes * config.derived.front_end.groups(self.samples)
