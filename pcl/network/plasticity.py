"""Local plasticity: a weight moves by the error above it times the activity below it, nothing else.

    dW_l = sum_b w_b z_{l-1,b}^T delta_{l,b},    db_l = sum_b w_b delta_{l,b}

This is minus the gradient of the (weighted) free energy at the settled activities.
Source: Whittington and Bogacz (2017), doi:10.1162/NECO_a_00949.
"""

from jax import Array
from jaxtyping import Float

from pcl.network.inference import Settled
from pcl.network.layers import Layer, Network


def hebbian_update(x_BD: Float[Array, "B D"], settled: Settled, weight_B: Float[Array, " B"]) -> Network:
    """The direction in which every layer learns, samples weighted by `weight_B`."""
    below = (x_BD, *settled.z)
    post = tuple(weight_B[:, None] * delta for delta in settled.delta)
    return tuple(Layer(pre.T @ d, d.sum(0)) for pre, d in zip(below, post, strict=True))
