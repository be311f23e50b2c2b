"""Means over rows of a power of the weight direction of each single row: of absolute values, or of squares.

By one row a dense layer moves along an outer product, activity below times error above. The absolute value of a product
is the product of the absolute values, so that the mean over rows is one matrix product, as the direction itself:

    sum_b weight_b |x_bi delta_bj|^p = sum_b |x_bi|^p (weight_b^(1/p) |delta_bj|)^p,    p = 1 or 2

`Powers` is a layer that moves by this sum, both in the local rule and in the gradient. Where the direction by one row
adds up several products (convolutions, modules, centred nudging), there is an array for each row.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array
from jaxtyping import Float

from pcl.learners.rule import Lesson, NetworkRule
from pcl.network.activations import ACTIVATIONS
from pcl.network.layers import Dense, Network, static


def mean_of_powers(
    rule: NetworkRule, state: Any, hp: Any, rows: Lesson, weight_B: Float[Array, " B"], power: int
) -> Network:
    """The mean over rows, by `weight_B`, of |direction of each row|^`power`; `state` and `hp` are the rule's."""
    if rule.outer(hp) and all(type(layer) is Dense for layer in state.network):
        return _at_once(rule, state, hp, rows, weight_B, power)

    def of_row(row: Lesson) -> Network:
        alone = jax.tree.map(lambda leaf: leaf[None], row)
        return jax.tree.map(lambda d: jnp.abs(d) ** power, rule.direct(state, alone, hp).direction)

    return jax.tree.map(lambda of_rows: jnp.tensordot(weight_B, of_rows, 1), jax.vmap(of_row)(rows))


def _at_once(rule: NetworkRule, state: Any, hp: Any, rows: Lesson, weight_B: Float[Array, " B"], power: int) -> Network:
    """As `mean_of_powers`, where each row's direction of each layer is an outer product."""
    root_B = weight_B ** (1 / power)
    match = rows.match and rows.match._replace(weight=root_B * rows.match.weight)
    given = rows._replace(weight=root_B * rows.weight, match=match)
    fields = [field.name for field in dataclasses.fields(Dense)]
    powers = tuple(Powers(**{name: getattr(layer, name) for name in fields}, power=power) for layer in state.network)
    found = rule.direct(state._replace(network=powers), given, hp).direction
    # A rule may give minus a gradient.
    return jax.tree.unflatten(jax.tree.structure(state.network), [jnp.abs(leaf) for leaf in jax.tree.leaves(found)])


@struct.dataclass
class Powers(Dense):
    """A dense layer whose weights move by the sum of |direction of each row|^`power`; everything else is its own."""

    power: int = static(1)

    def predict(self, below: Float[Array, "B ..."]) -> Float[Array, "B H"]:
        """Pre-activation; the gradient by the weights is `hebbian` too."""
        return _predict(self, below)

    def hebbian(self, below: Float[Array, "B ..."], delta: Float[Array, "B H"]) -> Dense:
        """|error|^p times |presynaptic activity|^p, for every weight and bias."""
        pre_BD = jnp.abs(ACTIVATIONS[self.inner].f(below.reshape(below.shape[0], -1))) ** self.power
        carried_BH = jnp.abs(self.scale * self._through_norm(below, delta)) ** self.power
        bias = None if self.b is None else (jnp.abs(delta) ** self.power).sum(0)
        return dataclasses.replace(self, w=pre_BD.T @ carried_BH, b=bias)


@jax.custom_vjp
def _predict(layer: Powers, below: Array) -> Array:
    return Dense.predict(layer, below)


def _kept(layer: Powers, below: Array) -> tuple[Array, tuple[Powers, Array]]:
    return Dense.predict(layer, below), (layer, below)


def _back(kept: tuple[Powers, Array], delta: Array) -> tuple[Dense, Array]:
    layer, below = kept
    return layer.hebbian(below, delta), layer.carry_down(below, delta)


_predict.defvjp(_kept, _back)
