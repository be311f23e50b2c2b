"""What a sensor has: a bank of specialists, one of each kind."""

from types import ModuleType
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Int

from pcl.learners.parallax import density, numbers, shared
from pcl.learners.parallax.synapses import Discriminator


class Bank(NamedTuple):
    """The specialists of one sensor, or of all of them (leaves lead with S)."""

    density: density.Density | shared.Shared
    synapses: Discriminator | None  # none on a sensory code


def form(latents: int, inputs: int) -> ModuleType:
    """Where densities of a bank of that size come from: a covariance of each latent, or else one for all."""
    return density if latents * inputs**2 <= numbers.LARGEST else shared


def faded(
    states: density.Density | shared.Shared, slot: Int[Array, ""], gate: Float[Array, ""], retention: float
) -> density.Density | shared.Shared:
    """Densities whose sums count for a little less in the bank of a sample, as in constant forgetting."""
    share = jnp.where(gate > 0, retention, 1.0)
    return states._replace(size=states.size.at[slot].multiply(share), scatter=states.scatter.at[slot].multiply(share))
