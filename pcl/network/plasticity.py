"""Local plasticity: a weight moves by the error above it times the activity below it, nothing else.

    dW_l = sum_b w_b g(z_{l-1,b})^T delta_{l,b},    db_l = sum_b w_b delta_{l,b},    delta_l = f'(a_l) * Pi_l e_l

This is minus the gradient of the (weighted) free energy at the settled activities; convolutions sum over the
places that share a weight. Source: Whittington and Bogacz (2017), doi:10.1162/NECO_a_00949.

With an optimiser that works weight by weight the rule stays local. Each layer has an optimiser state of its own, and
a gate that scales its updates.
"""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jaxtyping import Float

from pcl.errors import UsageError
from pcl.network.energy import Activities, Errors, Problem
from pcl.network.layers import Network


def hebbian_update(problem: Problem, z: Activities, errors: Errors, weight_B: Float[Array, " B"]) -> Network:
    """The direction in which every layer learns, samples weighted by `weight_B`.

    Raises:
      UsageError: activities, errors or weights that do not belong to each other.
    """
    below, wanted = problem.below(z), len(problem.network)
    if (len(below), len(errors.delta)) != (wanted, wanted) or weight_B.shape != below[0].shape[:1]:
        rows = f"{len(below)} activities, {len(errors.delta)} errors and weights of shape {weight_B.shape}"
        raise UsageError(f"{rows} do not belong to {wanted} layers and {len(below[0])} samples")
    layers = zip(problem.network, below, errors.delta, strict=True)
    return tuple(
        layer.hebbian(below, weight_B.reshape(-1, *(1,) * (delta.ndim - 1)) * delta) for layer, below, delta in layers
    )


def init_optimiser(network: Network, optimiser: optax.GradientTransformation) -> tuple[optax.OptState, ...]:
    """Fresh memory of the optimiser, one for each layer."""
    return tuple(optimiser.init(layer) for layer in network)


def learn(
    network: Network,
    memory: tuple[optax.OptState, ...],
    direction: Network,
    optimiser: optax.GradientTransformation,
    gate_L: Float[Array, " L"] | tuple[float, ...],
) -> tuple[Network, tuple[optax.OptState, ...]]:
    """One step of every layer along `direction`, as `optimiser` (which descends) transforms it.

    Each layer's step is multiplied by its gate. A gate of 0 leaves the layer and its memory bit-identical.

    Raises:
      UsageError: memories, directions or gates of another number than the layers.
    """
    lengths = {"memories": len(memory), "directions": len(direction), "gates": len(gate_L)}
    for name, length in lengths.items():
        if length != len(network):
            raise UsageError(f"there are {length} {name}; this network has {len(network)} layers")
    moved = [
        _learn_layer(layer, state, towards, optimiser, gate)
        for layer, state, towards, gate in zip(network, memory, direction, gate_L, strict=True)
    ]
    return tuple(layer for layer, _ in moved), tuple(state for _, state in moved)


def _learn_layer(
    layer: Any, memory: optax.OptState, direction: Any, optimiser: optax.GradientTransformation, gate: Array | float
) -> tuple[Any, optax.OptState]:
    updates, moved = optimiser.update(jax.tree.map(jnp.negative, direction), memory, layer)
    stepped = jax.tree.map(lambda w, u: w + gate * u, layer, updates)
    return jax.tree.map(lambda new, old: jnp.where(gate > 0, new, old), (stepped, moved), (layer, memory))
