"""Settling: hidden activities descend the free energy while input and label are clamped.

Every quantity that a unit needs stands at its own layer or one synapse away:

    dz_l = rate * ( -e_l + delta_{l+1} W_{l+1}^T ),    e_l = z_l - f(a_l),    delta_l = f'(a_l) * e_l

Source: Whittington and Bogacz (2017), doi:10.1162/NECO_a_00949.
"""

from typing import NamedTuple

import jax
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Float

from pcl.network.energy import output_error
from pcl.network.layers import Activation, Network


class Settled(NamedTuple):
    """Where inference ended.

    z: hidden activities, one [B, H] array a hidden layer.
    delta: the error at each layer's pre-activation, one [B, H] array a layer, the output's last.
    """

    z: tuple[Array, ...]
    delta: tuple[Array, ...]


def settle(
    network: Network,
    z: tuple[Array, ...],
    x_BD: Float[Array, "B D"],
    y_BC: Float[Array, "B C"],
    activation: Activation,
    output: str,
    steps: int,
    rate: ArrayLike,
) -> Settled:
    """`steps` simultaneous gradient steps on the hidden activities `z`, as one compiled loop."""
    # The input is clamped, so what it predicts is computed once and not at every step.
    a_1 = x_BD @ network[0].w + network[0].b

    def errors(z: tuple[Array, ...]) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
        a = (a_1, *(below @ layer.w + layer.b for below, layer in zip(z, network[1:], strict=True)))
        e = tuple(z_l - activation.f(a_l) for z_l, a_l in zip(z, a[:-1], strict=True))
        delta = tuple(activation.df(a_l) * e_l for a_l, e_l in zip(a[:-1], e, strict=True))
        return e, (*delta, output_error(output, y_BC, a[-1]))

    def step(_: Array, z: tuple[Array, ...]) -> tuple[Array, ...]:
        e, delta = errors(z)
        above = zip(delta[1:], network[1:], strict=True)
        return tuple(z_l + rate * (d @ layer.w.T - e_l) for z_l, e_l, (d, layer) in zip(z, e, above, strict=True))

    z = jax.lax.fori_loop(0, steps if z else 0, step, z)
    return Settled(z, errors(z)[1])
