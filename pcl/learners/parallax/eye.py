"""What sensors see: a code of the input, the same for a sample whenever it comes.

Of an input with many entries they see fixed random orthogonal directions (`features=random`), which keep distances
(Johnson and Lindenstrauss (1984)) whatever happens to the pixels, and which no order of samples can change; or as many
as there are, so that nothing is lost (`raw`). Images are first freed of their mean and norm (`pcl.learners.features`),
and with them of the stream's running moments. Or they see the sensory code of the first samples, which then stays
(`code`, `pcl.code.code`). Entries have about unit variance.

Synapses see H rectified random features of the code, which are fixed, the same for all sensors, and computed once a
sample. A sensory code is made to be read by densities alone: synapses beside them said nothing new (MNIST, 12,000
images learned, 10,000 asked: 98.8 with and without, whatever their weight).
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
from pcl.types import Spec


class Eye(NamedTuple):
    """What never changes: directions of the code, weights and thresholds of its features."""

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


def encode(sees: Eye | sensory.Code, x: Float[Array, "B ..."], hp: HParams) -> Float[Array, "B D"]:
    """Codes; a row that is not finite stays so."""
    if isinstance(sees, sensory.Code):
        phi_BD = sensory.encode(sees, x, hp)
        return phi_BD * math.sqrt(phi_BD.shape[1])
    freed_BI = vectors(normalised(x, FeatureHParams()))
    return freed_BI @ sees.directions * math.sqrt(freed_BI.shape[1])


def seen(sees: Eye | sensory.Code, code: Float[Array, " D"]) -> Seen:
    """What sensors see of an input."""
    return Seen(code, features(sees, code))


def features(sees: Eye | sensory.Code, code: Float[Array, "... D"]) -> Float[Array, "... H"]:
    """Rectified random features, with a norm of about one; nothing for synapses on a sensory code."""
    if isinstance(sees, sensory.Code):
        return code[..., :0]
    # Half of a normal's variance is left by the rectifier.
    return jax.nn.relu(code @ sees.w + sees.b) * math.sqrt(2 / len(sees.b))


def flops(spec: Spec, hp: HParams) -> int:
    """Floating-point operations a code, with the features that synapses see."""
    if hp.features == "code":
        return sensory.flops(spec, hp)
    return 2 * size(spec, hp) * (math.prod(spec.input_shape) + 2 * hp.random_features)
