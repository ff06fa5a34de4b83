"""An ONNX model as a network, plain or quantised (QDQ, QONNX): a node is mapped, left out, or refused by name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from golden.network import Grid, Network, values

from .builder import Builder
from .extras import extra
from .onnx_constants import initializers
from .onnx_nodes import Mapper

__all__ = ["from_onnx"]

_TOLERANCE = 1e-3
"""Of the largest result: float32 twice, added in different orders."""


def from_onnx(
    file: Path | Any,
    mean: Sequence[float] = (0.0,),
    deviation: Sequence[float] = (1.0,),
    name: str = "",
    shape: tuple[int, int, int] | None = None,
) -> Network:
    """The network of a model of one image input and one output.

    A model without quantised activations is tried on random images beside ONNX Runtime where that is installed: what
    differs is refused.

    Args:
        file: the model's file; or the model itself, an ``onnx.ModelProto``.
        mean, deviation: the model takes ``(pixel - mean) / deviation``, pixels of 0 to 255.
        name: of the network; that of the file, or of the graph, unless given.
        shape: height, width and channels, where the model does not say.

    Raises:
        ValueError: onnx is not installed, a file that is no model; or naming the node and its operator, and what would
            do.
        OSError: the file cannot be read.
    """
    onnx = extra("onnx", "onnx")
    extra("onnx.reference", "onnx")
    model = _read(onnx, file) if isinstance(file, Path) else file
    arrays = initializers(onnx, model)
    given = [one for one in model.graph.input if one.name not in arrays]
    if len(given) != 1 or len(model.graph.output) != 1:
        raise ValueError(
            f"the model has {len(given)} inputs and {len(model.graph.output)} outputs; one of each would do"
        )
    sizes = [dim.dim_value for dim in given[0].type.tensor_type.shape.dim]
    last = _channels_last(model, given[0].name)
    found = shape or _shape(given[0].name, sizes, last)
    mapper = Mapper(onnx, model, Builder(found, vector=len(sizes) == 2), arrays, max(sizes[0] if sizes else 1, 1))
    mapper.begin(given[0].name, last)
    for node in model.graph.node:
        try:
            mapper.take(node)
        except ValueError as error:
            told = node.name or node.output[0]
            text = str(error).removeprefix(f"node {mapper.name(node)}").lstrip(": ")
            raise ValueError(f"node {told} ({node.op_type}): {text}") from None
    result = mapper.result(model.graph.output[0].name)
    called = name or (file.stem if isinstance(file, Path) else model.graph.name) or "onnx"
    network = mapper.build.done(called, result, mean, deviation)
    if not any(isinstance(node, Grid) for node in network.nodes):
        _compare(network, model, given[0].name, sizes, last)
    return network


def _read(onnx: Any, file: Path) -> Any:
    file.open("rb").close()  # an OSError that names it
    try:
        model = onnx.load(file)
    except OSError:
        raise
    except Exception as error:  # of protobuf
        raise ValueError(f"{file} is no ONNX model ({type(error).__name__})") from None
    if not model.graph.node:
        raise ValueError(f"{file} is no ONNX model, or has no node")
    return model


def _channels_last(model: Any, name: str) -> bool:
    """Whether the image is given channels last, and all that takes it turns it."""
    users = [node for node in model.graph.node if name in node.input]
    return bool(users) and all(
        node.op_type == "Transpose" and [list(a.ints) for a in node.attribute] == [[0, 3, 1, 2]] for node in users
    )


def _shape(name: str, sizes: Sequence[int], last: bool) -> tuple[int, int, int]:
    if len(sizes) not in (2, 4) or not all(size > 0 for size in sizes[1:]):
        told = ", ".join(str(size) if size > 0 else "?" for size in sizes)
        raise ValueError(f"the input {name} is ({told}); (?, channels, height, width), numbers but the first, would do")
    if len(sizes) == 2:
        return 1, 1, sizes[1]
    return (sizes[1], sizes[2], sizes[3]) if last else (sizes[2], sizes[3], sizes[1])


def _compare(network: Network, model: Any, name: str, sizes: Sequence[int], last: bool) -> None:
    """See to it that the network gives what ONNX Runtime gives.

    Raises:
        ValueError: it does not.
    """
    try:
        runtime = extra("onnxruntime", "onnx")
    except ValueError:
        return
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = runtime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception:  # operators that it does not know, of QONNX: there is nothing to compare with
        return
    x = np.random.default_rng(1).standard_normal((max(sizes[0], 1), *network.shape)).astype(np.float32)
    turned = x[:, 0, 0] if len(sizes) == 2 else x if last else np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    (wanted,) = session.run(None, {name: turned})
    found = values(network, x)[network.result].transpose(0, 3, 1, 2).reshape(wanted.shape)
    worst = float(np.abs(found - wanted).max())
    if not worst <= _TOLERANCE * max(1.0, float(np.abs(wanted).max())):
        raise ValueError(f"the model's results differ by {worst:.3g} from ONNX Runtime's; plain layers would do")
