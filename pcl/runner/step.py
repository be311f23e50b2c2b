"""One step of a run: a batch is predicted, then learned from. `asking` and `charging` decorate it."""

from collections.abc import Callable
from typing import Any, NamedTuple

from pcl.types import Batch, HParams, Info, Learner, Prediction, State


class Lived(NamedTuple):
    """The result of one step."""

    lesson: Batch  # the batch as the learner had it: with the labels that it got, without rows that it missed
    prediction: Prediction  # of all rows that arrived, before they were learned from
    info: Info


class Step(NamedTuple):
    """The step function of a run.

    memory: the step's own state beside the learner's, before the first batch
    act:    (state, memory, batch, hp) -> (state, memory, Lived)
    """

    memory: Any
    act: Callable[[State, Any, Batch, HParams], tuple[State, Any, Lived]]


def learning(learner: Learner) -> Step:
    """The step of a learner that gets all labels of the stream, on a stream that waits for updates."""

    def act(state: State, memory: Any, batch: Batch, hp: HParams) -> tuple[State, Any, Lived]:
        learned, info = learner.update(state, batch, hp)
        prediction = info.prediction
        if prediction is None:
            prediction = learner.predict(state, batch.x, hp)
        return learned, memory, Lived(batch, prediction, info)

    return Step((), act)
