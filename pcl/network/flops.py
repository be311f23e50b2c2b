"""What an answer costs: floating-point operations of dense chains, per sample.

Counts are of matrix products, a multiplication and an addition being two. What grows with units and not with
synapses (activations, biases, errors) and the optimiser, whose price is shared by a batch, are left out. `sizes` are
the units of each layer, input first. `inference_steps` may be an array.
"""

import itertools
from collections.abc import Sequence
from typing import Any

from pcl.errors import UsageError


def forward_flops(sizes: Sequence[int]) -> int:
    """One prediction: every synapse once."""
    return 2 * _synapses(sizes)


def backprop_flops(sizes: Sequence[int]) -> int:
    """One learning step of backpropagation: predict, send errors down to the first layer, change every weight.

    The input needs no error, so the first layer's synapses are not used downwards.
    """
    return 4 * _synapses(sizes) + 2 * _upper_synapses(sizes)


def predictive_coding_flops(sizes: Sequence[int], inference_steps: Any) -> Any:
    """One learning step of predictive coding with (a mean of) `inference_steps` steps of settling.

    Predict once, change every weight once; in each inference step and once after the last, every layer but
    the first predicts the one above; in each step errors also go down the same synapses. The first layer's
    prediction stays, because its input is clamped. With one inference step more, 4 operations a synapse
    above the first layer more. As `pcl.network.inference.settle` computes it.
    """
    return 4 * _synapses(sizes) + (4 * inference_steps + 2) * _upper_synapses(sizes)


def _synapses(sizes: Sequence[int]) -> int:
    if len(sizes) < 2 or min(sizes) < 1:
        raise UsageError(f"sizes={tuple(sizes)}: need at least an input and an output layer, of at least one unit")
    return sum(below * above for below, above in itertools.pairwise(sizes))


def _upper_synapses(sizes: Sequence[int]) -> int:
    """Those above the first layer of weights."""
    return _synapses(sizes) - sizes[0] * sizes[1]
