"""What specialists see: a few numbers of the input, the same for a sample whenever it arrives.

Densities with a covariance need few dimensions. An input with more is projected onto fixed random orthogonal
directions, which keep distances (Johnson and Lindenstrauss (1984)) whatever the sensor does to its pixels, and which
no order of samples can change. Images are freed of their mean and norm first (`pcl.learners.features`), and with them
of the stream's running moments. Entries have about unit variance.
"""

import math

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, PRNGKeyArray

from pcl.learners.features import FeatureHParams, normalised
from pcl.learners.inputs import vectors
from pcl.types import Spec


def size(spec: Spec, most: int) -> int:
    """Entries of the code."""
    return min(most, math.prod(spec.input_shape))


def init(key: PRNGKeyArray, spec: Spec, most: int) -> Float[Array, "I D"]:
    """Orthogonal directions as columns; all of them where the input is small, so that nothing is lost."""
    inputs = math.prod(spec.input_shape)
    turn, corner = jnp.linalg.qr(jax.random.normal(key, (inputs, size(spec, most))))
    return turn * jnp.sign(jnp.diagonal(corner))  # uniform among all rotations, and the same on every machine


def encode(directions: Float[Array, "I D"], x: Float[Array, "B ..."]) -> Float[Array, "B D"]:
    """Codes; a row that is not finite stays so."""
    freed_BI = vectors(normalised(x, FeatureHParams()))
    return freed_BI @ directions * math.sqrt(freed_BI.shape[1])
