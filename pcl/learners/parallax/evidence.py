"""Evidence of one labelled sample: log Bayes factors of contexts against the present one, in nats.

The input gives evidence by its density under a sensor, the label by its probability under a map. Both are bounded. A
label that is not mature gives no evidence for a new context. The window sums the evidence; the verdict compares the
sums.
"""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float, Int

from pcl.learners.parallax import numbers, window
from pcl.learners.parallax.contexts import belief
from pcl.learners.parallax.contexts import names as maps
from pcl.learners.parallax.contexts.belief import Opinion
from pcl.learners.parallax.numbers import Numbers
from pcl.learners.parallax.state import State, alive
from pcl.learners.parallax.window import Evidence


def weigh(
    state: State,
    said: Opinion,
    doubt_S: Float[Array, " S"],
    code: Float[Array, " D"],
    label: Int[Array, ""],
    hp: Numbers,
) -> Evidence:
    """Evidence of one labelled sample, relative to the current context."""
    there_S, now = alive(state.contexts), state.contexts.current
    seen = jnp.maximum((state.contexts.names.met[now] > 0).sum(), 1)
    as_sensor = window.shadow_density(state.window, code, label) - jnp.log(seen)
    best = jnp.maximum(jnp.max(jnp.where(there_S, said.input, -jnp.inf)), as_sensor)
    of_label_S = jnp.log((1 - doubt_S) * said.label[:, label] + doubt_S * _unknown(state, said, label))
    explains_S = belief.bounded(said.input, best, hp) + of_label_S
    as_sensor = belief.bounded(as_sensor, best, hp)
    as_map = _renamed(state, said, doubt_S[now], label)
    mixture_T, weight_T = _mixture(state, explains_S, as_map - of_label_S[now])
    ripe_S, clear = _ripe(state, said, label), _clear(state, label)
    mature = (ripe_S[now] & clear) >= hp.maturity

    def for_new(gain: Float[Array, ""]) -> Float[Array, ""]:
        return jnp.where(mature, gain, jnp.minimum(gain, 0.0))

    return Evidence(
        known=jnp.where(there_S, explains_S - explains_S[now], 0.0),
        mixed=jax.nn.logsumexp(mixture_T[:-1]) - jnp.log(weight_T[:-1].sum()),
        new_map=for_new(jax.nn.logsumexp(mixture_T) - jnp.log(weight_T.sum())),
        best=jnp.argmax(mixture_T).astype(jnp.int32),
        new_sensor=for_new(as_sensor - explains_S[now]),
        guess=for_new(jnp.log(_guessed(state, label, seen)) - of_label_S[now]),
        typicality=said.typicality,
        judged=said.calibrated & ripe_S,
        mature=mature,
    )


def _renamed(state: State, said: Opinion, doubt: Float[Array, ""], label: Int[Array, ""]) -> Float[Array, ""]:
    """Log probability of the label under the window's new map, over the present sensor."""
    posterior_L, labels = said.posterior[state.contexts.current], said.label.shape[1]
    # Error rates belong to latents, and hold under any names.
    doubt = jnp.maximum(doubt, posterior_L @ state.sensors.wrong[state.contexts.sensor[state.contexts.current]])
    named = maps.read_out(state.window.names, posterior_L, labels)[window.place(state.window, label)]
    return jnp.log((1 - doubt) * named + doubt / labels)


def _mixture(state: State, explains_S: Array, as_map: Array) -> tuple[Float[Array, " T"], Float[Array, " T"]]:
    """Log likelihood ratio plus log weight of each context and, last, of the new map; and the weights."""
    there_S, now = alive(state.contexts), state.contexts.current
    apart_T = jnp.append(jnp.where(there_S, explains_S - explains_S[now], -jnp.inf), as_map)
    first_T = jnp.append(there_S / jnp.maximum(state.contexts.number - 1, 1), 1.0).at[now].set(1.0)
    weight_T = state.window.explained + numbers.MIXES * first_T
    return jnp.log(weight_T) + apart_T, weight_T


def _guessed(state: State, label: Int[Array, ""], seen: Int[Array, ""]) -> Float[Array, ""]:
    """Probability of the label by a guess: a mixture of the uniform distribution and the window's label frequencies."""
    shown_C = state.window.shadow.size
    frequent = (shown_C[label] + numbers.JEFFREYS) / (shown_C.sum() + numbers.JEFFREYS * len(shown_C))
    return numbers.UNIFORM / seen + (1 - numbers.UNIFORM) * frequent


def _ripe(state: State, said: Opinion, label: Int[Array, ""]) -> Bool[Array, " S"]:
    """Whether each context has seen enough samples of the label for the label to be evidence of a change."""
    tied_S = state.contexts.names.tied[:, label]
    return (state.contexts.names.met[:, label] >= numbers.MATURE) & said.speaks[jnp.arange(len(tied_S)), tied_S]


def _clear(state: State, label: Int[Array, ""]) -> Bool[Array, ""]:
    """Whether the error rate of the label's latent is low, by itself or relative to that of all mature labels."""
    now = state.contexts.current
    wrong_L, tied_C = state.sensors.wrong[state.contexts.sensor[now]], state.contexts.names.tied[now]
    ripe_C = state.contexts.names.met[now] >= numbers.MATURE
    all_wrong = jnp.sum(ripe_C * wrong_L[tied_C]) / jnp.maximum(ripe_C.sum(), 1)
    return wrong_L[tied_C[label]] < jnp.maximum(numbers.CONFUSED, numbers.ALIKE * all_wrong)


def _unknown(state: State, said: Opinion, label: Int[Array, ""]) -> Float[Array, " S"]:
    """Probability of the label in each context if its own samples do not depend on the context.

    Labels never met share the probability of all latents without a name equally; each has at least the uniform one. All
    other labels have the uniform probability.
    """
    names = state.contexts.names
    labels, unmet_SC = names.met.shape[1], names.met < 0.5
    left_S = jnp.sum(said.posterior * maps.nameless(names.voted, names.met), axis=1) / jnp.maximum(unmet_SC.sum(1), 1)
    return jnp.where(unmet_SC[:, label], jnp.maximum(left_S, 1 / labels), 1 / labels)
