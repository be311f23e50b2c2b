"""Discriminative specialists: conjugate synapses that tell the latent classes of a bank apart.

Where densities say how likely the code is under each latent, synapses say which latent it is, and need no model of the
code for that. They see the code and rectified random features of it, learn ridge regression of the latents by the
local rule of `pcl.network.synapse`, and have no opinion on whether the input is of their sensor at all.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Float, PRNGKeyArray

from pcl.learners.parallax.protocol import UNSEEN, Message, Specialist, Vote
from pcl.network import synapse
from pcl.network.covariance import blocks, synapse_flops


class Discriminator(NamedTuple):
    """Fixed features of the code, conjugate synapses on them, and the samples of each latent."""

    w: Float[Array, "D H"]
    b: Float[Array, " H"]
    synapses: synapse.Synapses
    size: Float[Array, " L"]


def discriminators(latents: int, inputs: int, width: int, ridge: ArrayLike, sharpness: ArrayLike) -> Specialist:
    """Synapses from `width` features of D inputs to L latents; logits are `sharpness` times their output."""
    form = blocks(width)

    def init(key: PRNGKeyArray) -> Discriminator:
        w_key, b_key = jax.random.split(key)
        w = jax.random.normal(w_key, (inputs, width)) / jnp.sqrt(inputs)
        b = jax.random.uniform(b_key, (width,), minval=-1.0, maxval=1.0)
        return Discriminator(
            w, b, synapse.Synapses(jnp.zeros((width, latents)), form.init(width, ridge)), jnp.zeros(latents)
        )

    def features(state: Discriminator, code: Float[Array, " D"]) -> Float[Array, "1 H"]:
        # Half of a normal's variance is left by the rectifier: features have a norm of about one.
        return jax.nn.relu(code @ state.w + state.b)[None] * jnp.sqrt(2 / width)

    def vote(state: Discriminator, code: Float[Array, " D"]) -> Vote:
        (output_L,) = features(state, code) @ state.synapses.w
        score_L = jnp.where(state.size > 0, sharpness * output_L, UNSEEN)
        return Vote(score_L, jnp.full((), UNSEEN), jnp.zeros(()), jnp.zeros((), bool))

    def learn(state: Discriminator, message: Message) -> Discriminator:
        taught = (message.gate > 0)[None]
        mass = jnp.sqrt(message.gate)  # a sample of mass g is one whose code and target are scaled by its root
        target_1L = mass * jax.nn.one_hot(message.latent, latents)[None]
        synapses, _ = synapse.learn(form, state.synapses, mass * features(state, message.code), target_1L, taught)
        learned = state._replace(synapses=synapses, size=state.size.at[message.latent].add(message.gate))
        return jax.tree.map(lambda new, old: jnp.where(taught[0], new, old), learned, state)

    return Specialist(init, vote, learn)


def vote_flops(latents: int, inputs: int, width: int) -> int:
    """Floating-point operations of a vote."""
    return 2 * width * (inputs + latents)


def learn_flops(latents: int, inputs: int, width: int) -> int:
    """Floating-point operations of a learned sample with the vote that names it."""
    return 2 * vote_flops(latents, inputs, width) + synapse_flops("full", width, width, latents, 1)
