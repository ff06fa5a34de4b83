"""The bit-exact meaning of the NMPU in NumPy.  One pure function a hardware stage, same names, same order.

Knows the configuration and no hardware: nothing here imports Amaranth.
"""

from . import activation, affine
from .calibration import BatchNorm, Quantized, dequantize, quantize
from .model import Activations, forward, taps
from .params import Params, pack, unpack

__all__ = [
    "Activations",
    "BatchNorm",
    "Params",
    "Quantized",
    "activation",
    "affine",
    "dequantize",
    "forward",
    "pack",
    "quantize",
    "taps",
    "unpack",
]
