"""The free energy of a discriminative predictive-coding network and its local error signals.

For one sample, with x and y clamped and the hidden activities z_1 .. z_{L-1} free,

    F = sum_l 1/2 |z_l - f(a_l)|^2 + cost(y, a_L),    a_l = z_{l-1} W_l + b_l,    z_0 = x

where cost is 1/2 |y - a_L|^2 for a Gaussian output and -sum_c y_c log softmax(a_L)_c for a categorical one.
Source: Whittington and Bogacz (2017), doi:10.1162/NECO_a_00949; the categorical output as in
Pinchetti et al. (2025), arXiv:2407.01163.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from pcl.network.layers import Network

OUTPUTS = ("gaussian", "categorical")


def output_cost(output: str, y_BC: Float[Array, "B C"], a_BC: Float[Array, "B C"]) -> Float[Array, " B"]:
    """Energy of the clamped output layer, per sample."""
    if output == "gaussian":
        return 0.5 * jnp.sum((y_BC - a_BC) ** 2, axis=-1)
    return -jnp.sum(y_BC * jax.nn.log_softmax(a_BC), axis=-1)


def output_error(output: str, y_BC: Float[Array, "B C"], a_BC: Float[Array, "B C"]) -> Float[Array, "B C"]:
    """Minus the derivative of `output_cost` by the pre-activation: what the output layer still misses."""
    return y_BC - (a_BC if output == "gaussian" else jax.nn.softmax(a_BC))


def energy(
    network: Network,
    z: tuple[Array, ...],
    x_BD: Float[Array, "B D"],
    y_BC: Float[Array, "B C"],
    f: Callable[[Array], Array],
    output: str,
) -> Float[Array, " B"]:
    """Free energy F of each sample for hidden activities `z` (one [B, H] array a hidden layer)."""
    total, below = jnp.zeros(x_BD.shape[0], x_BD.dtype), x_BD
    for layer, z_BH in zip(network[:-1], z, strict=True):
        total += 0.5 * jnp.sum((z_BH - f(below @ layer.w + layer.b)) ** 2, axis=-1)
        below = z_BH
    return total + output_cost(output, y_BC, below @ network[-1].w + network[-1].b)
