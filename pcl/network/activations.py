"""Nonlinearities and their derivatives, by the field's names; both are functions of the pre-activation."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

SLOPE = 0.01  # of the leaky rectifier below zero


class Activation(NamedTuple):
    """A nonlinearity, its derivative, the largest absolute value of the derivative, and whether f(0) is 0."""

    f: Callable[[Array], Array]
    df: Callable[[Array], Array]
    steepest: float = 1.0
    silent: bool = True


def _gelu_slope(a: Array) -> Array:
    """Derivative of a Phi(a), with the normal distribution function Phi."""
    return jax.scipy.stats.norm.cdf(a) + a * jax.scipy.stats.norm.pdf(a)


def _sigmoid_slope(a: Array) -> Array:
    s = jax.nn.sigmoid(a)
    return s * (1 - s)


ACTIVATIONS = {
    "tanh": Activation(jnp.tanh, lambda a: 1 - jnp.tanh(a) ** 2),
    "relu": Activation(jax.nn.relu, lambda a: (a > 0).astype(a.dtype)),
    "leaky_relu": Activation(
        lambda a: jax.nn.leaky_relu(a, SLOPE), lambda a: jnp.where(a > 0, 1.0, SLOPE).astype(a.dtype)
    ),
    "gelu": Activation(lambda a: jax.nn.gelu(a, approximate=False), _gelu_slope, 1.129),  # at a = sqrt(2)
    "sigmoid": Activation(jax.nn.sigmoid, _sigmoid_slope, 0.25, silent=False),
    "hard_tanh": Activation(jax.nn.hard_tanh, lambda a: (jnp.abs(a) < 1).astype(a.dtype)),
    "identity": Activation(lambda a: a, jnp.ones_like),
}
