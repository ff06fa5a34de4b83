"""The bit-exact meaning of the NMPU in NumPy.  One pure function a hardware stage, same names, same order.

Knows the configuration and no hardware: nothing here imports Amaranth.
"""

from . import activation, affine, float16
from .analog import Analog, Crossbar, program_array, read_array
from .bitplanes import BitArray, flip_bits, flip_counts, population_counts
from .calibration import BatchNorm, Quantized, dequantize, quantize
from .front_end import front_end
from .layer import Counters, LayerResult, accumulate, finish, pool, run_layer
from .line import Fit, Line, fit
from .mapping import Mapped, Wanted, map_layer, plain_layer, write_params
from .mapping_arrays import Planes, Streams
from .mapping_counts import RawInputs, Slices, block_counts, block_sums
from .model import Activations, forward, taps
from .params import Params, pack, unpack
from .program import LayerInputs, ProgramResult, block_params, place_params, run_program
from .slicing import im2col
from .stochastic import Junctions
from .table import activation_table, look_up

__all__ = [
    "Activations",
    "Analog",
    "BatchNorm",
    "BitArray",
    "Counters",
    "Crossbar",
    "Fit",
    "Junctions",
    "LayerInputs",
    "LayerResult",
    "Line",
    "Mapped",
    "Params",
    "Planes",
    "ProgramResult",
    "Quantized",
    "RawInputs",
    "Slices",
    "Streams",
    "Wanted",
    "accumulate",
    "activation",
    "activation_table",
    "affine",
    "block_counts",
    "block_params",
    "block_sums",
    "dequantize",
    "finish",
    "fit",
    "flip_bits",
    "flip_counts",
    "float16",
    "forward",
    "front_end",
    "im2col",
    "look_up",
    "map_layer",
    "pack",
    "place_params",
    "plain_layer",
    "pool",
    "population_counts",
    "program_array",
    "quantize",
    "read_array",
    "run_layer",
    "run_program",
    "taps",
    "unpack",
    "write_params",
]
