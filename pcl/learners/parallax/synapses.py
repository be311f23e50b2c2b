"""Discriminative specialists: conjugate synapses that tell the latent classes of a bank apart.

Where densities say how likely the code is under each latent, synapses say which latent it is, and need no model of the
code for that. They see rectified random features of the code (`code.features`), learn ridge regression of the latents
by the local rule of `pcl.synapses.synapse`, and have no opinion on whether the input is of their sensor at all.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Float, Int, PRNGKeyArray

from pcl.learners.parallax import numbers
from pcl.learners.parallax.protocol import Message, Specialist, Vote, of_slot, silence
from pcl.synapses import synapse
from pcl.synapses.covariance import Deferred, deferred, synapse_flops


class Discriminator(NamedTuple):
    """Conjugate synapses on features of the code, and the samples of each latent."""

    w: Float[Array, "H L"]
    p: Deferred
    size: Float[Array, " L"]


def discriminators(latents: int, width: int, ridge: ArrayLike, sharpness: ArrayLike) -> Specialist:
    """Synapses from H = `width` features of the code to L latents; logits are `sharpness` times their output."""

    def init(key: PRNGKeyArray) -> Discriminator:
        p = deferred(jnp.zeros((), int)).init(width, ridge)
        return Discriminator(jnp.zeros((width, latents)), p, jnp.zeros(latents))

    def vote(state: Discriminator, features: Float[Array, " H"]) -> Vote:
        score_L = jnp.where(state.size > 0, sharpness * (features @ state.w), numbers.UNSEEN)
        return silence(latents)._replace(score=score_L)

    def learn(states: Discriminator, slot: Int[Array, ""], message: Message) -> Discriminator:
        form, taught = deferred(slot), (message.gate > 0)[None]
        mass = jnp.sqrt(message.gate)  # a sample of mass g is one whose code and target are scaled by its root
        target_1L = mass * jax.nn.one_hot(message.latent, latents)[None]
        # A row that does not teach changes no bit of the synapses.
        before = synapse.Synapses(states.w[slot], states.p)
        (w, p), _ = synapse.learn(form, before, mass * message.code[None], target_1L, taught)
        p = form.widen(p, jnp.where(message.gate > 0, _process_noise(p.variance(slot), message.keep, ridge), 0.0))
        size = states.size.at[slot, message.latent].add(message.gate)
        return Discriminator(states.w.at[slot].set(w), p, size)

    return Specialist(init, of_slot(vote), learn)


def _process_noise(variance: Array, keep: Float[Array, ""], ridge: ArrayLike) -> Float[Array, ""]:
    """What the mean variance must gain to be that of a share `keep` of the samples; never more than at first."""
    return jnp.clip(1 / jnp.asarray(ridge) - variance, 0, variance * (1 / keep - 1))


def vote_flops(latents: int, width: int) -> int:
    """Floating-point operations of a vote."""
    return 2 * width * latents


def learn_flops(latents: int, width: int) -> int:
    """Floating-point operations of a learned sample with the vote that names it."""
    return 2 * vote_flops(latents, width) + synapse_flops("full", width, width, latents, 1)
