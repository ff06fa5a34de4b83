"""Networks and images in files: what is written comes back, what is wrong is named in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from flows.networks.data import Data, load_data, read_arrays
from flows.networks.digits import untrained
from flows.networks.extras import extra
from flows.networks.load import load_network
from flows.networks.plain import load_plain, plain_arrays, save_plain
from golden.network import Add, Clip, Conv, Flatten, Grid, Network, Norm, Pool, Shortcut, values

from .test_networks_known import small_resnet9

RNG = np.random.default_rng(8)


def real(*shape: int) -> NDArray[np.float64]:
    return RNG.uniform(-1, 1, shape)


def every_kind() -> Network:
    nodes = (
        Grid("/in/Quant", "input", 0.25, -8, 7),
        Conv("network", "/in/Quant", real(3, 3, 2, 4), real(4).astype(np.float32), (1, 2), (1, 0)),
        Norm("norm", "network", real(4), real(4)),
        Clip("clip", "norm", -1.0),
        Clip("six", "norm", 0.0, 6.0),
        Add("add", "clip", "six"),
        Shortcut("short", "add", 2, 1, 0),
        Pool("pool", "short", "average", (3, 1)),
        Pool("whole", "pool", "max"),
        Flatten("flat", "whole"),
        Conv("fc", "flat", real(1, 1, 5, 3).astype(np.float16)),
    )
    return Network("all", (6, 5, 2), nodes, (1.5, 2.5), (3.0,))


def test_every_kind_comes_back(tmp_path: Path) -> None:
    network, file = every_kind(), tmp_path / "all.npz"
    save_plain(network, file)
    again = load_plain(file)
    assert (again.name, again.shape, again.mean, again.deviation) == ("all", (6, 5, 2), (1.5, 2.5), (3.0,))
    for one, other in zip(network.nodes, again.nodes, strict=True):
        assert type(one) is type(other)
        for key, value in vars(one).items():
            found = getattr(other, key)
            assert type(value) is type(found), (one.name, key)
            if isinstance(value, np.ndarray):
                assert value.dtype == found.dtype
                np.testing.assert_array_equal(value, found)
            else:
                assert value == found
    x = RNG.standard_normal((2, 6, 5, 2))
    np.testing.assert_array_equal(values(network, x)["fc"], values(again, x)["fc"])
    save_plain(again, tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == file.read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["again.npz", "all.npz"]


def test_written_with_numpy_alone(tmp_path: Path) -> None:
    nodes = [
        {"op": "conv", "name": "c", "source": "input", "padding": [1, 1]},
        {"op": "clip", "name": "r", "source": "c"},
    ]
    header = json.dumps({"name": "mine", "shape": [4, 4, 1], "nodes": nodes})
    arrays: dict[str, Any] = {"network": np.array(header), "c.weight": np.ones((3, 3, 1, 2), np.int64)}
    np.savez(tmp_path / "mine.npz", **arrays)
    network = load_plain(tmp_path / "mine.npz")
    assert values(network, np.ones((1, 4, 4, 1)))["r"][0, 0, 0].tolist() == [4, 4]


def header(**changes: Any) -> dict[str, Any]:
    """Arrays of a small network, whose header or only node has other fields."""
    node = {"op": "conv", "name": "c", "source": "input"}
    top: dict[str, Any] = {"name": "n", "shape": [4, 4, 1], "nodes": [node]}
    for key, value in changes.items():
        (top if key in ("shape", "nodes", "mean") else node)[key] = value
    return {"network": np.array(json.dumps(top)), "c.weight": np.ones((3, 3, 1, 2))}


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.ones(2)}, r"no network; a string of JSON with name, shape and nodes, docs/networks\.md, would do"),
        ({"network": np.array("{")}, "network is not JSON: Expecting property name"),
        ({"network": np.array("[1]")}, "network is not an object with name, shape and nodes"),
        (header(shape=[4, 4]), r"shape = \[4, 4\]: \[height, width, channels\], each 1 or more, would do"),
        (header(mean="a"), 'mean = "a": a list of numbers would do'),
        (header(nodes=3), "nodes = 3: a list of objects would do"),
        (header(nodes=["c"]), 'a node is "c"; an object with op, name and source would do'),
        (header(op="lstm"), "node c has op = lstm; conv, norm, clip, add, pool, shortcut, flatten, grid would do"),
        (
            header(strid=[1, 1]),
            "node c, a conv, has no field strid; bias, name, padding, source, stride, weight would do",
        ),
        (header(stride=[0, 1]), r"node c has stride = \[0, 1\]; two numbers, of rows and columns, would do"),
        (header(stride=2), r"node c has stride = 2; two numbers, of rows and columns, would do"),
        (header(weight=[1, 2]), r"node c has weight = \[1, 2\]; docs"),
        (header(source=3), "node c has source = 3; docs/networks.md says what would do"),
        (header(source="d"), "node c takes d, which no node before it is called"),
        ({"network": header()["network"]}, r"node c, a conv, lacks the array c\.weight"),
        ({**header(), "c.weight": np.array(["a"])}, r"the array c\.weight is <U1; real numbers would do"),
        (header(nodes=[{"op": "add", "name": "a", "first": "input"}]), "node a, a add, lacks second"),
        (
            header(nodes=[{"op": "pool", "name": "a", "source": "input", "kind": "sum"}]),
            'node a has kind = "sum"; docs',
        ),
        (header(nodes=[]), "the network n has no node"),
    ],
)
def test_descriptions_that_are_refused(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises(ValueError, match=rf"bad\.npz: {message}") as caught:
        load_plain(tmp_path / "bad.npz")
    assert "\n" not in str(caught.value)


# -- images --


def images(**changes: Any) -> dict[str, Any]:
    plain = {
        "x_train": np.zeros((3, 4, 4, 1), np.uint8),
        "y_train": np.array([0, 1, 1]),
        "x_test": np.ones((2, 4, 4, 1), np.uint8),
        "y_test": np.array([0, 1], np.uint8),
    }
    return {k: v for k, v in {**plain, **changes}.items() if v is not None}


def test_images(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", **images())
    data = load_data(tmp_path / "d.npz")
    assert (data.shape, data.classes, str(data.y_test.dtype)) == ((4, 4, 1), 2, "int64")
    renamed = {k.replace("train", "calib"): v for k, v in images().items()}
    np.savez(tmp_path / "c.npz", **renamed)
    assert load_data(tmp_path / "c.npz").y_train.tolist() == [0, 1, 1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x_train": None}, "has no x_train or x_calib; it has y_train, x_test, y_test"),
        ({"y_test": None}, "has no y_test; it has x_train, y_train, x_test"),
        (
            {"x_test": np.zeros((2, 4, 4, 1))},
            r"x_test is float64 \(2, 4, 4, 1\); uint8 \(images, height, width, channels\)",
        ),
        ({"x_test": np.zeros((2, 4, 4), np.uint8)}, r"x_test is uint8 \(2, 4, 4\); uint8 \(images, height"),
        ({"x_test": np.zeros((0, 4, 4, 1), np.uint8)}, r"x_test is uint8 \(0, 4, 4, 1\); .* none 0, would do"),
        (
            {"x_test": np.zeros((2, 5, 4, 1), np.uint8)},
            r"images of \(4, 4, 1\), x_test of \(5, 4, 1\); one shape would do",
        ),
        ({"y_test": np.zeros(3, int)}, r"y_test is int64 \(3,\); integers \(2,\), one an image, would do"),
        ({"y_train": np.zeros(3)}, r"y_train is float64 \(3,\); integers \(3,\), one an image, would do"),
        ({"y_train": np.array([0, -1, 2])}, "y_train has the label -1; labels from 0 would do"),
    ],
)
def test_images_that_are_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    file = tmp_path / "d.npz"
    np.savez(file, **images(**changes))
    with pytest.raises(ValueError, match=message) as caught:
        load_data(file)
    assert str(caught.value).startswith(str(file))
    assert "\n" not in str(caught.value)


def test_files_that_are_no_npz(tmp_path: Path) -> None:
    file = tmp_path / "d.npz"
    for content in (b"", b"text", b"PK\x03\x04broken"):
        file.write_bytes(content)
        with pytest.raises(ValueError, match=rf"{file} is no \.npz of plain arrays \(.*\); numpy\.savez writes one"):
            load_data(file)
    np.savez(file, x_train=np.array([{}], object))
    with pytest.raises(ValueError, match=r"is no \.npz of plain arrays"):
        load_data(file)
    with file.open("wb") as stream:
        np.save(stream, np.ones(3))
    with pytest.raises(ValueError, match=r"is no \.npz of plain arrays \(it is one array\)"):
        load_data(file)
    with pytest.raises(FileNotFoundError):
        load_data(tmp_path / "none.npz")


# -- by the words of a command --


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    np.savez(
        tmp_path / "d.npz", **images(x_train=np.zeros((3, 8, 8, 1), np.uint8), x_test=np.ones((2, 8, 8, 1), np.uint8))
    )
    cifar = {"x_train": np.zeros((3, 32, 32, 3), np.uint8), "x_test": np.ones((2, 32, 32, 3), np.uint8)}
    np.savez(tmp_path / "cifar.npz", **images(**cifar))
    weights: dict[str, Any] = small_resnet9()
    np.savez(tmp_path / "w.npz", **weights)
    save_plain(untrained(), tmp_path / "net.npz")
    (tmp_path / "net.py").write_text(
        "import torch\n"
        "from flows.networks.digits import untrained\n"
        "def make():\n"
        "    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10))\n"
        "def network():\n"
        "    return untrained()\n"
        "def number():\n"
        "    return 3\n"
        "def wrong():\n"
        "    return 1 / 0\n"
    )
    return tmp_path


def test_words(stored: Path) -> None:
    data = stored / "d.npz"
    found = load_network(str(stored / "net.npz"), stored, data=data)
    assert (found.network.name, found.data.classes) == ("digits", 2)
    assert load_network(str(stored / "net.npz"), stored, data=data, mean=[3.0], deviation=[2.0]).network.mean == (3.0,)
    found = load_network("resnet9", stored, weights=stored / "w.npz", data=stored / "cifar.npz")
    assert found.network.name == "resnet9"
    assert load_network(f"{stored / 'net.py'}:network", stored, data=data).network.name == "digits"


def test_words_of_torch(stored: Path) -> None:
    torch = pytest.importorskip("torch")
    data, made = stored / "d.npz", f"{stored / 'net.py'}:make"
    weight, bias = np.arange(640, dtype=np.float32).reshape(10, 64), np.ones(10, np.float32)
    state: dict[str, Any] = {"1.weight": weight, "1.bias": bias}
    np.savez(stored / "s.npz", **state)
    torch.save({"1.weight": torch.from_numpy(weight), "1.bias": torch.from_numpy(bias)}, stored / "s.pt")
    for file in ("s.npz", "s.pt"):
        conv = load_network(made, stored, weights=stored / file, data=data).network.nodes[-1]
        assert isinstance(conv, Conv)
        np.testing.assert_array_equal(conv.weight[0, 0].T, weight)
    with pytest.raises(ValueError, match=r"net\.py:number returns a int; a torch\.nn\.Module or a Network would do"):
        load_network(f"{stored / 'net.py'}:number", stored, data=data)
    with pytest.raises(ValueError, match=r"net\.py:make fails with RuntimeError: Error\(s\) in loading state_dict"):
        load_network(made, stored, weights=stored / "w.npz", data=data)


@pytest.mark.parametrize(
    ("what", "options", "message"),
    [
        ("digits", {"weights": "w.npz"}, "--weights is not for digits, which has its own; another network would do"),
        ("resnet9", {}, r"resnet9 needs images; --data FILE\.npz with x_train, y_train, x_test and y_test would do"),
        ("resnet9", {"data": "d.npz"}, r"resnet9 needs its weights; --weights FILE\.npz would do"),
        ("resnet9", {"data": "d.npz", "weights": "d.npz"}, r"d\.npz: the weights have no prep\.0\.weight"),
        (
            "resnet9",
            {"data": "d.npz", "weights": "w.npz"},
            r"resnet9 takes images of \(32, 32, 3\), .* has \(8, 8, 1\)",
        ),
        ("resnet18", {"data": "d.npz"}, r"resnet18 is no network; digits, resnet9, resnet32, FILE\.onnx, FILE\.npz or"),
        ("{}/net.npz", {"data": "d.npz", "weights": "w.npz"}, r"--weights is not for .*net\.npz, which has its own"),
        ("{}/net.npz", {"data": "d.npz", "mean": [1, 2]}, "mean has 2 values, not 1 or one for each of 1 channels"),
        ("{}/net.npz", {"data": "many.npz"}, r"gives 1 x 1 x 10 results, .*many\.npz has 12 classes"),
        ("{}/net.py:wrong", {"data": "d.npz"}, r"net\.py:wrong fails with ZeroDivisionError: division by zero"),
        ("{}/net.py:lost", {"data": "d.npz"}, r"net\.py:lost fails with AttributeError: module 'net' has no attribute"),
        ("{}/net.py:network", {"data": "d.npz", "weights": "w.npz"}, r"--weights is not for .*net\.py:network, which"),
    ],
)
def test_words_that_are_refused(stored: Path, what: str, options: dict[str, Any], message: str) -> None:
    x = {"x_train": np.zeros((3, 8, 8, 1), np.uint8), "x_test": np.ones((2, 8, 8, 1), np.uint8)}
    np.savez(stored / "many.npz", **images(**x, y_test=np.array([1, 11])))
    given: dict[str, Any] = {k: stored / v if isinstance(v, str) else v for k, v in options.items()}
    with pytest.raises(ValueError, match=message) as caught:
        load_network(what.format(stored), stored, **given)
    assert "\n" not in str(caught.value)


def test_a_library_that_is_missing() -> None:
    with pytest.raises(ValueError, match=r"^this needs no_such_library; pip install 'nmpu-hdl\[onnx\]' would do$"):
        extra("no_such_library.part", "onnx")


def test_data_is_checked_where_it_is_made() -> None:
    with pytest.raises(ValueError, match=r"x_train is int64"):
        Data(**images(x_train=np.zeros((3, 4, 4, 1), np.int64)))


def test_names_of_arrays() -> None:
    assert list(plain_arrays(untrained()))[:3] == ["network", "stem.conv.weight", "stem.conv.bias"]


def test_a_damaged_archive(tmp_path: Path) -> None:
    """Its directory is intact, what is compressed in it is not."""
    file = tmp_path / "x.npz"
    np.savez_compressed(file, x=np.random.default_rng(1).integers(0, 9, 4000))
    raw = bytearray(file.read_bytes())
    for place in range(200, 240):
        raw[place] ^= 0xFF
    file.write_bytes(raw)
    with pytest.raises(ValueError, match=r"x.npz is no .npz of plain arrays"):
        read_arrays(file)


def test_a_file_that_prints_leaves_and_imports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "beside.py").write_text("NAME = 'beside'\n")
    lines = ["import sys", "from beside import NAME", "print(NAME)"]
    lines += ["def leaves():", "    sys.exit(0)", "def number():", "    return 3"]
    (tmp_path / "net.py").write_text("\n".join(lines))
    rng = np.random.default_rng(1)
    x, y = rng.integers(0, 256, (8, 4, 4, 3), dtype=np.uint8), np.arange(8) % 2
    np.savez(tmp_path / "data.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    for function, says in (("leaves", "fails with SystemExit"), ("number", "returns a int")):
        with pytest.raises(ValueError, match=says):
            load_network(f"{tmp_path / 'net.py'}:{function}", tmp_path, data=tmp_path / "data.npz")
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "beside" in shown.err
