"""The registry of learners: one file a learner, one line here."""

from collections.abc import Callable
from typing import NamedTuple

from pcl.errors import unknown
from pcl.learners import backprop, ncm, pcn, replay
from pcl.types import HParams, Learner, Spec


class Entry(NamedTuple):
    """How a learner is made, its default numbers, and what it is in one line."""

    make: Callable[[Spec], Learner]
    hparams: HParams
    summary: str


REGISTRY = {
    "pcn": Entry(pcn.make, pcn.HParams(), "predictive-coding network, local updates after inference"),
    "backprop": Entry(backprop.make, backprop.HParams(), "perceptron trained by backpropagation"),
    "er": Entry(
        lambda spec: replay.around(backprop.make(spec), spec),
        replay.ReplayHParams(rule=backprop.HParams()),
        "experience replay from a reservoir, learned by backpropagation",
    ),
    "er_pcn": Entry(
        lambda spec: replay.around(pcn.make(spec), spec),
        replay.ReplayHParams(rule=pcn.HParams()),
        "experience replay from a reservoir, learned by a predictive-coding network",
    ),
    "ncm": Entry(ncm.make, ncm.HParams(), "nearest class mean"),
}


def entry(name: str) -> Entry:
    """The registry's line for `name`.

    Raises:
      UsageError: there is none.
    """
    if name not in REGISTRY:
        raise unknown("learner", name, REGISTRY)
    return REGISTRY[name]


def make(name: str, spec: Spec) -> tuple[Learner, HParams]:
    """The learner called `name` for a stream that announces `spec`, and its default numbers."""
    found = entry(name)
    return found.make(spec), found.hparams
