"""The sensor of a life: densities of its latent classes, and synapses beside them where there are any.

Densities say how likely the code is under each latent, synapses which latent it is. The posterior over latents is the
product of both; all other parts of a vote come from the densities.
"""

from typing import NamedTuple

import jax
from jax import Array
from jaxtyping import Float, Int, PRNGKeyArray

from pcl.learners.parallax import numbers
from pcl.learners.parallax.numbers import Numbers
from pcl.learners.parallax.sensors import density, shared, synapses
from pcl.learners.parallax.sensors.interface import Flops, Message, Seen, Sensor, Vote
from pcl.learners.parallax.sensors.sums import Sums


class Bank(NamedTuple):
    """The state of one sensor, or of all of them (leaves lead with B)."""

    density: density.Density | shared.Shared
    synapses: synapses.Discriminator | None  # none on a sensory code


def sensor(latents: int, inputs: int, hp: Numbers) -> Sensor:
    """A sensor of L latents over a code of D inputs."""
    densities = (density if apart(latents, inputs) else shared).densities(latents, inputs, hp.retention)
    layer = synapses.discriminators(latents, hp.width, hp) if hp.width else None

    def init(key: PRNGKeyArray) -> Bank:
        return Bank(densities.init(key), layer and layer.init())

    def vote(states: Bank, slot: Int[Array, ""], seen: Seen) -> Vote:
        said = densities.vote(states.density, slot, seen)
        if layer is None:
            return said
        told_apart_L = layer.score(states.synapses, slot, seen.features)
        return said._replace(posterior=jax.nn.softmax(numbers.TEMPER * said.score + told_apart_L))

    def learn(states: Bank, slot: Int[Array, ""], message: Message) -> Bank:
        taught = layer and layer.learn(states.synapses, slot, message)
        return Bank(densities.learn(states.density, slot, message), taught)

    def size(states: Bank) -> Float[Array, "B L"]:
        return densities.size(states.density)

    def sums(state: Bank) -> Sums:
        return densities.sums(state.density)._replace(weights=layer and layer.sums(state.synapses))

    def of_sums(sums: Sums) -> Bank:
        return Bank(densities.of_sums(sums), layer and layer.of_sums(sums))

    flops = densities.flops
    if layer:
        flops = Flops(*(of_densities + own for of_densities, own in zip(flops, layer.flops, strict=True)))
    return Sensor(init, vote, learn, size, sums, of_sums, flops)


def apart(latents: int, inputs: int) -> bool:
    """Whether every latent has a covariance of its own, or all of a sensor share one."""
    return latents * inputs**2 <= numbers.LARGEST
