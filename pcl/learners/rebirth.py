"""Reinitialisation of hidden units, for methods that choose them."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float, PRNGKeyArray

from pcl.errors import UsageError
from pcl.learners import mlp
from pcl.network.layers import Dense, Network, forward
from pcl.types import Spec

Units = tuple[Array, ...]  # [H] of each hidden layer


def of_units(network: Network) -> Units:
    """Zero for every hidden unit.

    Raises:
      UsageError: a layer is not dense.
    """
    if not all(type(layer) is Dense for layer in network):
        raise UsageError("only units of dense layers can be reinitialised; set architecture=mlp")
    return tuple(jnp.zeros(layer.w.shape[1]) for layer in network[:-1])


def activities(network: Network, x: Float[Array, "B ..."]) -> tuple[Float[Array, "B H"], ...]:
    """Activities of the hidden units after a feed-forward pass."""
    return forward(network, x)[:-1]


def begun_anew(
    state: Any, chosen: tuple[Bool[Array, " H"], ...], key: PRNGKeyArray, spec: Spec, hp: mlp.MLPHParams
) -> Any:
    """The rule's state with fresh incoming weights and bias of each chosen unit, and outgoing weights of 0.

    The optimiser's averages for these weights are set to 0; its count of steps goes on.
    """
    fresh = mlp.network(spec, key, hp)
    none = jnp.zeros(fresh[-1].w.shape[1], bool)
    below = (jnp.zeros(fresh[0].w.shape[0], bool), *chosen)
    layers, memories = [], []
    for layer, new, memory, b, own in zip(state.network, fresh, state.optimiser, below, (*chosen, none), strict=True):
        w = jnp.where(own, new.w, jnp.where(b[:, None], 0.0, layer.w))
        bias = None if layer.b is None else jnp.where(own, new.b, layer.b)
        layers.append(dataclasses.replace(layer, w=w, b=bias))
        # An average of the optimiser belongs to the weights whose shape it has.
        memories.append(jax.tree.map(lambda m, b=b, own=own: _forgotten(m, b, own), memory))
    return state._replace(network=tuple(layers), optimiser=tuple(memories))


def _forgotten(memory: Array, below: Bool[Array, " D"], own: Bool[Array, " H"]) -> Array:
    if memory.shape == (len(below), len(own)):
        return jnp.where(below[:, None] | own, 0, memory)
    return jnp.where(own, 0, memory) if memory.shape == own.shape else memory
