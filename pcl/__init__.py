"""pcl: continual learning with predictive coding, on non-stationary streams.

    pcl.learners    learners by name: learners.make("pcn", spec) -> the learner and its default hyper-parameters
    pcl.streams     streams by name: streams.make("split", source="digits") -> the stream and its device arrays
    pcl.sources     samples by name: sources.source("digits") -> training and test arrays
    pcl.make_run    a run: run(key, hp, data) -> its record; to be jitted, and vmapped or mapped over keys and settings
    pcl.save, load  a learner in a file: pcl.save(learner, state, hp, path); learner, state, hp = pcl.load(path)
    pcl.live        a learner that answers and learns sample by sample, by River's and scikit-learn's conventions;
                    pcl.load_live reads what life.save wrote, pcl.life has for_river and for_sklearn
    pcl.network     the predictive-coding engine alone: build, settle, look inside, train
    pcl.results     records as one table: results.load("results")

`register` of learners, streams, sources and network.rules adds one of your own (docs/extending.md).

Importing this package imports no JAX, so that figures and tables can be drawn without it: each name is imported when it
is first used.
"""

import importlib
from typing import Any

__version__ = "0.1.0"

# Where each public name is; an empty attribute is the module itself.
_NAMES = {
    "learners": ("pcl.learners", ""),
    "streams": ("pcl.streams", ""),
    "sources": ("pcl.streams.sources", ""),
    "network": ("pcl.network", ""),
    "results": ("pcl.results", ""),
    "save": ("pcl.saved", "save"),
    "load": ("pcl.saved", "load"),
    "life": ("pcl.life", ""),
    "live": ("pcl.life", "live"),
    "load_live": ("pcl.life", "load_live"),
    "make_run": ("pcl.runner.run", "make_run"),
    "Evaluation": ("pcl.runner.evaluation", "Evaluation"),
}
__all__ = sorted([*_NAMES, "__version__"])


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module 'pcl' has no attribute '{name}'; it has {', '.join(sorted(_NAMES))}")
    module, attribute = _NAMES[name]
    found = importlib.import_module(module)
    return getattr(found, attribute) if attribute else found


def __dir__() -> list[str]:
    return [*globals(), *_NAMES]
