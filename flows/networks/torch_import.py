"""A PyTorch module as a network, by way of torch.fx: each node of the trace is mapped, left out, or refused by name."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from golden.network import Network, values

from .builder import Builder, Value
from .extras import extra
from .torch_nodes import Mapper, Traced

__all__ = ["from_torch"]

_IMAGES = 3
"""Images that the module is tried on; no layer has just as many channels by chance and is mistaken for it."""

_TOLERANCE = 1e-3
"""Of the largest result: float32 twice, added in different orders."""


def from_torch(
    module: Any,
    shape: tuple[int, int, int] | int,
    mean: Sequence[float] = (0.0,),
    deviation: Sequence[float] = (1.0,),
    name: str = "",
) -> Network:
    """The network that a module computes in evaluation mode; the module is left as it is.

    What was mapped is tried on a few random images beside the module itself: what differs is refused.

    Args:
        module: a ``torch.nn.Module`` that torch.fx can trace, of one image argument.
        shape: height, width and channels of an image, though the module takes channels first; a number where the
            module takes vectors of so many features.
        mean, deviation: the module takes ``(pixel - mean) / deviation``, pixels of 0 to 255: 255 times those of
            ``torchvision.transforms.Normalize``.
        name: of the network; that of the module's class unless given.

    Raises:
        ValueError: PyTorch is not installed; or naming the node and its target, and what would do.
    """
    traced = _trace(module, shape)
    vector = isinstance(shape, int)
    build = Builder((1, 1, shape) if isinstance(shape, int) else shape, vector)
    mapper = Mapper(build, traced)
    for node in traced.nodes:
        try:
            mapper.take(node)
        except ValueError as error:
            text = str(error).removeprefix(f"node {node.name}").lstrip(": ")
            raise ValueError(f"node {node.name} ({traced.target(node)}): {text}") from None
    network = build.done(name or type(module).__name__, mapper.result, mean, deviation)
    _compare(network, traced, mapper.made)
    return network


def _trace(module: Any, shape: tuple[int, int, int] | int) -> Traced:
    torch, fx = extra("torch", "torch"), extra("torch.fx", "torch")
    quiet = copy.deepcopy(module).eval().float().cpu()
    rng = np.random.default_rng(1)
    size = (_IMAGES, shape) if isinstance(shape, int) else (_IMAGES, shape[2], *shape[:2])
    images = rng.standard_normal(size).astype(np.float32)
    try:
        traced = fx.symbolic_trace(quiet)
    except Exception as error:  # whatever the module's own code raises when it is given proxies
        raise ValueError(
            f"torch.fx cannot trace {type(module).__name__} ({_line(error)}); "
            "a forward that does not branch on values would do"
        ) from None

    seen: dict[str, Any] = {}
    interpreter = fx.Interpreter(traced)
    interpreter.extra_traceback = False  # the error's own first line is what is told
    plain = interpreter.run_node

    def record(node: Any) -> Any:
        result = plain(node)  # cloned, for what works in place would change what has been seen
        seen[node.name] = result.detach().clone() if isinstance(result, torch.Tensor) else result
        return result

    interpreter.run_node = record
    try:
        with torch.no_grad():
            interpreter.run(torch.from_numpy(images))
    except Exception as error:
        raise ValueError(
            f"{type(module).__name__} does not take images of {size[1:]} ({_line(error)}); another shape would do"
        ) from None
    return Traced(torch, traced, list(traced.graph.nodes), seen, images)


def _compare(network: Network, traced: Traced, made: dict[str, Value]) -> None:
    """See to it that the network gives what the module gives.

    Raises:
        ValueError: naming the first node that does not.
    """
    here = values(network, _here(traced.images))
    for node in traced.nodes:
        value = made.get(node.name)
        if value is None or value.name not in here:
            continue
        wanted = _here(traced.seen[node.name].numpy(), value.order)
        worst = float(np.abs(here[value.name].reshape(wanted.shape) - wanted).max())
        if not worst <= _TOLERANCE * max(1.0, float(np.abs(wanted).max())):
            raise ValueError(
                f"node {node.name} ({traced.target(node)}): it gives {worst:.3g} more or less than the module does; "
                "plain layers that change nothing in place would do"
            )


def _here(x: NDArray[Any], order: NDArray[Any] | None = None) -> NDArray[Any]:
    """Channels last."""
    if x.ndim < 4:  # (images, features), or on the way to it
        x = x.reshape(len(x), -1)
        return (x if order is None else x[:, order])[:, None, None]
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1))


def _line(error: Exception) -> str:
    """What an error says, in a line."""
    said = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return said if len(said) < 120 else said[:117] + "..."
