"""What a search looks at first: every candidate of a small space, or those that Optuna's sampler asks for."""

from __future__ import annotations

from typing import Any

from ..tool import ToolMissing
from .search import BATCH, Search, Tried
from .space import Candidate

__all__ = ["explore"]

_SEED = 1
_ASKS = 4
"""Times the trials that a sampler may ask for, for what it asks for again costs nothing."""

_LOST = 1.0
"""The drop that the sampler is told of what cannot be deployed: all images."""


def explore(search: Search, trials: int) -> bool:
    """Look at candidates, as many as ``trials``, and at what is a step from the best.

    Returns:
        Whether they are all that there are.

    Raises:
        ToolMissing: the space is larger than that, and Optuna is not installed.
    """
    if search.space.size <= trials:
        search.say("every candidate")
        search.look(search.space.every())
        return True
    _sample(search, trials)
    search.descend()
    return False


def _sample(search: Search, trials: int) -> None:
    """Look at what Optuna asks for."""
    optuna, choices = _optuna(), dict(search.space.fields)
    places = {name: optuna.distributions.IntDistribution(0, len(values) - 1) for name, values in choices.items()}
    sampler = optuna.samplers.TPESampler(seed=_SEED, multivariate=True, constant_liar=True, n_startup_trials=2 * BATCH)
    study = optuna.create_study(directions=["minimize", "minimize"], sampler=sampler)
    for one in _starts(search):
        study.enqueue_trial({name: choices[name].index(value) for name, value in search.space.told(one).items()})
    asked = 0
    while len(search.tried) < trials and asked < _ASKS * trials:
        search.say("candidates")
        batch = [study.ask(places) for _ in range(BATCH)]
        asked += BATCH
        wanted = [tuple(values[trial.params[name]] for name, values in choices.items()) for trial in batch]
        search.look(wanted)
        for trial, one in zip(batch, wanted, strict=True):
            _tell(study, trial, search, search.tried[one])


def _starts(search: Search) -> list[Candidate]:
    """The base, and what is one step from it, where they are in the space."""
    choices = dict(search.space.fields)
    near = [search.space.start, *(one for _, one in search.space.steps(search.space.start))]
    return [one for one in near if all(value in choices[name] for name, value in search.space.told(one).items())]


def _tell(study: Any, trial: Any, search: Search, tried: Tried) -> None:
    if tried.lane is None:
        study.tell(trial, state=_optuna().trial.TrialState.FAIL)
    else:
        drop = _LOST if tried.loss is None else max(tried.loss.drop, 0.0)
        study.tell(trial, [search.cost(tried), drop])


def _optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise ToolMissing(
            "a search of more candidates than --trials needs optuna; pip install 'nmpu-hdl[networks]' would do"
        ) from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna
