"""What of an ONNX graph does not depend on the image: weights, scales, sizes, and what is computed of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "attributes",
    "code_limits",
    "fold",
    "initializers",
    "lsb_of",
    "quant_limits",
    "quantized",
    "said_limits",
]

Array = NDArray[Any]


def attributes(onnx: Any, node: Any) -> dict[str, Any]:
    """The attributes of a node by name; strings as such."""
    found = {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
    return {key: value.decode() if isinstance(value, bytes) else value for key, value in found.items()}


def initializers(onnx: Any, model: Any) -> dict[str, Array]:
    """Arrays that are stored with the graph."""
    return {one.name: onnx.numpy_helper.to_array(one) for one in model.graph.initializer}


def quant_limits(bits: float, signed: bool, narrow: bool) -> tuple[int, int]:
    """The least and the largest integer of a Quant node.

    Raises:
        ValueError: bits that are not a whole number of 2 to 32.
    """
    if bits != int(bits) or not 2 <= bits <= 32:
        raise ValueError(f"its bit width is {bits:g}; 2 to 32 would do")
    half = 1 << int(bits) - 1
    return (-half + narrow, half - 1) if signed else (0, 2 * half - 1 - narrow)


def said_limits(said: Mapping[str, Any], bits: Array) -> tuple[int, int]:
    """The same, of a Quant node's attributes and bit width; it rounds to nearest.

    Raises:
        ValueError: another rounding, and as :func:`quant_limits`.
    """
    if said.get("rounding_mode", "ROUND").upper() not in ("ROUND", "HALF_EVEN"):
        raise ValueError(f"rounding_mode = {said['rounding_mode']}; ROUND would do")
    return quant_limits(float(bits.reshape(-1)[0]), bool(said.get("signed", 1)), bool(said.get("narrow", 1)))


def code_limits(zero: Array | None) -> tuple[int, int]:
    """The least and the largest integer of a QuantizeLinear node, whose type is that of its zero point.

    Raises:
        ValueError: it gives no integers, or wide ones.
    """
    kind = "uint8" if zero is None else str(zero.dtype)
    bits = kind.removeprefix("u").removeprefix("int")
    if bits not in ("2", "4", "8", "16"):
        raise ValueError(f"it gives {kind}; integers of 2 to 16 bits would do")
    return quant_limits(int(bits), not kind.startswith("u"), narrow=False)


def lsb_of(scale: Array, zero: Array | None) -> float:
    """The scale of an activation.

    Raises:
        ValueError: one a channel, or a zero point other than 0.
    """
    if scale.size != 1:
        raise ValueError(f"its scale is {scale.shape}, one a channel; one for all would do for activations")
    if zero is not None and zero.any():
        raise ValueError(f"its zero point is {zero.reshape(-1)[0]}; 0, a symmetric quantisation, would do")
    return float(scale.reshape(-1)[0])


def quantized(x: Array, scale: Array, zero: Array, limits: tuple[int, int]) -> Array:
    """What a Quant node gives of ``x``."""
    return np.asarray((np.clip(np.rint(x / scale + zero), *limits) - zero) * scale, np.float32)


def fold(onnx: Any, model: Any, node: Any, given: Mapping[str, Array]) -> list[Array]:
    """The outputs of a node all of whose inputs are constants.

    Raises:
        ValueError: it cannot be computed.
    """
    helper = onnx.helper
    if node.op_type in ("Quant", "IntQuant") and node.domain:
        x, scale, zero, bits = (given[name] for name in node.input)
        return [quantized(x, scale, zero, said_limits(attributes(onnx, node), bits))]
    if node.op_type == "BipolarQuant":
        return [np.asarray(np.where(given[node.input[0]] >= 0, 1, -1) * given[node.input[1]], np.float32)]
    if node.op_type in ("DequantizeLinear", "QuantizeLinear"):  # onnx's own evaluator knows those of opset 19 on only
        parts = [given[name] for name in node.input]
        zero = parts[2] if len(parts) > 2 else np.zeros(1, np.uint8)
        step, lower = _steps(parts[0], parts[1], zero, attributes(onnx, node))
        change = _dequantized if node.op_type == "DequantizeLinear" else _codes
        return [change(parts[0], step, lower, zero.dtype)]
    names = [name for name in dict.fromkeys(node.input) if name]
    infos = [
        helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(given[n].dtype), given[n].shape) for n in names
    ]
    outputs = [helper.make_empty_tensor_value_info(name) for name in node.output]
    alone = helper.make_model(helper.make_graph([node], "constant", infos, outputs), opset_imports=model.opset_import)
    try:
        found: Sequence[Array] = onnx.reference.ReferenceEvaluator(alone).run(None, {n: given[n] for n in names})
    except Exception as error:  # whatever an operator's implementation raises
        said_first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ValueError(
            f"it cannot be computed of constants ({said_first[:100]}); folding it before would do"
        ) from None
    return list(found)


def _dequantized(x: Array, step: Array, zero: Array, kind: np.dtype[Any]) -> Array:
    """Real numbers of integers."""
    return np.asarray((x.astype(np.float64) - zero) * step, np.float32)


def _codes(x: Array, step: Array, zero: Array, kind: np.dtype[Any]) -> Array:
    """Integers of real numbers: weights that are stored as such and quantised in the graph."""
    if kind.kind not in "iu":
        raise ValueError(f"it gives {kind}; integers of 8 or 16 bits would do")
    codes = np.rint(x.astype(np.float32) / step.astype(np.float32)) + zero
    return np.clip(codes, np.iinfo(kind).min, np.iinfo(kind).max).astype(kind)


def _steps(x: Array, scale: Array, zero: Array, said: Mapping[str, Any]) -> tuple[Array, Array]:
    """Scales and zero points in the dimensions of ``x``, float64."""
    if said.get("block_size"):
        raise ValueError(f"block_size = {said['block_size']}; one scale a channel would do")
    axis = said.get("axis", 1) % max(x.ndim, 1)

    def aligned(one: Array) -> Array:
        return one.astype(np.float64).reshape([one.size if k == axis else 1 for k in range(x.ndim)])

    return aligned(scale), aligned(zero)
