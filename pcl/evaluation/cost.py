"""What an answer costs: arithmetic per sample, and accuracy once it is charged for. Imports no JAX.

Counts are of floating-point operations in matrix products, a multiplication and an addition being two. What
grows with units and not with synapses (activations, biases, errors) and the optimiser, whose price is shared
by a batch, are left out. `sizes` are the units of each layer of a dense chain, input first.
"""

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from pcl.errors import UsageError
from pcl.evaluation.checks import vectors


def forward_flops(sizes: Sequence[int]) -> int:
    """One prediction: every synapse once."""
    return 2 * _synapses(sizes)


def backprop_flops(sizes: Sequence[int]) -> int:
    """One learning step of backpropagation: predict, send errors down to the first layer, change every weight.

    The input needs no error, so the first layer's synapses are not used downwards.
    """
    return 4 * _synapses(sizes) + 2 * _upper_synapses(sizes)


def predictive_coding_flops(sizes: Sequence[int], inference_steps: float) -> float:
    """One learning step of predictive coding with (a mean of) `inference_steps` steps of settling.

    Predict once, change every weight once; in each inference step and once after the last, every layer but
    the first predicts the one above; in each step errors also go down the same synapses. The first layer's
    prediction stays, because its input is clamped. With one inference step more, 4 operations a synapse
    above the first layer more. As `pcl.network.inference.settle` computes it.
    """
    return 4 * _synapses(sizes) + (4 * inference_steps + 2) * _upper_synapses(sizes)


def compute_charged_accuracy(accuracy: ArrayLike, samples: ArrayLike, cost_ratio: float) -> float:
    """Accuracy of a learner that is `cost_ratio` times dearer than the stream allows, at the stream's end.

    A learner c times dearer than backpropagation on the same architecture sees 1/c of the stream: its curve
    `accuracy` [P] at `samples` [P] (increasing) is read, linearly between points, at 1/c of the last sample.
    A cheaper learner sees the whole. Reading a prefix equals living on a thinned stream only if order does
    not matter (an iid stream); on any other the runner must thin the stream itself, and this must not be used.
    Ghunaim et al. (2023), arXiv:2302.01047, skip the samples that arrive while the learner is busy.

    Raises:
      UsageError: lengths differ, the ratio is not above 0, or the curve begins after the sample to be read.
    """
    accuracy, samples = vectors(accuracy=accuracy, samples=samples)
    if not cost_ratio > 0:
        raise UsageError(f"cost_ratio={cost_ratio}: must be above 0")
    at = samples[-1] / max(cost_ratio, 1)
    if at < samples[0]:
        raise UsageError(f"the curve begins at sample {samples[0]:g}, after sample {at:g} where it must be read")
    return float(np.interp(at, samples, accuracy))


def _synapses(sizes: Sequence[int]) -> int:
    if len(sizes) < 2 or min(sizes) < 1:
        raise UsageError(f"sizes={tuple(sizes)}: need at least an input and an output layer, of at least one unit")
    return sum(below * above for below, above in itertools.pairwise(sizes))


def _upper_synapses(sizes: Sequence[int]) -> int:
    """Those above the first layer of weights."""
    return _synapses(sizes) - sizes[0] * sizes[1]
