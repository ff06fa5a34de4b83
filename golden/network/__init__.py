"""A whole network on analog arrays and the unit: what it means, its integers, and its results bit by bit."""

from .arrays import ROWS, Arrays, Block, Calibration, StageArrays, build_arrays
from .deploying import Deployed, DeployedStage, deploy, fitted
from .graph import INPUT, Add, Clip, Conv, Flatten, Grid, Network, Node, Norm, Pool, Shortcut, shapes, values
from .lowering import Lowered, Stage, Taken, lower
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
