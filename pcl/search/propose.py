"""Proposals of configurations by optuna, which is asked for a chunk at a time and told all earlier results."""

import importlib
from collections.abc import Sequence
from typing import Any

from pcl.errors import UsageError
from pcl.runner.studies import Trial
from pcl.search.space import Axis, Space

METHODS = ("random", "tpe", "halving")
REPEATS = 20  # proposals for each new one, before the space counts as exhausted


def optuna() -> Any:
    """The library.

    Raises:
      UsageError: it is not installed.
    """
    try:
        library = importlib.import_module("optuna")
    except ImportError as error:
        raise UsageError(f"--search needs optuna ({error}): pip install 'pcl-jax[search]'") from error
    library.logging.set_verbosity(library.logging.WARNING)
    return library


def propose(space: Space, method: str, told: Sequence[Trial], n: int, less: bool) -> list[dict[str, str]]:
    """`n` new configurations (fewer where the space has no more), given all trials before; the same for the same.

    The first chunk is drawn at random. With `tpe`, later ones follow the tree-structured Parzen estimator, in which a
    configuration that was asked and not told counts as bad, so that a chunk spreads out: Bergstra et al. (2011),
    Algorithms for hyper-parameter optimization, NeurIPS. `less`: whether less of the value is better.
    """
    library, seed = optuna(), len(told)
    sampler = library.samplers.RandomSampler(seed)
    if method == "tpe" and told:
        sampler = library.samplers.TPESampler(seed=seed, n_startup_trials=1)
    study = _study(space, told, less, sampler)
    distributions = {name: _distribution(axis) for name, axis in space.items()}
    known, new = [dict(trial.settings) for trial in told], list[dict[str, str]]()
    for _ in range(REPEATS * n):
        asked = study.ask(distributions).params
        settings = {name: axis.text(asked[name]) for name, axis in space.items()}
        if settings not in known:
            known.append(settings)
            new.append(settings)
        if len(new) == n:
            break
    return new


def importance(space: Space, told: Sequence[Trial], less: bool) -> dict[str, float]:
    """The share of the variance of the value that each setting explains by itself or with others (fANOVA).

    Hutter, Hoos and Leyton-Brown (2014), An efficient approach for assessing hyperparameter importance, ICML. Empty
    where fewer than four trials have a finite value, or all the same.
    """
    finite = [trial for trial in told if abs(trial.value) < float("inf")]
    if len(finite) < 4 or len({trial.value for trial in finite}) == 1:
        return {}
    library = optuna()
    evaluator = library.importance.FanovaImportanceEvaluator(seed=0)
    found = library.importance.get_param_importances(_study(space, finite, less, None), evaluator=evaluator)
    return {name: round(float(share), 4) for name, share in found.items()}


def _study(space: Space, told: Sequence[Trial], less: bool, sampler: Any) -> Any:
    """A study in memory that has been told of these trials."""
    library = optuna()
    study = library.create_study(direction="minimize" if less else "maximize", sampler=sampler)
    distributions = {name: _distribution(axis) for name, axis in space.items()}
    for trial in told:
        params = {name: axis.value(trial.settings[name]) for name, axis in space.items()}
        study.add_trial(library.trial.create_trial(params=params, distributions=distributions, value=trial.value))
    return study


def _distribution(axis: Axis) -> Any:
    kinds = optuna().distributions
    if axis.choices:
        return kinds.CategoricalDistribution(list(axis.choices))
    of = kinds.IntDistribution if axis.whole else kinds.FloatDistribution
    return of(axis.low, axis.high, log=axis.log)
