"""Amortised (hybrid) inference: a recognition chain guesses the settled activities, settling refines them.

The recognition chain runs down the other one: its bottom is the clamped top (the data of a generative
network), its first layer guesses the activity below the top, its last the lowest free activity. It learns by
the same local rule as everything here, with the settled activities clamped to all of its units:

    dV_l = (z*_l - f(V_l z*_{l+1})) f'(.) z*_{l+1}^T

Source: Tschantz, Millidge, Seth and Buckley (2023), doi:10.1371/journal.pcbi.1011280.
"""

from jax import Array
from jaxtyping import Float

from pcl.network.energy import Activities, Problem, check, errors
from pcl.network.layers import Network, forward
from pcl.network.plasticity import hebbian_update


def guess(recognition: Network, top: Float[Array, "B ..."]) -> Activities:
    """The free activities [B, ...], lowest first, that the recognition chain predicts from the top."""
    return forward(recognition, top)[::-1]


def recognition_update(
    recognition: Network, top: Float[Array, "B ..."], z: Activities, weight_B: Float[Array, " B"]
) -> Network:
    """The direction in which every recognition layer learns from settled activities `z`.

    Raises:
      UsageError: shapes that do not fit; values that are not finite, where they are known.
    """
    lowest, *hidden = z
    downward = Problem(recognition, bottom=top, top=lowest)
    clamped = tuple(reversed(hidden))
    check(downward, clamped)
    return hebbian_update(downward, clamped, errors(downward, clamped), weight_B)
