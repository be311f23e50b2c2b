"""What specialists see: a few numbers of the input, the same for a sample whenever it arrives.

Densities with a covariance need few dimensions. An input with more is projected onto fixed random orthogonal
directions, which keep distances (Johnson and Lindenstrauss (1984)) whatever the sensor does to its pixels, and which
no order of samples can change. Images are freed of their mean and norm first (`pcl.learners.features`), and with them
of the stream's running moments. Entries have about unit variance.

Synapses see H rectified random features of the code, of which the code itself is a function: they are fixed too, the
same for all banks, and computed once a sample.
"""

import math
from typing import NamedTuple

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


class Eye(NamedTuple):
    """What never changes: directions of the code, weights and thresholds of its features."""

    directions: Float[Array, "I D"]
    w: Float[Array, "D H"]
    b: Float[Array, " H"]


def init(key: PRNGKeyArray, spec: Spec, most: int, width: int) -> Eye:
    """Orthogonal directions as columns; all of them where the input is small, so that nothing is lost."""
    turn_key, w_key, b_key = jax.random.split(key, 3)
    inputs, entries = math.prod(spec.input_shape), size(spec, most)
    turn, corner = jnp.linalg.qr(jax.random.normal(turn_key, (inputs, entries)))
    turn = turn * jnp.sign(jnp.diagonal(corner))  # uniform among all rotations, and the same on every machine
    w = jax.random.normal(w_key, (entries, width)) / jnp.sqrt(entries)
    return Eye(turn, w, jax.random.uniform(b_key, (width,), minval=-1.0, maxval=1.0))


def encode(eye: Eye, x: Float[Array, "B ..."]) -> Float[Array, "B D"]:
    """Codes; a row that is not finite stays so."""
    freed_BI = vectors(normalised(x, FeatureHParams()))
    return freed_BI @ eye.directions * math.sqrt(freed_BI.shape[1])


def features(eye: Eye, code: Float[Array, "... D"]) -> Float[Array, "... H"]:
    """Rectified random features, with a norm of about one."""
    # Half of a normal's variance is left by the rectifier.
    return jax.nn.relu(code @ eye.w + eye.b) * math.sqrt(2 / len(eye.b))
