"""Dark experience replay: with each sample the memory stores the network's output (logits) when it arrived.

    cost = mean over the batch of cost(y, a) + logit_weight mean over the past of |z - a|^2 / C      (DER)
           + label_weight mean over another draw of the past of cost(y, a)                           (DER++)

z: the pre-activation of the output that is kept, a: the present one. The squared distance is a mean over the C outputs,
as in the authors' code, aimagelab/mammoth, for which their weights (alpha, beta) are: on Split-MNIST 0.2 to 1 and 0.5
to 1, with 128 replayed samples. Predictive coding has one target per row, which can
stand for z where the output is Gaussian. Source: Buzzega et al. (2020), arXiv:2004.07211, equations 5 and 6.
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array

from pcl.fields import Traced, traced
from pcl.learners.replay import ReplayHParams
from pcl.learners.rule import Lesson, Match, NetworkRule
from pcl.learners.strategies.rehearsal import Method, Recalled, joined, joint_cost, told
from pcl.types import Batch, Info, Spec


@struct.dataclass
class DarkHParams(ReplayHParams):
    """Hyper-parameters of the memory and of the replay costs."""

    logit_weight: Traced = traced(0.5, "weight of the distance from the logits stored with each sample (alpha)", low=0)


@struct.dataclass
class DarkerHParams(DarkHParams):
    """Hyper-parameters of the memory and of the replay costs."""

    label_weight: Traced = traced(0.5, "weight of the labels of a second draw from the memory (beta)", low=0)


def learn(
    rule: NetworkRule, state: Any, given: Lesson, recalled: Recalled, batch: Batch, spec: Spec, hp: Any
) -> tuple[Any, Info, dict[str, Array]]:
    """One step on the batch, on stored outputs, and on the labels of a second draw if there is one."""
    n, second = hp.replayed, recalled.valid.shape[0] > hp.replayed
    past, outputs = recalled.lesson, recalled.beside["output"]
    per_row = recalled.valid / jnp.maximum(recalled.valid[:n].sum(), 1)  # either draw has as many valid rows
    of_output = jnp.where(jnp.arange(len(per_row)) < n, 2 * hp.logit_weight / spec.outputs, 0.0)
    of_label = jnp.where(jnp.arange(len(per_row)) < n, 0.0, hp.label_weight if second else 0.0)
    near = given._replace(match=Match(jnp.zeros_like(given.top), jnp.zeros_like(given.weight)))
    far = past._replace(weight=of_label * per_row, match=Match(outputs, of_output * per_row))
    state, info = rule.learn(state, joined(near, far), hp.rule)
    shown = told(info, batch, spec, hp.rule.output)
    (output,) = jax.tree.leaves(shown.prediction)
    return state, shown, {"output": output}


def beside(spec: Spec) -> dict[str, tuple[int, ...]]:
    """An output for each sample."""
    return {"output": (spec.outputs,)}


DER = Method(learn, joint_cost, beside=beside)
DERPP = Method(
    learn,
    cost=lambda own, spec, hp, batch: own * (batch + 2 * hp.replayed) / batch,
    draws=lambda hp: 2 * hp.replayed,
    beside=beside,
)
