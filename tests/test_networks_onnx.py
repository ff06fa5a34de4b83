"""ONNX models: what is mapped gives what ONNX Runtime gives, and what is not is refused by name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from flows.networks.onnx_constants import quant_limits, quantized
from flows.networks.onnx_import import from_onnx
from golden.network import Add, Clip, Conv, Grid, Network, Norm, Pool, Shortcut, values

onnx = pytest.importorskip("onnx")
helper, Tensor = onnx.helper, onnx.TensorProto
RNG = np.random.default_rng(4)
SHAPE = ("N", 2, 6, 6)


def real(*shape: int) -> NDArray[np.float32]:
    return RNG.uniform(-0.5, 0.5, shape).astype(np.float32)


def node(kind: str, *inputs: str, **said: Any) -> Any:
    """A node whose output has its name; the name is that of the kind unless ``name`` says another."""
    name = said.pop("name", kind.lower())
    return helper.make_node(kind, list(inputs), [name], name=name, **said)


def model(nodes: Sequence[Any], shape: Sequence[Any] = SHAPE, **arrays: Any) -> Any:
    stored = [onnx.numpy_helper.from_array(np.asarray(array), name) for name, array in arrays.items()]
    graph = helper.make_graph(
        list(nodes),
        "made",
        [helper.make_tensor_value_info("x", Tensor.FLOAT, list(shape))],
        [helper.make_tensor_value_info(nodes[-1].output[0], Tensor.FLOAT, None)],
        stored,
    )
    domains = sorted({n.domain for n in nodes})
    opsets = [helper.make_opsetid(domain, 1 if domain else 17) for domain in {"": 1, **dict.fromkeys(domains)}]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def wanted(made: Any, x: NDArray[Any]) -> NDArray[Any]:
    """What ONNX Runtime gives of images, channels last on both sides."""
    runtime = pytest.importorskip("onnxruntime")
    options = runtime.SessionOptions()
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL  # it computes what is written
    session = runtime.InferenceSession(made.SerializeToString(), options, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"x": np.ascontiguousarray(x.transpose(0, 3, 1, 2)) if x.ndim == 4 else x})
    return found.transpose(0, 2, 3, 1) if found.ndim == 4 else found[:, None, None]


def check(made: Any) -> Network:
    network = from_onnx(made)
    x = np.random.default_rng(5).standard_normal((3, *network.shape)).astype(np.float32)
    np.testing.assert_allclose(values(network, x)[network.result], wanted(made, x), atol=1e-5)
    return network


def test_a_residual_network(tmp_path: Path) -> None:
    arrays: dict[str, Any] = {
        "w": real(4, 2, 3, 3),
        "b": real(4),
        "v": real(4, 4, 3, 3),
        "f": real(3, 36),
        "g": real(1, 3),
    }
    arrays |= {"gamma": real(4), "beta": real(4), "mean": real(4), "var": 1 + real(4)}
    made = model(
        [
            node("Conv", "x", "w", "b", pads=[1, 1, 1, 1], kernel_shape=[3, 3]),
            node("BatchNormalization", "conv", "gamma", "beta", "mean", "var", name="norm", epsilon=1e-3),
            node("Relu", "norm"),
            node("Conv", "relu", "v", auto_pad="SAME_UPPER", name="/b/Conv"),
            node("Add", "relu", "/b/Conv"),
            node("MaxPool", "add", kernel_shape=[2, 2], strides=[2, 2]),
            node("Flatten", "maxpool"),
            node("Gemm", "flatten", "f", "g", transB=1, alpha=0.5, beta=2.0),
        ],
        **arrays,
    )
    check(made)
    file = tmp_path / "small.onnx"
    onnx.save(made, file)
    network = from_onnx(file, (1.0, 2.0), (3.0, 4.0))
    assert (network.name, network.shape, network.mean, network.deviation) == (
        "small",
        (6, 6, 2),
        (1.0, 2.0),
        (3.0, 4.0),
    )
    assert [type(n) for n in network.nodes[:5]] == [Conv, Norm, Clip, Conv, Add]
    assert network.nodes[3].name == "b.Conv"


CONSTANTS: dict[str, Any] = {
    "low": np.float32(-0.25),
    "high": np.float32(0.5),
    "each": real(2, 1, 1),
    "all": np.float32(1.5),
    "w": real(3, 2, 3, 3),
    "starts": np.array([0, 0]),
    "ends": np.array([99, 1 << 60]),
    "axes": np.array([2, 3]),
    "steps": np.array([2, 2]),
    "starts1": np.array([0]),
    "ends1": np.array([99]),
    "axes2": np.array([2]),
    "axes3": np.array([3]),
    "steps1": np.array([3]),
    "pads": np.array([0, 1, 0, 0, 0, 2, 0, 0]),
    "flat": np.array([0, -1]),
    "fw": real(72, 3),
    "fb": real(3),
}
SINGLE: dict[str, tuple[Sequence[Any], type]] = {
    "clip": ([node("Clip", "x", "low", "high")], Clip),
    "clip above": ([node("Clip", "x", "", "high")], Clip),
    "add": ([node("Add", "each", "x")], Norm),
    "sub": ([node("Sub", "x", "each")], Norm),
    "mul": ([node("Mul", "x", "all")], Norm),
    "div": ([node("Div", "x", "each")], Norm),
    "identity": ([node("Identity", "x"), node("Dropout", "identity"), node("Relu", "dropout")], Clip),
    "valid": ([node("Conv", "x", "w", auto_pad="VALID", strides=[1, 2])], Conv),
    "average": ([node("AveragePool", "x", kernel_shape=[3, 2], strides=[3, 2])], Pool),
    "global average": ([node("GlobalAveragePool", "x")], Pool),
    "global maximum": ([node("GlobalMaxPool", "x")], Pool),
    "mean": ([node("ReduceMean", "x", axes=[2, 3], keepdims=0)], Pool),
    "largest": ([node("ReduceMax", "x", axes=[-1, -2])], Pool),
    "squeeze": ([node("GlobalMaxPool", "x"), node("Squeeze", "globalmaxpool", "axes")], Pool),
    "slice": ([node("Slice", "x", "starts", "ends", "axes", "steps")], Shortcut),
    "slices": (
        [
            node("Slice", "x", "starts1", "ends1", "axes2", "steps1", name="rows"),
            node("Slice", "rows", "starts1", "ends1", "axes3", "steps1", name="columns"),
        ],
        Shortcut,
    ),
    "pad": ([node("Slice", "x", "starts", "ends", "axes", "steps"), node("Pad", "slice", "pads")], Shortcut),
    "reshape": ([node("Reshape", "x", "flat"), node("MatMul", "reshape", "fw"), node("Add", "matmul", "fb")], Norm),
}


@pytest.mark.parametrize("name", SINGLE)
def test_operator(name: str) -> None:
    nodes, kind = SINGLE[name]
    used = {one for n in nodes for one in n.input}
    network = check(model(nodes, **{k: v for k, v in CONSTANTS.items() if k in used}))
    assert type(network.nodes[-1]) is kind
    assert sum(isinstance(n, Shortcut) for n in network.nodes) == (kind is Shortcut)


def test_sizes_that_the_graph_computes() -> None:
    """As exporters write ``x.view(x.size(0), -1)``."""
    nodes = [
        node("Shape", "x"),
        node("Constant", name="zero", value=onnx.numpy_helper.from_array(np.array(0))),
        node("Gather", "shape", "zero", axis=0),
        node("Unsqueeze", "gather", "axis"),
        node("Concat", "unsqueeze", "rest", axis=0),
        node("Reshape", "x", "concat"),
        node("MatMul", "reshape", "fw"),
    ]
    check(model(nodes, axis=np.array([0]), rest=np.array([-1]), fw=CONSTANTS["fw"]))


def test_images_with_channels_last() -> None:
    nodes = [node("Transpose", "x", perm=[0, 3, 1, 2]), node("Conv", "transpose", "w")]
    made = model(nodes, ("N", 7, 6, 2), w=CONSTANTS["w"])
    network = from_onnx(made)
    assert network.shape == (7, 6, 2)
    x = np.random.default_rng(5).standard_normal((2, 7, 6, 2)).astype(np.float32)
    plain = model([node("Conv", "x", "w")], ("N", 2, 7, 6), w=CONSTANTS["w"])
    np.testing.assert_allclose(values(network, x)[network.result], wanted(plain, x), atol=1e-5)


def test_vectors() -> None:
    made = model([node("Gemm", "x", "w", "b"), node("Relu", "gemm")], ("N", 5), w=real(5, 3), b=real(3))
    network = from_onnx(made)
    assert network.shape == (1, 1, 5)
    x = np.random.default_rng(5).standard_normal((4, 1, 1, 5)).astype(np.float32)
    np.testing.assert_allclose(values(network, x)[network.result], wanted(made, x[:, 0, 0]), atol=1e-6)


# -- quantised --


def qdq() -> Any:
    """Weights by channel, activations by tensor, an int32 bias; sums are exact, for scales are powers of two."""
    integers = np.random.default_rng(6)
    arrays: dict[str, Any] = {
        "w": integers.integers(-128, 128, (3, 2, 3, 3)).astype(np.int8),
        "ws": np.array([2.0**-6, 2.0**-7, 2.0**-8], np.float32),
        "wz": np.zeros(3, np.int8),
        "b": integers.integers(-900, 900, 3).astype(np.int32),
        "bs": np.array([2.0**-10, 2.0**-11, 2.0**-12], np.float32),
        "xs": np.float32(2**-4),
        "xz": np.int8(0),
        "ys": np.float32(2**-3),
        "yz": np.uint8(0),
    }
    nodes = [
        node("QuantizeLinear", "x", "xs", "xz", name="xq"),
        node("DequantizeLinear", "xq", "xs", "xz", name="xd"),
        node("DequantizeLinear", "w", "ws", "wz", name="wd", axis=0),
        node("DequantizeLinear", "b", "bs", name="bd", axis=0),
        node("Conv", "xd", "wd", "bd"),
        node("Relu", "conv"),
        node("QuantizeLinear", "relu", "ys", "yz", name="yq"),
        node("MaxPool", "yq", kernel_shape=[2, 2], strides=[2, 2]),
        node("DequantizeLinear", "maxpool", "ys", "yz", name="yd"),
    ]
    return model(nodes, **arrays)


def test_qdq() -> None:
    network = check(qdq())
    grids = [n for n in network.nodes if isinstance(n, Grid)]
    assert [(g.lsb, g.low, g.high) for g in grids] == [(2**-4, -128, 127), (2**-3, 0, 255)]
    (conv,) = (n for n in network.nodes if isinstance(n, Conv))
    steps = conv.weight / np.array([2.0**-6, 2.0**-7, 2.0**-8])
    assert (steps == np.rint(steps)).all()
    assert np.abs(steps).max() > 100


def quant(x: str, scale: str, bits: str, name: str, **said: Any) -> Any:
    return node("Quant", x, scale, "zero", bits, name=name, domain="qonnx.custom_op.general", **said)


def test_qonnx() -> None:
    arrays: dict[str, Any] = {
        "w": real(3, 2, 3, 3),
        "ws": np.full((3, 1, 1, 1), 2.0**-4, np.float32),
        "xs": np.float32(2**-2),
    }
    arrays |= {
        "zero": np.float32(0),
        "four": np.float32(4),
        "eight": np.float32(8),
        "ys": np.array([2**-4], np.float32),
    }
    arrays["ws"][1] /= 2
    nodes = [
        quant("x", "xs", "eight", "xq", signed=1, narrow=0, rounding_mode="ROUND"),
        quant("w", "ws", "four", "wq", signed=1, narrow=1, rounding_mode="ROUND"),
        node("Conv", "xq", "wq"),
        node("Relu", "conv"),
        quant("relu", "ys", "four", "yq", signed=0, narrow=0, rounding_mode="ROUND"),
    ]
    made = model(nodes, (1, 2, 6, 6), **arrays)
    network = from_onnx(made)
    grids = [n for n in network.nodes if isinstance(n, Grid)]
    assert [(g.lsb, g.low, g.high) for g in grids] == [(2**-2, -128, 127), (2**-4, 0, 15)]
    # Its executor needs an ONNX Runtime of the same age as onnx, so its function is called here, node by node.
    general = pytest.importorskip("qonnx.custom_op.general.quant").quant
    x = np.random.default_rng(5).standard_normal((3, 6, 6, 2)).astype(np.float32)
    eight, four = np.float32(8), np.float32(4)
    weight = general(arrays["w"], arrays["ws"], arrays["zero"], four, True, True, "ROUND")
    middle = model([node("Conv", "x", "w"), node("Relu", "conv")], w=weight.astype(np.float32))
    found = wanted(middle, general(x, arrays["xs"], arrays["zero"], eight, True, False, "ROUND").astype(np.float32))
    found = general(found, arrays["ys"], arrays["zero"], four, False, False, "ROUND")
    np.testing.assert_allclose(values(network, x)[network.result], found, atol=1e-6)


@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize("signed", [False, True])
def test_quant_as_qonnx_has_it(signed: bool, narrow: bool) -> None:
    general = pytest.importorskip("qonnx.custom_op.general.quant")
    x = np.random.default_rng(7).normal(0, 3, (20, 7)).astype(np.float32)
    scale, zero, bits = np.float32(0.25) * (1 + np.arange(7, dtype=np.float32)), np.float32(0), np.float32(5)
    other = general.quant(x, scale, zero, bits, signed, narrow, "ROUND")
    found = quantized(x, scale, np.asarray(zero), quant_limits(5, signed, narrow))
    np.testing.assert_array_equal(found, other)


# -- refused --


def changed(made: Any, name: str, array: Any) -> Any:
    """The model with another stored array."""
    for k, one in enumerate(made.graph.initializer):
        if one.name == name:
            made.graph.initializer[k].CopyFrom(onnx.numpy_helper.from_array(np.asarray(array), name))
    return made


W = CONSTANTS["w"]
REFUSED: dict[str, tuple[Any, str]] = {
    "softmax": (model([node("Softmax", "x")]), r"^node softmax \(Softmax\): it is not mapped; docs/networks.md lists"),
    "group": (model([node("Conv", "x", "w", group=2)], w=real(2, 1, 3, 3)), r"\(Conv\): group = 2; 1 would do$"),
    "dilations": (
        model([node("Conv", "x", "w", dilations=[2, 2])], w=W),
        r"\(Conv\): dilations = \[2, 2\]; 1 would do$",
    ),
    "pads": (
        model([node("Conv", "x", "w", pads=[0, 0, 1, 1])], w=W),
        r"it pads \(0, 1\) rows .* before as behind would",
    ),
    "same": (model([node("Conv", "x", "w", auto_pad="SAME_UPPER", strides=[2, 2])], w=W), r"it pads \(0, 1\) rows"),
    "one image": (model([node("Conv", "w", "x")], w=W), r"its weight is computed of the image; a constant would do"),
    "training": (
        model([node("BatchNormalization", "x", *["v"] * 4, training_mode=1)], v=1 + real(2)),
        "training_mode = 1; 0, stored statistics, would do",
    ),
    "pool": (model([node("MaxPool", "x", kernel_shape=[3, 3], strides=[1, 1])]), "equal ones would do"),
    "uneven": (
        model([node("MaxPool", "x", kernel_shape=[4, 4], strides=[4, 4], name="/p/Max")]),
        r"^node /p/Max \(MaxPool\): windows of 4 x 4 do not tile 6 x 6 pixels$",
    ),
    "matmul": (
        model([node("MatMul", "x", "w")], w=real(6, 6)),
        r"it takes an image of \(2, 6, 6\); a vector, by a flat",
    ),
    "axes": (
        model([node("ReduceMean", "x", axes=[1])]),
        r"it is over the axes \[1\]; rows and columns, 2 and 3, would",
    ),
    "constant": (
        model([node("Mul", "x", "w")], w=real(2, 6, 6)),
        r"its constant is \(2, 6, 6\); one, or one for each of 2",
    ),
    "first": (model([node("Sub", "w", "x")], w=real(1)), "its first input is constant; the image first would do"),
    "reshape": (
        model([node("Reshape", "x", "s")], s=np.array([0, 2, 36])),
        r"it makes another shape of \(2, 6, 6\) than",
    ),
    "slice": (
        model([node("Slice", "x", "s", "e")], s=np.array([0, 1]), e=np.array([9, 9])),
        r"\(Slice\): it takes a part of an image; every n-th row and column would do",
    ),
    "rows": (
        model(
            [node("Slice", "x", "starts1", "ends1", "axes2", "steps1"), node("Relu", "slice")],
            **{key: CONSTANTS[key] for key in ("starts1", "ends1", "axes2", "steps1")},
        ),
        r"node relu \(Relu\): it takes every n-th row and not column; every n-th row and column would do",
    ),
    "pad": (model([node("Pad", "x", "p")], p=np.array([0, 0, 1, 1, 0, 0, 1, 1])), "it pads more than channels; zeros"),
    "unknown": (model([node("Relu", "y")]), r"node relu \(Relu\): it takes y, which nothing before it gives"),
    "size": (
        model([node("Relu", "x")], ("N", 3, "H", 6)),
        r"the input x is \(\?, 3, \?, 6\); \(\?, channels, height, wid",
    ),
    "zero point": (
        changed(qdq(), "yz", np.uint8(3)),
        r"node yq \(QuantizeLinear\): its zero point is 3; 0, a symmetric",
    ),
    "scales": (
        changed(qdq(), "xs", real(2)),
        r"node xq \(QuantizeLinear\): its scale is \(2,\), one a channel; one for",
    ),
    "integers": (
        model(
            [node("QuantizeLinear", "x", "s", "z", name="q"), node("Relu", "q")],
            s=np.ones(1, np.float32),
            z=np.zeros(1, np.int8),
        ),
        r"node relu \(Relu\): it computes with integers; a DequantizeLinear before it \(QDQ\) would do",
    ),
    "other scale": (
        model(
            [node("QuantizeLinear", "x", "s", name="q"), node("DequantizeLinear", "q", "t", name="d")],
            s=np.ones(1, np.float32),
            t=np.full(1, 2, np.float32),
        ),
        r"node d \(DequantizeLinear\): its scale is not that of the QuantizeLinear before it",
    ),
    "rounding": (
        model(
            [quant("x", "s", "b", "q", rounding_mode="FLOOR")],
            s=np.ones(1, np.float32),
            b=np.full(1, 4, np.float32),
            zero=np.zeros(1, np.float32),
        ),
        r"node q \(Quant\): rounding_mode = FLOOR; ROUND would do",
    ),
    "bits": (
        model([quant("x", "s", "b", "q")], s=np.ones(1, np.float32), b=np.ones(1, np.float32), zero=np.zeros(1)),
        r"node q \(Quant\): its bit width is 1; 2 to 32 would do",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_in_one_line(name: str) -> None:
    made, message = REFUSED[name]
    with pytest.raises(ValueError, match=message) as caught:
        from_onnx(made)
    assert "\n" not in str(caught.value)


def test_files_that_are_none(tmp_path: Path) -> None:
    bad = tmp_path / "bad.onnx"
    bad.write_bytes(b"\xff\xff not a model")
    with pytest.raises(ValueError, match=r"bad\.onnx is no ONNX model"):
        from_onnx(bad)
    bad.write_bytes(b"")
    with pytest.raises(ValueError, match=r"bad\.onnx is no ONNX model, or has no node"):
        from_onnx(bad)
    with pytest.raises(FileNotFoundError):
        from_onnx(tmp_path / "none.onnx")


def test_a_given_shape() -> None:
    made = model([node("Relu", "x")], ("N", 3, "H", "W"))
    assert from_onnx(made, shape=(5, 4, 3)).shape == (5, 4, 3)
