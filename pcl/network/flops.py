"""Floating-point operations of a network, per sample.

Matrix products and convolutions are counted; a multiplication and an addition are two operations. Not counted are costs
that grow with units and not with synapses (activations, biases, errors), and the optimiser, which a batch shares.
`uses` says how often a sample uses the synapses of each layer, lowest first: a dense layer's once, a kernel's at
every place. `inference_steps` may be an array. Rules that cost more or less than gradient descent have a count of
their own in their file of `rules`.
"""

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from pcl.network.layers import Conv, Network, activity


def synapse_uses(network: Network, input_shape: tuple[int, ...]) -> tuple[int, ...]:
    """Uses of the synapses of any network (arrays, or their shapes) that reads inputs of `input_shape`."""
    uses, below = [], jnp.zeros((1, *input_shape))
    for layer in network:
        if hasattr(layer, "uses"):  # a module of many layers, which counts them itself
            return 0, layer.uses
        places = layer.places(below) if isinstance(layer, Conv) else 1
        uses.append(math.prod(layer.w.shape) * places)
        below = jnp.zeros(jax.eval_shape(lambda w, x: activity(w, w.predict(x)), layer, below).shape)
    return tuple(uses)


def backprop(uses: Sequence[int]) -> int:
    """One learning step of backpropagation: predict, send errors down to the first layer, change every weight.

    The input needs no error, so the first layer's synapses are not used downwards.
    """
    return 4 * sum(uses) + 2 * sum(uses[1:])


def predictive_coding(uses: Sequence[int], inference_steps: Any) -> Any:
    """One learning step of predictive coding with (a mean of) `inference_steps` steps of settling.

    Predict once, change every weight once; in each inference step and once after the last, every layer but
    the first predicts the one above; in each step errors also go down the same synapses. The first layer's
    prediction is not repeated, because its input is clamped. The residual, which is only a measurement, is not
    counted.
    """
    return 4 * sum(uses) + (4 * inference_steps + 2) * sum(uses[1:])
