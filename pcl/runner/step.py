"""One step of a life: what arrives is predicted and learned from. `asking` and `charging` decorate it."""

from collections.abc import Callable
from typing import Any, NamedTuple

from pcl.types import Batch, HParams, Info, Learner, Prediction, State


class Lived(NamedTuple):
    """What happened at one step."""

    lesson: Batch  # the batch as the learner had it: with the labels that it got, without rows that it missed
    prediction: Prediction  # of all rows that arrived, before they were learned from
    info: Info


class Step(NamedTuple):
    """What a run does with each batch.

    memory: what the step keeps beside the learner's state, before the first batch
    act:    (state, memory, batch, hp) -> (state, memory, Lived)
    """

    memory: Any
    act: Callable[[State, Any, Batch, HParams], tuple[State, Any, Lived]]


def learning(learner: Learner) -> Step:
    """The step of a learner that gets the labels that come, and for which the stream waits."""

    def act(state: State, memory: Any, batch: Batch, hp: HParams) -> tuple[State, Any, Lived]:
        learned, info = learner.update(state, batch, hp)
        prediction = info.prediction
        if prediction is None:
            prediction = learner.predict(state, batch.x, hp)
        return learned, memory, Lived(batch, prediction, info)

    return Step((), act)
