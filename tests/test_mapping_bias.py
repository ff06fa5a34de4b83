"""Cuts, rounding and what is put back for them: on average the unit is where real arithmetic is."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from golden import BatchNorm, Line, Wanted, map_layer, run_layer
from nmpu_hdl.presets import load
from nmpu_hdl.program import Layer
from nmpu_hdl.settings import PassSettings

COLUMNS, VECTORS = 64, 500

CASES = [
    *itertools.product(("half_up", "half_even", "half_away", "floor"), (0, 1, 3), ("none",), (1, 3), (None, 0, -3)),
    *itertools.product(("half_up", "half_even", "floor"), (1, 3), ("affine", "identity"), (2,), (None, -1)),
]


@pytest.mark.parametrize(("rounding", "guard", "norm", "blocks", "residual"), CASES)
def test_nothing_is_lost_on_average(rounding: str, guard: int, norm: str, blocks: int, residual: int | None) -> None:
    rng = np.random.default_rng(1)
    fields = [f"rounding.modes={rounding}", f"guard={guard}", f"array.columns={COLUMNS}", f"array.lanes={COLUMNS}"]
    fields += ["tile.kind=axi", "how.stages=2", "tile.residual=true"]
    if norm != "none":
        fields += ["norm.kind=affine", "norm.scale=SQ3.10", "norm.offset=SQ9.4"]
    config = load(preset_name="paper", settings=fields)
    gain, offset = rng.uniform(0.02, 0.1, COLUMNS), rng.uniform(-10, 30, COLUMNS)
    gamma, beta, mean = (rng.uniform(low, high, COLUMNS) for low, high in ((0.5, 1.5), (-5, 5), (-5, 5)))
    after = BatchNorm(gamma, beta, mean, np.ones(COLUMNS))
    wanted = Wanted(gain, offset, after if norm == "affine" else None)
    settings = PassSettings.of(config, columns=COLUMNS, activation="relu", residual=residual)
    layer = Layer(settings, vectors=VECTORS)
    (mapped,) = map_layer(config, layer, wanted, [Line.exact(2, COLUMNS)] * blocks)
    codes = rng.integers(200, 600, (VECTORS, blocks, 2, COLUMNS))
    codes[:, :, 1] //= 2
    added = None if residual is None else rng.integers(0, 40, (VECTORS, COLUMNS))
    y = run_layer(config, mapped.layer, mapped.params, codes, residual=added).y
    plain = wanted.folded()
    a = (codes[:, :, 0] - codes[:, :, 1]).sum(axis=1) * plain.gain + plain.offset
    if added is not None and residual is not None:
        a = a + added * 2.0**residual
    inside = (a > 3) & (a < 120)
    assert inside.mean() > 0.2
    assert abs((y - a)[inside].mean()) < 0.1
