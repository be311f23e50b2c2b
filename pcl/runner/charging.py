"""Real-time evaluation: an update that takes the time of c batches misses the next c - 1 (on average).

Missed batches are still predicted, with the present state. Source: Ghunaim et al. (2023), arXiv:2302.01047.
"""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from pcl.runner.step import Lived, Step
from pcl.types import Batch, HParams, Learner, State

CostRatio = Callable[[HParams, Any, int], Any]  # (hp, inference steps, rows of a batch) -> batches' time
STEPS = "inference_steps"  # name of the logged factor of FLOP counts; a learner without it has none


def charging(step: Step, learner: Learner, cost_ratio: CostRatio) -> Step:
    """`step` on a stream that goes on while the learner computes; its memory holds the number of batches to miss."""

    def act(state: State, memory: Any, batch: Batch, hp: HParams) -> tuple[State, Any, Lived]:
        inner, busy = memory
        # A missed update changes nothing. The prediction that it returns is then that of padding.
        prediction = learner.predict(state, batch.x, hp)
        lesson = batch._replace(valid=batch.valid & (busy < 1))
        state, inner, lived = step.act(state, inner, lesson, hp)
        settled = lived.info.log[STEPS].value if STEPS in lived.info.log else 0.0
        time = cost_ratio(hp, settled, len(batch.valid))
        busy = jnp.maximum(busy + jnp.where(busy < 1, time, 0) - 1, 0)
        return state, (inner, busy), lived._replace(prediction=prediction)

    return Step((step.memory, jnp.zeros(())), act)
