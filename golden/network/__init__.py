"""A whole network on analog arrays and the unit: what it means, its integers, and its results bit by bit."""

from .arrays import ROWS, Arrays, Calibration, build_arrays
from .blocks import Block, StageArrays
from .deploying import Deployed, DeployedStage, deploy, fitted
from .graph import INPUT, Network, shapes, values
from .lowering import Lowered, Stage, Taken, lower
from .nodes import Add, Clip, Conv, Flatten, Grid, Node, Norm, Pool, Shortcut
from .planning import Plan, Planned, plan
from .running import Given, Outcome, Post, StageError, codes_of, run

__all__ = [
    "INPUT",
    "ROWS",
    "Add",
    "Arrays",
    "Block",
    "Calibration",
    "Clip",
    "Conv",
    "Deployed",
    "DeployedStage",
    "Flatten",
    "Given",
    "Grid",
    "Lowered",
    "Network",
    "Node",
    "Norm",
    "Outcome",
    "Plan",
    "Planned",
    "Pool",
    "Post",
    "Shortcut",
    "Stage",
    "StageArrays",
    "StageError",
    "Taken",
    "build_arrays",
    "codes_of",
    "deploy",
    "fitted",
    "lower",
    "plan",
    "run",
    "shapes",
    "values",
]
