"""The input of a conjugate layer: the raw data, fixed random features of it, or a sensory code (see `FEATURES`).

Such a layer learns sums over samples, which do not depend on their order if the code of a sample does not depend on
when it arrives. But streams standardise pixels by running moments, so that the brightness of an image depends a little
on its place in the stream. Every image is therefore first freed of its own mean and norm (`contrast=images`), which
removes any affine change of it exactly, and so the stream's moments. Inputs with fewer entries than an image are not
normalised, because the level of a few measurements is informative; on such inputs the moments make the result depend a
little on the order.

Codes are of order 1 in norm, so that one ridge has a similar effect on all of them; a constant of 1 comes last.
Random features as in random vector functional links, Pao, Park and Sobajic (1994),
doi:10.1016/0925-2312(94)90053-1; below class-incremental learning in RanPAC, arXiv:2307.02251, and in RanDumb,
arXiv:2402.08823.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array
from jaxtyping import Float, PRNGKeyArray

from pcl.code import code
from pcl.fields import static
from pcl.learners.inputs import vectors
from pcl.products import as_asked, exact
from pcl.types import Batch, HParams, Info, Learner, Spec

IMAGE_SIZE = 32  # least entries of an image, whose mean and norm are removed


class Features(NamedTuple):
    """A code of inputs as two pure functions; one that learns does so by `developing`.

    init:   (key, spec, hp) -> state
    encode: (state, x[B, ...], hp) -> phi[B, D]      each row depends on its own input alone
    """

    init: Callable[[PRNGKeyArray, Spec, HParams], Any]
    encode: Callable[[Any, Float[Array, "B ..."], HParams], Float[Array, "B D"]]


class Projection(NamedTuple):
    """Weights and thresholds of random features."""

    w: Float[Array, "D H"]
    b: Float[Array, " H"]


def _project(key: PRNGKeyArray, spec: Spec, hp: HParams) -> Projection:
    w_key, b_key = jax.random.split(key)
    return Projection(
        jax.random.normal(w_key, (math.prod(spec.input_shape), hp.random_features)),
        jax.random.uniform(b_key, (hp.random_features,), minval=-1.0, maxval=1.0),
    )


def _rectified(state: Projection, x: Float[Array, "B ..."], hp: HParams) -> Float[Array, "B H"]:
    # A rectifier halves the mean square of a centred normal: 2 / random_features keeps the norm.
    return jax.nn.relu(vectors(x) @ state.w + state.b) * math.sqrt(2 / hp.random_features)


FEATURES = {
    "raw": Features(lambda key, spec, hp: (), lambda state, x, hp: vectors(x)),
    "random": Features(_project, _rectified),
    "code": Features(code.init, code.encode),
}


@struct.dataclass
class FeatureHParams(code.CodeHParams):
    """Settings of the representation of inputs."""

    features: str = static(
        "raw",
        "representation of an input: all of it, random features of it, or a sensory code",
        choices=tuple(FEATURES),
    )
    random_features: int = static(1000, "number of random features", low=1, idle={"features": ("raw", "code")})
    contrast: str = static(
        "images",
        "contrast normalisation: each image is centred and normalised",
        choices=("images", "none"),
        idle={"features": ("code",)},
    )


def init(key: PRNGKeyArray, spec: Spec, hp: FeatureHParams) -> Any:
    """The chosen code's state."""
    return FEATURES[hp.features].init(key, spec, hp)


@as_asked
def encode(state: Any, x: Float[Array, "B ..."], hp: FeatureHParams) -> Float[Array, "B D"]:
    """Codes of inputs, the constant last."""
    phi_BD = FEATURES[hp.features].encode(state, x if hp.features == "code" else normalised(x, hp), hp)
    return jnp.concatenate([phi_BD, jnp.ones_like(phi_BD[:, :1])], axis=1)


def encode_batch(state: Any, batch: Batch, hp: FeatureHParams) -> Float[Array, "B D"]:
    """Codes of a batch, padding set to zero before and after so that nothing in it can spread."""
    real_B1 = batch.valid[:, None]
    x = jnp.where(real_B1, vectors(batch.x), 0.0).reshape(batch.x.shape)
    return jnp.where(real_B1, encode(state, x, hp), 0.0)


def developing(rule: Learner) -> Learner:
    """`rule`, whose state has a field `code`, taught by codes that do not change any more.

    While a code develops, its samples wait in memory and do not teach the rule. At the end of the critical period all
    of them do, in the order in which they came and in batches of the same size; then the rule learns new samples.

    Sums over a whole run need factors of 24 bits: products are those of float32, but for those of the code itself.
    """

    taught = jax.jit(rule.update)  # traced once, although its shapes are needed before its values

    def update(state: Any, batch: Batch, hp: HParams) -> tuple[Any, Info]:
        if hp.features != "code":
            return rule.update(state, batch, hp)
        rows, closed = len(batch.valid), state.code.closed
        arrived = batch._replace(labelled=batch.labelled & closed)

        def turn(carry: tuple[Array, Any, Info]) -> tuple[Array, Any, Info]:
            i, state, first = carry
            remembered = code.remembered(state.code, i - 1, rows)
            some = jax.tree.map(lambda new, old: jnp.where(i == 0, new, old), arrived, remembered)
            state, info = taught(state, some, hp)
            state = state._replace(code=code.learn(state.code, batch, hp))  # changes nothing after the critical period
            return i + 1, state, jax.tree.map(lambda new, old: jnp.where(i == 0, new, old), info, first)

        def goes_on(carry: tuple[Array, Any, Info]) -> Array:
            i, state, _ = carry
            return (i == 0) | (state.code.closed & ~closed & (i <= -(-state.code.stored // rows)))

        # One loop for new and for waiting samples, so that the rule is compiled once.
        unsaid = jax.tree.map(
            lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), jax.eval_shape(taught, state, arrived, hp)[1]
        )
        return jax.lax.while_loop(goes_on, turn, (jnp.zeros((), jnp.int32), state, unsaid))[1:]

    return Learner(rule.init, exact(rule.predict), exact(update))


def flops(spec: Spec, hp: FeatureHParams) -> int:
    """Floating-point operations per code."""
    if hp.features == "code":
        return code.flops(spec, hp)
    return 2 * math.prod(spec.input_shape) * hp.random_features if hp.features == "random" else 0


def size(spec: Spec, hp: FeatureHParams) -> int:
    """Length D of a code, the constant included."""

    def one_code(key: PRNGKeyArray) -> Array:
        return encode(init(key, spec, hp), jnp.zeros((1, *spec.input_shape)), hp)

    return jax.eval_shape(one_code, jax.random.key(0)).shape[1]


def normalised(x: Float[Array, "B ..."], hp: FeatureHParams) -> Float[Array, "B ..."]:
    """Inputs before any code: images of mean 0 and norm 1; smaller inputs divided by the root of their length.

    An image of one colour has no contrast and becomes 0.
    """
    entries = math.prod(x.shape[1:])
    if hp.contrast == "images" and entries >= IMAGE_SIZE:
        return contrasts(x)
    return x / math.sqrt(entries)


def contrasts(x: Float[Array, "B ..."]) -> Float[Array, "B ..."]:
    """Each input minus its mean, divided by its norm."""
    x_BD = vectors(x)
    x_BD = x_BD - x_BD.mean(1, keepdims=True)
    norm_B1 = jnp.sqrt(jnp.sum(x_BD**2, axis=1, keepdims=True))
    return (x_BD / jnp.maximum(norm_B1, 1e-6)).reshape(x.shape)
