"""Synapses beside the densities: ridge regression that tells the latent classes of a sensor apart.

Densities say how likely the code is under each latent; synapses say which latent it is, and need no model of the code
for that. They read rectified random features of the code (`eye.features`), learn by the local rule of
`pcl.synapses.synapse`, and are no evidence on whether the input is of their sensor at all.

Accuracy with and without them (`without=synapses`, five lives each): Electricity 87.4 and 86.3 %. When contexts come
back: exchanged coordinates of MNIST 89.1 and 88.1, of Fashion-MNIST 82.3 and 79.6 (one life of five has a context too
many then); permuted labels of MNIST 90.9 and 90.1, of Fashion-MNIST 80.0 and 80.3. On digits there is no difference
(`experiments.ablations`).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Float, Int

from pcl.learners.parallax import numbers
from pcl.learners.parallax.numbers import Numbers
from pcl.learners.parallax.sensors.interface import Flops, Message
from pcl.learners.parallax.sensors.sums import Sums, Weights
from pcl.synapses import synapse
from pcl.synapses.covariance import Deferred, deferred, synapse_flops


class Discriminator(NamedTuple):
    """Synapses of one sensor, or of all (leaves lead with B), and the samples of each latent."""

    w: Float[Array, "H L"]
    p: Deferred
    size: Float[Array, " L"]


class Layer(NamedTuple):
    """Synapses as functions; as those of a `Sensor`, but that a vote is a score."""

    init: Callable[[], Discriminator]
    score: Callable[[Any, Int[Array, ""], Array], Array]
    learn: Callable[[Any, Int[Array, ""], Message], Any]
    sums: Callable[[Any], Weights]
    of_sums: Callable[[Sums], Any]
    flops: Flops


def discriminators(latents: int, width: int, hp: Numbers) -> Layer:
    """Synapses from H = `width` features of the code to L latents; a score is `sharpness` times their output."""

    def init() -> Discriminator:
        p = deferred(jnp.zeros((), int)).init(width, hp.ridge)
        return Discriminator(jnp.zeros((width, latents)), p, jnp.zeros(latents))

    def score(states: Discriminator, slot: Int[Array, ""], features: Float[Array, " H"]) -> Float[Array, " L"]:
        return jnp.where(states.size[slot] > 0, hp.sharpness * (features @ states.w[slot]), numbers.UNSEEN)

    def learn(states: Discriminator, slot: Int[Array, ""], message: Message) -> Discriminator:
        form, taught = deferred(slot), (message.gate > 0)[None]
        mass = jnp.sqrt(message.gate)  # a sample of mass g is one whose code and target are scaled by its root
        target_1L = mass * jax.nn.one_hot(message.latent, latents)[None]
        # A row that does not teach changes no bit of the synapses.
        before = synapse.Synapses(states.w[slot], states.p)
        (w, p), _ = synapse.learn(form, before, mass * message.seen.features[None], target_1L, taught)
        noise = _process_noise(p.variance(slot), hp.retention * message.keep, hp.ridge)
        p = form.widen(p, jnp.where(message.gate > 0, noise, 0.0))
        size = states.size.at[slot, message.latent].add(message.gate)
        return Discriminator(states.w.at[slot].set(w), p, size)

    def sums(state: Discriminator) -> Weights:
        return Weights(state.w, variances(state.p), hp.ridge)

    def of_sums(sums: Sums) -> Discriminator:
        assert sums.weights is not None
        return Discriminator(sums.weights.mean, init().p._replace(base=sums.weights.covariance), sums.size)

    vote = 2 * width * latents
    flops = Flops(vote, 2 * vote + synapse_flops("full", width, width, latents, 1))
    return Layer(init, score, learn, sums, of_sums, flops)


def variances(p: Deferred) -> Float[Array, "H H"]:
    """P of one sensor with its deferred steps."""
    return p.base - p.steps.T @ p.steps


def _process_noise(variance: Array, keep: Float[Array, ""], ridge: ArrayLike) -> Float[Array, ""]:
    """Increase of the mean variance that keeps a share `keep` of the samples. It stops at the prior's variance."""
    return jnp.clip(1 / jnp.asarray(ridge) - variance, 0, variance * (1 / keep - 1))
