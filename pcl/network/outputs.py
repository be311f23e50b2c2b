"""Distributions of the clamped output given its pre-activation a, by name: mean, cost, curvature.

gaussian: any real numbers, cost 1/2 e^T Pi e - 1/2 log |Pi| with e = top - a. categorical: one-hot, probabilities, or
counts of several draws (multinomial), cost -sum_c y_c log softmax(a)_c. bernoulli: independent units, cost
-sum_c log p(y_c), p = sigmoid(a). Sources of the bounds of curvature: Boehning (1992), doi:10.1007/BF00048682.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, PRNGKeyArray

from pcl import linalg
from pcl.errors import one_of
from pcl.network.precision import Precision, covariance_matrix, log_determinant, weigh
from pcl.network.samples import units

WHOLE = 1e-5  # rounding error of a float32 sum of probabilities that should be one


class Output(NamedTuple):
    """One distribution.

    mean: (a [B, ...]) -> the expected top. cost: (top, a, precision, observed) -> [B], in nats, up to a constant.
    error: (top, its mean, observed) -> minus the derivative of the cost by a at identity precision. draw: (key, a,
    precision) -> a top. curvature: a bound of the cost's second derivative by a, at identity precision, for one draw.
    real: tops are any real numbers under a precision, and the cost is quadratic. whole: the units are one variable,
    observed as a whole, and a top may count several draws.
    """

    mean: Callable[[Array], Array]
    cost: Callable[[Array, Array, Precision, Any], Array]
    error: Callable[[Array, Array, Any], Array]
    draw: Callable[[PRNGKeyArray, Array, Precision], Array]
    curvature: float
    real: bool = False
    whole: bool = False


def counts(top: Float[Array, "B C"]) -> Float[Array, "B 1"]:
    """Number of draws in a categorical top: the sum of its row, set to 1 if it is 1 up to rounding."""
    total = top.sum(-1, keepdims=True)
    return jnp.where(jnp.abs(total - 1) < WHOLE, 1.0, total)


def _seen(observed: Any, x: Array) -> Array:
    return x if observed is None else observed * x


def _gaussian_cost(top: Array, a: Array, precision: Precision, observed: Any) -> Float[Array, " B"]:
    e = _seen(observed, top - a)
    return 0.5 * (jnp.sum(e * weigh(precision, e), units(a)) - log_determinant(precision, e, observed))


def _gaussian_draw(key: PRNGKeyArray, a: Array, precision: Precision) -> Array:
    noise = jax.random.normal(key, a.shape, a.dtype).reshape(len(a), -1)
    root_DD = linalg.cholesky(covariance_matrix(precision, a))
    return a + (noise @ root_DD.T).reshape(a.shape)


def _categorical_error(top: Array, mean: Array, observed: Any) -> Array:
    drawn = _seen(observed, top)
    return drawn - counts(drawn) * mean


OUTPUTS = {
    "gaussian": Output(
        mean=lambda a: a,
        cost=_gaussian_cost,
        error=lambda top, mean, observed: _seen(observed, top - mean),
        draw=_gaussian_draw,
        curvature=1.0,
        real=True,
    ),
    "categorical": Output(
        mean=jax.nn.softmax,
        cost=lambda top, a, _, observed: -jnp.sum(_seen(observed, top) * jax.nn.log_softmax(a), units(a)),
        error=_categorical_error,
        draw=lambda key, a, _: jax.nn.one_hot(jax.random.categorical(key, a), a.shape[-1], dtype=a.dtype),
        curvature=0.5,
        whole=True,
    ),
    "bernoulli": Output(
        mean=jax.nn.sigmoid,
        cost=lambda top, a, _, observed: jnp.sum(_seen(observed, jax.nn.softplus(a) - top * a), units(a)),
        error=lambda top, mean, observed: _seen(observed, top - mean),
        draw=lambda key, a, _: jax.random.bernoulli(key, jax.nn.sigmoid(a)).astype(a.dtype),
        curvature=0.25,
    ),
}


def distribution(name: str) -> Output:
    """The output called `name`.

    Raises:
      UsageError: there is none.
    """
    return OUTPUTS[one_of("output", name, OUTPUTS)]


def largest_curvature(output: str, top: Float[Array, "B ..."]) -> Array | float:
    """A bound of the second derivative of the cost by a, at identity precision; per sample where samples differ."""
    of = distribution(output)
    return of.curvature * jnp.maximum(counts(top), 1.0) if of.whole else of.curvature
