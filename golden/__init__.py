"""The bit-exact meaning of the NMPU in NumPy.  One pure function a hardware stage, same names, same order.

Knows the configuration and no hardware: nothing here imports Amaranth.
"""

from . import activation, affine
from .model import Activations, forward, taps
from .params import Params, Quantized, pack, quantize, unpack

__all__ = [
    "Activations",
    "Params",
    "Quantized",
    "activation",
    "affine",
    "forward",
    "pack",
    "quantize",
    "taps",
    "unpack",
]
