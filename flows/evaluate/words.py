"""The words that commands on networks share, and what they mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import typer

from golden import Analog
from golden.network import Calibration
from nmpu_hdl.config import NmpuConfig

from ..compare_designs import words
from ..networks.load import load_network
from ..options import supplied
from .inputs import Inputs
from .step import Asked
from .work import ALL, By, How

__all__ = [
    "AnalogFields",
    "Batch",
    "Calibrated",
    "CalibrationImages",
    "DataFile",
    "Deviation",
    "Drift",
    "Errors",
    "Images",
    "Mean",
    "NetworkName",
    "Posts",
    "Seeds",
    "Weights",
    "Words",
    "analog_of",
    "on_network",
]

NetworkName = Annotated[
    str,
    typer.Option(
        "--network", metavar="NAME|FILE", help="digits, resnet9, resnet32, FILE.onnx, FILE.npz, FILE.py:function"
    ),
]
Weights = Annotated[
    Path | None, typer.Option("--weights", metavar="FILE", help="weights, where the network does not bring them")
]
DataFile = Annotated[
    Path | None, typer.Option("--data", metavar="FILE", help="images: x_train, y_train, x_test, y_test; .npz")
]
Mean = Annotated[
    str | None,
    typer.Option("--mean", metavar="M,...", help="of pixels of 0 to 255, one, or one a channel (default: its own)"),
]
Deviation = Annotated[
    str | None, typer.Option("--deviation", metavar="D,...", help="what pixels less the mean are divided by, likewise")
]
Images = Annotated[int | None, typer.Option("--images", help="of the test images, the first (default: all)")]
CalibrationImages = Annotated[int, typer.Option("--calibration-images", help="of the training images")]
Seeds = Annotated[int, typer.Option("--seeds", help="of the arrays' noise: 1 to this number")]
Posts = Annotated[str, typer.Option("--post", metavar="NAMES", help="behind the converters: some of fp32,fp16,nmpu")]
Drift = Annotated[float, typer.Option("--seconds", help="from the first read of the arrays to the one that is used")]
AnalogFields = Annotated[
    list[str] | None,
    typer.Option("--analog", metavar="FIELD=VALUE", help="of the arrays, such as gain_spread=0.21; repeatable"),
]
Calibrated = Annotated[
    Literal["joint", "counts", "none"],
    typer.Option("--calibration", help="of columns: both counts together, a line a count, or by design alone"),
]
Batch = Annotated[int, typer.Option("--batch", help="images at a time")]
Errors = Annotated[int, typer.Option("--errors", help="images whose stages are compared with float32")]

_FREE = [field.name for field in fields(Analog) if field.name not in ("bits", "counts")]
"""What ``--analog`` may set; the rest is of the codes."""


@dataclass(frozen=True)
class Words:
    """What was asked for, as it came from the command line."""

    network: str = "digits"
    weights: Path | None = None
    data: Path | None = None
    images: int | None = None
    calibration_images: int = 256
    seeds: int = 1
    post: str = ",".join(ALL)
    seconds: float = 0.0
    analog: Sequence[str] = ()
    calibration: Calibration = "joint"
    batch: int = 50
    errors: int = 250
    mean: str | None = None
    deviation: str | None = None

    def how(self, config: NmpuConfig) -> How:
        """How the network is put on arrays.

        Raises:
            ValueError: a word of the arrays that makes no sense, with what would do.
        """
        return How(config, analog_of(self.analog), self.seconds, self.calibration)

    def asked(self, config: NmpuConfig, command: str, *more: str) -> Asked:
        """What :func:`flows.evaluate.step.evaluate` is asked for.

        Raises:
            ValueError: a word that makes no sense, with what would do.
        """
        if self.seeds < 1:
            raise ValueError(f"seeds = {self.seeds}: 1 or more would do")
        how = self.how(config)
        posts = cast(tuple[By, ...], tuple(name.strip() for name in self.post.split(",")))
        seeds = tuple(range(1, self.seeds + 1))
        return Asked(how, seeds, posts, self.batch, self.errors, words(command, config, None, (), *self._line(), *more))

    def inputs(self, say: Callable[[str], None]) -> Inputs:
        """The network and its images; ``say`` is told what takes long.

        Raises:
            ValueError, OSError: as :func:`flows.networks.load.load_network`.
        """
        folder = Path("build") / "networks"
        mean, deviation = _numbers("--mean", self.mean), _numbers("--deviation", self.deviation)
        network, data = load_network(
            self.network, folder, weights=self.weights, data=self.data, mean=mean, deviation=deviation, say=say
        )
        return Inputs.of(network, data, self.images, self.calibration_images)

    def _line(self) -> list[str]:
        """The words that differ from what they are without."""
        line: list[str] = ["--network", self.network]
        for field in fields(self):
            value: Any = getattr(self, field.name)
            if field.name in ("network", "analog") or value == field.default:
                continue
            line += [f"--{field.name.replace('_', '-')}", f"{value:g}" if isinstance(value, float) else str(value)]
        return line + [word for text in self.analog for word in ("--analog", text)]


def _numbers(option: str, text: str | None) -> tuple[float, ...] | None:
    """The numbers of a list with commas.

    Raises:
        ValueError: naming the option and the word that is none.
    """
    try:
        return None if text is None else tuple(float(part) for part in text.split(","))
    except ValueError:
        raise ValueError(f"{option} {text}: numbers with commas between them would do") from None


def analog_of(texts: Sequence[str]) -> Analog:
    """The arrays of ``--analog``.

    Raises:
        ValueError: a field that there is not, or a value that it does not take.
    """
    chosen: dict[str, Any] = {}
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not equals or name not in _FREE:
            raise ValueError(f"--analog {text}: FIELD=VALUE with one of {', '.join(_FREE)} would do")
        try:
            chosen[name] = int(value) if name == "devices" else float(value)
        except ValueError:
            raise ValueError(f"--analog {text}: {value!r} is no number") from None
    return Analog(**chosen)


def on_network(command: Callable[..., None]) -> Callable[..., None]:
    """A command whose second argument is :class:`Words`, given by the words that say what is evaluated and how."""
    return supplied(_words, 1, command)


def _words(
    network: NetworkName = "digits",
    weights: Weights = None,
    data: DataFile = None,
    mean: Mean = None,
    deviation: Deviation = None,
    images: Images = None,
    calibration_images: CalibrationImages = 256,
    seeds: Seeds = 1,
    post: Posts = "fp32,fp16,nmpu",
    seconds: Drift = 0.0,
    analog: AnalogFields = None,
    calibration: Calibrated = "joint",
    batch: Batch = 50,
    errors: Errors = 250,
) -> Words:
    return Words(
        *(network, weights, data, images, calibration_images, seeds, post, seconds, tuple(analog or ())),
        *(calibration, batch, errors, mean, deviation),
    )
