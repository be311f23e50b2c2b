"""Carrying out a search, from its start or from where it was interrupted; and the search behind a study."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pcl.experiment import Arm, load_experiment
from pcl.interrupts import Interrupts
from pcl.runner.store import Store
from pcl.runner.studies import Study
from pcl.runner.sweep import configurations
from pcl.search.halving import Halving
from pcl.search.search import Execution, Search, begun, conclude, whole_lives
from pcl.search.space import parse_space


def carry_out(search: Search, folder: Path, mode: str, max_width: int, interrupts: Interrupts) -> Study:
    """Do what is left of a search; the study in `folder` then names its winners.

    Raises:
      UsageError: the study there is of another search, or runs cannot be executed or stored.
      Interrupted: a signal came; the same call goes on.
    """
    study, store = begun(search, folder), Store(folder.parent, folder.name)
    execution = Execution(store, mode, max_width, interrupts)
    if not study.finished:
        for learner in search.spaces:
            if search.method == "halving":
                Halving(search, execution).best_of(learner, study)
            else:
                whole_lives(search, learner, study, execution)
        store.compact()
        conclude(search, study)
    return study


def as_asked(asked: Mapping[str, Any]) -> Search:
    """The search that a study is of.

    Raises:
      UsageError: its experiment, learners or settings are no longer there.
    """
    about = dict(asked)
    experiment, stream, learners = load_experiment(about.pop("experiment")), about["stream"], about.pop("learners")
    arms = [Arm((name,), (stream,), seeds=1) for name in learners]
    hps = {arm.learners[0]: configurations(experiment, arm, [{}])[0][0].hp for arm in arms}
    space, rungs = tuple(about.pop("space")), tuple(about.pop("rungs"))
    return Search(experiment, spaces=parse_space(space, hps), space=space, rungs=rungs, **about)
