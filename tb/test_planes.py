"""Products of integers through bit planes: results equal those of the plain product, to the bit.

Activations and weights are drawn as integers, unsigned or two's complement, or as vectors of -1 and +1; planes and
counts are made of them here, by NumPy and without the golden front end.  What comes out has to equal the golden
requantisation of the product of the integers (arXiv 1606.06160, equation 3).  ``+effort=N``: N times as many.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import cocotb
import numpy as np
from numpy.typing import NDArray

from golden import Params, forward
from nmpu_hdl.config import NmpuConfig
from nmpu_hdl.formats import Activation
from nmpu_hdl.front_settings import FrontSettings, front_choices
from nmpu_hdl.settings import PassSettings

from .bench import Bench
from .packing import fields
from .raw import Raw
from .setup import effort

Ints = NDArray[np.int64]


class Product(NamedTuple):
    """One pass.

    Attributes:
        raw: counts of all planes, as an array gives them, and sums of the activations' planes.
        front: settings.
        plain: (columns,) the product of the integers.
    """

    raw: Raw
    front: FrontSettings
    plain: Ints


@cocotb.test()
async def products_of_integers(dut: Any) -> None:
    """Random numbers of planes, signs and zero points, XOR where it is built in; half of the passes at a scale of 1."""
    async with Bench(dut, "planes") as bench:
        config, seen = bench.config, set()
        assert config.codes.source == "planes", "give this test bit planes"
        for turn in range(effort(40)):
            product = draw_product(bench.rng, config)
            settings = replace(bench.stimulus.settings(), front=product.front)
            params = bench.stimulus.aimed(product.plain[None], bench.stimulus.params(), settings)
            if turn % 2:
                settings, params = as_it_is(config, settings, product.plain)
            await bench.write(params)
            await bench.play(bench.stimulus.traffic([product.raw], [bench.stimulus.pins(settings)]))
            await bench.drain()
            expected = forward(config, product.plain[None], params, settings)
            y, low, high = results(bench)
            told = f"{product.front}, products {product.plain.tolist()}"
            assert y.tolist() == expected.y.tolist(), f"{told}: {y.tolist()} instead of {expected.y.tolist()}"
            assert (low == expected.low).all(), told
            assert (high == expected.high).all(), told
            if turn % 2 and settings.shift == 0:
                out = config.output.format
                assert y.tolist() == np.clip(product.plain, out.low, out.high).tolist(), told
                seen.add(product.front.bipolar)
            bench.scoreboard.check()
        assert seen == set(config.derived.front_end.bipolar), "no product came out as it is"


def draw_product(rng: np.random.Generator, config: NmpuConfig) -> Product:
    """Integers and their planes: n of them in each sub-array, as many as a count can hold or fewer."""
    facts, built = config.derived.front_end, {choice.name: choice for choice in front_choices(config)}
    chosen = {name: int(rng.integers(choice.least, choice.most + 1)) for name, choice in built.items()}
    default = FrontSettings.of(config)
    if chosen.get("bipolar", default.bipolar):  # of which there is one plane each; their sum of activations is 0
        chosen |= {name: 1 for name in ("x_planes", "w_planes") if name in built}
        chosen |= {name: 0 for name in ("x_signed", "w_signed", "zero") if name in built}
        chosen |= {"rows": min(chosen.get("rows", default.rows), facts.most)} if "rows" in built else {}
    front = FrontSettings.of(config, **chosen)
    n = front.rows if front.bipolar else int(rng.integers(1, facts.most + 1))
    shape = front.subarrays, n
    if front.bipolar:
        x, w = rng.choice([-1, 1], shape), rng.choice([-1, 1], (*shape, config.array.columns))
        counts = ((x > 0)[..., None] ^ (w > 0)).sum(axis=1)[:, None, None]
        reference = rng.integers(0, 1 << facts.reference_bits, (1, front.subarrays, 1)) if facts.zero else None
        return Product(Raw(counts[None], reference), front, np.einsum("sn,snc->c", x, w))
    x = draw_integers(rng, front.x_planes, front.x_signed, shape)
    w = draw_integers(rng, front.w_planes, front.w_signed, (*shape, config.array.columns))
    x_bits, w_bits = x[..., None] >> np.arange(front.x_planes) & 1, w[..., None] >> np.arange(front.w_planes) & 1
    counts = (x_bits[:, :, :, None, None] & w_bits.transpose(0, 1, 3, 2)[:, :, None]).sum(axis=1)
    reference = x_bits.sum(axis=1)[None] if facts.zero else None
    return Product(Raw(counts[None], reference), front, np.einsum("sn,snc->c", x, w - front.zero))


def draw_integers(rng: np.random.Generator, bits: int, signed: bool, shape: tuple[int, ...]) -> Ints:
    """Of so many bits, often at the ends of their range."""
    low = -(1 << bits - 1) if signed else 0
    high = low + (1 << bits) - 1
    drawn = rng.integers(low, high + 1, shape)
    return np.where(rng.random(shape) < 0.2, rng.choice([low, high], shape), drawn)


def as_it_is(config: NmpuConfig, settings: PassSettings, plain: Ints) -> tuple[PassSettings, Params]:
    """A scale of 1, no offset, and the least shift that brings all products into the output's range, if 0 does not."""
    columns, out, most = config.array.columns, config.output.format, int(np.abs(plain).max())
    one = 1 << config.scale.format.fraction
    shift = max(most.bit_length() - out.width + out.signed, 0)
    settings = replace(settings, shift=shift, offset_shift=0, activation=Activation.NONE)
    return settings, Params(np.full((1, columns), one), np.zeros(columns, np.int64))


def results(bench: Bench) -> tuple[Ints, Ints, Ints]:
    """What came out since the last check: outputs and the flags of both ends, each (columns,)."""
    config, given = bench.config, bench.scoreboard.results
    lanes, out = config.array.lanes, config.output.format
    y = fields([beat.data for beat in given], lanes, out.width, out.signed)
    flags = fields([beat.user for beat in given], 2 * lanes, 1, False)
    return y.reshape(-1), flags[:, :lanes].reshape(-1), flags[:, lanes:].reshape(-1)
