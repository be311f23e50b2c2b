"""Transitions of labels, for the next sample of a stream; a query has no place in time and does not use them.

Labels of neighbouring samples may agree. Transitions are counted: a Dirichlet posterior over the rows of a transition
matrix. In its prior a label stays, with the estimated probability of staying beyond chance, or else is drawn by the
frequencies so far. The prediction for the next sample pools two voices, the input and the past:

    log p(y_t | x_t, y_<t) = a log p(y_t | x_t) + b log [T(y_t | y_t-1) / p(y_t)] + constant

With a = b = 1 this is the filter of a hidden Markov model whose states are seen afterwards. But the probabilities by
the input may be overconfident, and not independent of the past. The trust (a, b) therefore has a Gaussian posterior
with prior mean (1, 0), learned from the log loss of the pooled prediction. On shuffled samples it stays near (1, 0).
Neither the evidence for contexts nor the answer to a query depends on it.

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
    """Statistics of labels in their order."""

    follows: Float[Array, "C C"]  # times that a label (column) came after another (row)
    met: Int[Array, " C"]  # samples of each label
    stays: Float[Array, " 3"]  # neighbouring pairs; those with one label; the number of these expected by chance
    latest: Float[Array, " C"]  # belief about the label of the last sample; all 0 before the first
    trust: Float[Array, " 2"]  # in the voices of the input and of the past
    precision: Float[Array, "2 2"]  # of the trust


class Foretold(NamedTuple):
    """The voices, and their pooled log probabilities."""

    voices: Float[Array, "B 2 C"]
    log_p: Float[Array, "B C"]


def init(labels: int) -> Succession:
    """No samples, and full trust in the input."""
    return Succession(
        follows=jnp.zeros((labels, labels)),
        met=jnp.zeros(labels, jnp.int32),
        stays=jnp.zeros(3),
        latest=jnp.zeros(labels),
        trust=jnp.asarray([1.0, 0.0]),
        precision=numbers.SURE * jnp.eye(2),
    )


def frequencies(state: Succession) -> Float[Array, " C"]:
    """Marginal probability of each label: frequencies so far, with one pseudo-sample spread over all labels."""
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
    """Predictions for the labels of a batch whose rows come in turn."""

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
    """The state after a batch; a row without a label has its predicted distribution instead.

    In the update of the trust, voices are bounded to `voice_bound` nats against a label.
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
    """Solves two equations by Cramer's rule: a call of a solver would take longer than the rest of the update."""
    determinant = a[0, 0] * a[1, 1] - a[0, 1] * a[1, 0]
    return jnp.stack([a[1, 1] * b[0] - a[0, 1] * b[1], a[0, 0] * b[1] - a[1, 0] * b[0]]) / determinant
