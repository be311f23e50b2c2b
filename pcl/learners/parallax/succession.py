"""Which labels follow each other: the next sample of a stream has a place in time, a query has none.

Labels of neighbouring samples may agree. How often each label came after each is counted: a Dirichlet posterior over
the rows of a transition matrix. Its prior is that a label stays, as often as labels have done beyond chance, or else is
drawn by the frequencies so far. Before a sample is learned two voices speak of its label, the input and the past:

    log p(y_t | x_t, y_<t) = a log p(y_t | x_t) + b log [T(y_t | y_t-1) / p(y_t)] + constant

With a = b = 1 this is the filter of a hidden Markov model whose states are seen afterwards. But the probabilities by
the input may be too sure, and may repeat what the past says. The trust (a, b) therefore has a Gaussian posterior, of
mean (1, 0) at first, which learns from how well labels were foretold: where samples come shuffled the input is left
alone. Neither the evidence for contexts nor the answer to a query depends on any of it.

Sources: Rabiner (1989), doi:10.1109/5.18626 (the filter); Fox, Sudderth, Jordan and Willsky (2011),
doi:10.1214/10-AOAS395 (rows that share a sticky prior); Genest and Zidek (1986), doi:10.1214/ss/1177013825
(logarithmic pooling); extended Kalman filter of a softmax as in Puskorius and Feldkamp (1994), doi:10.1109/72.279191.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float, Int

from pcl.learners.parallax import numbers
from pcl.learners.parallax.numbers import Numbers
from pcl.learners.parallax.rows import once_seen
from pcl.synapses import horizon


class Succession(NamedTuple):
    """What is known of labels in their order."""

    follows: Float[Array, "C C"]  # times that a label (column) came after another (row)
    met: Int[Array, " C"]  # samples of each label
    stays: Float[Array, " 3"]  # pairs of neighbours, those of one label, and how many these would be by chance
    latest: Float[Array, " C"]  # belief about the label of the last sample; all 0 before the first
    trust: Float[Array, " 2"]  # in the voices of the input and of the past
    precision: Float[Array, "2 2"]  # of the trust


class Foretold(NamedTuple):
    """The voices, and the log probabilities that they come to."""

    voices: Float[Array, "B 2 C"]
    log_p: Float[Array, "B C"]


def init(labels: int) -> Succession:
    """Nothing came yet, and the input is believed."""
    return Succession(
        follows=jnp.zeros((labels, labels)),
        met=jnp.zeros(labels, jnp.int32),
        stays=jnp.zeros(3),
        latest=jnp.zeros(labels),
        trust=jnp.asarray([1.0, 0.0]),
        precision=numbers.SURE * jnp.eye(2),
    )


def frequencies(state: Succession) -> Float[Array, " C"]:
    """Probability of each label out of time: of samples so far, with one more that may have any label."""
    return (state.met + 1 / len(state.met)) / (state.met.sum() + 1)


def after(state: Succession, latest_C: Float[Array, " C"]) -> Float[Array, " C"]:
    """Probability of each label after one that is believed to be `latest`."""
    pairs, same, chance = state.stays
    stays = jnp.clip((same - chance) / (1 + pairs - chance), 0, 1)
    prior = numbers.ROW_PRIOR * len(latest_C)
    weight_C = latest_C / (state.follows.sum(1) + prior)
    anew = (1 - stays) * prior * weight_C.sum() + 1 - latest_C.sum()
    return weight_C @ state.follows + stays * prior * weight_C + anew * frequencies(state)


def foretell(state: Succession, of_input_BC: Float[Array, "B C"], arrives_B: Bool[Array, " B"]) -> Foretold:
    """The labels of a batch whose rows come in turn."""

    def of_row(latest_C: Float[Array, " C"], arrives: Bool[Array, ""]) -> tuple[Array, Array]:
        next_C = after(state, latest_C)
        return jnp.where(arrives, next_C, latest_C), jnp.log(next_C)

    of_past_BC = jax.lax.scan(of_row, state.latest, arrives_B)[1] - jnp.log(frequencies(state))
    voices_B2C = jnp.stack([of_input_BC, of_past_BC], axis=1)
    return Foretold(voices_B2C, jax.nn.log_softmax(jnp.einsum("v,bvc->bc", state.trust, voices_B2C)))


def learn(
    state: Succession,
    foretold: Foretold,
    label_B: Int[Array, " B"],
    arrives_B: Bool[Array, " B"],
    teaches_B: Bool[Array, " B"],
    hp: Numbers,
) -> Succession:
    """The state after a batch; a row without a label is believed to have the one that was foretold.

    For what it teaches of the trust no voice speaks with more than `voice_bound` nats against a label.
    """

    def of_row(state: Succession, row: tuple[Foretold, Array, Array, Array]) -> tuple[Succession, None]:
        (voices_2C, log_p_C), label, arrives, teaches = row
        voices_2C = jnp.maximum(voices_2C - voices_2C.max(1, keepdims=True), -jnp.asarray(hp.voice_bound))
        heard = teaches.astype(jnp.float32)
        p_C, label_C = jnp.exp(log_p_C), jax.nn.one_hot(label, len(state.met))
        off_2C = voices_2C - (voices_2C @ p_C)[:, None]
        precision = state.precision + heard * (off_2C * p_C) @ off_2C.T
        change = _solve(precision, off_2C[:, label])
        pair = jnp.stack([state.latest.sum(), state.latest[label], state.latest @ frequencies(state)])
        before = jnp.argmax(state.latest)
        follows = state.follows.at[before].multiply(horizon.left(heard * state.follows[before].sum()))
        return Succession(
            follows=follows.at[:, once_seen(label, len(label_C), log_p_C)].add(heard * state.latest),
            met=state.met.at[label].add(teaches.astype(jnp.int32)),
            stays=horizon.left(heard * state.stays[0]) * state.stays + heard * pair,
            latest=jnp.where(arrives, jnp.where(teaches, label_C, p_C), state.latest),
            trust=state.trust + hp.trusting * heard * change,
            precision=precision,
        ), None

    return jax.lax.scan(of_row, state, (foretold, label_B, arrives_B, teaches_B))[0]


def _solve(a: Float[Array, "2 2"], b: Float[Array, " 2"]) -> Float[Array, " 2"]:
    """Cramer's rule, for a call of a solver takes longer than all the rest."""
    determinant = a[0, 0] * a[1, 1] - a[0, 1] * a[1, 0]
    return jnp.stack([a[1, 1] * b[0] - a[0, 1] * b[1], a[0, 0] * b[1] - a[1, 0] * b[0]]) / determinant
