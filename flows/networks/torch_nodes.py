"""The nodes of torch.fx, one function a kind."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .builder import Builder, Value
from .known import norm_of
from .torch_modules import array_of, maybe, module_call, pair

__all__ = ["ARGUMENTS", "NOTHING", "SHAPING", "Mapper", "Traced"]

NOTHING = ("alpha_dropout", "clone", "contiguous", "detach", "dropout", "dropout1d", "dropout2d", "float", "to")
SHAPING = ("flatten", "reshape", "squeeze", "unsqueeze", "view")
ARGUMENTS: dict[str, tuple[str, ...]] = {
    "relu": (),
    "relu6": (),
    "hardtanh": ("min_val", "max_val"),
    "clamp": ("min", "max"),
    "clip": ("min", "max"),
    "clamp_min": ("min",),
    "clamp_max": ("max",),
    "add": ("other", "alpha"),
    "iadd": ("other",),
    "conv2d": ("weight", "bias", "stride", "padding", "dilation", "groups"),
    "linear": ("weight", "bias"),
    "batch_norm": ("running_mean", "running_var", "weight", "bias", "training", "momentum", "eps"),
    "max_pool2d": ("kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices"),
    "avg_pool2d": ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override"),
    "adaptive_avg_pool2d": ("output_size",),
    "adaptive_max_pool2d": ("output_size", "return_indices"),
    "mean": ("dim", "keepdim", "dtype"),
    "amax": ("dim", "keepdim"),
    "getitem": ("index",),
    "pad": ("pad", "mode", "value"),
}
"""Arguments behind the first of what is mapped, as functions and methods have them."""


@dataclass(frozen=True, eq=False)
class Traced:
    """A trace, and what each node of it gave of the trial's images.

    Args:
        torch: the library.
        module: the traced module.
        nodes: of its graph, in order.
        seen: by name of node: a tensor, a number or a tuple.
        images: (images, channels, rows, columns) or (images, features), float32.
    """

    torch: Any
    module: Any
    nodes: list[Any]
    seen: dict[str, Any]
    images: NDArray[np.float32]

    def target(self, node: Any) -> str:
        """What a node calls, as a user knows it."""
        if node.op == "call_module":
            return f"{node.target}: {type(self.module.get_submodule(node.target)).__name__}"
        return str(getattr(node.target, "__name__", node.target))


class Mapper:
    """Takes node after node.

    Attributes:
        found: what a later node gets that takes one of that name.
        made: what has been mapped, by name; another than that in ``found`` where one behind it works in place.
        result: what the module returns, in the end.
    """

    def __init__(self, build: Builder, traced: Traced) -> None:
        self._build, self._traced, self._torch = build, traced, traced.torch
        self.found: dict[str, Value] = {}
        self.made: dict[str, Value] = {}
        self.result = build.input

    def take(self, node: Any) -> None:
        """Map a node.

        Raises:
            ValueError: what cannot be, and what would do.
        """
        if node.op == "placeholder":
            if self.found:
                raise ValueError("it is a second argument; a forward of one image would do")
            self.found[node.name] = self._build.input
        elif node.op == "output":
            self.result = self._value(node.args[0])
        elif node.op != "get_attr" and isinstance(self._traced.seen[node.name], self._torch.Tensor):
            x = self._value(node.args[0] if node.args else node.kwargs.get("input"))
            word, given, in_place = self._call(node)
            self.found[node.name] = self.made[node.name] = after = self._map(node, word, x, given)
            if in_place:  # what it took is changed, for all who take that later
                self.found |= {name: after for name, value in self.found.items() if value is x}

    def _value(self, given: Any) -> Value:
        name = getattr(given, "name", None)
        if name is None or name not in self.found:
            raise ValueError(f"it takes {given}, which is not computed of the image; a layer's result would do")
        return self.found[name]

    def _call(self, node: Any) -> tuple[str, dict[str, Any], bool]:
        """The function that a node is, with its arguments by name, and whether it changes what it takes."""
        if node.op == "call_module":
            module = self._traced.module.get_submodule(node.target)
            return *module_call(self._torch.nn, module), bool(getattr(module, "inplace", False))
        name = str(getattr(node.target, "__name__", node.target))
        word = name.rstrip("_")
        given = dict(zip(ARGUMENTS.get(word, ()), node.args[1:], strict=False)) | dict(node.kwargs)
        in_place = name.endswith("_") or bool(given.pop("inplace", False)) or word == "iadd"
        given.pop("input", None)
        return word, {key: self._plain(value) for key, value in given.items()}, in_place

    def _plain(self, given: Any) -> Any:
        """An argument as Python has it: sizes as numbers, parameters as tensors, what the network computes as it is."""
        if hasattr(given, "op") and given.name not in self.found:
            return self._traced.seen[given.name]
        return tuple(map(self._plain, given)) if isinstance(given, (tuple, list)) else given

    def _map(self, node: Any, word: str, x: Value, given: dict[str, Any]) -> Value:
        build, name = self._build, node.name
        if word in NOTHING:
            return x
        if word in SHAPING:
            return self._shaped(name, x)
        limits = {"relu": (0, None), "relu6": (0, 6), "hardtanh": (given.get("min_val", -1), given.get("max_val", 1))}
        if word in limits or word in ("clamp", "clip", "clamp_min", "clamp_max"):
            return build.clip(name, x, *limits.get(word, (given.get("min"), given.get("max"))))
        if word in ("add", "iadd"):
            if given.get("alpha", 1) != 1:
                raise ValueError(f"alpha = {given['alpha']}; 1 would do")
            return build.add(name, x, self._value(given.get("other")))
        if word == "conv2d":
            return self._conv(name, x, given)
        if word == "linear":
            return build.linear(name, x, array_of(given["weight"]), maybe(given.get("bias")))
        if word == "batch_norm":
            return self._norm(name, x, given)
        if word in ("mean", "amax"):
            return self._whole(name, x, "average" if word == "mean" else "max", given.get("dim"))
        if word.startswith(("max_pool", "avg_pool", "adaptive")):
            return self._pool(name, x, word, given)
        if word == "getitem":
            return self._every(name, x, given["index"])
        if word == "pad":
            return self._channels(name, x, given)
        raise ValueError("it is not mapped; docs/networks.md lists what is")

    def _conv(self, name: str, x: Value, given: dict[str, Any]) -> Value:
        weight, padding = array_of(given["weight"]), given.get("padding", 0)
        for key in ("dilation", "groups"):
            if set(pair(given.get(key, 1))) != {1}:
                raise ValueError(f"{key} = {given[key]}; 1 would do")
        if given.get("padding_mode", "zeros") != "zeros":
            raise ValueError(f"padding_mode = {given['padding_mode']}; zeros would do")
        pads: list[tuple[int, int]] = [(p, p) for p in pair(padding)] if not isinstance(padding, str) else []
        if isinstance(padding, str):
            pads = [((k - 1) // 2, k // 2) if padding == "same" else (0, 0) for k in weight.shape[2:]]
        return self._build.conv(
            name, x, weight, maybe(given.get("bias")), pair(given.get("stride", 1)), (pads[0], pads[1])
        )

    def _norm(self, name: str, x: Value, given: dict[str, Any]) -> Value:
        if given.get("running_mean") is None or given.get("training"):
            raise ValueError("its statistics are those of the batch; stored ones would do")
        mean, variance = array_of(given["running_mean"]), array_of(given["running_var"])
        gamma, beta = maybe(given.get("weight")), maybe(given.get("bias"))
        numbers = np.ones_like(mean) if gamma is None else gamma, np.zeros_like(mean) if beta is None else beta
        norm = norm_of(name, x.name, (*numbers, mean, variance), given.get("eps", 1e-5))
        return self._build.norm(name, x, norm.gain, norm.offset)

    def _pool(self, name: str, x: Value, word: str, given: dict[str, Any]) -> Value:
        kind: Literal["max", "average"] = "max" if "max" in word else "average"
        if word.startswith("adaptive"):
            sizes = pair(given["output_size"])
            return self._build.adaptive(name, x, kind, (sizes[0] or x.shape[0], sizes[1] or x.shape[1]))
        window, stride = pair(given["kernel_size"]), given.get("stride")
        if set(pair(given.get("dilation", 1))) != {1}:
            raise ValueError(f"dilation = {given['dilation']}; 1 would do")
        stepped = window if stride in (None, ()) else pair(stride)
        return self._build.pool(name, x, kind, window, stepped, max(pair(given.get("padding", 0))))

    def _whole(self, name: str, x: Value, kind: Literal["max", "average"], given: Any) -> Value:
        dims = sorted(d % 4 for d in (given if isinstance(given, tuple) else (given,)) if d is not None)
        if x.vector or dims != [2, 3]:
            raise ValueError(f"it is over the dimensions {given}; rows and columns of an image, (2, 3), would do")
        return self._shaped(name, self._build.pool(name, x, kind, None), name)

    def _every(self, name: str, x: Value, index: Any) -> Value:
        """Every so many pixels, or the only pixel."""
        parts = list(index) if isinstance(index, tuple) else [index]
        if Ellipsis in parts:
            at = parts.index(Ellipsis)
            parts[at : at + 1] = [slice(None)] * (5 - len(parts))
        parts += [slice(None)] * (4 - len(parts))
        if x.shape[:2] == (1, 1) and parts == [slice(None), slice(None), 0, 0]:
            return self._shaped(name, x)
        steps = [part.step or 1 for part in parts if isinstance(part, slice) and not (part.start or part.stop)]
        if x.vector or len(steps) != 4 or steps[:2] != [1, 1] or steps[2] != steps[3]:
            raise ValueError(f"it takes a part of an image; every n-th row and column, [:, :, ::{2}, ::{2}], would do")
        return self._build.shortcut(name, x, steps[2], 0, 0)

    def _channels(self, name: str, x: Value, given: dict[str, Any]) -> Value:
        """Channels of zeros before and behind."""
        pads = [*given["pad"], *[0] * (8 - len(given["pad"]))]
        if x.vector or given.get("mode", "constant") != "constant" or given.get("value") or any(pads[:4] + pads[6:]):
            raise ValueError("it pads more than channels; zeros, (0, 0, 0, 0, before, behind), would do")
        return self._build.shortcut(name, x, 1, pads[4], pads[5])

    def _shaped(self, name: str, x: Value, seen: str = "") -> Value:
        """Another shape: the same, an image as a vector, or a vector as an image of one pixel."""
        wanted = tuple(self._traced.seen[seen or name].shape)
        high, wide, channels = x.shape
        here = (channels,) if x.vector else (channels, high, wide)
        if wanted[1:] == here:
            return x
        if wanted[1:] in ((high * wide * channels,), (high * wide * channels, 1)):
            return self._build.flatten(name, x)
        if x.vector and x.order is None and wanted[1:] == (channels, 1, 1):
            return replace(x, vector=False)
        raise ValueError(f"it makes {wanted[1:]} of {here}; ({high * wide * channels},) would do")
