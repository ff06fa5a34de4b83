"""The nodes of an ONNX graph, one function a kind."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .builder import Builder, Value
from .known import norm_of
from .onnx_arguments import channel_numbers, channel_pads, here, pads_of, steps_of, wanted_shape
from .onnx_constants import attributes, code_limits, fold, lsb_of, said_limits

__all__ = ["Mapper"]

Array = NDArray[Any]

_NOTHING = ("Dropout", "Identity")
_SHAPING = ("Flatten", "Reshape", "Squeeze", "Unsqueeze")
_POOLS: dict[str, Literal["max", "average"]] = {
    "MaxPool": "max",
    "AveragePool": "average",
    "GlobalMaxPool": "max",
    "GlobalAveragePool": "average",
    "ReduceMax": "max",
    "ReduceMean": "average",
}


class Mapper:
    """Takes node after node.

    Args:
        onnx: the library.
        model: the model.
        build: of the network.
        arrays: stored with the graph, by name.
        batch: images that the model is made for; 1 where it takes any number.
    """

    def __init__(self, onnx: Any, model: Any, build: Builder, arrays: dict[str, Array], batch: int) -> None:
        self._onnx, self._model, self._arrays, self._batch = onnx, model, arrays, batch
        self.build = build
        self._found: dict[str, Value] = {}
        self._codes: dict[str, float] = {}  # what a QuantizeLinear gives: its scale
        self._halves: dict[str, tuple[int, int]] = {}  # of what skips rows but not columns yet
        self._names: dict[str, str] = {}
        self._last = ""

    def begin(self, name: str, last: bool) -> None:
        """The image's name, and whether the model takes it channels last."""
        self._found[name] = self.build.input
        self._last = name if last else ""

    def name(self, node: Any) -> str:
        """What a node is called in the network: without slashes, and like no other."""
        key, taken = node.output[0], {*self._names.values(), "input"}
        if key not in self._names:
            plain = (node.name or key).strip("/").replace("/", ".")
            several = (plain, *(f"{plain}_{k}" for k in range(1, len(taken) + 1)))
            self._names[key] = next(one for one in several if one not in taken)
        return self._names[key]

    def result(self, name: str) -> Value:
        """The network's result.

        Raises:
            ValueError: it is not computed of the image.
        """
        if name not in self._found or name in self._codes or name in self._halves:
            raise ValueError(f"the model's output {name} is not a result of its layers in real numbers")
        return self._found[name]

    def take(self, node: Any) -> None:
        """Map a node, or compute it where it does not depend on the image.

        Raises:
            ValueError: what cannot be, and what would do.
        """
        inputs = [name for name in node.input if name]
        lost = [name for name in inputs if name not in self._arrays and name not in self._found]
        if lost:
            raise ValueError(f"it takes {lost[0]}, which nothing before it gives")
        if all(name in self._arrays for name in inputs):
            self._arrays |= zip(node.output, fold(self._onnx, self._model, node, self._arrays), strict=False)
            return
        if node.op_type == "Shape":
            sizes, said = here(self._found[inputs[0]]), attributes(self._onnx, node)
            self._arrays[node.output[0]] = np.array([self._batch, *sizes])[said.get("start", 0) : said.get("end")]
            return
        given = [name for name in inputs if name in self._found]
        first = given[0]
        if self._codes.keys() & given and node.op_type not in ("DequantizeLinear", *_SHAPING, *_NOTHING, "MaxPool"):
            raise ValueError("it computes with integers; a DequantizeLinear before it (QDQ) would do")
        if self._halves.keys() & given and node.op_type != "Slice":
            raise ValueError("it takes every n-th row and not column; every n-th row and column would do")
        self._found[node.output[0]] = self._map(node, self._found[first], attributes(self._onnx, node))
        if first in self._codes and node.op_type != "DequantizeLinear":
            self._codes[node.output[0]] = self._codes[first]

    def _array(self, node: Any, place: int, what: str) -> Array | None:
        """A constant input; None where there is none.

        Raises:
            ValueError: it is computed of the image.
        """
        if len(node.input) <= place or not node.input[place]:
            return None
        if node.input[place] not in self._arrays:
            raise ValueError(f"its {what} is computed of the image; a constant would do")
        return self._arrays[node.input[place]]

    def _needed(self, node: Any, place: int, what: str) -> Array:
        if (array := self._array(node, place, what)) is None:
            raise ValueError(f"it has no {what}")
        return array

    def _map(self, node: Any, x: Value, said: dict[str, Any]) -> Value:
        kind, name = node.op_type, self.name(node)
        if kind in _NOTHING or (kind == "Transpose" and node.input[0] == self._last):
            return x
        if kind in _SHAPING:
            return self._shaped(node, name, x, said)
        if kind == "Conv":
            return self._conv(node, name, x, said)
        if kind in ("Gemm", "MatMul"):
            return self._linear(node, name, x, said)
        if kind == "BatchNormalization":
            if said.get("training_mode"):
                raise ValueError("training_mode = 1; 0, stored statistics, would do")
            numbers = [self._needed(node, k, "statistics") for k in range(1, 5)]
            norm = norm_of(name, x.name, numbers, said.get("epsilon", 1e-5))
            return self.build.norm(name, x, norm.gain, norm.offset)
        if kind in ("Relu", "Clip"):
            return self._clip(node, name, x, said)
        if kind == "Add" and all(one in self._found for one in node.input):
            return self.build.add(name, x, self._found[node.input[1]])
        if kind in ("Add", "Sub", "Mul", "Div"):
            return self._by_channel(node, name, x)
        if kind in _POOLS:
            return self._pool(node, name, x, said)
        if kind in ("Slice", "Pad"):
            return self._shortcut(node, name, x, said)
        if kind == "DequantizeLinear":
            if self._codes.get(node.input[0]) != self._lsb(node):
                raise ValueError("its scale is not that of the QuantizeLinear before it; equal would do")
            return x
        if kind == "QuantizeLinear" or (kind in ("Quant", "IntQuant") and node.domain):
            return self._quantize(node, name, x, said)
        raise ValueError("it is not mapped; docs/networks.md lists what is")

    def _conv(self, node: Any, name: str, x: Value, said: dict[str, Any]) -> Value:
        weight = np.asarray(self._needed(node, 1, "weight"), np.float32)
        for key in ("group", "dilations"):
            if np.any(np.array(said.get(key, 1)) != 1):
                raise ValueError(f"{key} = {said[key]}; 1 would do")
        bias, (high, wide) = self._array(node, 2, "bias"), said.get("strides", [1, 1])
        pads = pads_of(x, said, weight.shape[2:], (high, wide))
        bias = None if bias is None else np.asarray(bias, np.float32)
        return self.build.conv(name, x, weight, bias, (high, wide), pads)

    def _linear(self, node: Any, name: str, x: Value, said: dict[str, Any]) -> Value:
        if node.input[0] not in self._found:
            raise ValueError("its first input is constant; the image first would do")
        weight = np.asarray(self._needed(node, 1, "weight"), np.float32)
        if said.get("transA") or weight.ndim != 2:
            raise ValueError(f"transA = {said.get('transA', 0)}, weights {weight.shape}; 0 and two dimensions would do")
        weight = said.get("alpha", 1.0) * (weight if said.get("transB") else weight.T)
        bias = self._array(node, 2, "bias") if node.op_type == "Gemm" else None
        if bias is not None:
            bias = np.broadcast_to(np.asarray(bias, np.float32) * said.get("beta", 1.0), (1, len(weight)))[0]
        return self.build.linear(name, x, np.asarray(weight, np.float32), bias)

    def _clip(self, node: Any, name: str, x: Value, said: dict[str, Any]) -> Value:
        if node.op_type == "Relu":
            return self.build.clip(name, x, 0, None)
        low, high = self._array(node, 1, "limit"), self._array(node, 2, "limit")
        return self.build.clip(
            name,
            x,
            said.get("min") if low is None else float(low.reshape(-1)[0]),
            said.get("max") if high is None else float(high.reshape(-1)[0]),
        )

    def _by_channel(self, node: Any, name: str, x: Value) -> Value:
        """A constant for all, or one a channel, added or multiplied."""
        place = int(node.input[0] in self._found)
        if node.op_type in ("Sub", "Div") and not place:
            raise ValueError("its first input is constant; the image first would do")
        return self.build.norm(name, x, *channel_numbers(node.op_type, self._arrays[node.input[place]], x))

    def _pool(self, node: Any, name: str, x: Value, said: dict[str, Any]) -> Value:
        kind = _POOLS[node.op_type]
        if node.op_type.startswith("Global"):
            return self.build.pool(name, x, kind, None)
        if node.op_type.startswith("Reduce"):
            axes = self._array(node, 1, "axes")
            given = sorted(a % 4 for a in (said.get("axes", []) if axes is None else axes.tolist()))
            if given != [2, 3]:
                raise ValueError(f"it is over the axes {given}; rows and columns, 2 and 3, would do")
            whole = self.build.pool(name, x, kind, None)
            return whole if said.get("keepdims", 1) else self.build.flatten(name, whole)
        high, wide = said["kernel_shape"]
        if np.any(np.array(said.get("dilations", 1)) != 1):
            raise ValueError(f"dilations = {said['dilations']}; 1 would do")
        strides = said.get("strides", [1, 1])
        pads = np.array(pads_of(x, said, (high, wide), strides))
        return self.build.pool(name, x, kind, (high, wide), (strides[0], strides[1]), int(pads.max()))

    def _shaped(self, node: Any, name: str, x: Value, said: dict[str, Any]) -> Value:
        """Another shape: the same, or an image as a vector."""
        now = here(x)
        total, axis = int(np.prod(now)), said.get("axis", 1)
        if node.op_type == "Flatten":
            wanted: tuple[int, ...] = (total,) if axis == 1 or axis == -len(now) else (0,)
        elif node.op_type == "Reshape":
            wanted = wanted_shape(self._needed(node, 1, "shape").tolist(), now, self._batch)
        else:
            wanted = now[:1] if total == now[0] and node.op_type == "Squeeze" else (0,)
        if wanted == now:
            return x
        if wanted == (total,):
            return self.build.flatten(name, x)
        raise ValueError(f"it makes another shape of {now} than a vector; (images, {total}) would do")

    def _shortcut(self, node: Any, name: str, x: Value, said: dict[str, Any]) -> Value:
        """Every n-th row and column, or channels of zeros."""
        if node.op_type == "Pad":
            given = self._array(node, 1, "pads")
            pads = [int(p) for p in (said.get("pads", []) if given is None else given)]
            value = self._array(node, 2, "value")
            fill = said.get("value", 0) if value is None or not value.size else float(value.reshape(-1)[0])
            return self.build.shortcut(name, x, 1, *channel_pads(pads, said.get("mode", "constant"), fill))
        starts, ends = self._needed(node, 1, "starts"), self._needed(node, 2, "ends")
        rows, columns = steps_of(x, starts, ends, self._array(node, 3, "axes"), self._array(node, 4, "steps"))
        before = self._halves.get(node.input[0], (1, 1))
        both = rows * before[0], columns * before[1]
        if both[0] == both[1]:
            return self.build.shortcut(name, x, both[0], 0, 0)
        self._halves[node.output[0]] = both  # the rest is in the next Slice
        return x

    def _lsb(self, node: Any) -> float:
        """Scale of a node that quantises or takes it back."""
        return lsb_of(self._needed(node, 1, "scale"), self._array(node, 2, "zero point"))

    def _quantize(self, node: Any, name: str, x: Value, said: dict[str, Any]) -> Value:
        if node.op_type == "QuantizeLinear":
            self._codes[node.output[0]] = lsb = self._lsb(node)
            return self.build.grid(name, x, lsb, *code_limits(self._array(node, 2, "zero point")))
        limits = said_limits(said, self._needed(node, 3, "bit width"))
        return self.build.grid(name, x, self._lsb(node), *limits)
