"""Discriminative specialists: conjugate synapses that tell the latent classes of a bank apart.

Where densities say how likely the code is under each latent, synapses say which latent it is, and need no model of the
code for that. They see rectified random features of the code (`code.features`), learn ridge regression of the latents
by the local rule of `pcl.network.synapse`, and have no opinion on whether the input is of their sensor at all.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Float, PRNGKeyArray

from pcl.learners.parallax.protocol import UNSEEN, Message, Specialist, Vote, silence
from pcl.network import synapse
from pcl.network.covariance import blocks, synapse_flops


class Discriminator(NamedTuple):
    """Conjugate synapses on features of the code, and the samples of each latent."""

    synapses: synapse.Synapses
    size: Float[Array, " L"]


def discriminators(latents: int, width: int, ridge: ArrayLike, sharpness: ArrayLike) -> Specialist:
    """Synapses from H = `width` features of the code to L latents; logits are `sharpness` times their output."""
    form = blocks(width)

    def init(key: PRNGKeyArray) -> Discriminator:
        return Discriminator(synapse.Synapses(jnp.zeros((width, latents)), form.init(width, ridge)), jnp.zeros(latents))

    def vote(state: Discriminator, features: Float[Array, " H"]) -> Vote:
        score_L = jnp.where(state.size > 0, sharpness * (features @ state.synapses.w), UNSEEN)
        return silence(latents)._replace(score=score_L)

    def learn(state: Discriminator, message: Message) -> Discriminator:
        taught = (message.gate > 0)[None]
        mass = jnp.sqrt(message.gate)  # a sample of mass g is one whose code and target are scaled by its root
        target_1L = mass * jax.nn.one_hot(message.latent, latents)[None]
        # A row that does not teach changes no bit of the synapses.
        synapses, _ = synapse.learn(form, state.synapses, mass * message.code[None], target_1L, taught)
        moves = (message.gate > 0) & (message.keep < 1)
        # A loop of one turn or none: nearly always none, and P is large.
        p = jax.lax.fori_loop(
            0, moves.astype(int), lambda _, p: form.widen(p, _process_noise(p, message.keep, ridge)), synapses.p
        )
        return Discriminator(synapses._replace(p=p), state.size.at[message.latent].add(message.gate))

    return Specialist(init, vote, learn)


def _process_noise(p: Float[Array, "1 H H"], keep: Float[Array, ""], ridge: ArrayLike) -> Float[Array, ""]:
    """What the mean variance must gain to be that of a share `keep` of the samples; never more than at first."""
    variance = jnp.diagonal(p[0]).mean()
    return jnp.clip(1 / jnp.asarray(ridge) - variance, 0, variance * (1 / keep - 1))


def vote_flops(latents: int, width: int) -> int:
    """Floating-point operations of a vote."""
    return 2 * width * latents


def learn_flops(latents: int, width: int) -> int:
    """Floating-point operations of a learned sample with the vote that names it."""
    return 2 * vote_flops(latents, width) + synapse_flops("full", width, width, latents, 1)
