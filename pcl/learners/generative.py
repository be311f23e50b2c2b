"""Class-conditional Gaussians on a code that share one covariance: streaming linear discriminant analysis.

One density a class, p(phi | c) = N(mu_c, Sigma), with counts and means that move by the delta rule, and the scatter
within classes, to which a sample adds its prediction error d:

    d = sqrt(n / (n + 1)) (phi - mu),   mu <- mu + (phi - mu) / (n + 1),   n <- n + 1,   scatter <- scatter + d d^T

Carried along is P = (s I + scatter)^-1 (s: `prior_scatter`), by the same rank-B step as in `rls`, and the
discriminants P mu_c, so that no step solves anything. Means, counts and scatter are those of the multiset of samples:
order does not matter. The prior shrinks Sigma = P^-1 / n towards a multiple of the identity, less with more samples.
Source: Hayes and Kanan (2020), SLDA, arXiv:1909.01520 (there with a constant shrinkage). With many classes and few
samples of each, one covariance for all is estimated far better than the weights of a regression.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
from flax import struct
from jax import Array
from jaxtyping import Bool, Float, PRNGKeyArray

from pcl.fields import Traced, traced
from pcl.learners import features
from pcl.learners.inputs import targets, teaching_rows
from pcl.learners.ncm import UNSEEN
from pcl.loops import when
from pcl.synapses import horizon
from pcl.synapses.covariance import blocks, synapse_flops
from pcl.synapses.synapse import decorrelator
from pcl.types import Batch, Info, Learner, LearnerEntry, Prediction, Spec


@struct.dataclass
class HParams(features.FeatureHParams):
    """Hyper-parameters of the Gaussians."""

    prior_scatter: Traced = traced(1.0, "prior scatter in every direction", low=1e-6)


class State(NamedTuple):
    """The code; count, mean and discriminant P mu of each class; the inverse P of the scatter within classes."""

    code: Any
    size: Float[Array, " C"]
    mean: Float[Array, "C D"]
    discriminant: Float[Array, "C D"]
    p: Float[Array, "1 D D"]


class Arrival(NamedTuple):
    """The changes by a batch, as if its rows had come one by one."""

    deviation: Float[Array, "B D"]  # from the mean of the class so far, weighted: rows of the scatter
    shift: Float[Array, "B D"]  # of the mean of the row's class


def flops(spec: Spec, hp: HParams, inference_steps: Any, batch: int) -> Any:
    """Floating-point operations per learned sample: its code, the discriminants, changes of scatter and means."""
    inputs = features.size(spec, hp) - 1
    per_class = 8 * inputs * spec.num_labels  # a prediction, and three products that update the discriminants
    return features.flops(spec, hp) + synapse_flops("full", inputs, 1, 0, batch) + 2 * inputs**2 + per_class


def make(spec: Spec) -> Learner:
    """Gaussians for inputs and labels as announced in `spec`, on a code that develops if it can."""
    return features.developing(gaussians(spec))


def gaussians(spec: Spec) -> Learner:
    """Gaussians on a code that stays as it is."""

    def init(key: PRNGKeyArray, hp: HParams) -> State:
        inputs = features.size(spec, hp) - 1
        none_CD = jnp.zeros((spec.num_labels, inputs))
        p = blocks(inputs).init(inputs, hp.prior_scatter)
        return State(features.init(key, spec, hp), jnp.zeros(spec.num_labels), none_CD, none_CD, p)

    def predict(state: State, x: Float[Array, "B ..."], hp: HParams) -> Prediction:
        return Prediction(logits=log_posterior(state, _without_constant(features.encode(state.code, x, hp))))

    def update(state: State, batch: Batch, hp: HParams) -> tuple[State, Info]:
        phi_BD = _without_constant(features.encode_batch(state.code, batch, hp))
        member_BC = targets(batch, spec)
        arrival = arrive(state.size, state.mean, phi_BD, member_BC, teaching_rows(batch))
        form = blocks(phi_BD.shape[1])
        # One pass over P serves the scatter's rows and the means' shifts.
        both = form.project(state.p, jnp.concatenate(arrival))
        projected_BD, shifted_BD = jnp.split(both, 2)
        v_BD = decorrelator(arrival.deviation, projected_BD) @ projected_BD
        shifted_BD = shifted_BD - (arrival.shift @ v_BD.T) @ v_BD
        learned = State(
            code=state.code,
            size=state.size + member_BC.sum(0),
            mean=state.mean + member_BC.T @ arrival.shift,
            discriminant=state.discriminant - (state.mean @ v_BD.T) @ v_BD + member_BC.T @ shifted_BD,
            p=form.shrink(state.p, v_BD),
        )
        many = (learned.size.sum() >= horizon.MOST) & teaching_rows(batch).any()
        return when(many, _faded, learned), Info(Prediction(logits=log_posterior(state, phi_BD)))

    return Learner(init, predict, update)


def _faded(state: State) -> State:
    """The Gaussians with every sum halved; the scatter's inverse is then twice as large (`pcl.synapses.horizon`)."""
    return state._replace(size=0.5 * state.size, discriminant=2 * state.discriminant, p=2 * state.p)


def arrive(
    size_C: Float[Array, " C"],
    mean_CD: Float[Array, "C D"],
    phi_BD: Float[Array, "B D"],
    member_BC: Float[Array, "B C"],
    teaches: Bool[Array, " B"],
) -> Arrival:
    """Deviations and shifts of a batch whose rows come one after the other; `member` tells the class of each."""
    # Row b of `earlier` marks the rows before b in the batch that have its class.
    earlier_BB = jnp.tril(member_BC @ member_BC.T, k=-1)
    before = member_BC @ size_C
    count = before + earlier_BB.sum(1)
    total_BD = before[:, None] * (member_BC @ mean_CD) + earlier_BB @ phi_BD
    surprise_BD = jnp.where(teaches[:, None], phi_BD - total_BD / jnp.maximum(count, 1)[:, None], 0.0)
    return Arrival(jnp.sqrt(count / (count + 1))[:, None] * surprise_BD, surprise_BD / (count + 1)[:, None])


def log_posterior(state: State, phi_BD: Float[Array, "B D"]) -> Float[Array, "B C"]:
    """log n_c + mu_c^T Sigma^-1 (phi - mu_c / 2): log p(c | phi) up to a constant of the row; far below if unseen."""
    seen = jnp.maximum(state.size.sum(), 1)
    quadratic_C = jnp.sum(state.mean * state.discriminant, axis=1)
    score_BC = seen * (phi_BD @ state.discriminant.T - 0.5 * quadratic_C)
    return jnp.where(state.size > 0, score_BC + jnp.log(jnp.maximum(state.size, 1)), UNSEEN)


def _without_constant(phi_BD: Float[Array, "B D"]) -> Float[Array, "B E"]:
    """A constant tells no class from another."""
    return phi_BD[:, :-1]


ENTRY = LearnerEntry(
    make,
    HParams(),
    "class Gaussians on a code with one covariance (streaming linear discriminant analysis)",
    flops,
    local=True,
)
