"""The posterior over contexts and classes, before and after the label of a sample: one step of a filter.

Contexts follow each other as states of a hidden Markov chain. The votes of the sensors give the likelihood of an input
in every context (its opinion). A sticky prior, learned from the stream, and the opinions settle into a posterior
(`settling`). Votes do not depend on the belief (the cavity), so that a belief cannot confirm itself.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Int

from pcl.learners.parallax import numbers
from pcl.learners.parallax.contexts import names
from pcl.learners.parallax.contexts.settling import Settlement, settle
from pcl.learners.parallax.numbers import Numbers
from pcl.learners.parallax.sensors.interface import Vote
from pcl.learners.parallax.state import Contexts, Course, State, alive


class Opinion(NamedTuple):
    """Likelihoods of one input and of its labels in each context, before the label is known."""

    posterior: Float[Array, "S L"]  # of the latents of its sensor
    input: Float[Array, " S"]  # log p(code | context)
    label: Float[Array, "S C"]  # p(label | code, context)
    typicality: Float[Array, " S"]  # of the input, in standard deviations; 0 where it is not calibrated
    calibrated: Bool[Array, " S"]
    speaks: Bool[Array, "S L"]  # latents that may be evidence of a change of context


def opinion(contexts: Contexts, votes: Vote) -> Opinion:
    """The opinion of each context, from the votes of all sensors (leading axis B)."""
    seen_BL = votes.score > 0.5 * numbers.UNSEEN
    count_B = jnp.maximum(seen_BL.sum(1), 1)
    seen_B = jax.nn.logsumexp(votes.score, axis=1) - jnp.log(count_B) + jnp.log1p(-numbers.NOVELTY)
    novel_B = votes.novel + jnp.log(numbers.NOVELTY)
    input_B = jnp.logaddexp(seen_B, novel_B)
    # A class never seen may have any label.
    novelty_S = jnp.exp(novel_B - input_B)[contexts.sensor, None]
    labels = contexts.names.met.shape[1]
    named_SC = jax.vmap(names.read_out, (0, 0, None))(contexts.names, votes.posterior[contexts.sensor], labels)
    label_SC = (1 - novelty_S) * named_SC + novelty_S / labels
    bounded_B = jnp.clip(votes.typicality, -numbers.MOST_TYPICALITY, numbers.MOST_TYPICALITY)
    typicality_B = jnp.where(votes.calibrated, bounded_B, 0.0)
    of_sensor = Opinion(votes.posterior, input_B, label_SC, typicality_B, votes.calibrated, votes.speaks)
    return jax.tree.map(lambda leaf: leaf[contexts.sensor], of_sensor)._replace(label=label_SC)


def prior(state: State, hp: Numbers) -> Float[Array, " S"]:
    """Probability of each context for the next sample: sticky, with the posterior mean rate of switches so far."""
    contexts, course = state.contexts, state.course
    base_S = alive(contexts).astype(jnp.float32) / contexts.number
    hazard = jnp.maximum((1 + course.switches) / (1 / hp.hazard + course.taught), hp.least_hazard)
    return (1 - hazard) * contexts.belief + hazard * base_S


def input_surprise(state: State, said: Opinion, hp: Numbers) -> Float[Array, ""]:
    """-log p(code) under the prior of contexts, in nats: marginal over contexts and classes."""
    log_prior_S = jnp.log(jnp.maximum(prior(state, hp), jnp.exp(numbers.NEVER)))
    log_prior_S = jnp.where(alive(state.contexts), log_prior_S, -jnp.inf)
    return -jax.nn.logsumexp(log_prior_S + said.input)


def expect(state: State, said: Opinion, hp: Numbers) -> Settlement:
    """The posterior given the input, before the label."""
    there_S = alive(state.contexts)
    log_prior_S = jnp.log(jnp.maximum(prior(state, hp), jnp.exp(numbers.NEVER)))
    # The bound is on the posterior odds after one input: a clear input can overturn a belief of any certainty.
    certainty = jnp.max(log_prior_S) - jnp.min(jnp.where(there_S, log_prior_S, jnp.inf))
    evidence_S = numbers.TEMPER * (said.input - jnp.max(jnp.where(there_S, said.input, -jnp.inf)))
    evidence_S = jnp.maximum(evidence_S, -hp.bound - certainty)
    start_SC = log_prior_S[:, None] + jnp.log(said.label)
    return _settle(state, start_SC, start_SC + jnp.where(there_S, evidence_S, 0.0)[:, None], hp)


def hear(
    state: State, expected: Settlement, doubt_S: Float[Array, " S"], label: Int[Array, ""], hp: Numbers
) -> Settlement:
    """The posterior given the label too, which every context takes for the class.

    With probability `doubt` the label does not depend on the context:
    log q(s) + log((1 - doubt) q(label | s) + doubt / C).
    """
    labels = expected.log_q.shape[1]
    context_S = jax.nn.logsumexp(expected.log_q, axis=1)
    class_SC = expected.log_q - context_S[:, None]
    heard_S = (1 - doubt_S) * jnp.exp(class_SC[:, label]) + doubt_S / labels
    sure_C = (1 - numbers.LEAST_ERROR) * jax.nn.one_hot(label, labels) + numbers.LEAST_ERROR / labels
    seen_SC = jax.nn.log_softmax(class_SC + jnp.log(sure_C), axis=1)
    return _settle(state, expected.log_q, (context_S + jnp.log(heard_S))[:, None] + seen_SC, hp)


def doubts(state: State, label: Int[Array, ""], hp: Numbers) -> Float[Array, " S"]:
    """In each context, the probability that this label does not depend on it."""
    contexts, wrong_BL = state.contexts, state.sensors.wrong
    rates_SC = jax.vmap(names.error_rates, (0, 0, None))(contexts.names, wrong_BL[contexts.sensor], hp.least_error)
    return rates_SC[:, label]


def bounded(log_density: Array, best: ArrayLike, hp: Numbers) -> Array:
    """Log densities relative to the `best`, and at least minus `bound` nats."""
    return jnp.maximum(log_density - best, -hp.bound)


def believe(contexts: Contexts, settled: Settlement) -> Float[Array, " S"]:
    """The belief: the posterior of contexts, which is carried to the next sample."""
    belief_S = jnp.where(alive(contexts), settled.contexts, 0.0)
    return belief_S / belief_S.sum()


def surprised(course: Course, nats: Float[Array, ""], teaches: Bool[Array, ""]) -> Course:
    """The running mean of surprise after a label of so many `nats`, if the sample teaches."""
    rate = 1 / jnp.minimum(course.taught + 2, numbers.LATELY)  # the initial value of 1 nat counts as one label
    return course._replace(usual=course.usual + jnp.where(teaches, rate * (nats - course.usual), 0.0))


def _settle(state: State, start_SC: Float[Array, "S C"], target_SC: Float[Array, "S C"], hp: Numbers) -> Settlement:
    slack = jnp.minimum(numbers.SLACK * state.course.usual, numbers.MOST_SLACK)
    return settle(start_SC, target_SC, hp.rate, hp.momentum, hp.leap, hp.tolerance, slack, hp.inference_steps)
