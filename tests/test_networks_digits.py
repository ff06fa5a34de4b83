"""The network on digits: its gradients are right, training repeats itself, and what is kept is not trained again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from flows.networks import train as training
from flows.networks.digits import SCHEDULE, digits, digits_data, untrained
from flows.networks.train import Schedule, classes, gradients, loss, train
from golden.network import Conv, Network, Shortcut, shapes

SHORT = Schedule(epochs=2)


def with_weight(network: Network, name: str, weight: np.ndarray, bias: np.ndarray) -> Network:
    nodes = (
        replace(n, weight=weight, bias=bias) if isinstance(n, Conv) and n.name == name else n for n in network.nodes
    )
    return replace(network, nodes=tuple(nodes))


def test_gradients_are_the_differences_of_the_loss() -> None:
    rng, data, network = np.random.default_rng(5), digits_data(), untrained(3)
    # Noise on the pixels: where black borders meet biases of 0, ReLU is at its kink.
    x, labels = network.prepared(data.x_train[:3]).astype(np.float64), data.y_train[:3]
    x += rng.normal(0, 0.1, x.shape)
    found = gradients(network, x, labels)
    layers = [node for node in network.nodes if isinstance(node, Conv)]
    assert list(found) == [node.name for node in reversed(layers)]
    for node in layers:
        assert node.bias is not None
        for _ in range(3):
            at, column = tuple(rng.integers(0, node.weight.shape)), int(rng.integers(len(node.bias)))
            for part, place, slope in ((0, at, found[node.name][0][at]), (1, (column,), found[node.name][1][column])):
                ends = []
                for step in (1e-6, -1e-6):
                    arrays = [node.weight.astype(np.float64), node.bias.astype(np.float64)]
                    arrays[part][place] += step
                    ends.append(loss(with_weight(network, node.name, *arrays), x, labels))
                assert slope == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-4, abs=1e-8), (node.name, part)


def test_a_short_training_repeats_itself_and_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    first = digits(tmp_path, SHORT, said.append)
    (file,) = tmp_path.iterdir()
    content = file.read_bytes()
    digits(tmp_path / "other", SHORT)
    assert (tmp_path / "other" / file.name).read_bytes() == content
    with monkeypatch.context() as patch:
        patch.setattr(training, "gradients", lambda *_: pytest.fail("trained again"))
        again = digits(tmp_path, SHORT, said.append)
    assert said == ["train the network on digits"]
    assert (classes(first.network, first.data.x_test) == first.data.y_test).mean() > 0.75
    assert (classes(again.network, first.data.x_test) == classes(first.network, first.data.x_test)).all()
    digits(tmp_path, replace(SHORT, epochs=1))
    assert len(list(tmp_path.iterdir())) == 3  # two networks and the folder "other"


def test_shape_of_network_and_data() -> None:
    data, network = digits_data(), untrained()
    assert (data.x_train.shape, data.x_test.shape) == ((1198, 8, 8, 1), (599, 8, 8, 1))
    assert data.classes == 10
    rows = [np.prod(node.weight.shape[:3]) for node in network.nodes if isinstance(node, Conv)]
    assert max(rows) > 256  # two row blocks
    assert shapes(network)[network.result] == (1, 1, 10)
    images = np.concatenate([data.x_train, data.x_test]).reshape(1797, -1)
    assert len(np.unique(images, axis=0)) == 1797  # none is in both


def test_what_is_not_trained_is_refused() -> None:
    network = untrained()
    odd = replace(network, nodes=(*network.nodes, Shortcut("s", network.result)))
    with pytest.raises(ValueError, match="node s is a Shortcut, which is not trained here"):
        train(odd, digits_data().x_train[:8], digits_data().y_train[:8], replace(SHORT, batch=8))


@pytest.mark.deep
def test_the_whole_training(tmp_path: Path) -> None:
    """99.5 % of the held-out images, and little less with noise on the weights."""
    rng = np.random.default_rng(7)
    network, data = digits(tmp_path, SCHEDULE)
    assert (classes(network, data.x_test) == data.y_test).mean() >= 0.985
    for _ in range(3):
        noisy = network
        for node in (n for n in network.nodes if isinstance(n, Conv)):
            noise = 0.04 * np.abs(node.weight).max(axis=(0, 1, 2)) * rng.standard_normal(node.weight.shape)
            assert node.bias is not None
            noisy = with_weight(noisy, node.name, (node.weight + noise).astype(np.float32), node.bias)
        assert (classes(noisy, data.x_test) == data.y_test).mean() >= 0.975
