"""An experiment is data: named streams, learners with their settings, and how often to look."""

import dataclasses
import importlib
import pkgutil
from collections.abc import Mapping
from typing import Any

from flax import struct

from pcl.errors import unknown
from pcl.fields import static


@struct.dataclass
class Evaluation:
    """When and on what a run is probed; all static."""

    probe_every: int = static(50, "steps between probes of the held-out samples", low=1)
    probe_size: int = static(0, "held-out samples a probe looks at between ends of tasks (0: all)", low=0)
    log_bins: int = static(250, "most entries of each logged curve", low=1)
    revisit_steps: int = static(0, "steps in each context again, by a copy of the final state (0: none)", low=0)
    end_every: int = static(1, "ends of tasks from one probe of all held-out samples to the next (0: none)", low=0)
    probe_on: str = static("test", "held-out samples that are probed", choices=("test", "validation"))
    charge: str = static(
        "nothing",
        "what an update costs: nothing, or (flops) the samples that pass meanwhile, one in the time of `backprop`",
        choices=("nothing", "flops"),
    )


@dataclasses.dataclass(frozen=True)
class StreamSpec:
    """A kind of stream from the registry with the settings that differ from its defaults."""

    kind: str
    settings: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Experiment:
    """What is swept. Each learner lives on each stream with each seed.

    name: its module in `experiments`, and the folder of its records.
    learners: settings that differ from the learner's defaults.
    sweep: `name=value,value` texts that apply where the command line does not set the name.
    smoke: settings (and a number of seeds) that shrink it to seconds, where they are swept to one value.
    """

    name: str
    streams: Mapping[str, StreamSpec]
    learners: Mapping[str, Mapping[str, Any]]
    seeds: int
    evaluation: Evaluation
    smoke: Mapping[str, Any]
    smoke_seeds: int = 2
    sweep: tuple[str, ...] = ()


def experiment_names() -> list[str]:
    """Names of all experiments: the modules of the package `experiments` other than its entry point."""
    package = importlib.import_module("experiments")
    return sorted(m.name for m in pkgutil.iter_modules(package.__path__) if m.name != "run")


def load_experiment(name: str) -> tuple[Experiment, str]:
    """The experiment called `name`, and its claim: the first line of its module's docstring.

    Raises:
      UsageError: there is none.
    """
    names = experiment_names()
    if name not in names:
        raise unknown("experiment", name, names)
    module = importlib.import_module(f"experiments.{name}")
    return module.EXPERIMENT, (module.__doc__ or "").partition("\n")[0]
