"""Makes ``tests/data/digits.npz``: trains the network of ``digits.py``, and turns it into integers.

    python -m tests.networks.train_digits

It takes ten seconds, and needs scikit-learn (``pip install scikit-learn``), which nothing else here does: the images
that were held out are stored with the network.  They are the UCI "Optical Recognition of Handwritten Digits" of
E. Alpaydin and C. Kaynak (CC BY 4.0), as scikit-learn has them.  Equal versions of NumPy on equal machines give equal
bytes.

The network is trained in floating point, then for a few epochs more with weights on a grid of 15 steps a column.
Ranges of sums and activations are those that the training images reach; the held-out images decide nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import golden
from nmpu_hdl.config import NmpuConfig

from .crossbar import GAIN_BITS, Stage, patches, sums
from .digits import STAGES, STORED, Integers, configuration, run
from .floating import Weights, classes, initial, on_grid, ranges, steps, train

__all__ = ["digits_of_sklearn", "main", "to_integers"]

Ints = NDArray[np.integer]

SEED = 1
PIXEL = 16
"""The largest pixel: 1.0 in floating point."""


def main(file: Path = STORED) -> None:
    """Train, quantise, store, and say how well it went."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # the order in which a BLAS adds, and so the last bits, changes with its threads
        _make(file, *digits_of_sklearn())


def _make(file: Path, images: Ints, labels: Ints) -> None:
    rng = np.random.default_rng(SEED)
    held_out, seen = np.split(rng.permutation(len(images)), [len(images) // 3])
    x = images / PIXEL
    net = train(STAGES, initial(STAGES, rng), x[seen], labels[seen], rng, epochs=30, rate=4e-3)
    accuracy = float((classes(STAGES, net, x[held_out]) == labels[held_out]).mean())
    net = train(STAGES, net, x[seen], labels[seen], rng, epochs=10, rate=1e-3, grid=True)
    layers = to_integers(net, images[seen], rng)
    arrays: dict[str, Any] = {
        f"{name}_{k}": _smallest(getattr(layer, name))
        for k, layer in enumerate(layers)
        for name in Integers.__dataclass_fields__
    }
    np.savez_compressed(
        file,
        images=images[held_out].astype(np.uint8),
        labels=labels[held_out].astype(np.uint8),
        float_accuracy=np.array(accuracy),
        **arrays,
    )
    found = run(configuration(), layers, images[held_out]).classes
    print(f"floating point {accuracy:.4f}, integers {(found == labels[held_out]).mean():.4f}, {file}")


def to_integers(net: Sequence[Weights], images: Ints, rng: np.random.Generator) -> list[Integers]:
    """The numbers of all layers, each fitted to what the integers of those before it make of ``images``.

    Args:
        net: the weights before they are put on their grid.
        images: (images, 8, 8), pixels of 0 to 16.
        rng: of the converters' gains.

    Raises:
        ValueError: a gain, an offset or a residual's alignment that the configuration cannot hold.
    """
    config = configuration()
    tops = ranges(STAGES, on_grid(net), images / PIXEL, share=0.9995)
    layers: list[Integers] = []
    lsbs: list[float] = []
    x, x_lsb = images.astype(np.int64), 1 / PIXEL
    for k, (stage, weights) in enumerate(zip(STAGES, net, strict=True)):
        lsb, residual = tops[k] / ((1 << stage.width - 1) - 1), 0
        if stage.skip is not None:  # a power of two finer or coarser than the residual, and coarse enough
            residual = min(int(np.floor(np.log2(lsbs[stage.skip] / lsb))), config.tile.residual_left)
            lsb = lsbs[stage.skip] * 2.0**-residual
        layers.append(_layer(config, stage, weights, x, x_lsb / lsb, lsb, residual, rng))
        x, x_lsb = run(config, layers, images).outputs[-1].astype(np.int64), lsb
        lsbs.append(lsb)
    return layers


def _layer(
    config: NmpuConfig,
    stage: Stage,
    weights: Weights,
    x: Ints,
    ratio: float,
    lsb: float,
    residual: int,
    rng: np.random.Generator,
) -> Integers:
    """The numbers of a layer whose inputs are ``x``, of ``ratio`` times the LSB of its outputs."""
    step = steps(weights.weight)
    whole = np.rint(weights.weight / step).astype(np.int64)
    reached = sums(whole, patches(stage, x)).max(axis=(0, 2, 3))
    spread = rng.uniform(0.9, 1.0, (stage.blocks, config.codes.counts, stage.outputs))
    gains = (spread * (config.codes.format.high / reached)[:, None, None] * (1 << GAIN_BITS)).astype(np.int64)
    wanted = step * ratio * (1 << GAIN_BITS) / gains
    # Each block's cut to the guard bits loses half of what is cut to, on average.
    bias = weights.bias / lsb + stage.blocks * 2.0 ** -(config.guard + 1)
    offsets = [np.zeros(stage.outputs)] * (stage.blocks - 1) + [bias]
    blocks = [golden.quantize(config, gain, offset) for gain, offset in zip(wanted, offsets, strict=True)]
    return Integers(
        whole,
        gains,
        np.stack([block.params.scales for block in blocks]),
        np.stack([block.params.offset for block in blocks]),
        np.array([block.shift for block in blocks]),
        np.array(residual),
    )


def digits_of_sklearn() -> tuple[Ints, Ints]:
    """Images (1797, 8, 8), pixels of 0 to 16, and labels."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    return digits.images.astype(np.int64), digits.target.astype(np.int64)


def _smallest(array: Ints) -> Ints:
    """The same in the smallest signed dtype."""
    return next(array.astype(t) for t in (np.int8, np.int16, np.int32, np.int64) if (array.astype(t) == array).all())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train the network on digits and store its integers.")
    parser.add_argument("file", nargs="?", type=Path, default=STORED, help="default: %(default)s")
    main(parser.parse_args().file)
