"""A chain of dense layers as a tuple of parameters, with activations and their derivatives.

Layer l predicts the activity above it: mu_l = f(a_l), a_l = z_{l-1} W_l + b_l; the last layer is linear.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, PRNGKeyArray


class Layer(NamedTuple):
    """Weights and bias of one dense layer."""

    w: Float[Array, "D H"]
    b: Float[Array, " H"]


Network = tuple[Layer, ...]


class Activation(NamedTuple):
    """A nonlinearity and its derivative, both as functions of the pre-activation."""

    f: Callable[[Array], Array]
    df: Callable[[Array], Array]


ACTIVATIONS = {
    "tanh": Activation(jnp.tanh, lambda a: 1 - jnp.tanh(a) ** 2),
    "relu": Activation(jax.nn.relu, lambda a: (a > 0).astype(a.dtype)),
}


def init_network(key: PRNGKeyArray, sizes: tuple[int, ...]) -> Network:
    """Layers of the given sizes (input first), weights normal with variance 1/fan-in, biases zero.

    Source: LeCun, Bottou, Orr and Müller, Efficient BackProp (1998).
    """
    keys = jax.random.split(key, len(sizes) - 1)
    return tuple(
        Layer(jax.random.normal(k, (d, h)) / jnp.sqrt(d), jnp.zeros(h))
        for k, d, h in zip(keys, sizes[:-1], sizes[1:], strict=True)
    )


def forward(network: Network, x_BD: Float[Array, "B D"], f: Callable[[Array], Array]) -> tuple[Array, ...]:
    """Activity of every layer after a feed-forward pass; the last is the linear output."""
    activities, z = [], x_BD
    for layer in network[:-1]:
        z = f(z @ layer.w + layer.b)
        activities.append(z)
    return (*activities, z @ network[-1].w + network[-1].b)
