"""aihwkit's analog layers: the weights that their tiles hold, and those that they were to hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from flows.networks.aihwkit_import import from_aihwkit
from golden import Analog
from golden.network import Conv, Network, build_arrays, deploy, plan, run, values
from nmpu_hdl.presets import load

torch = pytest.importorskip("torch")
nn = torch.nn


def configuration(**fields: Any) -> Any:
    """Tiles without converters and read noise, which are not mapped; with programming noise and drift, which are."""
    reason = "aihwkit has wheels for Python 3.12 and 3.13 only"
    configs = pytest.importorskip("aihwkit.simulator.configs", reason=reason)
    inference = pytest.importorskip("aihwkit.inference", reason=reason)
    made = configs.InferenceRPUConfig()
    made.noise_model = inference.PCMLikeNoiseModel(g_max=25.0)
    made.drift_compensation = inference.GlobalDriftCompensation()
    made.forward.is_perfect = True
    for field, value in fields.items():
        setattr(made.mapping, field, value)
    return made


def analog_module(made: Any) -> Any:
    from aihwkit.nn.conversion import convert_to_analog  # type: ignore[import, unused-ignore]

    torch.manual_seed(1)
    layers = [nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()]
    return convert_to_analog(nn.Sequential(*layers, nn.Linear(72, 9), nn.ReLU(), nn.Linear(9, 4)), made).eval()


def result(network: Network, x: Any) -> Any:
    return values(network, np.ascontiguousarray(x.numpy().transpose(0, 2, 3, 1)))[network.result][:, 0, 0]


MAPPINGS: list[dict[str, Any]] = [
    {},
    {"digital_bias": False},
    {"weight_scaling_omega": 1.0, "weight_scaling_columnwise": True, "max_input_size": 20, "max_output_size": 5},
    {"learn_out_scaling": True, "out_scaling_columnwise": True, "weight_scaling_omega": 1.0},
]


@pytest.mark.parametrize("fields", MAPPINGS)
def test_what_the_tiles_compute(fields: dict[str, Any]) -> None:
    module, x = analog_module(configuration(**fields)), torch.randn(4, 3, 6, 6)
    with torch.no_grad():
        before = module(x).numpy()
        plain = from_aihwkit(module, (6, 6, 3))
        np.testing.assert_allclose(result(plain.held, x), before, atol=1e-5)
        np.testing.assert_allclose(result(plain.wanted, x), before, atol=1e-5)
        for layer in module.modules():
            if hasattr(layer, "analog_module"):
                layer.program_analog_weights()
                layer.drift_analog_weights(86400.0)
        after = module(x).numpy()
        found = from_aihwkit(module, (6, 6, 3))
    assert np.abs(after - before).max() > 1e-3
    np.testing.assert_allclose(result(found.held, x), after, atol=1e-5)
    np.testing.assert_allclose(result(found.wanted, x), before, atol=1e-5)
    assert [n.name for n in found.held.nodes] == [n.name for n in found.wanted.nodes]
    assert sum(isinstance(n, Conv) for n in found.held.nodes) == 3
    if fields.get("digital_bias", True):
        assert {key: value.shape for key, value in found.weights.items()} == {
            n.name: n.weight.shape for n in found.wanted.nodes if isinstance(n, Conv)
        }
    else:
        with pytest.raises(ValueError, match=r"node _5 has biases on its array, with noise; mapping\.digital"):
            found.weights  # noqa: B018


def test_arrays_hold_what_the_tiles_hold() -> None:
    """The whole path; noise that the tiles have is in the codes, and calibration takes some of it back."""
    module = analog_module(configuration())
    for layer in module.modules():
        if hasattr(layer, "analog_module"):
            layer.program_analog_weights()
    found, rng = from_aihwkit(module, (6, 6, 3), (128.0,), (64.0,)), np.random.default_rng(1)
    images, config = rng.integers(0, 256, (40, 6, 6, 3), np.uint8), load(preset_name="tile")
    planned, results = plan(found.wanted, images, config), []
    for programmed in (None, found.weights):
        arrays = build_arrays(planned, config, Analog().ideal, 1, programmed=programmed)
        outcome = run(deploy(planned, arrays, config), images, post="nmpu")
        results.append(outcome.logits * planned.stages[-1].out_lsb)
    wanted, held = (
        values(one, one.prepared(images))[one.result].reshape(results[0].shape) for one in (found.wanted, found.held)
    )
    clean, noisy = (np.abs(one - wanted).mean() for one in results)
    assert clean < 0.7 * noisy
    assert noisy < 3 * np.abs(held - wanted).mean()


def test_the_range_of_inputs_is_a_limit() -> None:
    made = configuration()
    made.pre_post.input_range.enable = True
    made.pre_post.input_range.init_value = 0.5
    module, x = analog_module(made), torch.randn(4, 3, 6, 6)
    with torch.no_grad():
        wanted = module(x).numpy()
    np.testing.assert_allclose(result(from_aihwkit(module, (6, 6, 3)).held, x), wanted, atol=1e-5)


def test_other_layers_are_refused_by_name() -> None:
    made = configuration()
    from aihwkit.nn import AnalogConv1d, AnalogLinearMapped  # type: ignore[import, unused-ignore]

    for layer in (AnalogConv1d(2, 3, 3, rpu_config=made), AnalogLinearMapped(4, 3, rpu_config=made)):
        kind = type(layer).__name__
        with pytest.raises(ValueError, match=f"layer 1 is an {kind}; an AnalogLinear or AnalogConv2d would do"):
            from_aihwkit(nn.Sequential(nn.ReLU(), layer), 4)


@pytest.mark.skipif(bool(__import__("importlib.util").util.find_spec("aihwkit")), reason="aihwkit is installed")
def test_without_it() -> None:
    with pytest.raises(ValueError, match=r"^this needs aihwkit; pip install 'nmpu-hdl\[aihwkit\]' would do$"):
        from_aihwkit(nn.Linear(4, 3), 4)
