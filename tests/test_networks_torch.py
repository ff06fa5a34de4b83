"""PyTorch modules: what is mapped gives what the module gives, and what is not is refused by name."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from flows.networks.torch_import import from_torch
from golden.network import Add, Clip, Conv, Flatten, Network, Norm, Pool, Shortcut, values

torch = pytest.importorskip("torch")
nn, functional = torch.nn, torch.nn.functional


def wake(module: Any, seed: int = 1) -> Any:
    """Statistics that are not 0 and 1, and weights that differ from run to run by the seed only."""
    generator = torch.Generator().manual_seed(seed)
    for part in module.modules():
        if isinstance(part, (nn.BatchNorm1d, nn.BatchNorm2d)) and part.running_mean is not None:
            part.running_mean.uniform_(-0.5, 0.5, generator=generator)
            part.running_var.uniform_(0.5, 2, generator=generator)
    with torch.no_grad():
        for value in module.parameters():
            value.uniform_(-0.5, 0.5, generator=generator)
    return module


def both(module: Any, network: Network, images: int = 5) -> tuple[NDArray[Any], NDArray[Any]]:
    """Results of the network and of the module."""
    high, wide, channels = network.shape
    x = np.random.default_rng(2).standard_normal((images, high, wide, channels)).astype(np.float32)
    given = torch.from_numpy(np.ascontiguousarray(x.transpose(0, 3, 1, 2)))
    with torch.no_grad(), warnings.catch_warnings():
        wanted = module.eval()(given).numpy()
    found = values(network, x)[network.result]
    return found, wanted.transpose(0, 2, 3, 1) if wanted.ndim == 4 else wanted[:, None, None]


def check(module: Any, shape: tuple[int, int, int], seed: int = 1) -> Network:
    network = from_torch(wake(module, seed), shape)
    found, wanted = both(module, network)
    np.testing.assert_allclose(found, wanted, atol=1e-4 * max(1.0, float(np.abs(wanted).max())))
    return network


class Call(nn.Module):  # type: ignore[misc, name-defined, unused-ignore]
    """A function between two convolutions."""

    def __init__(self, function: Callable[..., Any], first: Any = None, last: Any = None) -> None:
        super().__init__()
        self.first = first or nn.Conv2d(2, 4, 3, padding=1)
        self.last = last or nn.Identity()
        self.function = function

    def forward(self, x: Any) -> Any:
        return self.last(self.function(self.first(x)))


class Block(nn.Module):  # type: ignore[misc, name-defined, unused-ignore]
    """A residual block with option A, as ResNets on CIFAR have it."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.a = nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs))
        self.b = nn.Sequential(nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs))
        self.more = outputs - inputs
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Any) -> Any:
        y = self.b(functional.relu(self.a(x)))
        if self.more:
            x = functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.more // 2, self.more - self.more // 2))
        y += x
        return self.relu(y)


class Small(nn.Module):  # type: ignore[misc, name-defined, unused-ignore]
    """Blocks, pooling and a layer."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3, padding="same"), nn.BatchNorm2d(4, eps=1e-3), nn.ReLU6())
        self.blocks = nn.Sequential(Block(4, 4, 1), Block(4, 7, 2))
        self.fc = nn.Linear(7, 5)
        self.drop = nn.Dropout(0.5)

    def forward(self, x: Any) -> Any:
        x = self.blocks(self.stem(x))
        x = functional.avg_pool2d(x, x.shape[-1])
        return self.fc(self.drop(x.view(x.size(0), -1)))


def test_a_residual_network() -> None:
    network = check(Small(), (8, 8, 3))
    kinds = [type(node) for node in network.nodes]
    assert kinds.count(Shortcut) == 1  # slice and padding are one node
    assert (kinds.count(Conv), kinds.count(Norm), kinds.count(Add), kinds.count(Flatten)) == (6, 5, 2, 0)
    cut = next(node for node in network.nodes if isinstance(node, Shortcut))
    assert (cut.stride, cut.before, cut.behind) == (2, 1, 2)
    assert network.name == "Small"
    assert next(n for n in network.nodes if isinstance(n, Norm)).name == "stem_1"


def test_flatten_keeps_the_weights_with_their_pixels() -> None:
    layers = [nn.Conv2d(2, 3, 3), nn.Flatten(), nn.ReLU(), nn.BatchNorm1d(36), nn.Linear(36, 6), nn.Hardtanh()]
    network = check(nn.Sequential(*layers, nn.Linear(6, 4, bias=False)), (6, 5, 2))
    assert sum(isinstance(node, Flatten) for node in network.nodes) == 1


def test_a_network_of_vectors() -> None:
    module = wake(nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3)))
    network = from_torch(module, 6, (1.0,), (2.0,), "layers")
    assert (network.name, network.shape, network.mean, network.deviation) == ("layers", (1, 1, 6), (1.0,), (2.0,))
    x = np.random.default_rng(3).standard_normal((4, 6)).astype(np.float32)
    with torch.no_grad():
        wanted = module.eval()(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(values(network, x[:, None, None])[network.result][:, 0, 0], wanted, atol=1e-5)


def iadd(x: Any) -> Any:
    y = x.relu()
    y += x
    return y + x


FUNCTIONS: dict[str, tuple[Callable[..., Any], type | None]] = {
    "relu": (torch.relu, Clip),
    "method relu": (lambda x: x.relu(), Clip),
    "relu in place": (functional.relu_, Clip),
    "in place, then what it took": (lambda x: (x.relu_(), x)[1], Clip),
    "relu6": (functional.relu6, Clip),
    "hardtanh": (lambda x: functional.hardtanh(x, -0.5, 0.25), Clip),
    "hardtanh in place": (lambda x: (functional.hardtanh(x, inplace=True), x)[1] + x, Add),
    "clamp": (lambda x: x.clamp(min=-0.25), Clip),
    "clip": (lambda x: torch.clip(x, -0.25, 0.5), Clip),
    "clamp_min": (lambda x: x.clamp_min(0), Clip),
    "clamp_max": (lambda x: torch.clamp_max(x, 0.25), Clip),
    "add": (lambda x: torch.add(x, x.relu()), Add),
    "iadd": (iadd, Add),
    "max": (lambda x: functional.max_pool2d(x, 2), Pool),
    "max of 3 x 2": (nn.MaxPool2d((3, 2)), Pool),
    "mean": (lambda x: functional.avg_pool2d(x, (2, 3), stride=(2, 3)), Pool),
    "every second": (nn.MaxPool2d(1, 2), Shortcut),
    "slices": (lambda x: x[..., ::3, ::3], Shortcut),
    "padding": (lambda x: functional.pad(x, (0, 0, 0, 0, 2, 1)), Shortcut),
    "adaptive": (lambda x: functional.adaptive_max_pool2d(x, (2, 3)), Pool),
    "adaptive, rows": (nn.AdaptiveAvgPool2d((None, 1)), Pool),
    "whole mean": (lambda x: x.mean((2, 3)), Pool),
    "whole mean, kept": (lambda x: torch.mean(x, dim=[-1, -2], keepdim=True), Pool),
    "largest": (lambda x: x.amax((2, 3)), Pool),
    "the only pixel": (lambda x: functional.adaptive_avg_pool2d(x, 1)[:, :, 0, 0], Pool),
    "squeeze": (lambda x: functional.adaptive_avg_pool2d(x, 1).squeeze(-1).squeeze(-1), Pool),
    "flatten": (lambda x: torch.flatten(functional.adaptive_avg_pool2d(x, 1), 1), Pool),
    "reshape": (lambda x: functional.adaptive_avg_pool2d(x, 1).reshape(x.shape[0], -1), Pool),
    "contiguous": (lambda x: functional.dropout(x.contiguous(), 0.5, False).relu(), Clip),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function(name: str) -> None:
    function, kind = FUNCTIONS[name]
    network = check(Call(function), (6, 6, 2))
    assert type(network.nodes[-1]) is kind


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(2, 3, (3, 5), stride=(2, 1), padding=(1, 2)),
        nn.Conv2d(2, 3, 1, bias=False),
        nn.Conv2d(2, 3, 3, padding="valid"),
        nn.Conv2d(2, 3, (5, 3), padding="same"),
        nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3, affine=False)),
    ],
)
def test_convolutions(layer: Any) -> None:
    check(nn.Sequential(layer, nn.ReLU()), (7, 8, 2))


def test_functions_with_parameters_of_the_module() -> None:
    class Own(nn.Module):  # type: ignore[misc, name-defined, unused-ignore]
        def __init__(self) -> None:
            super().__init__()
            self.weight, self.bias = nn.Parameter(torch.zeros(3, 2, 3, 3)), nn.Parameter(torch.zeros(3))
            self.other = nn.Parameter(torch.zeros(4, 3))

        def forward(self, x: Any) -> Any:
            x = functional.conv2d(x, self.weight, bias=self.bias, padding=1)
            return functional.linear(torch.flatten(functional.adaptive_max_pool2d(x, 1), 1), self.other)

    check(Own(), (4, 4, 2))


def plus_one(x: Any) -> Any:
    return x + 1


def branch(x: Any) -> Any:
    return x if x.sum() > 0 else -x


REFUSED: dict[str, tuple[Any, str]] = {
    "groups": (nn.Conv2d(2, 4, 3, groups=2), r"node _0 \(0: Conv2d\): groups = 2; 1 would do"),
    "dilation": (nn.Conv2d(2, 4, 3, dilation=2), r"node _0 \(0: Conv2d\): dilation = \(2, 2\); 1 would do"),
    "reflect": (nn.Conv2d(2, 4, 3, padding=1, padding_mode="reflect"), "padding_mode = reflect; zeros would do"),
    "even": (nn.Conv2d(2, 4, 2, padding="same"), r"pads \(0, 1\) rows .* as many before as behind would do"),
    "sigmoid": (nn.Sigmoid(), r"node _0 \(0: Sigmoid\): it is not mapped; docs/networks.md lists what is"),
    "transposed": (nn.ConvTranspose2d(2, 4, 3), r"node _0 \(0: ConvTranspose2d\): it is not mapped"),
    "batch": (nn.BatchNorm2d(2, track_running_stats=False), "its statistics are those of the batch; stored ones"),
    "linear": (nn.Linear(6, 3), r"it takes an image of \(2, 6, 6\); a vector, by a flatten before it, would do"),
    "overlap": (nn.MaxPool2d(3, 1), r"windows of \(3, 3\) and a stride of \(1, 1\); equal ones would do"),
    "padded": (nn.MaxPool2d(2, 2, 1), "it pads; pooling without padding would do"),
    "uneven": (nn.AvgPool2d(4), r"node _0 \(0: AvgPool2d\): windows of 4 x 4 do not tile 6 x 6 pixels"),
    "adaptive": (nn.AdaptiveAvgPool2d(4), r"it makes \(4, 4\) of \(6, 6\) pixels, in unequal windows; 1 would do"),
    "clip": (nn.Hardtanh(1, 2), r"node _0 \(0: Hardtanh\): clips to 1..2; limits on either side of 0 would do"),
    "tanh": (Call(torch.tanh), r"node tanh \(tanh\): it is not mapped"),
    "one": (Call(plus_one), r"node add \(add\): it takes 1, which is not computed of the image"),
    "alpha": (Call(lambda x: torch.add(x, x, alpha=2)), r"node add \(add\): alpha = 2; 1 would do"),
    "branch": (Call(branch), r"torch.fx cannot trace Call \(.*\); a forward that does not branch on values would do"),
    "rows": (Call(lambda x: x.mean(1)), r"node mean \(mean\): it is over the dimensions 1; rows and columns"),
    "part": (Call(lambda x: x[:, :2]), r"node getitem \(getitem\): it takes a part of an image; every n-th row"),
    "stop": (Call(lambda x: x[:, :, :3, :3]), r"node getitem \(getitem\): it takes a part of an image"),
    "start": (Call(lambda x: x[:, :, 1::2, ::2]), r"node getitem \(getitem\): it takes a part of an image"),
    "pad": (Call(lambda x: functional.pad(x, (1, 1))), r"node pad \(pad\): it pads more than channels; zeros"),
    "view": (Call(lambda x: x.view(x.size(0), 12, 12)), r"it makes \(12, 12\) of \(4, 6, 6\); \(144,\) would do"),
    "flat": (nn.Flatten(), "the network ends with an image that is flattened; a layer behind it would do"),
    "nothing": (nn.Identity(), "the network does nothing; a layer would do"),
    "random": (
        Call(lambda x: functional.dropout(x, 0.5)),
        r"node dropout \(dropout\): it gives .* than the module does",
    ),
}


def test_a_shape_that_the_module_does_not_take() -> None:
    message = (
        r"Sequential does not take images of \(6,\) \(expected 4D input \(got 2D input\)\); another shape would do"
    )
    with pytest.raises(ValueError, match=message):
        from_torch(nn.Sequential(nn.BatchNorm2d(6)), 6)


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize("name", REFUSED)
def test_refused_in_one_line(name: str) -> None:
    module, message = REFUSED[name]
    with pytest.raises(ValueError, match=message) as caught:
        from_torch(module if isinstance(module, Call) else nn.Sequential(module), (6, 6, 2))
    assert "\n" not in str(caught.value)


def test_the_module_is_left_as_it_is() -> None:
    module = wake(Small()).train()
    before = {key: value.clone() for key, value in module.state_dict().items()}
    from_torch(module, (8, 8, 3))
    assert module.training
    assert all((before[key] == value).all() for key, value in module.state_dict().items())
