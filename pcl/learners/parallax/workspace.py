"""The workspace: all that specialists share, and all that lasts of a moment.

It holds what each context calls the latents of its bank, which bank (sensor) each context looks through, the belief
about the present context, how much labels surprised lately, and the samples that nobody has learned yet (`window`).
From the votes of the specialists it reads an opinion of every context on a sample; a sticky prior learned from the
stream and the opinions settle into a belief over contexts and classes (`settling`).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Int

from pcl.learners.parallax import maps, numbers
from pcl.learners.parallax.maps import Map
from pcl.learners.parallax.numbers import Numbers
from pcl.learners.parallax.protocol import Vote
from pcl.learners.parallax.settling import Settlement, settle
from pcl.learners.parallax.window import Window


class Workspace(NamedTuple):
    """Persistent state; slots from `slots` on are empty."""

    belief: Float[Array, " S"]  # posterior probability of each context
    slots: Int[Array, ""]  # contexts found so far
    owner: Int[Array, " S"]  # the bank that each context looks through
    names: Map  # of each context; leaves lead with S
    wrong: Float[Array, "S L"]  # share of the samples of each bank's latents that the bank gets wrong; 1 at first
    current: Int[Array, ""]  # the context that learns
    switches: Int[Array, ""]  # changes of it, and samples that taught: what the sticky prior is learned from
    taught: Int[Array, ""]
    usual: Float[Array, ""]  # surprise at labels lately, in nats
    window: Window
    refused: Int[Array, ""]  # contexts for which there was no slot left
    merged: Int[Array, ""]  # contexts that became part of another in sleep
    split: Int[Array, ""]  # and those that became two
    slept: Int[Array, ""]  # `taught` when the last context was new, or sleep last found nothing to merge


class Opinion(NamedTuple):
    """What each context makes of one input, before any label."""

    share: Float[Array, "S L"]  # of the latents of its bank; sums to one
    input: Float[Array, " S"]  # log p(code | context)
    label: Float[Array, "S C"]  # p(label | code, context)
    typicality: Float[Array, " S"]  # of the input, in standard deviations; 0 where it cannot be told
    calibrated: Bool[Array, " S"]
    known: Bool[Array, "S L"]  # latents that may speak of a change of context


def init(hp: Numbers, latents: int, labels: int, window: Window) -> Workspace:
    """One context that looks through bank 0 and knows no name."""
    slots, none = hp.slots, jnp.zeros((), jnp.int32)
    return Workspace(
        belief=jnp.zeros(slots).at[0].set(1.0),
        slots=jnp.ones((), jnp.int32),
        owner=jnp.zeros(slots, jnp.int32),
        names=jax.tree.map(lambda leaf: jnp.stack([leaf] * slots), maps.empty(latents, labels)),
        wrong=jnp.ones((slots, latents)),
        current=none,
        switches=none,
        taught=none,
        usual=jnp.ones(()),
        window=window,
        refused=none,
        merged=none,
        split=none,
        slept=none,
    )


def alive(state: Workspace) -> Bool[Array, " S"]:
    """Slots that hold a context."""
    return jnp.arange(len(state.belief)) < state.slots


def share(votes: Vote, discriminating: Vote | None) -> Float[Array, "... L"]:
    """Probability of each latent: votes of both kinds, weighed by how far each can be trusted, make one product."""
    score = numbers.TEMPER * votes.score
    return jax.nn.softmax(score if discriminating is None else score + discriminating.score, axis=-1)


def opinion(state: Workspace, votes: Vote, discriminating: Vote | None) -> Opinion:
    """From the votes of all banks (leading axis S) to what each context makes of the sample."""
    seen_SL = votes.score > 0.5 * numbers.UNSEEN
    count_S = jnp.maximum(seen_SL.sum(1), 1)
    known_S = jax.nn.logsumexp(votes.score, axis=1) - jnp.log(count_S) + jnp.log1p(-numbers.NOVELTY)
    novel_S = votes.novel + jnp.log(numbers.NOVELTY)
    input_S = jnp.logaddexp(known_S, novel_S)
    share_SL = share(votes, discriminating)
    # A class never seen may have any label.
    novelty_S = jnp.exp(novel_S - input_S)[state.owner, None]
    labels = state.names.met.shape[1]
    named_SC = jax.vmap(maps.read_out, (0, 0, None))(state.names, share_SL[state.owner], labels)
    label_SC = (1 - novelty_S) * named_SC + novelty_S / labels
    bounded_S = jnp.clip(votes.typicality, -numbers.MOST_TYPICALITY, numbers.MOST_TYPICALITY)
    typicality_S = jnp.where(votes.calibrated, bounded_S, 0.0)
    of_bank = Opinion(share_SL, input_S, label_SC, typicality_S, votes.calibrated, votes.known)
    return jax.tree.map(lambda leaf: leaf[state.owner], of_bank)._replace(label=label_SC)


def prior(state: Workspace, hp: Numbers) -> Float[Array, " S"]:
    """Probability of each context for the next sample: sticky, with the rate of switches that the stream has had."""
    there_S = alive(state).astype(jnp.float32)
    base_S = there_S / state.slots
    hazard = jnp.maximum((1 + state.switches) / (1 / hp.hazard + state.taught), hp.least_hazard)
    return (1 - hazard) * state.belief + hazard * base_S


def input_surprise(state: Workspace, said: Opinion, hp: Numbers) -> Float[Array, ""]:
    """-log p(code) by what the moment before expected, whatever the context and the class, in nats."""
    log_prior_S = jnp.where(alive(state), jnp.log(jnp.maximum(prior(state, hp), jnp.exp(numbers.NEVER))), -jnp.inf)
    return -jax.nn.logsumexp(log_prior_S + said.input)


def expect(state: Workspace, said: Opinion, hp: Numbers) -> Settlement:
    """The belief once the input is there and the label is not."""
    there_S = alive(state)
    log_prior_S = jnp.log(jnp.maximum(prior(state, hp), jnp.exp(numbers.NEVER)))
    # Bounded are the odds that one input may reach: however sure the belief was, a clear input can overturn it.
    certainty = jnp.max(log_prior_S) - jnp.min(jnp.where(there_S, log_prior_S, jnp.inf))
    evidence_S = numbers.TEMPER * (said.input - jnp.max(jnp.where(there_S, said.input, -jnp.inf)))
    evidence_S = jnp.maximum(evidence_S, -hp.bound - certainty)
    start_SC = log_prior_S[:, None] + jnp.log(said.label)
    return _settle(state, start_SC, start_SC + jnp.where(there_S, evidence_S, 0.0)[:, None], hp)


def witness(
    state: Workspace, expected: Settlement, doubt_S: Float[Array, " S"], label: Int[Array, ""], hp: Numbers
) -> Settlement:
    """The belief once the label is there too, which every context takes for the class.

    About contexts it says nothing with probability `doubt`: log q(s) + log((1 - doubt) q(label | s) + doubt / C).
    """
    labels = expected.log_q.shape[1]
    context_S = jax.nn.logsumexp(expected.log_q, axis=1)
    class_SC = expected.log_q - context_S[:, None]
    heard_S = (1 - doubt_S) * jnp.exp(class_SC[:, label]) + doubt_S / labels
    sure_C = (1 - numbers.LEAST_ERROR) * jax.nn.one_hot(label, labels) + numbers.LEAST_ERROR / labels
    seen_SC = jax.nn.log_softmax(class_SC + jnp.log(sure_C), axis=1)
    return _settle(state, expected.log_q, (context_S + jnp.log(heard_S))[:, None] + seen_SC, hp)


def doubts(state: Workspace, label: Int[Array, ""], hp: Numbers) -> Float[Array, " S"]:
    """In each context, the probability that this label says nothing about it."""
    wrong_SL = state.wrong[state.owner]
    return jax.vmap(maps.error_rates, (0, 0, None))(state.names, wrong_SL, hp.least_error)[:, label]


def bounded(log_density: Array, best: ArrayLike, hp: Numbers) -> Array:
    """No input says more than `bound` nats against a context."""
    return jnp.maximum(log_density - best, -hp.bound)


def believe(state: Workspace, settled: Settlement) -> Float[Array, " S"]:
    """The belief over contexts that lasts."""
    belief_S = jnp.where(alive(state), settled.contexts, 0.0)
    return belief_S / belief_S.sum()


def surprised(state: Workspace, nats: Float[Array, ""], teaches: Bool[Array, ""]) -> Workspace:
    """After a label that was expected with probability exp(-nats), or none."""
    share = 1 / jnp.minimum(state.taught + 2, numbers.LATELY)  # before there was any, 1 nat counts for one
    return state._replace(usual=state.usual + jnp.where(teaches, share * (nats - state.usual), 0.0))


def _settle(state: Workspace, start_SC: Float[Array, "S C"], target_SC: Float[Array, "S C"], hp: Numbers) -> Settlement:
    slack = jnp.minimum(numbers.SLACK * state.usual, numbers.MOST_SLACK)
    return settle(start_SC, target_SC, hp.rate, hp.momentum, hp.leap, hp.tolerance, slack, hp.inference_steps)
