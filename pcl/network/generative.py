"""A chain used as a generative model: completion of partly observed data, sampling, predictive variance.

The top of the chain is the data, its bottom a label that is clamped or a latent state that is free (see `energy`).
Activities settle at a (local) maximum of the posterior given the observation. With the following noise on every unit
they are samples of that posterior instead (Langevin dynamics):

    z <- z - rate * dF/dz + sqrt(2 rate) * noise

Learning from them, by the same rule of the weights, is Monte Carlo predictive coding: Oliviers, Bogacz and Meulemans
(2024), doi:10.1371/journal.pcbi.1012532.
"""

import math

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Float, PRNGKeyArray

from pcl import linalg
from pcl.errors import UsageError
from pcl.network.activations import ACTIVATIONS
from pcl.network.energy import Activities, Problem, check, preactivations
from pcl.network.layers import Layer
from pcl.network.precision import covariance_matrix


def langevin(key: PRNGKeyArray, rate: ArrayLike) -> optax.GradientTransformation:
    """Langevin dynamics as an optimiser for `settle`: after many steps each sample's activities are one draw.

    A finite step widens the distribution. Where F is quadratic with curvature K, the draws have covariance
    (K - rate/2 K^2)^-1 instead of K^-1; this exists for rate < 2 / (largest eigenvalue of K).
    """
    return optax.chain(optax.sgd(rate), optax.add_noise(2 * rate, 0.0, key))


def expected_output(problem: Problem, z: Activities) -> Float[Array, "B ..."]:
    """Mean of the top given activities `z`: generated, or a reconstruction where `z` settled on an observed top."""
    check(problem, z)
    return problem.of_top.mean(preactivations(problem, z)[-1])


def complete(problem: Problem, z: Activities) -> Float[Array, "B ..."]:
    """The top, with its unobserved parts replaced by their mean given activities `z`."""
    expected = expected_output(problem, z)
    return problem.top if problem.observed is None else jnp.where(problem.observed > 0, problem.top, expected)


def sample_output(key: PRNGKeyArray, problem: Problem, z: Activities) -> Float[Array, "B ..."]:
    """One draw of the top for each sample, given the activities `z`, with the noise of the output's distribution."""
    check(problem, z)
    return problem.of_top.draw(key, preactivations(problem, z)[-1], problem.gain(-1))


def predictive_covariance(problem: Problem, z: Activities) -> Float[Array, "B D D"]:
    """Covariance of a Gaussian top [D numbers] before any of it is seen, each layer linearised at activities `z`.

    Uncertainty is carried up the chain: S_l = J_l S_{l-1} J_l^T + Pi_l^-1, where S_0 is that of the bottom, zero
    if it is clamped. Exact for linear networks, at any `z`.

    Raises:
      UsageError: the output is not Gaussian.
    """
    if not problem.of_top.real:
        raise UsageError(f"output={problem.output}: the predictive covariance is that of a gaussian output")
    check(problem, z)
    below = problem.below(z)
    width = math.prod(below[0].shape[1:])
    free = 0.0 if problem.bottom is not None else 1.0 / problem.prior
    covariance = jnp.broadcast_to(free * jnp.eye(width), (len(problem.top), width, width))
    for i, (layer, below_l, a_l) in enumerate(zip(problem.network, below, preactivations(problem, z), strict=True)):
        slope = _jacobian(layer, below_l, a_l)
        covariance = slope @ covariance @ slope.mT + covariance_matrix(problem.gain(i), a_l)
    return covariance


def predictive_variance(problem: Problem, z: Activities) -> Float[Array, "B ..."]:
    """Variance of every number of a Gaussian top, given those that are observed, whose own variance is 0.

    If nothing is observed (`observed` all 0) this is the variance of generated tops. Exact for
    linear networks; otherwise that of the network linearised at activities `z`, the Gauss-Newton form of
    Laplace's approximation where they are settled.

    Raises:
      UsageError: the output is not Gaussian.
    """
    covariance = predictive_covariance(problem, z)
    observed = 1.0 if problem.observed is None else problem.observed
    seen = jnp.broadcast_to(observed, problem.top.shape).reshape(len(problem.top), -1)
    # Unobserved rows and columns are those of the identity, so they carry no information.
    known = seen[:, :, None] * covariance * seen[:, None, :] + jax.vmap(jnp.diag)(1 - seen)
    across = seen[:, :, None] * covariance
    told = jnp.sum(across * jax.vmap(linalg.solve)(known, across), 1)
    variance = jnp.diagonal(covariance, axis1=1, axis2=2) - told
    return jnp.where(seen > 0, 0.0, variance).reshape(problem.top.shape)


def _jacobian(layer: Layer, below: Float[Array, "B ..."], a: Float[Array, "B ..."]) -> Float[Array, "B H D"]:
    """Jacobian of a layer's prediction by the activity below it: an error of 1 at each unit, carried down."""
    units = jnp.eye(math.prod(a.shape[1:]), dtype=a.dtype).reshape(-1, *a.shape[1:])
    slope = ACTIVATIONS[layer.activation].df(a)
    return jax.vmap(lambda unit: layer.carry_down(below, slope * unit).reshape(len(a), -1), out_axes=1)(units)
