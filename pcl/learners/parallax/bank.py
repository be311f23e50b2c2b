"""What a sensor has: a bank of specialists, one of each kind."""

from types import ModuleType
from typing import NamedTuple

from pcl.learners.parallax import density, shared
from pcl.learners.parallax.synapses import Discriminator


class Bank(NamedTuple):
    """The specialists of one sensor, or of all of them (leaves lead with S)."""

    density: density.Density | shared.Shared
    synapses: Discriminator | None  # none on a sensory code


def form(latents: int, inputs: int) -> ModuleType:
    """Where densities of a bank of that size come from: a covariance of each latent, or else one for all."""
    return density if latents * inputs**2 <= density.LARGEST else shared
