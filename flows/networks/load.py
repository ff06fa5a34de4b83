"""A network and its images by the words of a command line."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from golden.network import Network, shapes

from .data import Data, load_data, read_arrays
from .digits import digits
from .extras import extra
from .known import resnet9, resnet32
from .onnx_import import from_onnx
from .plain import load_plain
from .torch_import import from_torch

__all__ = ["Loaded", "load_network"]

_WAYS = "digits, resnet9, resnet32, FILE.onnx, FILE.npz or FILE.py:function would do"


class Loaded(NamedTuple):
    """A network, and the images that it is calibrated and judged with."""

    network: Network
    data: Data


def load_network(
    what: str,
    folder: Path,
    *,
    weights: Path | None = None,
    data: Path | None = None,
    mean: Sequence[float] | None = None,
    deviation: Sequence[float] | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Loaded:
    """The network that ``what`` names, with its images.

    Args:
        what: ``digits``, which comes with its images; ``resnet9`` or ``resnet32``, of ``weights``; FILE.onnx; FILE.npz
            of :func:`flows.networks.plain.save_plain`; or FILE.py:function, whose function, **which is run**, returns a
            PyTorch module or a network.
        folder: where the trained network of ``digits`` is kept.
        weights: .npz of a state dictionary's arrays; or, for FILE.py:function, also what ``torch.save`` wrote of one.
        data: .npz of images and labels.
        mean, deviation: of pixels of 0 to 255, instead of those that the network brings.
        say: told when the network of ``digits`` is trained.

    Raises:
        ValueError: one line that names the argument or the node, and what would do.
        OSError: a file cannot be read, or ``folder`` not written.
    """
    if what == "digits":
        for option, value in (("--weights", weights), ("--data", data), ("--mean", mean), ("--deviation", deviation)):
            if value is not None:
                raise ValueError(f"{option} is not for digits, which has its own; another network would do")
        return Loaded(*digits(folder, say=say))
    if data is None:
        raise ValueError(f"{what} needs images; --data FILE.npz with x_train, y_train, x_test and y_test would do")
    images = load_data(data)
    network = _network(what, weights, images.shape)
    network = replace(
        network,
        mean=network.mean if mean is None else tuple(mean),
        deviation=network.deviation if deviation is None else tuple(deviation),
    )
    if network.shape != images.shape:
        raise ValueError(f"{what} takes images of {network.shape}, {data} has {images.shape} (height, width, channels)")
    high, wide, outputs = shapes(network)[network.result]
    if high * wide != 1 or outputs < images.classes:
        raise ValueError(f"{what} gives {high} x {wide} x {outputs} results, {data} has {images.classes} classes")
    return Loaded(network, images)


def _network(what: str, weights: Path | None, shape: tuple[int, int, int]) -> Network:
    known = {"resnet9": resnet9, "resnet32": resnet32}
    if what in known:
        if weights is None:
            raise ValueError(f"{what} needs its weights; --weights FILE.npz would do")
        try:
            return known[what](read_arrays(weights))
        except ValueError as error:
            raise ValueError(f"{weights}: {str(error).removeprefix(f'{weights} ')}") from None
    file, _, function = what.partition(":")
    if function and Path(file).suffix == ".py":
        return _of_python(Path(file), function, weights, shape)
    readers: dict[str, Callable[[Path], Network]] = {".onnx": from_onnx, ".npz": load_plain}
    if Path(what).suffix not in readers:
        raise ValueError(f"{what} is no network; {_WAYS}")
    if weights is not None:
        raise ValueError(f"--weights is not for {what}, which has its own")
    return readers[Path(what).suffix](Path(what))


def _of_python(file: Path, function: str, weights: Path | None, shape: tuple[int, int, int]) -> Network:
    """What a function of a file returns: a network, or a module that is imported."""
    file.open("rb").close()  # an OSError that names it
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise ValueError(f"{file} is no file of Python")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(file.parent.resolve()))  # as `python FILE.py` has it
    try:
        with redirect_stdout(sys.stderr):  # what the user's code prints is not the command's output
            spec.loader.exec_module(module)
            made = getattr(module, function)()
            if weights is not None and not isinstance(made, Network):
                made.load_state_dict(_state(weights))
    except (Exception, SystemExit) as error:  # whatever the user's code raises
        said = (str(error).strip().splitlines() or [""])[0]
        raise ValueError(f"{file}:{function} fails with {type(error).__name__}: {said[:160]}") from None
    finally:
        sys.path.remove(str(file.parent.resolve()))
    if isinstance(made, Network):
        if weights is not None:
            raise ValueError(f"--weights is not for {file}:{function}, which returns a network")
        return made
    if not isinstance(made, extra("torch.nn", "torch").Module):
        raise ValueError(f"{file}:{function} returns a {type(made).__name__}; a torch.nn.Module or a Network would do")
    return from_torch(made, shape, name=file.stem)


def _state(weights: Path) -> dict[str, Any]:
    """A state dictionary: of .npz, or of what ``torch.save`` wrote, without running what may be in it."""
    torch = extra("torch", "torch")
    if weights.suffix == ".npz":
        return {key: torch.from_numpy(value) for key, value in read_arrays(weights).items()}
    state: dict[str, Any] = torch.load(weights, map_location="cpu", weights_only=True)
    return state
