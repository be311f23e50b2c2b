"""Codes of inputs, which all sensors share. The code of a sample does not depend on when it comes.

`features=random`: projections on fixed random orthogonal directions, which keep distances approximately (Johnson and
Lindenstrauss (1984)). `raw`: on as many directions as the input has entries, so that nothing is lost. Images are first
freed of their mean and norm, and thereby of the stream's running moments (`pcl.learners.features`). `code`: the
sensory code of the first samples, which then stays (`pcl.code.code`). Entries have about unit variance.

Synapses read H rectified random features of the code, which are fixed, the same for all sensors, and computed once a
sample. A sensory code has none: synapses did not change its accuracy (MNIST, 12,000 images learned, 10,000 asked: 98.8
with and without, at any weight).
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, PRNGKeyArray

from pcl import linalg
from pcl.code import code as sensory
from pcl.learners.features import FeatureHParams, normalised
from pcl.learners.inputs import vectors
from pcl.learners.parallax import numbers
from pcl.learners.parallax.hparams import HParams
from pcl.learners.parallax.sensors.interface import Seen
from pcl.products import as_asked
from pcl.types import Spec


class Eye(NamedTuple):
    """Fixed parameters: directions of the code, weights and thresholds of its features."""

    directions: Float[Array, "I D"]
    w: Float[Array, "D H"]
    b: Float[Array, " H"]


def size(spec: Spec, hp: HParams) -> int:
    """Entries of the code."""
    if hp.features == "code":
        return jax.eval_shape(lambda key: init(key, spec, hp), jax.random.key(0)).mean.shape[0]
    inputs = math.prod(spec.input_shape)
    return inputs if hp.features == "raw" else min(hp.code, inputs)


def init(key: PRNGKeyArray, spec: Spec, hp: HParams) -> Eye | sensory.Code:
    """Orthogonal directions as columns, or a sensory code that has seen nothing."""
    if hp.features == "code":
        return sensory.init(key, spec, hp)
    turn_key, w_key, b_key = jax.random.split(key, 3)
    inputs, entries = math.prod(spec.input_shape), size(spec, hp)
    w = jax.random.normal(w_key, (entries, hp.random_features)) / jnp.sqrt(entries)
    turn = linalg.orthonormal(turn_key, inputs, entries)
    return Eye(
        turn, w, jax.random.uniform(b_key, (hp.random_features,), minval=-numbers.THRESHOLD, maxval=numbers.THRESHOLD)
    )


@as_asked
def encode(sees: Eye | sensory.Code, x: Float[Array, "B ..."], hp: HParams) -> Float[Array, "B D"]:
    """Codes; a row that is not finite stays so."""
    if isinstance(sees, sensory.Code):
        phi_BD = sensory.encode(sees, x, hp)
        return phi_BD * math.sqrt(phi_BD.shape[1])
    freed_BI = vectors(normalised(x, FeatureHParams()))
    return freed_BI @ sees.directions * math.sqrt(freed_BI.shape[1])


def seen(sees: Eye | sensory.Code, code: Float[Array, " D"]) -> Seen:
    """A code and its features."""
    return Seen(code, features(sees, code))


def features(sees: Eye | sensory.Code, code: Float[Array, "... D"]) -> Float[Array, "... H"]:
    """Rectified random features, with a norm of about one; none on a sensory code."""
    if isinstance(sees, sensory.Code):
        return code[..., :0]
    # A rectifier halves the mean square of a centred normal.
    return jax.nn.relu(code @ sees.w + sees.b) * math.sqrt(2 / len(sees.b))


def flops(spec: Spec, hp: HParams) -> int:
    """Floating-point operations per code, with the features that synapses see."""
    if hp.features == "code":
        return sensory.flops(spec, hp)
    return 2 * size(spec, hp) * (math.prod(spec.input_shape) + 2 * hp.random_features)
