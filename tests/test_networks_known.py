"""The networks that are known: their accuracy where the data is, their structure everywhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from flows.networks.known import resnet9, resnet32
from flows.networks.train import classes
from golden.network import Add, Clip, Conv, Network, Shortcut, shapes, values

SHARED = Path(__file__).parents[2] / "shared" / "data"
HERE = pytest.mark.skipif(not SHARED.is_dir(), reason=f"no {SHARED}")


def block(key: str, inputs: int, outputs: int) -> dict[str, tuple[int, ...]]:
    norm = {f"{key}.1.{part}": (outputs,) for part in ("weight", "bias", "running_mean", "running_var")}
    return {f"{key}.0.weight": (outputs, inputs, 3, 3), **norm}


def random_weights(shapes_of: dict[str, tuple[int, ...]], inputs: int, outputs: int) -> dict[str, NDArray[Any]]:
    rng = np.random.default_rng(1)
    ends = {"fc.weight": (outputs, inputs), "fc.bias": (outputs,), "input_mean": (3,), "input_std": (3,)}
    found = {k: rng.uniform(-0.2, 0.2, s).astype(np.float32) for k, s in {**shapes_of, **ends}.items()}
    return {k: np.abs(v) + 0.5 if k.endswith(("_var", "_std")) else v for k, v in found.items()}


def small_resnet9() -> dict[str, NDArray[Any]]:
    widths = {"prep": (3, 4), "l1": (4, 5), "r1a": (5, 5), "r1b": (5, 5)}
    widths |= {"l2": (5, 6), "l3": (6, 7), "r3a": (7, 7), "r3b": (7, 7)}
    return random_weights({k: v for key, (i, o) in widths.items() for k, v in block(key, i, o).items()}, 7, 3)


def small_resnet32() -> dict[str, NDArray[Any]]:
    found, inputs = block("stem", 3, 4), 4
    for k in range(15):
        outputs = (4, 7, 10)[k // 5]
        found |= {**block(f"blocks.{k}.a", inputs, outputs), **block(f"blocks.{k}.b", outputs, outputs)}
        inputs = outputs
    return random_weights(found, 10, 6)


def test_resnet9_adds_behind_the_relu() -> None:
    network = resnet9(small_resnet9())
    found = {node.name: node for node in network.nodes}
    assert [n for n in found if isinstance(found[n], Add)] == ["r1", "r3"]
    assert (found["r1"].first, found["r1"].second) == ("l1.pool", "r1b.relu")  # type: ignore[union-attr]
    assert shapes(network)["r3"] == (4, 4, 7)
    assert shapes(network)[network.result] == (1, 1, 3)


def test_resnet32_shortcuts() -> None:
    network = resnet32(small_resnet32())
    cuts = [node for node in network.nodes if isinstance(node, Shortcut)]
    assert [(c.name, c.stride, c.before, c.behind) for c in cuts] == [
        ("blocks.5.shortcut", 2, 1, 2),
        ("blocks.10.shortcut", 2, 1, 2),
    ]
    found = {node.name: node for node in network.nodes}
    last = found["blocks.14.relu"]
    assert isinstance(last, Clip)
    assert last.source == "blocks.14.add"
    assert sum(isinstance(n, Conv) for n in network.nodes) == 32
    assert shapes(network)["blocks.14.relu"] == (8, 8, 10)


def test_a_block_is_convolution_then_batch_norm() -> None:
    weights = small_resnet9()
    network = resnet9(weights)
    images = np.random.default_rng(2).integers(0, 256, (1, 32, 32, 3), np.uint8)
    found = values(network, network.prepared(images).astype(np.float64))
    x = np.pad(found["input"], ((0, 0), (1, 1), (1, 1), (0, 0)))[0, 4:7, 9:12]  # what pixel (4, 9) sees
    sums = np.einsum("ijc,ocij->o", x, weights["prep.0.weight"].astype(np.float64))
    gamma, beta, mean, variance = (
        weights[f"prep.1.{part}"].astype(np.float64) for part in ("weight", "bias", "running_mean", "running_var")
    )
    wanted = np.maximum((sums - mean) / np.sqrt(variance + 1e-5) * gamma + beta, 0)
    np.testing.assert_allclose(found["prep.relu"][0, 4, 9], wanted, rtol=1e-10)


def modules(torch: Any, weights: dict[str, NDArray[Any]]) -> Callable[[str, Any, int], Any]:
    """A function that computes convolution and batch norm of a key with PyTorch."""
    given = {key: torch.from_numpy(value) for key, value in weights.items()}

    def block(key: str, x: Any, stride: int = 1) -> Any:
        x = torch.nn.functional.conv2d(x, given[f"{key}.0.weight"], stride=stride, padding=1)
        names = ("running_mean", "running_var", "weight", "bias")
        return torch.nn.functional.batch_norm(x, *(given[f"{key}.1.{name}"] for name in names))

    return block


def test_resnet9_is_that_of_pytorch() -> None:
    """Written from the README of the data once more, in other words."""
    torch, weights = pytest.importorskip("torch"), small_resnet9()
    block, pool, relu = modules(torch, weights), torch.nn.functional.max_pool2d, torch.relu
    images = np.random.default_rng(3).integers(0, 256, (2, 32, 32, 3), np.uint8)
    network = resnet9(weights)
    x = torch.from_numpy(np.ascontiguousarray(network.prepared(images).transpose(0, 3, 1, 2)))
    x = pool(relu(block("l1", relu(block("prep", x, 1)), 1)), 2)
    x = x + relu(block("r1b", relu(block("r1a", x, 1)), 1))
    x = pool(relu(block("l3", pool(relu(block("l2", x, 1)), 2), 1)), 2)
    x = x + relu(block("r3b", relu(block("r3a", x, 1)), 1))
    wanted = x.amax((2, 3)).numpy() @ weights["fc.weight"].T + weights["fc.bias"]
    found = values(network, network.prepared(images))[network.result][:, 0, 0]
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)


def test_resnet32_is_that_of_pytorch() -> None:
    torch, weights = pytest.importorskip("torch"), small_resnet32()
    block, relu = modules(torch, weights), torch.relu
    images = np.random.default_rng(3).integers(0, 256, (2, 32, 32, 3), np.uint8)
    network = resnet32(weights)
    x = torch.from_numpy(np.ascontiguousarray(network.prepared(images).transpose(0, 3, 1, 2)))
    x = relu(block("stem", x, 1))
    for k in range(15):
        stride = 2 if k in (5, 10) else 1
        y = block(f"blocks.{k}.b", relu(block(f"blocks.{k}.a", x, stride)), 1)
        if stride == 2:  # by hand: zeros, every second pixel, zeros
            more = y.shape[1] - x.shape[1]
            cut = torch.zeros_like(y)
            cut[:, more // 2 : more // 2 + x.shape[1]] = x[:, :, ::2, ::2]
            x = cut
        x = relu(x + y)
    wanted = x.mean((2, 3)).numpy() @ weights["fc.weight"].T + weights["fc.bias"]
    found = values(network, network.prepared(images))[network.result][:, 0, 0]
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("build", "weights"), [(resnet9, small_resnet9()), (resnet32, small_resnet32())])
def test_what_lacks_is_named(build: Callable[..., Network], weights: dict[str, NDArray[Any]]) -> None:
    key = list(weights)[7]
    with pytest.raises(ValueError, match=rf"the weights have no {key}; the state dictionary of this architecture has"):
        build({k: v for k, v in weights.items() if k != key})
    with pytest.raises(ValueError, match=r"0\.weight has shape \(2, 2\), not \(outputs, inputs, 3, 3\)"):
        build({**weights, next(iter(weights)): np.ones((2, 2))})
    with pytest.raises(ValueError, match=r"fc\.weight has shape \(2,\), not \(outputs, inputs\)"):
        build({**weights, "fc.weight": np.ones(2)})


@HERE
@pytest.mark.parametrize(
    ("build", "stored", "images", "count", "least"),
    [
        pytest.param(resnet9, "resnet9_cifar10", "cifar10", 50, 0.86),
        pytest.param(resnet32, "resnet32_cifar100", "cifar100", 50, 0.6),
        pytest.param(resnet9, "resnet9_cifar10", "cifar10", 1000, 0.89, marks=pytest.mark.deep),
        pytest.param(resnet32, "resnet32_cifar100", "cifar100", 1000, 0.67, marks=pytest.mark.deep),
    ],
)
def test_accuracy(build: Callable[..., Network], stored: str, images: str, count: int, least: float) -> None:
    """Of all 5,000: 90.18 % and 67.82 %."""
    network = build(np.load(SHARED / f"{stored}.npz"))
    data = np.load(SHARED / f"{images}.npz")
    right = [
        (classes(network, data["x_test"][k : k + 50]) == data["y_test"][k : k + 50]).mean() for k in range(0, count, 50)
    ]
    assert np.mean(right) >= least
