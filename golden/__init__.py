"""The bit-exact meaning of the NMPU in NumPy.  One pure function a hardware stage, same names, same order.

Knows the configuration and no hardware: nothing here imports Amaranth.
"""

from . import activation, affine, float16
from .calibration import BatchNorm, Quantized, dequantize, quantize
from .front_end import front_end
from .layer import Counters, LayerResult, accumulate, finish, pool, run_layer
from .model import Activations, forward, taps
from .params import Params, pack, unpack
from .program import LayerInputs, ProgramResult, block_params, place_params, run_program
from .table import activation_table, look_up

__all__ = [
    "Activations",
    "BatchNorm",
    "Counters",
    "LayerInputs",
    "LayerResult",
    "Params",
    "ProgramResult",
    "Quantized",
    "accumulate",
    "activation",
    "activation_table",
    "affine",
    "block_params",
    "dequantize",
    "finish",
    "float16",
    "forward",
    "front_end",
    "look_up",
    "pack",
    "place_params",
    "pool",
    "quantize",
    "run_layer",
    "run_program",
    "taps",
    "unpack",
]
